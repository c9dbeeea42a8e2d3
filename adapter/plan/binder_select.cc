// SELECT, VALUES and their combinations. The plan of a plain SELECT, bottom up: FROM, WHERE, grouping,
// HAVING, projection (with the columns that only ORDER BY wants behind the visible ones), DISTINCT, sort,
// LIMIT, and a projection that drops what was only sorted by.
#include <algorithm>
#include <numeric>

#include "adapter/plan/ast_walk.h"
#include "adapter/plan/binder.h"
#include "adapter/plan/binder_columns.h"
#include "adapter/sql_error.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter {

using logical::Distinct;
using logical::Filter;
using logical::Limit;
using logical::Project;
using logical::Sort;
using logical::SortKey;
using storage::CastContext;

namespace {

logical::NodePtr first_columns(logical::NodePtr input, std::size_t count) {
  std::vector<logical::ExpressionPtr> row;
  for (std::size_t i = 0; i < count; ++i)
    row.push_back(storage::make_column(static_cast<int>(i), input->columns[i]));
  return std::make_unique<Project>(std::move(input), std::move(row));
}

}  // namespace

logical::SortKey sort_key(int column, const ast::SortItem& item) {
  SortKey key;
  key.column = column;
  key.descending = item.descending;
  key.nulls_first = item.nulls == ast::SortItem::Nulls::standard ? item.descending
                                                                 : item.nulls == ast::SortItem::Nulls::first;
  return key;
}

// RECURSIVE does no harm where no query mentions itself.
void Binder::open_with(const ast::WithClause& with) {
  for (const ast::CommonTable& table : with.tables) {
    own_queries_.push_back(std::make_unique<VisibleQuery>(VisibleQuery{&table, queries_, with.recursive}));
    queries_ = own_queries_.back().get();
  }
}

BoundQuery Binder::bind_query(const ast::SelectStatement& select, bool resolve_unknowns) {
  check_stack();
  const VisibleQuery* before = queries_;
  open_with(select.with);
  BoundQuery bound = bind_body(select, resolve_unknowns);
  queries_ = before;
  return bound;
}

BoundQuery Binder::bind_body(const ast::SelectStatement& select, bool resolve_unknowns) {
  if (select.operation != ast::SelectStatement::SetOperation::none)
    return bind_set_operation(select, resolve_unknowns);
  if (!select.values.empty()) return bind_values(select, resolve_unknowns);
  return bind_plain(select, resolve_unknowns);
}

void Binder::add_target(Targets& targets, const ast::Target& target) {
  const auto* reference = std::get_if<ast::ColumnRef>(&target.value->node);
  if (reference && reference->star) {
    for (const ScopeColumn* column : star_columns(*reference, target.value->location)) {
      FoundColumn found;
      found.column = column;
      targets.values.push_back(column_value(found, target.value->location));
      targets.columns.push_back({column->name, column->type, column->table_oid, column->column_number});
      targets.syntax.push_back(nullptr);
      targets.locations.push_back(target.value->location);
    }
    return;
  }
  ExpressionPtr value = bind_at(Place::targets, *target.value);
  OutputColumn column;
  column.name = target.alias.empty() ? column_name_of(*target.value) : target.alias;
  column.type = value->type();
  if (reference)
    if (const auto found = find_column(*reference, target.value->location)) {
      column.table_oid = found->column->table_oid;
      column.column_number = found->column->column_number;
    }
  targets.values.push_back(std::move(value));
  targets.columns.push_back(std::move(column));
  targets.syntax.push_back(target.value.get());
  targets.locations.push_back(target.value->location);
}

Binder::Targets Binder::bind_targets(const std::vector<ast::Target>& list) {
  Targets targets;
  for (const ast::Target& target : list) add_target(targets, target);
  return targets;
}

void Binder::resolve_unknown_targets(Targets& targets) {
  for (std::size_t i = 0; i < targets.values.size(); ++i) {
    targets.values[i] = resolved(std::move(targets.values[i]), targets.locations[i]);
    if (i < targets.columns.size()) targets.columns[i].type = targets.values[i]->type();
  }
}

int Binder::sort_column(const ast::Expr& expression, Targets& targets, std::size_t visible, bool may_add,
                        std::string_view clause, int location) {
  const auto* literal = std::get_if<ast::Literal>(&expression.node);
  if (literal && literal->kind == ast::Literal::Kind::integer) {
    statement_.fix(literal->slot);
    const std::size_t position = literal->text.size() > 6 ? 0 : std::stoul(literal->text);
    if (position < 1 || position > visible)
      throw SqlError("42P10", std::string(clause) + " position " + literal->text + " is not in select list",
                     expression.location);
    return static_cast<int>(position - 1);
  }
  if (const auto* sign = std::get_if<ast::OperatorCall>(&expression.node);
      sign && !sign->left && sign->name == "-")
    if (const auto* number = std::get_if<ast::Literal>(&sign->right->node);
        number && number->kind == ast::Literal::Kind::integer)
      throw SqlError("42P10", std::string(clause) + " position -" + number->text + " is not in select list",
                     expression.location);
  if (literal && literal->kind != ast::Literal::Kind::null)
    throw SqlError("42601", "non-integer constant in " + std::string(clause), expression.location);
  const auto* name = std::get_if<ast::ColumnRef>(&expression.node);
  if (name && !name->star && name->parts.size() == 1) {
    int found = -1;
    for (std::size_t i = 0; i < visible; ++i) {
      if (targets.columns[i].name != name->parts.front()) continue;
      if (found >= 0 &&
          !storage::same_expression(*targets.values[static_cast<std::size_t>(found)], *targets.values[i]))
        throw SqlError("42702", std::string(clause) + " \"" + name->parts.front() + "\" is ambiguous",
                       expression.location);
      if (found < 0) found = static_cast<int>(i);
    }
    if (found >= 0) return found;
  }
  ExpressionPtr value = resolved(bind_at(Place::order_by, expression), location);
  for (std::size_t i = 0; i < targets.values.size(); ++i)
    if (storage::same_expression(*targets.values[i], *value)) return static_cast<int>(i);
  if (!may_add)
    throw SqlError("42P10",
                   clause == "ORDER BY"
                       ? "for SELECT DISTINCT, ORDER BY expressions must appear in select list"
                       : "SELECT DISTINCT ON expressions must match initial ORDER BY expressions",
                   expression.location);
  targets.values.push_back(std::move(value));
  return static_cast<int>(targets.values.size() - 1);
}

std::vector<SortKey> Binder::bind_order_by(const ast::SelectStatement& select, Targets& targets,
                                           std::size_t visible, bool may_add) {
  std::vector<SortKey> keys;
  for (const ast::SortItem& item : select.order_by) {
    const int column = sort_column(*item.value, targets, visible, may_add, "ORDER BY", item.location);
    bool repeated = false;
    for (const SortKey& key : keys) repeated = repeated || key.column == column;
    if (!repeated) keys.push_back(sort_key(column, item));
  }
  return keys;
}

// DISTINCT ON (a, b) keeps the first row of each group: the rows are sorted by a, b first, then by the rest
// of ORDER BY, which must begin with a and b in some order.
std::vector<SortKey> Binder::distinct_on_keys(const ast::SelectStatement& select, Targets& targets,
                                              std::size_t visible, std::vector<SortKey> order,
                                              std::vector<int>& columns) {
  for (const ast::ExprPtr& expression : select.distinct_on) {
    const int column = sort_column(*expression, targets, visible, true, "DISTINCT ON", expression->location);
    if (std::find(columns.begin(), columns.end(), column) == columns.end()) columns.push_back(column);
  }
  const std::size_t led = std::min(order.size(), columns.size());
  for (std::size_t i = 0; i < led; ++i)
    if (std::find(columns.begin(), columns.end(), order[i].column) == columns.end())
      throw SqlError("42P10", "SELECT DISTINCT ON expressions must match initial ORDER BY expressions",
                     select.distinct_on.front()->location);
  for (const int column : columns) {
    bool sorted = false;
    for (std::size_t i = 0; i < led; ++i) sorted = sorted || order[i].column == column;
    if (!sorted) order.insert(order.begin() + static_cast<std::ptrdiff_t>(led), SortKey{column});
  }
  return order;
}

Binder::ExpressionPtr Binder::bind_row_count(const ast::ExprPtr& expression, std::string_view clause) {
  if (!expression) return nullptr;
  Grouping* grouping = grouping_;
  grouping_ = nullptr;
  ++constants_only_;
  ExpressionPtr value = bind_at(Place::limit, *expression);
  --constants_only_;
  if (storage::uses_columns(*value))
    throw SqlError("42P10", "argument of " + std::string(clause) + " must not contain variables",
                   expression->location);
  const Type type = value->type();
  value = coerce(std::move(value), TypeId::int8, CastContext::assignment, expression->location);
  if (!value)
    throw SqlError("42804",
                   "argument of " + std::string(clause) + " must be type bigint, not type " + type_name(type),
                   expression->location);
  grouping_ = grouping;
  return storage::fold(std::move(value));
}

Binder::NodePtr Binder::bind_limit(NodePtr input, const ast::SelectStatement& select) {
  if (!select.limit && !select.offset) return input;
  ExpressionPtr limit = bind_row_count(select.limit, "LIMIT");
  ExpressionPtr offset = bind_row_count(select.offset, "OFFSET");
  return std::make_unique<Limit>(std::move(input), std::move(limit), std::move(offset));
}

BoundQuery Binder::bind_plain(const ast::SelectStatement& select, bool resolve_unknowns) {
  locking_.insert(locking_.begin(), select.locking.begin(), select.locking.end());
  NodePtr plan = bind_from(select.from);
  if (select.where) {
    const Place before = place_;
    place_ = Place::where;
    ExpressionPtr where = bind_boolean(*select.where, "WHERE");
    place_ = before;
    plan = apply_subqueries(std::move(plan));
    plan = std::make_unique<Filter>(std::move(plan), storage::split_and(std::move(where)));
  }
  const bool grouped = is_grouped(select);
  check_lockable(select, grouped);
  if (grouped) {
    bind_group_by(select);
    plan = apply_subqueries(std::move(plan));
    grouping_ = owned_grouping_.get();
    if (!grouping_->complex.empty()) ++constants_only_;
  }
  const bool exact = select.distinct && !select.order_by.empty();  // ORDER BY items are compared with targets
  if (exact || !select.distinct_on.empty()) ++constants_only_;
  Targets targets = bind_targets(select.targets);
  if (resolve_unknowns || select.distinct || !select.order_by.empty()) resolve_unknown_targets(targets);
  const std::size_t visible = targets.values.size();
  ExpressionPtr having;
  if (select.having) {
    const Place before = place_;
    place_ = Place::having;
    having = bind_boolean(*select.having, "HAVING");
    place_ = before;
  }
  std::vector<SortKey> order =
      bind_order_by(select, targets, visible, !select.distinct || !select.distinct_on.empty());
  std::vector<int> first_of;
  if (!select.distinct_on.empty())
    order = distinct_on_keys(select, targets, visible, std::move(order), first_of);

  std::vector<logical::LockRows::Lock> locks = bind_locking(targets);
  // Beyond this point nothing is bound any more but LIMIT: the plan is put together.
  if (grouped) {
    plan = make_aggregate(std::move(plan));
    const int width = static_cast<int>(plan->width());
    const auto settle = [&](ExpressionPtr& value) {
      if (value) value = replace_columns(*value, kAboveGrouping, width);
    };
    if (!pending_.empty()) {
      for (ExpressionPtr& value : targets.values) settle(value);
      settle(having);
      for (PendingApply& apply : pending_) {
        for (auto& [parameter, value] : apply.outer) settle(value);
        // The test's inner columns are above those of the outer row and are settled later.
        if (apply.test) apply.test = replace_columns(*apply.test, kAboveGrouping, width, kInnerRow);
      }
    }
    grouping_ = nullptr;
  }
  plan = apply_subqueries(std::move(plan));
  if (having) plan = std::make_unique<Filter>(std::move(plan), storage::split_and(std::move(having)));
  std::vector<OutputColumn> columns = std::move(targets.columns);
  plan = std::make_unique<Project>(std::move(plan), std::move(targets.values));
  if (select.distinct && select.distinct_on.empty()) {
    std::vector<int> all(visible);
    std::iota(all.begin(), all.end(), 0);
    plan = std::make_unique<Distinct>(std::move(plan), std::move(all), false);
  }
  if (!order.empty()) plan = std::make_unique<Sort>(std::move(plan), std::move(order));
  if (!select.distinct_on.empty())
    plan = std::make_unique<Distinct>(std::move(plan), std::move(first_of), true);
  if (!locks.empty()) plan = std::make_unique<logical::LockRows>(std::move(plan), std::move(locks));
  plan = bind_limit(std::move(plan), select);
  if (plan->width() > visible) plan = first_columns(std::move(plan), visible);
  return {std::move(plan), std::move(columns)};
}

BoundQuery Binder::bind_values(const ast::SelectStatement& select, bool resolve_unknowns) {
  locking_ = select.locking;
  check_lockable(select, false);
  const std::size_t width = select.values.front().size();
  std::vector<Expressions> columns(width);
  for (const auto& row : select.values) {
    if (row.size() != width)
      throw SqlError("42601", "VALUES lists must all be the same length", row.front()->location);
    for (std::size_t i = 0; i < width; ++i) columns[i].push_back(bind_at(Place::values, *row[i]));
  }
  BoundQuery bound;
  std::vector<Type> row;
  for (std::size_t i = 0; i < width; ++i) {
    Type type;
    bool unknown = !resolve_unknowns;
    for (const ExpressionPtr& value : columns[i]) unknown = unknown && value->type().id == TypeId::unknown;
    if (!unknown) type = unify(columns[i], "VALUES", select.values.front()[i]->location);
    row.push_back(type);
    bound.columns.push_back({"column" + std::to_string(i + 1), type});
  }
  NodePtr plan;
  if (!pending_.empty()) {
    // A row with subqueries is a projection of what they answer.
    if (select.values.size() != 1)
      throw SqlError("0A000", "subqueries in VALUES of several rows are not supported");
    auto empty = std::make_unique<logical::Values>(std::vector<Type>{});
    empty->rows.emplace_back();
    Expressions only;
    for (Expressions& column : columns) only.push_back(std::move(column.front()));
    plan = std::make_unique<Project>(apply_subqueries(std::move(empty)), std::move(only));
  } else {
    auto values = std::make_unique<logical::Values>(std::move(row));
    for (std::size_t r = 0; r < select.values.size(); ++r) {
      values->rows.emplace_back();
      for (Expressions& column : columns) values->rows.back().push_back(std::move(column[r]));
    }
    plan = std::move(values);
  }
  Targets targets;
  targets.columns = bound.columns;
  for (std::size_t i = 0; i < width; ++i)
    targets.values.push_back(storage::make_column(static_cast<int>(i), bound.columns[i].type));
  std::vector<SortKey> order = bind_order_by(select, targets, width, false);
  if (!order.empty()) plan = std::make_unique<Sort>(std::move(plan), std::move(order));
  bound.plan = bind_limit(std::move(plan), select);
  return bound;
}

BoundQuery Binder::bind_set_operation(const ast::SelectStatement& select, bool) {
  const auto add_clauses = [&](const ast::SelectStatement& part) {
    locking_.insert(locking_.end(), part.locking.begin(), part.locking.end());
  };
  add_clauses(select);
  add_clauses(*select.left);
  add_clauses(*select.right);
  check_lockable(select, false);
  using Operation = ast::SelectStatement::SetOperation;
  const char* name = select.operation == Operation::union_      ? "UNION"
                     : select.operation == Operation::intersect ? "INTERSECT"
                                                                : "EXCEPT";
  Binder left_binder(statement_, parent_, queries_);
  BoundQuery left = left_binder.bind_query(*select.left, false);
  Binder right_binder(statement_, parent_, queries_);
  BoundQuery right = right_binder.bind_query(*select.right, false);
  if (left.columns.size() != right.columns.size())
    throw SqlError("42601", std::string("each ") + name + " query must have the same number of columns",
                   select.right->targets.empty() ? -1 : select.right->targets.front().value->location);
  Expressions left_row;
  Expressions right_row;
  BoundQuery bound;
  const auto column_of = [&](BoundQuery& side, std::size_t i) -> ExpressionPtr {
    // A literal or parameter without a type lies in the projection on top: it is typed there.
    if (side.columns[i].type.id == TypeId::unknown)
      if (side.plan->kind == logical::Kind::project)
        return storage::clone(*static_cast<const Project&>(*side.plan).expressions[i]);
    return storage::make_column(static_cast<int>(i), side.columns[i].type);
  };
  for (std::size_t i = 0; i < left.columns.size(); ++i) {
    Expressions both;
    both.push_back(column_of(left, i));
    both.push_back(column_of(right, i));
    const Type type = unify(both, name, -1);
    left_row.push_back(std::move(both[0]));
    right_row.push_back(std::move(both[1]));
    bound.columns.push_back({left.columns[i].name, type});
  }
  auto left_plan = std::make_unique<Project>(std::move(left.plan), std::move(left_row));
  auto right_plan = std::make_unique<Project>(std::move(right.plan), std::move(right_row));
  const logical::SetKind kind = select.operation == Operation::union_      ? logical::SetKind::union_
                                : select.operation == Operation::intersect ? logical::SetKind::intersect
                                                                           : logical::SetKind::except;
  NodePtr plan =
      std::make_unique<logical::SetOperation>(kind, select.all, std::move(left_plan), std::move(right_plan));
  Targets targets;
  targets.columns = bound.columns;
  for (std::size_t i = 0; i < bound.columns.size(); ++i)
    targets.values.push_back(storage::make_column(static_cast<int>(i), bound.columns[i].type));
  ScopeRelation relation;  // ORDER BY may only mention the result's columns
  std::vector<SortKey> order;
  for (const ast::SortItem& item : select.order_by) {
    const auto* reference = std::get_if<ast::ColumnRef>(&item.value->node);
    const auto* literal = std::get_if<ast::Literal>(&item.value->node);
    if (!reference && !literal)
      throw SqlError("0A000", "invalid UNION/INTERSECT/EXCEPT ORDER BY clause", item.value->location)
          .with_detail("Only result column names can be used, not expressions or functions.")
          .with_hint("Add the expression/function to every SELECT, or move the UNION into a FROM clause.");
    order.push_back(sort_key(
        sort_column(*item.value, targets, targets.values.size(), false, "ORDER BY", item.location), item));
  }
  if (!order.empty()) plan = std::make_unique<Sort>(std::move(plan), std::move(order));
  bound.plan = bind_limit(std::move(plan), select);
  return bound;
}

}  // namespace gyre::adapter
