// A copy-on-write B+tree from bytes to bytes, ordered by memcmp. Every table, index and view is one.
//
// A Tree is a value: a root pointer and a count. Copying it is a snapshot, for free; nodes reachable from a
// published tree never change again. One writer changes a tree through a WriteBatch: nodes that the batch
// made itself are changed in place, older ones are copied first and put on the batch's list of replaced
// blocks, which someone frees once no reader can see them (oracle/retire_list.h). There are no latches and no
// reference counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "reactor/base/check.h"

namespace gyre::storage {

// Longest key, in bytes. Callers refuse longer ones with words of their own; the tree only checks.
inline constexpr std::size_t kMaxKeySize = 8191;
// Longest value, in bytes: what a packed row may be.
inline constexpr std::size_t kMaxValueSize = (std::size_t{1} << 30) - 1;

namespace tree {

// What every allocation of a tree begins with.
struct Block {
  std::uint64_t batch;  // the WriteBatch that made it
};

// A value too large for its leaf.
struct Blob : Block {
  std::uint64_t size;
  char bytes[];
};

// One entry of a node. `head` is the four key bytes after the node's common prefix, as a big-endian number
// padded with zeros, so most comparisons of a binary search touch nothing but the slots.
struct Slot {
  std::uint32_t head;
  std::uint16_t offset;    // of the cell, from the node's start
  std::uint16_t key_size;  // bytes
};

// A node: header, slots growing up, cells growing down from `capacity`.
//
//   node := header slot[count] free cell...
//   leaf cell  := u32 value_size, key, value      value_size's top bit set: the value is a Blob* (8 bytes)
//   inner cell := Node* child, key                key: no key in the child or right of it is less; entry 0's
//   is empty
//
// Invariants, N1: slots are in strictly ascending key order. N2: all keys (of an inner node: all but entry
// 0's) share their first prefix_size bytes. N3: slots end at or before heap_begin. N4: cell_bytes is the sum
// of the cells in use; capacity - heap_begin - cell_bytes is garbage left by erased or replaced cells. N5: a
// node of batch b has a parent of batch >= b. N6: no leaf is empty and an inner node has at least one child;
// an empty tree has no root. N7: children of the node's own batch have their bits in own_children.
struct Node : Block {
  std::uint16_t count;
  std::uint16_t level;       // 0: leaf
  std::uint16_t capacity;    // bytes of the whole allocation
  std::uint16_t heap_begin;  // offset of the lowest cell
  std::uint16_t cell_bytes;
  std::uint16_t prefix_size;
  // An inner node's children of its own batch, each as the bit that may_have_made() asks for: a filter, by which
  // a batch finds what it made without touching all the rest.
  std::uint32_t own_children;
  // The first eight bytes of the prefix as a big-endian number, zeros behind its end: whether a key begins with
  // it is seen without a look at a cell.
  std::uint64_t prefix_start;
  Slot slots[];

  const char* base() const { return reinterpret_cast<const char*>(this); }
  char* base() { return reinterpret_cast<char*>(this); }
  std::string_view leaf_key(std::size_t at) const {
    return {base() + slots[at].offset + 4, slots[at].key_size};
  }
  std::string_view inner_key(std::size_t at) const {
    return {base() + slots[at].offset + 8, slots[at].key_size};
  }
  std::string_view key(std::size_t at) const { return level == 0 ? leaf_key(at) : inner_key(at); }
  const Node* child(std::size_t at) const {
    const Node* pointer;
    std::memcpy(&pointer, base() + slots[at].offset, sizeof pointer);
    return pointer;
  }
  std::string_view value(std::size_t at) const {
    const Slot slot = slots[at];
    std::uint32_t size;
    std::memcpy(&size, base() + slot.offset, sizeof size);
    const char* bytes = base() + slot.offset + 4 + slot.key_size;
    if (size & kOutOfLine) [[unlikely]] {
      const Blob* blob;
      std::memcpy(&blob, bytes, sizeof blob);
      return {blob->bytes, blob->size};
    }
    return {bytes, size};
  }
  static std::uint32_t own_child_bit(const Node* child) {
    const auto address = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(child) >> 4);
    return std::uint32_t{1} << (address * 0x9e3779b1U >> 27);
  }
  bool may_have_made(const Node* child) const { return (own_children & own_child_bit(child)) != 0; }
  static constexpr std::uint32_t kOutOfLine = std::uint32_t{1} << 31;
};
static_assert(sizeof(Node) == 32 && sizeof(Slot) == 8);

// Levels a tree can have; each has at least two entries when it is split, so this is never reached in memory.
inline constexpr int kMaxHeight = 28;

}  // namespace tree

// A snapshot of the tree: a value. Who owns the nodes is a matter of the batches (see WriteBatch).
class Tree {
 public:
  Tree() = default;

  std::uint64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Whether the key is present; its value is borrowed from the snapshot. Allocates nothing.
  bool get(std::string_view key, std::string_view& value) const;
  bool contains(std::string_view key) const {
    std::string_view ignored;
    return get(key, ignored);
  }

  // The two halves of get(), for lookups that are begun ahead: the leaf where the key belongs, which is not read
  // (null: the tree is empty); then the entry in it.
  const tree::Node* find_leaf(std::string_view key) const;
  static bool get_in(const tree::Node* leaf, std::string_view key, std::string_view& value);
  // Between the two: asks memory for the leaf's slots, and, once these have arrived, for the entry.
  static void prefetch_leaf(const tree::Node* leaf);
  static void prefetch_entry(const tree::Node* leaf, std::string_view key);

  const tree::Node* root() const { return root_; }
  bool operator==(const Tree&) const = default;

 private:
  friend class TreeEditor;
  const tree::Node* root_ = nullptr;
  std::uint64_t size_ = 0;
};

// A position in a tree, forwards and backwards. Borrows the snapshot; a write to the same Tree in the batch
// that made its nodes invalidates it. Invalid until a seek, and after running over either end.
class Cursor {
 public:
  Cursor() = default;
  explicit Cursor(const Tree& tree) : root_(tree.root()) {}

  bool valid() const { return leaf_ != nullptr; }
  std::string_view key() const { return leaf_->leaf_key(index_); }
  std::string_view value() const { return leaf_->value(index_); }

  // To the next or previous entry. Only while valid().
  void next() {
    if (++index_ >= count_) [[unlikely]]
      next_leaf();
  }
  void prev() {
    if (index_ == 0) [[unlikely]] {
      prev_leaf();
      return;
    }
    --index_;
  }

  // To nowhere.
  void clear() { leaf_ = nullptr; }
  void seek_first();
  void seek_last();
  // To the first entry whose key is at or above `key`; invalid where there is none.
  void seek(std::string_view key);
  // To the last entry whose key is below `key`; invalid where there is none.
  void seek_before(std::string_view key);

  // The rest of the current leaf as [index(), leaf_count()), for loops over whole leaves.
  const tree::Node* leaf() const { return leaf_; }
  std::uint32_t index() const { return index_; }
  std::uint32_t leaf_count() const { return count_; }
  // To the first entry of the next leaf.
  void next_leaf();

 private:
  void prev_leaf();
  void seek_leaf(std::string_view key);
  void descend_first(const tree::Node* node, int depth);
  void descend_last(const tree::Node* node, int depth);
  void stand_in(const tree::Node* leaf, std::uint32_t index) {
    leaf_ = leaf;
    index_ = index;
    count_ = leaf->count;
  }

  const tree::Node* leaf_ = nullptr;
  std::uint32_t index_ = 0;
  std::uint32_t count_ = 0;
  const tree::Node* root_ = nullptr;
  int depth_ = 0;  // inner levels above leaf_
  struct Step {
    const tree::Node* node;
    std::uint32_t index;
  };
  Step path_[tree::kMaxHeight];
};

// The entries with lower <= key < upper, ascending. An empty `upper` is no bound. Both
// bounds are borrowed for the life of the range.
class TreeRange {
 public:
  TreeRange() = default;
  TreeRange(const Tree& tree, std::string_view lower, std::string_view upper);

  bool valid() const { return cursor_.valid(); }
  std::string_view key() const { return cursor_.key(); }
  std::string_view value() const { return cursor_.value(); }
  void next() {
    if (cursor_.leaf() == last_leaf_ && cursor_.index() + 1 >= last_end_) [[unlikely]] {
      cursor_.clear();
      return;
    }
    cursor_.next();
  }
  const Cursor& cursor() const { return cursor_; }

 private:
  Cursor cursor_;
  const tree::Node* last_leaf_ = nullptr;  // where the range ends; null: at the end of the tree
  std::uint32_t last_end_ = 0;             // the first index in last_leaf_ beyond the range
};

// The right to change trees until they are published. Ids grow: every node reachable from a tree that the
// batch may change has a stamp below `id` or was made by it.
struct WriteBatch {
  explicit WriteBatch(std::uint64_t batch_id) : id(batch_id) {}

  std::uint64_t id;
  // Blocks of older batches that the trees of this one no longer reach, each once. The owner frees them with
  // free_block() when no reader can see the older trees; an abandoned batch forgets them.
  std::vector<tree::Block*> replaced;
  std::uint64_t bytes_replaced = 0;  // what they take, roughly
  // Accounting: blocks allocated by this batch, and those of them freed again by it.
  std::uint64_t blocks_made = 0;
  std::uint64_t blocks_freed = 0;
  std::uint64_t blobs_made = 0;  // those of blocks_made that are values
  std::uint64_t bytes_made = 0;  // approximate memory obtained, never decreasing
};

// Inserts or overwrites. Returns true where the key was absent. The key is at most kMaxKeySize bytes, the
// value kMaxValueSize; neither may be borrowed from nodes that this batch made.
bool put(WriteBatch& batch, Tree& tree, std::string_view key, std::string_view value);
// Inserts where the key is absent; otherwise changes nothing, returns false and sets `existing`.
bool insert(WriteBatch& batch, Tree& tree, std::string_view key, std::string_view value,
            std::string_view& existing);
// Inserts a key above all others, without a search. Checked.
void append(WriteBatch& batch, Tree& tree, std::string_view key, std::string_view value);
// Removes. Returns false where the key was absent.
bool erase(WriteBatch& batch, Tree& tree, std::string_view key);

// What `from` made becomes `to`'s work, as if it had been made there: first each of its trees, then its lists and
// counts. A visit of the nodes, not of the entries, unless there are blobs. Then `from` has made nothing.
void take_over(const WriteBatch& from, const WriteBatch& to, const Tree& tree);
void take_over(WriteBatch& from, WriteBatch& to);
// What a tree takes, estimated from a few of its leaves. Values outside of leaves count where they are met.
std::uint64_t estimated_bytes(const Tree& tree);

void free_block(tree::Block* block);
// Frees every node and value of a tree that nobody will read again; returns how many blocks that were.
std::uint64_t free_tree(const Tree& tree);
// Frees what the batch made in a tree that will not be published; older nodes stay.
std::uint64_t free_batch_nodes(const WriteBatch& batch, const Tree& tree);

// Slow, for tests: checks the invariants of every node and returns the number of blocks reachable.
std::uint64_t check_tree(const Tree& tree);

}  // namespace gyre::storage
