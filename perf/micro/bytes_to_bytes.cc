// A whole session fed from memory: what a query costs without a kernel.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "perf/micro/memory_server.h"

namespace gyre::perf {

namespace {

void fill(MemoryServer& server) {
  server.query("CREATE TABLE t (id text, value int4)");
  server.query("INSERT INTO t VALUES ('hello', 42)");
}

// `queries` messages arrive together.
void select_star(benchmark::State& state) {
  MemoryServer server;
  fill(server);
  std::string messages;
  for (std::int64_t i = 0; i < state.range(0); ++i) messages += query_message("select * from t");
  server.exchange(messages);
  for (auto _ : state) benchmark::DoNotOptimize(server.exchange_at_once(messages));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(select_star)->Arg(1)->Arg(16);

void fill_k(MemoryServer& server, int rows) {
  server.query("CREATE TABLE k (id int4 PRIMARY KEY, v text)");
  constexpr int kChunk = 1000;
  for (int first = 1; first <= rows; first += kChunk) {
    std::string insert = "INSERT INTO k VALUES ";
    for (int id = first; id < first + kChunk; ++id)
      insert += (id == first ? "(" : ",(") + std::to_string(id) + ",'value " + std::to_string(id) + "')";
    server.query(insert);
  }
}

// Ever new literals: the plan is found by the statement's shape.
void point_lookup_literal(benchmark::State& state) {
  MemoryServer server;
  constexpr int kRows = 100'000;
  fill_k(server, kRows);
  std::vector<std::string> messages;
  for (int i = 0; i < 4096; ++i)
    messages.push_back(query_message("select * from k where id = " + std::to_string(1 + i * 7919 % kRows)));
  for (const std::string& message : messages) server.exchange(message);
  std::size_t at = 0;
  for (auto _ : state) benchmark::DoNotOptimize(server.exchange_at_once(messages[at++ & 4095]));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(point_lookup_literal);

}  // namespace

}  // namespace gyre::perf

BENCHMARK_MAIN();
