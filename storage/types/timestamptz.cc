// timestamptz: microseconds since 2000-01-01 UTC, read and shown in the session's zone.
#include "storage/types/all.h"
#include "storage/types/date_time_output.h"
#include "storage/types/timestamp_family.h"

namespace gyre::storage {

namespace {

Datum parse(std::string_view text, const TextStyle& style, Arena&) {
  return timestamp_family::parse(text, "timestamp with time zone", timestamp_family::ZoneUse::applied, style);
}

void print(Datum value, const TextStyle& style, OutBuffer& out) {
  print_timestamptz(value.integer, style, out);
}

}  // namespace

constinit const TypeTraits kTimestamptzTraits{
    .id = TypeId::timestamptz,
    .oid = 1184,
    .array_oid = 1185,
    .name = "timestamp with time zone",
    .short_name = "timestamptz",
    .wire_size = 8,
    .category = 'D',
    .preferred = true,
    .slot_size = 8,
    .parse = parse,
    .print = print,
    .receive = timestamp_family::receive,
    .send = timestamp_family::send,
    .compare = timestamp_family::compare,
    .append_key = timestamp_family::append_key,
    .apply_typmod = timestamp_family::apply_typmod,
};

}  // namespace gyre::storage
