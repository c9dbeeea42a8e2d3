// A log-linear histogram of nanoseconds: 16 equal buckets per power of two, so that a bucket is at most 1/16
// of its value wide (exact below 32 ns; 2 ns wide at 50 ns, 4 us wide at 100 us). One core writes plain
// integers; merge copies to read many cores.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace gyre {

class Histogram {
 public:
  static constexpr unsigned kSubBits = 4;  // log2 of buckets per power of two
  static constexpr std::uint64_t kSubBuckets = std::uint64_t{1} << kSubBits;
  static constexpr unsigned kMaxBits = 37;  // values from 2^37 ns (137 s) on share the last bucket
  static constexpr std::size_t kBuckets = (kMaxBits - kSubBits + 1) * kSubBuckets + 1;

  void record(std::uint64_t nanoseconds) {
    ++buckets_[bucket_of(nanoseconds)];
    ++count_;
    sum_ += nanoseconds;
    if (nanoseconds > max_) max_ = nanoseconds;
  }
  void merge(const Histogram& other);
  void clear() { *this = Histogram(); }

  std::uint64_t count() const { return count_; }
  std::uint64_t sum() const { return sum_; }  // nanoseconds
  std::uint64_t max() const { return max_; }  // nanoseconds, exact
  double mean() const { return count_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_); }
  // The upper end of the bucket that holds the value at `fraction` (0.5: median), never above max(). 0 when
  // empty.
  std::uint64_t percentile(double fraction) const;

  // How many values are at most `nanoseconds`, which should be an upper_bound() of a bucket (else rounded
  // down to one).
  std::uint64_t count_at_most(std::uint64_t nanoseconds) const;
  // visit(upper_bound_ns, cumulative_count) for every bucket that is not empty, ascending.
  template <class Visit>
  void for_each_cumulative(Visit&& visit) const {
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      if (buckets_[i] == 0) continue;
      cumulative += buckets_[i];
      visit(upper_bound(i), cumulative);
    }
  }

  //   value   0 … 15 | 16 … 31 | 32 … 63 | 64 … 127 | …
  //   bucket  0 … 15 | 16 … 31 | 32 … 47 | 48 …  63 | …
  //   width        1 |       1 |       2 |        4 | …
  static std::size_t bucket_of(std::uint64_t value) {
    if (value < kSubBuckets) return static_cast<std::size_t>(value);
    if (value >> kMaxBits != 0) return kBuckets - 1;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kSubBits;
    return static_cast<std::size_t>((shift << kSubBits) + (value >> shift));
  }
  // The largest value that falls into the bucket; UINT64_MAX for the last one.
  static std::uint64_t upper_bound(std::size_t bucket);

 private:
  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace gyre
