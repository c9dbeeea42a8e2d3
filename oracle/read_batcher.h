// Which call to the oracle serves which statement. Statements of one asker (a shard) are counted; a call covers
// all that had arrived from every asker when it was sent, and serves those of them that no call has served
// before it ends.
//
// The rule: a statement may use only a response whose request was sent after the statement arrived. The
// backing call then starts after the arrival and ends before the answer, so its timestamp lies within the
// statement's own span of time: to the statement it is as if it had asked by itself. Calls may end in any
// order; one that is overtaken by a later one serves nobody. After the ticketed batching of Percolator's
// timestamp oracle (Peng and Dabek, OSDI 2010).
//
// Pure: no clock, no input or output. Owned by the oracle core.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "reactor/base/check.h"

namespace gyre::oracle {

class ReadBatcher {
 public:
  explicit ReadBatcher(std::size_t askers) : arrived_(askers), covered_(askers), served_(askers) {}

  // So many more statements of the asker wait.
  void arrive(std::size_t asker, std::uint64_t statements) { arrived_[asker] += statements; }

  struct Call {
    std::uint64_t tag;
    std::uint64_t statements;  // that no earlier call covers
  };
  // The next call to be sent, now; none where nobody would be covered by it, or enough are under way.
  std::optional<Call> next(std::size_t max_in_flight) {
    if (calls_.size() >= max_in_flight || arrived_ == covered_) return std::nullopt;
    Call call{++last_tag_, 0};
    for (std::size_t asker = 0; asker < arrived_.size(); ++asker)
      call.statements += arrived_[asker] - covered_[asker];
    covered_ = arrived_;
    calls_.push_back({call.tag, arrived_});
    return call;
  }
  // A call has ended, well or not. Calls serve(asker, through): the asker's statements up to the one of that
  // number, counted from 1, have its outcome.
  template <class Serve>
  void end(std::uint64_t tag, Serve&& serve) {
    const auto call = std::find_if(calls_.begin(), calls_.end(), [&](const Sent& c) { return c.tag == tag; });
    GYRE_CHECK(call != calls_.end());
    const Sent ended = std::move(*call);
    calls_.erase(call);
    for (std::size_t asker = 0; asker < ended.covers.size(); ++asker) {
      if (ended.covers[asker] <= served_[asker]) continue;
      served_[asker] = ended.covers[asker];
      serve(asker, served_[asker]);
    }
  }

  std::size_t in_flight() const { return calls_.size(); }

 private:
  struct Sent {
    std::uint64_t tag;
    std::vector<std::uint64_t> covers;  // per asker
  };
  // served_ <= covered_ <= arrived_, each per asker and all only growing.
  std::vector<std::uint64_t> arrived_, covered_, served_;
  std::vector<Sent> calls_;
  std::uint64_t last_tag_ = 0;
};

}  // namespace gyre::oracle
