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

std::vector<std::size_t> ChangeSet::by_row(std::size_t from, std::size_t to) const {
  std::vector<std::size_t> order(to - from);
  std::iota(order.begin(), order.end(), from);
  const auto row_of = [this](std::size_t at) {
    return std::tuple(entries_[at].relation, key_of(entries_[at]));
  };
  const auto before = [&](std::size_t a, std::size_t b) { return row_of(a) < row_of(b); };
  // A load in key order, the largest of all changes, needs no sorting.
  if (!std::is_sorted(order.begin(), order.end(), before))
    std::stable_sort(order.begin(), order.end(), before);
  return order;
}

ChangeSet ChangeSet::net(std::size_t from, std::size_t to) const {
  ChangeSet result;
  for_each_net(from, to, [&](const Change& change) { result.append(change); });
  return result;
}

ChangeSet ChangeSet::inverse() const {
  ChangeSet result;
  for (std::size_t i = size(); i-- > 0;) result.append((*this)[i].inverse());
  return result;
}

}  // namespace gyre::storage
