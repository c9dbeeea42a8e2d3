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
  const std::string text = render_console(cores, {.version = "1", .backend = "epoll"});
  EXPECT_NE(text.find(R"("parse":[20,2,25,1])"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("core":3,"role":"oracle")"), std::string::npos) << text;
  EXPECT_EQ(text.find("log_bytes"), std::string::npos);
}

TEST(ConsolePage, ActivityIsOfAllCores) {
  std::vector<Activity> cores(2);
  cores[0].session_count = 3;
  cores[1].session_count = 4;
  cores[1].now_us = 1000;
  cores[1].slow.push_back({"select \"a\"", 5'000'000, 2, 400});
  cores[0].plans.push_back({"select $1", 7, 100, true});
  const std::string text = render_activity(cores);
  EXPECT_EQ(
      text,
      R"({"session_count":7,"sessions":[],"plans":[{"shard":0,"text":"select $1","kind":"shape","uses":7,"bytes":100}],)"
      R"("slowest":[{"shard":1,"text":"select \"a\"","longest_ns":5000000,"times":2,"ago_us":600}]})");
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
