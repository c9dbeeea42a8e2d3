// The oracle of a server that is alone: two numbers and a clock, owned by the oracle core.
//
// It has no fencing: that no second server writes the same data is the data directory's lock to see to.
#pragma once

#include <cstdint>

#include "oracle/commit_timestamps.h"
#include "oracle/timestamp_oracle.h"
#include "reactor/base/ids.h"

namespace gyre::oracle {

// The wall clock's seam.
class Clock {
 public:
  virtual ~Clock() = default;
  // Microseconds since the Unix epoch. May jump either way.
  virtual std::uint64_t now_us() = 0;
};

class SystemClock final : public Clock {
 public:
  std::uint64_t now_us() override;
};

class LocalOracle final : public TimestampOracle, public CommitTimestamps {
 public:
  // Starts as if `initially` had been applied: at recovery the newest timestamp that may have been shown
  // (timestamp_window.h).
  explicit LocalOracle(Clock& clock, Timestamp initially = Timestamp{0});

  Timestamp write_ts() override;
  Timestamp peek_write_ts() override { return write_ts_; }
  Timestamp read_ts() override { return read_ts_; }
  void apply_write(Timestamp timestamp) override;

  // CommitTimestamps: always at hand, applied at once.
  Supply supply() const override { return Supply::ready; }
  Timestamp take() override { return write_ts(); }
  void apply(Timestamp timestamp) override { apply_write(timestamp); }
  Timestamp applied() const override { return read_ts_; }

 private:
  Clock& clock_;
  // read_ts_ <= write_ts_, both only grow.
  Timestamp read_ts_;
  Timestamp write_ts_;
};

}  // namespace gyre::oracle
