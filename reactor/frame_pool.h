// Memory for coroutine frames of one core: freelists by size class, so that a statement's coroutine costs a
// pop and a push. g++ never elides a frame, so this is its whole price. A frame is freed on the core that
// made it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "reactor/base/check.h"

#if defined(__SANITIZE_ADDRESS__)
#define GYRE_FRAME_POOL_OFF 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GYRE_FRAME_POOL_OFF 1
#endif
#endif

namespace gyre::reactor {

class FramePool {
 public:
#ifdef GYRE_FRAME_POOL_OFF
  static constexpr bool kPooling = false;  // so that the sanitizer sees a use after free
#else
  static constexpr bool kPooling = true;
#endif
  static constexpr std::size_t kStep = 64;  // size classes are multiples of this
  static constexpr std::size_t kLargest = 2048;
  static constexpr std::size_t kHeader = 16;

  FramePool() = default;
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;
  ~FramePool();

  // 16-byte aligned. Give it back with release(), which finds the pool by itself.
  void* allocate(std::size_t size) {
    ++live_;
    const std::size_t total = size + kHeader;
    if (!kPooling || total > kLargest) [[unlikely]]
      return stamp(heap_block(total), 0);
    const std::size_t size_class = (total - 1) / kStep;
    Free*& list = free_[size_class];
    if (list == nullptr) [[unlikely]]
      return stamp(carve(size_class), size_class + 1);
    Free* block = list;
    list = block->next;
    return stamp(block, size_class + 1);
  }
  // For frames that belong to no pool; release() them just the same.
  static void* allocate_without_pool(std::size_t size) {
    auto* header = static_cast<Header*>(heap_block(size + kHeader));
    header->pool = nullptr;
    header->size_class = 0;
    return header + 1;
  }
  static void release(void* frame) {
    Header* header = static_cast<Header*>(frame) - 1;
    FramePool* pool = header->pool;
    if (pool != nullptr) --pool->live_;
    if (header->size_class == 0) {
      std::free(header);
      return;
    }
    Free*& list = pool->free_[header->size_class - 1];
    auto* block = reinterpret_cast<Free*>(header);
    block->next = list;
    list = block;
  }

  std::size_t live() const {
    return live_;
  }  // frames not yet released
  std::size_t footprint() const {
    return footprint_;
  }  // bytes of the pool's chunks

 private:
  struct Header {
    FramePool* pool;         // nullptr: from the heap, outside any pool
    std::size_t size_class;  // 1 + index into free_; 0: from the heap
  };
  static_assert(sizeof(Header) == kHeader);
  struct Free {
    Free* next;
  };
  struct Chunk {
    Chunk* next;
    std::size_t unused;
  };

  void* stamp(void* block, std::size_t size_class) {
    auto* header = static_cast<Header*>(block);
    header->pool = this;
    header->size_class = size_class;
    return header + 1;
  }
  static void* heap_block(std::size_t size) {
    void* block = std::malloc(size);
    if (block == nullptr) throw std::bad_alloc();
    return block;
  }
  void* carve(std::size_t size_class);

  Free* free_[kLargest / kStep] = {};
  Chunk* chunks_ = nullptr;
  char* unused_ = nullptr;  // the rest of the newest chunk
  std::size_t unused_size_ = 0;
  std::size_t live_ = 0;
  std::size_t footprint_ = 0;
};

}  // namespace gyre::reactor
