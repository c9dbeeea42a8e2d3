// Cutting a client's bytes into messages.
#include "pgwire/framer.h"

#include <benchmark/benchmark.h>

#include <string>

#include "pgwire/client_messages.h"

namespace gyre::perf {

namespace {

void frame_queries(benchmark::State& state) {
  OutBuffer out;
  for (std::int64_t i = 0; i < state.range(0); ++i) pgwire::client::query(out, "select * from t");
  pgwire::Framer framer;
  framer.set_phase(pgwire::FramePhase::after_login);
  for (auto _ : state) {
    std::span<const char> input(out.data(), out.size());
    while (framer.next(input).status == pgwire::FrameStatus::complete) benchmark::DoNotOptimize(input);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(frame_queries)->Arg(1)->Arg(16);

// A stream that is cut in the middle of every message.
void assemble_cut_queries(benchmark::State& state) {
  OutBuffer out;
  pgwire::client::query(out, "select * from t");
  pgwire::InputAssembler assembler;
  assembler.set_phase(pgwire::FramePhase::after_login);
  const std::size_t cut = out.size() / 2;
  for (auto _ : state) {
    assembler.feed({out.data(), cut});
    benchmark::DoNotOptimize(assembler.next());
    assembler.feed({out.data() + cut, out.size() - cut});
    benchmark::DoNotOptimize(assembler.next());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(assemble_cut_queries);

}  // namespace

}  // namespace gyre::perf

BENCHMARK_MAIN();
