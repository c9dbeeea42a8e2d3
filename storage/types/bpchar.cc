// char(n): text padded with blanks to n characters, which do not count when comparing.
#include <cstring>
#include <string>

#include "storage/types/all.h"
#include "storage/types/text_family.h"

namespace gyre::storage {

namespace {

int compare(Datum left, Datum right) {
  return compare_bytes(trim_trailing_spaces(left.bytes()), trim_trailing_spaces(right.bytes()));
}

void append_key(Datum value, OutBuffer& key) {
  append_key_bytes(trim_trailing_spaces(value.bytes()), key);
}

Datum pad(std::string_view text, std::size_t blanks, Arena& arena) {
  char* padded = arena.allocate(text.size() + blanks, 1);
  if (!text.empty()) std::memcpy(padded, text.data(), text.size());
  std::memset(padded + text.size(), ' ', blanks);
  return Datum::of_bytes({padded, text.size() + blanks});
}

Datum apply_typmod(Datum value, std::int32_t typmod, bool explicit_cast, Arena& arena) {
  if (typmod < 4) return value;
  const auto limit = static_cast<std::size_t>(typmod - 4);
  const std::string_view text = value.bytes();
  const std::size_t characters = count_characters(text);
  if (characters == limit) return value;
  if (characters < limit) return pad(text, limit - characters, arena);
  const std::size_t kept = prefix_bytes(text, limit);
  if (!explicit_cast && !trim_trailing_spaces(text.substr(kept)).empty())
    throw Failure(Fault::string_data_right_truncation,
                  "value too long for type character(" + std::to_string(limit) + ")");
  return Datum::of_bytes(text.substr(0, kept));
}

}  // namespace

constinit const TypeTraits kBpcharTraits{
    .id = TypeId::bpchar,
    .oid = 1042,
    .array_oid = 1014,
    .name = "character",
    .short_name = "bpchar",
    .wire_size = -1,
    .category = 'S',
    .preferred = false,
    .slot_size = 0,
    .parse = text_family::parse,
    .print = text_family::print,
    .receive = text_family::receive,
    .send = text_family::send,
    .compare = compare,
    .append_key = append_key,
    .apply_typmod = apply_typmod,
};

}  // namespace gyre::storage
