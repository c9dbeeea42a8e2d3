// A histogram of counts by their number of bits: a handful of instructions for what is counted in every turn.
// One core writes plain integers; merge copies to read many cores.
//
//   bucket   0 | 1 |   2   |   3   |    4   | …
//   values   0 | 1 | 2 … 3 | 4 … 7 | 8 … 15 | …
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace gyre {

class BitHistogram {
 public:
  static constexpr std::size_t kBuckets = 17;  // values from 2^15 on share the last one

  void record(std::uint64_t value) {
    ++buckets_[std::min(static_cast<std::size_t>(std::bit_width(value)), kBuckets - 1)];
    sum_ += value;
  }
  std::uint64_t bucket(std::size_t index) const { return buckets_[index]; }
  // The largest value of a bucket; the last one has none.
  static constexpr std::uint64_t upper_bound(std::size_t index) { return (std::uint64_t{1} << index) - 1; }
  std::uint64_t sum() const { return sum_; }
  std::uint64_t count() const {
    std::uint64_t all = 0;
    for (const std::uint64_t bucket : buckets_) all += bucket;
    return all;
  }
  void merge(const BitHistogram& other) {
    for (std::size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
    sum_ += other.sum_;
  }

 private:
  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t sum_ = 0;
};

}  // namespace gyre
