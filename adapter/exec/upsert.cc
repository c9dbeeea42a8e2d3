#include "adapter/exec/upsert.h"

#include <algorithm>

#include "adapter/exec/row_checks.h"
#include "adapter/exec/row_locks.h"
#include "adapter/sql_error.h"
#include "reactor/base/check.h"
#include "storage/branch.h"
#include "storage/constraint_failure.h"
#include "storage/read_set.h"
#include "storage/scalar/nodes.h"
#include "storage/table.h"

namespace gyre::adapter::exec {

using logical::AccessPath;

namespace {

// Whether DO UPDATE assigns to a column of a unique key.
bool changes_key(const physical::Insert& node) {
  const storage::TableSchema& schema = *node.table->schema;
  const auto assigned = [&](std::uint16_t column) {
    return storage::column_index(*node.on_conflict->row[column]) != static_cast<int>(column);
  };
  if (!node.on_conflict->update) return false;
  if (std::any_of(schema.primary_key.begin(), schema.primary_key.end(), assigned)) return true;
  return std::any_of(schema.indexes.begin(), schema.indexes.end(), [&](const storage::IndexSchema& index) {
    return index.unique && std::any_of(index.columns.begin(), index.columns.end(), assigned);
  });
}

}  // namespace

Upsert::Upsert(const physical::Insert& node, State& state, std::size_t proposals)
    : node_(node),
      conflict_(*node.on_conflict),
      state_(state),
      table_(node.table->id()),
      remembers_(conflict_.update && proposals > 1),
      lock_mode_(changes_key(node) ? RowLockMode::for_update : RowLockMode::for_no_key_update),
      evaluator_(state) {
  const std::size_t width = node.table->schema->columns.size();
  kept_.set_budget(state.memory);
  both_.resize(2 * width);
  updated_.resize(width);
}

Datum* Upsert::apply(Datum* proposed) {
  const storage::TableSchema& schema = *node_.table->schema;
  // Before any key is looked up: a row that may not be is an error even where another has its key.
  storage::check_not_null(schema, {proposed, schema.columns.size()},
                          state_.context.style ? *state_.context.style : state_.default_style);
  check_row(*node_.table, {proposed, schema.columns.size()}, evaluator_.context());
  if (const auto key = find_conflict(proposed)) return conflict_.update ? update(*key, proposed) : nullptr;
  lock_change({}, {proposed, schema.columns.size()});
  const std::string_view key = state_.context.branch->insert(table_, {proposed, schema.columns.size()});
  if (remembers_) made_.emplace(key);
  return proposed;
}

std::optional<std::string_view> Upsert::find_conflict(const Datum* proposed) {
  packed_.clear();
  for (const int index : conflict_.arbiters)
    if (const auto key = holder_of(index, proposed)) return key;
  return std::nullopt;
}

std::optional<std::string_view> Upsert::holder_of(int index, const Datum* proposed) {
  const storage::TableSchema& schema = *node_.table->schema;
  const storage::TableVersion& version = *state_.context.branch->view().table(table_);
  key_.clear();
  if (index == AccessPath::kPrimaryKey) {
    storage::append_primary_key(schema, {proposed, schema.columns.size()}, key_);
    if (RowLocks* locks = state_.context.locks) locks->await_key(table_, key_.view());
    const bool found = version.rows.contains(key_.view());
    note_lookup(table_, found);
    if (found) return key_.view();
    return std::nullopt;
  }
  const auto at = static_cast<std::size_t>(index);
  if (packed_.empty()) schema.layout.pack({proposed, schema.columns.size()}, packed_);
  // A null among the columns: the row is like no other.
  if (!storage::append_index_key(schema, schema.indexes[at], packed_.data(), {}, key_)) return std::nullopt;
  if (RowLocks* locks = state_.context.locks) locks->await_key(schema.indexes[at].id, key_.view());
  std::string_view holder;
  const bool found = version.indexes[at].get(key_.view(), holder);
  note_lookup(schema.indexes[at].id, found);
  if (!found) return std::nullopt;
  holder_.clear();
  holder_.append(holder);
  return holder_.view();
}

// Had the key been there, the statement would have done something else than fail.
void Upsert::note_lookup(RelationId order, bool found) {
  const auto depth = found && conflict_.update ? storage::ReadDepth::rows : storage::ReadDepth::keys;
  storage::ReadSet* reads = found ? state_.context.reads : state_.context.key_reads;
  if (reads != nullptr) reads->add_key(table_, order, key_.view(), depth);
}

Datum* Upsert::update(std::string_view key, const Datum* proposed) {
  if (made_.contains(std::string(key)))
    throw SqlError("21000", "ON CONFLICT DO UPDATE command cannot affect row a second time")
        .with_hint(
            "Ensure that no rows proposed for insertion within the same command have duplicate constrained "
            "values.");
  if (RowLocks* locks = state_.context.locks) locks->lock_changed_row(table_, key, lock_mode_);
  const storage::TableSchema& schema = *node_.table->schema;
  const std::size_t width = updated_.size();
  std::string_view existing;
  GYRE_CHECK(state_.context.branch->view().table(table_)->rows.get(key, existing));
  for (std::size_t i = 0; i < width; ++i) {
    both_[i] = schema.layout.get(existing.data(), i);
    both_[width + i] = proposed[i];
  }
  evaluator_.forget();
  if (!evaluator_.all_true(conflict_.conditions, both_.data())) return nullptr;
  for (std::size_t i = 0; i < width; ++i) updated_[i] = evaluator_.value(*conflict_.row[i], both_.data());
  check_row(*node_.table, updated_, evaluator_.context());
  if (remembers_) remember_updated(key);
  // What is answered must outlive the old row, from which parts of it may come.
  Datum* row = updated_.data();
  if (!node_.returning.empty()) row = keep_row(node_.input().columns, row, kept_);
  lock_change(key, {row, width});
  state_.context.branch->update(table_, key, {row, width});
  return row;
}

void Upsert::lock_change(std::string_view key, std::span<const Datum> row) {
  RowLocks* locks = state_.context.locks;
  if (locks != nullptr && locks->locks_changes())
    adapter::lock_change(*locks, *state_.context.branch, table_, key, row);
}

void Upsert::remember_updated(std::string_view key) {
  const storage::TableSchema& schema = *node_.table->schema;
  if (schema.has_row_id()) {
    made_.emplace(key);
    return;
  }
  OutBuffer moved;
  storage::append_primary_key(schema, updated_, moved);
  made_.emplace(moved.view());
}

}  // namespace gyre::adapter::exec
