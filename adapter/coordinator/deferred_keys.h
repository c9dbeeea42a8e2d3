// UNIQUE and PRIMARY KEY constraints that are DEFERRABLE. Their index may hold equal keys while a statement runs or,
// deferred, until COMMIT or SET CONSTRAINTS; then the change log says which keys came, and these are looked up.
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
// Throws 55006 where something that was changed in the table waits to be checked: its definition and its rows as a whole
// stay as they are until then. `command`: "ALTER TABLE".
void check_no_pending_checks(const ConstraintContext& context, const ConstraintModes& modes, RelationId table,
                             std::string_view command);
// Checks all keys of an index that was made over rows that are there, or whose rows were written anew.
void check_all_keys(const storage::TableVersion& table, std::size_t index, const storage::TextStyle& style,
                    const reactor::StopFlag& stop);

}  // namespace gyre::adapter
