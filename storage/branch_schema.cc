// A branch's changes of definitions, and how they are undone.

#include <algorithm>

#include "reactor/base/arena.h"
#include "reactor/base/check.h"
#include "storage/branch.h"
#include "storage/constraint_failure.h"

namespace gyre::storage {

using Kind = SchemaOperation::Kind;

Branch::Operation& Branch::begin_operation(Kind kind, RelationId table,
                                           std::shared_ptr<const TableSchema> before,
                                           std::shared_ptr<const TableSchema> after) {
  GYRE_CHECK(!sealed_);
  Operation& operation = operations_.emplace_back();
  operation.schema = {kind, table, changes_.size(), std::move(before), std::move(after)};
  return operation;
}

void Branch::create_table(std::shared_ptr<const TableSchema> schema) {
  const RelationId id = schema->id;
  GYRE_CHECK(view_.table(id) == nullptr);
  begin_operation(Kind::create_table, id, nullptr, schema);
  auto version = std::make_unique<TableVersion>();
  version->indexes.resize(schema->indexes.size());
  version->schema = std::move(schema);
  if (id.value >= owned_.size()) owned_.resize(id.value + 1);
  owned_[id.value] = std::move(version);
  set_slot(id, owned_[id.value].get());
}

void Branch::drop_table(RelationId table) {
  const TableVersion* version = view_.table(table);
  GYRE_CHECK(version != nullptr);
  Operation& operation = begin_operation(Kind::drop_table, table, version->schema, nullptr);
  if (table.value < owned_.size() && owned_[table.value] != nullptr)
    operation.owned = std::move(owned_[table.value]);
  else
    operation.published = version;
  set_slot(table, nullptr);
}

void Branch::truncate(RelationId table) {
  TableVersion& version = own(table);
  Operation& operation = begin_operation(Kind::truncate, table, version.schema, version.schema);
  operation.rows = std::exchange(version.rows, Tree());
  operation.indexes = std::exchange(version.indexes, std::vector<Tree>(version.schema->indexes.size()));
}

namespace {

// An entry of an index under construction; both borrowed from an arena or the rows.
struct PendingEntry {
  std::string_view key;
  std::string_view primary_key;
  const char* row;
  bool alone;  // the key without the primary key, see append_index_key
};

}  // namespace

// Gathers all entries, sorts them and appends them in order. Reads only.
Tree Branch::build_index(const TableVersion& version, const TableSchema& schema, const IndexSchema& index) {
  Arena arena;
  std::vector<PendingEntry> entries;
  entries.reserve(version.rows.size());
  Cursor row(version.rows);
  for (row.seek_first(); row.valid(); row.next()) {
    check_stopped();
    index_key_.clear();
    const bool alone = append_index_key(schema, index, row.value().data(), row.key(), index_key_);
    if (index_key_.size() > kMaxKeySize) throw oversize_key(index_key_.size(), kMaxKeySize, index.name);
    entries.push_back({arena.copy(index_key_.view()), row.key(), row.value().data(), alone});
  }
  std::sort(entries.begin(), entries.end(), [this](const PendingEntry& a, const PendingEntry& b) {
    check_stopped();
    return a.key < b.key;
  });
  for (std::size_t i = 1; i < entries.size(); ++i)
    if (entries[i].alone && entries[i].key == entries[i - 1].key)
      throw duplicate_in_new_index(schema, index, entries[i].row, style_);
  Tree tree;
  try {
    for (const PendingEntry& entry : entries) {
      check_stopped();
      append(batch_, tree, entry.key, entry.primary_key);
    }
  } catch (...) {
    discard_tree(tree);
    throw;
  }
  return tree;
}

void Branch::create_index(std::shared_ptr<const TableSchema> schema) {
  TableVersion& version = own(schema->id);
  GYRE_CHECK(schema->indexes.size() == version.indexes.size() + 1);
  Tree built = build_index(version, *schema, schema->indexes.back());
  begin_operation(Kind::create_index, schema->id, version.schema, schema);
  version.indexes.push_back(built);
  version.schema = std::move(schema);
}

void Branch::drop_index(RelationId index, std::shared_ptr<const TableSchema> schema) {
  TableVersion& version = own(schema->id);
  const int position = version.schema->index_position(index);
  GYRE_CHECK(position >= 0 && schema->indexes.size() + 1 == version.indexes.size());
  Operation& operation = begin_operation(Kind::drop_index, schema->id, version.schema, schema);
  operation.index_position = static_cast<std::size_t>(position);
  operation.indexes.push_back(version.indexes[operation.index_position]);
  version.indexes.erase(version.indexes.begin() + position);
  version.schema = std::move(schema);
}

std::size_t Branch::first_change_in_layout(RelationId table) const {
  const auto same_type = [](const ColumnDef& a, const ColumnDef& b) { return a.type == b.type; };
  for (auto operation = operations_.rbegin(); operation != operations_.rend(); ++operation) {
    const SchemaOperation& schema = operation->schema;
    if (schema.kind != Kind::replace_schema || schema.relation != table) continue;
    if (!std::equal(schema.before->columns.begin(), schema.before->columns.end(), schema.after->columns.begin(),
                    schema.after->columns.end(), same_type))
      return schema.position;
  }
  return 0;
}

void Branch::replace_schema(std::shared_ptr<const TableSchema> schema) {
  TableVersion& version = own(schema->id);
  const bool same_shape = schema->columns.size() == version.schema->columns.size() &&
                          schema->indexes.size() == version.indexes.size();
  GYRE_CHECK(same_shape || version.rows.size() == 0);
  begin_operation(Kind::replace_schema, schema->id, version.schema, schema);
  version.indexes.resize(schema->indexes.size());
  version.schema = std::move(schema);
}

void Branch::undo_last_operation() {
  Operation operation = std::move(operations_.back());
  operations_.pop_back();
  const RelationId table = operation.schema.relation;
  if (operation.schema.kind == Kind::drop_table) {
    if (operation.owned != nullptr) owned_[table.value] = std::move(operation.owned);
    const bool owned = operation.published == nullptr;
    set_slot(table, owned ? owned_[table.value].get() : operation.published);
    return;
  }
  TableVersion& version = own(table);
  version.schema = operation.schema.before;
  switch (operation.schema.kind) {
    case Kind::create_table:
      discard_trees(version);
      set_slot(table, nullptr);
      owned_[table.value] = nullptr;
      break;
    case Kind::truncate:
      discard_trees(version);
      version.rows = operation.rows;
      version.indexes = std::move(operation.indexes);
      break;
    case Kind::create_index:
      discard_tree(version.indexes.back());
      version.indexes.pop_back();
      break;
    case Kind::drop_index:
      version.indexes.insert(version.indexes.begin() + static_cast<std::ptrdiff_t>(operation.index_position),
                             operation.indexes.front());
      break;
    case Kind::replace_schema:
      version.indexes.resize(version.schema->indexes.size());
      break;
    case Kind::drop_table:
      break;
  }
}

}  // namespace gyre::storage
