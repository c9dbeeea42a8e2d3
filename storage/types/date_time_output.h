// Dates and times as text, in the four DateStyles.
#pragma once

#include <cstdint>

#include "reactor/base/out_buffer.h"
#include "storage/type.h"
#include "storage/types/calendar.h"

namespace gyre::storage {

// Days since 2000-01-01, or an infinity.
void print_date(std::int64_t days, const TextStyle& style, OutBuffer& out);
// Microseconds since 2000-01-01 without a zone, or an infinity.
void print_timestamp(std::int64_t us, const TextStyle& style, OutBuffer& out);
// Microseconds since 2000-01-01 UTC, or an infinity; shown in the zone of the style.
void print_timestamptz(std::int64_t us, const TextStyle& style, OutBuffer& out);

}  // namespace gyre::storage
