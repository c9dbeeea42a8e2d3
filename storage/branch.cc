// Writes happen here, one row at a time: the row's tree, the tree of each index, one entry in the change log.
//
// Undo is logical: the log says what each row was, so going back is applying it backwards. That costs nothing
// on the path that succeeds (the log is needed anyway, for the commit record and for views) and leaves the
// trees' nodes to their own accounting. A change of a definition is an entry of a second log that keeps the
// trees it took away.
//
// Borrowed bytes are the trap: a row handed in may lie in a node that the same call changes. So keys and rows
// are copied, into the log or a buffer, before the first tree is touched.

#include "storage/branch.h"

#include <algorithm>
#include <utility>

#include "reactor/base/check.h"
#include "reactor/fail_point.h"
#include "storage/constraint_failure.h"
#include "storage/failure.h"

namespace gyre::storage {

Branch::Branch(const Database& base) : base_(&base), view_(base), batch_(base.last_batch() + 1) {
  view_.last_batch_ = batch_.id;
}

namespace {
// Above the batches of all databases, which count from 1.
constexpr std::uint64_t kTransactionBatch = std::uint64_t{1} << 63;
// Hidden ids that an open transaction has for itself.
constexpr int kRowIdBits = 36;
}  // namespace

Branch::Branch(const Database& base, ForTransaction transaction)
    : base_(&base),
      view_(base),
      own_row_id_(kTransactionRowIds | (transaction.number << kRowIdBits) % kTransactionRowIds),
      batch_(kTransactionBatch) {
  view_.last_batch_ = batch_.id;
}

Branch::~Branch() {
  if (released_) return;
  for (const auto& version : owned_) {
    if (version != nullptr) discard_trees(*version);
  }
  for (Operation& operation : operations_) {
    discard_tree(operation.rows);
    for (Tree& index : operation.indexes) discard_tree(index);
    if (operation.owned != nullptr) discard_trees(*operation.owned);
  }
}

// Frees what this branch made of a tree that it will not need any more.
void Branch::discard_tree(Tree& tree) {
  batch_.blocks_freed += free_batch_nodes(batch_, tree);
  tree = Tree();
}

void Branch::discard_trees(TableVersion& version) {
  discard_tree(version.rows);
  for (Tree& index : version.indexes) discard_tree(index);
}

TableVersion& Branch::own(RelationId table) {
  GYRE_CHECK(!sealed_);
  if (table.value >= owned_.size()) owned_.resize(table.value + 1);
  std::unique_ptr<TableVersion>& owned = owned_[table.value];
  if (owned == nullptr) {
    const TableVersion* version = view_.table(table);
    GYRE_CHECK(version != nullptr);
    owned = std::make_unique<TableVersion>(*version);
    set_slot(table, owned.get());
  }
  return *owned;
}

void Branch::set_slot(RelationId table, const TableVersion* version) {
  if (table.value >= view_.tables_.size()) view_.tables_.resize(table.value + 1);
  view_.tables_[table.value] = version;
}

// (A test can make each step slow.)
void Branch::check_stopped() const {
  if (stop_ == nullptr) return;
  (void)reactor::fail_point("plant.slow_rows");
  stop_->check();
}

// ---- One row in the trees

namespace {

void check_key_size(std::size_t size, std::string_view index) {
  if (size > kMaxKeySize) throw oversize_key(size, kMaxKeySize, index);
}

}  // namespace

void Branch::insert_index_entry(TableVersion& version, std::size_t index, std::string_view key,
                                std::string_view packed) {
  const IndexSchema& schema = version.schema->indexes[index];
  index_key_.clear();
  append_index_key(*version.schema, schema, packed.data(), key, index_key_);
  check_key_size(index_key_.size(), schema.name);
  std::string_view existing;
  if (!storage::insert(batch_, version.indexes[index], index_key_.view(), key, existing)) {
    note_key(version.schema->id, schema.id, index_key_.view());
    throw duplicate_key(*version.schema, schema.name, schema.columns, packed.data(), style_);
  }
}

// In a replayed set of net changes another row may have taken a unique entry before this one gave it up; it
// stays then.
void Branch::erase_index_entry(TableVersion& version, std::size_t index, std::string_view key,
                               std::string_view packed) {
  index_key_.clear();
  const bool alone =
      append_index_key(*version.schema, version.schema->indexes[index], packed.data(), key, index_key_);
  std::string_view holder;
  if (alone && version.indexes[index].get(index_key_.view(), holder) && holder != key) return;
  if (alone) note_taken_back(version, static_cast<int>(index), index_key_.view());
  storage::erase(batch_, version.indexes[index], index_key_.view());
}

void Branch::insert_into_trees(TableVersion& version, std::string_view key, std::string_view packed) {
  const TableSchema& schema = *version.schema;
  check_key_size(key.size(), schema.primary_key_name);
  std::string_view existing;
  if (!storage::insert(batch_, version.rows, key, packed, existing)) {
    note_key(schema.id, schema.id, key);
    throw duplicate_key(schema, schema.primary_key_name, schema.primary_key, packed.data(), style_);
  }
  std::size_t index = 0;
  try {
    for (; index < version.indexes.size(); ++index) insert_index_entry(version, index, key, packed);
  } catch (...) {
    while (index-- > 0) erase_index_entry(version, index, key, packed);
    note_taken_back(version, -1, key);
    storage::erase(batch_, version.rows, key);
    throw;
  }
}

void Branch::force_row(TableVersion& version, std::string_view key, std::optional<std::string_view> remove,
                       std::optional<std::string_view> put_row) {
  for (std::size_t index = 0; index < version.indexes.size(); ++index) {
    if (remove) erase_index_entry(version, index, key, *remove);
    if (!put_row) continue;
    index_key_.clear();
    append_index_key(*version.schema, version.schema->indexes[index], put_row->data(), key, index_key_);
    storage::put(batch_, version.indexes[index], index_key_.view(), key);
  }
  if (put_row) {
    storage::put(batch_, version.rows, key, *put_row);
    return;
  }
  note_taken_back(version, -1, key);
  storage::erase(batch_, version.rows, key);
}

// ---- What the checks have seen

void Branch::note_key(RelationId table, RelationId order, std::string_view key) {
  if (reads_ != nullptr) reads_->add_key(table, order, key, ReadDepth::keys);
}

// A key goes (index -1: of a row) that was made here, so it had been free. As long as its row stays, merging
// finds out whether it still is.
void Branch::note_taken_back(const TableVersion& version, int index, std::string_view key) {
  const TableSchema& schema = *version.schema;
  if (reads_ == nullptr || (index < 0 && schema.has_row_id())) return;
  const TableVersion* seen = base_->table(schema.id);
  if (seen == nullptr) return;
  const RelationId order = index < 0 ? schema.id : schema.indexes[static_cast<std::size_t>(index)].id;
  const int position = index < 0 ? -1 : seen->schema->index_position(order);
  if (index >= 0 && position < 0) return;
  const Tree& tree = index < 0 ? seen->rows : seen->indexes[static_cast<std::size_t>(position)];
  if (!tree.contains(key)) note_key(schema.id, order, key);
}

// ---- One row, logged

void Branch::insert_row(RelationId table, std::string_view key, std::string_view packed) {
  check_stopped();
  TableVersion& version = own(table);
  // First the log, as everywhere: whatever fails, nothing is in the trees that undoing does not know of.
  changes_.append({table, key, std::nullopt, packed});
  try {
    insert_into_trees(version, key, packed);
  } catch (...) {
    changes_.truncate(changes_.size() - 1);
    throw;
  }
}

void Branch::remove_row(RelationId table, std::string_view key, std::string_view before) {
  check_stopped();
  TableVersion& version = own(table);
  changes_.append({table, key, before, std::nullopt});
  const Change change = changes_[changes_.size() - 1];
  force_row(version, change.key, change.before, std::nullopt);
}

void Branch::replace_row(RelationId table, std::string_view key, std::string_view before,
                         std::string_view after) {
  check_stopped();
  TableVersion& version = own(table);
  check_replacement(version, key, before, after);
  changes_.append({table, key, before, after});
  const Change change = changes_[changes_.size() - 1];
  for (std::size_t index = 0; index < version.indexes.size(); ++index) {
    other_index_key_.clear();
    append_index_key(*version.schema, version.schema->indexes[index], change.before->data(), change.key,
                     other_index_key_);
    index_key_.clear();
    append_index_key(*version.schema, version.schema->indexes[index], change.after->data(), change.key,
                     index_key_);
    if (index_key_.view() == other_index_key_.view()) continue;
    if (version.schema->indexes[index].unique)
      note_taken_back(version, static_cast<int>(index), other_index_key_.view());
    storage::erase(batch_, version.indexes[index], other_index_key_.view());
    storage::put(batch_, version.indexes[index], index_key_.view(), change.key);
  }
  storage::put(batch_, version.rows, change.key, *change.after);
}

// Whether the row may take its new contents under the same key, before anything is touched.
void Branch::check_replacement(TableVersion& version, std::string_view key, std::string_view before,
                               std::string_view after) {
  for (std::size_t index = 0; index < version.indexes.size(); ++index) {
    const IndexSchema& schema = version.schema->indexes[index];
    index_key_.clear();
    const bool alone = append_index_key(*version.schema, schema, after.data(), key, index_key_);
    check_key_size(index_key_.size(), schema.name);
    if (!alone) continue;
    other_index_key_.clear();
    append_index_key(*version.schema, schema, before.data(), key, other_index_key_);
    if (index_key_.view() == other_index_key_.view() || !version.indexes[index].contains(index_key_.view()))
      continue;
    note_key(version.schema->id, schema.id, index_key_.view());
    throw duplicate_key(*version.schema, schema.name, schema.columns, after.data(), style_);
  }
}

// Whether the row has another key now, in its table or in a unique index.
bool Branch::moves(const RowWrite& write) {
  if (write.key != write.key_after) return true;
  const TableSchema& schema = *view_.table(write.table)->schema;
  for (const IndexSchema& index : schema.indexes) {
    if (!index.unique) continue;
    index_key_.clear();
    other_index_key_.clear();
    append_index_key(schema, index, write.before->data(), write.key, index_key_);
    append_index_key(schema, index, write.after->data(), write.key, other_index_key_);
    if (index_key_.view() != other_index_key_.view()) return true;
  }
  return false;
}

void Branch::write_rows(std::span<const RowWrite> writes) {
  const Mark start = mark();
  try {
    std::vector<std::pair<const RowWrite*, std::size_t>> insertions;  // and where its removal is logged
    for (const RowWrite& write : writes) {
      if (write.before && write.after && !moves(write)) {
        replace_row(write.table, write.key, *write.before, *write.after);
        continue;
      }
      if (write.before) remove_row(write.table, write.key, *write.before);
      if (write.after) insertions.emplace_back(&write, changes_.size() - 1);
    }
    for (const auto& [write, removal] : insertions) {
      insert_row(write->table, write->key_after, *write->after);
      if (write->before) moves_.push_back({removal, changes_.size() - 1});
    }
  } catch (...) {
    rollback_to(start);
    throw;
  }
}

// ---- Statements

std::string_view Branch::insert(RelationId table, std::span<const Datum> row) {
  TableVersion& version = own(table);
  const TableSchema& schema = *version.schema;
  check_not_null(schema, row, style_);
  row_.clear();
  schema.layout.pack(row, row_);
  key_.clear();
  if (schema.has_row_id())
    append_row_id(own_row_id_ != 0 ? own_row_id_++ : version.next_row_id++, key_);
  else
    append_primary_key(schema, row, key_);
  insert_row(table, key_.view(), row_.view());
  return key_.view();
}

void Branch::update(RelationId table, std::string_view key, std::span<const Datum> row) {
  const RowUpdate update{key, row};
  apply_update_set(table, {&update, 1});
}

void Branch::apply_update_set(RelationId table, std::span<const RowUpdate> updates) {
  const TableVersion& version = own(table);
  const TableSchema& schema = *version.schema;
  // Everything is copied before the first change: where each part ends, and the parts one behind the other.
  struct Ends {
    std::size_t key, before, after, key_after;
  };
  std::vector<Ends> ends;
  ends.reserve(updates.size());
  OutBuffer bytes;
  for (const RowUpdate& update : updates) {
    check_stopped();
    check_not_null(schema, update.row, style_);
    std::string_view before;
    GYRE_CHECK(version.rows.get(update.key, before));
    Ends end;
    bytes.append(update.key);
    end.key = bytes.size();
    bytes.append(before);
    end.before = bytes.size();
    row_.clear();
    schema.layout.pack(update.row, row_);
    bytes.append(row_.view());
    end.after = bytes.size();
    if (schema.has_row_id())
      bytes.append(update.key);
    else
      append_primary_key(schema, update.row, bytes);
    end.key_after = bytes.size();
    ends.push_back(end);
  }
  std::vector<RowWrite> writes;
  writes.reserve(updates.size());
  std::size_t start = 0;
  const std::string_view all = bytes.view();
  const auto part = [all](std::size_t from, std::size_t to) { return all.substr(from, to - from); };
  for (const Ends& end : ends) {
    writes.push_back({table, part(start, end.key), part(end.key, end.before), part(end.before, end.after),
                      part(end.after, end.key_after)});
    start = end.key_after;
  }
  write_rows(writes);
}

bool Branch::erase(RelationId table, std::string_view key) {
  std::string_view before;
  if (!view_.table(table)->rows.get(key, before)) return false;
  remove_row(table, key, before);
  return true;
}

// ---- Recovery

void Branch::replay_row(RelationId table, std::string_view key, std::optional<std::string_view> row) {
  TableVersion& version = own(table);
  std::string_view current;
  if (!version.indexes.empty() && version.rows.get(key, current)) {
    row_.clear();
    row_.append(current);
    replay_index_entries(version, key, row_.view(), row);
  } else {
    replay_index_entries(version, key, std::nullopt, row);
  }
  if (row)
    storage::put(batch_, version.rows, key, *row);
  else
    storage::erase(batch_, version.rows, key);
}

void Branch::replay_index_entries(TableVersion& version, std::string_view key,
                                  std::optional<std::string_view> before,
                                  std::optional<std::string_view> after) {
  for (std::size_t index = 0; index < version.indexes.size(); ++index) {
    const IndexSchema& schema = version.schema->indexes[index];
    other_index_key_.clear();
    if (after) {
      append_index_key(*version.schema, schema, after->data(), key, other_index_key_);
      check_key_size(other_index_key_.size(), schema.name);
    }
    if (before) {
      index_key_.clear();
      append_index_key(*version.schema, schema, before->data(), key, index_key_);
      if (after && index_key_.view() == other_index_key_.view()) continue;
      erase_index_entry(version, index, key, *before);
    }
    if (after) storage::put(batch_, version.indexes[index], other_index_key_.view(), key);
  }
}

void Branch::replay_row_id(RelationId table, std::uint64_t next_row_id) {
  TableVersion& version = own(table);
  version.next_row_id = std::max(version.next_row_id, next_row_id);
}

void Branch::load_row(RelationId table, std::string_view key, std::string_view row) {
  append(batch_, own(table).rows, key, row);
}

void Branch::load_index_entry(RelationId table, std::size_t index, std::string_view key,
                              std::string_view primary_key) {
  append(batch_, own(table).indexes[index], key, primary_key);
}

// ---- Undo

void Branch::rollback_to(Mark mark) {
  while (changes_.size() > mark.changes || operations_.size() > mark.operations) {
    const bool operation_is_last =
        operations_.size() > mark.operations && operations_.back().schema.position >= changes_.size();
    if (operation_is_last)
      undo_last_operation();
    else
      undo_last_change();
  }
}

void Branch::undo_last_change() {
  const Change change = changes_[changes_.size() - 1];
  force_row(own(change.relation), change.key, change.after, change.before);
  changes_.truncate(changes_.size() - 1);
  if (!moves_.empty() && moves_.back().insertion == changes_.size()) moves_.pop_back();
}

// ---- The end

std::unique_ptr<const Database> Branch::seal(Timestamp timestamp) {
  GYRE_CHECK(!sealed_ && own_row_id_ == 0);
  auto database = std::make_unique<Database>(view_);
  database->timestamp_ = timestamp;
  sealed_ = true;
  return database;
}

std::unique_ptr<Retired> Branch::release() {
  GYRE_CHECK(sealed_ && !released_);
  auto retired = std::make_unique<Retired>();
  retired->blocks = std::move(batch_.replaced);
  for (std::size_t i = 0; i < base_->tables_.size(); ++i)
    if (base_->tables_[i] != nullptr && base_->tables_[i] != view_.tables_[i])
      retired->versions.push_back(base_->tables_[i]);
  const auto retire_trees = [&](const Tree& rows, const std::vector<Tree>& indexes) {
    retired->trees.push_back(rows);
    retired->trees.insert(retired->trees.end(), indexes.begin(), indexes.end());
  };
  for (const Operation& operation : operations_) {
    retire_trees(operation.rows, operation.indexes);
    const TableVersion* dropped = operation.owned != nullptr ? operation.owned.get() : operation.published;
    if (dropped != nullptr) retire_trees(dropped->rows, dropped->indexes);
  }
  for (auto& owned : owned_) (void)owned.release();  // the database's now, see free_database
  released_ = true;
  retired->bytes = batch_.bytes_replaced + sizeof(Database) + base_->tables_.size() * sizeof(void*) +
                   retired->blocks.size() * sizeof(tree::Block*) +
                   retired->versions.size() * sizeof(TableVersion);
  for (const Tree& tree : retired->trees) retired->bytes += estimated_bytes(tree);
  return retired;
}

std::vector<SchemaOperation> Branch::operations(Mark from) const {
  std::vector<SchemaOperation> result;
  for (std::size_t i = from.operations; i < operations_.size(); ++i) result.push_back(operations_[i].schema);
  return result;
}

}  // namespace gyre::storage
