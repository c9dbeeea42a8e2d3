// A published snapshot that stays readable for as long as this object lives, across turns: what a transaction
// block, a cursor or a portal that stopped half way reads. Unpins exactly once, however its owner ends.
#pragma once

#include <utility>

#include "oracle/published_state.h"
#include "oracle/read_holds.h"

namespace gyre::adapter {

// Owned by the core whose hold it is.
class SnapshotPin {
 public:
  SnapshotPin() = default;
  // `snapshot` was loaded in this turn, or is pinned already.
  SnapshotPin(oracle::ReadHolds& holds, std::size_t reader, const oracle::Publication& snapshot)
      : holds_(&holds), reader_(reader), snapshot_(snapshot) {
    holds.pin(reader, snapshot.read_ts);
  }
  SnapshotPin(SnapshotPin&& other) noexcept
      : holds_(std::exchange(other.holds_, nullptr)), reader_(other.reader_), snapshot_(other.snapshot_) {}
  SnapshotPin& operator=(SnapshotPin other) noexcept {
    std::swap(holds_, other.holds_);
    std::swap(reader_, other.reader_);
    std::swap(snapshot_, other.snapshot_);
    return *this;
  }
  ~SnapshotPin() { reset(); }

  void reset() {
    if (holds_ != nullptr) std::exchange(holds_, nullptr)->unpin(reader_, snapshot_.read_ts);
  }
  explicit operator bool() const { return holds_ != nullptr; }
  const oracle::Publication& operator*() const { return snapshot_; }
  const oracle::Publication* operator->() const { return &snapshot_; }

 private:
  oracle::ReadHolds* holds_ = nullptr;  // null: nothing is pinned
  std::size_t reader_ = 0;
  oracle::Publication snapshot_;
};

}  // namespace gyre::adapter
