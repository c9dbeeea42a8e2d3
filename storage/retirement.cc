#include "storage/retirement.h"

#include <cstdint>

#include "storage/tree.h"

namespace gyre::storage {

Retirement::~Retirement() {
  (void)free_some(SIZE_MAX);
}

std::size_t Retirement::free_some(std::size_t limit) {
  std::size_t freed = 0;
  for (; freed < limit && !retired_->blocks.empty(); ++freed) {
    free_block(retired_->blocks.back());
    retired_->blocks.pop_back();
  }
  while (freed < limit && !(open_.empty() && retired_->trees.empty())) {
    if (open_.empty()) {
      const Tree tree = retired_->trees.back();
      retired_->trees.pop_back();
      if (tree.root() != nullptr) open_.push_back(tree.root());
      continue;
    }
    freed += free_top(open_);
  }
  return freed;
}

}  // namespace gyre::storage
