#include "adapter/plan/direct_read.h"

#include <optional>

#include "storage/scalar/casts.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter {
namespace {

using storage::TypeId;

// The value's key is the column's key. A wider integer is not: narrowing it could fail where the comparison
// would only be false.
bool fits_exactly(TypeId column, TypeId value) {
  const auto is_text = [](TypeId type) { return type == TypeId::text || type == TypeId::varchar; };
  return column == value || (is_text(column) && is_text(value));
}

}  // namespace

std::unique_ptr<const DirectRead> make_direct_read(const physical::Node& root) {
  const physical::Node* node = &root;
  std::int64_t limit = -1;
  if (node->kind == physical::Kind::limit) {
    const auto& counts = static_cast<const physical::Limit&>(*node);
    if (counts.offset || !counts.limit || !storage::is_constant(*counts.limit)) return nullptr;
    const storage::Datum value = storage::constant_value(*counts.limit);
    if (!value.null && value.integer < 0) return nullptr;
    if (!value.null) limit = value.integer;
    node = &node->input();
  }
  std::vector<int> output;
  bool projected = false;
  if (node->kind == physical::Kind::project) {
    projected = true;
    for (const auto& expression : static_cast<const physical::Project&>(*node).expressions) {
      const auto column = storage::column_index(*expression);
      if (!column) return nullptr;
      output.push_back(*column);
    }
    node = &node->input();
  }
  if (node->kind != physical::Kind::table_scan) return nullptr;
  const auto& scan = static_cast<const physical::TableScan&>(*node);
  if (scan.with_key || scan.path.descending) return nullptr;
  if (!scan.point && (!scan.path.whole() || scan.path.index != logical::AccessPath::kPrimaryKey))
    return nullptr;
  if (scan.filter.size() > 1) return nullptr;

  auto direct = std::make_unique<DirectRead>();
  direct->table = scan.table->id();
  direct->limit = limit;
  const storage::TableSchema& schema = *scan.table->schema;
  for (std::size_t i = 0; i < scan.path.equal.size(); ++i) {
    const TypeId column = schema.columns[schema.primary_key[i]].type.id;
    if (!fits_exactly(column, scan.path.equal[i]->type().id)) return nullptr;
    direct->key.push_back(scan.path.equal[i].get());
  }
  if (projected) {
    for (const int column : output) direct->columns.push_back(scan.source[static_cast<std::size_t>(column)]);
  } else {
    direct->columns = scan.source;
  }
  if (!scan.filter.empty()) {
    direct->filter = scan.filter.front().get();
    direct->filter_columns = scan.source;
  }
  return direct;
}

}  // namespace gyre::adapter
