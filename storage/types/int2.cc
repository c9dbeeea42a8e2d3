// smallint: 2 bytes, two's complement.
#include "storage/key.h"
#include "storage/types/all.h"
#include "storage/types/binary.h"
#include "storage/types/integer.h"

namespace gyre::storage {

namespace {

Datum parse(std::string_view text, const TextStyle&, Arena&) {
  return Datum::of_integer(parse_integer<std::int16_t>(text, "smallint"));
}

void print(Datum value, const TextStyle&, OutBuffer& out) {
  print_int64(value.integer, out);
}

Datum receive(std::string_view wire, Arena&) {
  BinaryReader reader(wire);
  const auto value = static_cast<std::int16_t>(reader.read_u16());
  reader.finish();
  return Datum::of_integer(value);
}

void send(Datum value, OutBuffer& out) {
  out.append_u16(static_cast<std::uint16_t>(value.integer));
}

int compare(Datum left, Datum right) {
  return three_way(left.integer, right.integer);
}

void append_key(Datum value, OutBuffer& key) {
  append_key_int16(static_cast<std::int16_t>(value.integer), key);
}

}  // namespace

constinit const TypeTraits kInt2Traits{
    .id = TypeId::int2,
    .oid = 21,
    .array_oid = 1005,
    .name = "smallint",
    .short_name = "int2",
    .wire_size = 2,
    .category = 'N',
    .preferred = false,
    .slot_size = 2,
    .parse = parse,
    .print = print,
    .receive = receive,
    .send = send,
    .compare = compare,
    .append_key = append_key,
    .apply_typmod = nullptr,
};

}  // namespace gyre::storage
