// Runs a statement from bytes to bytes as often as the argument says, for perf/instructions: callgrind counts
// the instructions of measured_exchanges() alone. Prints the allocations of one statement, counted here by
// standing in for malloc.
//
//   count_queries [--slow] [QUERIES [QUERY [STATEMENT ...]]]     the statements run before
//
// `select * from t` is run where nothing is said. {n} in QUERY is 1, 2, ...: another number each time. After
// a COPY ... FROM STDIN 100 rows of an int4, {n}00 to {n}99, and a text follow. Nothing counts as a slow
// statement, so that a slow machine does not change the figures; with --slow whatever takes long enough does,
// as in a server.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

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

namespace {

constexpr std::uint64_t kWarmUp = 100;
constexpr int kCopied = 100;

std::string replaced(std::string text, std::string_view what, const std::string& with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

std::string messages_of(const std::string& query, std::uint64_t number) {
  const std::string text = replaced(query, "{n}", std::to_string(number));
  if (!text.ends_with("FROM STDIN")) return gyre::perf::query_message(text);
  std::string rows;
  for (int i = 0; i < kCopied; ++i)
    rows += std::to_string(number * kCopied + static_cast<std::uint64_t>(i)) + "\ta value\n";
  return gyre::perf::copy_messages(text, rows);
}

}  // namespace

// What callgrind looks for by this name. Returns the bytes of all answers.
extern "C" [[gnu::noinline]] std::size_t measured_exchanges(gyre::perf::MemoryServer& server,
                                                            const std::vector<std::string>& messages) {
  std::size_t bytes = 0;
  for (const std::string& one : messages) bytes += server.exchange_at_once(one);
  return bytes;
}

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const bool slow = !arguments.empty() && arguments[0] == "--slow";
  if (slow) arguments.erase(arguments.begin());
  const std::uint64_t queries = arguments.empty() ? 1000 : std::strtoull(arguments[0].c_str(), nullptr, 10);
  const std::string query = arguments.size() > 1 ? arguments[1] : "select * from t";
  if (queries == 0) {
    std::fprintf(stderr, "count_queries: at least one query\n");
    return 64;
  }
  gyre::perf::MemoryServer server;
  server.query("CREATE TABLE t (id text, value int4)");
  server.query("INSERT INTO t VALUES ('hello', 42)");
  for (std::size_t i = 2; i < arguments.size(); ++i) server.query(arguments[i]);
  if (!slow) server.notice_nothing_slow();
  for (std::uint64_t i = 1; i <= kWarmUp; ++i) server.exchange_well(messages_of(query, i));
  std::vector<std::string> messages;
  for (std::uint64_t i = 1; i <= queries; ++i) messages.push_back(messages_of(query, kWarmUp + i));
  g_counting = true;
  const std::size_t bytes = measured_exchanges(server, messages);
  g_counting = false;
  server.exchange_well(messages_of(query, kWarmUp + queries + 1));
  std::printf("%llu queries, %.3f allocations each, %.1f bytes each\n",
              static_cast<unsigned long long>(queries),
              static_cast<double>(g_allocations) / static_cast<double>(queries),
              static_cast<double>(bytes) / static_cast<double>(queries));
  return 0;
}
