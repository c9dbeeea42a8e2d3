// A transaction's branch is merged onto a newer head: first committer wins.
//
// What the transaction did to a row comes down to one change, from what it saw to what it left. The head must
// still have what it saw. Two transactions that inserted the same primary key are told apart from a lost
// update: the second gets the unique violation it would have got had it come later, as in PostgreSQL. A table
// with hidden row ids has no such conflicts: the inserted row takes a new id where its own is taken.

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "reactor/base/check.h"
#include "storage/branch.h"
#include "storage/failure.h"
#include "storage/validate.h"

namespace gyre::storage {

// How far a merge has come: the key that a row with a hidden id has in the head, by table and the key it has in the
// transaction.
struct Branch::MovedRows {
  std::map<std::pair<std::uint32_t, std::string>, std::string> keys;
  std::size_t operations = 0;  // changes of definitions that are done

  std::string_view of(RelationId table, std::string_view key) const {
    const auto at = keys.find({table.value, std::string(key)});
    return at == keys.end() ? key : std::string_view(at->second);
  }
};

namespace {

[[noreturn]] void throw_conflict() {
  throw Failure(Fault::serialization_failure, "could not serialize access due to concurrent update", {},
                "The transaction might succeed if retried.");
}

}  // namespace

bool Branch::is_overtaken(Mark since, const Database& newest) const {
  for (std::size_t i = since.changes; i < changes_.size(); ++i) {
    const Change change = changes_[i];
    const TableVersion* seen = base_->table(change.relation);
    std::string_view before;
    if (seen == nullptr || !seen->rows.get(change.key, before)) continue;
    const TableVersion* now = newest.table(change.relation);
    if (now == nullptr) return true;
    std::string_view current;
    if (now->rows != seen->rows && (!now->rows.get(change.key, current) || current != before)) return true;
  }
  return false;
}

// Whether the tables that the transaction has changed are here what they were to it, and rows with hidden ids
// that it has made need no others.
bool Branch::can_take_over(const Branch& transaction) const {
  if (transaction.made_anew_) return false;
  const auto is_as_seen = [&](RelationId table) {
    const bool touched = table.value < owned_.size() && owned_[table.value] != nullptr;
    return !touched && view_.table(table) == transaction.base_->table(table);
  };
  const auto has_own_ids = [](const TableVersion& version) {
    Cursor last(version.rows);
    if (version.schema->has_row_id()) last.seek_last();
    return last.valid() && row_id_of(last.key()) >= kTransactionRowIds;
  };
  for (std::size_t id = 0; id < transaction.owned_.size(); ++id) {
    const TableVersion* version = transaction.owned_[id].get();
    if (version == nullptr) continue;
    if (!is_as_seen(RelationId(static_cast<std::uint32_t>(id))) || has_own_ids(*version)) return false;
  }
  return std::all_of(transaction.operations_.begin(), transaction.operations_.end(),
                     [&](const Operation& operation) { return is_as_seen(operation.schema.relation); });
}

// The logs are what they would be had everything happened here, so that it can be undone like anything else.
void Branch::take_over(Branch& transaction) {
  const std::size_t begin = changes_.size();
  view_.tables_.resize(std::max(view_.tables_.size(), transaction.view_.tables_.size()));
  owned_.resize(std::max(owned_.size(), transaction.owned_.size()));
  operations_.reserve(operations_.size() + transaction.operations_.size());
  moves_.reserve(moves_.size() + transaction.moves_.size());
  batch_.replaced.reserve(batch_.replaced.size() + transaction.batch_.replaced.size());
  changes_.take_over(transaction.changes_);
  // ---- Beyond this point no memory is asked for.
  const auto take_trees = [&](const TableVersion& version) {
    storage::take_over(transaction.batch_, batch_, version.rows);
    for (const Tree& index : version.indexes) storage::take_over(transaction.batch_, batch_, index);
  };
  for (std::size_t id = 0; id < transaction.view_.tables_.size(); ++id) {
    const TableVersion* version = transaction.view_.tables_[id];
    if (version == transaction.base_->table(RelationId(static_cast<std::uint32_t>(id)))) continue;
    view_.tables_[id] = version;
    if (version == nullptr) continue;
    take_trees(*version);
    owned_[id] = std::move(transaction.owned_[id]);
  }
  for (Operation& operation : transaction.operations_) {
    storage::take_over(transaction.batch_, batch_, operation.rows);
    for (const Tree& index : operation.indexes) storage::take_over(transaction.batch_, batch_, index);
    if (operation.owned != nullptr) take_trees(*operation.owned);
    operation.schema.position += begin;
    operations_.push_back(std::move(operation));
  }
  transaction.operations_.clear();
  for (const Move& move : transaction.moves_)
    moves_.push_back({move.removal + begin, move.insertion + begin});
  storage::take_over(transaction.batch_, batch_);
}

void Branch::merge(Branch& transaction) {
  if (can_take_over(transaction)) return take_over(transaction);
  const Mark start = mark();
  try {
    MovedRows moved;
    std::size_t done = 0;
    for (const Operation& operation : transaction.operations_) {
      merge_rows(transaction, transaction.changes_.net(done, operation.schema.position), moved);
      done = operation.schema.position;
      merge_operation(operation);
      ++moved.operations;
    }
    merge_rows(transaction, transaction.changes_.net(done, transaction.changes_.size()), moved);
  } catch (...) {
    rollback_to(start);
    throw;
  }
}

void Branch::merge_rows(const Branch& transaction, const ChangeSet& net, MovedRows& moved) {
  // The table as the transaction had it when it made these changes.
  const auto schema_then = [&](RelationId table) {
    for (std::size_t i = moved.operations; i < transaction.operations_.size(); ++i)
      if (transaction.operations_[i].schema.relation == table) return transaction.operations_[i].schema.before.get();
    const TableVersion* left = transaction.view_.table(table);
    return left != nullptr ? left->schema.get() : nullptr;
  };
  const TableSchema* then = nullptr;
  RelationId last(UINT32_MAX);
  std::vector<RowWrite> writes;
  writes.reserve(net.size());
  for (std::size_t i = 0; i < net.size(); ++i) {
    check_stopped();
    const Change change = net[i];
    const RelationId table = change.relation;
    if (view_.table(table) == nullptr) throw_conflict();
    TableVersion& version = own(table);
    const TableVersion* seen = transaction.base_->table(table);
    if (table != last) then = schema_then(last = table);
    if (seen != nullptr && then != nullptr && !same_rows(*then, *version.schema)) throw_conflict();
    std::string_view key = change.key;
    if (version.schema->has_row_id() && !change.before) {
      const bool provisional = row_id_of(key) >= kTransactionRowIds;
      const std::uint64_t id =
          provisional ? version.next_row_id : std::max(row_id_of(key), version.next_row_id);
      version.next_row_id = id + 1;
      if (id != row_id_of(key)) {
        key_.clear();
        append_row_id(id, key_);
        key = moved.keys[{table.value, std::string(change.key)}] = std::string(key_.view());
      }
    } else {
      key = moved.of(table, key);
    }
    std::string_view current;
    if (change.before && (!version.rows.get(key, current) || current != *change.before)) throw_conflict();
    writes.push_back({table, key, change.before, change.after, key});
  }
  write_rows(writes);
}

// Tables that only this transaction changed stay as they are: they were made from what the newest database
// still has. Those that others changed, too, are made anew from the log, beside what they are; only when all is
// there does it take their place.
void Branch::rebase(const Database& newest) {
  GYRE_CHECK(own_row_id_ != 0);
  if (&newest == base_) return;
  const auto redefined = [this](std::size_t id) {
    return std::any_of(operations_.begin(), operations_.end(),
                       [id](const Operation& operation) { return operation.schema.relation.value == id; });
  };
  Database view = newest;
  view.last_batch_ = batch_.id;
  view.tables_.resize(std::max(view.tables_.size(), view_.tables_.size()));
  std::vector<std::unique_ptr<TableVersion>> anew(view.tables_.size());
  bool any_anew = false;
  for (std::size_t id = 0; id < view.tables_.size(); ++id) {
    const RelationId table(static_cast<std::uint32_t>(id));
    const TableVersion *was = base_->table(table), *mine = view_.table(table), *now = newest.table(table);
    if (mine == was) continue;
    if (was == now) {
      view.tables_[id] = mine;
      continue;
    }
    if (now == nullptr || mine == nullptr || now->schema != was->schema || redefined(id)) throw_conflict();
    anew[id] = std::make_unique<TableVersion>(*now);
    view.tables_[id] = owned_[id].get();
    any_anew = true;
  }
  if (any_anew) make_changes_anew(anew);
  // ---- Beyond this point nothing fails.
  for (std::size_t id = 0; id < anew.size(); ++id) {
    if (anew[id] == nullptr) continue;
    discard_trees(*owned_[id]);
    *owned_[id] = std::move(*anew[id]);
    made_anew_ = true;
  }
  std::swap(view_, view);
  base_ = &newest;
}

// All changes of these tables, by relation id, once more. Where that fails, what it has made is freed.
void Branch::make_changes_anew(std::span<const std::unique_ptr<TableVersion>> tables) {
  const std::size_t replaced = batch_.replaced.size();
  const std::uint64_t bytes_replaced = batch_.bytes_replaced;
  try {
    for (std::size_t i = 0; i < changes_.size(); ++i) {
      check_stopped();
      const Change change = changes_[i];
      TableVersion* const table = tables[change.relation.value].get();
      if (table != nullptr) force_row(*table, change.key, change.before, change.after);
    }
  } catch (...) {
    for (const auto& table : tables)
      if (table != nullptr) discard_trees(*table);
    batch_.replaced.resize(replaced);
    batch_.bytes_replaced = bytes_replaced;
    throw;
  }
}

void Branch::merge_operation(const Operation& operation) {
  const SchemaOperation& schema = operation.schema;
  const TableVersion* current = view_.table(schema.relation);
  if ((current == nullptr ? nullptr : current->schema) != schema.before) throw_conflict();
  switch (schema.kind) {
    case SchemaOperation::Kind::create_table:
      return create_table(schema.after);
    case SchemaOperation::Kind::drop_table:
      return drop_table(schema.relation);
    case SchemaOperation::Kind::truncate:
      return truncate(schema.relation);
    case SchemaOperation::Kind::create_index:
      return create_index(schema.after);
    case SchemaOperation::Kind::drop_index:
      return drop_index(schema.before->indexes[operation.index_position].id, schema.after);
    case SchemaOperation::Kind::replace_schema:
      return replace_schema(schema.after);
  }
  GYRE_UNREACHABLE();
}

}  // namespace gyre::storage
