// FOREIGN KEY, by what the change log says was changed: INSERT, UPDATE, DELETE, COPY and ON CONFLICT need know
// nothing of it. At the end of a statement the log is walked from where the statement began: referential
// actions are carried out, which log changes of their own, until there are none; then every row that came or
// went is checked against what is there now.
//
// At COMMIT the same is asked of a transaction's changes: once on its own branch, for the keys that are
// deferred, and once on the head after they have been merged onto it, for all, since rows that others committed
// meanwhile may refer to what is gone, or be gone.
//
// As in PostgreSQL, a row that refers to another locks it FOR KEY SHARE, and whoever removes a referenced row
// waits for open transactions that remove the rows referring to it.
//
// The oracle core's.
#pragma once

#include <map>
#include <optional>

#include "adapter/catalog/catalog.h"
#include "storage/branch.h"
#include "storage/scalar/expression.h"

namespace gyre::adapter {

class RowLocks;  // adapter/exec/row_locks.h

// SET CONSTRAINTS, of one transaction.
struct ConstraintModes {
  std::optional<bool> all_deferred;
  std::map<std::uint32_t, bool> deferred;  // by constraint

  bool is_deferred(const ForeignKey& key) const {
    if (!key.deferrable) return false;
    if (const auto found = deferred.find(key.oid); found != deferred.end()) return found->second;
    return all_deferred.value_or(key.deferred);
  }
};

struct ForeignKeyContext {
  const Catalog& catalog;
  storage::Branch& branch;
  storage::EvalContext& eval;  // for defaults and CHECKs of rows that actions change
  RowLocks* locks = nullptr;   // null: nothing to lock or to respect. They may throw LockWait
};

// After a statement: carries out the actions that the changes since `begin` ask for, and checks. Keys that
// `modes` defer are not checked. Throws foreign_key_violation and whatever writing rows throws.
void enforce_foreign_keys(const ForeignKeyContext& context, storage::Branch::Mark begin,
                          const ConstraintModes& modes);

enum class KeysToCheck : std::uint8_t { all, deferrable };
// Checks the changes since `begin`, no actions.
void check_foreign_keys(const ForeignKeyContext& context, storage::Branch::Mark begin, KeysToCheck which);
// Whether something that the branch has changed is under a deferrable key.
bool changes_deferrable_keys(const Catalog& catalog, const storage::Branch& branch);

// Checks every row of the table.
void validate_foreign_key(const ForeignKeyContext& context, const TableEntry& table, const ForeignKey& key);

}  // namespace gyre::adapter
