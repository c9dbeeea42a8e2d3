// numeric as text, both ways.
#pragma once

#include <string_view>

#include "reactor/base/arena.h"
#include "reactor/base/out_buffer.h"
#include "storage/datum.h"

namespace gyre::storage::numeric {

Datum from_text(std::string_view text, Arena& arena);
void append_text(Datum value, OutBuffer& out);

}  // namespace gyre::storage::numeric
