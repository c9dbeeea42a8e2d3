// CHECK constraints of a row that is about to be written.
#pragma once

#include <span>

#include "adapter/catalog/catalog.h"
#include "storage/scalar/expression.h"

namespace gyre::adapter {

// Throws check_violation for the first constraint, by name, that is false for the row. NOT NULL comes before
// them all. `eval` brings everything but the columns.
void check_row(const TableEntry& table, std::span<const storage::Datum> row, storage::EvalContext& eval);

}  // namespace gyre::adapter
