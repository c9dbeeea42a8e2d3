#include "storage/types/numeric_decimal.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <vector>

#include "storage/failure.h"
#include "storage/types/integer.h"

namespace gyre::storage::numeric {

namespace {

constexpr std::size_t kHeaderBytes = 3;

constexpr std::array<Uint128, kSmallDigits + 1> kPowersOfTen = [] {
  std::array<Uint128, kSmallDigits + 1> powers{1};
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();

Uint128 magnitude_of(Int128 value) {
  return value < 0 ? Uint128{0} - static_cast<Uint128>(value) : static_cast<Uint128>(value);
}

int bit_length(Uint128 value) {
  const auto high = static_cast<std::uint64_t>(value >> 64);
  const auto low = static_cast<std::uint64_t>(value);
  if (high != 0) return 128 - __builtin_clzll(high);
  return low == 0 ? 0 : 64 - __builtin_clzll(low);
}

std::int32_t scale_of(Datum value) {
  return static_cast<unsigned char>(value.data[1]) | static_cast<unsigned char>(value.data[2]) << 8;
}

char* write_header(char* at, Kind kind, std::int32_t scale) {
  *at++ = static_cast<char>(kind);
  *at++ = static_cast<char>(scale & 0xff);
  *at++ = static_cast<char>(scale >> 8);
  return at;
}

}  // namespace

void fail_overflow() {
  throw Failure(Fault::numeric_value_out_of_range, "value overflows numeric format");
}

void fail_division_by_zero() {
  throw Failure(Fault::division_by_zero, "division by zero");
}

Uint128 small_power_of_ten(int n) {
  return kPowersOfTen[static_cast<std::size_t>(n)];
}

BigInt power_of_ten(int n) {
  if (n <= kSmallDigits) return BigInt(small_power_of_ten(n));
  return boost::multiprecision::pow(BigInt(10), static_cast<unsigned>(n));
}

bool load_small(Datum value, Small& small) {
  const std::size_t bytes = value.size - kHeaderBytes;
  if (!is_finite(value) || bytes > sizeof(Uint128)) return false;
  Uint128 magnitude = 0;
  std::memcpy(&magnitude, value.data + kHeaderBytes, bytes);
  if (static_cast<Int128>(magnitude) < 0) return false;
  small.value = static_cast<Int128>(magnitude);
  if (kind_of(value) == Kind::negative) small.value = -small.value;
  small.scale = scale_of(value);
  return true;
}

Big load_big(Datum value) {
  Big big{0, scale_of(value)};
  const auto* first = reinterpret_cast<const unsigned char*>(value.data) + kHeaderBytes;
  const std::size_t bytes = value.size - kHeaderBytes;
  if (bytes != 0) boost::multiprecision::import_bits(big.value, first, first + bytes, 8, false);
  if (kind_of(value) == Kind::negative) big.value = -big.value;
  return big;
}

Datum store(Small small, Arena& arena) {
  if (small.scale > kScaleMax) fail_overflow();
  const Uint128 magnitude = magnitude_of(small.value);
  const auto bytes = static_cast<std::size_t>((bit_length(magnitude) + 7) / 8);
  char* start = arena.allocate(kHeaderBytes + bytes, 1);
  char* at = write_header(start, small.value < 0 ? Kind::negative : Kind::positive, small.scale);
  std::memcpy(at, &magnitude, bytes);
  return Datum::of_bytes({start, kHeaderBytes + bytes});
}

Datum store(const Big& big, Arena& arena) {
  if (big.scale > kScaleMax) fail_overflow();
  const BigInt magnitude = boost::multiprecision::abs(big.value);
  std::vector<unsigned char> bytes;
  if (!magnitude.is_zero()) {
    // The cheap bound first: 2^(3.3219 * digits) is 10^digits.
    const std::size_t bits = boost::multiprecision::msb(magnitude) + 1;
    const std::int32_t digits_max = kWholeDigitsMax + big.scale;
    if (static_cast<double>(bits) > 3.3219 * digits_max &&
        (static_cast<double>(bits) > 3.3220 * digits_max + 8 || magnitude >= power_of_ten(digits_max)))
      fail_overflow();
    bytes.reserve(bits / 8 + 1);
    boost::multiprecision::export_bits(magnitude, std::back_inserter(bytes), 8, false);
    while (!bytes.empty() && bytes.back() == 0) bytes.pop_back();
  }
  char* start = arena.allocate(kHeaderBytes + bytes.size(), 1);
  char* at = write_header(start, big.value < 0 ? Kind::negative : Kind::positive, big.scale);
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  return Datum::of_bytes({start, kHeaderBytes + bytes.size()});
}

Datum store_special(Kind kind, Arena& arena) {
  char* start = arena.allocate(kHeaderBytes, 1);
  write_header(start, kind, 0);
  return Datum::of_bytes({start, kHeaderBytes});
}

bool multiply_small(Int128 left, Int128 right, Int128& product) {
  if (bit_length(magnitude_of(left)) + bit_length(magnitude_of(right)) > 127) return false;
  product = left * right;
  return true;
}

bool shift_up(Int128& value, int digits) {
  if (value == 0 || digits == 0) return true;
  if (digits > kSmallDigits) return false;
  return multiply_small(value, static_cast<Int128>(small_power_of_ten(digits)), value);
}

Int128 shift_down(Int128 value, int digits, Rounding rounding) {
  if (digits > kSmallDigits) return 0;  // |value| < 2^127 < 10^39 / 2
  const auto divisor = static_cast<Int128>(small_power_of_ten(digits));
  const Int128 quotient = value / divisor;
  const Uint128 rest = magnitude_of(value % divisor);
  if (rounding == Rounding::toward_zero || rest < static_cast<Uint128>(divisor) - rest) return quotient;
  return value < 0 ? quotient - 1 : quotient + 1;
}

BigInt divide_rounded(const BigInt& dividend, const BigInt& divisor) {
  BigInt quotient;
  BigInt rest;
  boost::multiprecision::divide_qr(dividend, divisor, quotient, rest);
  if (2 * boost::multiprecision::abs(rest) >= boost::multiprecision::abs(divisor))
    quotient += (dividend < 0) == (divisor < 0) ? 1 : -1;
  return quotient;
}

BigInt shift_down(const BigInt& value, int digits, Rounding rounding) {
  const BigInt divisor = power_of_ten(digits);
  return rounding == Rounding::half_away ? divide_rounded(value, divisor) : BigInt(value / divisor);
}

Big rescale(Big big, std::int32_t scale, Rounding rounding) {
  if (scale > big.scale)
    big.value *= power_of_ten(scale - big.scale);
  else if (scale < big.scale)
    big.value = shift_down(big.value, big.scale - scale, rounding);
  big.scale = scale;
  return big;
}

int count_digits(Uint128 magnitude) {
  if (magnitude == 0) return 1;
  // 1233 / 4096 is just above log10(2): the guess is right or one too low.
  const int guess = bit_length(magnitude) * 1233 >> 12;
  return guess > kSmallDigits || magnitude < small_power_of_ten(guess) ? guess : guess + 1;
}

std::string magnitude_digits(Datum value) {
  Small small;
  if (!load_small(value, small)) return magnitude_digits(load_big(value).value);
  Uint128 rest = magnitude_of(small.value);
  const int count = count_digits(rest);
  std::string digits(static_cast<std::size_t>(count), '0');
  int end = count;
  constexpr std::uint64_t kChunk = 1'000'000'000'000'000'000;
  constexpr int kChunkDigits = 18;
  for (; end > kChunkDigits; end -= kChunkDigits) {
    write_digits(digits.data() + end - kChunkDigits, static_cast<std::uint64_t>(rest % kChunk), kChunkDigits);
    rest /= kChunk;
  }
  write_digits(digits.data(), static_cast<std::uint64_t>(rest), end);
  return digits;
}

Weight weight_of(std::string_view digits, std::int32_t scale) {
  if (digits.empty() || digits[0] == '0') return {0, 0};
  const std::int32_t exponent =
      static_cast<std::int32_t>(digits.size()) - scale - 1;  // of the first decimal digit
  const std::int32_t weight = exponent >= 0 ? exponent / 4 : -((-exponent + 3) / 4);
  std::int32_t first = 0;
  for (std::int32_t i = 0; i <= exponent - 4 * weight; ++i) {
    const auto at = static_cast<std::size_t>(i);
    first = first * 10 + (at < digits.size() ? digits[at] - '0' : 0);
  }
  return {weight, first};
}

Weight weight_of(Small small) {
  const Uint128 magnitude = magnitude_of(small.value);
  if (magnitude == 0) return {0, 0};
  const std::int32_t exponent = count_digits(magnitude) - small.scale - 1;
  const std::int32_t weight = exponent >= 0 ? exponent / 4 : -((-exponent + 3) / 4);
  const std::int32_t below = small.scale + 4 * weight;  // decimal digits below the first one of base 10000
  if (below >= 0) return {weight, static_cast<std::int32_t>(magnitude / small_power_of_ten(below))};
  return {weight, static_cast<std::int32_t>(magnitude * small_power_of_ten(-below))};
}

}  // namespace gyre::storage::numeric
