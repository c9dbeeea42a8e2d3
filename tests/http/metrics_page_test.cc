#include "adapter/http/metrics_page.h"

#include <gtest/gtest.h>
#include <stdio.h>
#include <stdlib.h>

#include <random>

#include "tests/http/exposition.h"
#include "tests/reactor/seed.h"

namespace gyre::test {
namespace {

using adapter::MetricsSnapshot;
using adapter::ProcessFacts;

const ProcessFacts kProcess = {
    .version = "0.1.0", .backend = "io_uring", .resident_bytes = 1 << 20, .start_time_seconds = 1.7e9};

std::string errors_of(const Exposition& page) {
  std::string all;
  for (const std::string& error : page.errors) all += error + "\n";
  return all;
}

// Two cores with figures drawn from the seed.
std::vector<MetricsSnapshot> random_snapshots(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto some = [&] { return random() % 1'000'000; };
  std::vector<MetricsSnapshot> cores(2);
  for (MetricsSnapshot& core : cores) {
    for (auto& entrance : core.core.queries)
      for (std::uint64_t& count : entrance) count = some();
    for (int i = 0; i < 500; ++i) {
      core.core.cached_peek_ns[random() % adapter::kIsolationLevels].record(random() >> (24 + random() % 36));
      core.core.planned_peek_ns.record(random() >> (24 + random() % 36));
      for (auto& level : core.core.first_row_ns)
        for (Histogram& strategy : level.of) strategy.record(random() % 1'000'000);
      for (Histogram& kind : core.core.wire_ns.of) kind.record(random() % 100'000);
      for (Histogram& kind : core.core.message_ns.of) kind.record(random() % 100'000);
      core.core.batch_calls.record(random() >> (44 + random() % 20));
      core.loop.turn_ns.record(random() % 1'000'000);
      core.loop.turn_completions.record(random() % 300);
      core.core.read_ts_ns.record(random() % 200);
      core.core.append_ns.record(some());
    }
    core.core.plan_hits = some();
    core.core.connections_open = some();
    core.core.connections_failed[0] = some();
    core.loop.turns = some();
    core.loop.busy_ns = some();
    core.backend.submissions = some();
  }
  cores[1].processor = 5;
  cores[1].oracle = true;
  return cores;
}

TEST(MetricsPage, IsWellFormedWhenNothingHasHappened) {
  const std::vector<MetricsSnapshot> cores(1);
  Exposition page = read_exposition(render_metrics(cores, kProcess));
  EXPECT_EQ(page.value("mz_frontend_peek_seconds_count", {{"method", "try_frontend_peek"}, {"kind", "try_frontend_peek"}}), 0);
  EXPECT_EQ(page.value("gyre_build_info", {{"version", "0.1.0"}, {"backend", "io_uring"}}), 1);
  EXPECT_EQ(errors_of(page), "");
}

TEST(MetricsPage, TellsWhatTransactionsKeep) {
  std::vector<MetricsSnapshot> cores(3);
  for (int i = 0; i < 3; ++i) cores[static_cast<std::size_t>(i)].processor = i;
  cores[0].core.open_transactions = 2;
  cores[1].core.open_transactions = 3;
  cores[0].core.read_set_bytes = cores[1].core.read_set_bytes = 500;
  cores[1].core.limit_errors[static_cast<std::size_t>(adapter::LimitError::too_complex)] = 4;
  cores[2].core.retained_bytes = 70'000;
  cores[2].core.branch_bytes = 900;
  EXPECT_EQ(read_exposition(render_metrics(cores, kProcess)).value("gyre_oldest_snapshot_age_seconds", {}), 0);
  cores[2].core.oldest_replaced_us = 1'000'000;
  Exposition page = read_exposition(render_metrics(cores, kProcess));
  EXPECT_EQ(page.value("gyre_open_transactions", {}), 5);
  EXPECT_EQ(page.value("gyre_read_set_bytes", {}), 1000);
  EXPECT_EQ(page.value("gyre_retained_bytes", {}), 70'000);
  EXPECT_EQ(page.value("gyre_transaction_change_bytes", {}), 900);
  EXPECT_GT(page.value("gyre_oldest_snapshot_age_seconds", {}), 0);
  EXPECT_EQ(page.value("gyre_limit_errors_total", {{"sqlstate", "54001"}}), 4);
  EXPECT_EQ(errors_of(page), "");
}

TEST(MetricsPage, TellsOfTheLogWhereThereIsOne) {
  const std::vector<MetricsSnapshot> cores(1);
  oracle::wal::WriterStats log;
  log.records = 7;
  log.sync_ns.record(1'000'000);
  log.failed = true;
  ProcessFacts facts = kProcess;
  EXPECT_EQ(render_metrics(cores, facts).find("gyre_wal"), std::string::npos);
  facts.log = &log;
  Exposition page = read_exposition(render_metrics(cores, facts));
  EXPECT_EQ(page.value("gyre_wal_records_total"), 7);
  EXPECT_EQ(page.value("gyre_wal_sync_seconds_count"), 1);
  EXPECT_EQ(page.value("gyre_wal_failed"), 1);
  EXPECT_EQ(errors_of(page), "");
}

std::uint64_t of_all_applications(const MetricsSnapshot& core, adapter::EntranceKind entrance, std::size_t kind) {
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(adapter::Application::count_); ++i)
    all += core.core.queries[adapter::source_of(entrance, static_cast<adapter::Application>(i))][kind];
  return all;
}

TEST(MetricsPage, AddsUpTheCores) {
  const std::uint64_t seed = test_seed(7);
  SCOPED_TRACE(seed_note(seed));
  const auto cores = random_snapshots(seed);
  Exposition page = read_exposition(render_metrics(cores, kProcess));
  const auto sum = [&](auto figure) { return static_cast<double>(figure(cores[0]) + figure(cores[1])); };
  EXPECT_EQ(page.value("mz_query_total", {{"session_type", "user"}, {"statement_type", "select"}}),
            sum([](const MetricsSnapshot& core) { return of_all_applications(core, adapter::EntranceKind::external, 0); }));
  EXPECT_EQ(page.value("mz_query_total", {{"session_type", "system"}, {"statement_type", "delete"}}),
            sum([](const MetricsSnapshot& core) { return of_all_applications(core, adapter::EntranceKind::internal, 3); }));
  EXPECT_EQ(page.value("mz_connection_status", {{"source", "external"}, {"status", "error"}}),
            sum([](const MetricsSnapshot& core) { return core.core.connections_failed[0]; }));
  EXPECT_EQ(page.value("gyre_plan_cache_hits_total"),
            sum([](const MetricsSnapshot& core) { return core.core.plan_hits; }));
  EXPECT_EQ(page.value("gyre_connections"),
            sum([](const MetricsSnapshot& core) { return core.core.connections_open; }));
  EXPECT_EQ(page.value("mz_append_table_duration_seconds_count"), 1000);
  EXPECT_EQ(page.value("mz_compute_peek_duration_seconds_count", {{"instance_id", "quickstart"}, {"result", "rows"}}),
            2000);
  EXPECT_EQ(page.value("mz_slow_message_handling_count", {{"message_kind", "command-terminate"}}), 1000);
  EXPECT_EQ(page.value("mz_coordinator_message_batch_size_count"), 1000);
  EXPECT_EQ(page.value("mz_coordinator_message_batch_size_sum"), sum([](const MetricsSnapshot& core) {
              return core.core.batch_calls.sum();
            }));
  EXPECT_EQ(page.value("gyre_reactor_turn_completions_count", {{"core", "5"}, {"role", "oracle"}}), 500);
  EXPECT_EQ(page.value("gyre_reactor_turns_total", {{"core", "0"}, {"role", "shard"}}),
            static_cast<double>(cores[0].loop.turns));
  EXPECT_EQ(page.value("gyre_reactor_submissions_total", {{"core", "5"}, {"role", "oracle"}}),
            static_cast<double>(cores[1].backend.submissions));
  EXPECT_EQ(errors_of(page), "");
}

// What is read from the plan cache has its first row with its last, so it counts there, too.
TEST(MetricsPage, CachedReadsAreFirstRowsAndTimestamps) {
  std::vector<MetricsSnapshot> cores(2);
  const auto strict = static_cast<std::size_t>(adapter::IsolationLevel::strict_serializable);
  const auto committed = static_cast<std::size_t>(adapter::IsolationLevel::read_committed);
  cores[1].processor = 1;
  for (MetricsSnapshot& core : cores) {
    core.core.cached_peek_ns[strict].record(1000);
    core.core.cached_peek_ns[committed].record(2000);
    core.core.first_row_ns[strict][adapter::Strategy::fast_path].record(3000);
    core.core.first_row_ns[strict][adapter::Strategy::standard].record(4000);
    core.core.timestamps[strict] = 10;
  }
  Exposition page = read_exposition(render_metrics(cores, kProcess));
  const auto first_rows = [&](const char* level, const char* strategy) {
    return page.value("mz_time_to_first_row_seconds_count",
                      {{"instance_id", "quickstart"}, {"isolation_level", level}, {"strategy", strategy}});
  };
  EXPECT_EQ(first_rows("strict serializable", "fast-path"), 4);
  EXPECT_EQ(first_rows("strict serializable", "standard"), 2);
  EXPECT_EQ(first_rows("read committed", "fast-path"), 2);
  const auto timestamps = [&](const char* level) {
    return page.value("mz_determine_timestamp", {{"respond_immediately", "true"},
                                                 {"isolation_level", level},
                                                 {"compute_instance", "quickstart"}});
  };
  EXPECT_EQ(timestamps("strict serializable"), 22);
  EXPECT_EQ(timestamps("read committed"), 2);
  EXPECT_EQ(timestamps("repeatable read"), 0);
  EXPECT_EQ(errors_of(page), "");
}

// Each bucket holds exactly the values at most its bound: counted here one by one.
TEST(MetricsPage, BucketsCountExactly) {
  const std::uint64_t seed = test_seed(8);
  SCOPED_TRACE(seed_note(seed));
  std::mt19937_64 random(seed);
  std::vector<MetricsSnapshot> cores(1);
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 2000; ++i) {
    values.push_back(random() >> (25 + random() % 38));
    cores[0].core.append_ns.record(values.back());
  }
  const Exposition page = read_exposition(render_metrics(cores, kProcess));
  std::size_t bounds = 0, below_200_ns = 0;
  for (const Sample& sample : page.families.at("mz_append_table_duration_seconds").samples) {
    if (!sample.labels.contains("le")) continue;
    const double bound_ns = std::strtod(sample.labels.at("le").c_str(), nullptr) * 1e9;
    ++bounds;
    below_200_ns += bound_ns < 200 ? 1 : 0;
    double expected = 0;
    for (const std::uint64_t value : values) expected += static_cast<double>(value) <= bound_ns + 0.5 ? 1 : 0;
    EXPECT_EQ(sample.value, expected) << bound_ns;
  }
  EXPECT_GE(bounds, 40u);
  EXPECT_GE(below_200_ns, 7u);
}

TEST(MetricsPage, EscapesLabels) {
  const std::vector<MetricsSnapshot> cores(1);
  ProcessFacts process = kProcess;
  process.version = "a\"b\\c\nd";
  Exposition page = read_exposition(render_metrics(cores, process));
  EXPECT_EQ(page.value("gyre_build_info", {{"version", "a\"b\\c\nd"}, {"backend", "io_uring"}}), 1);
  EXPECT_EQ(errors_of(page), "");
}

TEST(MetricsPage, ReaderSeesWhatIsWrong) {
  for (const char* wrong :
       {"x 1\n", "# HELP x h\n# TYPE x gauge\nx 1", "# HELP x h\n# TYPE x gauge\nx{a=b} 1\n",
        "# HELP x h\n# TYPE x counter\nx 1\n", "# TYPE x gauge\nx 1\n",
        "# HELP x h\n# TYPE x gauge\nx 1\nx 2\n", "# HELP x h\n# TYPE x gauge\nx one\n",
        "# HELP x h\n# TYPE x histogram\nx_bucket{le=\"1\"} 2\nx_bucket{le=\"+Inf\"} 1\nx_sum 1\nx_count "
        "1\n"})
    EXPECT_FALSE(read_exposition(wrong).errors.empty()) << wrong;
  EXPECT_EQ(errors_of(read_exposition("# HELP x h\n# TYPE x gauge\nx{a=\"b\"} 1\n")), "");
}

TEST(MetricsPage, FactsOfThisProcess) {
  const ProcessFacts facts = adapter::read_process_facts();
  EXPECT_GT(facts.resident_bytes, 100'000u);
  EXPECT_GT(facts.start_time_seconds, 1e9);
}

TEST(MetricsPage, PromtoolAgrees) {
  if (::system("promtool --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "promtool is not installed";
  FILE* promtool = ::popen("promtool check metrics", "w");
  ASSERT_NE(promtool, nullptr);
  const std::string page = render_metrics(random_snapshots(test_seed(9)), kProcess);
  ::fwrite(page.data(), 1, page.size(), promtool);
  EXPECT_EQ(::pclose(promtool), 0);
}

}  // namespace
}  // namespace gyre::test
