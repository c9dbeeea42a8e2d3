// Lookups begun ahead: while earlier messages of a turn are answered, memory is asked for what later ones
// will need. A lookup in a table that does not fit into the cache waits for the memory of a leaf, then for
// that of one of its entries; begun some messages ahead, both have arrived when it goes on.
//
// What is begun is the lookup itself, of a message that has arrived, in a snapshot that was loaded after
// that; it goes on from the leaf if the message still finds the same tree, and starts anew otherwise.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "storage/tree.h"

namespace gyre::adapter {

// One core's, for the length of a turn: what leaves are kept here is read under the turn's hold.
class Foresight {
 public:
  // Below this many rows a table is taken to be in the cache.
  static constexpr std::uint64_t kLeastRows = 20'000;

  void begin_turn() { first_ = end_ = slots_asked_ = entries_asked_ = 0; }

  // Walks the inner nodes. Lookups are begun in the order in which their messages will be handled.
  void begin(const storage::Tree& tree, std::string_view key) {
    if (key.size() > kMostKey || tree.empty()) return;
    if (end_ - first_ == kMost) ++first_;
    Begun& begun = at(end_++);
    begun.root = tree.root();
    begun.leaf = tree.find_leaf(key);
    begun.size = static_cast<std::uint32_t>(key.size());
    std::memcpy(begun.key, key.data(), key.size());
    if (end_ - slots_asked_ == kGroup) ask();
  }

  // The leaf for this key in this tree, if that lookup was begun; else null.
  const storage::tree::Node* take(const storage::Tree& tree, std::string_view key) {
    for (std::uint32_t i = first_; i != end_; ++i) {
      if (at(i).root != tree.root() || at(i).view() != key) continue;
      if (i >= slots_asked_) ask();
      first_ = i + 1;
      return at(i).leaf;
    }
    return nullptr;
  }

 private:
  static constexpr std::size_t kMostKey = 20;
  static constexpr std::uint32_t kMost = 64;  // more than are announced ahead (reactor::Ring)
  static constexpr std::uint32_t kGroup = 8;
  struct Begun {
    const storage::tree::Node* root;
    const storage::tree::Node* leaf;
    std::uint32_t size;
    char key[kMostKey];
    std::string_view view() const { return {key, size}; }
  };
  Begun& at(std::uint32_t number) { return begun_[number % kMost]; }

  // Asks for the slots of the newest group's leaves, and for the entries of the group before, whose slots have
  // been on their way for a while. For a group together: a request waits until the address has been translated,
  // and only requests that stand next to each other wait at the same time.
  void ask() {
    for (std::uint32_t i = std::max(entries_asked_, first_); i < slots_asked_; ++i)
      storage::Tree::prefetch_entry(at(i).leaf, at(i).view());
    entries_asked_ = slots_asked_;
    for (std::uint32_t i = std::max(slots_asked_, first_); i != end_; ++i)
      storage::Tree::prefetch_leaf(at(i).leaf);
    slots_asked_ = end_;
  }

  // Lookups by number, counted from the turn's first one: entries_asked_ <= slots_asked_ <= end_, first_ <= end_.
  std::array<Begun, kMost> begun_;
  std::uint32_t first_ = 0;  // not taken yet
  std::uint32_t end_ = 0;
  std::uint32_t slots_asked_ = 0;    // of those before this one
  std::uint32_t entries_asked_ = 0;  // likewise
};

}  // namespace gyre::adapter
