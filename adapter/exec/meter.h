// What EXPLAIN ANALYZE measures of one execution. Whoever runs the plan writes: the session's shard, or the
// oracle core while a call is there.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "adapter/metrics.h"

namespace gyre::adapter {

namespace physical {
struct Node;
}

struct ExecutionMeter {
  // Ticks of SpanClock, those of the node's inputs included.
  struct Node {
    std::uint64_t rows = 0, loops = 0, ticks = 0;
  };
  std::unordered_map<const physical::Node*, Node> nodes;
  std::uint64_t snapshot_ticks = 0;  // choosing what to read
  std::uint64_t run_ticks = 0;     // reading and encoding
  std::uint64_t encode_ticks = 0;  // of these, making messages of rows

  // Forgets a run that is begun anew.
  void clear() { *this = {}; }
};

// One go at an execution's rows, measured where there is a meter.
class MeteredRun {
 public:
  explicit MeteredRun(ExecutionMeter* meter) : meter_(meter), begin_(meter == nullptr ? 0 : SpanClock::ticks()) {}
  MeteredRun(const MeteredRun&) = delete;
  MeteredRun& operator=(const MeteredRun&) = delete;
  ~MeteredRun() {
    if (meter_ != nullptr) meter_->run_ticks += SpanClock::ticks() - begin_;
  }
  template <class Encode>
  void encode(Encode encode) const {
    if (meter_ == nullptr) return encode();
    const std::uint64_t begin = SpanClock::ticks();
    encode();
    meter_->encode_ticks += SpanClock::ticks() - begin;
  }

 private:
  ExecutionMeter* const meter_;
  const std::uint64_t begin_;
};

}  // namespace gyre::adapter
