// Which locks a change of a row needs: the row itself, and in each unique index the entry that it makes or
// removes. Whoever inserts a key that an open transaction has inserted or removed waits there, as the outcome
// decides whether it is a duplicate.
#include "adapter/exec/row_locks.h"

#include "storage/branch.h"
#include "storage/table.h"

namespace gyre::adapter {

namespace {

using storage::IndexSchema;
using storage::TableSchema;

// Nothing for an entry that can have no duplicate.
std::string_view unique_key(const TableSchema& schema, const IndexSchema& index, std::string_view key,
                            std::optional<std::string_view> row, OutBuffer& out) {
  out.clear();
  if (!row || !append_index_key(schema, index, row->data(), key, out)) return {};
  return out.view();
}

bool changes_entry(const TableSchema& schema, const IndexSchema& index, const RowChange& change, OutBuffer& before,
                   OutBuffer& after) {
  before.clear();
  after.clear();
  if (change.before) append_index_key(schema, index, change.before->data(), change.key, before);
  if (change.after) append_index_key(schema, index, change.after->data(), change.key, after);
  return before.view() != after.view();
}

}  // namespace

void lock_change(RowLocks& locks, const TableSchema& schema, const RowChange& change) {
  OutBuffer before, after;
  const bool inserted = !change.before;
  const bool moved = change.key != change.key_after;
  bool keys_change = moved || !change.after;
  // First what the keys are, then the row's lock, which depends on it, then the keys' locks.
  for (const bool locking : {false, true}) {
    if (locking && !inserted)
      locks.lock_changed_row(schema.id, change.key,
                             keys_change ? RowLockMode::for_update : RowLockMode::for_no_key_update);
    if (locking && !schema.has_row_id()) {
      if (!inserted && (moved || !change.after)) locks.lock_key(schema.id, change.key);
      if (change.after && (moved || inserted)) locks.lock_key(schema.id, change.key_after);
    }
    for (const IndexSchema& index : schema.indexes) {
      if (!index.unique) {
        // A deferrable key counts as one; its entries are locked when they are checked.
        keys_change = keys_change || (index.constraint && changes_entry(schema, index, change, before, after));
        continue;
      }
      const std::string_view was = unique_key(schema, index, change.key, change.before, before);
      const std::string_view is = unique_key(schema, index, change.key_after, change.after, after);
      if (was == is) continue;
      keys_change = true;
      if (locking && !was.empty()) locks.lock_key(index.id, was);
      if (locking && !is.empty()) locks.lock_key(index.id, is);
    }
  }
}

void lock_change(RowLocks& locks, const storage::Branch& branch, RelationId table, std::string_view key,
                 std::span<const storage::Datum> row) {
  const storage::TableVersion& version = *branch.view().table(table);
  const TableSchema& schema = *version.schema;
  // Such a row fails by itself.
  for (const std::uint16_t column : schema.primary_key)
    if (!row.empty() && row[column].null) return;
  RowChange change{key, {}, {}, {}};
  OutBuffer packed, key_after;
  std::string_view before;
  if (!key.empty() && version.rows.get(key, before)) change.before = before;
  if (!row.empty()) {
    schema.layout.pack(row, packed);
    change.after = packed.view();
    if (!schema.has_row_id()) append_primary_key(schema, row, key_after);
  }
  change.key_after = schema.has_row_id() ? key : key_after.view();
  lock_change(locks, schema, change);
}

}  // namespace gyre::adapter
