// INSERT … ON CONFLICT: which unique indexes are meant (PostgreSQL's manual calls it inference), and what DO
// UPDATE makes of the row that is there. Its expressions see two relations, the target and `excluded`, with
// equal columns: a name alone is ambiguous.
#include <algorithm>
#include <set>

#include "adapter/plan/binder.h"
#include "adapter/sql_error.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter {
namespace {

using logical::AccessPath;

std::set<std::uint16_t> as_set(const std::vector<std::uint16_t>& columns) {
  return {columns.begin(), columns.end()};
}

std::vector<int> unique_indexes(const storage::TableSchema& schema) {
  std::vector<int> all;
  if (!schema.primary_key.empty()) all.push_back(AccessPath::kPrimaryKey);
  for (std::size_t i = 0; i < schema.indexes.size(); ++i)
    if (schema.indexes[i].unique || schema.indexes[i].constraint) all.push_back(static_cast<int>(i));
  return all;
}

std::vector<int> checked(std::vector<int> arbiters, const storage::TableSchema& schema) {
  for (const int index : arbiters)
    if (index != AccessPath::kPrimaryKey && schema.indexes[static_cast<std::size_t>(index)].deferrable)
      throw SqlError("55000",
                     "ON CONFLICT does not support deferrable unique constraints/exclusion constraints as arbiters");
  return arbiters;
}

const std::vector<std::uint16_t>& columns_of(const storage::TableSchema& schema, int index) {
  return index == AccessPath::kPrimaryKey ? schema.primary_key
                                          : schema.indexes[static_cast<std::size_t>(index)].columns;
}

int constraint_index(const storage::TableSchema& schema, const ast::OnConflict& conflict) {
  if (!schema.primary_key.empty() && schema.primary_key_name == conflict.constraint)
    return AccessPath::kPrimaryKey;
  for (std::size_t i = 0; i < schema.indexes.size(); ++i)
    if (schema.indexes[i].constraint && schema.indexes[i].name == conflict.constraint)
      return static_cast<int>(i);
  throw SqlError(
      "42704", "constraint \"" + conflict.constraint + "\" for table \"" + schema.name + "\" does not exist");
}

}  // namespace

// Binds over the target's columns.
std::vector<int> Binder::arbiters_of(const ast::OnConflict& conflict, const TableEntry& table) {
  const storage::TableSchema& schema = *table.schema;
  if (!conflict.constraint.empty()) {
    read_columns_ = true;
    return checked({constraint_index(schema, conflict)}, schema);
  }
  if (conflict.targets.empty()) return checked(unique_indexes(schema), schema);
  if (!conflict.unsupported_order.empty())
    throw SqlError("42P10", conflict.unsupported_order + " is not allowed in ON CONFLICT clause",
                   conflict.target_location);
  std::set<std::uint16_t> wanted;
  bool columns_only = true;
  for (const ast::ExprPtr& target : conflict.targets) {
    const ExpressionPtr value = bind(*target);
    const auto column = storage::column_index(*value);
    columns_only = columns_only && column;
    if (column) wanted.insert(static_cast<std::uint16_t>(*column));
  }
  // No index here is partial, so whatever the predicate says, every index fits it.
  if (conflict.predicate) bind_at(Place::where, *conflict.predicate);
  std::vector<int> arbiters;
  for (const int index : unique_indexes(schema))
    if (columns_only && as_set(columns_of(schema, index)) == wanted) arbiters.push_back(index);
  if (arbiters.empty())
    throw SqlError("42P10",
                   "there is no unique or exclusion constraint matching the ON CONFLICT specification");
  return checked(std::move(arbiters), schema);
}

logical::OnConflict Binder::bind_on_conflict(const ast::InsertStatement& insert,
                                             const std::shared_ptr<const TableEntry>& table) {
  const ast::OnConflict& conflict = *insert.on_conflict;
  if (conflict.update && conflict.targets.empty() && conflict.constraint.empty())
    throw SqlError("42601", "ON CONFLICT DO UPDATE requires inference specification or constraint name",
                   conflict.location)
        .with_hint("For example, ON CONFLICT (column_name).");
  open_target(table, insert.alias);
  logical::OnConflict bound;
  bound.arbiters = arbiters_of(conflict, *table);
  bound.update = conflict.update;
  if (!conflict.update) return bound;
  statement_.need(*table, Privilege::update);

  const auto& columns = table->schema->columns;
  const int width = static_cast<int>(columns.size());
  // Its columns are the table's: PostgreSQL asks for the right to read them, though the statement brought the values.
  ScopeRelation excluded;
  excluded.name = "excluded";
  for (int i = 0; i < width; ++i) {
    const storage::ColumnDef& column = columns[static_cast<std::size_t>(i)];
    excluded.columns.push_back(
        {column.name, column.type, width + i, oid_of(table->id()), static_cast<std::int16_t>(i + 1)});
    scope_.columns.push_back(excluded.columns.back());
  }
  scope_.relations.push_back(std::move(excluded));
  row_width_ = 2 * width;

  bound.row = bind_assignments(conflict.assignments, *table);
  for (int i = 0; i < width; ++i) {
    ExpressionPtr& value = bound.row[static_cast<std::size_t>(i)];
    if (!value) value = storage::make_column(i, columns[static_cast<std::size_t>(i)].type);
  }
  if (conflict.where) {
    place_ = Place::where;
    bound.conditions = storage::split_and(bind_boolean(*conflict.where, "WHERE"));
    place_ = Place::other;
  }
  if (!pending_.empty()) throw SqlError("0A000", "subqueries in ON CONFLICT are not supported");
  return bound;
}

}  // namespace gyre::adapter
