// Dates and times as text: what date, timestamp and timestamptz read (PostgreSQL manual, appendix B.1).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "storage/type.h"
#include "storage/types/time_zone.h"

namespace gyre::storage {

struct ParsedDateTime {
  enum class Special : std::uint8_t { none, epoch, infinity, minus_infinity };
  Special special = Special::none;
  // A valid date of the calendar, though not always one that the type can hold.
  std::int64_t year = 0;  // astronomical
  int month = 0;
  int day = 0;
  std::int64_t time_us = 0;              // of the day; may be 24:00 or 23:59:60
  std::optional<std::int32_t> offset_s;  // east, where the text says so
  const TimeZone* zone = nullptr;        // named in the text
};

// Throws Failure (invalid_datetime_format, datetime_field_overflow, …) in the words of `type`.
ParsedDateTime parse_date_time(std::string_view text, std::string_view type, const TextStyle& style);

}  // namespace gyre::storage
