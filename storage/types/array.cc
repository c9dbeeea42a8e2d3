// Arrays of one dimension, for parameters (`id = ANY ($1)`), constructors and functions; no table stores
// them. A value is the array's printed form, {1,2,NULL}, in the one spelling that its elements print to, so
// that equal arrays are equal bytes and an array of int4 is one of int8 as it stands. Whoever wants the
// elements takes the text apart (array_text.h); = ANY does so once per execution.
#include "storage/failure.h"
#include "storage/key.h"
#include "storage/types/all.h"
#include "storage/types/array_text.h"
#include "storage/types/binary.h"
#include "storage/types/input.h"

namespace gyre::storage {

namespace {

constexpr std::int32_t kNullElement = -1;

std::string printed_element(TypeId element, Datum value, const TextStyle& style) {
  OutBuffer out;
  traits(element).print(value, style, out);
  return std::string(out.view());
}

template <TypeId element>
Datum parse(std::string_view text, const TextStyle& style, Arena& arena) {
  TextArray elements = parse_text_array(text);
  Arena scratch;
  for (auto& value : elements)
    if (value) value = printed_element(element, traits(element).parse(*value, style, scratch), style);
  return Datum::of_bytes(arena.copy(print_text_array(elements)));
}

void print(Datum value, const TextStyle&, OutBuffer& out) {
  out.append(value.bytes());
}

// dimensions, a flag that says whether there are nulls, the elements' oid; per dimension its length and first
// index; per element its length (-1: null) and its own binary form.
template <TypeId element>
Datum receive(std::string_view wire, Arena& arena) {
  BinaryReader reader(wire);
  const std::uint32_t dimensions = reader.read_u32();
  if (dimensions > 1)
    throw Failure(Fault::feature_not_supported, "arrays of several dimensions are not supported");
  reader.read_u32();
  const TypeId sent = type_by_oid(reader.read_u32());
  if (sent != element && array_type(sent) != array_type(element))
    fail_binary_content("binary data has the wrong array element type");
  TextArray elements;
  if (dimensions == 1) {
    const std::uint32_t count = reader.read_u32();
    reader.read_u32();
    Arena scratch;
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto size = static_cast<std::int32_t>(reader.read_u32());
      if (size == kNullElement) {
        elements.emplace_back(std::nullopt);
        continue;
      }
      if (size < 0) fail_binary_content("incorrect binary data format");
      const Datum value = traits(element).receive(reader.take(static_cast<std::size_t>(size)), scratch);
      elements.emplace_back(printed_element(element, value, {}));
    }
  }
  reader.finish();
  return Datum::of_bytes(arena.copy(print_text_array(elements)));
}

template <TypeId element>
void send(Datum value, OutBuffer& out) {
  const TextArray elements = parse_text_array(value.bytes());
  bool nulls = false;
  for (const auto& one : elements) nulls = nulls || !one;
  out.append_u32(elements.empty() ? 0 : 1);
  out.append_u32(nulls ? 1 : 0);
  out.append_u32(traits(element).oid);
  if (elements.empty()) return;
  out.append_u32(static_cast<std::uint32_t>(elements.size()));
  out.append_u32(1);
  Arena scratch;
  for (const auto& one : elements) {
    const std::size_t length_at = out.size();
    out.append_u32(static_cast<std::uint32_t>(kNullElement));
    if (!one) continue;
    const std::size_t begin = out.size();
    traits(element).send(traits(element).parse(*one, {}, scratch), out);
    out.patch_u32(length_at, static_cast<std::uint32_t>(out.size() - begin));
  }
}

// Element by element; nulls are above all values, a beginning is below the whole.
template <TypeId element>
int compare(Datum left, Datum right) {
  const TextArray ours = parse_text_array(left.bytes());
  const TextArray theirs = parse_text_array(right.bytes());
  Arena scratch;
  for (std::size_t i = 0; i < ours.size() && i < theirs.size(); ++i) {
    if (!ours[i] || !theirs[i]) {
      if (!ours[i] && !theirs[i]) continue;
      return ours[i] ? -1 : 1;
    }
    const auto& type = traits(element);
    const int order = type.compare(type.parse(*ours[i], {}, scratch), type.parse(*theirs[i], {}, scratch));
    if (order != 0) return order;
  }
  return three_way(ours.size(), theirs.size());
}

template <TypeId element>
void append_key(Datum value, OutBuffer& key) {
  constexpr char kEnd = 0, kValue = 1, kNull = 2;
  Arena scratch;
  for (const auto& one : parse_text_array(value.bytes())) {
    key.append_byte(one ? kValue : kNull);
    if (one) traits(element).append_key(traits(element).parse(*one, {}, scratch), key);
  }
  key.append_byte(kEnd);
}

template <TypeId element>
constexpr TypeTraits array_traits(TypeId id, std::uint32_t oid, std::string_view name,
                                  std::string_view short_name) {
  return {
      .id = id,
      .oid = oid,
      .array_oid = 0,
      .name = name,
      .short_name = short_name,
      .wire_size = -1,
      .category = 'A',
      .preferred = false,
      .slot_size = 0,
      .parse = parse<element>,
      .print = print,
      .receive = receive<element>,
      .send = send<element>,
      .compare = compare<element>,
      .append_key = append_key<element>,
      .apply_typmod = nullptr,
  };
}

}  // namespace

constinit const TypeTraits kTextArrayTraits =
    array_traits<TypeId::text>(TypeId::text_array, 1009, "text[]", "_text");
constinit const TypeTraits kInt2ArrayTraits =
    array_traits<TypeId::int2>(TypeId::int2_array, 1005, "smallint[]", "_int2");
constinit const TypeTraits kInt4ArrayTraits =
    array_traits<TypeId::int4>(TypeId::int4_array, 1007, "integer[]", "_int4");
constinit const TypeTraits kInt8ArrayTraits =
    array_traits<TypeId::int8>(TypeId::int8_array, 1016, "bigint[]", "_int8");
constinit const TypeTraits kFloat8ArrayTraits =
    array_traits<TypeId::float8>(TypeId::float8_array, 1022, "double precision[]", "_float8");
constinit const TypeTraits kUuidArrayTraits =
    array_traits<TypeId::uuid>(TypeId::uuid_array, 2951, "uuid[]", "_uuid");

}  // namespace gyre::storage
