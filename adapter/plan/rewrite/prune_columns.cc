// A projection right above a scan (or above a filter on it) tells which columns are read; the scan delivers
// those only, and the expressions are renumbered.
#include <algorithm>

#include "adapter/plan/rewrite/rewrite.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter::rewrite {

using logical::ExpressionPtr;
using logical::Kind;
using logical::Scan;

namespace {

void collect(const std::vector<ExpressionPtr>& expressions, std::vector<int>& used) {
  for (const ExpressionPtr& expression : expressions) storage::collect_columns(*expression, used);
}
void renumber(std::vector<ExpressionPtr>& expressions, const std::vector<int>& map) {
  for (ExpressionPtr& expression : expressions) expression = expression->clone_with_columns(map);
}

// Leaves only `used` (ascending) in the scan; map says where each went.
std::vector<int> narrow(Scan& scan, const std::vector<int>& used) {
  std::vector<int> map(scan.columns.size(), -1);
  std::vector<storage::Type> columns;
  std::vector<std::uint16_t> source;
  bool with_key = false;
  for (const int column : used) {
    const auto at = static_cast<std::size_t>(column);
    map[at] = static_cast<int>(columns.size());
    columns.push_back(scan.columns[at]);
    if (at < scan.source.size())
      source.push_back(scan.source[at]);
    else
      with_key = true;
  }
  renumber(scan.filter, map);
  scan.columns = std::move(columns);
  scan.source = std::move(source);
  scan.with_key = with_key;
  return map;
}

std::vector<int> needed(const Scan& scan, std::vector<int> used) {
  collect(scan.filter, used);
  std::sort(used.begin(), used.end());
  used.erase(std::unique(used.begin(), used.end()), used.end());
  return used;
}

}  // namespace

NodePtr prune_columns(NodePtr plan) {
  for (NodePtr& input : plan->inputs) input = prune_columns(std::move(input));
  std::vector<int> used;
  if (plan->kind == Kind::project) {
    collect(static_cast<logical::Project&>(*plan).expressions, used);
  } else if (plan->kind == Kind::aggregate) {
    auto& aggregate = static_cast<logical::Aggregate&>(*plan);
    collect(aggregate.keys, used);
    for (const auto& call : aggregate.calls) {
      collect(call.arguments, used);
      if (call.filter) storage::collect_columns(*call.filter, used);
    }
  } else {
    return plan;
  }
  if (plan->input().kind != Kind::scan) return plan;
  auto& scan = static_cast<Scan&>(plan->input());
  const std::vector<int> map = narrow(scan, needed(scan, std::move(used)));
  if (plan->kind == Kind::project) {
    renumber(static_cast<logical::Project&>(*plan).expressions, map);
    return plan;
  }
  auto& aggregate = static_cast<logical::Aggregate&>(*plan);
  renumber(aggregate.keys, map);
  for (auto& call : aggregate.calls) {
    renumber(call.arguments, map);
    if (call.filter) call.filter = call.filter->clone_with_columns(map);
  }
  return plan;
}

}  // namespace gyre::adapter::rewrite
