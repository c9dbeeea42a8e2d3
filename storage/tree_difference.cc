// Two walkers go through the trees side by side, merging by key. A walker stands either on an entry of a leaf
// or before a subtree that it has not gone into. Everything before the walkers' positions has been compared,
// so what follows is the same on both sides as soon as both stand
//   - before the same subtree: it is stepped over, or
//   - at the same place of the same node: its rest is stepped over.
// Otherwise the higher subtree is entered, or both. Trees whose nodes were split or merged differently get
// out of step for some entries, and back into it at the next node that they share.
//
// A narrow range, such as one key, is usually settled on the way down: where the paths to it meet in one
// node, nothing below differs.
#include "storage/tree_difference.h"

#include <algorithm>

#include "reactor/base/check.h"

namespace gyre::storage {

using tree::kMaxHeight;
using tree::Node;

namespace {

// The child of an inner node under which `key` belongs.
std::uint32_t child_of(const Node* node, std::string_view key) {
  std::uint32_t low = 1;
  std::uint32_t high = node->count;
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (node->inner_key(middle) <= key)
      low = middle + 1;
    else
      high = middle;
  }
  return low - 1;
}

std::uint32_t first_at_or_above(const Node* leaf, std::string_view key) {
  std::uint32_t low = 0;
  std::uint32_t high = leaf->count;
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (leaf->leaf_key(middle) < key)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

// Whether all keys of [lower, upper) lie below the same node in both trees.
bool is_shared(const Tree& before, const Tree& after, std::string_view lower, std::string_view upper) {
  const Node* a = before.root();
  const Node* b = after.root();
  const auto descend = [&](const Node*& node) {
    const std::uint32_t at = child_of(node, lower);
    const bool inside = at + 1u == node->count || (!upper.empty() && upper <= node->inner_key(at + 1));
    node = node->child(at);
    return inside;
  };
  while (a != b) {
    if (a == nullptr || b == nullptr) return false;
    const std::uint16_t level = std::max(a->level, b->level);
    if (level == 0) return false;
    if (a->level == level && !descend(a)) return false;
    if (b->level == level && !descend(b)) return false;
  }
  return true;
}

class Walker {
 public:
  Walker(const Tree& tree, std::string_view lower, std::string_view upper) : upper_(upper) {
    const Node* node = tree.root();
    if (node == nullptr) return;
    while (node->level != 0) {
      const std::uint32_t at = child_of(node, lower);
      push(node, at);
      node = node->child(at);
    }
    push(node, first_at_or_above(node, lower));
    settle();
  }

  bool ended() const { return depth_ == 0; }
  // On an entry, not before a subtree.
  bool on_entry() const { return top().node->level == 0; }
  std::string_view key() const { return top().node->leaf_key(top().index); }
  std::string_view value() const { return top().node->value(top().index); }
  // The subtree before which it stands.
  const Node* subtree() const { return top().node->child(top().index); }

  void next() {
    ++top().index;
    settle();
  }
  void enter() {
    push(subtree(), 0);
    settle();
  }
  void leave_node() {
    --depth_;
    if (depth_ != 0) next();
  }
  bool at_same_place(const Walker& other) const {
    return top().node == other.top().node && top().index == other.top().index;
  }

 private:
  struct Step {
    const Node* node;
    std::uint32_t index;  // of the entry it stands on, or the child that it stands before or is in
  };
  Step& top() { return path_[depth_ - 1]; }
  const Step& top() const { return path_[depth_ - 1]; }
  void push(const Node* node, std::uint32_t index) {
    GYRE_DCHECK(depth_ < kMaxHeight);
    path_[depth_++] = {node, index};
  }
  // Leaves nodes that are done; ends at the bound.
  void settle() {
    while (depth_ != 0 && top().index >= top().node->count) {
      --depth_;
      if (depth_ != 0) ++top().index;
    }
    if (depth_ == 0 || upper_.empty()) return;
    const Node* node = top().node;
    const bool keyed = node->level == 0 || top().index != 0;
    if (keyed && node->key(top().index) >= upper_) depth_ = 0;
  }

  std::string_view upper_;
  int depth_ = 0;
  Step path_[kMaxHeight];
};

// Both stand somewhere, and not at the same place. Whether that was done by stepping over or going into
// nodes; false: both are on entries.
bool approach(Walker& a, Walker& b) {
  if (a.on_entry() && b.on_entry()) return false;
  if (a.on_entry()) {
    b.enter();
  } else if (b.on_entry()) {
    a.enter();
  } else if (a.subtree() == b.subtree()) {
    a.next();
    b.next();
  } else {
    const std::uint16_t level_a = a.subtree()->level;
    const std::uint16_t level_b = b.subtree()->level;
    if (level_a >= level_b) a.enter();
    if (level_b >= level_a) b.enter();
  }
  return true;
}

}  // namespace

bool visit_differences(const Tree& before, const Tree& after, std::string_view lower, std::string_view upper,
                       const std::function<bool(const EntryDifference&)>& visit) {
  if (is_shared(before, after, lower, upper)) return true;
  Walker a(before, lower, upper);
  Walker b(after, lower, upper);
  while (!a.ended() || !b.ended()) {
    if (!a.ended() && !b.ended()) {
      if (a.at_same_place(b)) {
        a.leave_node();
        b.leave_node();
        continue;
      }
      if (approach(a, b)) continue;
    } else if (Walker& left = a.ended() ? b : a; !left.on_entry()) {
      left.enter();
      continue;
    }
    const int order = a.ended() ? 1 : b.ended() ? -1 : a.key().compare(b.key());
    EntryDifference difference{order <= 0 ? a.key() : b.key(), std::nullopt, std::nullopt};
    if (order <= 0) difference.before = a.value();
    if (order >= 0) difference.after = b.value();
    if (difference.before != difference.after && !visit(difference)) return false;
    if (order <= 0) a.next();
    if (order >= 0) b.next();
  }
  return true;
}

}  // namespace gyre::storage
