// Recognises the plans that the peek path runs without operators.
#pragma once

#include <memory>

#include "adapter/plan/physical.h"
#include "adapter/plan/plan.h"

namespace gyre::adapter {

// Null unless the plan reads plain columns of one table, in key order or by its whole primary key.
std::unique_ptr<const DirectRead> make_direct_read(const physical::Node& root);

}  // namespace gyre::adapter
