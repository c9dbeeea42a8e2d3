// A bump allocator for the values of one statement. Freed all at once; the first block is kept for the next
// statement, so a warmed-up arena serves short statements without touching the heap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <utility>

#include "reactor/base/memory_budget.h"

namespace gyre {

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();

  // `count` uninitialised bytes, aligned to `alignment` (a power of two, at most 16). Valid until reset().
  char* allocate(std::size_t count, std::size_t alignment = 8) {
    const std::size_t start = (used_ + alignment - 1) & ~(alignment - 1);
    if (start + count > capacity_) [[unlikely]]
      return allocate_slow(count);
    used_ = start + count;
    return block_ + start;
  }
  std::string_view copy(std::string_view bytes) {
    if (bytes.empty()) return {};
    char* copied = allocate(bytes.size(), 1);
    std::memcpy(copied, bytes.data(), bytes.size());
    return {copied, bytes.size()};
  }
  // Trivially destructible objects only: nothing is ever destroyed.
  template <class T>
  std::span<T> array(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    T* first = reinterpret_cast<T*>(allocate(count * sizeof(T), alignof(T)));
    for (std::size_t i = 0; i < count; ++i) new (first + i) T();
    return {first, count};
  }

  // From now on blocks are paid for from this budget, which outlives the arena; before the first allocation.
  void set_budget(MemoryBudget& budget) { budget_ = &budget; }
  // For bytes that are gathered elsewhere before they come here: throws OverBudget where there is no room for
  // so many.
  void check_room(std::size_t bytes) const {
    if (budget_ != nullptr) budget_->check(bytes);
  }

  // Bytes obtained from the heap, current and earlier blocks together.
  std::size_t footprint() const { return footprint_; }
  // Frees everything but the newest block (dropped as well above kKeepBytes).
  void reset();

 private:
  static constexpr std::size_t kFirstBlock = 4096;
  static constexpr std::size_t kKeepBytes = 64 * 1024;

  struct BlockHeader {
    BlockHeader* previous;
    std::size_t size;
  };
  char* allocate_slow(std::size_t count);
  std::size_t next_block(std::size_t count) const;
  void free_block(BlockHeader* block);

  char* block_ = nullptr;     // first usable byte of the current block; its header lies before it
  std::size_t used_ = 0;      // bytes handed out of the current block
  std::size_t capacity_ = 0;  // usable bytes of the current block
  std::size_t footprint_ = 0;
  MemoryBudget* budget_ = nullptr;  // null: as much as there is
};

}  // namespace gyre
