// Arithmetic of numeric. Each operation first tries 128-bit integers, which hold what people store, and falls
// back to integers of any length. Rounding is half away from zero everywhere.
#include "storage/types/numeric.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>

#include "storage/failure.h"
#include "storage/types/input.h"
#include "storage/types/numeric_decimal.h"
#include "storage/types/numeric_text.h"

namespace gyre::storage::numeric {

namespace {

using boost::multiprecision::divide_qr;

// -1, 0, 1, and 2 for NaN.
int sign_of(Datum value) {
  switch (kind_of(value)) {
    case Kind::positive:
      return is_zero(value) ? 0 : 1;
    case Kind::negative:
    case Kind::minus_infinity:
      return -1;
    case Kind::infinity:
      return 1;
    case Kind::nan:
      return 2;
  }
  return 2;
}

Datum infinity_of_sign(int sign, Arena& arena) {
  return store_special(sign == 0 ? Kind::nan : sign > 0 ? Kind::infinity : Kind::minus_infinity, arena);
}

Datum copy(Datum value, Arena& arena) {
  return Datum::of_bytes(arena.copy(value.bytes()));
}

// PostgreSQL's select_div_scale: at least 16 significant digits, and no less than either operand shows.
std::int32_t quotient_scale(Weight left, Weight right, std::int32_t left_scale, std::int32_t right_scale) {
  const std::int32_t weight = left.weight - right.weight - (left.first_digit <= right.first_digit ? 1 : 0);
  const std::int32_t scale = std::max({kSignificantDigitsMin - 4 * weight, left_scale, right_scale, 0});
  return std::min(scale, kDisplayScaleMax);
}

bool divide_small(Small left, Small right, Small& quotient) {
  const std::int32_t scale = quotient_scale(weight_of(left), weight_of(right), left.scale, right.scale);
  const std::int32_t shift = scale + right.scale - left.scale;
  Int128 dividend = left.value;
  if (shift < 0 || !shift_up(dividend, shift)) return false;
  Int128 result = dividend / right.value;
  const Int128 rest = dividend % right.value;
  const Uint128 twice = static_cast<Uint128>(rest < 0 ? -rest : rest) * 2;
  if (twice >= static_cast<Uint128>(right.value < 0 ? -right.value : right.value))
    result += (left.value < 0) == (right.value < 0) ? 1 : -1;
  quotient = {result, scale};
  return true;
}

// Brings both to the larger scale.
bool align(Small& left, Small& right) {
  if (left.scale < right.scale) {
    if (!shift_up(left.value, right.scale - left.scale)) return false;
    left.scale = right.scale;
  } else if (right.scale < left.scale) {
    if (!shift_up(right.value, left.scale - right.scale)) return false;
    right.scale = left.scale;
  }
  return true;
}

struct BigPair {
  BigInt left;
  BigInt right;
  std::int32_t scale;
};
BigPair align_big(Datum left, Datum right) {
  Big l = load_big(left);
  Big r = load_big(right);
  const std::int32_t scale = std::max(l.scale, r.scale);
  return {rescale(std::move(l), scale, Rounding::toward_zero).value,
          rescale(std::move(r), scale, Rounding::toward_zero).value, scale};
}

// left + right, one of them not finite; right counts with its sign turned if `negated`.
Datum add_specials(Datum left, Datum right, bool negated, Arena& arena) {
  if (is_nan(left) || is_nan(right)) return store_special(Kind::nan, arena);
  const int l = is_infinite(left) ? sign_of(left) : 0;
  const int r = is_infinite(right) ? (negated ? -sign_of(right) : sign_of(right)) : 0;
  if (l != 0 && r != 0 && l != r) return store_special(Kind::nan, arena);
  return infinity_of_sign(l != 0 ? l : r, arena);
}

// NaN, infinities and zero divisors; true if `result` is decided.
bool divide_specials(Datum left, Datum right, Datum& result, Arena& arena) {
  if (is_nan(left) || is_nan(right)) {
    result = store_special(Kind::nan, arena);
    return true;
  }
  if (is_zero(right)) fail_division_by_zero();
  if (is_infinite(left)) {
    result = infinity_of_sign(is_infinite(right) ? 0 : sign_of(left) * sign_of(right), arena);
    return true;
  }
  if (!is_infinite(right)) return false;
  result = store(Small{0, 0}, arena);
  return true;
}

Datum with_kind(Datum value, Kind kind, Arena& arena) {
  char* bytes = arena.allocate(value.size, 1);
  std::copy_n(value.data, value.size, bytes);
  bytes[0] = static_cast<char>(kind);
  return Datum::of_bytes({bytes, value.size});
}

Datum to_scale(Datum value, std::int32_t digits, Rounding rounding, Arena& arena) {
  constexpr std::int32_t kDigitsMax = 2000;
  if (!is_finite(value)) return copy(value, arena);
  digits = std::clamp(digits, -kDigitsMax, kDigitsMax);
  const std::int32_t shown = std::max(digits, 0);
  const std::int32_t from = scale(value);
  if (digits >= from) {
    Small small;
    if (load_small(value, small) && shift_up(small.value, digits - from))
      return store(Small{small.value, digits}, arena);
    return store(rescale(load_big(value), digits, rounding), arena);
  }
  Small small;
  if (load_small(value, small)) {
    Small rounded{shift_down(small.value, from - digits, rounding), shown};
    if (digits >= 0 || shift_up(rounded.value, -digits)) return store(rounded, arena);
  }
  Big big = load_big(value);
  big.value = shift_down(big.value, from - digits, rounding);
  if (digits < 0) big.value *= power_of_ten(-digits);
  big.scale = shown;
  return store(big, arena);
}

// Rounds to a whole number, up (+1) or down (-1).
Datum to_whole(Datum value, int direction, Arena& arena) {
  if (!is_finite(value)) return copy(value, arena);
  const Datum whole = to_scale(value, 0, Rounding::toward_zero, arena);
  if (sign_of(value) != direction || compare(whole, value) == 0) return whole;
  return add(whole, from_int64(direction, arena), arena);
}

template <class Word>
Word to_integer(Datum value, const char* type) {
  if (!is_finite(value))
    throw Failure(Fault::feature_not_supported,
                  std::string("cannot convert ") + (is_nan(value) ? "NaN" : "infinity") + " to " + type);
  Small small;
  if (!load_small(value, small)) {
    const Big whole = rescale(load_big(value), 0, Rounding::half_away);
    if (boost::multiprecision::abs(whole.value) > std::numeric_limits<std::int64_t>::max())
      small = {std::numeric_limits<Int128>::max(), 0};
    else
      small = {static_cast<std::int64_t>(whole.value), 0};
  }
  const Int128 whole = shift_down(small.value, small.scale, Rounding::half_away);
  if (whole < std::numeric_limits<Word>::min() || whole > std::numeric_limits<Word>::max())
    throw Failure(Fault::numeric_value_out_of_range, std::string(type) + " out of range");
  return static_cast<Word>(whole);
}

Datum from_real(double value, int significant_digits, Arena& arena) {
  if (std::isnan(value)) return store_special(Kind::nan, arena);
  if (std::isinf(value)) return infinity_of_sign(value > 0 ? 1 : -1, arena);
  char text[64];
  const int length = std::snprintf(text, sizeof text, "%.*g", significant_digits, value);
  return from_text({text, static_cast<std::size_t>(length)}, arena);
}

}  // namespace

bool is_nan(Datum value) {
  return kind_of(value) == Kind::nan;
}
bool is_infinite(Datum value) {
  return kind_of(value) >= Kind::infinity;
}
bool is_zero(Datum value) {
  return is_finite(value) && value.size == 3;
}
std::int32_t scale(Datum value) {
  return static_cast<unsigned char>(value.data[1]) | static_cast<unsigned char>(value.data[2]) << 8;
}

std::int32_t min_scale(Datum value) {
  if (!is_finite(value) || is_zero(value)) return 0;
  const std::string digits = magnitude_digits(value);
  std::int32_t least = scale(value);
  for (std::size_t i = digits.size(); least > 0 && i-- > 0 && digits[i] == '0';) --least;
  return least;
}

Datum trim_scale(Datum value, Arena& arena) {
  return to_scale(value, min_scale(value), Rounding::toward_zero, arena);
}

int compare(Datum left, Datum right) {
  Small l;
  Small r;
  if (load_small(left, l) && load_small(right, r) && align(l, r)) return three_way(l.value, r.value);
  const auto rank = [](Datum value) { return is_nan(value) ? 2 : is_infinite(value) ? sign_of(value) : 0; };
  if (!is_finite(left) || !is_finite(right)) return three_way(rank(left), rank(right));
  const BigPair pair = align_big(left, right);
  return three_way(pair.left.compare(pair.right), 0);
}

Datum add(Datum left, Datum right, Arena& arena) {
  Small l;
  Small r;
  Int128 sum;
  if (load_small(left, l) && load_small(right, r) && align(l, r) &&
      !__builtin_add_overflow(l.value, r.value, &sum))
    return store(Small{sum, l.scale}, arena);
  if (!is_finite(left) || !is_finite(right)) return add_specials(left, right, false, arena);
  const BigPair pair = align_big(left, right);
  return store(Big{pair.left + pair.right, pair.scale}, arena);
}

Datum subtract(Datum left, Datum right, Arena& arena) {
  Small l;
  Small r;
  Int128 difference;
  if (load_small(left, l) && load_small(right, r) && align(l, r) &&
      !__builtin_sub_overflow(l.value, r.value, &difference))
    return store(Small{difference, l.scale}, arena);
  if (!is_finite(left) || !is_finite(right)) return add_specials(left, right, true, arena);
  const BigPair pair = align_big(left, right);
  return store(Big{pair.left - pair.right, pair.scale}, arena);
}

Datum multiply(Datum left, Datum right, Arena& arena) {
  Small l;
  Small r;
  Int128 product;
  if (load_small(left, l) && load_small(right, r) && l.scale + r.scale <= kScaleMax &&
      multiply_small(l.value, r.value, product))
    return store(Small{product, l.scale + r.scale}, arena);
  if (is_nan(left) || is_nan(right)) return store_special(Kind::nan, arena);
  if (!is_finite(left) || !is_finite(right)) return infinity_of_sign(sign_of(left) * sign_of(right), arena);
  const Big lb = load_big(left);
  const Big rb = load_big(right);
  Big exact{lb.value * rb.value, lb.scale + rb.scale};
  const std::int32_t scale = std::min(exact.scale, kScaleMax);
  return store(rescale(std::move(exact), scale, Rounding::half_away), arena);
}

Datum divide(Datum left, Datum right, Arena& arena) {
  Datum special;
  if (divide_specials(left, right, special, arena)) return special;
  Small l;
  Small r;
  Small quotient;
  if (load_small(left, l) && load_small(right, r) && divide_small(l, r, quotient))
    return store(quotient, arena);
  Big lb = load_big(left);
  Big rb = load_big(right);
  const std::int32_t scale = quotient_scale(weight_of(magnitude_digits(left), lb.scale),
                                            weight_of(magnitude_digits(right), rb.scale), lb.scale, rb.scale);
  const std::int32_t shift = scale + rb.scale - lb.scale;
  (shift >= 0 ? lb : rb).value *= power_of_ten(std::abs(shift));
  return store(Big{divide_rounded(lb.value, rb.value), scale}, arena);
}

Datum divide_truncated(Datum left, Datum right, Arena& arena) {
  Datum special;
  if (divide_specials(left, right, special, arena)) return special;
  const BigPair pair = align_big(left, right);
  return store(Big{pair.left / pair.right, 0}, arena);
}

Datum modulo(Datum left, Datum right, Arena& arena) {
  if (is_nan(left) || is_nan(right)) return store_special(Kind::nan, arena);
  if (is_zero(right)) fail_division_by_zero();
  if (is_infinite(left)) return store_special(Kind::nan, arena);
  if (is_infinite(right)) return copy(left, arena);
  Small l;
  Small r;
  if (load_small(left, l) && load_small(right, r) && align(l, r))
    return store(Small{r.value == -1 ? 0 : l.value % r.value, l.scale}, arena);
  const BigPair pair = align_big(left, right);
  return store(Big{pair.left % pair.right, pair.scale}, arena);
}

Datum negate(Datum value, Arena& arena) {
  if (is_nan(value) || is_zero(value)) return copy(value, arena);
  if (is_infinite(value)) return infinity_of_sign(-sign_of(value), arena);
  return with_kind(value, kind_of(value) == Kind::negative ? Kind::positive : Kind::negative, arena);
}

Datum abs(Datum value, Arena& arena) {
  return sign_of(value) < 0 ? negate(value, arena) : copy(value, arena);
}

Datum sign(Datum value, Arena& arena) {
  return is_nan(value) ? copy(value, arena) : from_int64(sign_of(value), arena);
}

Datum round(Datum value, std::int32_t digits, Arena& arena) {
  return to_scale(value, digits, Rounding::half_away, arena);
}
Datum trunc(Datum value, std::int32_t digits, Arena& arena) {
  return to_scale(value, digits, Rounding::toward_zero, arena);
}
Datum ceil(Datum value, Arena& arena) {
  return to_whole(value, 1, arena);
}
Datum floor(Datum value, Arena& arena) {
  return to_whole(value, -1, arena);
}

Datum from_int64(std::int64_t value, Arena& arena) {
  return store(Small{value, 0}, arena);
}
Datum from_int128(Int128 value, std::int32_t scale, Arena& arena) {
  return store(Small{value, scale}, arena);
}
Datum from_double(double value, Arena& arena) {
  return from_real(value, std::numeric_limits<double>::digits10, arena);
}
Datum from_float(float value, Arena& arena) {
  return from_real(static_cast<double>(value), std::numeric_limits<float>::digits10, arena);
}

std::int64_t to_int64(Datum value) {
  return to_integer<std::int64_t>(value, "bigint");
}
std::int32_t to_int32(Datum value) {
  return to_integer<std::int32_t>(value, "integer");
}
std::int16_t to_int16(Datum value) {
  return to_integer<std::int16_t>(value, "smallint");
}

double to_double(Datum value) {
  if (is_nan(value)) return std::numeric_limits<double>::quiet_NaN();
  if (is_infinite(value)) return sign_of(value) * std::numeric_limits<double>::infinity();
  // Both are exact doubles, so that the quotient is the nearest one.
  constexpr Int128 kExact = Int128{1} << 53;
  constexpr int kExactPower = 22;
  Small small;
  if (load_small(value, small) && small.value <= kExact && small.value >= -kExact &&
      small.scale <= kExactPower)
    return static_cast<double>(static_cast<std::int64_t>(small.value)) /
           static_cast<double>(small_power_of_ten(small.scale));
  const std::string text = to_string(value);
  errno = 0;
  const double nearest = std::strtod(text.c_str(), nullptr);
  if (std::isinf(nearest) || (nearest == 0 && !is_zero(value)))
    throw Failure(Fault::numeric_value_out_of_range,
                  "\"" + text + "\" is out of range for type double precision");
  return nearest;
}

}  // namespace gyre::storage::numeric
