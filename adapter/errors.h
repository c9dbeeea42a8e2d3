// From the exceptions that end a statement to what the client is told.
#pragma once

#include <string_view>

#include "adapter/sql_error.h"
#include "pgwire/diagnostic.h"
#include "storage/failure.h"

namespace gyre::adapter {

pgwire::SqlState sql_state_of(storage::Fault fault);
pgwire::Diagnostic diagnostic_of(const storage::Failure& failure);
// The position is counted in characters of `text`, from 1, as clients expect; `error.location` is in bytes
// and counts from byte `base` of the text.
pgwire::Diagnostic diagnostic_of(const SqlError& error, std::string_view text, std::size_t base = 0);
// Whatever is being handled (call within a catch block): Failure, SqlError, bad_alloc, or an internal error.
pgwire::Diagnostic diagnostic_of_current_exception(std::string_view text, std::size_t base = 0);
// Byte offset to 1-based character position; 0 for a negative offset.
std::uint32_t character_position(std::string_view text, int location);

}  // namespace gyre::adapter
