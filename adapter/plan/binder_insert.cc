// INSERT: whatever the source, what reaches the table is whole rows in the table's column order, every value
// of its column's type.
#include <algorithm>

#include "adapter/catalog/denied.h"
#include "adapter/plan/binder.h"
#include "adapter/sql_error.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter {

using logical::Project;

namespace {

bool is_default(const ast::Expr& expression) {
  return std::holds_alternative<ast::DefaultMarker>(expression.node);
}

// VALUES alone, which may say DEFAULT.
bool is_value_list(const ast::SelectStatement& source) {
  return !source.values.empty() && source.with.tables.empty() && source.order_by.empty() && !source.limit &&
         !source.offset;
}

std::vector<std::size_t> positions_of(const ast::InsertStatement& insert, const TableEntry& table) {
  const auto& columns = table.schema->columns;
  std::vector<std::size_t> positions;
  if (insert.columns.empty()) {
    for (std::size_t i = 0; i < columns.size(); ++i) positions.push_back(i);
    return positions;
  }
  for (const auto& [name, location] : insert.columns) {
    const auto found = std::find_if(columns.begin(), columns.end(),
                                    [&](const storage::ColumnDef& column) { return column.name == name; });
    if (found == columns.end())
      throw SqlError("42703", "column \"" + name + "\" of relation \"" + table.name() + "\" does not exist",
                     location);
    const auto position = static_cast<std::size_t>(found - columns.begin());
    if (std::find(positions.begin(), positions.end(), position) != positions.end())
      throw SqlError("42701", "column \"" + name + "\" specified more than once", location);
    positions.push_back(position);
  }
  return positions;
}

}  // namespace

std::shared_ptr<const TableEntry> Binder::change_target(const ast::QualifiedName& name, Privilege right) {
  auto table = resolve_table(name, statement_.context);
  if (table->is_sequence()) {
    // Who may move it may not for that write it, but is told so.
    if (!statement_.context.catalog.allows(statement_.context.role, *table, bit(right)))
      throw permission_denied(ObjectKind::sequence, table->name());
    throw SqlError("42809", "cannot change sequence \"" + table->name() + "\"");
  }
  statement_.use(*table);
  statement_.need(*table, right);
  return table;
}

void Binder::open_target(const std::shared_ptr<const TableEntry>& table, const std::string& alias) {
  ScopeRelation relation;
  relation.name = alias.empty() ? table->name() : alias;
  if (alias.empty()) relation.schema = table->schema_name;
  relation.table = table;
  for (const storage::ColumnDef& column : table->schema->columns) {
    const int index = static_cast<int>(relation.columns.size());
    relation.columns.push_back(
        {column.name, column.type, index, oid_of(table->id()), static_cast<std::int16_t>(index + 1)});
  }
  scope_ = {};
  scope_.columns = relation.columns;
  scope_.relations.push_back(std::move(relation));
  row_width_ = static_cast<int>(scope_.columns.size());
  applied_ = 0;
  read_columns_ = false;
}

void Binder::bind_returning(const std::vector<ast::Target>& returning, logical::Change& change,
                            std::vector<OutputColumn>& columns) {
  if (returning.empty()) return;
  place_ = Place::returning;
  Targets targets = bind_targets(returning);
  resolve_unknown_targets(targets);
  if (!pending_.empty()) throw SqlError("0A000", "subqueries in RETURNING are not supported");
  for (const ExpressionPtr& value : targets.values) change.columns.push_back(value->type());
  change.returning = std::move(targets.values);
  columns = std::move(targets.columns);
  place_ = Place::other;
}

Binder::ExpressionPtr Binder::default_of(const TableEntry& table, std::size_t column) const {
  const Type type = table.schema->columns[column].type;
  if (column < table.defaults.size() && table.defaults[column].expression)
    return storage::clone(*table.defaults[column].expression);
  return storage::make_null(type);
}

bool Binder::gives_way(const ast::InsertStatement& insert, const TableEntry& table,
                       std::size_t column) const {
  return insert.overriding == ast::InsertStatement::Overriding::user &&
         table.defaults[column].identity != Identity::none;
}

void Binder::check_may_give(const ast::InsertStatement& insert, const TableEntry& table,
                            std::size_t column) const {
  if (table.defaults[column].identity != Identity::always ||
      insert.overriding != ast::InsertStatement::Overriding::none)
    return;
  const std::string& name = table.schema->columns[column].name;
  throw SqlError("428C9", "cannot insert a non-DEFAULT value into column \"" + name + "\"")
      .with_detail("Column \"" + name + "\" is an identity column defined as GENERATED ALWAYS.")
      .with_hint("Use OVERRIDING SYSTEM VALUE to override.");
}

Binder::NodePtr Binder::insert_source(const ast::InsertStatement& insert, const TableEntry& table,
                                      const std::vector<std::size_t>& positions) {
  const auto& columns = table.schema->columns;
  std::vector<Type> row_types;
  for (const storage::ColumnDef& column : columns) row_types.push_back(column.type);
  const auto check_width = [&](std::size_t given, int location) {
    if (given > positions.size())
      throw SqlError("42601", "INSERT has more expressions than target columns", location);
    if (given < positions.size() && !insert.columns.empty())
      throw SqlError("42601", "INSERT has more target columns than expressions",
                     insert.columns[given].second);
  };
  // The whole row around the values that are given.
  const auto complete = [&](Expressions given) {
    Expressions row(columns.size());
    for (std::size_t i = 0; i < given.size(); ++i) row[positions[i]] = std::move(given[i]);
    for (std::size_t i = 0; i < row.size(); ++i)
      if (!row[i]) row[i] = default_of(table, i);
    return row;
  };

  if (!insert.source || is_value_list(*insert.source)) {
    hidden_target_ = &table;
    auto values = std::make_unique<logical::Values>(row_types);
    if (!insert.source)
      values->rows.push_back(complete({}));
    else
      for (const auto& list : insert.source->values) {
        if (list.size() != insert.source->values.front().size())
          throw SqlError("42601", "VALUES lists must all be the same length", list.front()->location);
        const std::size_t extra = std::min(positions.size(), list.size() - 1);
        check_width(list.size(), list[extra]->location);
        Expressions given;
        for (std::size_t i = 0; i < list.size(); ++i) {
          const std::size_t column = positions[i];
          if (!is_default(*list[i])) check_may_give(insert, table, column);
          given.push_back(is_default(*list[i]) || gives_way(insert, table, column)
                              ? default_of(table, column)
                              : assign(bind_at(Place::values, *list[i]), columns[column].type,
                                       columns[column].name, list[i]->location));
        }
        values->rows.push_back(complete(std::move(given)));
      }
    if (pending_.empty()) return values;
    if (values->rows.size() != 1)
      throw SqlError("0A000", "subqueries in VALUES of several rows are not supported");
    auto empty = std::make_unique<logical::Values>(std::vector<Type>{});
    empty->rows.emplace_back();
    return std::make_unique<Project>(apply_subqueries(std::move(empty)), std::move(values->rows.front()));
  }

  Binder source(statement_, parent_, queries_);
  BoundQuery query = source.bind_query(*insert.source, false);
  const auto& targets = insert.source->targets;
  check_width(query.columns.size(), targets.empty() ? -1 : targets.back().value->location);
  Expressions given;
  for (std::size_t i = 0; i < query.columns.size(); ++i) {
    const Type type = query.columns[i].type;
    ExpressionPtr value = storage::make_column(static_cast<int>(i), type);
    if (type.id == TypeId::unknown && query.plan->kind == logical::Kind::project)
      value = storage::clone(*static_cast<const Project&>(*query.plan).expressions[i]);
    check_may_give(insert, table, positions[i]);
    const storage::ColumnDef& column = columns[positions[i]];
    if (gives_way(insert, table, positions[i])) {
      given.push_back(default_of(table, positions[i]));
      continue;
    }
    const int location = i < targets.size() ? targets[i].value->location : -1;
    given.push_back(assign(std::move(value), column.type, column.name, location));
  }
  return std::make_unique<Project>(std::move(query.plan), complete(std::move(given)));
}

BoundQuery Binder::bind_insert(const ast::InsertStatement& insert) {
  open_with(insert.with);
  const auto table = change_target(insert.table, Privilege::insert);
  auto change = std::make_unique<logical::Insert>(table);
  const std::vector<std::size_t> positions = positions_of(insert, *table);
  for (const std::size_t position : positions)
    statement_.inserted[table->id()].insert(static_cast<std::uint16_t>(position));
  change->inputs.push_back(insert_source(insert, *table, positions));
  bool read_before = false;
  if (insert.on_conflict) {
    change->on_conflict = bind_on_conflict(insert, table);
    if (change->on_conflict->arbiters.empty()) change->on_conflict.reset();
    read_before = read_columns_;
  }
  open_target(table, insert.alias);
  BoundQuery bound;
  bind_returning(insert.returning, *change, bound.columns);
  if (read_before || read_columns_) statement_.need(*table, Privilege::select);
  bound.plan = std::move(change);
  return bound;
}

// Values that are given are of their columns' types already; WHERE sees the row as it would be inserted.
BoundQuery Binder::bind_copy_from(const ast::CopyStatement& copy, const std::vector<std::size_t>& positions,
                                  const std::shared_ptr<const TableEntry>& table) {
  statement_.use(*table);
  statement_.need(*table, Privilege::insert);
  for (const std::size_t position : positions)
    statement_.inserted[table->id()].insert(static_cast<std::uint16_t>(position));
  const auto& columns = table->schema->columns;
  std::vector<Type> given;
  for (const std::size_t position : positions) given.push_back(columns[position].type);
  Expressions row(columns.size());
  for (std::size_t i = 0; i < positions.size(); ++i)
    row[positions[i]] = storage::make_column(static_cast<int>(i), given[i]);
  for (std::size_t i = 0; i < row.size(); ++i)
    if (!row[i]) row[i] = default_of(*table, i);
  NodePtr plan = std::make_unique<logical::Given>(given);
  const bool as_given = row.size() == given.size() && std::is_sorted(positions.begin(), positions.end());
  if (!as_given) plan = std::make_unique<Project>(std::move(plan), std::move(row));
  if (copy.where) {
    open_target(table, {});
    place_ = Place::copy_where;
    ExpressionPtr condition = bind_boolean(*copy.where, "WHERE");
    place_ = Place::other;
    if (read_columns_) statement_.need(*table, Privilege::select);
    plan = std::make_unique<logical::Filter>(std::move(plan), storage::split_and(std::move(condition)));
  }
  auto change = std::make_unique<logical::Insert>(table);
  change->inputs.push_back(std::move(plan));
  BoundQuery bound;
  bound.plan = std::move(change);
  return bound;
}

}  // namespace gyre::adapter
