#include "adapter/http/console_page.h"

#include <gtest/gtest.h>

#include "adapter/http/console_assets.h"

namespace gyre::test {
namespace {

using adapter::Activity;
using adapter::MetricsSnapshot;

TEST(ConsolePage, HistogramsAreTheBucketsThatHoldSomething) {
  std::vector<MetricsSnapshot> cores(2);
  cores[1].oracle = true;
  cores[1].processor = 3;
  cores[0].core.parse_ns.record(20);
  cores[0].core.parse_ns.record(20);
  cores[0].core.parse_ns.record(25);
  const std::string text = render_console(cores, {.version = "1", .backend = "epoll"}, nullptr);
  EXPECT_NE(text.find(R"("parse":[20,2,25,1])"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("core":3,"role":"oracle")"), std::string::npos) << text;
  EXPECT_EQ(text.find("log_bytes"), std::string::npos);
  EXPECT_EQ(text.find("timestamp_oracle"), std::string::npos);
  EXPECT_EQ(text.find("oracle_wait"), std::string::npos);
}

TEST(ConsolePage, ARemoteOracleIsShown) {
  std::vector<MetricsSnapshot> cores(1);
  cores[0].oracle_wait_ns.record(20);
  adapter::OracleFigures oracle;
  oracle.remote = true;
  oracle.health = oracle::OracleHealth::State::fenced;
  oracle.calls.operations[static_cast<std::size_t>(oracle::Verb::read_ts)] = {
      .started = 5, .succeeded = 3, .failed = 1, .ns = 9, .retries = 2};
  oracle.calls.size = 4;
  oracle.calls.available = 3;
  oracle.client.batches = 6;
  oracle.client.batched_ops = 60;
  oracle.client.inner_read_ns.record(7);
  const std::string text = render_console(cores, {.version = "1", .backend = "epoll"}, &oracle);
  EXPECT_NE(text.find(R"("oracle_wait":[20,1])"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("timestamp_oracle":{"state":"fenced","verbs":[{"name":"write_ts","started":0,)"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(R"({"name":"read_ts","started":5,"succeeded":3,"failed":1,"retries":2,"took_ns":9})"),
            std::string::npos)
      << text;
  EXPECT_NE(
      text.find(
          R"("batches":6,"batched_statements":60,"batch_ns":[7,1],"connections":4,"connections_idle":3,)"),
      std::string::npos)
      << text;
}

TEST(ConsolePage, ActivityIsOfAllCores) {
  std::vector<Activity> cores(2);
  cores[0].session_count = 3;
  cores[1].session_count = 4;
  cores[1].now_us = 1000;
  cores[1].slow.push_back({"select \"a\"", 5'000'000, 2, 400});
  cores[0].plans.push_back({"select $1", 7, 100, true});
  storage::StatementStatistic cost;
  cost.text = "select $1";
  cost.calls = 4;
  cost.rows = 5;
  cost.total_ms = 2;
  cost.mean_ms = 0.5;
  cost.most_ms = 1.25;
  const std::vector<adapter::StatementCost> costs{{"alice", cost}};
  const std::string text = render_activity(cores, costs);
  EXPECT_EQ(
      text,
      R"({"session_count":7,"sessions":[],"plans":[{"shard":0,"text":"select $1","kind":"shape","uses":7,"bytes":100}],)"
      R"("slowest":[{"shard":1,"text":"select \"a\"","longest_ns":5000000,"times":2,"ago_us":600}],)"
      R"("costs":[{"text":"select $1","role":"alice","calls":4,"rows":5,"total_ns":2000000,"mean_ns":500000,"longest_ns":1250000}]})");
}

TEST(ConsoleAssets, AreWholeFiles) {
  const adapter::ConsoleAsset* page = adapter::find_console_asset("/");
  ASSERT_NE(page, nullptr);
  EXPECT_TRUE(page->body.starts_with("<!doctype html>"));
  EXPECT_TRUE(page->body.ends_with("</html>\n"));
  for (const char* path : {"/console/console.js", "/console/console.css", "/console/charts.js",
                           "/console/charts.css", "/console/icon.svg"})
    EXPECT_NE(adapter::find_console_asset(path), nullptr) << path;
  for (const char* path : {"", "/console", "/console/", "//", "/index.html"})
    EXPECT_EQ(adapter::find_console_asset(path), nullptr) << path;
}

}  // namespace
}  // namespace gyre::test
