// oid, and regclass and regtype, which are oids that stand for a name. Relations' names are known to the
// style, where somebody with a catalog made it.
#include <string>

#include "storage/types/all.h"
#include "storage/types/binary.h"
#include "storage/types/integer.h"

namespace gyre::storage {

namespace {

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// A negative number counts down from 2^32, as C's strtoul has it.
Datum parse(std::string_view text, const TextStyle&, Arena&) {
  const std::string_view number = trim_blanks(text);
  const bool negative = number.starts_with('-');
  const std::string_view digits = number.substr(negative || number.starts_with('+') ? 1 : 0);
  if (!is_number(digits)) fail_syntax("oid", text);
  std::int64_t value = 0;
  for (const char digit : digits) {
    value = value * 10 + (digit - '0');
    if (value > UINT32_MAX) fail_range("oid", text);
  }
  if (negative && value > INT64_C(1) << 31) fail_range("oid", text);
  return Datum::of_integer(negative ? static_cast<std::uint32_t>(-value) : value);
}

Datum parse_regclass(std::string_view text, const TextStyle& style, Arena& arena) {
  if (text == "-") return Datum::of_integer(0);
  if (is_number(text)) return parse(text, style, arena);
  if (style.relations != nullptr) return Datum::of_integer(style.relations->relation_oid(text));
  throw Failure(Fault::undefined_table, "relation \"" + std::string(text) + "\" does not exist");
}

Datum parse_regtype(std::string_view text, const TextStyle& style, Arena& arena) {
  if (text == "-") return Datum::of_integer(0);
  if (is_number(text)) return parse(text, style, arena);
  const TypeId type = type_by_name(text);
  if (type != TypeId::count_) return Datum::of_integer(traits(type).oid);
  throw Failure(Fault::undefined_object, "type \"" + std::string(text) + "\" does not exist");
}

void print(Datum value, const TextStyle&, OutBuffer& out) {
  print_uint64(static_cast<std::uint32_t>(value.integer), out);
}

void print_number(Datum value, const TextStyle& style, OutBuffer& out) {
  if (value.integer == 0)
    out.append_byte('-');
  else
    print(value, style, out);
}

void print_regclass(Datum value, const TextStyle& style, OutBuffer& out) {
  const std::string name = style.relations == nullptr || value.integer == 0
                               ? std::string()
                               : style.relations->relation_name(static_cast<std::uint32_t>(value.integer));
  if (name.empty())
    print_number(value, style, out);
  else
    out.append(name);
}

void print_regtype(Datum value, const TextStyle& style, OutBuffer& out) {
  const auto oid = static_cast<std::uint32_t>(value.integer);
  const TypeId type = type_by_oid(oid);
  if (type != TypeId::unknown || oid == traits(TypeId::unknown).oid)
    out.append(traits(type).name);
  else
    print_number(value, style, out);
}

Datum receive(std::string_view wire, Arena&) {
  BinaryReader reader(wire);
  const std::uint32_t value = reader.read_u32();
  reader.finish();
  return Datum::of_integer(value);
}

void send(Datum value, OutBuffer& out) {
  out.append_u32(static_cast<std::uint32_t>(value.integer));
}

int compare(Datum left, Datum right) {
  return three_way(left.integer, right.integer);
}

void append_key(Datum value, OutBuffer& key) {
  key.append_u32(static_cast<std::uint32_t>(value.integer));
}

}  // namespace

constinit const TypeTraits kOidTraits{
    .id = TypeId::oid,
    .oid = 26,
    .array_oid = 1028,
    .name = "oid",
    .short_name = "oid",
    .wire_size = 4,
    .category = 'N',
    .preferred = true,
    .slot_size = 4,
    .parse = parse,
    .print = print,
    .receive = receive,
    .send = send,
    .compare = compare,
    .append_key = append_key,
    .apply_typmod = nullptr,
};

constinit const TypeTraits kRegclassTraits{
    .id = TypeId::regclass,
    .oid = 2205,
    .array_oid = 2210,
    .name = "regclass",
    .short_name = "regclass",
    .wire_size = 4,
    .category = 'N',
    .preferred = false,
    .slot_size = 4,
    .parse = parse_regclass,
    .print = print_regclass,
    .receive = receive,
    .send = send,
    .compare = compare,
    .append_key = append_key,
    .apply_typmod = nullptr,
};

constinit const TypeTraits kRegtypeTraits{
    .id = TypeId::regtype,
    .oid = 2206,
    .array_oid = 2211,
    .name = "regtype",
    .short_name = "regtype",
    .wire_size = 4,
    .category = 'N',
    .preferred = false,
    .slot_size = 4,
    .parse = parse_regtype,
    .print = print_regtype,
    .receive = receive,
    .send = send,
    .compare = compare,
    .append_key = append_key,
    .apply_typmod = nullptr,
};

}  // namespace gyre::storage
