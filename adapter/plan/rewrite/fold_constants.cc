// Filters' and projections' expressions are folded where they stand. A filter whose conditions are all true
// goes; one that is never true stays and lets nothing through.
#include "adapter/plan/rewrite/rewrite.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter::rewrite {

using logical::ExpressionPtr;
using logical::Kind;

namespace {

void fold_all(std::vector<ExpressionPtr>& expressions) {
  for (ExpressionPtr& expression : expressions) expression = storage::fold(std::move(expression));
}

// An AND's operands, without those that are always true.
void fold_conditions(std::vector<ExpressionPtr>& conditions) {
  std::vector<ExpressionPtr> kept;
  for (ExpressionPtr& condition : conditions)
    for (ExpressionPtr& part : storage::split_and(storage::fold(std::move(condition)))) {
      if (storage::is_constant(*part) && storage::constant_value(*part).truth()) continue;
      kept.push_back(std::move(part));
    }
  conditions = std::move(kept);
}

}  // namespace

NodePtr fold_constants(NodePtr plan) {
  for (NodePtr& input : plan->inputs) input = fold_constants(std::move(input));
  switch (plan->kind) {
    case Kind::filter: {
      auto& filter = static_cast<logical::Filter&>(*plan);
      fold_conditions(filter.conditions);
      if (filter.conditions.empty()) return std::move(plan->inputs.front());
      break;
    }
    case Kind::project:
      fold_all(static_cast<logical::Project&>(*plan).expressions);
      break;
    case Kind::join:
      fold_conditions(static_cast<logical::Join&>(*plan).conditions);
      break;
    case Kind::values:
      for (auto& row : static_cast<logical::Values&>(*plan).rows) fold_all(row);
      break;
    case Kind::aggregate:
      for (auto& call : static_cast<logical::Aggregate&>(*plan).calls) fold_all(call.arguments);
      break;
    case Kind::insert:
      if (auto& conflict = static_cast<logical::Insert&>(*plan).on_conflict) {
        fold_all(conflict->row);
        fold_all(conflict->conditions);
      }
      break;
    default:
      break;
  }
  return plan;
}

}  // namespace gyre::adapter::rewrite
