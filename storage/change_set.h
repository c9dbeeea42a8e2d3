// The row changes of a transaction or a commit, in the order they were made. What the log records, what a
// transaction is checked by when it commits, and what views are maintained from.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "reactor/base/ids.h"
#include "reactor/base/out_buffer.h"

namespace gyre::storage {

// One row before and after. Insert: no `before`; delete: no `after`. Borrowed from the set that gave it.
struct Change {
  RelationId relation;
  std::string_view key;  // the primary key, encoded
  std::optional<std::string_view> before;
  std::optional<std::string_view> after;

  Change inverse() const { return {relation, key, after, before}; }
};

class ChangeSet {
 public:
  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  // Valid until the next append, truncate or clear.
  Change operator[](std::size_t at) const;
  // Bytes of keys and rows held.
  std::size_t bytes() const { return bytes_.size(); }

  void append(const Change& change);
  // Forgets all but the first `count` changes.
  void truncate(std::size_t count);
  void clear() { truncate(0); }

  // At most one change per row: the first `before` and the last `after`, those that end as they began left
  // out; ordered by relation and key. Covers the changes [from, to).
  ChangeSet net(std::size_t from, std::size_t to) const;
  ChangeSet net() const { return net(0, size()); }
  // Calls visit(Change) for each of those without copying a row; the changes are borrowed from the set.
  template <class Visit>
  void for_each_net(std::size_t from, std::size_t to, Visit visit) const {
    const std::vector<std::size_t> order = by_row(from, to);
    for (std::size_t i = 0; i < order.size();) {
      Change change = (*this)[order[i]];
      std::size_t next = i + 1;
      for (; next < order.size() && same_row(order[next], order[i]); ++next)
        change.after = (*this)[order[next]].after;
      if (change.before != change.after) visit(change);
      i = next;
    }
  }
  // What undoes these changes, last first.
  ChangeSet inverse() const;

 private:
  static constexpr std::uint32_t kAbsent = UINT32_MAX;
  struct Entry {
    std::uint64_t offset;  // of key, before, after: one behind the other
    RelationId relation;
    std::uint32_t key_size;
    std::uint32_t before_size;  // kAbsent: no row
    std::uint32_t after_size;
  };
  std::string_view key_of(const Entry& entry) const {
    return {bytes_.data() + entry.offset, entry.key_size};
  }
  bool same_row(std::size_t a, std::size_t b) const {
    return entries_[a].relation == entries_[b].relation && key_of(entries_[a]) == key_of(entries_[b]);
  }
  // The positions [from, to) by relation and key, those of one row in the order they were made.
  std::vector<std::size_t> by_row(std::size_t from, std::size_t to) const;

  std::vector<Entry> entries_;
  OutBuffer bytes_;
};

}  // namespace gyre::storage
