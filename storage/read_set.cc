#include "storage/read_set.h"

#include <algorithm>
#include <new>

namespace gyre::storage {

namespace {
constexpr std::size_t kFirstCompaction = 64;
constexpr std::size_t kPlaceBytes = 128;  // a node of the map, roughly
}  // namespace

// ---- one tree's ranges ----

KeyRange KeyRanges::operator[](std::size_t at) const {
  const Range& range = ranges_[at];
  const char* lower = bytes_.data() + range.offset;
  const char* upper = range.key ? lower : lower + range.lower_size;
  return {{lower, range.lower_size}, {upper, range.upper_size}};
}

// A scan that goes on from slice to slice adds its range again and again, each time with a later end.
bool KeyRanges::same_start(std::string_view lower) const {
  return !ranges_.empty() && !ranges_.back().key && (*this)[ranges_.size() - 1].lower == lower;
}

void KeyRanges::append(std::string_view lower, std::string_view upper) {
  ranges_.push_back({bytes_.size(), static_cast<std::uint32_t>(lower.size()),
                     static_cast<std::uint32_t>(upper.size()), false});
  bytes_.append(lower);
  bytes_.append(upper);
}

void KeyRanges::add(std::string_view lower, std::string_view upper) {
  if (!upper.empty() && upper <= lower) return;
  if (same_start(lower)) {
    const std::string_view last = (*this)[ranges_.size() - 1].upper;
    if (last.empty() || (!upper.empty() && upper <= last)) return;
    bytes_.reserve(upper.size());  // beyond this point nothing throws
    bytes_.truncate(ranges_.back().offset + ranges_.back().lower_size);
    bytes_.append(upper);
    ranges_.back().upper_size = static_cast<std::uint32_t>(upper.size());
    return;
  }
  append(lower, upper);
  if (ranges_.size() >= 2 * compacted_ + kFirstCompaction) compact();
}

void KeyRanges::add_key(std::string_view key) {
  const auto size = static_cast<std::uint32_t>(key.size());
  ranges_.push_back({bytes_.size(), size, size + 1, true});
  bytes_.append(key);
  bytes_.append_byte('\0');
  if (ranges_.size() >= 2 * compacted_ + kFirstCompaction) compact();
}

// Sorts, then writes anew what remains: a range, with all behind it that belong to its group (told by the
// upper bound so far, where the next begins, and how many are in it).
template <class Group>
void KeyRanges::rebuild(Group belongs_to_group) {
  const auto view = [this](const Range& range) {
    return (*this)[static_cast<std::size_t>(&range - ranges_.data())];
  };
  std::vector<KeyRange> sorted;
  sorted.reserve(ranges_.size());
  for (const Range& range : ranges_) sorted.push_back(view(range));
  std::sort(sorted.begin(), sorted.end(),
            [](const KeyRange& a, const KeyRange& b) { return a.lower < b.lower; });
  KeyRanges fresh;
  for (std::size_t i = 0; i < sorted.size();) {
    const KeyRange first = sorted[i];
    std::string_view upper = first.upper;
    std::size_t count = 1;
    for (++i; i < sorted.size() && (upper.empty() || belongs_to_group(upper, sorted[i].lower, count)); ++i) {
      ++count;
      if (!upper.empty() && (sorted[i].upper.empty() || sorted[i].upper > upper)) upper = sorted[i].upper;
    }
    const bool is_key = !upper.empty() && upper.size() == first.lower.size() + 1 && upper.back() == '\0' &&
                        upper.starts_with(first.lower);
    if (is_key) {
      const auto size = static_cast<std::uint32_t>(first.lower.size());
      fresh.ranges_.push_back({fresh.bytes_.size(), size, size + 1, true});
      fresh.bytes_.append(upper);
    } else {
      fresh.append(first.lower, upper);
    }
  }
  ranges_ = std::move(fresh.ranges_);
  bytes_ = std::move(fresh.bytes_);
  compacted_ = ranges_.size();
}

void KeyRanges::compact() {
  rebuild([](std::string_view upper, std::string_view next, std::size_t) { return next <= upper; });
}

void KeyRanges::coarsen() {
  compact();
  rebuild([](std::string_view, std::string_view, std::size_t count) { return count < 2; });
}

// ---- all of them ----

KeyRanges& ReadSet::at(RelationId table, RelationId order, ReadDepth depth) {
  const auto [found, made] = places_.try_emplace({table, order, depth});
  if (made) bytes_ += kPlaceBytes;
  return found->second;
}

void ReadSet::account(std::size_t before, std::size_t now) {
  bytes_ += now - before;
  if (bytes_ > limit_) shrink();
}

// The largest first, until a half is free again or nothing can be given up.
void ReadSet::shrink() {
  while (bytes_ > limit_ / 2) {
    const auto largest = std::max_element(places_.begin(), places_.end(), [](const auto& a, const auto& b) {
      return a.second.bytes() < b.second.bytes();
    });
    KeyRanges& ranges = largest->second;
    if (ranges.size() <= 1) return;
    const std::size_t before = ranges.bytes();
    ranges.coarsen();
    bytes_ += ranges.bytes() - before;
  }
}

void ReadSet::add_key(RelationId table, RelationId order, std::string_view key, ReadDepth depth) noexcept {
  try {
    KeyRanges& ranges = at(table, order, depth);
    const std::size_t before = ranges.bytes();
    ranges.add_key(key);
    account(before, ranges.bytes());
  } catch (const std::bad_alloc&) {
    everything_ = true;
  }
}

void ReadSet::add_range_through(RelationId table, RelationId order, std::string_view lower,
                                std::string_view last) noexcept {
  try {
    upper_.clear();
    upper_.append(last);
    upper_.append_byte('\0');
  } catch (const std::bad_alloc&) {
    everything_ = true;
    return;
  }
  add_range(table, order, lower, upper_.view());
}

void ReadSet::add_range(RelationId table, RelationId order, std::string_view lower, std::string_view upper,
                        ReadDepth depth) noexcept {
  try {
    KeyRanges& ranges = at(table, order, depth);
    const std::size_t before = ranges.bytes();
    ranges.add(lower, upper);
    account(before, ranges.bytes());
  } catch (const std::bad_alloc&) {
    everything_ = true;
  }
}

}  // namespace gyre::storage
