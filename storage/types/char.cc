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

bool is_octal(std::string_view text) {
  return text.size() == 4 && text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' &&
         text[2] <= '7' && text[3] >= '0' && text[3] <= '7';
}

Datum parse(std::string_view text, const TextStyle&, Arena&) {
  if (is_octal(text))
    return Datum::of_integer(
        static_cast<std::int8_t>((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0')));
  return Datum::of_integer(text.empty() ? 0 : static_cast<std::int8_t>(text.front()));
}

void print(Datum value, const TextStyle&, OutBuffer& out) {
  const std::uint8_t byte = byte_of(value);
  if (byte >= 0x80) {
    out.append_byte('\\');
    for (const int shift : {6, 3, 0}) out.append_byte(static_cast<char>('0' + (byte >> shift & 7)));
  } else if (byte != 0) {
    out.append_byte(static_cast<char>(byte));
  }
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
