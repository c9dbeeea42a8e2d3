// What recording a value costs in a core's own histogram, and in one that all cores share, as a metrics library
// has it: three atomic additions (bucket, count, sum) to lines that every core writes. Latencies of some
// microseconds fall into a few neighbouring buckets, so the buckets are shared in fact as well.
#include <benchmark/benchmark.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "reactor/base/histogram.h"

namespace {

std::uint64_t next_value(std::uint64_t& state) {
  state = state * 6364136223846793005ull + 1442695040888963407ull;
  return 3000 + (state >> 54);  // 3 to 4 us
}

void own(benchmark::State& state) {
  gyre::Histogram histogram;
  std::uint64_t seed = static_cast<std::uint64_t>(state.thread_index()) + 1;
  benchmark::DoNotOptimize(&histogram);
  for (auto _ : state) {
    histogram.record(next_value(seed));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(own)->Threads(1)->Threads(2)->UseRealTime();

struct Shared {
  std::array<std::atomic<std::uint64_t>, gyre::Histogram::kBuckets> buckets{};
  std::atomic<std::uint64_t> count{0};
  std::atomic<std::uint64_t> sum{0};
};
Shared g_shared;

void shared(benchmark::State& state) {
  std::uint64_t seed = static_cast<std::uint64_t>(state.thread_index()) + 1;
  for (auto _ : state) {
    const std::uint64_t value = next_value(seed);
    g_shared.buckets[gyre::Histogram::bucket_of(value)].fetch_add(1, std::memory_order_relaxed);
    g_shared.count.fetch_add(1, std::memory_order_relaxed);
    g_shared.sum.fetch_add(value, std::memory_order_relaxed);
  }
}
BENCHMARK(shared)->Threads(1)->Threads(2)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
