// What timestamp and timestamptz do alike: both are microseconds since 2000-01-01.
#pragma once

#include <string_view>

#include "storage/type.h"
#include "storage/types/date_time_input.h"

namespace gyre::storage::timestamp_family {

// The value of a text whose zone has been found; throws Failure if it is out of range.
enum class ZoneUse : std::uint8_t { ignored, applied };
Datum parse(std::string_view text, std::string_view type, ZoneUse zone_use, const TextStyle& style);
Datum receive(std::string_view wire, Arena& arena);
void send(Datum value, OutBuffer& out);
int compare(Datum left, Datum right);
void append_key(Datum value, OutBuffer& key);
// Rounds to `typmod` digits of a second, half away from zero.
Datum apply_typmod(Datum value, std::int32_t typmod, bool explicit_cast, Arena& arena);

}  // namespace gyre::storage::timestamp_family
