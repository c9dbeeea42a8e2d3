// Looking through a syntax tree without knowing what it means.
#pragma once

#include <functional>

#include "adapter/sql/ast.h"

namespace gyre::adapter {

using ExprVisitor = std::function<void(const ast::Expr&)>;
using QueryVisitor = std::function<void(const ast::SelectStatement&)>;

// Visits the direct operands of an expression; a subquery in it goes to `query`.
void for_each_operand(const ast::Expr& expression, const ExprVisitor& visit, const QueryVisitor& query);
// Visits the expressions that stand directly in a query, and the queries within it.
void for_each_part(const ast::SelectStatement& statement, const ExprVisitor& visit,
                   const QueryVisitor& query);

// How many parameters and literal slots a statement mentions: one above the highest index.
struct StatementFacts {
  int parameters = 0;
  int literals = 0;
};
StatementFacts facts_of(const ast::Statement& statement);
StatementFacts facts_of(const ast::Expr& expression);

// Visits every literal of a statement that can be planned.
void for_each_literal(const ast::Statement& statement, const std::function<void(const ast::Literal&)>& visit);

// Whether an aggregate is called outside of the expression's subqueries.
bool contains_aggregate(const ast::Expr& expression);

}  // namespace gyre::adapter
