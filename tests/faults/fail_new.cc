// Preloaded into a server: makes the n-th allocation of C++ from now on fail, and all later ones if told so.
// What is to be done stands in a file of four numbers that GYRE_FAIL_NEW names, mapped into both this process
// and the one that tests:
//
//   countdown    allocations until the one that fails; 0: none will
//   forever      1: once one has failed this becomes 2, and all fail until it is changed
//   failures     how many have failed
//   allocations  how many were asked for
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {

struct Control {
  std::atomic<std::int64_t> countdown, forever, failures, allocations;
};

Control* map_control() {
  const char* const path = std::getenv("GYRE_FAIL_NEW");
  const int fd = path == nullptr ? -1 : ::open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return nullptr;
  void* const mapped = ::mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  return mapped == MAP_FAILED ? nullptr : static_cast<Control*>(mapped);
}

bool fails() {
  static Control* const control = map_control();
  if (control == nullptr) return false;
  control->allocations.fetch_add(1, std::memory_order_relaxed);
  const bool now = control->countdown.load(std::memory_order_relaxed) > 0
                       ? control->countdown.fetch_sub(1) == 1
                       : control->forever.load(std::memory_order_relaxed) == 2;
  if (!now) return false;
  if (control->forever.load() == 1) control->forever.store(2);
  control->failures.fetch_add(1);
  return true;
}

void* allocate(std::size_t size, std::size_t alignment) {
  if (fails()) return nullptr;
  if (size == 0) size = 1;
  return alignment <= alignof(max_align_t)
             ? std::malloc(size)
             : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

void* allocate_or_throw(std::size_t size, std::size_t alignment) {
  if (void* const memory = allocate(size, alignment)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) {
  return allocate_or_throw(size, 1);
}
void* operator new[](std::size_t size) {
  return allocate_or_throw(size, 1);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return allocate_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return allocate(size, 1);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return allocate(size, 1);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
