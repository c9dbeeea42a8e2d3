// Subqueries in expressions. Each becomes an Apply below the operator whose expression mentions it, and in
// the expression the column that the Apply adds.
//
// The Apply's place in the row is not known while a grouped query is bound (the aggregates before it are
// still being counted), nor is the width of the outer row that its test is over. Both are stood for by high
// column numbers until apply_subqueries() and bind_plain() know better.
#include "adapter/plan/binder.h"
#include "adapter/plan/binder_columns.h"
#include "adapter/sql_error.h"
#include "storage/scalar/aggregates.h"
#include "storage/scalar/casts.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter {

using logical::Apply;

int Binder::next_apply_column() const {
  const int before = static_cast<int>(pending_.size());
  return grouping_ ? kAboveGrouping + before : row_width_ + applied_ + before;
}

Binder::ExpressionPtr Binder::bind_node(const ast::SubqueryExpr& node, int location) {
  using Kind = ast::SubqueryExpr::Kind;
  if (place_ == Place::join_on || place_ == Place::from_function || place_ == Place::limit)
    throw SqlError("0A000", "subqueries are not supported here", location);
  if (place_ == Place::copy_where)
    throw SqlError("0A000", "cannot use subquery in COPY FROM WHERE condition", location);
  if (place_ == Place::default_)
    throw SqlError("0A000", "cannot use subquery in DEFAULT expression", location);
  if (place_ == Place::check)
    throw SqlError("0A000", "cannot use subquery in check constraint", location);
  if (place_ == Place::transform)
    throw SqlError("0A000", "cannot use subquery in transform expression", location);
  if (place_ == Place::argument)
    throw SqlError("0A000", "cannot use subquery in EXECUTE parameter", location);
  const bool with_test = node.kind == Kind::any || node.kind == Kind::all;
  if (with_test && std::holds_alternative<ast::RowExpr>(node.test->node))
    throw SqlError("0A000", "subquery comparisons of rows are not supported", location);

  ExpressionPtr test = with_test ? bind(*node.test) : nullptr;
  PendingApply apply;
  outer_lists_.push_back(&apply.outer);
  Binder inner(statement_, this, queries_);
  apply.query = inner.bind_query(*node.query, true);
  outer_lists_.pop_back();
  if (node.kind != Kind::exists && apply.query.columns.size() != 1)
    throw SqlError("42601",
                   with_test ? "subquery has too many columns" : "subquery must return only one column",
                   location);
  Type result = TypeId::boolean;
  const bool array = node.kind == Kind::array;
  if (array) collect_into_array(apply.query, location);
  if (node.kind == Kind::scalar || array) {
    apply.form = Apply::Form::scalar;
    result = apply.query.columns.front().type;
  } else if (node.kind == Kind::exists) {
    apply.form = Apply::Form::exists;
  } else {
    apply.form = node.kind == Kind::any ? Apply::Form::any : Apply::Form::all;
    const std::string name = node.operator_name.empty() ? "=" : node.operator_name;
    apply.test = call_operator(name, std::move(test),
                               storage::make_column(kInnerRow, apply.query.columns.front().type), location);
    if (apply.test->type().id != TypeId::boolean)
      throw SqlError("42804", "operator in a quantified comparison must yield boolean", location);
  }
  apply.result = result;
  const int column = next_apply_column();
  pending_.push_back(std::move(apply));
  if (!array) return storage::make_column(column, result);
  Expressions collected;
  collected.push_back(storage::make_column(column, result));
  collected.push_back(storage::make_constant(result, storage::Datum::of_bytes("{}")));
  return storage::make_coalesce(result, std::move(collected));
}

// ARRAY(query): array_agg over its rows in their order; where there is none that is null, not yet an empty
// array.
void Binder::collect_into_array(BoundQuery& query, int location) const {
  const Type element = query.columns.front().type;
  const TypeId types[] = {element.id};
  const auto found = storage::resolve_aggregate("array_agg", types);
  if (!found.found() || !storage::is_binary_coercible(element.id, found.arguments.front()))
    throw SqlError("0A000", "arrays of type " + type_name(element) + " are not supported", location);
  auto collected = std::make_unique<logical::Aggregate>(std::move(query.plan), Expressions());
  logical::AggregateCall call;
  call.function = found.aggregate;
  call.arguments.push_back(storage::make_column(0, element));
  collected->columns.emplace_back(found.aggregate->result);
  collected->calls.push_back(std::move(call));
  query.plan = std::move(collected);
  query.columns.front().type = found.aggregate->result;
}

Binder::NodePtr Binder::apply_subqueries(NodePtr input) {
  for (PendingApply& pending : pending_) {
    const int width = static_cast<int>(input->width());
    auto apply = std::make_unique<Apply>(std::move(input), std::move(pending.query.plan), pending.form,
                                         pending.result);
    if (pending.test) apply->test = replace_columns(*pending.test, kInnerRow, width);
    apply->outer = std::move(pending.outer);
    input = std::move(apply);
  }
  applied_ += static_cast<int>(pending_.size());
  pending_.clear();
  return input;
}

std::unique_ptr<storage::Expression> replace_columns(const storage::Expression& expression, int from, int to,
                                                     int end) {
  std::vector<int> used;
  storage::collect_columns(expression, used);
  if (used.empty()) return storage::clone(expression);
  std::vector<int> map(static_cast<std::size_t>(used.back()) + 1);
  for (const int column : used)
    map[static_cast<std::size_t>(column)] = column >= from && column < end ? column - from + to : column;
  return expression.clone_with_columns(map);
}

}  // namespace gyre::adapter
