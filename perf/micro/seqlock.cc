// Reading the published state, alone and beside a writer.
#include "oracle/seqlock.h"

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "oracle/published_state.h"
#include "oracle/read_holds.h"

namespace gyre::perf {

namespace {

void load(benchmark::State& state) {
  oracle::PublishedState published;
  for (auto _ : state) benchmark::DoNotOptimize(published.load());
}
BENCHMARK(load);

// A commit every few microseconds, which is far more often than a server commits.
void load_beside_writer(benchmark::State& state) {
  oracle::PublishedState published;
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    oracle::Publication next;
    while (!stop.load(std::memory_order_relaxed)) {
      next.catalog_version += 1;
      published.publish(next);
      for (int i = 0; i < 1000; ++i) benchmark::DoNotOptimize(i);
    }
  });
  for (auto _ : state) benchmark::DoNotOptimize(published.load());
  stop = true;
  writer.join();
}
BENCHMARK(load_beside_writer)->UseRealTime();

// What a shard does for its statements' timestamps: one hold for each turn, in which every connection has one
// statement, and one load for each statement, kept in the connection's own memory. Time per statement.
struct Reader {
  Timestamp read_ts;
  std::byte others[4152];  // what else a connection has; no multiple of a page, so that all cache sets are used
};

void read_timestamp(benchmark::State& state) {
  oracle::PublishedState published;
  std::atomic<bool> stop{false};
  std::thread writer;
  if (state.range(1) != 0) {
    writer = std::thread([&] {
      oracle::Publication next;
      while (!stop.load(std::memory_order_relaxed)) {
        ++next.read_ts.value;
        published.publish(next);
        for (int i = 0; i < 1000; ++i) benchmark::DoNotOptimize(i);
      }
    });
  }
  std::vector<Reader> connections(static_cast<std::size_t>(state.range(0)));
  oracle::ReadHolds holds(1);
  holds.wake(0, published);
  for (auto _ : state) {
    holds.announce(0, published);
    for (Reader& connection : connections) {
      connection.read_ts = published.load().read_ts;
      benchmark::DoNotOptimize(connection);
    }
  }
  stop = true;
  if (writer.joinable()) writer.join();
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["per_statement"] = benchmark::Counter(
      static_cast<double>(state.iterations() * state.range(0)), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(read_timestamp)->ArgNames({"connections", "writer"})->ArgsProduct({{1, 4, 16, 64, 128, 256}, {0, 1}})->UseRealTime();

void announce(benchmark::State& state) {
  oracle::PublishedState published;
  oracle::ReadHolds holds(1);
  holds.wake(0, published);
  for (auto _ : state) benchmark::DoNotOptimize(holds.announce(0, published));
}
BENCHMARK(announce);

}  // namespace

}  // namespace gyre::perf

BENCHMARK_MAIN();
