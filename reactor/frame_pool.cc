#include "reactor/frame_pool.h"

namespace gyre::reactor {

namespace {
constexpr std::size_t kChunkSize = 64 * 1024;
}

FramePool::~FramePool() {
  while (chunks_ != nullptr) {
    Chunk* next = chunks_->next;
    std::free(chunks_);
    chunks_ = next;
  }
}

void* FramePool::carve(std::size_t size_class) {
  const std::size_t size = (size_class + 1) * kStep;
  if (unused_size_ < size) {
    auto* chunk = static_cast<Chunk*>(heap_block(kChunkSize));
    static_assert(sizeof(Chunk) == kHeader);
    chunk->next = chunks_;
    chunks_ = chunk;
    unused_ = reinterpret_cast<char*>(chunk + 1);
    unused_size_ = kChunkSize - sizeof(Chunk);
    footprint_ += kChunkSize;
  }
  char* block = unused_;
  unused_ += size;
  unused_size_ -= size;
  return block;
}

}  // namespace gyre::reactor
