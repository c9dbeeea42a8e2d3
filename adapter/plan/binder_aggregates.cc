// Grouped queries. Expressions above the grouping are bound over the row (keys, aggregates): a column must be
// a key, an expression that equals a key is that key, an aggregate call is a further column whose arguments
// are bound over the input row.
//
// Keys that are more than a column are found by binding the candidate over the input row and comparing the
// result; literals in such queries are constants, so that `a + 1` equals `a + 1`.
#include "adapter/plan/ast_walk.h"
#include "adapter/plan/binder.h"
#include "adapter/sql_error.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter {

using storage::CastContext;

bool Binder::is_grouped(const ast::SelectStatement& select) const {
  if (!select.group_by.empty() || select.having) return true;
  for (const ast::Target& target : select.targets)
    if (contains_aggregate(*target.value)) return true;
  for (const ast::SortItem& item : select.order_by)
    if (contains_aggregate(*item.value)) return true;
  return false;
}

Binder::ExpressionPtr Binder::grouped_column(int index, Type type, const FoundColumn& found, int location) {
  for (std::size_t key = 0; key < grouping_->keys.size(); ++key)
    if (storage::column_index(*grouping_->keys[key]) == index)
      return storage::make_column(static_cast<int>(key), type);
  for (const ScopeRelation& relation : scope_.relations) {
    bool member = false;
    for (const ScopeColumn& column : relation.columns) member = member || column.index == index;
    if (!member) continue;
    if (key_is_grouped(relation)) return decided_column(index, type);
    std::string name = found.column->name;
    const std::string error =
        !outer_lists_.empty() && place_ != Place::other
            ? "subquery uses ungrouped column \"" + relation.name + "." + name + "\" from outer query"
            : "column \"" + relation.name + "." + name +
                  "\" must appear in the GROUP BY clause or be used in an aggregate "
                  "function";
    throw SqlError("42803", error, location);
  }
  throw SqlError("42803",
                 "column \"" + found.column->name +
                     "\" must appear in the GROUP BY clause or be used in an aggregate function",
                 location);
}

// A primary key among the grouping columns decides the table's other columns.
bool Binder::key_is_grouped(const ScopeRelation& relation) const {
  if (!relation.table || relation.table->schema->primary_key.empty()) return false;
  for (const std::uint16_t column : relation.table->schema->primary_key) {
    const int index = relation.columns[column].index;
    bool grouped = false;
    for (const ExpressionPtr& key : grouping_->keys)
      grouped = grouped || storage::column_index(*key) == index;
    if (!grouped) return false;
  }
  return true;
}

// Any row of the group has the value: it is carried like an aggregate.
Binder::ExpressionPtr Binder::decided_column(int index, Type type) {
  const storage::AggregateDef* function = storage::first_value_of(type.id);
  std::size_t at = 0;
  for (; at < grouping_->calls.size(); ++at) {
    const logical::AggregateCall& call = grouping_->calls[at];
    if (call.function == function && storage::column_index(*call.arguments.front()) == index) break;
  }
  if (at == grouping_->calls.size()) {
    logical::AggregateCall call;
    call.function = function;
    call.arguments.push_back(storage::make_column(index, type));
    grouping_->calls.push_back(std::move(call));
  }
  return storage::make_column(static_cast<int>(grouping_->keys.size() + at), type);
}

Binder::ExpressionPtr Binder::match_group_key(const ast::Expr& expression) {
  Grouping* grouping = grouping_;
  for (std::size_t i = 0; i < grouping->complex.size(); ++i) {
    if (grouping->complex[i]->node.index() != expression.node.index()) continue;
    if (contains_aggregate(expression)) continue;
    grouping_ = nullptr;
    const std::size_t applies = pending_.size();
    ExpressionPtr candidate;
    try {
      candidate = bind(expression);
    } catch (const SqlError&) {
      candidate = nullptr;  // it will be bound again, where the error belongs
    }
    grouping_ = grouping;
    pending_.resize(applies);
    const int key = grouping->complex_keys[i];
    const storage::Expression& wanted = *grouping->keys[static_cast<std::size_t>(key)];
    if (candidate && storage::same_expression(*candidate, wanted))
      return storage::make_column(key, wanted.type());
  }
  return nullptr;
}

void Binder::bind_group_by(const ast::SelectStatement& select) {
  auto grouping = std::make_unique<Grouping>();
  const auto is_column = [](const ast::Expr& expression) {
    return std::holds_alternative<ast::ColumnRef>(expression.node);
  };
  for (const ast::ExprPtr& item : select.group_by) {
    const ast::Expr* key = item.get();
    const auto* literal = std::get_if<ast::Literal>(&key->node);
    const auto* name = std::get_if<ast::ColumnRef>(&key->node);
    if (literal && literal->kind == ast::Literal::Kind::integer) {
      statement_.fix(literal->slot);
      const std::size_t position = literal->text.size() > 6 ? 0 : std::stoul(literal->text);
      if (position < 1 || position > select.targets.size())
        throw SqlError("42P10", "GROUP BY position " + literal->text + " is not in select list",
                       key->location);
      const ast::Expr& target = *select.targets[position - 1].value;
      const auto* star = std::get_if<ast::ColumnRef>(&target.node);
      if (star && star->star)
        throw SqlError("0A000", "GROUP BY position of * is not supported", key->location);
      key = &target;
    } else if (literal) {
      throw SqlError("42601", "non-integer constant in GROUP BY", key->location);
    } else if (name && name->parts.size() == 1 && !find_column(*name, key->location)) {
      for (const ast::Target& target : select.targets)
        if (target.alias == name->parts.front()) key = target.value.get();
    }
    if (contains_aggregate(*key))
      throw SqlError("42803", "aggregate functions are not allowed in GROUP BY", key->location);
    if (!is_column(*key)) ++constants_only_;
    ExpressionPtr bound = resolved(bind_at(Place::group_by, *key), key->location);
    if (!is_column(*key)) --constants_only_;
    bool known = false;
    for (const ExpressionPtr& other : grouping->keys)
      known = known || storage::same_expression(*other, *bound);
    if (known) continue;
    if (!storage::column_index(*bound)) {
      grouping->complex.push_back(key);
      grouping->complex_keys.push_back(static_cast<int>(grouping->keys.size()));
    }
    grouping->keys.push_back(std::move(bound));
  }
  owned_grouping_ = std::move(grouping);
}

Binder::ExpressionPtr Binder::bind_aggregate(const ast::FunctionCall& node, int location) {
  if (!grouping_) {
    if (place_ == Place::aggregate)
      throw SqlError("42803", "aggregate function calls cannot be nested", location);
    const char* where = place_ == Place::where        ? "WHERE"
                        : place_ == Place::join_on    ? "JOIN conditions"
                        : place_ == Place::group_by   ? "GROUP BY"
                        : place_ == Place::values     ? "VALUES"
                        : place_ == Place::returning  ? "RETURNING"
                        : place_ == Place::filter     ? "FILTER"
                        : place_ == Place::update     ? "UPDATE"
                        : place_ == Place::limit      ? "LIMIT"
                        : place_ == Place::copy_where ? "COPY FROM WHERE conditions"
                        : place_ == Place::default_   ? "DEFAULT expressions"
                        : place_ == Place::check      ? "check constraints"
                        : place_ == Place::transform  ? "transform expressions"
                        : place_ == Place::argument   ? "EXECUTE parameters"
                                                      : "this context";
    throw SqlError("42803", std::string("aggregate functions are not allowed in ") + where, location);
  }
  Grouping* grouping = grouping_;
  const Place before = place_;
  grouping_ = nullptr;
  place_ = Place::aggregate;
  std::swap(pending_, argument_pending_);
  logical::AggregateCall call;
  std::vector<TypeId> types;
  for (const ast::ExprPtr& argument : node.arguments) {
    call.arguments.push_back(bind(*argument));
    types.push_back(call.arguments.back()->type().id);
  }
  Expressions order;
  for (const ast::SortItem& item : node.order_by) order.push_back(resolved(bind(*item.value), item.location));
  place_ = Place::filter;
  if (node.filter) call.filter = bind_boolean(*node.filter, "FILTER");
  place_ = before;
  grouping_ = grouping;
  std::swap(pending_, argument_pending_);
  const std::string& name = node.name.name;
  if (node.arguments.empty() && !node.star)
    throw SqlError("42809", name + "(*) must be used to call a parameterless aggregate function", location);
  const auto resolution = storage::resolve_aggregate(name, types);
  if (!resolution.found()) {
    std::string signature = name + "(";
    for (std::size_t i = 0; i < types.size(); ++i) signature += (i == 0 ? "" : ", ") + type_name(types[i]);
    signature += ")";
    if (resolution.status == storage::Resolution::Status::ambiguous)
      throw SqlError("42725", "function " + signature + " is not unique", location)
          .with_hint(
              "Could not choose a best candidate function. You might need to add explicit type casts.");
    throw SqlError("42883", "function " + signature + " does not exist", location)
        .with_hint(
            "No function matches the given name and argument types. You might need to add explicit type "
            "casts.");
  }
  for (std::size_t i = 0; i < call.arguments.size(); ++i)
    call.arguments[i] = coerce_or_throw(std::move(call.arguments[i]), resolution.arguments[i],
                                        CastContext::implicit, location);
  call.function = resolution.aggregate;
  call.distinct = node.distinct;
  order_aggregate(node, std::move(order), call);
  Type result = call.function->result;
  if (result.id == TypeId::unknown) result = call.arguments.front()->type();
  const auto same = [&](const logical::AggregateCall& other) {
    if (other.function != call.function || other.distinct != call.distinct ||
        other.arguments.size() != call.arguments.size() || !other.filter != !call.filter ||
        other.order != call.order)
      return false;
    for (std::size_t i = 0; i < call.arguments.size(); ++i)
      if (!storage::same_expression(*other.arguments[i], *call.arguments[i])) return false;
    return !call.filter || storage::same_expression(*other.filter, *call.filter);
  };
  std::size_t at = 0;
  while (at < grouping_->calls.size() && !same(grouping_->calls[at])) ++at;
  if (at == grouping_->calls.size()) grouping_->calls.push_back(std::move(call));
  return storage::make_column(static_cast<int>(grouping_->keys.size() + at), result);
}

// What is sorted by comes behind the arguments, unless it is one of them. The aggregates that show the order
// of their input get what DISTINCT has seen in order, as PostgreSQL's sorting does.
void Binder::order_aggregate(const ast::FunctionCall& node, Expressions order, logical::AggregateCall& call) {
  const std::string& name = node.name.name;
  for (std::size_t i = 0; i < order.size(); ++i) {
    std::size_t at = 0;
    while (at < call.arguments.size() && !storage::same_expression(*call.arguments[at], *order[i])) ++at;
    if (at == call.arguments.size()) {
      if (node.distinct)
        throw SqlError("42P10",
                       "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list",
                       node.order_by[i].location);
      call.arguments.push_back(std::move(order[i]));
    }
    call.order.push_back(sort_key(static_cast<int>(at), node.order_by[i]));
  }
  if (!node.distinct || (name != "string_agg" && name != "array_agg")) return;
  for (std::size_t i = 0; i < call.arguments.size(); ++i) {
    bool sorted = false;
    for (const logical::SortKey& key : call.order) sorted = sorted || key.column == static_cast<int>(i);
    if (!sorted) call.order.push_back({static_cast<int>(i)});
  }
}

Binder::NodePtr Binder::make_aggregate(NodePtr input) {
  std::swap(pending_, argument_pending_);
  input = apply_subqueries(std::move(input));
  std::swap(pending_, argument_pending_);
  auto aggregate = std::make_unique<logical::Aggregate>(std::move(input), std::move(grouping_->keys));
  for (logical::AggregateCall& call : grouping_->calls) {
    Type result = call.function->result;
    if (result.id == TypeId::unknown) result = call.arguments.front()->type();
    aggregate->columns.push_back(result);
    aggregate->calls.push_back(std::move(call));
  }
  return aggregate;
}

}  // namespace gyre::adapter
