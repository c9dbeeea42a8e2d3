// What relations, databases and tablespaces take, and sizes as people read them.
//
// pg_size_pretty counts in halves of a unit once there is more than ten of the one before, so that what it prints
// is rounded and not cut. Both its forms are PostgreSQL's to the digit.
#include <array>
#include <string>
#include <vector>

#include "storage/scalar/families.h"
#include "storage/scalar/helpers.h"
#include "storage/types/numeric.h"

namespace gyre::storage::families {

namespace {

using Arguments = const Datum*;

Surroundings& surroundings_of(EvalContext& context) {
  if (context.session == nullptr || context.session->surroundings == nullptr)
    throw Failure(Fault::feature_not_supported, "the catalog cannot be asked here");
  return *context.session->surroundings;
}

Datum size_or_null(std::optional<std::int64_t> size) {
  return size ? Datum::of_integer(*size) : Datum();
}

template <Surroundings::Size what>
Datum relation_size(EvalContext& context, Arguments a, unsigned) {
  return size_or_null(surroundings_of(context).relation_size(what, static_cast<std::uint32_t>(a[0].integer)));
}

// Of PostgreSQL's forks there is the first alone.
Datum fork_size(EvalContext& context, Arguments a, unsigned) {
  const std::string_view fork = a[1].bytes();
  if (fork != "main" && fork != "fsm" && fork != "vm" && fork != "init")
    throw Failure(Fault::invalid_parameter_value, "invalid fork name", {},
                  "Valid fork names are \"main\", \"fsm\", \"vm\", and \"init\".");
  const Datum size = relation_size<Surroundings::Size::relation>(context, a, 1);
  return size.null || fork == "main" ? size : Datum::of_integer(0);
}

template <Surroundings::Whole what, bool by_number>
Datum whole_size(EvalContext& context, Arguments a, unsigned) {
  Surroundings::Name name{by_number, 0, {}};
  if constexpr (by_number)
    name.number = a[0].integer;
  else
    name.text = a[0].bytes();
  return Datum::of_integer(surroundings_of(context).whole_size(what, name));
}

// ---- pg_size_pretty ----

struct Unit {
  const char* name;
  int bits;  // how many more powers of two than the unit before, less the half that is kept for rounding
};
constexpr std::array kUnits = {Unit{"bytes", 0}, Unit{"kB", 9},  Unit{"MB", 10},
                               Unit{"GB", 10},   Unit{"TB", 10}, Unit{"PB", 10}};
constexpr std::int64_t kMostBytes = 10 * 1024;      // from here on the next unit is taken
constexpr std::int64_t kMostHalves = 20 * 1024 - 1;

Datum pretty_integer(EvalContext& context, Arguments a, unsigned) {
  std::int64_t size = a[0].integer;
  std::size_t unit = 0;
  const auto is_large = [&] {
    const std::int64_t limit = unit == 0 ? kMostBytes : kMostHalves;
    return size >= limit || size <= -limit;
  };
  while (unit + 1 < kUnits.size() && is_large()) size /= std::int64_t{1} << kUnits[++unit].bits;
  if (unit > 0) size = (size + (size < 0 ? -1 : 1)) / 2;
  return copied(context, std::to_string(size) + " " + kUnits[unit].name);
}

Datum pretty_numeric(EvalContext& context, Arguments a, unsigned) {
  Arena& arena = *context.arena;
  const auto number = [&](std::int64_t value) { return numeric::from_int64(value, arena); };
  Datum size = a[0];
  std::size_t unit = 0;
  const auto is_large = [&] {
    return numeric::compare(numeric::abs(size, arena), number(unit == 0 ? kMostBytes : kMostHalves)) >= 0;
  };
  while (unit + 1 < kUnits.size() && is_large())
    size = numeric::divide_truncated(size, number(std::int64_t{1} << kUnits[++unit].bits), arena);
  if (unit > 0) {
    const bool negative = numeric::compare(size, number(0)) < 0;
    size = numeric::divide_truncated(numeric::add(size, number(negative ? -1 : 1), arena), number(2), arena);
  }
  return copied(context, numeric::to_string(size) + " " + kUnits[unit].name);
}

std::vector<FunctionDef> make_table() {
  using T = TypeId;
  using Size = Surroundings::Size;
  using Whole = Surroundings::Whole;
  constexpr auto kVolatile = Volatility::volatile_;
  return {
      {"pg_relation_size", {T::regclass}, T::int8, relation_size<Size::relation>, true, kVolatile},
      {"pg_relation_size", {T::regclass, T::text}, T::int8, fork_size, true, kVolatile},
      {"pg_table_size", {T::regclass}, T::int8, relation_size<Size::table>, true, kVolatile},
      {"pg_indexes_size", {T::regclass}, T::int8, relation_size<Size::indexes>, true, kVolatile},
      {"pg_total_relation_size", {T::regclass}, T::int8, relation_size<Size::total>, true, kVolatile},
      {"pg_database_size", {T::name}, T::int8, whole_size<Whole::database, false>, true, kVolatile},
      {"pg_database_size", {T::oid}, T::int8, whole_size<Whole::database, true>, true, kVolatile},
      {"pg_tablespace_size", {T::name}, T::int8, whole_size<Whole::tablespace, false>, true, kVolatile},
      {"pg_tablespace_size", {T::oid}, T::int8, whole_size<Whole::tablespace, true>, true, kVolatile},
      {"pg_size_pretty", {T::int8}, T::text, pretty_integer},
      {"pg_size_pretty", {T::numeric}, T::text, pretty_numeric},
  };
}

}  // namespace

std::span<const FunctionDef> sizes() {
  static const std::vector<FunctionDef> table = make_table();
  return table;
}

}  // namespace gyre::storage::families
