// The copy-on-write tree: point reads, scans, and commits of few and many rows.
#include "storage/tree.h"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>

#include "reactor/base/out_buffer.h"
#include "storage/key.h"

namespace gyre::perf {

namespace {

void make_key(std::int32_t id, OutBuffer& key) {
  key.clear();
  key.append_byte(storage::kKeyValue);
  storage::append_key_int32(id, key);
}

// A tree of `rows` ids from 0 on. What it holds is left to the process's end.
storage::Tree make_tree(std::int64_t rows) {
  storage::Tree tree;
  storage::WriteBatch batch(1);
  OutBuffer key;
  const std::string value(24, 'v');
  for (std::int64_t id = 0; id < rows; ++id) {
    make_key(static_cast<std::int32_t>(id), key);
    storage::append(batch, tree, key.view(), value);
  }
  return tree;
}

std::uint32_t next_random(std::uint32_t& state) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

void get(benchmark::State& state) {
  const storage::Tree tree = make_tree(state.range(0));
  OutBuffer key;
  std::uint32_t random = 1;
  for (auto _ : state) {
    make_key(static_cast<std::int32_t>(next_random(random) % static_cast<std::uint32_t>(state.range(0))),
             key);
    std::string_view value;
    benchmark::DoNotOptimize(tree.get(key.view(), value));
  }
  state.SetItemsProcessed(state.iterations());
  storage::free_tree(tree);
}
BENCHMARK(get)->Arg(1)->Arg(1000)->Arg(1'000'000);

void scan(benchmark::State& state) {
  const storage::Tree tree = make_tree(state.range(0));
  for (auto _ : state) {
    std::size_t bytes = 0;
    for (storage::TreeRange range(tree, {}, {}); range.valid(); range.next()) bytes += range.value().size();
    benchmark::DoNotOptimize(bytes);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  storage::free_tree(tree);
}
BENCHMARK(scan)->Arg(1)->Arg(1'000'000)->Unit(benchmark::kMicrosecond);

// One commit that overwrites as many random rows of a million as the argument says.
void apply(benchmark::State& state) {
  constexpr std::uint32_t kRows = 1'000'000;
  storage::Tree tree = make_tree(kRows);
  OutBuffer key;
  const std::string value(24, 'w');
  std::uint32_t random = 1;
  std::uint64_t id = 1;
  for (auto _ : state) {
    storage::WriteBatch batch(++id);
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      make_key(static_cast<std::int32_t>(next_random(random) % kRows), key);
      storage::put(batch, tree, key.view(), value);
    }
    for (storage::tree::Block* block : batch.replaced) storage::free_block(block);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  storage::free_tree(tree);
}
BENCHMARK(apply)->Arg(1)->Arg(100)->Arg(10'000)->Unit(benchmark::kMicrosecond);

}  // namespace

}  // namespace gyre::perf

BENCHMARK_MAIN();
