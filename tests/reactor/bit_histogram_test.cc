#include "reactor/base/bit_histogram.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "tests/reactor/seed.h"

namespace gyre::test {
namespace {

TEST(BitHistogram, CountsLikeALookAtEveryValue) {
  const std::uint64_t seed = test_seed(21);
  SCOPED_TRACE(seed_note(seed));
  std::mt19937_64 random(seed);
  BitHistogram whole, half;
  std::vector<std::uint64_t> values = {0, 1, 2, 3, 4, 32767, 32768, UINT32_MAX};
  for (int i = 0; i < 1000; ++i) values.push_back(random() >> (40 + random() % 24));
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    (i % 2 == 0 ? whole : half).record(values[i]);
    sum += values[i];
  }
  whole.merge(half);
  EXPECT_EQ(whole.count(), values.size());
  EXPECT_EQ(whole.sum(), sum);
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i + 1 < BitHistogram::kBuckets; ++i) {
    cumulative += whole.bucket(i);
    std::uint64_t expected = 0;
    for (const std::uint64_t value : values) expected += value <= BitHistogram::upper_bound(i) ? 1 : 0;
    EXPECT_EQ(cumulative, expected) << i;
  }
}

}  // namespace
}  // namespace gyre::test
