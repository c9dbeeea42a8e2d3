#include "oracle/retire_list.h"

#include <algorithm>

#include "reactor/base/check.h"

namespace gyre::oracle {

RetireList::~RetireList() {
  free_below(kTimestampMax);
}

void RetireList::retire(Timestamp replaced_at, Release release, void* object) {
  GYRE_CHECK(waiting_.empty() || waiting_.back().replaced_at <= replaced_at);
  waiting_.push_back({replaced_at, release, object});
}

std::size_t RetireList::free_below(Timestamp oldest, std::size_t limit) {
  std::size_t freed = 0;
  while (freed < limit && !waiting_.empty() && waiting_.front().replaced_at <= oldest) {
    const Entry entry = waiting_.front();
    const std::size_t parts = entry.release(entry.object, limit - freed);
    if (parts < limit - freed) waiting_.pop_front();
    freed += std::max<std::size_t>(parts, 1);
  }
  return freed;
}

}  // namespace gyre::oracle
