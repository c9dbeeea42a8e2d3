#include "oracle/retire_list.h"

#include <algorithm>

#include "reactor/base/check.h"

namespace gyre::oracle {

RetireList::~RetireList() {
  free_below(kTimestampMax);
}

void RetireList::retire(Timestamp replaced_at, Release release, void* object, std::uint64_t bytes) {
  GYRE_CHECK(waiting_.empty() || waiting_.back().replaced_at <= replaced_at);
  waiting_.push_back({replaced_at, release, object, retired_bytes_});
  retired_bytes_ += bytes;
}

std::size_t RetireList::free_below(Timestamp oldest, std::size_t limit) {
  std::size_t freed = 0;
  while (freed < limit && !waiting_.empty() && waiting_.front().replaced_at <= oldest) {
    const Entry entry = waiting_.front();
    const std::size_t parts = entry.release(entry.object, limit - freed);
    if (parts < limit - freed) {
      waiting_.pop_front();
      freed_bytes_ = waiting_.empty() ? retired_bytes_ : waiting_.front().bytes_before;
    }
    freed += std::max<std::size_t>(parts, 1);
  }
  return freed;
}

std::deque<RetireList::Entry>::const_iterator RetireList::first_after(Timestamp timestamp) const {
  return std::upper_bound(waiting_.begin(), waiting_.end(), timestamp,
                          [](Timestamp at, const Entry& entry) { return at < entry.replaced_at; });
}

Timestamp RetireList::first_replaced_after(Timestamp timestamp) const {
  const auto first = first_after(timestamp);
  return first == waiting_.end() ? Timestamp(0) : first->replaced_at;
}

std::uint64_t RetireList::bytes_kept_by(Timestamp timestamp) const {
  const auto first = first_after(timestamp);
  return first == waiting_.end() ? 0 : retired_bytes_ - first->bytes_before;
}

}  // namespace gyre::oracle
