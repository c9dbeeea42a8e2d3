#include "oracle/retire_list.h"

#include "reactor/base/check.h"

namespace gyre::oracle {

RetireList::~RetireList() {
  free_below(kTimestampMax);
}

void RetireList::retire(Timestamp replaced_at, void (*release)(void*), void* object) {
  GYRE_CHECK(waiting_.empty() || waiting_.back().replaced_at <= replaced_at);
  waiting_.push_back({replaced_at, release, object});
}

std::size_t RetireList::free_below(Timestamp oldest, std::size_t limit) {
  std::size_t freed = 0;
  while (freed < limit && !waiting_.empty() && waiting_.front().replaced_at <= oldest) {
    const Entry entry = waiting_.front();
    waiting_.pop_front();
    entry.release(entry.object);
    ++freed;
  }
  return freed;
}

}  // namespace gyre::oracle
