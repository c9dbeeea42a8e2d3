// The comparison operators: each type with itself by its traits, and the mixed pairs that PostgreSQL has
// operators of its own for (so that an index on the column stays usable).
#include <vector>

#include "storage/scalar/families.h"
#include "storage/scalar/helpers.h"
#include "storage/types/calendar.h"
#include "storage/types/time_zone.h"

namespace gyre::storage::families {

namespace {

constexpr bool holds(Comparison comparison, int order) {
  switch (comparison) {
    case Comparison::equal:
      return order == 0;
    case Comparison::not_equal:
      return order != 0;
    case Comparison::less:
      return order < 0;
    case Comparison::less_equal:
      return order <= 0;
    case Comparison::greater:
      return order > 0;
    default:
      return order >= 0;
  }
}

constexpr int order_of(std::int64_t left, std::int64_t right) {
  return left < right ? -1 : (left > right ? 1 : 0);
}

constexpr bool is_word(TypeId type) {
  switch (type) {
    case TypeId::boolean:
    case TypeId::int2:
    case TypeId::int4:
    case TypeId::int8:
    case TypeId::date:
    case TypeId::timestamp:
    case TypeId::timestamptz:
    case TypeId::oid:
      return true;
    default:
      return false;
  }
}

// A date as a timestamp; the ones beyond a timestamp's range as infinities.
std::int64_t midnight(std::int64_t days) {
  if (days == kDateMinusInfinity) return kTimestampMinusInfinity;
  if (days >= kTimestampEnd / kUsPerDay) return kTimestampInfinity;
  return days * kUsPerDay;
}
std::int64_t to_utc(const EvalContext& context, std::int64_t local_us) {
  const TimeZone* zone = style_of(context).zone;
  return zone != nullptr && timestamp_is_finite(local_us) ? zone->to_utc(local_us) : local_us;
}
// A finite date beyond every timestamp is still below infinity.
int order_days(const EvalContext& context, std::int64_t days, std::int64_t us, bool zoned) {
  if (date_is_finite(days) && midnight(days) == kTimestampInfinity) return us == kTimestampInfinity ? -1 : 1;
  return order_of(zoned ? to_utc(context, midnight(days)) : midnight(days), us);
}

template <TypeId left, TypeId right>
int order(const EvalContext& context, Datum a, Datum b) {
  constexpr auto kDate = TypeId::date;
  constexpr auto kStamp = TypeId::timestamp;
  constexpr auto kZoned = TypeId::timestamptz;
  if constexpr (left == right && !is_word(left)) return traits(left).compare(a, b);
  if constexpr (left == right ||
                (is_word(left) && left < TypeId::date && right < TypeId::date && is_word(right)))
    return order_of(a.integer, b.integer);
  if constexpr (left == TypeId::float4 || left == TypeId::float8) return traits(TypeId::float8).compare(a, b);
  if constexpr (left == TypeId::name || left == TypeId::text) return traits(TypeId::text).compare(a, b);
  if constexpr (left == kDate) return order_days(context, a.integer, b.integer, right == kZoned);
  if constexpr (right == kDate) return -order_days(context, b.integer, a.integer, left == kZoned);
  if constexpr (left == kStamp && right == kZoned) return order_of(to_utc(context, a.integer), b.integer);
  if constexpr (left == kZoned && right == kStamp) return order_of(a.integer, to_utc(context, b.integer));
  return 0;
}

template <TypeId left, TypeId right, Comparison comparison>
Datum compare(EvalContext& context, const Datum* arguments, unsigned) {
  return Datum::of_bool(holds(comparison, order<left, right>(context, arguments[0], arguments[1])));
}

template <TypeId left, TypeId right, Comparison comparison>
FunctionDef define(std::string_view symbol) {
  FunctionDef def{symbol, {left, right}, TypeId::boolean, compare<left, right, comparison>};
  def.comparison = comparison;
  const bool one_zoned = (left == TypeId::timestamptz) != (right == TypeId::timestamptz);
  if (one_zoned) def.volatility = Volatility::stable;
  return def;
}

template <TypeId left, TypeId right = left>
void add(std::vector<FunctionDef>& table) {
  table.push_back(define<left, right, Comparison::equal>("="));
  table.push_back(define<left, right, Comparison::not_equal>("<>"));
  table.push_back(define<left, right, Comparison::less>("<"));
  table.push_back(define<left, right, Comparison::less_equal>("<="));
  table.push_back(define<left, right, Comparison::greater>(">"));
  table.push_back(define<left, right, Comparison::greater_equal>(">="));
}

template <TypeId left, TypeId right>
void add_both_ways(std::vector<FunctionDef>& table) {
  add<left, right>(table);
  add<right, left>(table);
}

std::vector<FunctionDef> make_table() {
  using T = TypeId;
  std::vector<FunctionDef> table;
  add<T::boolean>(table);
  add<T::int2>(table);
  add<T::int4>(table);
  add<T::int8>(table);
  add<T::float4>(table);
  add<T::float8>(table);
  add<T::numeric>(table);
  add<T::text>(table);
  add<T::bpchar>(table);
  add<T::name>(table);
  add<T::bytea>(table);
  add<T::date>(table);
  add<T::timestamp>(table);
  add<T::timestamptz>(table);
  add<T::uuid>(table);
  add<T::oid>(table);
  add<T::char_>(table);
  add<T::text_array>(table);
  add<T::int2_array>(table);
  add<T::int4_array>(table);
  add<T::int8_array>(table);
  add<T::float8_array>(table);
  add<T::uuid_array>(table);
  add_both_ways<T::int2, T::int4>(table);
  add_both_ways<T::int2, T::int8>(table);
  add_both_ways<T::int4, T::int8>(table);
  add_both_ways<T::float4, T::float8>(table);
  add_both_ways<T::name, T::text>(table);
  add_both_ways<T::date, T::timestamp>(table);
  add_both_ways<T::date, T::timestamptz>(table);
  add_both_ways<T::timestamp, T::timestamptz>(table);
  return table;
}

}  // namespace

std::span<const FunctionDef> comparison() {
  static const std::vector<FunctionDef> table = make_table();
  return table;
}

}  // namespace gyre::storage::families
