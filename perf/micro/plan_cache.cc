// Finding a plan: by the text as it is, and by the shape of texts that differ in their literals.
#include "adapter/plan_cache.h"

#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gyre::perf {

namespace {

constexpr std::size_t kBytes = 32 * 1024 * 1024;

adapter::PlanCache::Key key_of(std::string_view text) {
  return {text, {}, adapter::EnvironmentId(0), 1};
}

void insert(adapter::PlanCache& plans, std::string_view text, bool by_shape) {
  benchmark::DoNotOptimize(plans.find(key_of(text)));
  auto statement = std::make_unique<adapter::CachedStatement>();
  auto plan = std::make_unique<adapter::Plan>();
  plan->literal_fixed = {false};  // one literal, any value
  statement->plan = std::move(plan);
  plans.insert(key_of(text), std::move(statement), by_shape && plans.has_shape());
}

void hit_by_text(benchmark::State& state) {
  adapter::PlanCache plans(kBytes);
  for (std::int64_t i = 1; i < state.range(0); ++i) insert(plans, "select " + std::to_string(i), false);
  insert(plans, "select * from t", false);
  for (auto _ : state) {
    if (plans.find(key_of("select * from t")) == nullptr) return state.SkipWithError("not found");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(hit_by_text)->Arg(1)->Arg(1000);

void hit_by_shape(benchmark::State& state) {
  adapter::PlanCache plans(kBytes);
  insert(plans, "select * from k where id = 0", true);
  std::vector<std::string> texts;
  for (int i = 1; i <= 1024; ++i) texts.push_back("select * from k where id = " + std::to_string(i * 977));
  std::size_t at = 0;
  for (auto _ : state) {
    if (plans.find(key_of(texts[at++ & 1023])) == nullptr) return state.SkipWithError("not found");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(hit_by_shape);

}  // namespace

}  // namespace gyre::perf

BENCHMARK_MAIN();
