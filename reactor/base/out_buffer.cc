#include "reactor/base/out_buffer.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

#include "reactor/base/memory_budget.h"

namespace gyre {

namespace {
constexpr std::size_t kFirstCapacity = 512;
}

OutBuffer::OutBuffer(OutBuffer&& other) noexcept {
  swap(other);
}

OutBuffer& OutBuffer::operator=(OutBuffer&& other) noexcept {
  OutBuffer moved(std::move(other));
  swap(moved);
  return *this;
}

OutBuffer::~OutBuffer() {
  std::free(data_);
}

void OutBuffer::swap(OutBuffer& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
}

void OutBuffer::release_above(std::size_t keep) {
  if (capacity_ <= keep || size_ != 0) return;
  std::free(data_);
  data_ = nullptr;
  capacity_ = 0;
}

void OutBuffer::grow(std::size_t more) {
  if (more > limit_ || size_ > limit_ - more) throw OverBudget(limit_);
  const std::size_t wanted = std::max({size_ + more, std::min(capacity_ * 2, limit_), kFirstCapacity});
  void* moved = std::realloc(data_, wanted);
  if (moved == nullptr) throw std::bad_alloc();
  data_ = static_cast<char*>(moved);
  capacity_ = wanted;
}

}  // namespace gyre
