// Column numbers that stand for places not yet known while a query is being bound.
#pragma once

#include <memory>

#include "storage/scalar/expression.h"

namespace gyre::adapter {

// Results of subqueries above a grouping: behind the aggregates, however many those will be.
inline constexpr int kAboveGrouping = 1 << 13;
// Columns of a subquery in an Apply's test: behind the outer row.
inline constexpr int kInnerRow = 1 << 14;

// A copy in which the columns from `from` on, below `end`, begin at `to`.
std::unique_ptr<storage::Expression> replace_columns(const storage::Expression& expression, int from, int to,
                                                     int end = 1 << 30);

}  // namespace gyre::adapter
