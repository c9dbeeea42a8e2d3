#pragma once

#include "adapter/plan/logical.h"

namespace gyre::adapter {

// What is the same for all rows of an execution is computed once, in the expressions that are evaluated per
// row (storage/scalar/hoist.h). Parameters from `changing` on are set anew by Apply nodes. The last thing
// that happens to a logical plan: rewrites do not look into hoisted parts.
void hoist_expressions(logical::Node& plan, int changing, int& places);

}  // namespace gyre::adapter
