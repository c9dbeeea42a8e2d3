// Read sets against a list of everything that was added.
#include "storage/read_set.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/storage/random.h"

namespace gyre::storage {
namespace {

using test::below;
using test::Random;

constexpr RelationId kTable{3};

struct Added {
  std::string lower, upper;
};

bool covers(const std::vector<Added>& added, const std::string& key) {
  for (const Added& range : added)
    if (key >= range.lower && (range.upper.empty() || key < range.upper)) return true;
  return false;
}

bool covers(const ReadSet& reads, const std::string& key) {
  const auto found = reads.places().find({kTable, kTable, ReadDepth::rows});
  if (found == reads.places().end()) return false;
  for (std::size_t i = 0; i < found->second.size(); ++i) {
    const KeyRange range = found->second[i];
    if (key >= range.lower && (range.upper.empty() || key < range.upper)) return true;
  }
  return false;
}

// Few bytes of few values, so that ranges touch, nest and repeat.
std::string random_key(Random& random) {
  std::string key;
  for (std::uint64_t left = below(random, 4); left > 0; --left)
    key += static_cast<char>(below(random, 4) == 0 ? 0 : below(random, 6));
  return key;
}

void add_some(Random& random, std::size_t count, ReadSet& reads, std::vector<Added>& added) {
  for (std::size_t i = 0; i < count; ++i) {
    std::string lower = random_key(random);
    if (below(random, 2) == 0) {
      reads.add_key(kTable, kTable, lower);
      added.push_back({lower, lower + '\0'});
      continue;
    }
    const std::string upper = below(random, 40) == 0 ? std::string() : random_key(random);
    reads.add_range(kTable, kTable, lower, upper);
    if (upper.empty() || lower < upper) added.push_back({lower, upper});
  }
}

TEST(ReadSet, KeepsExactlyWhatWasAdded) {
  const std::uint64_t seed = test::seed_or(std::random_device{}());
  SCOPED_TRACE("GYRE_TEST_SEED=" + std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 300; ++round) {
    ReadSet reads(SIZE_MAX);
    std::vector<Added> added;
    add_some(random, below(random, 8) == 0 ? 300 : 6, reads, added);
    for (int i = 0; i < 200; ++i) {
      const std::string key = random_key(random);
      ASSERT_EQ(covers(reads, key), covers(added, key));
    }
  }
}

TEST(ReadSet, BeyondItsBoundKeepsMoreNeverLess) {
  const std::uint64_t seed = test::seed_or(std::random_device{}());
  SCOPED_TRACE("GYRE_TEST_SEED=" + std::to_string(seed));
  Random random(seed);
  ReadSet reads(8192);
  std::vector<std::string> keys;
  for (int i = 0; i < 5000; ++i) {
    std::string key;
    for (int byte = 0; byte < 12; ++byte) key += static_cast<char>(below(random, 256));
    reads.add_key(kTable, kTable, key);
    keys.push_back(std::move(key));
    ASSERT_LE(reads.bytes(), 8192u);
  }
  for (const std::string& key : keys) ASSERT_TRUE(covers(reads, key));
  EXPECT_FALSE(covers(reads, std::string())) << "the bound costs all precision";
}

TEST(ReadSet, AScanThatGoesOnIsOneRange) {
  ReadSet reads;
  for (int end = 1; end < 50; ++end)
    reads.add_range(kTable, kTable, "a", "b" + std::string(static_cast<std::size_t>(end), 'x'));
  const KeyRanges& ranges = reads.places().begin()->second;
  ASSERT_EQ(ranges.size(), 1u);
  EXPECT_EQ(ranges[0].upper, "b" + std::string(49, 'x'));
}

}  // namespace
}  // namespace gyre::storage
