// "char": one byte, in system relations. Rows hold it signed; it is compared as unsigned. Zero prints as
// nothing.
#include "storage/types/all.h"
#include "storage/types/binary.h"
#include "storage/types/input.h"

namespace gyre::storage {

namespace {

std::uint8_t byte_of(Datum value) {
  return static_cast<std::uint8_t>(value.integer);
}

Datum parse(std::string_view text, const TextStyle&, Arena&) {
  return Datum::of_integer(text.empty() ? 0 : static_cast<std::int8_t>(text.front()));
}

void print(Datum value, const TextStyle&, OutBuffer& out) {
  if (byte_of(value) != 0) out.append_byte(static_cast<char>(byte_of(value)));
}

Datum receive(std::string_view wire, Arena&) {
  BinaryReader reader(wire);
  const auto value = static_cast<std::int8_t>(reader.read_u8());
  reader.finish();
  return Datum::of_integer(value);
}

void send(Datum value, OutBuffer& out) {
  out.append_byte(static_cast<char>(byte_of(value)));
}

int compare(Datum left, Datum right) {
  return three_way(byte_of(left), byte_of(right));
}

void append_key(Datum value, OutBuffer& key) {
  key.append_byte(static_cast<char>(byte_of(value)));
}

}  // namespace

constinit const TypeTraits kCharTraits{
    .id = TypeId::char_,
    .oid = 18,
    .array_oid = 1002,
    .name = "\"char\"",
    .short_name = "char",
    .wire_size = 1,
    .category = 'Z',
    .preferred = false,
    .slot_size = 1,
    .parse = parse,
    .print = print,
    .receive = receive,
    .send = send,
    .compare = compare,
    .append_key = append_key,
    .apply_typmod = nullptr,
};

}  // namespace gyre::storage
