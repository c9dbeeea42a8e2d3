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
// waits for open transactions that remove the rows referring to it. The tables that are looked at or changed are
// locked like those that the statement names.
//
// A block whose reads are validated notes what was looked up: by an error that a savepoint took back, or by its
// absence, it has learnt something that COMMIT would not ask again.
//
// The oracle core's.
#pragma once

#include <map>
#include <optional>

#include "adapter/catalog/catalog.h"
#include "reactor/stop_flag.h"
#include "storage/branch.h"
#include "storage/read_set.h"
#include "storage/scalar/expression.h"

namespace gyre::adapter {

class StatementLocks;  // statement_locks.h

// A UNIQUE or PRIMARY KEY constraint that is DEFERRABLE: its index takes equal keys until it is checked, at the end
// of the statement or later.
inline bool is_deferrable_key(const storage::IndexSchema& index) {
  return index.constraint && !index.unique;
}

// SET CONSTRAINTS, of one transaction.
struct ConstraintModes {
  ConstraintModes() = default;
  explicit ConstraintModes(bool all) : all_deferred(all) {}

  std::optional<bool> all_deferred;
  std::map<std::uint32_t, bool> deferred;  // by constraint

  bool is_deferred(const ForeignKey& key) const {
    return key.deferrable && is_deferred(key.oid, key.deferred);
  }
  // Of a key for which is_deferrable_key() holds.
  bool is_deferred(const storage::IndexSchema& index) const { return is_deferred(oid_of(index.id), index.deferred); }

 private:
  bool is_deferred(std::uint32_t constraint, bool initially) const {
    if (const auto found = deferred.find(constraint); found != deferred.end()) return found->second;
    return all_deferred.value_or(initially);
  }
};

struct ConstraintContext {
  const Catalog& catalog;
  storage::Branch& branch;
  storage::EvalContext& eval;  // for defaults and CHECKs of rows that actions change
  // Null: nothing to lock or to respect. They may throw LockWait.
  StatementLocks* locks = nullptr;
  storage::ReadSet* reads = nullptr;  // what was looked up is noted in it; null: nowhere
  const reactor::StopFlag* stop = nullptr;  // null: is not to be stopped
};

// Notes that all keys of the tree were looked for which begin like this.
void note_prefix(storage::ReadSet* reads, RelationId table, RelationId order, std::string_view prefix);

// After a statement: carries out the actions that the changes since `begin` ask for, and checks. Keys that
// `modes` defer are not checked. Throws foreign_key_violation and whatever writing rows throws.
void enforce_foreign_keys(const ConstraintContext& context, storage::Branch::Mark begin,
                          const ConstraintModes& modes);

enum class KeysToCheck : std::uint8_t { all, deferrable };
// Checks the changes since `begin`, no actions.
void check_foreign_keys(const ConstraintContext& context, storage::Branch::Mark begin, KeysToCheck which);
// Whether something that the branch has changed in the table waits to be checked, by foreign keys that `modes` defer.
bool has_pending_checks(const ConstraintContext& context, const ConstraintModes& modes, RelationId table);
// Whether something that the branch has changed is under a deferrable constraint.
bool changes_deferrable_constraints(const Catalog& catalog, const storage::Branch& branch);

// Checks every row of the table.
void validate_foreign_key(const ConstraintContext& context, const TableEntry& table, const ForeignKey& key);

}  // namespace gyre::adapter
