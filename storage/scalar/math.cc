// Functions of double precision, with PostgreSQL's complaints about arguments outside their domain, and
// random().
#include <cmath>
#include <limits>
#include <numbers>
#include <random>
#include <vector>

#include "storage/scalar/families.h"
#include "storage/scalar/helpers.h"
#include "storage/types/numeric.h"

namespace gyre::storage::families {

namespace {

constexpr TypeId kReal = TypeId::float8;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Datum finite_or_fail(double result, double input) {
  if (std::isinf(result) && !std::isinf(input)) fail_overflow();
  return Datum::of_real(result);
}
[[noreturn]] void fail_domain() {
  throw Failure(Fault::numeric_value_out_of_range, "input is out of range");
}

using Real = double (*)(double);
template <Real function>
Datum plain(EvalContext&, const Datum* a, unsigned) {
  return Datum::of_real(function(a[0].real));
}
// Of an infinity there is no sine.
template <Real function>
Datum periodic(EvalContext&, const Datum* a, unsigned) {
  if (std::isinf(a[0].real)) fail_domain();
  return finite_or_fail(function(a[0].real), a[0].real);
}
template <Real function>
Datum of_unit_interval(EvalContext&, const Datum* a, unsigned) {
  if (a[0].real < -1 || a[0].real > 1) fail_domain();
  return Datum::of_real(function(a[0].real));
}
Datum acosh(EvalContext&, const Datum* a, unsigned) {
  if (a[0].real < 1) fail_domain();
  return Datum::of_real(std::acosh(a[0].real));
}
Datum atanh(EvalContext&, const Datum* a, unsigned) {
  const double x = a[0].real;
  if (x < -1 || x > 1) fail_domain();
  if (x == 1 || x == -1) return Datum::of_real(std::copysign(std::numeric_limits<double>::infinity(), x));
  return Datum::of_real(std::atanh(x));
}
Datum cot(EvalContext&, const Datum* a, unsigned) {
  if (std::isinf(a[0].real)) fail_domain();
  return Datum::of_real(1.0 / std::tan(a[0].real));
}
Datum atan2(EvalContext&, const Datum* a, unsigned) {
  return Datum::of_real(std::atan2(a[0].real, a[1].real));
}

double sign_of(double x) {
  return x > 0 ? 1.0 : (x < 0 ? -1.0 : 0.0);  // of NaN too, as PostgreSQL
}
Datum sqrt(EvalContext&, const Datum* a, unsigned) {
  if (a[0].real < 0)
    throw Failure(Fault::invalid_argument_for_power_function, "cannot take square root of a negative number");
  return Datum::of_real(std::sqrt(a[0].real));
}
Datum exp(EvalContext&, const Datum* a, unsigned) {
  const double result = std::exp(a[0].real);
  if (std::isinf(result) && !std::isinf(a[0].real)) fail_overflow();
  if (result == 0 && !std::isinf(a[0].real)) fail_underflow();
  return Datum::of_real(result);
}
template <Real function>
Datum logarithm(EvalContext&, const Datum* a, unsigned) {
  if (a[0].real == 0) throw Failure(Fault::invalid_argument_for_logarithm, "cannot take logarithm of zero");
  if (a[0].real < 0)
    throw Failure(Fault::invalid_argument_for_logarithm, "cannot take logarithm of a negative number");
  return Datum::of_real(function(a[0].real));
}

Datum power(EvalContext&, const Datum* a, unsigned) {
  const double base = a[0].real, exponent = a[1].real;
  if (std::isnan(base)) return Datum::of_real(exponent == 0 ? 1.0 : kNan);
  if (std::isnan(exponent)) return Datum::of_real(base == 1 ? 1.0 : kNan);
  if (base == 0 && exponent < 0)
    throw Failure(Fault::invalid_argument_for_power_function, "zero raised to a negative power is undefined");
  if (base < 0 && std::floor(exponent) != exponent)
    throw Failure(Fault::invalid_argument_for_power_function,
                  "a negative number raised to a non-integer power yields a complex result");
  const double result = std::pow(base, exponent);
  const bool finite = !std::isinf(base) && !std::isinf(exponent);
  if (finite && std::isinf(result)) fail_overflow();
  if (finite && result == 0 && base != 0) fail_underflow();
  return Datum::of_real(result);
}

double degrees_of(double radians) {
  return radians / (std::numbers::pi / 180.0);
}
double radians_of(double degrees) {
  return degrees * (std::numbers::pi / 180.0);
}
Datum degrees(EvalContext&, const Datum* a, unsigned) {
  return finite_or_fail(degrees_of(a[0].real), a[0].real);
}
Datum pi(EvalContext&, const Datum*, unsigned) {
  return Datum::of_real(std::numbers::pi);
}

// One generator per thread, seeded by the operating system.
Datum random(EvalContext&, const Datum*, unsigned) {
  thread_local std::mt19937_64 generator{std::random_device{}()};
  return Datum::of_real(static_cast<double>(generator() >> 11) * 0x1.0p-53);
}

// In which of `count` equal parts of [low, high) the operand lies; 0 and count + 1 are outside.
Datum width_bucket(EvalContext&, const Datum* a, unsigned) {
  const double x = a[0].real, low = a[1].real, high = a[2].real;
  const std::int64_t count = a[3].integer;
  const auto fail = [](const char* message) { throw Failure(Fault::invalid_parameter_value, message); };
  if (count <= 0) fail("count must be greater than zero");
  if (std::isnan(x) || std::isnan(low) || std::isnan(high))
    fail("operand, lower bound, and upper bound cannot be NaN");
  if (std::isinf(low) || std::isinf(high)) fail("lower and upper bounds must be finite");
  if (low == high) fail("lower bound cannot equal upper bound");
  const bool rising = low < high;
  if (rising ? x < low : x > low) return Datum::of_integer(0);
  std::int64_t bucket = count;
  if (rising ? x < high : x > high) {
    const double part = (x / 2 - low / 2) / (high / 2 - low / 2);
    return Datum::of_integer(
        std::min(static_cast<std::int64_t>(static_cast<double>(count) * part), count - 1) + 1);
  }
  if (__builtin_add_overflow(bucket, 1, &bucket) || bucket > std::numeric_limits<std::int32_t>::max())
    fail_out_of_range("integer");
  return Datum::of_integer(bucket);
}

Datum factorial(EvalContext& context, const Datum* a, unsigned) {
  constexpr std::int64_t kLargest = 32177;  // above, the result has more digits than numeric
  if (a[0].integer < 0)
    throw Failure(Fault::numeric_value_out_of_range, "factorial of a negative number is undefined");
  if (a[0].integer > kLargest)
    throw Failure(Fault::numeric_value_out_of_range, "value overflows numeric format");
  Datum product = numeric::from_int64(1, *context.arena);
  for (std::int64_t i = 2; i <= a[0].integer; ++i)
    product = numeric::multiply(product, numeric::from_int64(i, *context.arena), *context.arena);
  return product;
}

std::vector<FunctionDef> make_table() {
  std::vector<FunctionDef> table = {
      {"^", {kReal, kReal}, kReal, power},
      {"power", {kReal, kReal}, kReal, power},
      {"pow", {kReal, kReal}, kReal, power},
      {"|/", {kReal}, kReal, sqrt},
      {"||/", {kReal}, kReal, plain<std::cbrt>},
      {"sqrt", {kReal}, kReal, sqrt},
      {"cbrt", {kReal}, kReal, plain<std::cbrt>},
      {"exp", {kReal}, kReal, exp},
      {"ln", {kReal}, kReal, logarithm<std::log>},
      {"log", {kReal}, kReal, logarithm<std::log10>},
      {"log10", {kReal}, kReal, logarithm<std::log10>},
      {"ceil", {kReal}, kReal, plain<std::ceil>},
      {"ceiling", {kReal}, kReal, plain<std::ceil>},
      {"floor", {kReal}, kReal, plain<std::floor>},
      {"round", {kReal}, kReal, plain<std::rint>},
      {"trunc", {kReal}, kReal, plain<std::trunc>},
      {"sign", {kReal}, kReal, plain<sign_of>},
      {"degrees", {kReal}, kReal, degrees},
      {"radians", {kReal}, kReal, plain<radians_of>},
      {"sin", {kReal}, kReal, periodic<std::sin>},
      {"cos", {kReal}, kReal, periodic<std::cos>},
      {"tan", {kReal}, kReal, periodic<std::tan>},
      {"cot", {kReal}, kReal, cot},
      {"asin", {kReal}, kReal, of_unit_interval<std::asin>},
      {"acos", {kReal}, kReal, of_unit_interval<std::acos>},
      {"atan", {kReal}, kReal, plain<std::atan>},
      {"atan2", {kReal, kReal}, kReal, atan2},
      {"sinh", {kReal}, kReal, plain<std::sinh>},
      {"cosh", {kReal}, kReal, plain<std::cosh>},
      {"tanh", {kReal}, kReal, plain<std::tanh>},
      {"asinh", {kReal}, kReal, plain<std::asinh>},
      {"acosh", {kReal}, kReal, acosh},
      {"atanh", {kReal}, kReal, atanh},
      {"factorial", {TypeId::int8}, TypeId::numeric, factorial},
      {"pi", {}, kReal, pi},
      {"random", {}, kReal, random, true, Volatility::volatile_},
      {"width_bucket", {kReal, kReal, kReal, TypeId::int4}, TypeId::int4, width_bucket},
  };
  return table;
}

}  // namespace

std::span<const FunctionDef> math() {
  static const std::vector<FunctionDef> table = make_table();
  return table;
}

}  // namespace gyre::storage::families
