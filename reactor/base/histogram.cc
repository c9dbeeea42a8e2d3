#include "reactor/base/histogram.h"

#include <algorithm>
#include <cmath>

namespace gyre {

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

std::uint64_t Histogram::upper_bound(std::size_t bucket) {
  if (bucket + 1 >= kBuckets) return UINT64_MAX;
  if (bucket < 2 * kSubBuckets) return bucket;
  // Inverse of bucket_of(): the bucket number is (shift << kSubBits) + top, top in [kSubBuckets, 2 *
  // kSubBuckets).
  const std::uint64_t shift = (bucket >> kSubBits) - 1;
  const std::uint64_t top = (bucket & (kSubBuckets - 1)) + kSubBuckets;
  return ((top + 1) << shift) - 1;
}

std::uint64_t Histogram::percentile(double fraction) const {
  if (count_ == 0) return 0;
  // The rank of the wanted value among the sorted ones, counted from 1.
  const double exact = std::ceil(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(count_));
  const std::uint64_t rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(exact), 1, count_);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= rank) return std::min(upper_bound(i), max_);
  }
  return max_;
}

std::uint64_t Histogram::count_at_most(std::uint64_t nanoseconds) const {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < kBuckets && upper_bound(i) <= nanoseconds; ++i) count += buckets_[i];
  return count;
}

}  // namespace gyre
