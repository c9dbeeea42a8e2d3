#include "storage/change_set.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "reactor/base/check.h"

namespace gyre::storage {

namespace {

std::uint32_t size_of(const std::optional<std::string_view>& row, std::uint32_t absent) {
  return row ? static_cast<std::uint32_t>(row->size()) : absent;
}

}  // namespace

Change ChangeSet::operator[](std::size_t at) const {
  const Entry& entry = entries_[at];
  const char* bytes = bytes_.data() + entry.offset;
  Change change{entry.relation, {bytes, entry.key_size}, {}, {}};
  bytes += entry.key_size;
  if (entry.before_size != kAbsent) {
    change.before = std::string_view(bytes, entry.before_size);
    bytes += entry.before_size;
  }
  if (entry.after_size != kAbsent) change.after = std::string_view(bytes, entry.after_size);
  return change;
}

void ChangeSet::append(const Change& change) {
  entries_.push_back({bytes_.size(), change.relation, static_cast<std::uint32_t>(change.key.size()),
                      size_of(change.before, kAbsent), size_of(change.after, kAbsent)});
  bytes_.append(change.key);
  if (change.before) bytes_.append(*change.before);
  if (change.after) bytes_.append(*change.after);
}

void ChangeSet::truncate(std::size_t count) {
  if (count >= entries_.size()) return;
  bytes_.truncate(entries_[count].offset);
  entries_.resize(count);
}

ChangeSet ChangeSet::net(std::size_t from, std::size_t to) const {
  std::vector<std::size_t> order(to - from);
  std::iota(order.begin(), order.end(), from);
  const auto row_of = [this](std::size_t at) {
    const Entry& entry = entries_[at];
    return std::tuple(entry.relation, std::string_view(bytes_.data() + entry.offset, entry.key_size));
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return row_of(a) < row_of(b); });
  ChangeSet result;
  for (std::size_t i = 0; i < order.size();) {
    Change change = (*this)[order[i]];
    std::size_t next = i + 1;
    for (; next < order.size() && row_of(order[next]) == row_of(order[i]); ++next)
      change.after = (*this)[order[next]].after;
    if (change.before != change.after) result.append(change);
    i = next;
  }
  return result;
}

ChangeSet ChangeSet::inverse() const {
  ChangeSet result;
  for (std::size_t i = size(); i-- > 0;) result.append((*this)[i].inverse());
  return result;
}

}  // namespace gyre::storage
