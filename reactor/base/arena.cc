#include "reactor/base/arena.h"

#include <algorithm>
#include <cstdlib>

namespace gyre {

char* Arena::allocate_slow(std::size_t count) {
  const std::size_t usable = std::max({count, capacity_ * 2, kFirstBlock});
  auto* header = static_cast<BlockHeader*>(std::malloc(sizeof(BlockHeader) + usable));
  if (header == nullptr) throw std::bad_alloc();
  header->previous = block_ == nullptr ? nullptr : reinterpret_cast<BlockHeader*>(block_) - 1;
  header->size = usable;
  block_ = reinterpret_cast<char*>(header + 1);
  capacity_ = usable;
  footprint_ += usable;
  used_ = count;
  return block_;
}

void Arena::reset() {
  used_ = 0;
  if (block_ == nullptr) return;
  auto* current = reinterpret_cast<BlockHeader*>(block_) - 1;
  while (BlockHeader* older = current->previous) {
    current->previous = older->previous;
    footprint_ -= older->size;
    std::free(older);
  }
  if (capacity_ > kKeepBytes) {
    std::free(current);
    block_ = nullptr;
    capacity_ = footprint_ = 0;
  }
}

Arena::~Arena() {
  BlockHeader* header = block_ == nullptr ? nullptr : reinterpret_cast<BlockHeader*>(block_) - 1;
  while (header != nullptr) {
    BlockHeader* previous = header->previous;
    std::free(header);
    header = previous;
  }
}

}  // namespace gyre
