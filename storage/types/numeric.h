// numeric: decimal numbers of up to 131072 digits before the point and 16383 after it, NaN and the
// infinities.
//
// A value's bytes (it has no alignment and is never padded):
//
//   byte 0     kind: 0 positive or zero, 1 negative, 2 NaN, 3 Infinity, 4 -Infinity
//   bytes 1-2  scale: digits printed after the point, u16 little-endian (0 for the special kinds)
//   bytes 3-   magnitude: unsigned little-endian integer without high zero bytes (none at all: zero)
//
// The value is ± magnitude / 10^scale. Magnitudes below 2^127 (38 digits) are computed in int128, larger ones
// with Boost's cpp_int inside numeric.cc. Zero is never negative. Equal numbers of different scale differ in
// bytes: use compare().
//
// Results and their scales are PostgreSQL's. All functions throw Failure: numeric_value_out_of_range above
// the limits, division_by_zero, … . Results lie in the arena.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "reactor/base/arena.h"
#include "storage/datum.h"

namespace gyre::storage::numeric {

Datum add(Datum left, Datum right, Arena& arena);
Datum subtract(Datum left, Datum right, Arena& arena);
Datum multiply(Datum left, Datum right, Arena& arena);
Datum divide(Datum left, Datum right, Arena& arena);
Datum divide_truncated(Datum left, Datum right, Arena& arena);  // div(a, b)
Datum modulo(Datum left, Datum right, Arena& arena);
Datum negate(Datum value, Arena& arena);
Datum abs(Datum value, Arena& arena);
Datum sign(Datum value, Arena& arena);
Datum round(Datum value, std::int32_t digits, Arena& arena);  // half away from zero; digits may be negative
Datum trunc(Datum value, std::int32_t digits, Arena& arena);
Datum ceil(Datum value, Arena& arena);
Datum floor(Datum value, Arena& arena);
Datum sqrt(Datum value, Arena& arena);
Datum exp(Datum value, Arena& arena);
Datum ln(Datum value, Arena& arena);
Datum log(Datum base, Datum value, Arena& arena);  // log10(x) is log(10, x)
Datum power(Datum base, Datum exponent, Arena& arena);
int compare(Datum left, Datum right);

bool is_nan(Datum value);
bool is_infinite(Datum value);
bool is_zero(Datum value);
std::int32_t scale(Datum value);      // digits after the point as printed
std::int32_t min_scale(Datum value);  // without trailing zeros
Datum trim_scale(Datum value, Arena& arena);

Datum from_int64(std::int64_t value, Arena& arena);
Datum from_int128(__int128 value, std::int32_t scale, Arena& arena);  // value / 10^scale
// PostgreSQL's casts go by the shortest text of 15 (6 for a float4) significant digits.
Datum from_double(double value, Arena& arena);
Datum from_float(float value, Arena& arena);
// Rounded half away from zero; throws "integer out of range" etc. with that type's name, or "cannot convert
// NaN to …".
std::int64_t to_int64(Datum value);
std::int32_t to_int32(Datum value);
std::int16_t to_int16(Datum value);
double to_double(Datum value);  // nearest; throws when beyond the range of double
std::string to_string(Datum value);

// The running sum of sum() and avg(), over integers or numerics: an int128 until that overflows. Exact.
class NumericSum {
 public:
  NumericSum();
  NumericSum(NumericSum&&) noexcept;
  NumericSum& operator=(NumericSum&&) noexcept;
  ~NumericSum();

  void add_integer(std::int64_t value) {
    ++count_;
    if (scale_ != 0 || __builtin_add_overflow(small_, static_cast<__int128>(value), &small_)) [[unlikely]]
      add_integer_slow(value);
  }
  void add_numeric(Datum value);  // a non-null numeric
  void merge(const NumericSum& other);

  std::int64_t count() const { return count_; }
  // Both need count() > 0. sum() has the largest scale seen; average() is sum / count as divide() scales it.
  Datum sum(Arena& arena) const;
  Datum average(Arena& arena) const;
  // The sum as a bigint, for sum(int2) and sum(int4); throws "bigint out of range".
  std::int64_t sum_int64() const;

 private:
  struct Big;
  void add_integer_slow(std::int64_t value);
  void add_small(__int128 value, std::int32_t scale);

  // The sum is small_ / 10^scale_ + *big_ + the special values counted.
  __int128 small_ = 0;
  std::int32_t scale_ = 0;
  std::int64_t count_ = 0;
  std::int64_t nan_count_ = 0;
  std::int64_t infinity_count_ = 0;
  std::int64_t minus_infinity_count_ = 0;
  std::unique_ptr<Big> big_;  // null until small_ overflowed
};

}  // namespace gyre::storage::numeric
