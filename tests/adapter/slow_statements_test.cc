// The slowest statements against a list that keeps everything.
#include "adapter/session/slow_statements.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "adapter/session/nearest_name.h"
#include "tests/reactor/seed.h"

namespace gyre::test {
namespace {

using adapter::SlowStatement;
using adapter::SlowStatements;

TEST(SlowStatements, KeepsTheSlowest) {
  const std::uint64_t seed = test_seed(31);
  SCOPED_TRACE(seed_note(seed));
  std::mt19937_64 random(seed);
  SlowStatements slow;
  std::map<std::string, std::uint64_t> longest;
  for (int i = 0; i < 3000; ++i) {
    const std::uint64_t number = random() % 60, key = 100 * number + random() % 3;
    const std::string text = "statement " + std::to_string(number);
    const std::uint64_t took = SlowStatements::kLeastNs / 2 + random() % 10'000'000;
    if (!slow.note_known(key, took, 1)) {
      slow.note(key, text, took, 1);
      if (slow.wants(took)) {
        EXPECT_TRUE(slow.note_known(key, took, 1)) << "its text is asked for once";
      }
    }
    if (took >= SlowStatements::kLeastNs) longest[text] = std::max(longest[text], took);
  }
  std::vector<std::uint64_t> expected, kept;
  for (const auto& [text, took] : longest) expected.push_back(took);
  std::sort(expected.rbegin(), expected.rend());
  expected.resize(SlowStatements::kMost);
  for (const SlowStatement& entry : slow.list()) {
    kept.push_back(entry.longest_ns);
    EXPECT_EQ(entry.longest_ns, longest[entry.text]);
  }
  std::sort(kept.rbegin(), kept.rend());
  EXPECT_EQ(kept, expected);
  EXPECT_FALSE(slow.wants(kept.back() - 1));
}

TEST(SlowStatements, ForgetsWhatIsOld) {
  SlowStatements slow;
  for (std::uint64_t i = 0; i < SlowStatements::kMost; ++i) slow.note(i, std::to_string(i), 1'000'000 + i, i);
  EXPECT_FALSE(slow.wants(999'999));
  slow.forget_old(SlowStatements::kKeptUs + 4);
  EXPECT_EQ(slow.list().size(), SlowStatements::kMost - 4);
  EXPECT_TRUE(slow.wants(SlowStatements::kLeastNs));
  EXPECT_FALSE(slow.wants(SlowStatements::kLeastNs - 1));
}

TEST(NearestName, IsTheOneMeant) {
  const std::string_view names[] = {"--spin-us", "--cores", "--log-level", "--oracle-core"};
  const auto nearest = [&](std::string_view given) { return adapter::nearest_name(given, names); };
  EXPECT_EQ(nearest("--spin-su"), "--spin-us");
  EXPECT_EQ(nearest("--SPINUS"), "--spin-us");
  EXPECT_EQ(nearest("--core"), "--cores");
  EXPECT_EQ(nearest("--oraclecore"), "--oracle-core");
  EXPECT_EQ(nearest("--nosuchflag"), "");
  EXPECT_EQ(nearest(""), "");
  EXPECT_EQ(nearest("x"), "");
  EXPECT_EQ(nearest(std::string(1'000'000, 'x')), "");
  EXPECT_EQ(adapter::did_you_mean("a"), " (did you mean \"a\"?)");
  EXPECT_EQ(adapter::did_you_mean(""), "");
}

}  // namespace
}  // namespace gyre::test
