// A sort is superfluous where its rows already come in its order: a scan by a key delivers the key's columns
// ascending (or, walked backwards, all descending), nulls last (first). Columns that the scan holds equal to
// one value do not matter to the order. Between the sort and the scan only projections of plain columns and
// filters may stand.
#include "adapter/plan/rewrite/rewrite.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter::rewrite {

using logical::Kind;
using logical::Scan;
using logical::SortKey;

namespace {

// The scan that the keys' columns come from; keys are translated to its columns. Null where there is none.
Scan* find_scan(logical::Node& node, std::vector<SortKey>& keys) {
  switch (node.kind) {
    case Kind::scan:
      return static_cast<Scan*>(&node);
    case Kind::filter:
      return find_scan(node.input(), keys);
    case Kind::project: {
      const auto& project = static_cast<const logical::Project&>(node);
      for (SortKey& key : keys) {
        const auto source = storage::column_index(*project.expressions[static_cast<std::size_t>(key.column)]);
        if (!source) return nullptr;
        key.column = *source;
      }
      return find_scan(node.input(), keys);
    }
    default:
      return nullptr;
  }
}

// Whether walking a key gives the order; `descending` says in which direction.
bool ordered_by(const Scan& scan, const std::vector<std::uint16_t>& key_columns, std::size_t fixed,
                const std::vector<SortKey>& keys, bool& descending) {
  std::size_t at = fixed;
  bool first = true;
  for (const SortKey& key : keys) {
    if (static_cast<std::size_t>(key.column) >= scan.source.size()) return false;
    const std::uint16_t column = scan.source[static_cast<std::size_t>(key.column)];
    bool constant = false;
    for (std::size_t i = 0; i < fixed; ++i) constant = constant || key_columns[i] == column;
    if (constant) continue;
    if (at == key_columns.size() || key_columns[at] != column) return false;
    // Keys sort nulls last; a walk backwards gives them first.
    if (key.nulls_first != key.descending && !scan.table->schema->columns[column].not_null) return false;
    if (!first && key.descending != descending) return false;
    descending = key.descending;
    first = false;
    ++at;
  }
  if (first) descending = false;
  return true;
}

bool satisfy(Scan& scan, const std::vector<SortKey>& keys) {
  const storage::TableSchema& schema = *scan.table->schema;
  const bool primary = scan.path.index == logical::AccessPath::kPrimaryKey;
  const auto& columns =
      primary ? schema.primary_key : schema.indexes[static_cast<std::size_t>(scan.path.index)].columns;
  bool descending = false;
  if (ordered_by(scan, columns, scan.path.equal.size(), keys, descending)) {
    scan.path.descending = descending;
    return true;
  }
  return false;
}

}  // namespace

NodePtr drop_sorts(NodePtr plan) {
  for (NodePtr& input : plan->inputs) input = drop_sorts(std::move(input));
  if (plan->kind != Kind::sort) return plan;
  std::vector<SortKey> keys = static_cast<const logical::Sort&>(*plan).keys;
  Scan* scan = find_scan(plan->input(), keys);
  if (!scan || !satisfy(*scan, keys)) return plan;
  return std::move(plan->inputs.front());
}

}  // namespace gyre::adapter::rewrite
