// A condition is moved down as long as it only reads what is there: past a projection whose columns it reads
// are plain columns, past a filter, below a join (into the side it is about, unless that side's rows may be
// missing partners), and at last into a scan. Inner joins also take the conditions about both sides as their
// own, which is how `FROM a, b WHERE a.x = b.y` becomes a join.
#include "adapter/plan/rewrite/rewrite.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter::rewrite {

using logical::ExpressionPtr;
using logical::JoinKind;
using logical::Kind;

namespace {

using Conditions = std::vector<ExpressionPtr>;

NodePtr push(NodePtr plan, Conditions conditions);

NodePtr filtered(NodePtr plan, Conditions conditions) {
  if (conditions.empty()) return plan;
  return std::make_unique<logical::Filter>(std::move(plan), std::move(conditions));
}

// The condition below the projection; null where it reads a column that is computed.
ExpressionPtr below_project(const storage::Expression& condition, const logical::Project& project) {
  std::vector<int> used;
  storage::collect_columns(condition, used);
  if (used.empty()) return storage::clone(condition);
  std::vector<int> map(static_cast<std::size_t>(used.back()) + 1);
  for (const int column : used) {
    const auto source = storage::column_index(*project.expressions[static_cast<std::size_t>(column)]);
    if (!source) return nullptr;
    map[static_cast<std::size_t>(column)] = *source;
  }
  return condition.clone_with_columns(map);
}

NodePtr push_project(NodePtr plan, Conditions conditions) {
  Conditions below;
  Conditions here;
  for (ExpressionPtr& condition : conditions) {
    ExpressionPtr moved = below_project(*condition, static_cast<logical::Project&>(*plan));
    (moved ? below : here).push_back(moved ? std::move(moved) : std::move(condition));
  }
  plan->inputs.front() = push(std::move(plan->inputs.front()), std::move(below));
  return filtered(std::move(plan), std::move(here));
}

NodePtr push_join(NodePtr plan, Conditions conditions) {
  auto& join = static_cast<logical::Join&>(*plan);
  const int left_width = static_cast<int>(join.inputs[0]->width());
  const bool inner = join.join == JoinKind::inner;
  const bool left_is_whole = inner || join.join == JoinKind::left;
  const bool right_is_whole = inner || join.join == JoinKind::right;
  if (inner) {
    for (ExpressionPtr& condition : join.conditions) conditions.push_back(std::move(condition));
    join.conditions.clear();
  }
  Conditions left;
  Conditions right;
  Conditions above;
  for (ExpressionPtr& condition : conditions) {
    std::vector<int> used;
    storage::collect_columns(*condition, used);
    const bool reads_left = !used.empty() && used.front() < left_width;
    const bool reads_right = !used.empty() && used.back() >= left_width;
    if (!reads_right && left_is_whole) {
      left.push_back(std::move(condition));
    } else if (!reads_left && right_is_whole) {
      std::vector<int> map(static_cast<std::size_t>(used.back()) + 1);
      for (const int column : used) map[static_cast<std::size_t>(column)] = column - left_width;
      right.push_back(condition->clone_with_columns(map));
    } else if (inner) {
      join.conditions.push_back(std::move(condition));
    } else {
      above.push_back(std::move(condition));
    }
  }
  join.inputs[0] = push(std::move(join.inputs[0]), std::move(left));
  join.inputs[1] = push(std::move(join.inputs[1]), std::move(right));
  return filtered(std::move(plan), std::move(above));
}

// Conditions that do not read the added column go below it.
NodePtr push_apply(NodePtr plan, Conditions conditions) {
  const int width = static_cast<int>(plan->inputs.front()->width());
  Conditions below;
  Conditions above;
  for (ExpressionPtr& condition : conditions) {
    std::vector<int> used;
    storage::collect_columns(*condition, used);
    const bool reads_answer = !used.empty() && used.back() >= width;
    (reads_answer ? above : below).push_back(std::move(condition));
  }
  plan->inputs[0] = push(std::move(plan->inputs[0]), std::move(below));
  plan->inputs[1] = push(std::move(plan->inputs[1]), {});
  return filtered(std::move(plan), std::move(above));
}

NodePtr push(NodePtr plan, Conditions conditions) {
  switch (plan->kind) {
    case Kind::filter: {
      auto& filter = static_cast<logical::Filter&>(*plan);
      for (ExpressionPtr& condition : conditions) filter.conditions.push_back(std::move(condition));
      Conditions all = std::move(filter.conditions);
      NodePtr input = std::move(plan->inputs.front());
      return push(std::move(input), std::move(all));
    }
    case Kind::project:
      return push_project(std::move(plan), std::move(conditions));
    case Kind::join:
      return push_join(std::move(plan), std::move(conditions));
    case Kind::apply:
      return push_apply(std::move(plan), std::move(conditions));
    case Kind::lock_rows:  // what is left out need not be locked
      plan->inputs.front() = push(std::move(plan->inputs.front()), std::move(conditions));
      return plan;
    case Kind::scan: {
      auto& scan = static_cast<logical::Scan&>(*plan);
      for (ExpressionPtr& condition : conditions) scan.filter.push_back(std::move(condition));
      return plan;
    }
    default:
      for (NodePtr& input : plan->inputs) input = push(std::move(input), {});
      return filtered(std::move(plan), std::move(conditions));
  }
}

}  // namespace

NodePtr push_filters(NodePtr plan) {
  return push(std::move(plan), {});
}

}  // namespace gyre::adapter::rewrite
