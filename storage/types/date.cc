// date: days since 2000-01-01.
#include <string>

#include "storage/key.h"
#include "storage/types/all.h"
#include "storage/types/binary.h"
#include "storage/types/date_time_input.h"
#include "storage/types/date_time_output.h"
#include "storage/types/input.h"

namespace gyre::storage {

namespace {

[[noreturn]] void fail_date_range(std::string_view text) {
  throw Failure(Fault::datetime_field_overflow, "date out of range: \"" + std::string(text) + "\"");
}

Datum parse(std::string_view text, const TextStyle& style, Arena&) {
  using Special = ParsedDateTime::Special;
  const ParsedDateTime parsed = parse_date_time(text, "date", style);
  switch (parsed.special) {
    case Special::epoch:
      return Datum::of_integer(-kEpochUnixDays);
    case Special::infinity:
      return Datum::of_integer(kDateInfinity);
    case Special::minus_infinity:
      return Datum::of_integer(kDateMinusInfinity);
    case Special::none:
      break;
  }
  const std::int64_t days = days_from_civil(parsed.year, parsed.month, parsed.day);
  if (!date_in_range(days)) fail_date_range(text);
  return Datum::of_integer(days);
}

void print(Datum value, const TextStyle& style, OutBuffer& out) {
  print_date(value.integer, style, out);
}

Datum receive(std::string_view wire, Arena&) {
  BinaryReader reader(wire);
  const auto days = static_cast<std::int32_t>(reader.read_u32());
  reader.finish();
  if (date_is_finite(days) && !date_in_range(days))
    throw Failure(Fault::datetime_field_overflow, "date out of range");
  return Datum::of_integer(days);
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

constinit const TypeTraits kDateTraits{
    .id = TypeId::date,
    .oid = 1082,
    .array_oid = 1182,
    .name = "date",
    .short_name = "date",
    .wire_size = 4,
    .category = 'D',
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
