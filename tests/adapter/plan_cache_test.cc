// The plan cache against a list that is searched from end to end.
#include "adapter/plan_cache.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/adapter/world.h"

namespace gyre::test {
namespace {

using adapter::CachedStatement;
using adapter::EnvironmentId;
using adapter::LiteralToken;
using adapter::Plan;
using adapter::PlanCache;
using adapter::StatementRef;

struct Entry {
  std::string text;
  std::string types;
  EnvironmentId environment;
  std::uint64_t version;
  const CachedStatement* statement;
};

// Every slot may have any value, except that the first is fixed where the text holds "limit".
std::unique_ptr<CachedStatement> planned(std::string_view text, std::size_t literals) {
  auto statement = std::make_unique<CachedStatement>();
  auto plan = std::make_unique<Plan>();
  plan->literal_fixed.assign(literals, false);
  plan->literal_types.assign(literals, storage::Type(storage::TypeId::int4));
  if (literals != 0 && text.find("limit") != std::string_view::npos) plan->literal_fixed[0] = true;
  plan->footprint = 1000;
  statement->plan = std::move(plan);
  return statement;
}

TEST(PlanCache, AgreesWithAList) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("GYRE_TEST_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  PlanCache cache(1 << 30);
  std::vector<Entry> list;
  std::uint64_t version = 1;
  for (int step = 0; step < 20000; ++step) {
    if (random() % 500 == 0) ++version;
    const std::string text =
        "select " + std::to_string(random() % 4) + " from t" + std::to_string(random() % 3);
    const std::string types(random() % 2 * 4, '\x17');
    const EnvironmentId environment(static_cast<std::uint32_t>(random() % 3));
    const PlanCache::Key key{text, types, environment, version};
    const CachedStatement* expected = nullptr;
    for (const Entry& entry : list)
      if (entry.text == text && entry.types == types && entry.environment == environment &&
          entry.version == version)
        expected = entry.statement;
    const CachedStatement* found = cache.find(key);
    ASSERT_EQ(found, expected) << text;
    if (found == nullptr)
      list.push_back({text, types, environment, version, cache.insert(key, planned(text, 0), false)});
  }
}

// A hit by shape must be what planning anew would have made: same shape, and the same fixed literals.
TEST(PlanCache, HitsByShapeKeepFixedLiterals) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("GYRE_TEST_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  PlanCache cache(1 << 30);
  for (int step = 0; step < 20000; ++step) {
    const std::string first = std::to_string(random() % 5), second = std::to_string(random() % 50);
    const bool limited = random() % 2 == 0;
    const std::string text = limited ? "select a from t limit " + first + " offset " + second
                                     : "select a from t where a = " + first + " and b = '" + second + "'";
    const PlanCache::Key key{text, {}, EnvironmentId(0), 1};
    CachedStatement* found = cache.find(key);
    if (found == nullptr) {
      ASSERT_TRUE(cache.has_shape());
      found = cache.insert(key, planned(text, cache.literals().size()), true);
    }
    ASSERT_EQ(cache.literals().size(), 2u);
    ASSERT_EQ(cache.literals()[0].integer, std::stoll(first));
    if (limited) {
      ASSERT_EQ(found->fixed_literals.size(), 1u);
      ASSERT_EQ(found->fixed_literals[0].second, first);
    } else {
      ASSERT_EQ(cache.literals()[1].text, second);
    }
  }
  EXPECT_EQ(cache.size(), 6u);
  EXPECT_GT(cache.counters().shape_hits, 19000u);
}

TEST(PlanCache, StaysWithinItsBytesAndKeepsWhatIsUsed) {
  PlanCache cache(100'000);
  const StatementRef kept(cache.insert({"kept", {}, EnvironmentId(0), 1}, planned("", 0), false));
  for (int i = 0; i < 1000; ++i) {
    const std::string text = "statement " + std::to_string(i);
    ASSERT_EQ(cache.find({text, {}, EnvironmentId(0), 1}), nullptr);
    cache.insert({text, {}, EnvironmentId(0), 1}, planned("", 0), false);
    ASSERT_LE(cache.bytes(), 100'000u);
    ASSERT_NE(cache.find({text, {}, EnvironmentId(0), 1}), nullptr);
  }
  EXPECT_GT(cache.counters().evictions, 900u);
  EXPECT_EQ(cache.find({"kept", {}, EnvironmentId(0), 1}), nullptr);
  EXPECT_EQ(kept->key_text, "kept") << "evicted, but alive for who holds it";
}

TEST(PlanCache, WithoutBytesNothingIsKept) {
  PlanCache cache(0);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(cache.find({"select 1", {}, EnvironmentId(0), 1}), nullptr);
    const StatementRef made(cache.insert({"select 1", {}, EnvironmentId(0), 1}, planned("", 0), false));
    EXPECT_EQ(made->key_text, "select 1") << "who made it may use it";
    EXPECT_EQ(cache.size(), 0u);
    EXPECT_EQ(cache.bytes(), 0u);
  }
}

TEST(PlanCache, EnvironmentsHaveNumbersOfTheirOwn) {
  PlanCache cache(1000);
  const EnvironmentId first = cache.intern("a");
  EXPECT_EQ(cache.intern("a"), first);
  EXPECT_NE(cache.intern("b"), first);
  for (int i = 0; i < 20'000; ++i) EXPECT_NE(cache.intern("x" + std::to_string(i)), first);
}

}  // namespace
}  // namespace gyre::test
