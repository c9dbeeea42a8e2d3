// Runs `select * from t` from bytes to bytes as often as the argument says, for perf/instructions: callgrind
// counts the instructions of two runs of different length, and their difference is the queries' alone. Prints
// the allocations of one query, counted here by standing in for malloc.
//
//   count_queries [QUERIES [QUERY [STATEMENT ...]]]     the statements run before
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "perf/micro/memory_server.h"

namespace {

bool g_counting = false;
std::uint64_t g_allocations = 0;

void count_one() {
  if (g_counting) ++g_allocations;
}

}  // namespace

// The C library's own, under the names by which it lets itself be replaced.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* block, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) {
  count_one();
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  count_one();
  return __libc_calloc(count, size);
}
void* realloc(void* block, std::size_t size) {
  count_one();
  return __libc_realloc(block, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  count_one();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** block, std::size_t alignment, std::size_t size) {
  count_one();
  *block = __libc_memalign(alignment, size);
  return *block == nullptr ? 12 : 0;
}
}

int main(int argc, char** argv) {
  const std::uint64_t queries = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1000;
  const char* text = argc > 2 ? argv[2] : "select * from t";
  gyre::perf::MemoryServer server;
  server.query("CREATE TABLE t (id text, value int4)");
  server.query("INSERT INTO t VALUES ('hello', 42)");
  for (int i = 3; i < argc; ++i) server.query(argv[i]);
  const std::string message = gyre::perf::query_message(text);
  constexpr int kWarmUp = 100;
  for (int i = 0; i < kWarmUp; ++i) server.exchange_at_once(message);
  g_counting = true;
  std::size_t bytes = 0;
  for (std::uint64_t i = 0; i < queries; ++i) bytes += server.exchange_at_once(message);
  g_counting = false;
  std::printf("%llu queries, %.3f allocations each, %.1f bytes each\n",
              static_cast<unsigned long long>(queries),
              static_cast<double>(g_allocations) / static_cast<double>(queries),
              static_cast<double>(bytes) / static_cast<double>(queries));
  return 0;
}
