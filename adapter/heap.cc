#include "adapter/heap.h"

#ifdef GYRE_MIMALLOC
#include <mimalloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#endif

namespace gyre::adapter {

#ifdef GYRE_MIMALLOC

std::size_t take_heap_in_huge_pages() {
  constexpr std::size_t kSegment = std::size_t{64}
                                   << 20;  // what mimalloc wants its arenas aligned to, and more
  const std::size_t memory =
      static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t size = memory / kSegment * kSegment;
  if (size == 0) return 0;
  const std::size_t mapped = size + kSegment;
  void* space = mmap(nullptr, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (space == MAP_FAILED) return 0;
  const auto begin = reinterpret_cast<std::uintptr_t>(space);
  auto* const aligned = reinterpret_cast<void*>((begin + kSegment - 1) / kSegment * kSegment);
  constexpr bool kCommitted = false, kPinned = false, kZero = true;
  constexpr int kAnyNode = -1;
  if (madvise(aligned, size, MADV_HUGEPAGE) != 0 ||
      !mi_manage_os_memory(aligned, size, kCommitted, kPinned, kZero, kAnyNode)) {
    munmap(space, mapped);
    return 0;
  }
  return size;
}

#else

std::size_t take_heap_in_huge_pages() {
  return 0;
}

#endif

}  // namespace gyre::adapter
