// UNIQUE constraints that are INITIALLY DEFERRED. Their index may hold equal keys until COMMIT or SET CONSTRAINTS
// (or, made immediate by that, while a statement runs); then the change log says which keys came, and these
// are looked up. Other DEFERRABLE constraints are checked by the branch at the end of each statement.
//
// The oracle core's.
#pragma once

#include "adapter/coordinator/foreign_keys.h"
#include "storage/branch.h"
#include "storage/table.h"

namespace gyre::adapter {

// Checks the keys of rows that were changed since `begin`, except those of constraints that `modes` defer
// (null: none). Throws unique_violation.
void check_deferred_keys(const ConstraintContext& context, storage::Branch::Mark begin,
                           const ConstraintModes* modes);
// Checks all keys of an index that was made over rows that are there, or whose rows were written anew.
void check_all_keys(const storage::TableVersion& table, std::size_t index, const storage::TextStyle& style);

}  // namespace gyre::adapter
