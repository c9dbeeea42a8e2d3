// The rewrites: each takes a plan and answers an equal one that is cheaper to run. One file each; rewrites()
// lists them in the order in which they are applied.
#pragma once

#include <span>
#include <string_view>

#include "adapter/plan/logical.h"

namespace gyre::adapter::rewrite {

using logical::NodePtr;

// Constant parts of expressions are replaced by their values; filters that are always true vanish.
NodePtr fold_constants(NodePtr plan);
// Conditions move towards the rows they are about: through projections, below joins, into scans.
NodePtr push_filters(NodePtr plan);
// Scans find their rows by key where conditions allow it.
NodePtr choose_access_paths(NodePtr plan);
// A sort of what already comes in order is left out.
NodePtr drop_sorts(NodePtr plan);
// A sort below a LIMIT keeps only the rows that can pass.
NodePtr limit_sorts(NodePtr plan);
// Scans deliver only the columns that someone reads.
NodePtr prune_columns(NodePtr plan);

struct Rewrite {
  std::string_view name;
  NodePtr (*apply)(NodePtr plan);
};
std::span<const Rewrite> rewrites();

}  // namespace gyre::adapter::rewrite
