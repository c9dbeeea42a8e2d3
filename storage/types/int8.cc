// bigint: 8 bytes, two's complement.
#include "storage/key.h"
#include "storage/types/all.h"
#include "storage/types/binary.h"
#include "storage/types/integer.h"

namespace gyre::storage {

namespace {

Datum parse(std::string_view text, const TextStyle&, Arena&) {
  return Datum::of_integer(parse_integer<std::int64_t>(text, "bigint"));
}

void print(Datum value, const TextStyle&, OutBuffer& out) {
  print_int64(value.integer, out);
}

Datum receive(std::string_view wire, Arena&) {
  BinaryReader reader(wire);
  const auto value = static_cast<std::int64_t>(reader.read_u64());
  reader.finish();
  return Datum::of_integer(value);
}

void send(Datum value, OutBuffer& out) {
  out.append_u64(static_cast<std::uint64_t>(value.integer));
}

int compare(Datum left, Datum right) {
  return three_way(left.integer, right.integer);
}

void append_key(Datum value, OutBuffer& key) {
  append_key_int64(static_cast<std::int64_t>(value.integer), key);
}

}  // namespace

constinit const TypeTraits kInt8Traits{
    .id = TypeId::int8,
    .oid = 20,
    .array_oid = 1016,
    .name = "bigint",
    .short_name = "int8",
    .wire_size = 8,
    .category = 'N',
    .preferred = false,
    .slot_size = 8,
    .parse = parse,
    .print = print,
    .receive = receive,
    .send = send,
    .compare = compare,
    .append_key = append_key,
    .apply_typmod = nullptr,
};

}  // namespace gyre::storage
