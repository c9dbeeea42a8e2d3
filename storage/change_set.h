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
  std::vector<Entry> entries_;
  OutBuffer bytes_;
};

}  // namespace gyre::storage
