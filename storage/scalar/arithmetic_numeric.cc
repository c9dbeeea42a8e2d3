// Operators and functions of numeric: names for what storage/types/numeric.h computes.
#include <vector>

#include "storage/scalar/families.h"
#include "storage/scalar/helpers.h"
#include "storage/types/numeric.h"

namespace gyre::storage::families {

namespace {

using Unary = Datum (*)(Datum, Arena&);
using Binary = Datum (*)(Datum, Datum, Arena&);
using Digits = Datum (*)(Datum, std::int32_t, Arena&);

template <Unary operation>
Datum unary(EvalContext& context, const Datum* a, unsigned) {
  return operation(a[0], *context.arena);
}
template <Binary operation>
Datum binary(EvalContext& context, const Datum* a, unsigned) {
  return operation(a[0], a[1], *context.arena);
}
// round(x), trunc(x) and their forms with a number of digits.
template <Digits operation>
Datum digits(EvalContext& context, const Datum* a, unsigned count) {
  return operation(a[0], count > 1 ? static_cast<std::int32_t>(a[1].integer) : 0, *context.arena);
}

Datum identity(EvalContext&, const Datum* a, unsigned) {
  return a[0];
}
Datum log10(EvalContext& context, const Datum* a, unsigned) {
  return numeric::log(numeric::from_int64(10, *context.arena), a[0], *context.arena);
}
Datum scale(EvalContext&, const Datum* a, unsigned) {
  if (numeric::is_nan(a[0]) || numeric::is_infinite(a[0])) return {};
  return Datum::of_integer(numeric::scale(a[0]));
}
Datum min_scale(EvalContext&, const Datum* a, unsigned) {
  if (numeric::is_nan(a[0]) || numeric::is_infinite(a[0])) return {};
  return Datum::of_integer(numeric::min_scale(a[0]));
}

// Euclid on the values scaled alike; NaN and the infinities have no divisor.
Datum gcd_of(Datum a, Datum b, Arena& arena) {
  if (numeric::is_nan(a) || numeric::is_infinite(a)) return numeric::from_double(__builtin_nan(""), arena);
  if (numeric::is_nan(b) || numeric::is_infinite(b)) return numeric::from_double(__builtin_nan(""), arena);
  const std::int32_t scale = std::max(numeric::scale(a), numeric::scale(b));
  while (!numeric::is_zero(b)) {
    const Datum rest = numeric::modulo(a, b, arena);
    a = b;
    b = rest;
  }
  return numeric::round(numeric::abs(a, arena), scale, arena);
}
Datum lcm_of(Datum a, Datum b, Arena& arena) {
  const std::int32_t scale = std::max(numeric::scale(a), numeric::scale(b));
  if (numeric::is_zero(a) || numeric::is_zero(b))
    return numeric::round(numeric::from_int64(0, arena), scale, arena);
  const Datum divisor = gcd_of(a, b, arena);
  if (numeric::is_nan(divisor)) return divisor;
  const Datum multiple = numeric::multiply(numeric::divide_truncated(a, divisor, arena), b, arena);
  return numeric::round(numeric::abs(multiple, arena), scale, arena);
}

constexpr TypeId kNumeric = TypeId::numeric;

const FunctionDef kTable[] = {
    {"+", {kNumeric, kNumeric}, kNumeric, binary<numeric::add>},
    {"-", {kNumeric, kNumeric}, kNumeric, binary<numeric::subtract>},
    {"*", {kNumeric, kNumeric}, kNumeric, binary<numeric::multiply>},
    {"/", {kNumeric, kNumeric}, kNumeric, binary<numeric::divide>},
    {"%", {kNumeric, kNumeric}, kNumeric, binary<numeric::modulo>},
    {"mod", {kNumeric, kNumeric}, kNumeric, binary<numeric::modulo>},
    {"div", {kNumeric, kNumeric}, kNumeric, binary<numeric::divide_truncated>},
    {"^", {kNumeric, kNumeric}, kNumeric, binary<numeric::power>},
    {"power", {kNumeric, kNumeric}, kNumeric, binary<numeric::power>},
    {"pow", {kNumeric, kNumeric}, kNumeric, binary<numeric::power>},
    {"-", {kNumeric}, kNumeric, unary<numeric::negate>},
    {"+", {kNumeric}, kNumeric, identity},
    {"@", {kNumeric}, kNumeric, unary<numeric::abs>},
    {"abs", {kNumeric}, kNumeric, unary<numeric::abs>},
    {"sign", {kNumeric}, kNumeric, unary<numeric::sign>},
    {"ceil", {kNumeric}, kNumeric, unary<numeric::ceil>},
    {"ceiling", {kNumeric}, kNumeric, unary<numeric::ceil>},
    {"floor", {kNumeric}, kNumeric, unary<numeric::floor>},
    {"round", {kNumeric}, kNumeric, digits<numeric::round>},
    {"round", {kNumeric, TypeId::int4}, kNumeric, digits<numeric::round>},
    {"trunc", {kNumeric}, kNumeric, digits<numeric::trunc>},
    {"trunc", {kNumeric, TypeId::int4}, kNumeric, digits<numeric::trunc>},
    {"sqrt", {kNumeric}, kNumeric, unary<numeric::sqrt>},
    {"exp", {kNumeric}, kNumeric, unary<numeric::exp>},
    {"ln", {kNumeric}, kNumeric, unary<numeric::ln>},
    {"log", {kNumeric}, kNumeric, log10},
    {"log10", {kNumeric}, kNumeric, log10},
    {"log", {kNumeric, kNumeric}, kNumeric, binary<numeric::log>},
    {"gcd", {kNumeric, kNumeric}, kNumeric, binary<gcd_of>},
    {"lcm", {kNumeric, kNumeric}, kNumeric, binary<lcm_of>},
    {"scale", {kNumeric}, TypeId::int4, scale},
    {"min_scale", {kNumeric}, TypeId::int4, min_scale},
    {"trim_scale", {kNumeric}, kNumeric, unary<numeric::trim_scale>},
};

}  // namespace

std::span<const FunctionDef> numeric_arithmetic() {
  return kTable;
}

}  // namespace gyre::storage::families
