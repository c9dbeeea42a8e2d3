// boolean: t and f, with PostgreSQL's many spellings on input.
#include "storage/types/all.h"
#include "storage/types/binary.h"
#include "storage/types/input.h"

namespace gyre::storage {

namespace {

// Any prefix of `word` that has at least `shortest` letters.
bool abbreviates(std::string_view text, std::string_view word, std::size_t shortest) {
  return text.size() >= shortest && text.size() <= word.size() &&
         equals_ignoring_case(text, word.substr(0, text.size()));
}

Datum parse(std::string_view text, const TextStyle&, Arena&) {
  const std::string_view word = trim_blanks(text);
  if (abbreviates(word, "true", 1) || abbreviates(word, "yes", 1) || abbreviates(word, "on", 2) ||
      word == "1")
    return Datum::of_bool(true);
  if (abbreviates(word, "false", 1) || abbreviates(word, "no", 1) || abbreviates(word, "off", 2) ||
      word == "0")
    return Datum::of_bool(false);
  fail_syntax("boolean", text);
}

void print(Datum value, const TextStyle&, OutBuffer& out) {
  out.append_byte(value.integer != 0 ? 't' : 'f');
}

Datum receive(std::string_view wire, Arena&) {
  BinaryReader reader(wire);
  const bool value = reader.read_u8() != 0;
  reader.finish();
  return Datum::of_bool(value);
}

void send(Datum value, OutBuffer& out) {
  out.append_byte(value.integer != 0 ? 1 : 0);
}

int compare(Datum left, Datum right) {
  return three_way(left.integer, right.integer);
}

void append_key(Datum value, OutBuffer& key) {
  key.append_byte(value.integer != 0 ? 1 : 0);
}

}  // namespace

constinit const TypeTraits kBooleanTraits{
    .id = TypeId::boolean,
    .oid = 16,
    .array_oid = 1000,
    .name = "boolean",
    .short_name = "bool",
    .wire_size = 1,
    .category = 'B',
    .preferred = true,
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
