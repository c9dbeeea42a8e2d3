// make_plan with a choice of rewrites, so that tests can compare plans with and without them.
#pragma once

#include <span>

#include "adapter/plan/plan.h"
#include "adapter/plan/rewrite/rewrite.h"

namespace gyre::adapter {

std::unique_ptr<const Plan> make_plan_with(const ast::Statement& statement, const PlanContext& context,
                                           std::span<const storage::Type> declared,
                                           bool literals_as_parameters,
                                           std::span<const rewrite::Rewrite> rewrites);

}  // namespace gyre::adapter
