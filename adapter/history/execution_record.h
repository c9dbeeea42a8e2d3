// An execution as bytes: its figures as they lie in memory, then each text with its length. It is read by the
// process that wrote it.
#pragma once

#include <string_view>

#include "reactor/base/out_buffer.h"
#include "storage/scalar/statement_rows.h"

namespace gyre::adapter {

void write_execution(const storage::StatementExecution& execution, OutBuffer& out);
// The texts are views into the record.
storage::StatementExecution read_execution(std::string_view record);

}  // namespace gyre::adapter
