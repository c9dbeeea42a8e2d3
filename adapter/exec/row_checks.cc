#include "adapter/exec/row_checks.h"

#include "storage/constraint_failure.h"

namespace gyre::adapter {

void check_row(const TableEntry& table, std::span<const storage::Datum> row, storage::EvalContext& eval) {
  if (table.checks.empty()) return;
  static constexpr storage::TextStyle kPlain{};
  const storage::TextStyle& style = eval.style != nullptr ? *eval.style : kPlain;
  storage::check_not_null(*table.schema, row, style);
  eval.columns = row.data();
  for (const CheckConstraint& check : table.checks) {
    const storage::Datum passed = check.expression->evaluate(eval);
    if (!passed.null && !passed.truth()) throw storage::failed_check(*table.schema, check.name, row, style);
  }
}

}  // namespace gyre::adapter
