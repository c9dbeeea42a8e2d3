#include "adapter/plan/ast_walk.h"

#include <algorithm>
#include <type_traits>
#include <variant>

#include "storage/scalar/aggregates.h"

namespace gyre::adapter {
namespace {

void visit_all(const std::vector<ast::ExprPtr>& expressions, const ExprVisitor& visit) {
  for (const ast::ExprPtr& expression : expressions)
    if (expression) visit(*expression);
}
void visit_one(const ast::ExprPtr& expression, const ExprVisitor& visit) {
  if (expression) visit(*expression);
}
void visit_sort(const std::vector<ast::SortItem>& items, const ExprVisitor& visit) {
  for (const ast::SortItem& item : items) visit_one(item.value, visit);
}

// One overload per node that has operands; the rest have none.
struct Operands {
  const ExprVisitor& visit;
  const QueryVisitor& query;

  template <class Leaf>
  void operator()(const Leaf&) const {}
  void operator()(const ast::OperatorCall& node) const { both(node.left, node.right); }
  void operator()(const ast::BooleanCall& node) const { visit_all(node.arguments, visit); }
  void operator()(const ast::DistinctFrom& node) const { both(node.left, node.right); }
  void operator()(const ast::NullIf& node) const { both(node.left, node.right); }
  void operator()(const ast::InList& node) const {
    visit_one(node.value, visit);
    visit_all(node.list, visit);
  }
  void operator()(const ast::Between& node) const {
    visit_one(node.value, visit);
    both(node.low, node.high);
  }
  void operator()(const ast::NullTest& node) const { visit_one(node.value, visit); }
  void operator()(const ast::BooleanTest& node) const { visit_one(node.value, visit); }
  void operator()(const ast::FunctionCall& node) const {
    visit_all(node.arguments, visit);
    visit_one(node.filter, visit);
    visit_sort(node.order_by, visit);
  }
  void operator()(const ast::TypeCast& node) const {
    visit_one(node.value, visit);
    visit_all(node.type.typmods, visit);
  }
  void operator()(const ast::CaseExpr& node) const {
    visit_one(node.subject, visit);
    for (const auto& [condition, result] : node.branches) both(condition, result);
    visit_one(node.otherwise, visit);
  }
  void operator()(const ast::Coalesce& node) const { visit_all(node.arguments, visit); }
  void operator()(const ast::MinMax& node) const { visit_all(node.arguments, visit); }
  void operator()(const ast::SubqueryExpr& node) const {
    visit_one(node.test, visit);
    if (node.query) query(*node.query);
  }
  void operator()(const ast::ArrayExpr& node) const { visit_all(node.elements, visit); }
  void operator()(const ast::RowExpr& node) const { visit_all(node.elements, visit); }
  void operator()(const ast::Collate& node) const { visit_one(node.value, visit); }
  void operator()(const ast::Subscript& node) const { both(node.value, node.index); }
  void operator()(const ast::FieldAccess& node) const { visit_one(node.value, visit); }

 private:
  void both(const ast::ExprPtr& left, const ast::ExprPtr& right) const {
    visit_one(left, visit);
    visit_one(right, visit);
  }
};

void visit_from(const ast::FromItem& item, const ExprVisitor& visit, const QueryVisitor& query) {
  if (const auto* join = std::get_if<ast::JoinRef>(&item.node)) {
    visit_from(*join->left, visit, query);
    visit_from(*join->right, visit, query);
    visit_one(join->on, visit);
  } else if (const auto* subquery = std::get_if<ast::SubqueryRef>(&item.node)) {
    query(*subquery->query);
  } else if (const auto* function = std::get_if<ast::FunctionRef>(&item.node)) {
    visit_one(function->call, visit);
  }
}

void visit_targets(const std::vector<ast::Target>& targets, const ExprVisitor& visit) {
  for (const ast::Target& target : targets) visit_one(target.value, visit);
}

// As many as a Bind message can carry.
constexpr int kMaxParameters = 65535;

class FactFinder {
 public:
  StatementFacts facts;
  std::function<void(const ast::Literal&)> on_literal;

  void look_at(const ast::Expr& expression) {
    if (const auto* literal = std::get_if<ast::Literal>(&expression.node)) {
      facts.literals = std::max(facts.literals, literal->slot + 1);
      if (on_literal) on_literal(*literal);
    }
    // A larger number is an error when it is bound; here it must not size anything.
    if (const auto* parameter = std::get_if<ast::ParameterRef>(&expression.node);
        parameter != nullptr && parameter->number <= kMaxParameters)
      facts.parameters = std::max(facts.parameters, parameter->number);
    for_each_operand(expression, expr_, query_);
  }
  void look_at(const ast::SelectStatement& statement) { for_each_part(statement, expr_, query_); }
  void look_at(const ast::WithClause& with) {
    for (const ast::CommonTable& table : with.tables) look_at(*table.query);
  }
  void look_at(const std::vector<ast::FromPtr>& from) {
    for (const ast::FromPtr& item : from) visit_from(*item, expr_, query_);
  }
  void look_at(const ast::ExprPtr& expression) { visit_one(expression, expr_); }
  void look_at(const std::vector<ast::Target>& targets) { visit_targets(targets, expr_); }

 private:
  ExprVisitor expr_ = [this](const ast::Expr& expression) { look_at(expression); };
  QueryVisitor query_ = [this](const ast::SelectStatement& statement) { look_at(statement); };
};

}  // namespace

void for_each_operand(const ast::Expr& expression, const ExprVisitor& visit, const QueryVisitor& query) {
  std::visit(Operands{visit, query}, expression.node);
}

void for_each_part(const ast::SelectStatement& statement, const ExprVisitor& visit,
                   const QueryVisitor& query) {
  visit_targets(statement.targets, visit);
  visit_all(statement.distinct_on, visit);
  for (const ast::FromPtr& item : statement.from) visit_from(*item, visit, query);
  visit_one(statement.where, visit);
  visit_all(statement.group_by, visit);
  visit_one(statement.having, visit);
  for (const auto& row : statement.values) visit_all(row, visit);
  if (statement.left) query(*statement.left);
  if (statement.right) query(*statement.right);
  for (const ast::CommonTable& table : statement.with.tables) query(*table.query);
  visit_sort(statement.order_by, visit);
  visit_one(statement.limit, visit);
  visit_one(statement.offset, visit);
}

namespace {

void look_through(const ast::Statement& statement, FactFinder& finder) {
  if (const auto* select = std::get_if<ast::SelectPtr>(&statement.node)) {
    finder.look_at(**select);
  } else if (const auto* insert = std::get_if<ast::InsertStatement>(&statement.node)) {
    finder.look_at(insert->with);
    if (insert->source) finder.look_at(*insert->source);
    if (insert->on_conflict) {
      for (const ast::ExprPtr& target : insert->on_conflict->targets) finder.look_at(target);
      finder.look_at(insert->on_conflict->predicate);
      for (const ast::Assignment& assignment : insert->on_conflict->assignments)
        finder.look_at(assignment.value);
      finder.look_at(insert->on_conflict->where);
    }
    finder.look_at(insert->returning);
  } else if (const auto* update = std::get_if<ast::UpdateStatement>(&statement.node)) {
    finder.look_at(update->with);
    for (const ast::Assignment& assignment : update->assignments) finder.look_at(assignment.value);
    finder.look_at(update->from);
    finder.look_at(update->where);
    finder.look_at(update->returning);
  } else if (const auto* erase = std::get_if<ast::DeleteStatement>(&statement.node)) {
    finder.look_at(erase->with);
    finder.look_at(erase->using_items);
    finder.look_at(erase->where);
    finder.look_at(erase->returning);
  }
}

}  // namespace

StatementFacts facts_of(const ast::Statement& statement) {
  FactFinder finder;
  look_through(statement, finder);
  return finder.facts;
}

void for_each_literal(const ast::Statement& statement,
                      const std::function<void(const ast::Literal&)>& visit) {
  FactFinder finder;
  finder.on_literal = visit;
  look_through(statement, finder);
}

StatementFacts facts_of(const ast::Expr& expression) {
  FactFinder finder;
  finder.look_at(expression);
  return finder.facts;
}

bool contains_aggregate(const ast::Expr& expression) {
  if (const auto* call = std::get_if<ast::FunctionCall>(&expression.node))
    if (!call->window && storage::is_aggregate(call->name.name)) return true;
  bool found = false;
  for_each_operand(
      expression, [&](const ast::Expr& operand) { found = found || contains_aggregate(operand); },
      [](const ast::SelectStatement&) {});
  return found;
}

}  // namespace gyre::adapter
