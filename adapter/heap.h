// The heap's memory in huge pages, where the kernel gives them on request.
//
// A lookup in a table that does not fit into the cache touches leaves all over the heap; with pages of 4 KiB most
// of these touches miss the TLB as well, and on a virtual machine walking two page tables takes longer than the
// memory behind them.
#pragma once

#include <cstddef>

namespace gyre::adapter {

// Gives the allocator address space as large as the machine's memory, of which nothing is used yet, with the
// request for huge pages; what is freed goes back to the kernel as before. Returns its size in bytes; 0 where the
// program has another allocator, or the kernel has no huge pages or refuses. Once, before other threads begin.
std::size_t take_heap_in_huge_pages();

}  // namespace gyre::adapter
