// Reading the published state, alone and beside a writer.
#include "oracle/seqlock.h"

#include <benchmark/benchmark.h>

#include <atomic>
#include <thread>

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
