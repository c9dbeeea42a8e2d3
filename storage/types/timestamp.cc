// timestamp: microseconds since 2000-01-01 on a clock without zone.
#include "storage/types/all.h"
#include "storage/types/date_time_output.h"
#include "storage/types/timestamp_family.h"

namespace gyre::storage {

namespace {

Datum parse(std::string_view text, const TextStyle& style, Arena&) {
  return timestamp_family::parse(text, "timestamp", timestamp_family::ZoneUse::ignored, style);
}

void print(Datum value, const TextStyle& style, OutBuffer& out) {
  print_timestamp(value.integer, style, out);
}

}  // namespace

constinit const TypeTraits kTimestampTraits{
    .id = TypeId::timestamp,
    .oid = 1114,
    .array_oid = 1115,
    .name = "timestamp without time zone",
    .short_name = "timestamp",
    .wire_size = 8,
    .category = 'D',
    .preferred = false,
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
