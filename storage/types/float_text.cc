// std::to_chars finds the shortest digits that read back as the same number, but lays them out in its own way
// and takes a decimal that lies exactly on the border between two numbers for the even one, which PostgreSQL
// does not: it wants digits strictly inside. So we take its digits in scientific form, ask for one more where
// they lie on the border, and lay them out as printf's %g would with a precision of 15 (6 for float4).
#include "storage/types/float_text.h"

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>

#include "storage/types/input.h"

namespace gyre::storage {

namespace {

constexpr int kDigitsMax = 20;

// |value| = 0.d1 d2 … dn * 10^(exponent + 1), d1 not 0.
struct Decimal {
  char digits[kDigitsMax];
  int count;
  int exponent;
};

// From "d.ddde±xx".
Decimal from_scientific(const char* at, const char* end) {
  Decimal decimal{};
  for (; at != end && *at != 'e'; ++at)
    if (*at != '.') decimal.digits[decimal.count++] = *at;
  ++at;
  if (*at == '+') ++at;
  std::from_chars(at, end, decimal.exponent);
  while (decimal.count > 1 && decimal.digits[decimal.count - 1] == '0') --decimal.count;
  return decimal;
}

// odd * 2^twos
struct OddTimesTwos {
  unsigned __int128 odd;
  int twos;
  bool operator==(const OddTimesTwos&) const = default;
};

OddTimesTwos split_twos(unsigned __int128 value, int twos) {
  while ((value & 1) == 0) {
    value >>= 1;
    ++twos;
  }
  return {value, twos};
}

// True if the decimal lies exactly half way between the number and a neighbour. Such a border is an odd
// number of at most 55 bits times a power of two, so that beyond 5^24 no decimal can hit it, and all fits 128
// bits.
template <class Real>
bool on_border(Real magnitude, const Decimal& decimal) {
  constexpr int kFivesMax = 24;
  const int tens = decimal.exponent - (decimal.count - 1);
  if (std::abs(tens) > kFivesMax) return false;
  if (tens < 0 && decimal.digits[decimal.count - 1] != '5') return false;  // no multiple of 5
  std::uint64_t digits = 0;
  for (int i = 0; i < decimal.count; ++i)
    digits = digits * 10 + static_cast<std::uint64_t>(decimal.digits[i] - '0');
  unsigned __int128 fives = 1;
  for (int i = 0; i < std::abs(tens); ++i) fives *= 5;

  int exponent;
  const Real fraction = std::frexp(magnitude, &exponent);
  constexpr int kBits = std::numeric_limits<Real>::digits;
  const auto mantissa = static_cast<std::uint64_t>(std::ldexp(fraction, kBits));
  const OddTimesTwos left = split_twos(tens >= 0 ? digits * fives : digits, tens);
  const auto hits = [&](std::uint64_t border, int twos) {
    return left == split_twos(tens >= 0 ? static_cast<unsigned __int128>(border) : border * fives, twos);
  };
  const int twos = exponent - kBits;
  if (hits(2 * mantissa + 1, twos - 1)) return true;
  // Below a power of two the neighbours are half as far away.
  const bool power_of_two = (mantissa & (mantissa - 1)) == 0;
  return power_of_two ? hits(4 * mantissa - 1, twos - 2) : hits(2 * mantissa - 1, twos - 1);
}

template <class Real>
Decimal shortest(Real magnitude) {
  char text[64];
  const auto written = std::to_chars(text, text + sizeof text, magnitude, std::chars_format::scientific);
  Decimal decimal = from_scientific(text, written.ptr);
  for (int digits = decimal.count; on_border(magnitude, decimal) && digits < kDigitsMax; ++digits) {
    const auto longer =
        std::to_chars(text, text + sizeof text, magnitude, std::chars_format::scientific, digits);
    decimal = from_scientific(text, longer.ptr);
  }
  return decimal;
}

char* write_exponent(char* at, int exponent) {
  *at++ = 'e';
  *at++ = exponent < 0 ? '-' : '+';
  const int magnitude = std::abs(exponent);
  if (magnitude >= 100) *at++ = static_cast<char>('0' + magnitude / 100);
  *at++ = static_cast<char>('0' + magnitude / 10 % 10);
  *at++ = static_cast<char>('0' + magnitude % 10);
  return at;
}

char* copy(char* at, const char* from, int count) {
  std::memcpy(at, from, static_cast<std::size_t>(count));
  return at + count;
}

char* fill_zeros(char* at, int count) {
  std::memset(at, '0', static_cast<std::size_t>(count));
  return at + count;
}

char* lay_out(char* at, const Decimal& decimal, int precision) {
  const auto& [digits, count, exponent] = decimal;
  if (exponent < -4 || exponent >= precision) {
    *at++ = digits[0];
    if (count > 1) {
      *at++ = '.';
      at = copy(at, digits + 1, count - 1);
    }
    return write_exponent(at, exponent);
  }
  if (exponent < 0) {
    *at++ = '0';
    *at++ = '.';
    at = fill_zeros(at, -exponent - 1);
    return copy(at, digits, count);
  }
  const int whole = exponent + 1;
  if (count <= whole) return fill_zeros(copy(at, digits, count), whole - count);
  at = copy(at, digits, whole);
  *at++ = '.';
  return copy(at, digits + whole, count - whole);
}

std::string_view special_name(double value) {
  if (std::isnan(value)) return "NaN";
  return value > 0 ? "Infinity" : "-Infinity";
}

double string_to_real(const char* text, char** end, double) {
  return std::strtod(text, end);
}
float string_to_real(const char* text, char** end, float) {
  return std::strtof(text, end);
}

// The words that PostgreSQL knows besides C's numbers are among those that strtod reads; what is left is to
// tell which of its answers count as an error.
template <class Real>
Real parse_slowly(std::string_view text, std::string_view type) {
  const std::string terminated(trim_blanks(text));
  char* end = nullptr;
  errno = 0;
  const Real value = string_to_real(terminated.c_str(), &end, Real{});
  const std::string_view number(terminated.c_str(), static_cast<std::size_t>(end - terminated.c_str()));
  if (number.empty()) fail_syntax(type, text);
  if (errno == ERANGE && (value == 0 || std::isinf(value))) {
    std::string message = "\"";
    message.append(number).append("\" is out of range for type ").append(type);
    throw Failure(Fault::numeric_value_out_of_range, std::move(message));
  }
  if (number.size() != terminated.size()) fail_syntax(type, text);
  return value;
}

}  // namespace

template <class Real>
void print_real(Real value, int extra_float_digits, OutBuffer& out) {
  if (!std::isfinite(value)) {
    out.append(special_name(static_cast<double>(value)));
    return;
  }
  constexpr int kExactDigits = std::numeric_limits<Real>::digits10;
  char* const start = out.reserve(64);
  if (extra_float_digits <= 0) {
    const int precision = std::max(1, kExactDigits + extra_float_digits);
    out.commit(
        static_cast<std::size_t>(std::snprintf(start, 64, "%.*g", precision, static_cast<double>(value))));
    return;
  }
  char* at = start;
  if (std::signbit(value)) *at++ = '-';
  if (value == 0)
    *at++ = '0';
  else
    at = lay_out(at, shortest(std::abs(value)), kExactDigits);
  out.commit(static_cast<std::size_t>(at - start));
}

template <class Real>
Real parse_real(std::string_view text, std::string_view type) {
  const std::string_view number = trim_blanks(text);
  Real value;
  const auto read = std::from_chars(number.data(), number.data() + number.size(), value);
  if (read.ec == std::errc{} && read.ptr == number.data() + number.size() && std::isfinite(value))
    return value;
  return parse_slowly<Real>(text, type);
}

template void print_real(float, int, OutBuffer&);
template void print_real(double, int, OutBuffer&);
template float parse_real(std::string_view, std::string_view);
template double parse_real(std::string_view, std::string_view);

}  // namespace gyre::storage
