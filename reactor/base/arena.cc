#include "reactor/base/arena.h"

#include <algorithm>
#include <cstdlib>

namespace gyre {

// Twice the last one, so that there are few; where that is more than may be taken, what is needed.
std::size_t Arena::next_block(std::size_t count) const {
  const std::size_t wanted = std::max({count, capacity_ * 2, kFirstBlock});
  return budget_ == nullptr || budget_->has(wanted) ? wanted : std::max(count, kFirstBlock);
}

char* Arena::allocate_slow(std::size_t count) {
  const std::size_t usable = next_block(count);
  if (budget_ != nullptr) budget_->take(usable);
  auto* header = static_cast<BlockHeader*>(std::malloc(sizeof(BlockHeader) + usable));
  if (header == nullptr) {
    if (budget_ != nullptr) budget_->give_back(usable);
    throw std::bad_alloc();
  }
  header->previous = block_ == nullptr ? nullptr : reinterpret_cast<BlockHeader*>(block_) - 1;
  header->size = usable;
  block_ = reinterpret_cast<char*>(header + 1);
  capacity_ = usable;
  footprint_ += usable;
  used_ = count;
  return block_;
}

void Arena::free_block(BlockHeader* block) {
  if (budget_ != nullptr) budget_->give_back(block->size);
  std::free(block);
}

void Arena::reset() {
  used_ = 0;
  if (block_ == nullptr) return;
  auto* current = reinterpret_cast<BlockHeader*>(block_) - 1;
  while (BlockHeader* older = current->previous) {
    current->previous = older->previous;
    footprint_ -= older->size;
    free_block(older);
  }
  if (capacity_ > kKeepBytes) {
    free_block(current);
    block_ = nullptr;
    capacity_ = footprint_ = 0;
  }
}

Arena::~Arena() {
  BlockHeader* header = block_ == nullptr ? nullptr : reinterpret_cast<BlockHeader*>(block_) - 1;
  while (header != nullptr) {
    BlockHeader* previous = header->previous;
    free_block(header);
    header = previous;
  }
}

}  // namespace gyre
