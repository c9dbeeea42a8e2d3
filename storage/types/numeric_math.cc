// Roots, exponentials, logarithms and powers of numeric. The scale of each result follows PostgreSQL's rules
// (at least 16 significant digits); the digits are computed in binary fixed point with some twenty digits to
// spare and rounded once at the end:
//
//   ln x   x = m * 2^k with m near 1;  ln x = 2 artanh((m - 1) / (m + 1)) + k ln 2, by artanh's series
//   e^x    x = k ln 2 + r;             e^x = (e^(r / 256))^256 * 2^k, by the exponential series
//   ln 2 = 18 artanh(1/26) - 2 artanh(1/4801) + 8 artanh(1/8749)
//   b^e    exactly, by integers, where e is whole and the power of moderate size; else e^(e ln b)
#include <algorithm>
#include <cmath>
#include <limits>

#include "storage/failure.h"
#include "storage/types/numeric.h"
#include "storage/types/numeric_decimal.h"

namespace gyre::storage::numeric {

namespace {

using boost::multiprecision::msb;

constexpr double kLog10OfE = 0.434294481903252;
constexpr double kLn10 = 2.302585092994046;
constexpr double kBitsPerDigit = 3.3219280948873626;
constexpr std::int32_t kResultScaleMax = 2000;

// ---- fixed point: an integer stands for itself / 2^bits

unsigned bits_for_digits(double digits) {
  constexpr unsigned kSpareBits = 96;
  return static_cast<unsigned>(std::max(digits, 0.0) * kBitsPerDigit) + kSpareBits;
}

BigInt artanh_of_inverse(unsigned n, unsigned bits) {
  BigInt power = (BigInt(1) << bits) / n;
  BigInt sum = power;
  for (unsigned k = 3; !power.is_zero(); k += 2) {
    power /= n * n;
    sum += power / k;
  }
  return sum;
}

BigInt ln_2(unsigned bits) {
  return 18 * artanh_of_inverse(26, bits) - 2 * artanh_of_inverse(4801, bits) +
         8 * artanh_of_inverse(8749, bits);
}

BigInt to_fixed(const Big& value, unsigned bits) {
  return (value.value << bits) / power_of_ten(value.scale);
}

// value > 0
BigInt ln_fixed(const Big& value, unsigned bits) {
  const BigInt one = BigInt(1) << bits;
  BigInt numerator = value.value;
  BigInt denominator = power_of_ten(value.scale);
  int twos = static_cast<int>(msb(numerator)) - static_cast<int>(msb(denominator));
  if (twos >= 0)
    denominator <<= static_cast<unsigned>(twos);
  else
    numerator <<= static_cast<unsigned>(-twos);
  if (2 * numerator > 3 * denominator) {  // m to 3/4 … 3/2, so that what is near 1 has no twos
    denominator <<= 1;
    ++twos;
  } else if (4 * numerator < 3 * denominator) {
    numerator <<= 1;
    --twos;
  }
  const BigInt t = ((numerator - denominator) << bits) / (numerator + denominator);
  const BigInt square = (t * t) >> bits;
  BigInt power = t;
  BigInt sum = t;
  for (unsigned k = 3; !power.is_zero(); k += 2) {
    power = power * square / one;
    sum += power / k;
  }
  return 2 * sum + twos * ln_2(bits);
}

// e^x is result / 2^bits * 2^twos.
BigInt exp_fixed(const BigInt& x, unsigned bits, int& twos) {
  constexpr unsigned kHalvings = 8;
  const BigInt one = BigInt(1) << bits;
  const BigInt ln2 = ln_2(bits);
  const BigInt whole = x / ln2;
  twos = static_cast<int>(whole);
  const BigInt rest = (x - whole * ln2) / (1U << kHalvings);
  BigInt term = one;
  BigInt sum = one;
  for (unsigned k = 1; !term.is_zero(); ++k) {
    term = term * rest / one / k;
    sum += term;
  }
  for (unsigned i = 0; i < kHalvings; ++i) sum = (sum * sum) >> bits;
  return sum;
}

// Rounds fixed / 2^shift to a decimal.
Big to_decimal(const BigInt& fixed, int shift, std::int32_t scale) {
  const BigInt scaled = fixed * power_of_ten(scale);
  if (shift <= 0) return {scaled << static_cast<unsigned>(-shift), scale};
  return {divide_rounded(scaled, BigInt(1) << static_cast<unsigned>(shift)), scale};
}

// ---- estimates that fix the scale of a result

double to_double_clamped(const Big& value) {
  const std::string digits = magnitude_digits(value.value);
  const double lead = std::strtod(digits.substr(0, 17).c_str(), nullptr);
  const double exponent = static_cast<double>(digits.size()) -
                          static_cast<double>(std::min<std::size_t>(17, digits.size())) - value.scale;
  const double magnitude = std::min(lead * std::pow(10, std::min(exponent, 280.0)), 1e300);
  return value.value < 0 ? -magnitude : magnitude;
}

// About log10(|ln value|), as PostgreSQL estimates it. value > 0
std::int32_t ln_weight(const Big& value) {
  const BigInt one = power_of_ten(value.scale);
  if (10 * value.value >= 9 * one && 10 * value.value <= 11 * one) {
    const BigInt distance = boost::multiprecision::abs(value.value - one);
    if (distance.is_zero()) return 0;
    const Weight weight = weight_of(magnitude_digits(distance), value.scale);
    return weight.weight * 4 + static_cast<std::int32_t>(std::log10(weight.first_digit));
  }
  const std::string digits = magnitude_digits(value.value);
  const Weight weight = weight_of(digits, value.scale);
  // The first two digits of base 10000.
  const std::int32_t used = static_cast<std::int32_t>(std::to_string(weight.first_digit).size()) + 4;
  double lead = std::strtod(digits.substr(0, static_cast<std::size_t>(used)).c_str(), nullptr);
  const std::int32_t missing =
      used - static_cast<std::int32_t>(std::min<std::size_t>(digits.size(), static_cast<std::size_t>(used)));
  lead *= std::pow(10, missing);
  const double ln = std::log(lead) + (weight.weight * 4 - 4) * kLn10;
  return static_cast<std::int32_t>(std::log10(std::abs(ln)));
}

std::int32_t clamp_scale(std::int32_t scale, std::int32_t at_least) {
  return std::min(std::max({scale, at_least, 0}), kDisplayScaleMax);
}

[[noreturn]] void fail_logarithm(const char* of) {
  throw Failure(Fault::invalid_argument_for_logarithm, std::string("cannot take logarithm of ") + of);
}
[[noreturn]] void fail_power(const char* message) {
  throw Failure(Fault::invalid_argument_for_power_function, message);
}

bool is_negative(Datum value) {
  return kind_of(value) == Kind::negative || kind_of(value) == Kind::minus_infinity;
}

void check_logarithm_argument(Datum value) {
  if (is_negative(value)) fail_logarithm("a negative number");
  if (is_zero(value)) fail_logarithm("zero");
}

Datum zero_of_scale(std::int32_t scale, Arena& arena) {
  return store(Small{0, scale}, arena);
}

// ---- powers

Datum one(Arena& arena) {
  return from_int64(1, arena);
}

bool is_one(Datum value, int sign) {
  Small small;
  return load_small(value, small) && small.scale <= kSmallDigits &&
         small.value == sign * static_cast<Int128>(small_power_of_ten(small.scale));
}

bool is_whole(const Big& value) {
  return (value.value % power_of_ten(value.scale)).is_zero();
}

// NaN or infinities among the operands, as POSIX pow() has them.
Datum power_of_specials(Datum base, Datum exponent, Arena& arena) {
  if (is_nan(base)) return is_zero(exponent) ? one(arena) : store_special(Kind::nan, arena);
  if (is_nan(exponent)) return is_one(base, 1) ? one(arena) : store_special(Kind::nan, arena);
  if (is_zero(base) && is_negative(exponent)) fail_power("zero raised to a negative power is undefined");
  if (is_infinite(base) && is_finite(exponent) && is_negative(base) && !is_whole(load_big(exponent)))
    fail_power("a negative number raised to a non-integer power yields a complex result");
  if (is_one(base, 1) || is_zero(exponent)) return one(arena);
  if (is_zero(base)) return from_int64(0, arena);
  if (is_infinite(exponent)) {
    if (is_one(base, -1)) return one(arena);
    const bool grows = compare(abs(base, arena), one(arena)) > 0;
    return grows == !is_negative(exponent) ? store_special(Kind::infinity, arena) : from_int64(0, arena);
  }
  if (is_negative(exponent)) return from_int64(0, arena);
  const Big whole = rescale(load_big(exponent), 0, Rounding::toward_zero);
  const bool odd = boost::multiprecision::bit_test(whole.value, 0);
  return store_special(is_negative(base) && odd ? Kind::minus_infinity : Kind::infinity, arena);
}

// base^exponent by integers; base is not zero.
Datum power_exact(const Big& base, unsigned exponent, bool inverse, std::int32_t scale, Arena& arena) {
  BigInt numerator = boost::multiprecision::pow(base.value, exponent);
  const auto places = static_cast<int>(exponent) * base.scale;
  if (!inverse) return store(rescale(Big{std::move(numerator), places}, scale, Rounding::half_away), arena);
  return store(Big{divide_rounded(power_of_ten(places + scale), numerator), scale}, arena);
}

double log10_of_power(const Big& base, const Big& exponent) {
  constexpr unsigned kBits = 256;
  const Big magnitude{boost::multiprecision::abs(base.value), base.scale};
  const double ln_base =
      std::ldexp(static_cast<double>(ln_fixed(magnitude, kBits)), -static_cast<int>(kBits));
  return ln_base * to_double_clamped(exponent) * kLog10OfE;
}

// |base|^exponent by repeated squaring in binary floating point of `bits` bits; base is not zero.
Big power_by_squaring(const Big& base, std::int64_t exponent, bool inverse, double log10,
                      std::int32_t scale) {
  const unsigned bits = bits_for_digits(scale + std::abs(log10) + 24);
  struct Float {
    BigInt mantissa;
    std::int64_t twos;
  };
  const auto cut = [bits](Float& value) {
    const auto length = static_cast<std::int64_t>(msb(value.mantissa)) + 1;
    if (length <= bits) return;
    value.mantissa >>= static_cast<unsigned>(length - bits);
    value.twos += length - bits;
  };
  const BigInt magnitude = boost::multiprecision::abs(base.value);
  Float square{(magnitude << (bits + static_cast<unsigned>(base.scale) * 4)) / power_of_ten(base.scale), 0};
  square.twos = -static_cast<std::int64_t>(bits) - std::int64_t{4} * base.scale;
  Float result{1, 0};
  for (; exponent != 0; exponent >>= 1) {
    cut(square);
    if ((exponent & 1) != 0) {
      result.mantissa *= square.mantissa;
      result.twos += square.twos;
      cut(result);
    }
    square.mantissa *= square.mantissa;
    square.twos *= 2;
  }
  if (inverse) {
    const unsigned room = bits + static_cast<unsigned>(msb(result.mantissa));
    result.mantissa = (BigInt(1) << room) / result.mantissa;
    result.twos = -result.twos - room;
  }
  return to_decimal(result.mantissa, static_cast<int>(-result.twos), scale);
}

// e^(exponent ln |base|), with a sign.
Datum power_by_logarithm(Big base, const Big& exponent, bool negative, Arena& arena) {
  base.value = boost::multiprecision::abs(base.value);
  const double log10 = log10_of_power(base, exponent);
  constexpr double kLnMax = kResultScaleMax * 3.01;
  if (std::abs(log10) > kLnMax * kLog10OfE) {
    if (log10 > 0) fail_overflow();
    return zero_of_scale(kDisplayScaleMax, arena);
  }
  const std::int32_t scale = clamp_scale(kSignificantDigitsMin - static_cast<std::int32_t>(log10),
                                         std::max(base.scale, exponent.scale));
  const auto exponent_digits = static_cast<double>(magnitude_digits(exponent.value).size());
  const unsigned bits = bits_for_digits(scale + std::max(log10, 0.0) + exponent_digits + 20);
  const BigInt product = ln_fixed(base, bits) * exponent.value / power_of_ten(exponent.scale);
  int twos;
  const BigInt mantissa = exp_fixed(product, bits, twos);
  Big result = to_decimal(mantissa, static_cast<int>(bits) - twos, scale);
  if (negative) result.value = -result.value;
  return store(result, arena);
}

Datum power_of_finite(const Big& base, const Big& exponent, Arena& arena) {
  const bool whole = is_whole(exponent);
  const bool negative = base.value < 0;
  if (negative && !whole)
    fail_power("a negative number raised to a non-integer power yields a complex result");
  const BigInt whole_exponent = exponent.value / power_of_ten(exponent.scale);
  const bool odd = whole && boost::multiprecision::bit_test(boost::multiprecision::abs(whole_exponent), 0);
  const bool fits = whole && whole_exponent <= std::numeric_limits<std::int32_t>::max() &&
                    whole_exponent >= std::numeric_limits<std::int32_t>::min();
  if (!fits) {
    if (base.value.is_zero()) return zero_of_scale(kSignificantDigitsMin, arena);
    return power_by_logarithm(base, exponent, negative && odd, arena);
  }
  const std::int32_t scale = clamp_scale(kSignificantDigitsMin, base.scale);
  if (base.value.is_zero())
    return whole_exponent.is_zero() ? store(Big{power_of_ten(scale), scale}, arena)
                                    : zero_of_scale(scale, arena);
  const double log10 = log10_of_power(base, exponent);
  if (log10 > kWholeDigitsMax + 1) fail_overflow();
  if (log10 + 1 < -scale) return zero_of_scale(scale, arena);
  constexpr double kExactBitsMax = 100000;
  const auto magnitude = static_cast<std::int64_t>(boost::multiprecision::abs(whole_exponent));
  const auto bits = static_cast<double>(msb(boost::multiprecision::abs(base.value)) + 1);
  const double places_bits = base.scale * kBitsPerDigit;
  if ((bits + places_bits) * static_cast<double>(magnitude) <= kExactBitsMax)
    return power_exact(base, static_cast<unsigned>(magnitude), whole_exponent < 0, scale, arena);
  Big result = power_by_squaring(base, magnitude, whole_exponent < 0, log10, scale);
  if (negative && odd) result.value = -result.value;
  return store(result, arena);
}

}  // namespace

Datum sqrt(Datum value, Arena& arena) {
  if (is_nan(value)) return store_special(Kind::nan, arena);
  if (is_negative(value)) fail_power("cannot take square root of a negative number");
  if (is_infinite(value)) return store_special(Kind::infinity, arena);
  const Big big = load_big(value);
  const std::int32_t weight = weight_of(magnitude_digits(value), big.scale).weight;
  const std::int32_t root_weight = weight >= 0 ? weight * 4 / 2 + 1 : 1 - (-weight * 4) / 2;
  const std::int32_t scale = clamp_scale(kSignificantDigitsMin - root_weight, big.scale);
  BigInt rest;
  const BigInt scaled = big.value * power_of_ten(2 * scale - big.scale);
  BigInt root = boost::multiprecision::sqrt(scaled, rest);
  if (rest > root) ++root;  // beyond root + 1/2
  return store(Big{root, scale}, arena);
}

Datum exp(Datum value, Arena& arena) {
  if (is_nan(value) || kind_of(value) == Kind::infinity) return store_special(kind_of(value), arena);
  if (is_infinite(value)) return from_int64(0, arena);
  const Big big = load_big(value);
  const double x = to_double_clamped(big);
  const double log10 = std::clamp(x * kLog10OfE, -1.0 * kResultScaleMax, 1.0 * kResultScaleMax);
  const std::int32_t scale = clamp_scale(kSignificantDigitsMin - static_cast<std::int32_t>(log10), big.scale);
  if (std::abs(x) >= kResultScaleMax * 3) {
    if (x > 0) fail_overflow();
    return zero_of_scale(scale, arena);
  }
  const unsigned bits = bits_for_digits(scale + std::max(x * kLog10OfE, 0.0) + 10);
  int twos;
  const BigInt mantissa = exp_fixed(to_fixed(big, bits), bits, twos);
  return store(to_decimal(mantissa, static_cast<int>(bits) - twos, scale), arena);
}

Datum ln(Datum value, Arena& arena) {
  if (is_nan(value)) return store_special(Kind::nan, arena);
  check_logarithm_argument(value);
  if (is_infinite(value)) return store_special(Kind::infinity, arena);
  const Big big = load_big(value);
  const std::int32_t scale = clamp_scale(kSignificantDigitsMin - ln_weight(big), big.scale);
  const unsigned bits = bits_for_digits(scale + 10);
  return store(to_decimal(ln_fixed(big, bits), static_cast<int>(bits), scale), arena);
}

Datum log(Datum base, Datum value, Arena& arena) {
  if (is_nan(base) || is_nan(value)) return store_special(Kind::nan, arena);
  check_logarithm_argument(base);
  check_logarithm_argument(value);
  if (is_infinite(base)) return is_infinite(value) ? store_special(Kind::nan, arena) : from_int64(0, arena);
  if (is_infinite(value)) return store_special(Kind::infinity, arena);
  const Big b = load_big(base);
  const Big v = load_big(value);
  const std::int32_t base_weight = ln_weight(b);
  const std::int32_t value_weight = ln_weight(v);
  const std::int32_t scale =
      clamp_scale(kSignificantDigitsMin - (value_weight - base_weight), std::max(b.scale, v.scale));
  const unsigned bits = bits_for_digits(scale + 2 * std::abs(base_weight) + std::abs(value_weight) + 20);
  const BigInt ln_base = ln_fixed(b, bits);
  if (ln_base.is_zero()) fail_division_by_zero();
  return store(Big{divide_rounded(ln_fixed(v, bits) * power_of_ten(scale), ln_base), scale}, arena);
}

Datum power(Datum base, Datum exponent, Arena& arena) {
  if (!is_finite(base) || !is_finite(exponent)) return power_of_specials(base, exponent, arena);
  if (is_zero(base) && is_negative(exponent)) fail_power("zero raised to a negative power is undefined");
  return power_of_finite(load_big(base), load_big(exponent), arena);
}

}  // namespace gyre::storage::numeric
