// Why a plain store is enough while a shard runs, and not when it wakes (after the quiescent-state scheme of
// DPDK's and CPython's QSBR):
//
// A running shard announces a timestamp that it *loaded* from the published state, so it has seen every
// publication up to there and promises to use nothing older. The oracle core may see the announcement late;
// then it keeps things longer, which is safe.
//
// A sleeping shard holds nothing. When it wakes it stores a hold and then loads the state, while the oracle
// core stores the state and then loads the holds. Both must not miss each other's store, which needs those
// four accesses in one total order: they are the sequentially consistent ones here and in seqlock.h. Then
// either the oracle core sees the hold, or the shard sees the newer state and never touches what that
// replaced. The hold stored first may be old: it is below whatever the shard goes on to load.

#include "oracle/read_holds.h"

#include <algorithm>

#include "reactor/base/check.h"

namespace gyre::oracle {

ReadHolds::ReadHolds(std::size_t readers) : readers_(readers), lines_(std::make_unique<Line[]>(readers)) {}

void ReadHolds::announce(std::size_t reader, Timestamp timestamp) {
  Line& line = lines_[reader];
  GYRE_DCHECK(line.announced == kIdle || line.announced <= timestamp.value);
  line.announced = timestamp.value;
  line.held.store(std::min(timestamp.value, line.oldest_pin), std::memory_order_release);
}

void ReadHolds::pin(std::size_t reader, Timestamp timestamp) {
  Line& line = lines_[reader];
  GYRE_DCHECK(line.held.load(std::memory_order_relaxed) <= timestamp.value);
  const auto at =
      std::lower_bound(line.pins.begin(), line.pins.end(), std::pair(timestamp.value, std::uint32_t{0}));
  if (at != line.pins.end() && at->first == timestamp.value)
    ++at->second;
  else
    line.pins.insert(at, {timestamp.value, 1});
  line.oldest_pin = line.pins.front().first;
}

void ReadHolds::unpin(std::size_t reader, Timestamp timestamp) {
  Line& line = lines_[reader];
  const auto at =
      std::lower_bound(line.pins.begin(), line.pins.end(), std::pair(timestamp.value, std::uint32_t{0}));
  GYRE_CHECK(at != line.pins.end() && at->first == timestamp.value);
  if (--at->second == 0) line.pins.erase(at);
  // What the pin held is let go with the next announce() or idle().
  line.oldest_pin = line.pins.empty() ? kIdle : line.pins.front().first;
}

void ReadHolds::idle(std::size_t reader) {
  Line& line = lines_[reader];
  line.announced = kIdle;
  line.held.store(line.oldest_pin, std::memory_order_release);
}

Publication ReadHolds::wake(std::size_t reader, const PublishedState& published) {
  Line& line = lines_[reader];
  const std::uint64_t floor = std::min(published.load().read_ts.value, line.oldest_pin);
  line.held.store(floor, std::memory_order_seq_cst);
  const Publication newest = published.load();
  announce(reader, newest.read_ts);
  return newest;
}

Timestamp ReadHolds::oldest() const {
  std::uint64_t oldest = kIdle;
  for (std::size_t reader = 0; reader < readers_; ++reader)
    oldest = std::min(oldest, lines_[reader].held.load(std::memory_order_seq_cst));
  return Timestamp(oldest);
}

}  // namespace gyre::oracle
