// Where two states of one tree differ: walks both in key order and skips what they share. Nodes are
// copy-on-write, so equal pointers are equal subtrees, at whatever depth they hang. The cost is that of the
// differences (times the height), not of the trees.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "storage/tree.h"

namespace gyre::storage {

// An entry in which the trees differ. Borrowed from the trees.
struct EntryDifference {
  std::string_view key;
  std::optional<std::string_view> before;  // null: the entry is new
  std::optional<std::string_view> after;   // null: the entry is gone
};

// Calls `visit` for each difference with lower <= key < upper (an empty upper is no bound), ascending, until
// it returns false. Returns whether it never did. Neither tree may change meanwhile, and both must be
// readable: that is what makes equal pointers mean equal contents (storage/validate.cc).
bool visit_differences(const Tree& before, const Tree& after, std::string_view lower, std::string_view upper,
                       const std::function<bool(const EntryDifference&)>& visit);

}  // namespace gyre::storage
