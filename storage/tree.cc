// The tree's code: search, cursors, and the editor by which a batch changes it.
//
// Why a B+tree of 4 KiB nodes: a snapshot costs one pointer, a commit of one row copies one node per level
// (three for a million rows), a scan reads memory in runs. A radix tree would copy fewer bytes but scatters a
// scan; a larger node makes scans no faster and every small commit dearer.
//
// Search compares numbers, not strings: each slot carries four key bytes from behind the node's common
// prefix. Keys of neighbours differ late (a table's first million ids share five bytes), so without the
// prefix the four bytes would tell nothing. Cells keep whole keys all the same, because cursors hand them out
// as one run of bytes.
//
// Sizes vary: a node begins with 512 bytes, so a small table is cheap to copy; grows to 4 KiB; and beyond
// that only where entries are so large that fewer than two (inner nodes: four) fit. The limits below make 64
// KiB always enough.
//
// Ascending inserts leave full nodes behind: a split at the right edge of the tree moves nothing. A leaf's
// separator in its parent is cut to the bytes that tell it from its left neighbour, which keeps inner nodes
// wide (Bayer and Unterauer, "Prefix B-trees", 1977). Nodes that fall below a quarter are merged with a
// neighbour where both fit well into one.

#include "storage/tree.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <span>
#include <string>

#include "reactor/fail_point.h"
#include "storage/retirement.h"

namespace gyre::storage {

using tree::Blob;
using tree::Block;
using tree::kMaxHeight;
using tree::Node;
using tree::Slot;

namespace {

constexpr std::size_t kFirstNodeBytes = 512;
constexpr std::size_t kNodeBytes = 4096;
constexpr std::size_t kLargestNodeBytes = 65528;
constexpr std::size_t kInlineValueMax = 1024;
constexpr std::size_t kMergeBelow = kNodeBytes / 4;
constexpr std::size_t kMergedMax = kNodeBytes * 3 / 4;
constexpr std::size_t kWorthwhileRoom = kNodeBytes / 8;
constexpr std::size_t kLeafHeader = 4;
constexpr std::size_t kInnerHeader = 8;
constexpr std::size_t kLargestEntry = sizeof(Slot) + kInnerHeader + kMaxKeySize + kInlineValueMax;
// A node is split when it has four entries or more (leaves: two); what a half may have to hold is at most an
// ordinary node and two of the largest entries, or three of these.
static_assert(kNodeBytes + 4 * kLargestEntry < kLargestNodeBytes);

std::size_t header_size(const Node* node) {
  return node->level == 0 ? kLeafHeader : kInnerHeader;
}

// The first slot that has a key: entry 0 of an inner node stands for everything below entry 1.
std::size_t first_keyed(const Node* node) {
  return node->level == 0 ? 0 : 1;
}

std::size_t common_prefix(std::string_view a, std::string_view b) {
  const std::size_t limit = std::min(a.size(), b.size());
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.begin() + limit, b.begin()).first - a.begin());
}

std::uint32_t load_big_endian(const char* at) {
  std::uint32_t word;
  std::memcpy(&word, at, sizeof word);
  return __builtin_bswap32(word);
}

// Four bytes of the key from `prefix` on, zeros behind its end.
std::uint32_t head_of(std::string_view key, std::size_t prefix) {
  if (key.size() >= prefix + 4) return load_big_endian(key.data() + prefix);
  if (key.size() <= prefix) return 0;
  const std::size_t left = key.size() - prefix;
  if (key.size() >= 4) {
    const std::uint32_t last = load_big_endian(key.data() + key.size() - 4);
    return last << (8 * (4 - left));
  }
  std::uint32_t head = 0;
  for (std::size_t i = 0; i < left; ++i)
    head |= static_cast<std::uint32_t>(static_cast<unsigned char>(key[prefix + i])) << (24 - 8 * i);
  return head;
}

// The first eight bytes of the key, zeros behind its end.
std::uint64_t start_of(std::string_view key) {
  const std::uint64_t high = std::uint64_t{head_of(key, 0)} << 32;
  return key.size() <= 4 ? high : high | head_of(key, 4);
}

// The first of [from, count) whose head is not below (above: at or below) the given one. Without a branch on
// what is compared, which nothing could predict.
template <bool kAbove>
std::uint32_t head_bound(const Node* node, std::uint32_t from, std::uint32_t count, std::uint32_t head) {
  const auto is_left = [head](const Slot& slot) { return kAbove ? slot.head <= head : slot.head < head; };
  if (from == count) return from;
  const Slot* first = node->slots + from;
  for (std::uint32_t left = count - from; left > 1;) {
    const std::uint32_t half = left / 2;
    first += half * static_cast<std::uint32_t>(is_left(first[half - 1]));
    left -= half;
  }
  return static_cast<std::uint32_t>(first - node->slots) + static_cast<std::uint32_t>(is_left(*first));
}

// Of a slot whose head is the key's: whether its key is below (or equal, with kOrEqual). Where one of the two
// ends within the head the other continues it, so their sizes tell.
template <bool kOrEqual>
bool is_below(const Node* node, std::uint32_t at, std::string_view key) {
  const std::size_t size = node->slots[at].key_size;
  if (std::min(size, key.size()) <= node->prefix_size + sizeof(Slot::head))
    return kOrEqual ? size <= key.size() : size < key.size();
  return kOrEqual ? node->key(at) <= key : node->key(at) < key;
}

// The first slot from `from` on whose key is not below (kOrEqual: is above) `key`, for a key that begins with
// the node's prefix (for other keys: some slot, none of which equals the key).
template <bool kOrEqual>
std::uint32_t bound_by_heads(const Node* node, std::uint32_t from, std::string_view key) {
  const std::uint32_t count = node->count;
  const std::uint32_t head = head_of(key, node->prefix_size);
  std::uint32_t low = head_bound<false>(node, from, count, head);
  if (low == count || node->slots[low].head != head) return low;
  if (low + 1 == count || node->slots[low + 1].head != head)
    return is_below<kOrEqual>(node, low, key) ? low + 1 : low;
  std::uint32_t high = head_bound<true>(node, low, count, head);
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (is_below<kOrEqual>(node, middle, key))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

// Below zero: the key, or what there is of it, is below the node's prefix. Zero: it begins with it.
int compare_to_prefix(const Node* node, std::string_view key) {
  const std::size_t prefix = node->prefix_size;
  if (prefix == 0) return 0;
  const std::uint64_t start =
      start_of(key) & (prefix >= 8 ? ~std::uint64_t{0} : ~(~std::uint64_t{0} >> (8 * prefix)));
  if (start != node->prefix_start) return start < node->prefix_start ? -1 : 1;
  if (key.size() < prefix && prefix <= 8) return -1;
  if (prefix <= 8) return 0;
  const std::string_view all = node->key(first_keyed(node)).substr(0, prefix);
  const int order = key.substr(0, prefix).compare(all.substr(0, std::min(key.size(), prefix)));
  return order == 0 && key.size() < prefix ? -1 : order;
}

template <bool kOrEqual>
std::uint32_t bound(const Node* node, std::string_view key) {
  const auto from = static_cast<std::uint32_t>(first_keyed(node));
  if (node->count <= from) return from;
  const int order = compare_to_prefix(node, key);
  if (order != 0) return order < 0 ? from : node->count;
  return bound_by_heads<kOrEqual>(node, from, key);
}

std::uint32_t lower_bound(const Node* node, std::string_view key) {
  return bound<false>(node, key);
}

// Whether the key is above all of the node's, as in a load in key order, where a search would be in vain.
bool is_above(const Node* node, std::string_view key) {
  const std::uint32_t last = node->count - 1u;
  const std::uint32_t head = node->slots[last].head;
  if (last < first_keyed(node) || head_of(key, node->prefix_size) < head) return false;
  return node->key(last) < key;
}

// The child whose range the key lies in.
std::uint32_t route(const Node* node, std::string_view key) {
  return bound<true>(node, key) - 1;
}

// The header and the slots of an ordinary node's worth of small entries.
constexpr int kPrefetchedLines = 12;

void prefetch_node(const Node* node) {
  const char* at = node->base();
  for (int line = 0; line < kPrefetchedLines; ++line) __builtin_prefetch(at + 64 * line);
}

}  // namespace

const Node* Tree::find_leaf(std::string_view key) const {
  const Node* node = root_;
  if (node == nullptr) return nullptr;
  for (int level = node->level; level != 0; --level) {  // so that the leaf itself is not read
    node = node->child(route(node, key));
    if (level > 1) prefetch_node(node);
  }
  return node;
}

void Tree::prefetch_leaf(const Node* leaf) {
  prefetch_node(leaf);
}

// A key without the leaf's prefix is found unequal, so the prefix itself need not be looked at.
bool Tree::get_in(const Node* leaf, std::string_view key, std::string_view& value) {
  const std::uint32_t at = bound_by_heads<false>(leaf, 0, key);
  if (at == leaf->count || leaf->leaf_key(at) != key) return false;
  value = leaf->value(at);
  return true;
}

bool Tree::get(std::string_view key, std::string_view& value) const {
  const Node* leaf = find_leaf(key);
  if (leaf == nullptr) return false;
  prefetch_node(leaf);
  return get_in(leaf, key, value);
}

void Tree::prefetch_entry(const Node* leaf, std::string_view key) {
  const std::uint32_t head = head_of(key, leaf->prefix_size);
  const std::uint32_t at = head_bound<false>(leaf, 0, leaf->count, head);
  if (at == leaf->count) return;
  const char* cell = leaf->base() + leaf->slots[at].offset;
  __builtin_prefetch(cell);
  __builtin_prefetch(cell + 64);
}

// ---- Cursors

void Cursor::descend_first(const Node* node, int depth) {
  for (; node->level != 0; node = node->child(0)) path_[depth++] = {node, 0};
  depth_ = depth;
  stand_in(node, 0);
}

void Cursor::descend_last(const Node* node, int depth) {
  while (node->level != 0) {
    const auto last = static_cast<std::uint32_t>(node->count - 1);
    path_[depth++] = {node, last};
    node = node->child(last);
  }
  depth_ = depth;
  stand_in(node, static_cast<std::uint32_t>(node->count - 1));
}

void Cursor::seek_first() {
  leaf_ = nullptr;
  if (root_ != nullptr) descend_first(root_, 0);
}

void Cursor::seek_last() {
  leaf_ = nullptr;
  if (root_ != nullptr) descend_last(root_, 0);
}

void Cursor::seek_leaf(std::string_view key) {
  const Node* node = root_;
  int depth = 0;
  while (node->level != 0) {
    const std::uint32_t at = route(node, key);
    path_[depth++] = {node, at};
    node = node->child(at);
    prefetch_node(node);
  }
  depth_ = depth;
  stand_in(node, lower_bound(node, key));
}

void Cursor::seek(std::string_view key) {
  leaf_ = nullptr;
  if (root_ == nullptr) return;
  seek_leaf(key);
  if (index_ == count_) next_leaf();
}

void Cursor::seek_before(std::string_view key) {
  leaf_ = nullptr;
  if (root_ == nullptr) return;
  seek_leaf(key);
  prev();
}

void Cursor::next_leaf() {
  int depth = depth_;
  while (depth > 0) {
    Step& step = path_[depth - 1];
    if (step.index + 1 < step.node->count) {
      ++step.index;
      // The leaf after the coming one is fetched while that is read.
      if (depth == depth_ && step.index + 1 < step.node->count)
        prefetch_node(step.node->child(step.index + 1));
      descend_first(step.node->child(step.index), depth);
      return;
    }
    --depth;
  }
  leaf_ = nullptr;
}

void Cursor::prev_leaf() {
  int depth = depth_;
  while (depth > 0) {
    Step& step = path_[depth - 1];
    if (step.index > 0) {
      --step.index;
      descend_last(step.node->child(step.index), depth);
      return;
    }
    --depth;
  }
  leaf_ = nullptr;
}

TreeRange::TreeRange(const Tree& tree, std::string_view lower, std::string_view upper) : cursor_(tree) {
  if (!upper.empty()) {
    if (lower >= upper) return;
    Cursor last(tree);
    last.seek_before(upper);
    if (!last.valid() || last.key() < lower) return;
    last_leaf_ = last.leaf();
    last_end_ = last.index() + 1;
  }
  cursor_.seek(lower);
}

// ---- Allocation

namespace {

Node* allocate_node(WriteBatch& batch, std::uint16_t level, std::size_t capacity) {
  void* memory = reactor::fail_point("plant.no_node") ? nullptr : std::malloc(capacity);
  if (memory == nullptr) throw std::bad_alloc();
  auto* node = static_cast<Node*>(memory);
  node->batch = batch.id;
  node->count = 0;
  node->level = level;
  node->capacity = static_cast<std::uint16_t>(capacity);
  node->heap_begin = static_cast<std::uint16_t>(capacity);
  node->cell_bytes = 0;
  node->prefix_size = 0;
  node->prefix_start = 0;
  node->own_children = 0;
  ++batch.blocks_made;
  batch.bytes_made += capacity;
  return node;
}

Blob* allocate_blob(WriteBatch& batch, std::string_view bytes) {
  void* memory = std::malloc(sizeof(Blob) + bytes.size());
  if (memory == nullptr) throw std::bad_alloc();
  auto* blob = static_cast<Blob*>(memory);
  blob->batch = batch.id;
  blob->size = bytes.size();
  std::memcpy(blob->bytes, bytes.data(), bytes.size());
  ++batch.blocks_made;
  ++batch.blobs_made;
  batch.bytes_made += sizeof(Blob) + bytes.size();
  return blob;
}

std::size_t bytes_of(const Node* node) {
  return node->capacity;
}
std::size_t bytes_of(const Blob* blob) {
  return sizeof(Blob) + blob->size;
}

// The trees of the batch no longer reach this block.
template <class Kind>
void discard(WriteBatch& batch, const Kind* block) {
  auto* mine = const_cast<Kind*>(block);
  if (block->batch == batch.id) {
    free_block(mine);
    ++batch.blocks_freed;
  } else {
    batch.replaced.push_back(mine);
    batch.bytes_replaced += bytes_of(block);
  }
}

// The out-of-line value of a leaf's entry; nullptr where it lies in the leaf.
const Blob* blob_at(const Node* leaf, std::size_t at) {
  const char* cell = leaf->base() + leaf->slots[at].offset;
  std::uint32_t size;
  std::memcpy(&size, cell, sizeof size);
  if (!(size & Node::kOutOfLine)) return nullptr;
  const Blob* blob;
  std::memcpy(&blob, cell + kLeafHeader + leaf->slots[at].key_size, sizeof blob);
  return blob;
}

// One entry as the parts of its cell, wherever they lie.
struct Entry {
  std::string_view header;  // leaf: value size; inner: child
  std::string_view key;
  std::string_view tail;  // leaf: the value or its pointer

  std::size_t cell_size() const { return header.size() + key.size() + tail.size(); }
};

Entry entry_at(const Node* node, std::size_t at) {
  const char* cell = node->base() + node->slots[at].offset;
  const std::size_t header = header_size(node);
  std::size_t tail = 0;
  if (node->level == 0) {
    std::uint32_t size;
    std::memcpy(&size, cell, sizeof size);
    tail = size & Node::kOutOfLine ? sizeof(Blob*) : size;
  }
  const std::size_t key_size = node->slots[at].key_size;
  return {{cell, header}, {cell + header, key_size}, {cell + header + key_size, tail}};
}

void write_cell(char* at, const Entry& entry) {
  std::memcpy(at, entry.header.data(), entry.header.size());
  at += entry.header.size();
  if (!entry.key.empty()) std::memcpy(at, entry.key.data(), entry.key.size());
  at += entry.key.size();
  if (!entry.tail.empty()) std::memcpy(at, entry.tail.data(), entry.tail.size());
}

// Bytes of a node that holds just what this one does.
std::size_t used_bytes(const Node* node) {
  return sizeof(Node) + sizeof(Slot) * node->count + node->cell_bytes;
}

void set_prefix(Node* node, std::size_t prefix) {
  node->prefix_size = static_cast<std::uint16_t>(prefix);
  node->prefix_start = prefix == 0 ? 0 : start_of(node->key(first_keyed(node)).substr(0, prefix));
  for (std::size_t i = first_keyed(node); i < node->count; ++i)
    node->slots[i].head = head_of(node->key(i), prefix);
}

void set_best_prefix(Node* node) {
  const std::size_t first = first_keyed(node);
  if (node->count <= first) {
    node->prefix_size = 0;
    node->prefix_start = 0;
    return;
  }
  set_prefix(node, common_prefix(node->key(first), node->key(node->count - 1u)));
}

// A node of these entries, of the given capacity or as much as they need; entry 0 of an inner node loses its
// key.
Node* build_node(WriteBatch& batch, std::uint16_t level, std::span<const Entry> entries,
                 std::size_t least_capacity) {
  std::size_t cells = 0;
  for (const Entry& entry : entries) cells += entry.cell_size();
  if (level != 0) cells -= entries.front().key.size();
  const std::size_t needed = sizeof(Node) + sizeof(Slot) * entries.size() + cells;
  const std::size_t capacity = std::max(least_capacity, (needed + 7) & ~std::size_t{7});
  GYRE_CHECK(capacity <= kLargestNodeBytes);
  Node* node = allocate_node(batch, level, capacity);
  std::size_t at = capacity - cells;
  node->heap_begin = static_cast<std::uint16_t>(at);
  node->cell_bytes = static_cast<std::uint16_t>(cells);
  node->count = static_cast<std::uint16_t>(entries.size());
  if (level != 0) node->own_children = UINT32_MAX;  // rare enough not to look
  for (std::size_t i = 0; i < entries.size(); ++i) {
    Entry entry = entries[i];
    if (level != 0 && i == 0) entry.key = {};
    write_cell(node->base() + at, entry);
    node->slots[i] = {0, static_cast<std::uint16_t>(at), static_cast<std::uint16_t>(entry.key.size())};
    at += entry.cell_size();
  }
  set_best_prefix(node);
  return node;
}

void append_entries(const Node* node, std::vector<Entry>& entries) {
  for (std::size_t i = 0; i < node->count; ++i) entries.push_back(entry_at(node, i));
}

// Where to part entries so that both sides weigh about the same, with at least `least` on each side.
std::size_t balanced_split(std::span<const Entry> entries, std::size_t least) {
  std::size_t total = 0;
  for (const Entry& entry : entries) total += sizeof(Slot) + entry.cell_size();
  std::size_t left = 0;
  std::size_t at = 0;
  while (at < entries.size() && left < total / 2) left += sizeof(Slot) + entries[at++].cell_size();
  return std::clamp(at, least, entries.size() - least);
}

// The shortest key above `left` and not above `right`.
std::string_view separator(std::string_view left, std::string_view right) {
  return right.substr(0, common_prefix(left, right) + 1);
}

}  // namespace

// ---- Changes

// One change of one tree. The path is owned from the root down before anything is changed (N5).
class TreeEditor {
 public:
  TreeEditor(WriteBatch& batch, Tree& tree) : batch_(batch), tree_(tree) {}

  // Stands before the key's place in its leaf; all of the path is this batch's. The tree is not empty.
  void descend(std::string_view key) {
    Node* node = own_root();
    depth_ = 0;
    while (node->level != 0)
      node = own_child(node, is_above(node, key) ? node->count - 1u : route(node, key));
    leaf_ = node;
    at_ = is_above(node, key) ? node->count : lower_bound(node, key);
  }
  void descend_to_end() {
    Node* node = own_root();
    depth_ = 0;
    while (node->level != 0) node = own_child(node, node->count - 1u);
    leaf_ = node;
    at_ = node->count;
  }

  bool found(std::string_view key) const { return at_ < leaf_->count && leaf_->leaf_key(at_) == key; }
  bool at_end_above(std::string_view key) const { return leaf_->leaf_key(leaf_->count - 1u) < key; }
  std::string_view value() const { return leaf_->value(at_); }

  void start(std::string_view key, std::string_view value) {
    Stored stored(batch_, value);
    const Entry entry = stored.entry(key);
    tree_.root_ = build_node(batch_, 0, {&entry, 1}, kFirstNodeBytes);
    tree_.size_ = 1;
  }
  void insert(std::string_view key, std::string_view value) {
    Stored stored(batch_, value);
    insert_entry(leaf_, depth_, at_, stored.entry(key));
    ++tree_.size_;
  }
  void overwrite(std::string_view key, std::string_view value) {
    if (overwrite_in_place(value)) return;
    Stored stored(batch_, value);
    drop_value();
    remove_slot(leaf_, at_);
    insert_entry(leaf_, depth_, at_, stored.entry(key));
  }
  void erase() {
    drop_value();
    remove_slot(leaf_, at_);
    --tree_.size_;
    shrink(leaf_, depth_);
  }

 private:
  // A value as a leaf stores it: in the cell, or as a pointer to a blob.
  class Stored {
   public:
    Stored(WriteBatch& batch, std::string_view value) : value_(value) {
      size_ = static_cast<std::uint32_t>(value.size());
      if (value.size() <= kInlineValueMax) return;
      GYRE_CHECK(value.size() <= kMaxValueSize);
      blob_ = allocate_blob(batch, value);
      size_ |= Node::kOutOfLine;
    }
    Entry entry(std::string_view key) const {
      const std::string_view tail =
          blob_ != nullptr ? std::string_view(reinterpret_cast<const char*>(&blob_), sizeof blob_) : value_;
      return {{reinterpret_cast<const char*>(&size_), sizeof size_}, key, tail};
    }

   private:
    std::string_view value_;
    std::uint32_t size_;
    const Blob* blob_ = nullptr;
  };

  struct Step {
    Node* node;
    std::uint32_t index;  // of the child that the path goes through
  };

  Node* own(const Node* node) {
    if (node->batch == batch_.id) return const_cast<Node*>(node);
    Node* copy = allocate_node(batch_, node->level, node->capacity);
    const std::uint64_t stamp = copy->batch;
    std::memcpy(copy->base(), node->base(), sizeof(Node) + sizeof(Slot) * node->count);
    copy->batch = stamp;
    copy->own_children = 0;
    std::memcpy(copy->base() + node->heap_begin, node->base() + node->heap_begin,
                node->capacity - node->heap_begin);
    batch_.replaced.push_back(const_cast<Node*>(node));
    batch_.bytes_replaced += bytes_of(node);
    return copy;
  }
  Node* own_root() {
    Node* root = own(tree_.root_);
    tree_.root_ = root;
    return root;
  }
  Node* own_child(Node* parent, std::uint32_t index) {
    Node* child = own(parent->child(index));
    set_child(parent, index, child);
    GYRE_CHECK(depth_ < kMaxHeight);
    path_[depth_++] = {parent, index};
    return child;
  }
  static void set_child(Node* parent, std::uint32_t index, const Node* child) {
    std::memcpy(parent->base() + parent->slots[index].offset, &child, sizeof child);
    parent->own_children |= Node::own_child_bit(child);
  }
  // The node at the path's `depth` is another one now.
  void relink(int depth, Node* node) {
    if (depth == 0)
      tree_.root_ = node;
    else
      set_child(path_[depth - 1].node, path_[depth - 1].index, node);
  }

  bool overwrite_in_place(std::string_view value) {
    char* cell = leaf_->base() + leaf_->slots[at_].offset;
    std::uint32_t size;
    std::memcpy(&size, cell, sizeof size);
    if (size & Node::kOutOfLine || value.size() > size) return false;
    const auto new_size = static_cast<std::uint32_t>(value.size());
    std::memcpy(cell, &new_size, sizeof new_size);
    if (new_size != 0) std::memcpy(cell + kLeafHeader + leaf_->slots[at_].key_size, value.data(), new_size);
    leaf_->cell_bytes = static_cast<std::uint16_t>(leaf_->cell_bytes - (size - new_size));
    return true;
  }
  void drop_value() {
    if (const Blob* blob = blob_at(leaf_, at_)) discard(batch_, blob);
  }

  static void remove_slot(Node* node, std::uint32_t at) {
    node->cell_bytes = static_cast<std::uint16_t>(node->cell_bytes - entry_at(node, at).cell_size());
    std::memmove(node->slots + at, node->slots + at + 1, sizeof(Slot) * (node->count - at - 1u));
    --node->count;
    if (node->count == 0) node->heap_begin = node->capacity;
    if (node->level != 0 && at == 0 && node->count > 0) {  // the new entry 0 needs no key
      node->cell_bytes = static_cast<std::uint16_t>(node->cell_bytes - node->slots[0].key_size);
      node->slots[0].key_size = 0;
    }
  }

  // Puts the entry before slot `at` of the node at the path's `depth`, making room somehow.
  void insert_entry(Node* node, int depth, std::uint32_t at, const Entry& entry) {
    const std::size_t needed = sizeof(Slot) + entry.cell_size();
    const std::size_t gap = node->heap_begin - sizeof(Node) - sizeof(Slot) * node->count;
    if (gap >= needed) {
      place(node, at, entry);
      return;
    }
    // Garbage is worth a rebuilding where that makes room for some changes more, not for this one only: rows
    // that grow by a byte each would have their leaf rebuilt for each of them.
    const std::size_t used = used_bytes(node) + needed;
    const std::size_t least_to_split = node->level == 0 ? 2 : 4;
    if (used + kWorthwhileRoom <= std::max<std::size_t>(node->capacity, kNodeBytes) ||
        node->count + 1u < least_to_split)
      rebuild_with(node, depth, at, entry, used);
    else
      split_with(node, depth, at, entry);
  }

  // There is room between slots and cells.
  static void place(Node* node, std::uint32_t at, const Entry& entry) {
    const std::size_t size = entry.cell_size();
    node->heap_begin = static_cast<std::uint16_t>(node->heap_begin - size);
    node->cell_bytes = static_cast<std::uint16_t>(node->cell_bytes + size);
    write_cell(node->base() + node->heap_begin, entry);
    std::memmove(node->slots + at + 1, node->slots + at, sizeof(Slot) * (node->count - at));
    ++node->count;
    node->slots[at] = {0, node->heap_begin, static_cast<std::uint16_t>(entry.key.size())};
    if (node->level != 0) node->own_children |= Node::own_child_bit(node->child(at));
    const std::size_t first = first_keyed(node);
    if (node->count - first == 1) {
      set_prefix(node, entry.key.size());
      return;
    }
    const std::size_t other = at == first ? first + 1 : first;
    const std::size_t shared = common_prefix(entry.key, node->key(other));
    if (shared < node->prefix_size)
      set_prefix(node, shared);
    else
      node->slots[at].head = head_of(entry.key, node->prefix_size);
  }

  // Into a fresh node without garbage, larger where need be.
  void rebuild_with(Node* node, int depth, std::uint32_t at, const Entry& entry, std::size_t used) {
    gather(node, at, entry);
    std::size_t capacity = node->capacity;
    while (capacity < used + capacity / 8 && capacity < kNodeBytes) capacity *= 2;
    Node* rebuilt =
        build_node(batch_, node->level, entries_, std::max<std::size_t>(capacity, kFirstNodeBytes));
    relink(depth, rebuilt);
    discard(batch_, node);
  }

  void split_with(Node* node, int depth, std::uint32_t at, const Entry& entry) {
    gather(node, at, entry);
    const bool leaf = node->level == 0;
    const bool appending = at == node->count && on_right_edge(depth);
    const std::size_t cut = appending ? entries_.size() - 1 : balanced_split(entries_, leaf ? 1 : 2);
    const std::span<const Entry> all(entries_);
    // The separator may lie in the nodes that are parted, so it is copied before they go.
    const std::string_view bound = leaf ? separator(all[cut - 1].key, all[cut].key) : all[cut].key;
    const std::string parting(bound);
    Node* right = build_node(batch_, node->level, all.subspan(cut), kNodeBytes);
    Node* left = node;
    try {
      if (!appending) left = build_node(batch_, node->level, all.first(cut), kNodeBytes);
      put_halves(depth, left, right, parting);
    } catch (...) {  // memory: what stands above is as it was
      if (depth > 0) relink(depth, node);
      if (left != node) discard(batch_, left);
      discard(batch_, right);
      throw;
    }
    if (left != node) discard(batch_, node);
  }

  // In place of the node at the path's `depth`.
  void put_halves(int depth, Node* left, Node* right, std::string_view parting) {
    const Entry right_entry{{reinterpret_cast<const char*>(&right), sizeof right}, parting, {}};
    if (depth > 0) {
      relink(depth, left);
      insert_entry(path_[depth - 1].node, depth - 1, path_[depth - 1].index + 1, right_entry);
      return;
    }
    const Entry left_entry{{reinterpret_cast<const char*>(&left), sizeof left}, {}, {}};
    const Entry both[] = {left_entry, right_entry};
    tree_.root_ = build_node(batch_, static_cast<std::uint16_t>(left->level + 1), both, kFirstNodeBytes);
  }

  bool on_right_edge(int depth) const {
    for (int i = 0; i < depth; ++i)
      if (path_[i].index + 1u != path_[i].node->count) return false;
    return true;
  }

  void gather(const Node* node, std::uint32_t at, const Entry& entry) {
    entries_.clear();
    entries_.reserve(node->count + 1u);
    append_entries(node, entries_);
    entries_.insert(entries_.begin() + at, entry);
  }

  // The node at the path's `depth` lost an entry: drops it when empty, merges it when small, and so on
  // upwards.
  void shrink(Node* node, int depth) {
    while (depth > 0) {
      if (node->count == 0) {
        remove_slot(path_[depth - 1].node, path_[depth - 1].index);
        discard(batch_, node);
      } else if (used_bytes(node) >= kMergeBelow || !merge_with_neighbour(depth)) {
        return;
      }
      --depth;
      node = path_[depth].node;
    }
    if (node->count == 0) {
      discard(batch_, node);
      tree_.root_ = nullptr;
      return;
    }
    while (node->level != 0 && node->count == 1) {  // a root with one child is one level too many
      const Node* only = node->child(0);
      discard(batch_, node);
      tree_.root_ = only;
      if (only->batch != batch_.id) return;
      node = const_cast<Node*>(only);
    }
  }

  bool merge_with_neighbour(int depth) {
    Node* parent = path_[depth - 1].node;
    const std::uint32_t index = path_[depth - 1].index;
    return (index + 1u < parent->count && merge_pair(parent, index)) ||
           (index > 0 && merge_pair(parent, index - 1));
  }
  // Makes one of the parent's children `index` and the next, if that is still well below a full node.
  bool merge_pair(Node* parent, std::uint32_t index) {
    const Node* left = parent->child(index);
    const Node* right = parent->child(index + 1);
    const std::string_view bound = parent->inner_key(index + 1);
    const std::size_t extra = left->level == 0 ? 0 : bound.size();
    if (used_bytes(left) + used_bytes(right) - sizeof(Node) + extra > kMergedMax) return false;
    entries_.clear();
    append_entries(left, entries_);
    append_entries(right, entries_);
    if (left->level != 0) entries_[left->count].key = bound;
    Node* merged = build_node(batch_, left->level, entries_, kNodeBytes);
    set_child(parent, index, merged);
    remove_slot(parent, index + 1);
    discard(batch_, left);
    discard(batch_, right);
    return true;
  }

  WriteBatch& batch_;
  Tree& tree_;
  Node* leaf_ = nullptr;
  std::uint32_t at_ = 0;
  int depth_ = 0;
  Step path_[kMaxHeight];
  std::vector<Entry> entries_;
};

bool put(WriteBatch& batch, Tree& tree, std::string_view key, std::string_view value) {
  GYRE_CHECK(key.size() <= kMaxKeySize);
  TreeEditor editor(batch, tree);
  if (tree.empty()) {
    editor.start(key, value);
    return true;
  }
  editor.descend(key);
  if (editor.found(key)) {
    editor.overwrite(key, value);
    return false;
  }
  editor.insert(key, value);
  return true;
}

bool insert(WriteBatch& batch, Tree& tree, std::string_view key, std::string_view value,
            std::string_view& existing) {
  GYRE_CHECK(key.size() <= kMaxKeySize);
  TreeEditor editor(batch, tree);
  if (tree.empty()) {
    editor.start(key, value);
    return true;
  }
  editor.descend(key);
  if (editor.found(key)) {
    existing = editor.value();
    return false;
  }
  editor.insert(key, value);
  return true;
}

void append(WriteBatch& batch, Tree& tree, std::string_view key, std::string_view value) {
  GYRE_CHECK(key.size() <= kMaxKeySize);
  TreeEditor editor(batch, tree);
  if (tree.empty()) {
    editor.start(key, value);
    return;
  }
  editor.descend_to_end();
  GYRE_CHECK(editor.at_end_above(key));
  editor.insert(key, value);
}

bool erase(WriteBatch& batch, Tree& tree, std::string_view key) {
  if (!tree.contains(key)) return false;  // or the path would be copied for nothing
  TreeEditor editor(batch, tree);
  editor.descend(key);
  editor.erase();
  return true;
}

// ---- Measuring

std::uint64_t estimated_bytes(const Tree& tree) {
  constexpr std::size_t kSamples = 8;
  if (tree.root() == nullptr) return 0;
  std::uint64_t bytes = 0, entries = 0;
  const std::size_t samples =
      tree.root()->level == 0 ? 1 : std::min<std::size_t>(kSamples, tree.root()->count);
  for (std::size_t sample = 0; sample < samples; ++sample) {
    const Node* node = tree.root();
    if (node->level != 0) node = node->child(sample * node->count / samples);
    while (node->level != 0) node = node->child(node->count / 2);
    bytes += bytes_of(node);
    entries += node->count;
    for (std::size_t i = 0; i < node->count; ++i)
      if (const Blob* blob = blob_at(node, i)) bytes += bytes_of(blob);
  }
  return static_cast<std::uint64_t>(static_cast<double>(bytes) / static_cast<double>(entries) *
                                    static_cast<double>(tree.size()));
}

// ---- Freeing

void free_block(Block* block) {
  std::free(block);
}

namespace {

// Calls visit(child) for those of a node's children that its own batch made.
template <class Visit>
void for_own_children(const Node* node, Visit visit) {
  for (std::size_t i = 0; i < node->count; ++i)
    if (const Node* child = node->child(i); node->may_have_made(child) && child->batch == node->batch)
      visit(child);
}
// Calls visit(blob) for a leaf's values that lie apart.
template <class Visit>
void for_blobs(const Node* leaf, Visit visit) {
  for (std::size_t i = 0; i < leaf->count; ++i)
    if (const Blob* blob = blob_at(leaf, i)) visit(const_cast<Blob*>(blob));
}

// Both free what is below a node and the node itself. Depth is bounded by kMaxHeight.
std::uint64_t free_all(const Node* node) {
  std::uint64_t freed = 1;
  if (node->level != 0) {
    for (std::size_t i = 0; i < node->count; ++i) freed += free_all(node->child(i));
  } else {
    for_blobs(node, [&freed](Blob* blob) {
      free_block(blob);
      ++freed;
    });
  }
  free_block(const_cast<Node*>(node));
  return freed;
}

std::uint64_t free_own(const Node* node) {
  std::uint64_t freed = 1;
  if (node->level != 0) {
    for_own_children(node, [&freed](const Node* child) { freed += free_own(child); });
  } else {
    for_blobs(node, [&freed, node](Blob* blob) {
      if (blob->batch != node->batch) return;
      free_block(blob);
      ++freed;
    });
  }
  free_block(const_cast<Node*>(node));
  return freed;
}

}  // namespace

std::size_t free_top(std::vector<const Node*>& open) {
  const Node* const node = open.back();
  open.pop_back();
  std::size_t freed = 1;
  for (std::size_t i = 0; i < node->count; ++i) {
    if (node->level != 0) {
      open.push_back(node->child(i));
    } else if (const Blob* blob = blob_at(node, i); blob != nullptr) {
      free_block(const_cast<Blob*>(blob));
      ++freed;
    }
  }
  free_block(const_cast<Node*>(node));
  return freed;
}

std::uint64_t free_tree(const Tree& tree) {
  return tree.root() == nullptr ? 0 : free_all(tree.root());
}

std::uint64_t free_batch_nodes(const WriteBatch& batch, const Tree& tree) {
  return tree.root() == nullptr || tree.root()->batch != batch.id ? 0 : free_own(tree.root());
}

// ---- Taking over

namespace {

void restamp(const Node* node, std::uint64_t to, bool with_blobs) {
  if (node->level != 0) {
    for_own_children(node, [&](const Node* child) { restamp(child, to, with_blobs); });
  } else if (with_blobs) {
    for_blobs(node, [&](Blob* blob) {
      if (blob->batch == node->batch) blob->batch = to;
    });
  }
  const_cast<Node*>(node)->batch = to;
}

}  // namespace

void take_over(const WriteBatch& from, const WriteBatch& to, const Tree& tree) {
  if (tree.root() == nullptr || tree.root()->batch != from.id || from.id == to.id) return;
  restamp(tree.root(), to.id, from.blobs_made != 0);
}

void take_over(WriteBatch& from, WriteBatch& to) {
  to.replaced.insert(to.replaced.end(), from.replaced.begin(), from.replaced.end());
  to.blocks_made += from.blocks_made;
  to.blocks_freed += from.blocks_freed;
  to.blobs_made += from.blobs_made;
  to.bytes_made += from.bytes_made;
  to.bytes_replaced += from.bytes_replaced;
  from = WriteBatch(from.id);
}

// ---- Checking

namespace {

struct Bounds {
  std::string_view lower;         // inclusive
  const std::string_view* upper;  // exclusive; null: none
};

void check_layout(const Node* node) {
  GYRE_CHECK(node->count > 0);
  GYRE_CHECK(sizeof(Node) + sizeof(Slot) * node->count <= node->heap_begin);
  std::size_t cells = 0;
  for (std::size_t i = 0; i < node->count; ++i) {
    const Entry entry = entry_at(node, i);
    GYRE_CHECK(node->slots[i].offset >= node->heap_begin);
    GYRE_CHECK(node->slots[i].offset + entry.cell_size() <= node->capacity);
    cells += entry.cell_size();
  }
  GYRE_CHECK(cells == node->cell_bytes);
}

void check_order(const Node* node, Bounds bounds) {
  const std::size_t first = first_keyed(node);
  for (std::size_t i = first; i < node->count; ++i) {
    const std::string_view key = node->key(i);
    GYRE_CHECK(key >= bounds.lower && (bounds.upper == nullptr || key < *bounds.upper));
    GYRE_CHECK(i == first || node->key(i - 1) < key);
    GYRE_CHECK(key.substr(0, node->prefix_size) == node->key(first).substr(0, node->prefix_size));
    GYRE_CHECK(key.size() >= node->prefix_size);
    GYRE_CHECK(node->slots[i].head == head_of(key, node->prefix_size));
    GYRE_CHECK(node->prefix_start == start_of(key.substr(0, node->prefix_size)));
  }
  if (node->level != 0) GYRE_CHECK(node->inner_key(0).empty());
}

// Returns blocks; adds the entries of leaves to `entries`.
std::uint64_t check_node(const Node* node, Bounds bounds, std::uint64_t& entries) {
  check_layout(node);
  check_order(node, bounds);
  std::uint64_t blocks = 1;
  if (node->level == 0) {
    entries += node->count;
    for (std::size_t i = 0; i < node->count; ++i) {
      if (const Blob* blob = blob_at(node, i)) {
        GYRE_CHECK(blob->batch <= node->batch);
        ++blocks;
      }
    }
    return blocks;
  }
  for (std::size_t i = 0; i < node->count; ++i) {
    const Node* child = node->child(i);
    GYRE_CHECK(child->level + 1 == node->level);
    GYRE_CHECK(child->batch <= node->batch);
    GYRE_CHECK(child->batch < node->batch || node->may_have_made(child));
    const std::string_view next = i + 1 < node->count ? node->inner_key(i + 1) : std::string_view();
    const Bounds inside{i == 0 ? bounds.lower : node->inner_key(i),
                        i + 1 < node->count ? &next : bounds.upper};
    blocks += check_node(child, inside, entries);
  }
  return blocks;
}

}  // namespace

std::uint64_t check_tree(const Tree& tree) {
  if (tree.root() == nullptr) {
    GYRE_CHECK(tree.size() == 0);
    return 0;
  }
  std::uint64_t entries = 0;
  const std::uint64_t blocks = check_node(tree.root(), {{}, nullptr}, entries);
  GYRE_CHECK(entries == tree.size());
  return blocks;
}

}  // namespace gyre::storage
