// The row changes of a transaction or a commit, in the order they were made. What the log records, what a
// transaction is checked by when it commits, and what views are maintained from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "reactor/base/ids.h"

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
  std::size_t size() const { return changes_.size(); }
  bool empty() const { return changes_.empty(); }
  // Valid for as long as the change is in the set.
  Change operator[](std::size_t at) const;
  // Bytes of changes held.
  std::size_t bytes() const { return bytes_; }

  void append(const Change& change);
  // Those of another set behind these, without copying them; it is empty then.
  void take_over(ChangeSet& other);
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
  // What a change begins with; key, before and after follow.
  struct Header {
    RelationId relation;
    std::uint32_t key_size;
    std::uint32_t before_size;  // kAbsent: no row
    std::uint32_t after_size;
  };
  // Changes lie one behind the other in blocks, and stay where they are: a large set is never copied to grow.
  struct Block {
    std::unique_ptr<char[]> bytes;
    std::size_t capacity;
    std::size_t used;
  };
  static Header header_of(const char* change) {
    Header header;
    std::memcpy(&header, change, sizeof header);
    return header;
  }
  std::string_view key_of(std::size_t at) const {
    return {changes_[at] + sizeof(Header), header_of(changes_[at]).key_size};
  }
  bool same_row(std::size_t a, std::size_t b) const {
    return header_of(changes_[a]).relation == header_of(changes_[b]).relation && key_of(a) == key_of(b);
  }
  char* room(std::size_t size);
  // The positions [from, to) by relation and key, those of one row in the order they were made.
  std::vector<std::size_t> by_row(std::size_t from, std::size_t to) const;

  std::vector<const char*> changes_;
  std::vector<Block> blocks_;  // none is empty
  std::size_t bytes_ = 0;
};

}  // namespace gyre::storage
