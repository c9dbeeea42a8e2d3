// What a statement may still take of memory. Whatever grows with what a client asks for (arenas, buffers,
// tables of groups) takes from the budget before it allocates, so that a value that is too large is refused
// and not made. One thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <string>

namespace gyre {

// More than may be taken. Is a bad_alloc, so whoever copes with that copes with this.
class OverBudget final : public std::bad_alloc {
 public:
  explicit OverBudget(std::size_t limit) : limit_(limit) {}
  std::string detail() const {
    return "The statement needs more than the " + std::to_string(limit_) +
           " bytes of memory that it may use.";
  }
  const char* what() const noexcept override { return "out of memory"; }

 private:
  std::size_t limit_;
};

class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t limit = SIZE_MAX) : limit_(limit) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  void set_limit(std::size_t limit) { limit_ = limit; }
  std::size_t limit() const { return limit_; }
  std::size_t used() const { return used_; }
  bool has(std::size_t bytes) const { return used_ <= limit_ && bytes <= limit_ - used_; }

  // Throws OverBudget where so much is not left; then nothing is taken.
  void take(std::size_t bytes) {
    check(bytes);
    used_ += bytes;
  }
  void give_back(std::size_t bytes) { used_ -= bytes; }
  void check(std::size_t bytes) const {
    if (!has(bytes)) [[unlikely]]
      throw OverBudget(limit_);
  }

 private:
  std::size_t limit_;
  std::size_t used_ = 0;
};

}  // namespace gyre
