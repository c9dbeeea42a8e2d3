#include "storage/types/timestamp_family.h"

#include <string>

#include "storage/key.h"
#include "storage/types/binary.h"
#include "storage/types/calendar.h"
#include "storage/types/input.h"

namespace gyre::storage::timestamp_family {

namespace {

[[noreturn]] void fail_range() {
  throw Failure(Fault::datetime_field_overflow, "timestamp out of range");
}

Datum special_value(ParsedDateTime::Special special) {
  switch (special) {
    case ParsedDateTime::Special::infinity:
      return Datum::of_integer(kTimestampInfinity);
    case ParsedDateTime::Special::minus_infinity:
      return Datum::of_integer(kTimestampMinusInfinity);
    default:
      return Datum::of_integer(-kEpochUnixUs);
  }
}

// UTC from the offset or the zone of the text, or else the session's.
std::int64_t apply_zone(std::int64_t local_us, const ParsedDateTime& parsed, const TextStyle& style) {
  if (parsed.offset_s) return local_us - *parsed.offset_s * kUsPerSecond;
  if (parsed.zone != nullptr) return parsed.zone->to_utc(local_us);
  return style.zone != nullptr ? style.zone->to_utc(local_us) : local_us;
}

}  // namespace

Datum parse(std::string_view text, std::string_view type, ZoneUse zone_use, const TextStyle& style) {
  const ParsedDateTime parsed = parse_date_time(text, type, style);
  if (parsed.special != ParsedDateTime::Special::none) return special_value(parsed.special);
  const std::int64_t days = days_from_civil(parsed.year, parsed.month, parsed.day);
  std::int64_t us;
  if (!__builtin_mul_overflow(days, kUsPerDay, &us) && !__builtin_add_overflow(us, parsed.time_us, &us)) {
    if (zone_use == ZoneUse::applied) us = apply_zone(us, parsed, style);
    if (timestamp_in_range(us)) return Datum::of_integer(us);
  }
  throw Failure(Fault::datetime_field_overflow, "timestamp out of range: \"" + std::string(text) + "\"");
}

Datum receive(std::string_view wire, Arena&) {
  BinaryReader reader(wire);
  const auto us = static_cast<std::int64_t>(reader.read_u64());
  reader.finish();
  if (timestamp_is_finite(us) && !timestamp_in_range(us)) fail_range();
  return Datum::of_integer(us);
}

void send(Datum value, OutBuffer& out) {
  out.append_u64(static_cast<std::uint64_t>(value.integer));
}

int compare(Datum left, Datum right) {
  return three_way(left.integer, right.integer);
}

void append_key(Datum value, OutBuffer& key) {
  append_key_int64(value.integer, key);
}

Datum apply_typmod(Datum value, std::int32_t typmod, bool, Arena&) {
  constexpr int kDigits = 6;
  if (typmod < 0 || typmod >= kDigits || !timestamp_is_finite(value.integer)) return value;
  std::int64_t unit = 1;
  for (int i = typmod; i < kDigits; ++i) unit *= 10;
  const std::int64_t half = value.integer < 0 ? -unit / 2 : unit / 2;
  const std::int64_t us = (value.integer + half) / unit * unit;
  if (!timestamp_in_range(us)) fail_range();
  return Datum::of_integer(us);
}

}  // namespace gyre::storage::timestamp_family
