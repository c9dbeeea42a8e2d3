// What a statement that runs on the oracle core asks of the lock table: the executor's view of it.
//
// Locks belong to the statement's transaction and last until that ends. A statement outside a transaction
// block keeps none, but waits for those of others. Where another's lock stands in the way, a call throws
// LockWait: the statement is undone as a whole, waits, and is run anew, on the newest state, when the lock
// has been granted. So ask before anything is done that a second run would do twice (outside the branch), and
// as early as possible.
//
// Null in the ExecutionContext while nobody has locked anything and this statement's own changes need no
// lock.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "adapter/coordinator/lock_mode.h"
#include "reactor/base/ids.h"
#include "storage/datum.h"

namespace gyre::storage {
class Branch;        // storage/branch.h
struct TableSchema;  // storage/table.h
}  // namespace gyre::storage

namespace gyre::adapter {

// Not a failure: the statement has to wait. Thrown through the operators, caught by the coordinator.
struct LockWait {};

class RowLocks {
 public:
  // A lock that the statement asks for by itself: FOR UPDATE and the like. In a block with one snapshot a row that is newer than the snapshot is a Failure (serialization_failure).
  // Returns false where `policy` is skip and another's lock stands in the way; throws 55P03 where it is
  // error.
  virtual bool lock_row(RelationId table, std::string_view key, RowLockMode mode,
                        LockWaitPolicy policy = LockWaitPolicy::block) = 0;
  // Whether changes have to ask at all: false in a block that is validated at COMMIT.
  virtual bool locks_changes() const = 0;
  // Before UPDATE (for_no_key_update, or for_update where a key changes) and DELETE (for_update) of a row, and
  // of a row that a foreign key relies on (for_key_share). A block that is validated at COMMIT takes no lock
  // here.
  virtual void lock_changed_row(RelationId table, std::string_view key, RowLockMode mode) = 0;
  // Before an entry of a unique index is made or removed: waits for an open transaction that has done either.
  // `index` is the table's own id for its primary key; `key` is as append_primary_key() and
  // append_index_key() encode it.
  virtual void lock_key(RelationId index, std::string_view key) = 0;
  // The same before the entry is looked up (ON CONFLICT): it keeps nothing.
  virtual void await_key(RelationId index, std::string_view key) = 0;

 protected:
  ~RowLocks() = default;
};

// A row before and after; both packed. `key_after` is another than `key` where the row moves, or the key of a
// row that is inserted.
struct RowChange {
  std::string_view key;
  std::optional<std::string_view> before;
  std::optional<std::string_view> after;
  std::string_view key_after;
};
// All that this change needs, before it is made.
void lock_change(RowLocks& locks, const storage::TableSchema& schema, const RowChange& change);
// The same for the row of the branch under `key` (empty: it is inserted) that becomes `row` (empty: it goes).
void lock_change(RowLocks& locks, const storage::Branch& branch, RelationId table, std::string_view key,
                 std::span<const storage::Datum> row);
}  // namespace gyre::adapter
