// The histogram against the sorted values themselves.
#include "reactor/base/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "tests/reactor/seed.h"

namespace gyre {
namespace {

using test::seed_note;
using test::test_seed;

std::uint64_t random_duration(std::mt19937_64& random) {
  return random() >> (28 + random() % 36);
}

TEST(Histogram, BucketsCoverAllValuesOnceAndAreNarrow) {
  std::uint64_t lower = 0;
  for (std::size_t bucket = 0; bucket + 1 < Histogram::kBuckets; ++bucket) {
    const std::uint64_t upper = Histogram::upper_bound(bucket);
    ASSERT_EQ(Histogram::bucket_of(lower), bucket);
    ASSERT_EQ(Histogram::bucket_of(upper), bucket);
    ASSERT_LE((upper - lower) * 16, std::max<std::uint64_t>(lower, 16));
    lower = upper + 1;
  }
  EXPECT_EQ(lower, std::uint64_t{1} << Histogram::kMaxBits) << "the last bucket is for what is longer";
  EXPECT_EQ(Histogram::bucket_of(lower), Histogram::kBuckets - 1);
  EXPECT_EQ(Histogram::bucket_of(UINT64_MAX), Histogram::kBuckets - 1);
  EXPECT_LE(Histogram::upper_bound(Histogram::bucket_of(50)), 51u);
}

TEST(Histogram, AgreesWithSortedValues) {
  const std::uint64_t seed = test_seed(8);
  SCOPED_TRACE(seed_note(seed));
  std::mt19937_64 random(seed);
  auto histogram = std::make_unique<Histogram>();
  auto part = std::make_unique<Histogram>();
  std::vector<std::uint64_t> values;
  std::uint64_t sum = 0;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(random_duration(random));
    sum += values.back();
    (i % 3 == 0 ? part : histogram)->record(values.back());
  }
  histogram->merge(*part);
  std::sort(values.begin(), values.end());
  EXPECT_EQ(histogram->count(), values.size());
  EXPECT_EQ(histogram->sum(), sum);
  EXPECT_EQ(histogram->max(), values.back());
  for (const double fraction : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const double exact = std::ceil(fraction * static_cast<double>(values.size()));
    const std::size_t rank = std::max<std::size_t>(1, static_cast<std::size_t>(exact));
    const std::uint64_t truth = values[rank - 1];
    const std::uint64_t answer = histogram->percentile(fraction);
    EXPECT_GE(answer, truth);
    EXPECT_LE(answer, truth + truth / 16);
  }
  std::uint64_t previous_bound = 0;
  std::uint64_t last = 0;
  histogram->for_each_cumulative([&](std::uint64_t bound, std::uint64_t cumulative) {
    EXPECT_TRUE(last == 0 || bound > previous_bound);
    const auto truth = std::upper_bound(values.begin(), values.end(), bound) - values.begin();
    EXPECT_EQ(cumulative, static_cast<std::uint64_t>(truth));
    EXPECT_EQ(histogram->count_at_most(bound), cumulative);
    previous_bound = bound;
    last = cumulative;
  });
  EXPECT_EQ(last, values.size());
}

TEST(Histogram, Empty) {
  const Histogram histogram;
  EXPECT_EQ(histogram.percentile(0.5), 0u);
  EXPECT_EQ(histogram.mean(), 0.0);
}

}  // namespace
}  // namespace gyre
