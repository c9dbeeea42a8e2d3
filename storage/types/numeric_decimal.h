// The inside of numeric: values as integers with a decimal scale. For the numeric_*.cc files only, since it
// draws in Boost.
#pragma once

#include <boost/multiprecision/cpp_int.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "reactor/base/arena.h"
#include "storage/datum.h"

namespace gyre::storage::numeric {

using Int128 = __int128;
using Uint128 = unsigned __int128;
using BigInt = boost::multiprecision::cpp_int;

inline constexpr std::int32_t kWholeDigitsMax = 131072;  // before the point
inline constexpr std::int32_t kScaleMax = 16383;         // after it
inline constexpr std::int32_t kDisplayScaleMax = 1000;   // that division and functions produce
inline constexpr std::int32_t kSignificantDigitsMin = 16;
inline constexpr int kSmallDigits = 38;  // every integer of so many digits fits an Int128

enum class Kind : std::uint8_t { positive = 0, negative = 1, nan = 2, infinity = 3, minus_infinity = 4 };

inline Kind kind_of(Datum value) {
  return static_cast<Kind>(static_cast<unsigned char>(value.data[0]));
}
inline bool is_finite(Datum value) {
  return kind_of(value) <= Kind::negative;
}

// value / 10^scale, always finite.
struct Small {
  Int128 value;
  std::int32_t scale;
};
struct Big {
  BigInt value;
  std::int32_t scale;
};

// False if the value is special or its magnitude is 2^127 or more.
bool load_small(Datum value, Small& small);
// The value must be finite.
Big load_big(Datum value);

// Both throw Failure beyond the limits of the format.
Datum store(Small small, Arena& arena);
Datum store(const Big& big, Arena& arena);
Datum store_special(Kind kind, Arena& arena);

[[noreturn]] void fail_overflow();  // value overflows numeric format
[[noreturn]] void fail_division_by_zero();

// 10^n for 0 <= n <= 38.
Uint128 small_power_of_ten(int n);
BigInt power_of_ten(int n);
// Multiplies by 10^digits; false, and nothing done, if that does not fit.
bool shift_up(Int128& value, int digits);
bool multiply_small(Int128 left, Int128 right, Int128& product);
// value / 10^digits, rounded half away from zero, or towards zero.
enum class Rounding : std::uint8_t { half_away, toward_zero };
Int128 shift_down(Int128 value, int digits, Rounding rounding);
BigInt shift_down(const BigInt& value, int digits, Rounding rounding);
BigInt divide_rounded(const BigInt& dividend, const BigInt& divisor);
// To another scale, up or down.
Big rescale(Big big, std::int32_t scale, Rounding rounding);

// numeric_digits.cc: in less than the square of the digits' number. Of digits only, zeros in front as well.
BigInt integer_from_digits(std::string_view digits);
// Decimal digits of the magnitude; "0" for zero.
std::string magnitude_digits(const BigInt& value);
std::string magnitude_digits(Datum value);
int count_digits(Uint128 magnitude);

// Where the value stands among the powers of 10000, and its first digit in that base: what PostgreSQL's rules
// for the scale of results go by. Zero has weight 0 and first digit 0.
struct Weight {
  std::int32_t weight;
  std::int32_t first_digit;
};
Weight weight_of(std::string_view digits, std::int32_t scale);
Weight weight_of(Small small);

}  // namespace gyre::storage::numeric
