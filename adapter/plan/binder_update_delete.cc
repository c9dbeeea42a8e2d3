// UPDATE, DELETE and TRUNCATE. The first two read their target with its keys; what they change is the whole
// of what their input answers, each row once.
#include <algorithm>

#include "adapter/catalog/denied.h"
#include "adapter/plan/binder.h"
#include "adapter/sql_error.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter {

using logical::Filter;
using logical::Project;

namespace {

// The columns of the other tables, behind the row and its key, where they are in the row of FROM: RETURNING
// finds them by the same names.
void append_more(std::vector<logical::ExpressionPtr>& row, const logical::Node& from, int width) {
  for (int i = static_cast<int>(row.size()); i < width; ++i)
    row.push_back(storage::make_column(i, from.columns[static_cast<std::size_t>(i)]));
}

}  // namespace

// Row: the table's columns, the row's key, then the columns of `more`.
Binder::NodePtr Binder::scan_target(const std::shared_ptr<const TableEntry>& table, const std::string& alias,
                                    const std::vector<ast::FromPtr>& more, const ast::ExprPtr& where) {
  open_target(table, alias);
  std::vector<Type> row;
  for (const storage::ColumnDef& column : table->schema->columns) row.push_back(column.type);
  auto scan = std::make_unique<logical::Scan>(table, row);
  for (std::size_t i = 0; i < row.size(); ++i) scan->source.push_back(static_cast<std::uint16_t>(i));
  scan->with_key = true;
  scan->columns.emplace_back(TypeId::bytea);
  NodePtr plan = std::move(scan);
  for (const ast::FromPtr& item : more) {
    auto [node, scope] = bind_item(*item);
    shift(scope, static_cast<int>(plan->width()));
    merge_into(scope_, std::move(scope), item->location);
    plan = std::make_unique<logical::Join>(logical::JoinKind::inner, std::move(plan), std::move(node));
  }
  row_width_ = static_cast<int>(plan->width());
  if (!where) return plan;
  place_ = Place::where;
  ExpressionPtr condition = bind_boolean(*where, "WHERE");
  place_ = Place::other;
  plan = apply_subqueries(std::move(plan));
  return std::make_unique<Filter>(std::move(plan), storage::split_and(std::move(condition)));
}

Binder::Expressions Binder::bind_assignments(const std::vector<ast::Assignment>& assignments,
                                             const TableEntry& table) {
  const auto& columns = table.schema->columns;
  Expressions row(columns.size());
  place_ = Place::update;
  for (const ast::Assignment& assignment : assignments) {
    const auto found = std::find_if(columns.begin(), columns.end(), [&](const storage::ColumnDef& column) {
      return column.name == assignment.column;
    });
    if (found == columns.end())
      throw SqlError(
          "42703", "column \"" + assignment.column + "\" of relation \"" + table.name() + "\" does not exist",
          assignment.location);
    const auto at = static_cast<std::size_t>(found - columns.begin());
    if (row[at])
      throw SqlError("42601", "multiple assignments to same column \"" + assignment.column + "\"",
                     assignment.location);
    statement_.updated[table.id()].insert(static_cast<std::uint16_t>(at));
    const ast::Expr& value = *assignment.value;
    if (table.defaults[at].identity == Identity::always &&
        !std::holds_alternative<ast::DefaultMarker>(value.node))
      throw SqlError("428C9", "column \"" + found->name + "\" can only be updated to DEFAULT")
          .with_detail("Column \"" + found->name + "\" is an identity column defined as GENERATED ALWAYS.");
    row[at] = std::holds_alternative<ast::DefaultMarker>(value.node)
                  ? default_of(table, at)
                  : assign(bind(value), found->type, found->name, value.location);
  }
  place_ = Place::other;
  return row;
}

BoundQuery Binder::bind_update(const ast::UpdateStatement& update) {
  open_with(update.with);
  const auto table = change_target(update.table, Privilege::update);
  const auto& columns = table->schema->columns;
  NodePtr plan = scan_target(table, update.alias, update.from, update.where);
  Expressions row = bind_assignments(update.assignments, *table);
  for (std::size_t i = 0; i < row.size(); ++i)
    if (!row[i]) row[i] = storage::make_column(static_cast<int>(i), columns[i].type);
  row.push_back(storage::make_column(static_cast<int>(columns.size()), TypeId::bytea));
  plan = apply_subqueries(std::move(plan));
  const bool returns_more = !update.from.empty() && !update.returning.empty();
  if (returns_more) append_more(row, *plan, row_width_);
  auto change = std::make_unique<logical::Update>(table);
  change->inputs.push_back(std::make_unique<Project>(std::move(plan), std::move(row)));
  const bool read_before = read_columns_;
  if (!returns_more) open_target(table, update.alias);
  BoundQuery bound;
  bind_returning(update.returning, *change, bound.columns);
  if (read_before || read_columns_) statement_.need(*table, Privilege::select);
  bound.plan = std::move(change);
  return bound;
}

BoundQuery Binder::bind_delete(const ast::DeleteStatement& erase) {
  open_with(erase.with);
  const auto table = change_target(erase.table, Privilege::delete_);
  NodePtr plan = scan_target(table, erase.alias, erase.using_items, erase.where);
  Expressions row;
  for (std::size_t i = 0; i <= table->schema->columns.size(); ++i)
    row.push_back(storage::make_column(static_cast<int>(i), plan->columns[i]));
  const bool returns_more = !erase.using_items.empty() && !erase.returning.empty();
  if (returns_more) append_more(row, *plan, row_width_);
  auto change = std::make_unique<logical::Delete>(table);
  change->inputs.push_back(std::make_unique<Project>(std::move(plan), std::move(row)));
  const bool read_before = read_columns_;
  if (!returns_more) open_target(table, erase.alias);
  BoundQuery bound;
  bind_returning(erase.returning, *change, bound.columns);
  if (read_before || read_columns_) statement_.need(*table, Privilege::select);
  bound.plan = std::move(change);
  return bound;
}

logical::ExpressionPtr Binder::bind_check(const ast::Expr& expression,
                                         const std::shared_ptr<const TableEntry>& table) {
  open_target(table, {});
  place_ = Place::check;
  return bind_boolean(expression, "CHECK");
}

logical::ExpressionPtr Binder::bind_transform(const ast::Expr& expression,
                                             const std::shared_ptr<const TableEntry>& table) {
  open_target(table, {});
  place_ = Place::transform;
  return bind(expression);
}

BoundQuery Binder::bind_truncate(const ast::TruncateStatement& truncate) {
  auto plan = std::make_unique<logical::Truncate>();
  const Catalog& catalog = statement_.context.catalog;
  std::vector<std::shared_ptr<const TableEntry>> tables;
  const auto add = [&](std::shared_ptr<const TableEntry> table) {
    if (std::find(plan->tables.begin(), plan->tables.end(), table->id()) != plan->tables.end()) return;
    plan->tables.push_back(table->id());
    tables.push_back(std::move(table));
  };
  // One after the other: who may not touch the first is told so, whatever the others are.
  for (const ast::QualifiedName& name : truncate.tables) {
    auto table = change_target(name, Privilege::truncate);
    if (!catalog.allows(statement_.context.role, *table, bit(Privilege::truncate)))
      throw permission_denied(ObjectKind::table, table->name());
    add(std::move(table));
  }
  // (The list grows while it is gone through.)
  for (std::size_t i = 0; truncate.cascade && i < tables.size(); ++i)
    for (const auto& child : catalog.referrers(tables[i]->id())) {
      statement_.use(*child);
      statement_.need(*child, Privilege::truncate);
      if (std::find(plan->tables.begin(), plan->tables.end(), child->id()) == plan->tables.end())
        statement_.notices.push_back("truncate cascades to table \"" + child->name() + "\"");
      add(child);
    }
  for (const auto& table : tables)
    for (const auto& child : catalog.referrers(table->id()))
      if (std::find(plan->tables.begin(), plan->tables.end(), child->id()) == plan->tables.end())
        throw SqlError("0A000", "cannot truncate a table referenced in a foreign key constraint")
            .with_detail("Table \"" + child->name() + "\" references \"" + table->name() + "\".")
            .with_hint("Truncate table \"" + child->name() +
                       "\" at the same time, or use TRUNCATE ... CASCADE.");
  for (const auto& table : tables)
    for (std::uint16_t column = 0; truncate.restart_identity && column < table->schema->columns.size(); ++column)
      if (const auto sequence = catalog.sequence_of(table->id(), column)) {
        if (!catalog.has_privileges_of(statement_.context.role, sequence->owner))
          throw SqlError("42501", "must be owner of sequence " + sequence->name());
        plan->restarts.emplace_back(sequence->id(), sequence->sequence->start);
      }
  BoundQuery bound;
  bound.plan = std::move(plan);
  return bound;
}

}  // namespace gyre::adapter
