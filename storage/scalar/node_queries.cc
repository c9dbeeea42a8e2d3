// What a planner asks about expressions, and constant folding. Everything here goes by kinds and operands
// only.
#include <algorithm>

#include "storage/failure.h"
#include "storage/scalar/nodes.h"

namespace gyre::storage {

bool is_constant(const Expression& expression) {
  return kind_of(expression) == NodeKind::constant;
}
bool is_null_constant(const Expression& expression) {
  return is_constant(expression) && constant_value(expression).null;
}

std::vector<const Expression*> children_of(const Expression& expression) {
  std::vector<const Expression*> children;
  expression.for_each_child([&children](const Expression& child) { children.push_back(&child); });
  return children;
}

ExpressionPtr clone(const Expression& expression) {
  std::vector<int> columns;
  collect_columns(expression, columns);
  std::vector<int> identity(columns.empty() ? 0 : static_cast<std::size_t>(columns.back()) + 1);
  for (std::size_t i = 0; i < identity.size(); ++i) identity[i] = static_cast<int>(i);
  return expression.clone_with_columns(identity);
}

std::optional<ColumnComparison> as_column_comparison(const Expression& expression) {
  const FunctionDef* function = called_function(expression);
  if (function == nullptr || function->comparison == Comparison::none) return std::nullopt;
  const auto& operands = static_cast<const Node&>(expression).operands();
  for (const std::size_t side : {0, 1}) {
    const auto column = column_index(*operands[side]);
    const Expression& value = *operands[1 - side];
    if (!column || uses_columns(value)) continue;
    return ColumnComparison{*column, operands[side]->type(),
                            side == 0 ? function->comparison : commuted(function->comparison), &value};
  }
  return std::nullopt;
}

std::vector<ExpressionPtr> split_and(ExpressionPtr expression) {
  if (kind_of(*expression) == NodeKind::and_) return static_cast<Node&>(*expression).release_operands();
  std::vector<ExpressionPtr> one;
  one.push_back(std::move(expression));
  return one;
}

namespace {

template <class Visit>
bool any_node(const Expression& expression, const Visit& visit) {
  if (visit(expression)) return true;
  bool found = false;
  expression.for_each_child(
      [&found, &visit](const Expression& child) { found = found || any_node(child, visit); });
  return found;
}

}  // namespace

void collect_columns(const Expression& expression, std::vector<int>& columns) {
  if (const auto column = column_index(expression)) {
    const auto at = std::lower_bound(columns.begin(), columns.end(), *column);
    if (at == columns.end() || *at != *column) columns.insert(at, *column);
  }
  expression.for_each_child([&columns](const Expression& child) { collect_columns(child, columns); });
}

bool uses_columns(const Expression& expression) {
  return any_node(expression, [](const Expression& node) { return kind_of(node) == NodeKind::column; });
}
bool uses_parameters(const Expression& expression) {
  return any_node(expression, [](const Expression& node) { return kind_of(node) == NodeKind::parameter; });
}

Volatility volatility_of(const Expression& expression) {
  Volatility worst = kind_of(expression) == NodeKind::other
                         ? Volatility::volatile_
                         : static_cast<const Node&>(expression).volatility();
  expression.for_each_child(
      [&worst](const Expression& child) { worst = std::max(worst, volatility_of(child)); });
  return worst;
}
bool is_immutable(const Expression& expression) {
  return volatility_of(expression) == Volatility::immutable;
}
bool is_foldable(const Expression& expression) {
  return is_immutable(expression) && !uses_columns(expression) && !uses_parameters(expression);
}

namespace {

ExpressionPtr evaluated(ExpressionPtr expression) {
  Arena arena;
  EvalContext context;
  context.arena = &arena;
  try {
    return make_constant(expression->type(), expression->evaluate(context));
  } catch (const Failure&) {
    return expression;
  }
}

bool is_constant_truth(const Expression& expression, bool value) {
  if (!is_constant(expression)) return false;
  const Datum datum = constant_value(expression);
  return !datum.null && (datum.integer != 0) == value;
}

// AND: true operands fall away, a false one decides what stands before it too, if that cannot throw; so only
// when it comes first. OR the other way round.
ExpressionPtr simplified_connective(NodeKind kind, std::vector<ExpressionPtr> operands) {
  const bool neutral = kind == NodeKind::and_;
  std::vector<ExpressionPtr> kept;
  for (ExpressionPtr& operand : operands) {
    if (is_constant_truth(*operand, neutral)) continue;
    const bool decides = is_constant_truth(*operand, !neutral);
    kept.push_back(std::move(operand));
    if (decides) break;
  }
  if (!kept.empty() && is_constant_truth(*kept.front(), !neutral)) return std::move(kept.front());
  return neutral ? make_and(std::move(kept)) : make_or(std::move(kept));
}

// Branches that cannot be taken fall away; a branch that is always taken ends the list.
ExpressionPtr simplified_case(Type type, std::vector<ExpressionPtr> operands) {
  std::vector<CaseBranch> kept;
  ExpressionPtr otherwise;
  std::size_t i = 0;
  for (; i + 1 < operands.size(); i += 2) {
    if (is_null_constant(*operands[i]) || is_constant_truth(*operands[i], false)) continue;
    if (is_constant_truth(*operands[i], true)) {
      otherwise = std::move(operands[i + 1]);
      break;
    }
    kept.push_back({std::move(operands[i]), std::move(operands[i + 1])});
  }
  if (otherwise == nullptr && i < operands.size()) otherwise = std::move(operands[i]);
  if (kept.empty()) return otherwise != nullptr ? std::move(otherwise) : make_null(type);
  return make_case(type, std::move(kept), std::move(otherwise));
}

}  // namespace

namespace {

// Bottom up, so that each node is looked at once. `foldable`: the result is a constant, or could have been
// one but for its operands' failures.
ExpressionPtr folded(ExpressionPtr expression, bool& foldable) {
  foldable = false;
  auto* node = dynamic_cast<Node*>(expression.get());
  if (node == nullptr || node->kind() == NodeKind::column || node->kind() == NodeKind::parameter)
    return expression;
  foldable = node->volatility() == Volatility::immutable;
  const NodeKind kind = node->kind();
  if (kind == NodeKind::constant) return expression;
  if (!node->operands().empty()) {
    std::vector<ExpressionPtr> operands = node->release_operands();
    for (ExpressionPtr& operand : operands) {
      bool operand_is = false;
      operand = folded(std::move(operand), operand_is);
      foldable = foldable && operand_is;
    }
    if (kind == NodeKind::and_ || kind == NodeKind::or_)
      expression = simplified_connective(kind, std::move(operands));
    else if (kind == NodeKind::case_)
      expression = simplified_case(expression->type(), std::move(operands));
    else
      expression = node->rebuild(std::move(operands));
  }
  if (foldable) expression = evaluated(std::move(expression));
  foldable = is_constant(*expression);
  return expression;
}

}  // namespace

ExpressionPtr fold(ExpressionPtr expression) {
  bool foldable;
  return folded(std::move(expression), foldable);
}

bool same_expression(const Expression& left, const Expression& right) {
  if (kind_of(left) != kind_of(right) || kind_of(left) == NodeKind::other || left.type() != right.type())
    return false;
  const auto& ours = static_cast<const Node&>(left);
  const auto& theirs = static_cast<const Node&>(right);
  if (ours.operands().size() != theirs.operands().size() || !ours.same_here(theirs)) return false;
  for (std::size_t i = 0; i < ours.operands().size(); ++i)
    if (!same_expression(*ours.operands()[i], *theirs.operands()[i])) return false;
  return true;
}

}  // namespace gyre::storage
