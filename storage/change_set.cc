#include "storage/change_set.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <numeric>
#include <tuple>
#include <utility>

#include "reactor/base/check.h"

namespace gyre::storage {

namespace {

constexpr std::size_t kFirstBlock = 512;
constexpr std::size_t kLargestBlock = std::size_t{1} << 20;

std::uint32_t size_of(const std::optional<std::string_view>& row, std::uint32_t absent) {
  return row ? static_cast<std::uint32_t>(row->size()) : absent;
}

char* put(char* at, std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}

}  // namespace

Change ChangeSet::operator[](std::size_t at) const {
  const Header header = header_of(changes_[at]);
  const char* bytes = changes_[at] + sizeof header;
  Change change{header.relation, {bytes, header.key_size}, {}, {}};
  bytes += header.key_size;
  if (header.before_size != kAbsent) {
    change.before = std::string_view(bytes, header.before_size);
    bytes += header.before_size;
  }
  if (header.after_size != kAbsent) change.after = std::string_view(bytes, header.after_size);
  return change;
}

// At the end of the last block, or in a new one.
char* ChangeSet::room(std::size_t size) {
  if (blocks_.empty() || blocks_.back().capacity - blocks_.back().used < size) {
    const std::size_t usual =
        blocks_.empty() ? kFirstBlock : std::min(2 * blocks_.back().capacity, kLargestBlock);
    const std::size_t capacity = std::max(usual, size);
    blocks_.push_back({std::make_unique_for_overwrite<char[]>(capacity), capacity, 0});
  }
  Block& block = blocks_.back();
  return block.bytes.get() + block.used;
}

void ChangeSet::append(const Change& change) {
  const Header header{change.relation, static_cast<std::uint32_t>(change.key.size()),
                      size_of(change.before, kAbsent), size_of(change.after, kAbsent)};
  const std::string_view before = change.before.value_or(std::string_view());
  const std::string_view after = change.after.value_or(std::string_view());
  const std::size_t size = sizeof header + change.key.size() + before.size() + after.size();
  char* at = room(size);
  changes_.push_back(at);
  std::memcpy(at, &header, sizeof header);
  put(put(put(at + sizeof header, change.key), before), after);
  blocks_.back().used += size;
  bytes_ += size;
}

void ChangeSet::take_over(ChangeSet& other) {
  changes_.reserve(changes_.size() + other.changes_.size());
  blocks_.reserve(blocks_.size() + other.blocks_.size());
  changes_.insert(changes_.end(), other.changes_.begin(), other.changes_.end());
  std::move(other.blocks_.begin(), other.blocks_.end(), std::back_inserter(blocks_));
  bytes_ += std::exchange(other.bytes_, 0);
  other.changes_.clear();
  other.blocks_.clear();
}

void ChangeSet::truncate(std::size_t count) {
  if (count >= changes_.size()) return;
  const char* const end = changes_[count];
  changes_.resize(count);
  const auto holds_end = [end](const Block& block) {
    const std::less_equal<const char*> not_above;
    return not_above(block.bytes.get(), end) && !not_above(block.bytes.get() + block.used, end);
  };
  while (!holds_end(blocks_.back())) {
    bytes_ -= blocks_.back().used;
    blocks_.pop_back();
  }
  Block& block = blocks_.back();
  const auto kept = static_cast<std::size_t>(end - block.bytes.get());
  bytes_ -= block.used - kept;
  block.used = kept;
  if (kept == 0) blocks_.pop_back();
}

std::vector<std::size_t> ChangeSet::by_row(std::size_t from, std::size_t to) const {
  std::vector<std::size_t> order(to - from);
  std::iota(order.begin(), order.end(), from);
  const auto row_of = [this](std::size_t at) {
    return std::tuple(header_of(changes_[at]).relation, key_of(at));
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
