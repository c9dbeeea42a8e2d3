// Results of several client cores, put together.
#include "perf/bench/report.h"

#include <gtest/gtest.h>

namespace gyre::perf {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

Workload two_jobs() {
  Workload workload;
  workload.jobs.resize(2);
  workload.jobs[0].name = "first";
  workload.jobs[1].name = "sec\"ond";
  workload.jobs[1].start_ns = kSecond;
  workload.jobs[1].stop_ns = 3 * kSecond;
  return workload;
}

WorkerResult result(std::uint64_t queries, std::uint64_t latency_ns) {
  WorkerResult worker;
  worker.jobs.resize(2);
  worker.jobs[0].queries = queries;
  for (std::uint64_t i = 0; i < queries; ++i) worker.jobs[0].latency.record(latency_ns);
  worker.cpu_ns = queries * 500;
  worker.turns = queries;
  return worker;
}

TEST(Report, CoresAddUp) {
  const Report report = summarize(two_jobs(), {result(100, 10'000), result(300, 20'000)}, 0, 10 * kSecond);
  EXPECT_EQ(report.queries, 400u);
  EXPECT_DOUBLE_EQ(report.seconds, 10);
  EXPECT_DOUBLE_EQ(report.client_cpu_us_per_query, 0.5);
  ASSERT_EQ(report.jobs.size(), 2u);
  EXPECT_DOUBLE_EQ(report.jobs[0].seconds, 10);
  EXPECT_DOUBLE_EQ(report.jobs[1].seconds, 2);
  EXPECT_EQ(report.jobs[0].total.latency.count(), 400u);
  // A bucket is a sixteenth of its value wide.
  EXPECT_NEAR(static_cast<double>(report.jobs[0].total.latency.percentile(0.2)), 10'000, 10'000 / 16);
  EXPECT_NEAR(static_cast<double>(report.jobs[0].total.latency.percentile(0.5)), 20'000, 20'000 / 16);
  EXPECT_TRUE(report.succeeded);
}

TEST(Report, AJobWithACountEndsWithItsLastAnswer) {
  Workload workload = two_jobs();
  workload.jobs[0].count = 100;
  WorkerResult worker = result(100, 1000);
  worker.jobs[0].ended_ns = 2 * kSecond;
  EXPECT_DOUBLE_EQ(summarize(workload, {worker}, 0, 10 * kSecond).jobs[0].seconds, 2);
}

TEST(Report, AcceptedErrorsDoNotFailARun) {
  WorkerResult worker = result(1, 1);
  worker.jobs[0].errors = 3;
  EXPECT_TRUE(summarize(two_jobs(), {worker}, 0, kSecond).succeeded);
  worker.jobs[0].unaccepted_errors = 1;
  worker.jobs[0].first_error = "42P01: no such table";
  const Report report = summarize(two_jobs(), {worker}, 0, kSecond);
  EXPECT_FALSE(report.succeeded);
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_EQ(report.problems[0], "[first] 3 errors, the first: 42P01: no such table");
}

TEST(Report, JsonEscapesNames) {
  const std::string json = to_json(summarize(two_jobs(), {result(2, 1000)}, 0, kSecond));
  EXPECT_NE(json.find("\"name\": \"sec\\\"ond\""), std::string::npos) << json;
  EXPECT_NE(json.find("\"queries_per_second\": 2.000"), std::string::npos) << json;
  EXPECT_NE(json.find("\"p50_us\": 1.000"), std::string::npos) << json;
}

}  // namespace
}  // namespace gyre::perf
