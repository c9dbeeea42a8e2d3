// LIMIT right above a sort (but for projections): the sort is told how many rows are wanted.
#include "adapter/plan/rewrite/rewrite.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter::rewrite {

using logical::Kind;

NodePtr limit_sorts(NodePtr plan) {
  for (NodePtr& input : plan->inputs) input = limit_sorts(std::move(input));
  if (plan->kind != Kind::limit) return plan;
  const auto& limit = static_cast<const logical::Limit&>(*plan);
  if (!limit.limit) return plan;
  logical::Node* below = plan->inputs.front().get();
  while (below->kind == Kind::project) below = below->inputs.front().get();
  if (below->kind != Kind::sort) return plan;
  auto& sort = static_cast<logical::Sort&>(*below);
  sort.limit = storage::clone(*limit.limit);
  if (limit.offset) sort.offset = storage::clone(*limit.offset);
  return plan;
}

}  // namespace gyre::adapter::rewrite
