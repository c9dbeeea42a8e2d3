// Arithmetic of smallint, integer and bigint. Every result is checked against its type by the compiler's
// overflow builtins; mixed widths give the wider type, as PostgreSQL's operators do.
#include <limits>
#include <numeric>

#include "storage/scalar/families.h"
#include "storage/scalar/helpers.h"

namespace gyre::storage::families {

namespace {

template <class Word>
constexpr TypeId type_of() {
  if constexpr (sizeof(Word) == 2) return TypeId::int2;
  if constexpr (sizeof(Word) == 4) return TypeId::int4;
  return TypeId::int8;
}

template <class Word>
[[noreturn]] void fail() {
  fail_out_of_range(sizeof(Word) == 2 ? "smallint" : sizeof(Word) == 4 ? "integer" : "bigint");
}

template <class Word>
Datum add(EvalContext&, const Datum* a, unsigned) {
  Word sum;
  if (__builtin_add_overflow(a[0].integer, a[1].integer, &sum)) fail<Word>();
  return Datum::of_integer(sum);
}
template <class Word>
Datum subtract(EvalContext&, const Datum* a, unsigned) {
  Word difference;
  if (__builtin_sub_overflow(a[0].integer, a[1].integer, &difference)) fail<Word>();
  return Datum::of_integer(difference);
}
template <class Word>
Datum multiply(EvalContext&, const Datum* a, unsigned) {
  Word product;
  if (__builtin_mul_overflow(a[0].integer, a[1].integer, &product)) fail<Word>();
  return Datum::of_integer(product);
}
template <class Word>
Datum divide(EvalContext&, const Datum* a, unsigned) {
  if (a[1].integer == 0) fail_division_by_zero();
  if (a[1].integer != -1) return Datum::of_integer(a[0].integer / a[1].integer);
  Word quotient;
  if (__builtin_sub_overflow(std::int64_t{0}, a[0].integer, &quotient)) fail<Word>();
  return Datum::of_integer(quotient);
}
Datum modulo(EvalContext&, const Datum* a, unsigned) {
  if (a[1].integer == 0) fail_division_by_zero();
  return Datum::of_integer(a[1].integer == -1 ? 0 : a[0].integer % a[1].integer);
}
template <class Word>
Datum negate(EvalContext&, const Datum* a, unsigned) {
  Word negated;
  if (__builtin_sub_overflow(std::int64_t{0}, a[0].integer, &negated)) fail<Word>();
  return Datum::of_integer(negated);
}
Datum identity(EvalContext&, const Datum* a, unsigned) {
  return a[0];
}
template <class Word>
Datum absolute(EvalContext& context, const Datum* a, unsigned count) {
  return a[0].integer < 0 ? negate<Word>(context, a, count) : a[0];
}

Datum bit_and(EvalContext&, const Datum* a, unsigned) {
  return Datum::of_integer(a[0].integer & a[1].integer);
}
Datum bit_or(EvalContext&, const Datum* a, unsigned) {
  return Datum::of_integer(a[0].integer | a[1].integer);
}
Datum bit_xor(EvalContext&, const Datum* a, unsigned) {
  return Datum::of_integer(a[0].integer ^ a[1].integer);
}
Datum bit_not(EvalContext&, const Datum* a, unsigned) {
  return Datum::of_integer(~a[0].integer);
}
// The count is taken modulo the width of the machine's shift (32 for smallint too), as on x86.
template <class Word>
unsigned shift_count(Datum count) {
  return static_cast<unsigned>(count.integer) & (sizeof(Word) == 8 ? 63 : 31);
}
template <class Word>
Datum shift_left(EvalContext&, const Datum* a, unsigned) {
  const auto bits = static_cast<std::uint64_t>(a[0].integer) << shift_count<Word>(a[1]);
  return Datum::of_integer(static_cast<Word>(bits));
}
template <class Word>
Datum shift_right(EvalContext&, const Datum* a, unsigned) {
  return Datum::of_integer(static_cast<Word>(a[0].integer >> shift_count<Word>(a[1])));
}

// Of magnitudes, so that the smallest value of a type has one; the result must fit the type again.
template <class Word>
std::uint64_t common_divisor(const Datum* a) {
  const auto magnitude = [](std::int64_t value) {
    return value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  };
  return std::gcd(magnitude(a[0].integer), magnitude(a[1].integer));
}
template <class Word>
Datum gcd(EvalContext&, const Datum* a, unsigned) {
  const std::uint64_t divisor = common_divisor<Word>(a);
  if (divisor > static_cast<std::uint64_t>(std::numeric_limits<Word>::max())) fail<Word>();
  return Datum::of_integer(static_cast<std::int64_t>(divisor));
}
template <class Word>
Datum lcm(EvalContext&, const Datum* a, unsigned) {
  if (a[0].integer == 0 || a[1].integer == 0) return Datum::of_integer(0);
  const auto divisor = static_cast<__int128>(common_divisor<Word>(a));
  __int128 multiple = a[0].integer / divisor * a[1].integer;
  if (multiple < 0) multiple = -multiple;
  if (multiple > std::numeric_limits<Word>::max()) fail<Word>();
  return Datum::of_integer(static_cast<std::int64_t>(multiple));
}

template <class Left, class Right>
void add_mixed(std::vector<FunctionDef>& table) {
  using Wider = std::conditional_t<(sizeof(Left) > sizeof(Right)), Left, Right>;
  constexpr TypeId left = type_of<Left>(), right = type_of<Right>(), wider = type_of<Wider>();
  table.push_back({"+", {left, right}, wider, add<Wider>});
  table.push_back({"-", {left, right}, wider, subtract<Wider>});
  table.push_back({"*", {left, right}, wider, multiply<Wider>});
  table.push_back({"/", {left, right}, wider, divide<Wider>});
}

template <class Word>
void add_same(std::vector<FunctionDef>& table) {
  constexpr TypeId type = type_of<Word>();
  add_mixed<Word, Word>(table);
  table.push_back({"%", {type, type}, type, modulo});
  table.push_back({"mod", {type, type}, type, modulo});
  table.push_back({"-", {type}, type, negate<Word>});
  table.push_back({"+", {type}, type, identity});
  table.push_back({"@", {type}, type, absolute<Word>});
  table.push_back({"abs", {type}, type, absolute<Word>});
  table.push_back({"&", {type, type}, type, bit_and});
  table.push_back({"|", {type, type}, type, bit_or});
  table.push_back({"#", {type, type}, type, bit_xor});
  table.push_back({"~", {type}, type, bit_not});
  table.push_back({"<<", {type, TypeId::int4}, type, shift_left<Word>});
  table.push_back({">>", {type, TypeId::int4}, type, shift_right<Word>});
  if constexpr (sizeof(Word) >= 4) {
    table.push_back({"gcd", {type, type}, type, gcd<Word>});
    table.push_back({"lcm", {type, type}, type, lcm<Word>});
  }
}

std::vector<FunctionDef> make_table() {
  using std::int16_t, std::int32_t, std::int64_t;
  std::vector<FunctionDef> table;
  add_same<int16_t>(table);
  add_same<int32_t>(table);
  add_same<int64_t>(table);
  add_mixed<int16_t, int32_t>(table);
  add_mixed<int16_t, int64_t>(table);
  add_mixed<int32_t, int16_t>(table);
  add_mixed<int32_t, int64_t>(table);
  add_mixed<int64_t, int16_t>(table);
  add_mixed<int64_t, int32_t>(table);
  return table;
}

}  // namespace

std::span<const FunctionDef> integer_arithmetic() {
  static const std::vector<FunctionDef> table = make_table();
  return table;
}

}  // namespace gyre::storage::families
