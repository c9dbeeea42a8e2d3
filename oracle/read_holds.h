// Which timestamps are still being read: one line per reader (a shard, or a background thread that reads),
// written by that reader alone and read by the oracle core.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "oracle/published_state.h"
#include "reactor/base/ids.h"

namespace gyre::oracle {

// The calls name the reader by its number, below `readers`. All but oldest() are that reader's own.
class ReadHolds {
 public:
  // Every reader begins idle.
  explicit ReadHolds(std::size_t readers);
  ReadHolds(const ReadHolds&) = delete;
  ReadHolds& operator=(const ReadHolds&) = delete;

  std::size_t readers() const { return readers_; }

  // At the top of a turn: loads the newest state and holds its timestamp until the next call. The reader
  // promises that it keeps no pointer from earlier turns except under a pin. One plain store.
  Publication announce(std::size_t reader, const PublishedState& published) {
    const Publication newest = published.load();
    announce(reader, newest.read_ts);
    return newest;
  }
  // The same with a timestamp that the reader loaded from the published state since it last woke.
  void announce(std::size_t reader, Timestamp timestamp);

  // A transaction or cursor keeps reading at `timestamp`, which must be held now; until as many unpins. Any
  // order.
  void pin(std::size_t reader, Timestamp timestamp);
  void unpin(std::size_t reader, Timestamp timestamp);

  // Before sleeping: holds nothing but the pins.
  void idle(std::size_t reader);
  // After sleeping, before the first use of published pointers: holds the newest state and returns it. Costs
  // one locked store.
  Publication wake(std::size_t reader, const PublishedState& published);

  // The oracle core's, after a publication: the oldest timestamp that anyone may read, kTimestampMax if
  // nobody reads. Whatever was replaced at or before it can be freed.
  Timestamp oldest() const;

 private:
  static constexpr std::uint64_t kIdle = UINT64_MAX;

  struct alignas(128) Line {
    std::atomic<std::uint64_t> held{kIdle};
    // The reader's own, never seen by others.
    std::uint64_t announced = kIdle;
    std::uint64_t oldest_pin = kIdle;
    std::vector<std::pair<std::uint64_t, std::uint32_t>> pins;  // timestamp, how many; ascending
  };

  std::size_t readers_;
  std::unique_ptr<Line[]> lines_;
};

}  // namespace gyre::oracle
