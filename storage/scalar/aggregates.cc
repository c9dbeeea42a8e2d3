// The aggregates. Each state is a small struct without a heap of its own; a table entry is made by
// define<State>, which supplies init and the casts from void*.
//
//   sums of integers  an int128: 2^64 rows of bigint cannot overflow it
//   sums of numeric   an int128 of one scale while values are small, spilled into a numeric in the arena
//   sums of reals     the plain sum, as PostgreSQL's; avg and variance by Youngs and Cramer's updates
//   min, max          the value itself; bytes are copied into the arena only when the value changes, into the
//                     room of the earlier one where it fits
#include "storage/scalar/aggregates.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <string>
#include <unordered_map>

#include "storage/scalar/casts.h"
#include "storage/scalar/helpers.h"
#include "storage/types/array_text.h"
#include "storage/types/numeric.h"

namespace gyre::storage {

namespace {

template <class State>
AggregateDef define(std::string_view name, ArgumentTypes arguments, TypeId result) {
  AggregateDef def;
  def.name = name;
  def.arguments = arguments;
  def.result = result;
  def.state_size = sizeof(State);
  def.state_alignment = alignof(State);
  static_assert(std::is_trivially_destructible_v<State> && alignof(State) <= 16);
  def.init = [](void* state) { new (state) State(); };
  def.step = [](void* state, const Datum* values, Arena& arena) {
    static_cast<State*>(state)->step(values, arena);
  };
  def.finish = [](const void* state, Arena& arena) {
    return static_cast<const State*>(state)->finish(arena);
  };
  return def;
}

// ---- count ----

struct CountRows {
  std::int64_t count = 0;
  void step(const Datum*, Arena&) { ++count; }
  Datum finish(Arena&) const { return Datum::of_integer(count); }
};
struct CountValues : CountRows {
  void step(const Datum* values, Arena&) { count += values[0].null ? 0 : 1; }
};

// ---- sums of integers ----

struct IntegerSum {
  __int128 sum = 0;
  std::int64_t count = 0;
  void step(const Datum* values, Arena&) {
    if (values[0].null) return;
    sum += values[0].integer;
    ++count;
  }
};
struct SumToInt8 : IntegerSum {
  Datum finish(Arena&) const {
    if (count == 0) return {};
    if (sum < std::numeric_limits<std::int64_t>::min() || sum > std::numeric_limits<std::int64_t>::max())
      fail_out_of_range("bigint");
    return Datum::of_integer(static_cast<std::int64_t>(sum));
  }
};
struct SumToNumeric : IntegerSum {
  Datum finish(Arena& arena) const { return count == 0 ? Datum() : numeric::from_int128(sum, 0, arena); }
};
struct AverageOfIntegers : IntegerSum {
  Datum finish(Arena& arena) const {
    if (count == 0) return {};
    return numeric::divide(numeric::from_int128(sum, 0, arena), numeric::from_int64(count, arena), arena);
  }
};

// ---- sums of numeric ----

// The sum is small / 10^scale + spilled. A value goes into `small` if it has the same scale and fewer than 64
// bits (its layout: storage/types/numeric.h), and spilling happens before small could overflow.
struct NumericTotal {
  __int128 small = 0;
  std::int64_t count = 0;
  Datum spilled;  // null until there is one
  std::int32_t scale = -1;
  std::uint32_t small_count = 0;

  static constexpr std::uint32_t kSpillAfter = 1u << 30;

  void step(const Datum* values, Arena& arena) {
    const Datum value = values[0];
    if (value.null) return;
    ++count;
    constexpr std::uint32_t kHeader = 3, kMagnitude = 8;
    const bool finite = value.data[0] <= 1;
    if (!finite || value.size > kHeader + kMagnitude) return spill_value(value, arena);
    std::uint16_t value_scale;
    std::memcpy(&value_scale, value.data + 1, sizeof value_scale);
    if (value_scale != scale || small_count == kSpillAfter) {
      spill(arena);
      scale = value_scale;
    }
    std::uint64_t magnitude = 0;
    std::memcpy(&magnitude, value.data + kHeader, value.size - kHeader);
    small += value.data[0] == 1 ? -static_cast<__int128>(magnitude) : static_cast<__int128>(magnitude);
    ++small_count;
  }
  Datum total(Arena& arena) const {
    if (scale < 0) return spilled;
    const Datum own = numeric::from_int128(small, scale, arena);
    return spilled.null ? own : numeric::add(spilled, own, arena);
  }

 private:
  void spill(Arena& arena) {
    if (scale >= 0) spilled = total(arena);
    small = 0;
    small_count = 0;
  }
  void spill_value(Datum value, Arena& arena) {
    // Added to a copy: the value is borrowed, the sum is not.
    spilled = spilled.null ? Datum::of_bytes(arena.copy(value.bytes())) : numeric::add(spilled, value, arena);
  }
};
struct NumericSumState : NumericTotal {
  Datum finish(Arena& arena) const { return count == 0 ? Datum() : total(arena); }
};
struct NumericAverage : NumericTotal {
  Datum finish(Arena& arena) const {
    if (count == 0) return {};
    return numeric::divide(total(arena), numeric::from_int64(count, arena), arena);
  }
};

// ---- sums of reals ----

template <class Real>
struct RealSum {
  Real sum = 0;
  bool any = false;
  void step(const Datum* values, Arena&) {
    if (values[0].null) return;
    const auto value = static_cast<Real>(values[0].real);
    const Real next = any ? sum + value : value;
    if (std::isinf(next) && !std::isinf(sum) && !std::isinf(value)) fail_overflow();
    sum = next;
    any = true;
  }
  Datum finish(Arena&) const { return any ? Datum::of_real(static_cast<double>(sum)) : Datum(); }
};

// Count, sum, and the sum of squared differences from the mean.
struct Moments {
  double count = 0, sum = 0, squares = 0;
  void step(const Datum* values, Arena&) {
    if (values[0].null) return;
    const double value = values[0].real;
    const double earlier_sum = sum;
    count += 1;
    sum += value;
    if (count > 1) {
      const double difference = value * count - sum;
      squares += difference * difference / (count * (count - 1));
      if (std::isinf(sum) || std::isinf(squares)) overflowed(value, earlier_sum);
    } else if (std::isnan(value) || std::isinf(value)) {
      squares = std::numeric_limits<double>::quiet_NaN();
    }
  }
  void overflowed(double value, double earlier_sum) {
    if (!std::isinf(value) && !std::isinf(earlier_sum)) fail_overflow();
    squares = std::numeric_limits<double>::quiet_NaN();
  }
};
struct RealAverage : Moments {
  Datum finish(Arena&) const { return count == 0 ? Datum() : Datum::of_real(sum / count); }
};
template <bool sample, bool root>
struct RealVariance : Moments {
  Datum finish(Arena&) const {
    if (count == 0 || (sample && count <= 1)) return {};
    const double variance = squares / (sample ? count - 1 : count);
    return Datum::of_real(root ? std::sqrt(variance) : variance);
  }
};

// ---- variance of integers and numeric: n * sum(x^2) - sum(x)^2, exactly ----

template <bool sample, bool root>
struct NumericVariance {
  NumericTotal sum, squares;
  void step_numeric(Datum value, Arena& arena) {
    const Datum square = numeric::multiply(value, value, arena);
    sum.step(&value, arena);
    squares.step(&square, arena);
  }
  void step(const Datum* values, Arena& arena) {
    if (!values[0].null) step_numeric(values[0], arena);
  }
  Datum finish(Arena& arena) const {
    const std::int64_t count = sum.count;
    if (count == 0 || (sample && count == 1)) return {};
    const Datum total = sum.total(arena);
    if (numeric::is_nan(total) || numeric::is_infinite(total))
      return numeric::from_double(std::numeric_limits<double>::quiet_NaN(), arena);
    const Datum n = numeric::from_int64(count, arena);
    const Datum spread = numeric::subtract(numeric::multiply(n, squares.total(arena), arena),
                                           numeric::multiply(total, total, arena), arena);
    const Datum zero = numeric::from_int64(0, arena);
    if (numeric::compare(spread, zero) <= 0) return zero;
    const Datum below = numeric::multiply(n, numeric::from_int64(sample ? count - 1 : count, arena), arena);
    const Datum variance = numeric::divide(spread, below, arena);
    return root ? numeric::round(numeric::sqrt(variance, arena), numeric::scale(variance), arena) : variance;
  }
};
template <bool sample, bool root>
struct IntegerVariance : NumericVariance<sample, root> {
  void step(const Datum* values, Arena& arena) {
    if (!values[0].null) this->step_numeric(numeric::from_int64(values[0].integer, arena), arena);
  }
};

// ---- min and max ----

template <TypeId type, bool greatest>
struct Extreme {
  Datum best;
  std::uint32_t room = 0;  // bytes at best.data that are ours
  void step(const Datum* values, Arena& arena) {
    const Datum value = values[0];
    if (value.null) return;
    if (!best.null) {
      const int order = traits(type).compare(value, best);
      if (greatest ? order <= 0 : order >= 0) return;
    }
    keep(value, arena);
  }
  Datum finish(Arena&) const { return best; }

 private:
  void keep(Datum value, Arena& arena) {
    const bool borrowed = traits(type).slot_size == 0 || type == TypeId::uuid;
    if (!borrowed) {
      best = value;
      return;
    }
    char* own = const_cast<char*>(best.data);
    if (best.null || value.size > room) {
      room = std::max(value.size, 16u);
      own = arena.allocate(room, 1);
    }
    std::memmove(own, value.data, value.size);
    best = Datum::of_bytes({own, value.size});
  }
};

// ---- booleans and strings ----

template <bool decisive>
struct BooleanFold {
  bool any = false, decided = false;
  void step(const Datum* values, Arena&) {
    if (values[0].null) return;
    any = true;
    if ((values[0].integer != 0) == decisive) decided = true;
  }
  Datum finish(Arena&) const { return any ? Datum::of_bool(decided == decisive) : Datum(); }
};

template <int operation>
struct BitFold {
  std::int64_t bits = 0;
  bool any = false;
  void step(const Datum* values, Arena&) {
    if (values[0].null) return;
    const std::int64_t value = values[0].integer;
    bits = !any ? value : operation == 0 ? bits & value : operation == 1 ? bits | value : bits ^ value;
    any = true;
  }
  Datum finish(Arena&) const { return any ? Datum::of_integer(bits) : Datum(); }
};

// The text so far, in room that doubles; the first value's delimiter is not used, a null one is empty.
struct StringConcatenation {
  char* text = nullptr;
  std::size_t size = 0, room = 0;
  bool any = false;
  void step(const Datum* values, Arena& arena) {
    if (values[0].null) return;
    if (any && !values[1].null) append(values[1].bytes(), arena);
    append(values[0].bytes(), arena);
    any = true;
  }
  Datum finish(Arena&) const { return any ? Datum::of_bytes({text, size}) : Datum(); }

 private:
  void append(std::string_view more, Arena& arena) {
    if (more.empty()) return;
    if (size + more.size() > kMaxTextBytes)
      throw Failure(Fault::program_limit_exceeded, "result of string_agg is too long");
    if (size + more.size() > room) {
      room = std::max<std::size_t>({64, room * 2, size + more.size()});
      char* grown = arena.allocate(room, 1);
      if (size != 0) std::memcpy(grown, text, size);
      text = grown;
    }
    std::memcpy(text + size, more.data(), more.size());
    size += more.size();
  }
};

// ---- arrays ----

// The printed elements with commas between, in room that doubles.
template <TypeId element>
struct ArrayCollection {
  char* text = nullptr;
  std::size_t size = 0, room = 0;
  void step(const Datum* values, Arena& arena) {
    TextArray one(1);
    if (!values[0].null) {
      OutBuffer printed;
      traits(element).print(values[0], kPlainStyle, printed);
      one[0] = std::string(printed.view());
    }
    std::string more = print_text_array(one);
    more.front() = size == 0 ? '{' : ',';
    more.pop_back();
    if (size + more.size() + 1 > kMaxTextBytes)
      throw Failure(Fault::program_limit_exceeded, "result of array_agg is too long");
    if (size + more.size() + 1 > room) {
      room = std::max<std::size_t>({64, room * 2, size + more.size() + 1});
      char* grown = arena.allocate(room, 1);
      if (size != 0) std::memcpy(grown, text, size);
      text = grown;
    }
    std::memcpy(text + size, more.data(), more.size());
    size += more.size();
    text[size] = '}';
  }
  Datum finish(Arena&) const { return size == 0 ? Datum() : Datum::of_bytes({text, size + 1}); }
};

// The first row's value, null or not.
template <bool borrowed>
struct FirstValue {
  Datum value;
  bool any = false;
  void step(const Datum* values, Arena& arena) {
    if (any) return;
    any = true;
    value = values[0];
    if (borrowed && !value.null) value = Datum::of_bytes(arena.copy(value.bytes()));
  }
  Datum finish(Arena&) const { return value; }
};

// ---- the table ----

using Table = std::vector<AggregateDef>;

template <TypeId type>
void add_extremes(Table& table) {
  table.push_back(define<Extreme<type, false>>("min", {type}, type));
  table.push_back(define<Extreme<type, true>>("max", {type}, type));
}

template <TypeId element>
void add_collection(Table& table) {
  table.push_back(define<ArrayCollection<element>>("array_agg", {element}, array_type(element)));
}

template <template <bool, bool> class State>
void add_variances(Table& table, TypeId type, TypeId result) {
  for (const std::string_view name : {"variance", "var_samp"})
    table.push_back(define<State<true, false>>(name, {type}, result));
  table.push_back(define<State<false, false>>("var_pop", {type}, result));
  for (const std::string_view name : {"stddev", "stddev_samp"})
    table.push_back(define<State<true, true>>(name, {type}, result));
  table.push_back(define<State<false, true>>("stddev_pop", {type}, result));
}

void add_sums(Table& table) {
  using T = TypeId;
  table.push_back(define<SumToInt8>("sum", {T::int2}, T::int8));
  table.push_back(define<SumToInt8>("sum", {T::int4}, T::int8));
  table.push_back(define<SumToNumeric>("sum", {T::int8}, T::numeric));
  table.push_back(define<NumericSumState>("sum", {T::numeric}, T::numeric));
  table.push_back(define<RealSum<float>>("sum", {T::float4}, T::float4));
  table.push_back(define<RealSum<double>>("sum", {T::float8}, T::float8));
  for (const TypeId type : {T::int2, T::int4, T::int8}) {
    table.push_back(define<AverageOfIntegers>("avg", {type}, T::numeric));
    add_variances<IntegerVariance>(table, type, T::numeric);
  }
  table.push_back(define<NumericAverage>("avg", {T::numeric}, T::numeric));
  add_variances<NumericVariance>(table, T::numeric, T::numeric);
  for (const TypeId type : {T::float4, T::float8}) {
    table.push_back(define<RealAverage>("avg", {type}, T::float8));
    add_variances<RealVariance>(table, type, T::float8);
  }
}

Table make_table() {
  using T = TypeId;
  Table table;
  table.push_back(define<CountRows>("count", {}, T::int8));
  table.push_back(define<CountValues>("count", {kAnyType}, T::int8));
  add_sums(table);
  add_extremes<T::int2>(table);
  add_extremes<T::int4>(table);
  add_extremes<T::int8>(table);
  add_extremes<T::float4>(table);
  add_extremes<T::float8>(table);
  add_extremes<T::numeric>(table);
  add_extremes<T::text>(table);
  add_extremes<T::bpchar>(table);
  add_extremes<T::date>(table);
  add_extremes<T::timestamp>(table);
  add_extremes<T::timestamptz>(table);
  add_extremes<T::oid>(table);
  table.push_back(define<BooleanFold<false>>("bool_and", {T::boolean}, T::boolean));
  table.push_back(define<BooleanFold<false>>("every", {T::boolean}, T::boolean));
  table.push_back(define<BooleanFold<true>>("bool_or", {T::boolean}, T::boolean));
  for (const TypeId type : {T::int2, T::int4, T::int8}) {
    table.push_back(define<BitFold<0>>("bit_and", {type}, type));
    table.push_back(define<BitFold<1>>("bit_or", {type}, type));
    table.push_back(define<BitFold<2>>("bit_xor", {type}, type));
  }
  table.push_back(define<StringConcatenation>("string_agg", {T::text, T::text}, T::text));
  table.push_back(define<StringConcatenation>("string_agg", {T::bytea, T::bytea}, T::bytea));
  add_collection<T::text>(table);
  add_collection<T::int2>(table);
  add_collection<T::int4>(table);
  add_collection<T::int8>(table);
  add_collection<T::float8>(table);
  add_collection<T::uuid>(table);
  return table;
}

// The overloads by name, and beside each a FunctionDef of the same shape, for the rules of resolution.
struct AggregateRegistry {
  struct Overloads {
    std::vector<const AggregateDef*> aggregates;
    std::vector<FunctionDef> shapes;
  };
  AggregateRegistry() : table(make_table()) {
    for (const AggregateDef& def : table) {
      Overloads& overloads = by_name[def.name];
      overloads.aggregates.push_back(&def);
      overloads.shapes.push_back({def.name, def.arguments, def.result});
    }
  }
  Table table;
  std::unordered_map<std::string_view, Overloads> by_name;
};

const AggregateRegistry::Overloads* find_overloads(std::string_view name) {
  static const AggregateRegistry registry;
  const auto at = registry.by_name.find(name);
  return at == registry.by_name.end() ? nullptr : &at->second;
}

}  // namespace

const AggregateDef* first_value_of(TypeId type) {
  static const AggregateDef of_words = define<FirstValue<false>>("first_value", {kAnyType}, kAnyType);
  static const AggregateDef of_bytes = define<FirstValue<true>>("first_value", {kAnyType}, kAnyType);
  const bool borrowed = traits(type).slot_size == 0 || type == TypeId::uuid;
  return borrowed ? &of_bytes : &of_words;
}

bool is_aggregate(std::string_view name) {
  return find_overloads(name) != nullptr;
}

std::span<const AggregateDef* const> aggregates_named(std::string_view name) {
  const auto* overloads = find_overloads(name);
  if (overloads == nullptr) return {};
  return overloads->aggregates;
}

AggregateResolution resolve_aggregate(std::string_view name, std::span<const TypeId> arguments) {
  const auto* overloads = find_overloads(name);
  if (overloads == nullptr) return {};
  std::vector<const FunctionDef*> shapes;
  for (const FunctionDef& shape : overloads->shapes) shapes.push_back(&shape);
  const Resolution resolution = resolve_among(shapes, arguments);
  if (!resolution.found()) return {resolution.status, nullptr, {}};
  const auto index = static_cast<std::size_t>(resolution.function - overloads->shapes.data());
  return {resolution.status, overloads->aggregates[index], resolution.arguments};
}

}  // namespace gyre::storage
