// The casts: a table of PostgreSQL's pg_cast rows among our types, completed by casts through text, which
// exist from every type to the string types (assignment) and from those to every type (explicit).
#include "storage/scalar/casts.h"

#include <array>
#include <cmath>
#include <deque>
#include <limits>
#include <memory>
#include <utility>

#include "storage/scalar/helpers.h"
#include "storage/scalar/nodes.h"
#include "storage/types/calendar.h"
#include "storage/types/numeric.h"
#include "storage/types/time_zone.h"

namespace gyre::storage {

namespace {

using Arguments = const Datum*;

// ---- numbers ----

template <class Word>
constexpr std::string_view name_of() {
  return sizeof(Word) == 2 ? "smallint" : sizeof(Word) == 4 ? "integer" : "bigint";
}

template <class Word>
Datum narrow(EvalContext&, Arguments a, unsigned) {
  if (a[0].integer < std::numeric_limits<Word>::min() || a[0].integer > std::numeric_limits<Word>::max())
    fail_out_of_range(name_of<Word>());
  return a[0];
}
// Half to even; the limits are powers of two, so that they are exact as doubles.
template <class Word>
Datum real_to_integer(EvalContext&, Arguments a, unsigned) {
  const double rounded = std::rint(a[0].real);
  const double limit = -static_cast<double>(std::numeric_limits<Word>::min());
  if (!(rounded >= -limit && rounded < limit)) fail_out_of_range(name_of<Word>());
  return Datum::of_integer(static_cast<std::int64_t>(rounded));
}
Datum integer_to_float8(EvalContext&, Arguments a, unsigned) {
  return Datum::of_real(static_cast<double>(a[0].integer));
}
Datum integer_to_float4(EvalContext&, Arguments a, unsigned) {
  return Datum::of_real(static_cast<double>(static_cast<float>(a[0].integer)));
}
Datum float8_to_float4(EvalContext&, Arguments a, unsigned) {
  const auto narrowed = static_cast<float>(a[0].real);
  if (std::isinf(narrowed) && !std::isinf(a[0].real)) fail_overflow();
  if (narrowed == 0 && a[0].real != 0) fail_underflow();
  return Datum::of_real(static_cast<double>(narrowed));
}
Datum integer_to_numeric(EvalContext& context, Arguments a, unsigned) {
  return numeric::from_int64(a[0].integer, *context.arena);
}
Datum float8_to_numeric(EvalContext& context, Arguments a, unsigned) {
  return numeric::from_double(a[0].real, *context.arena);
}
Datum float4_to_numeric(EvalContext& context, Arguments a, unsigned) {
  return numeric::from_float(static_cast<float>(a[0].real), *context.arena);
}
Datum numeric_to_int2(EvalContext&, Arguments a, unsigned) {
  return Datum::of_integer(numeric::to_int16(a[0]));
}
Datum numeric_to_int4(EvalContext&, Arguments a, unsigned) {
  return Datum::of_integer(numeric::to_int32(a[0]));
}
Datum numeric_to_int8(EvalContext&, Arguments a, unsigned) {
  return Datum::of_integer(numeric::to_int64(a[0]));
}
Datum numeric_to_float8(EvalContext&, Arguments a, unsigned) {
  return Datum::of_real(numeric::to_double(a[0]));
}
// By way of its text, as PostgreSQL does, so that it is rounded once.
Datum numeric_to_float4(EvalContext& context, Arguments a, unsigned) {
  return traits(TypeId::float4).parse(numeric::to_string(a[0]), kPlainStyle, *context.arena);
}
Datum boolean_of(EvalContext&, Arguments a, unsigned) {
  return Datum::of_bool(a[0].integer != 0);
}
// An oid is 32 bits without sign; an integer with the same bits is the same oid.
Datum integer_to_oid(EvalContext&, Arguments a, unsigned) {
  return Datum::of_integer(static_cast<std::uint32_t>(a[0].integer));
}
Datum bigint_to_oid(EvalContext&, Arguments a, unsigned) {
  if (a[0].integer < 0 || a[0].integer > std::numeric_limits<std::uint32_t>::max())
    throw Failure(Fault::numeric_value_out_of_range, "OID out of range");
  return a[0];
}
Datum oid_to_integer(EvalContext&, Arguments a, unsigned) {
  return Datum::of_integer(static_cast<std::int32_t>(a[0].integer));
}
Datum same(EvalContext&, Arguments a, unsigned) {
  return a[0];
}

// ---- strings ----

Datum bool_to_text(EvalContext&, Arguments a, unsigned) {
  return Datum::of_bytes(a[0].integer != 0 ? "true" : "false");
}
Datum trim_blanks_behind(EvalContext&, Arguments a, unsigned) {
  std::string_view text = a[0].bytes();
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return Datum::of_bytes(text);
}
Datum text_to_name(EvalContext& context, Arguments a, unsigned) {
  return traits(TypeId::name).parse(a[0].bytes(), style_of(context), *context.arena);
}
Datum bpchar_to_name(EvalContext& context, Arguments a, unsigned count) {
  const Datum trimmed = trim_blanks_behind(context, a, count);
  return text_to_name(context, &trimmed, 1);
}
Datum text_to_char(EvalContext&, Arguments a, unsigned) {
  return Datum::of_integer(a[0].size == 0 ? 0 : static_cast<signed char>(a[0].data[0]));
}
Datum int_to_char(EvalContext&, Arguments a, unsigned) {
  if (a[0].integer < -128 || a[0].integer > 127)
    throw Failure(Fault::numeric_value_out_of_range, "\"char\" out of range");
  return a[0];
}

// ---- dates ----

Datum date_to_timestamp(EvalContext&, Arguments a, unsigned) {
  const std::int64_t days = a[0].integer;
  if (days == kDateInfinity) return Datum::of_integer(kTimestampInfinity);
  if (days == kDateMinusInfinity) return Datum::of_integer(kTimestampMinusInfinity);
  if (days >= kTimestampEnd / kUsPerDay)
    throw Failure(Fault::datetime_field_overflow, "date out of range for timestamp");
  return Datum::of_integer(days * kUsPerDay);
}
Datum timestamp_to_date(EvalContext&, Arguments a, unsigned) {
  const std::int64_t us = a[0].integer;
  if (us == kTimestampInfinity) return Datum::of_integer(kDateInfinity);
  if (us == kTimestampMinusInfinity) return Datum::of_integer(kDateMinusInfinity);
  return Datum::of_integer(split_timestamp(us).days);
}
Datum local_to_utc(EvalContext& context, Arguments a, unsigned) {
  const TimeZone* zone = style_of(context).zone;
  if (zone == nullptr || !timestamp_is_finite(a[0].integer)) return a[0];
  const std::int64_t us = zone->to_utc(a[0].integer);
  if (!timestamp_in_range(us)) throw Failure(Fault::datetime_field_overflow, "timestamp out of range");
  return Datum::of_integer(us);
}
Datum utc_to_local(EvalContext& context, Arguments a, unsigned) {
  const TimeZone* zone = style_of(context).zone;
  if (zone == nullptr || !timestamp_is_finite(a[0].integer)) return a[0];
  const std::int64_t us = zone->to_local(a[0].integer);
  if (!timestamp_in_range(us)) throw Failure(Fault::datetime_field_overflow, "timestamp out of range");
  return Datum::of_integer(us);
}
Datum date_to_timestamptz(EvalContext& context, Arguments a, unsigned count) {
  const Datum local = date_to_timestamp(context, a, count);
  return local_to_utc(context, &local, 1);
}
Datum timestamptz_to_date(EvalContext& context, Arguments a, unsigned count) {
  const Datum local = utc_to_local(context, a, count);
  return timestamp_to_date(context, &local, 1);
}

// ---- through text ----

template <std::size_t type>
Datum print_as_text(EvalContext& context, Arguments a, unsigned) {
  OutBuffer out;
  traits(static_cast<TypeId>(type)).print(a[0], style_of(context), out);
  return copied(context, out.view());
}
template <std::size_t type>
Datum parse_from_text(EvalContext& context, Arguments a, unsigned) {
  return traits(static_cast<TypeId>(type)).parse(a[0].bytes(), style_of(context), *context.arena);
}
template <std::size_t... types>
constexpr auto printers(std::index_sequence<types...>) {
  return std::array<ScalarFunction, sizeof...(types)>{print_as_text<types>...};
}
template <std::size_t... types>
constexpr auto parsers(std::index_sequence<types...>) {
  return std::array<ScalarFunction, sizeof...(types)>{parse_from_text<types>...};
}
constexpr auto kAllTypes = std::make_index_sequence<kTypeCount>();
constexpr auto kPrinters = printers(kAllTypes);
constexpr auto kParsers = parsers(kAllTypes);

// The same text, unless an element does not fit.
template <TypeId array>
Datum narrow_array(EvalContext& context, Arguments a, unsigned) {
  try {
    return traits(array).parse(a[0].bytes(), style_of(context), *context.arena);
  } catch (const Failure&) {
    fail_out_of_range(traits(element_type(array)).name);
  }
}

Volatility text_volatility(TypeId type) {
  switch (type) {
    case TypeId::float4:
    case TypeId::float8:
    case TypeId::bytea:
    case TypeId::date:
    case TypeId::timestamp:
    case TypeId::timestamptz:
    case TypeId::regclass:
    case TypeId::regtype:
      return Volatility::stable;
    default:
      return Volatility::immutable;
  }
}

// ---- the table ----

constexpr auto kImplicit = CastContext::implicit;
constexpr auto kAssignment = CastContext::assignment;
constexpr auto kExplicit = CastContext::explicit_;

class CastTable {
 public:
  CastTable() {
    add_integers();
    add_reals();
    add_oids();
    add_strings();
    add_dates();
    add_arrays();
    add_casts_through_text();
  }
  const CastDef* find(TypeId from, TypeId to) const { return table_[index(from)][index(to)].get(); }

 private:
  using T = TypeId;
  static std::size_t index(TypeId type) { return static_cast<std::size_t>(type); }

  void add(TypeId from, TypeId to, CastContext context, ScalarFunction function,
           Volatility volatility = Volatility::immutable) {
    const FunctionDef* def = nullptr;
    if (function != nullptr) {
      functions_.push_back({traits(to).short_name, {from}, to, function, true, volatility});
      def = &functions_.back();
    }
    table_[index(from)][index(to)] = std::make_unique<CastDef>(CastDef{from, to, context, def});
  }
  void add_integers() {
    add(T::int2, T::int4, kImplicit, nullptr);
    add(T::int2, T::int8, kImplicit, nullptr);
    add(T::int4, T::int8, kImplicit, nullptr);
    add(T::int4, T::int2, kAssignment, narrow<std::int16_t>);
    add(T::int8, T::int2, kAssignment, narrow<std::int16_t>);
    add(T::int8, T::int4, kAssignment, narrow<std::int32_t>);
    for (const TypeId type : {T::int2, T::int4, T::int8}) {
      add(type, T::float4, kImplicit, integer_to_float4);
      add(type, T::float8, kImplicit, integer_to_float8);
      add(type, T::numeric, kImplicit, integer_to_numeric);
    }
    add(T::int4, T::boolean, kExplicit, boolean_of);
    add(T::boolean, T::int4, kExplicit, same);
  }
  void add_reals() {
    for (const TypeId type : {T::float4, T::float8}) {
      add(type, T::int2, kAssignment, real_to_integer<std::int16_t>);
      add(type, T::int4, kAssignment, real_to_integer<std::int32_t>);
      add(type, T::int8, kAssignment, real_to_integer<std::int64_t>);
    }
    add(T::float4, T::float8, kImplicit, same);
    add(T::float8, T::float4, kAssignment, float8_to_float4);
    add(T::float4, T::numeric, kAssignment, float4_to_numeric);
    add(T::float8, T::numeric, kAssignment, float8_to_numeric);
    add(T::numeric, T::int2, kAssignment, numeric_to_int2);
    add(T::numeric, T::int4, kAssignment, numeric_to_int4);
    add(T::numeric, T::int8, kAssignment, numeric_to_int8);
    add(T::numeric, T::float4, kImplicit, numeric_to_float4);
    add(T::numeric, T::float8, kImplicit, numeric_to_float8);
  }
  void add_oids() {
    for (const TypeId type : {T::oid, T::regclass, T::regtype}) {
      add(T::int2, type, kImplicit, integer_to_oid);
      add(T::int4, type, kImplicit, integer_to_oid);
      add(T::int8, type, kImplicit, bigint_to_oid);
      add(type, T::int4, kAssignment, oid_to_integer);
      add(type, T::int8, kAssignment, same);
    }
    for (const TypeId type : {T::regclass, T::regtype}) {
      add(type, T::oid, kImplicit, nullptr);
      add(T::oid, type, kImplicit, nullptr);
    }
  }
  void add_strings() {
    add(T::text, T::varchar, kImplicit, nullptr);
    add(T::text, T::bpchar, kImplicit, nullptr);
    add(T::varchar, T::text, kImplicit, nullptr);
    add(T::varchar, T::bpchar, kImplicit, nullptr);
    add(T::bpchar, T::text, kImplicit, trim_blanks_behind);
    add(T::bpchar, T::varchar, kImplicit, trim_blanks_behind);
    add(T::name, T::text, kImplicit, nullptr);
    add(T::name, T::varchar, kAssignment, nullptr);
    add(T::name, T::bpchar, kAssignment, nullptr);
    add(T::text, T::name, kImplicit, text_to_name);
    add(T::varchar, T::name, kImplicit, text_to_name);
    add(T::bpchar, T::name, kImplicit, bpchar_to_name);
    for (const TypeId type : {T::text, T::varchar, T::bpchar}) {
      add(type, T::char_, kAssignment, text_to_char);
      add(T::boolean, type, kAssignment, bool_to_text);
      add(T::char_, type, type == T::text ? kImplicit : kAssignment, kPrinters[index(T::char_)]);
    }
    add(T::char_, T::int4, kExplicit, same);
    add(T::int4, T::char_, kExplicit, int_to_char);
    for (const TypeId type : {T::text, T::varchar})
      add(type, T::regclass, kImplicit, kParsers[index(T::regclass)], Volatility::stable);
  }
  void add_dates() {
    add(T::date, T::timestamp, kImplicit, date_to_timestamp);
    add(T::date, T::timestamptz, kImplicit, date_to_timestamptz, Volatility::stable);
    add(T::timestamp, T::date, kAssignment, timestamp_to_date);
    add(T::timestamp, T::timestamptz, kImplicit, local_to_utc, Volatility::stable);
    add(T::timestamptz, T::date, kAssignment, timestamptz_to_date, Volatility::stable);
    add(T::timestamptz, T::timestamp, kAssignment, utc_to_local, Volatility::stable);
  }
  // Arrays convert as their elements do; where nothing can go wrong the printed form stays as it is.
  void add_arrays() {
    add(T::int2_array, T::int4_array, kImplicit, nullptr);
    add(T::int2_array, T::int8_array, kImplicit, nullptr);
    add(T::int4_array, T::int8_array, kImplicit, nullptr);
    for (const TypeId from : {T::int2_array, T::int4_array, T::int8_array}) {
      add(from, T::float8_array, kImplicit, kParsers[index(T::float8_array)]);
      for (const TypeId to : {T::int2_array, T::int4_array})
        if (from != to && find(from, to) == nullptr)
          add(from, to, kAssignment,
              to == T::int2_array ? narrow_array<T::int2_array> : narrow_array<T::int4_array>);
    }
    for (const TypeId array : {T::int2_array, T::int4_array, T::int8_array, T::float8_array, T::uuid_array}) {
      add(array, T::text_array, kAssignment, nullptr);
      add(T::text_array, array, kExplicit, kParsers[index(array)]);
    }
  }
  void add_casts_through_text() {
    for (std::size_t i = 0; i < kTypeCount; ++i) {
      const auto type = static_cast<TypeId>(i);
      if (type == T::unknown || type == T::void_) continue;
      for (const TypeId string : {T::text, T::varchar, T::bpchar, T::name}) {
        if (type == string) continue;
        if (find(type, string) == nullptr)
          add(type, string, kAssignment, kPrinters[i], text_volatility(type));
        if (find(string, type) != nullptr) continue;
        add(string, type, kExplicit, kParsers[i], text_volatility(type));
      }
    }
  }

  std::deque<FunctionDef> functions_;  // addresses stay
  std::array<std::array<std::unique_ptr<CastDef>, kTypeCount>, kTypeCount> table_;
};

}  // namespace

const CastDef* find_cast(TypeId from, TypeId to) {
  static const CastTable table;
  return table.find(from, to);
}

bool can_coerce(TypeId from, TypeId to, CastContext context) {
  if (from == to || from == TypeId::unknown) return true;
  const CastDef* cast = find_cast(from, to);
  return cast != nullptr && cast->context <= context;
}

bool is_binary_coercible(TypeId from, TypeId to) {
  if (from == to) return true;
  const CastDef* cast = find_cast(from, to);
  return cast != nullptr && cast->function == nullptr;
}

ExpressionPtr make_cast(ExpressionPtr value, Type to, CastContext context) {
  const Type from = value->type();
  if (to.id == TypeId::unknown) return value;
  if (from.id == TypeId::unknown) {
    if (is_null_constant(*value)) return make_null(to);
    value = make_input_cast(std::move(value), to.id);
  } else if (from.id != to.id) {
    const CastDef* cast = find_cast(from.id, to.id);
    if (cast == nullptr || cast->context > context) return nullptr;
    if (cast->function == nullptr) {
      value = make_relabel(std::move(value), to.id);
    } else {
      std::vector<ExpressionPtr> arguments;
      arguments.push_back(std::move(value));
      value = make_call(cast->function, std::move(arguments));
    }
  } else if (from == to) {
    return value;
  }
  return make_typmod(std::move(value), to, context == CastContext::explicit_);
}

}  // namespace gyre::storage
