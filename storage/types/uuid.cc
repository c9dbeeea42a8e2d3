// uuid: 16 bytes, ordered as bytes.
#include <cstring>

#include "storage/types/all.h"
#include "storage/types/binary.h"
#include "storage/types/input.h"

namespace gyre::storage {

namespace {

constexpr std::size_t kUuidBytes = 16;

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// 32 digits, braces around them or not, a hyphen allowed after every fourth.
bool read_digits(std::string_view text, char* bytes) {
  if (text.starts_with('{')) {
    if (!text.ends_with('}')) return false;
    text = text.substr(1, text.size() - 2);
  }
  for (std::size_t i = 0; i < kUuidBytes; ++i) {
    if (text.size() < 2) return false;
    const int high = hex_value(text[0]);
    const int low = hex_value(text[1]);
    if (high < 0 || low < 0) return false;
    bytes[i] = static_cast<char>(high * 16 + low);
    text.remove_prefix(2);
    if (i % 2 == 1 && i < kUuidBytes - 1 && text.starts_with('-')) text.remove_prefix(1);
  }
  return text.empty();
}

Datum parse(std::string_view text, const TextStyle&, Arena& arena) {
  char* bytes = arena.allocate(kUuidBytes, 1);
  if (!read_digits(text, bytes)) fail_syntax("uuid", text);
  return Datum::of_bytes({bytes, kUuidBytes});
}

void print(Datum value, const TextStyle&, OutBuffer& out) {
  constexpr char kHex[] = "0123456789abcdef";
  char* at = out.reserve(36);
  for (std::size_t i = 0; i < kUuidBytes; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
    const auto byte = static_cast<unsigned char>(value.data[i]);
    *at++ = kHex[byte >> 4];
    *at++ = kHex[byte & 15];
  }
  out.commit(36);
}

Datum receive(std::string_view wire, Arena&) {
  BinaryReader reader(wire);
  const std::string_view bytes = reader.take(kUuidBytes);
  reader.finish();
  return Datum::of_bytes(bytes);
}

void send(Datum value, OutBuffer& out) {
  out.append(value.data, kUuidBytes);
}

int compare(Datum left, Datum right) {
  return three_way(std::memcmp(left.data, right.data, kUuidBytes), 0);
}

void append_key(Datum value, OutBuffer& key) {
  key.append(value.data, kUuidBytes);
}

}  // namespace

constinit const TypeTraits kUuidTraits{
    .id = TypeId::uuid,
    .oid = 2950,
    .array_oid = 2951,
    .name = "uuid",
    .short_name = "uuid",
    .wire_size = 16,
    .category = 'U',
    .preferred = false,
    .slot_size = 16,
    .parse = parse,
    .print = print,
    .receive = receive,
    .send = send,
    .compare = compare,
    .append_key = append_key,
    .apply_typmod = nullptr,
};

}  // namespace gyre::storage
