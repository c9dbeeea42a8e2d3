// integer: 4 bytes, two's complement.
#include "storage/key.h"
#include "storage/types/all.h"
#include "storage/types/binary.h"
#include "storage/types/integer.h"

namespace gyre::storage {

namespace {

Datum parse(std::string_view text, const TextStyle&, Arena&) {
  return Datum::of_integer(parse_integer<std::int32_t>(text, "integer"));
}

void print(Datum value, const TextStyle&, OutBuffer& out) {
  print_int64(value.integer, out);
}

Datum receive(std::string_view wire, Arena&) {
  BinaryReader reader(wire);
  const auto value = static_cast<std::int32_t>(reader.read_u32());
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
  append_key_int32(static_cast<std::int32_t>(value.integer), key);
}

}  // namespace

constinit const TypeTraits kInt4Traits{
    .id = TypeId::int4,
    .oid = 23,
    .array_oid = 1007,
    .name = "integer",
    .short_name = "int4",
    .wire_size = 4,
    .category = 'N',
    .preferred = false,
    .slot_size = 4,
    .parse = parse,
    .print = print,
    .receive = receive,
    .send = send,
    .compare = compare,
    .append_key = append_key,
    .apply_typmod = nullptr,
};

}  // namespace gyre::storage
