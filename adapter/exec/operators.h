// The operators' makers, one file each.
#pragma once

#include "adapter/exec/operator.h"

namespace gyre::adapter::exec {

OperatorPtr make_table_scan(const physical::TableScan& node, State& state);
OperatorPtr make_system_scan(const physical::SystemScan& node, State& state);
OperatorPtr make_series(const physical::Series& node, State& state);
OperatorPtr make_values(const physical::Values& node, State& state);
OperatorPtr make_given_rows(const physical::Given& node, State& state);
OperatorPtr make_filter(const physical::Filter& node, State& state);
OperatorPtr make_project(const physical::Project& node, State& state);
OperatorPtr make_sort(const physical::Sort& node, State& state);
OperatorPtr make_limit(const physical::Limit& node, State& state);
OperatorPtr make_distinct(const physical::Distinct& node, State& state);
OperatorPtr make_aggregate(const physical::Aggregate& node, State& state);
OperatorPtr make_nested_loop_join(const physical::Join& node, State& state);
OperatorPtr make_hash_join(const physical::Join& node, State& state);
OperatorPtr make_set_operation(const physical::SetOperation& node, State& state);
OperatorPtr make_apply(const physical::Apply& node, State& state);
OperatorPtr make_lock_rows(const physical::LockRows& node, State& state);
OperatorPtr make_insert(const physical::Insert& node, State& state);
OperatorPtr make_update(const physical::Change& node, State& state);
OperatorPtr make_delete(const physical::Change& node, State& state);
OperatorPtr make_truncate(const physical::Truncate& node, State& state);

// LIMIT and OFFSET as numbers: absent and NULL are none (-1 and 0). Throws 2201W, 2201X.
struct RowCounts {
  std::int64_t limit = -1;
  std::int64_t offset = 0;
};
RowCounts row_counts(const storage::Expression* limit, const storage::Expression* offset,
                     Evaluator& evaluator);

}  // namespace gyre::adapter::exec
