// The index of such a constraint is like one that is not unique: the row's key stands behind the columns, so
// equal keys are neighbours, and a look-up is a seek and one step.

#include "adapter/coordinator/deferred_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "adapter/coordinator/statement_locks.h"
#include "adapter/sql_error.h"
#include "storage/constraint_failure.h"
#include "storage/key.h"
#include "storage/tree.h"

namespace gyre::adapter {

using storage::IndexSchema;
using storage::TableSchema;

namespace {

// False where a null makes the row unlike any other.
bool append_key(const TableSchema& table, const IndexSchema& index, const char* packed, OutBuffer& key) {
  for (const std::uint16_t column : index.columns) {
    const storage::Datum value = table.layout.get(packed, column);
    if (value.null) return false;
    storage::append_key_column(table.columns[column].type, value, key);
  }
  return true;
}

bool is_there_twice(const storage::Tree& tree, std::string_view key) {
  storage::Cursor cursor(tree);
  cursor.seek(key);
  if (!cursor.valid() || !cursor.key().starts_with(key)) return false;
  cursor.next();
  return cursor.valid() && cursor.key().starts_with(key);
}

bool has_deferrable_key(const TableSchema& table) {
  return std::any_of(table.indexes.begin(), table.indexes.end(),
                     [](const IndexSchema& index) { return is_deferrable_key(index); });
}

const storage::TextStyle& style_of(const ConstraintContext& context) {
  static constexpr storage::TextStyle kPlain{};
  return context.eval.style != nullptr ? *context.eval.style : kPlain;
}

class Check {
 public:
  Check(const ConstraintContext& context, const ConstraintModes* modes) : context_(context), modes_(modes) {}

  void row(const storage::TableVersion& table, const storage::Change& change) {
    // Changed again since: that change is looked at by itself.
    std::string_view now;
    if (!table.rows.get(change.key, now) || now != *change.after) return;
    for (std::size_t i = 0; i < table.indexes.size(); ++i) {
      const IndexSchema& index = table.schema->indexes[i];
      if (!is_deferrable_key(index) || (modes_ != nullptr && modes_->is_deferred(index))) continue;
      after_.clear();
      if (!append_key(*table.schema, index, change.after->data(), after_)) continue;
      before_.clear();
      if (change.before && append_key(*table.schema, index, change.before->data(), before_) &&
          before_.view() == after_.view())
        continue;
      if (context_.locks != nullptr) context_.locks->lock_key(index.id, after_.view());
      note_prefix(context_.reads, table.schema->id, index.id, after_.view());
      if (!is_there_twice(table.indexes[i], after_.view())) continue;
      await_others(table, table.indexes[i], change.key);
      throw storage::duplicate_key(*table.schema, index.name, index.columns, change.after->data(),
                                   style_of(context_));
    }
  }

 private:
  // Open transactions that have changed or removed the rows with that key may yet give it up.
  void await_others(const storage::TableVersion& table, const storage::Tree& tree, std::string_view own) {
    if (context_.locks == nullptr) return;
    storage::Cursor cursor(tree);
    for (cursor.seek(after_.view()); cursor.valid() && cursor.key().starts_with(after_.view()); cursor.next())
      if (cursor.value() != own)
        context_.locks->lock_changed_row(table.schema->id, cursor.value(), RowLockMode::for_share);
  }

  const ConstraintContext& context_;
  const ConstraintModes* const modes_;
  OutBuffer before_, after_;
};

// Whether a row of the table that was changed shares a key with another, by a constraint that is deferred.
bool has_pending_duplicates(const ConstraintContext& context, const ConstraintModes& modes, RelationId table) {
  const storage::TableVersion* version = context.branch.view().table(table);
  if (version == nullptr || !has_deferrable_key(*version->schema)) return false;
  const storage::ChangeSet& changes = context.branch.changes();
  OutBuffer key;
  for (std::size_t i = context.branch.first_change_in_layout(table); i < changes.size(); ++i) {
    const storage::Change change = changes[i];
    std::string_view now;
    if (change.relation != table || !change.after || !version->rows.get(change.key, now)) continue;
    for (std::size_t at = 0; at < version->indexes.size(); ++at) {
      const IndexSchema& index = version->schema->indexes[at];
      key.clear();
      if (is_deferrable_key(index) && modes.is_deferred(index) &&
          append_key(*version->schema, index, now.data(), key) && is_there_twice(version->indexes[at], key.view()))
        return true;
    }
  }
  return false;
}

}  // namespace

void check_deferred_keys(const ConstraintContext& context, storage::Branch::Mark begin,
                         const ConstraintModes* modes) {
  Check check(context, modes);
  const storage::ChangeSet& changes = context.branch.changes();
  const storage::TableVersion* table = nullptr;  // null: nothing to check there
  std::size_t first = 0;  // rows from before a rewriting were all looked at by that
  RelationId last(UINT32_MAX);
  for (std::size_t i = begin.changes; i < changes.size(); ++i) {
    if (context.stop != nullptr) context.stop->check();
    const storage::Change change = changes[i];
    if (change.relation != last) {
      last = change.relation;
      table = context.branch.view().table(last);
      if (table != nullptr && !has_deferrable_key(*table->schema)) table = nullptr;
      first = table != nullptr ? context.branch.first_change_in_layout(last) : 0;
    }
    if (table != nullptr && change.after && i >= first) check.row(*table, change);
  }
}

void check_no_pending_checks(const ConstraintContext& context, const ConstraintModes& modes, RelationId table,
                             std::string_view command) {
  if (!has_pending_checks(context, modes, table) && !has_pending_duplicates(context, modes, table)) return;
  throw SqlError("55006", fmt::format("cannot {} \"{}\" because it has pending trigger events", command,
                                      context.catalog.table(table)->name()));
}

void check_all_keys(const storage::TableVersion& table, std::size_t index, const storage::TextStyle& style,
                    const reactor::StopFlag& stop) {
  std::string last;
  storage::Cursor cursor(table.indexes[index]);
  for (cursor.seek_first(); cursor.valid(); cursor.next()) {
    stop.check();
    const std::string_view row_key = cursor.value();
    const std::string_view key = cursor.key().substr(0, cursor.key().size() - row_key.size());
    std::string_view packed;
    OutBuffer unused;
    if (key == last && table.rows.get(row_key, packed) &&
        append_key(*table.schema, table.schema->indexes[index], packed.data(), unused))
      throw storage::duplicate_in_new_index(*table.schema, table.schema->indexes[index], packed.data(), style);
    last = key;
  }
}

}  // namespace gyre::adapter
