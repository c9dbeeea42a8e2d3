// What commits replaced, waiting until no reader can see it. The oracle core's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "reactor/base/ids.h"

namespace gyre::oracle {

class RetireList {
 public:
  RetireList() = default;
  RetireList(const RetireList&) = delete;
  RetireList& operator=(const RetireList&) = delete;
  // Frees everything: only when all readers are gone.
  ~RetireList();

  // Frees about `limit` parts of an object, and returns how many. Fewer than that: it is gone.
  using Release = std::size_t (*)(void* object, std::size_t limit);
  // `object` is not part of the state published at `replaced_at` or later, but of earlier ones. Timestamps
  // never decrease from call to call. `bytes`: what it takes, roughly.
  void retire(Timestamp replaced_at, Release release, void* object, std::uint64_t bytes = 0);
  // An object that is freed at once.
  template <class T>
  void retire(Timestamp replaced_at, const T* object, std::uint64_t bytes = 0) {
    retire(
        replaced_at,
        [](void* released, std::size_t) -> std::size_t {
          delete static_cast<const T*>(released);
          return 0;
        },
        const_cast<T*>(object), bytes);
  }

  // Frees what was replaced at or before `oldest`, the oldest timestamp still read. About `limit` objects or
  // parts of them, so that a turn stays short. Returns how many.
  std::size_t free_below(Timestamp oldest, std::size_t limit = SIZE_MAX);

  std::size_t size() const { return waiting_.size(); }
  // What waits here.
  std::uint64_t bytes() const { return retired_bytes_ - freed_bytes_; }
  // Of that, what cannot go as long as someone reads at `timestamp`.
  std::uint64_t bytes_kept_by(Timestamp timestamp) const;
  // When the first of that was replaced; 0: there is nothing.
  Timestamp first_replaced_after(Timestamp timestamp) const;

 private:
  struct Entry {
    Timestamp replaced_at;
    Release release;
    void* object;
    std::uint64_t bytes_before;  // of all objects ever, up to this one and without it
  };
  std::deque<Entry>::const_iterator first_after(Timestamp timestamp) const;

  std::deque<Entry> waiting_;  // ascending by replaced_at
  std::uint64_t retired_bytes_ = 0, freed_bytes_ = 0;  // of all objects ever
};

}  // namespace gyre::oracle
