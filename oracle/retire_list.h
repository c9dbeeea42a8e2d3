// What commits replaced, waiting until no reader can see it. The oracle core's own.
#pragma once

#include <cstddef>
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
  // never decrease from call to call.
  void retire(Timestamp replaced_at, Release release, void* object);
  // An object that is freed at once.
  template <class T>
  void retire(Timestamp replaced_at, const T* object) {
    retire(
        replaced_at,
        [](void* released, std::size_t) -> std::size_t {
          delete static_cast<const T*>(released);
          return 0;
        },
        const_cast<T*>(object));
  }

  // Frees what was replaced at or before `oldest`, the oldest timestamp still read. About `limit` objects or
  // parts of them, so that a turn stays short. Returns how many.
  std::size_t free_below(Timestamp oldest, std::size_t limit = SIZE_MAX);

  std::size_t size() const { return waiting_.size(); }

 private:
  struct Entry {
    Timestamp replaced_at;
    Release release;
    void* object;
  };
  std::deque<Entry> waiting_;  // ascending by replaced_at
};

}  // namespace gyre::oracle
