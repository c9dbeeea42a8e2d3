// Functions over arrays, one overload for each type of array (storage/types/array.cc says what a value is).
#include <algorithm>
#include <vector>

#include "storage/scalar/families.h"
#include "storage/scalar/helpers.h"
#include "storage/types/array_text.h"

namespace gyre::storage::families {

namespace {

using Arguments = const Datum*;

// An element in memory takes more than in its array.
TextArray parse_array(EvalContext& context, Datum array) {
  const std::string_view text = array.bytes();
  const auto commas = static_cast<std::size_t>(std::count(text.begin(), text.end(), ','));
  context.arena->check_room((commas + 1) * sizeof(TextArray::value_type) + text.size());
  return parse_text_array(text);
}

template <TypeId element>
std::string printed(EvalContext& context, Datum value) {
  OutBuffer out;
  traits(element).print(value, style_of(context), out);
  return std::string(out.view());
}
template <TypeId element>
Datum parsed(EvalContext& context, const std::optional<std::string>& text) {
  if (!text) return {};
  return traits(element).parse(context.arena->copy(*text), style_of(context), *context.arena);
}

Datum length(EvalContext& context, Arguments a, unsigned) {
  const std::size_t length = parse_array(context, a[0]).size();
  return a[1].integer != 1 || length == 0 ? Datum() : Datum::of_integer(static_cast<std::int64_t>(length));
}
Datum lower(EvalContext& context, Arguments a, unsigned count) {
  return length(context, a, count).null ? Datum() : Datum::of_integer(1);
}
Datum cardinality(EvalContext& context, Arguments a, unsigned) {
  return Datum::of_integer(static_cast<std::int64_t>(parse_array(context, a[0]).size()));
}
Datum dimensions(EvalContext& context, Arguments a, unsigned) {
  return parse_array(context, a[0]).empty() ? Datum() : Datum::of_integer(1);
}

template <TypeId element>
Datum position(EvalContext& context, Arguments a, unsigned) {
  if (a[0].null) return {};
  const TextArray elements = parse_array(context, a[0]);
  const std::optional<std::string> wanted =
      a[1].null ? std::nullopt : std::optional(printed<element>(context, a[1]));
  const auto at = std::find(elements.begin(), elements.end(), wanted);
  return at == elements.end() ? Datum() : Datum::of_integer(at - elements.begin() + 1);
}
// array[i]; null where there is no such element.
template <TypeId element>
Datum subscript(EvalContext& context, Arguments a, unsigned) {
  const TextArray elements = parse_array(context, a[0]);
  if (a[1].integer < 1 || a[1].integer > static_cast<std::int64_t>(elements.size())) return {};
  return parsed<element>(context, elements[static_cast<std::size_t>(a[1].integer - 1)]);
}
Datum joined(EvalContext& context, TextArray first, TextArray second) {
  first.insert(first.end(), second.begin(), second.end());
  return copied(context, print_text_array(first));
}
TextArray elements_of(EvalContext& context, Datum array) {
  return array.null ? TextArray() : parse_array(context, array);
}
template <TypeId element>
TextArray only(EvalContext& context, Datum value) {
  return {value.null ? std::nullopt : std::optional(printed<element>(context, value))};
}
template <TypeId element>
Datum append(EvalContext& context, Arguments a, unsigned) {
  return joined(context, elements_of(context, a[0]), only<element>(context, a[1]));
}
template <TypeId element>
Datum prepend(EvalContext& context, Arguments a, unsigned) {
  return joined(context, only<element>(context, a[0]), elements_of(context, a[1]));
}
Datum concatenate(EvalContext& context, Arguments a, unsigned) {
  if (a[0].null || a[1].null) return a[0].null ? a[1] : a[0];
  return joined(context, elements_of(context, a[0]), elements_of(context, a[1]));
}
Datum to_string(EvalContext& context, Arguments a, unsigned count) {
  if (a[0].null || a[1].null) return {};
  std::string out;
  bool first = true;
  for (const auto& element : parse_array(context, a[0])) {
    if (!element && (count < 3 || a[2].null)) continue;
    const std::string_view text = element ? std::string_view(*element) : a[2].bytes();
    check_room(context, out.size() + a[1].size + text.size());
    if (!first) out += a[1].bytes();
    out += text;
    first = false;
  }
  return copied(context, out);
}

template <TypeId element>
void add(std::vector<FunctionDef>& table) {
  constexpr TypeId kArray = array_type(element);
  constexpr TypeId kInt = TypeId::int4;
  constexpr TypeId kText = TypeId::text;
  const std::vector<FunctionDef> all = {
      {"array_length", {kArray, kInt}, kInt, length},
      {"array_upper", {kArray, kInt}, kInt, length},
      {"array_lower", {kArray, kInt}, kInt, lower},
      {"array_ndims", {kArray}, kInt, dimensions},
      {"cardinality", {kArray}, kInt, cardinality},
      {"array_position", {kArray, element}, kInt, position<element>, false},
      {"[]", {kArray, kInt}, element, subscript<element>},
      {"array_append", {kArray, element}, kArray, append<element>, false},
      {"array_prepend", {element, kArray}, kArray, prepend<element>, false},
      {"array_cat", {kArray, kArray}, kArray, concatenate, false},
      {"||", {kArray, kArray}, kArray, concatenate, false},
      {"array_to_string", {kArray, kText}, kText, to_string, false},
      {"array_to_string", {kArray, kText, kText}, kText, to_string, false},
  };
  table.insert(table.end(), all.begin(), all.end());
}

std::vector<FunctionDef> make_table() {
  std::vector<FunctionDef> table;
  add<TypeId::text>(table);
  add<TypeId::int2>(table);
  add<TypeId::int4>(table);
  add<TypeId::int8>(table);
  add<TypeId::float8>(table);
  add<TypeId::uuid>(table);
  return table;
}

}  // namespace

std::span<const FunctionDef> arrays() {
  static const std::vector<FunctionDef> table = make_table();
  return table;
}

}  // namespace gyre::storage::families
