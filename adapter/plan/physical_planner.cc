// From what to how. Most nodes have one operator; a join with an equality between its sides is hashed.
#include <algorithm>
#include <limits>

#include "adapter/plan/physical.h"
#include "storage/scalar/casts.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter::physical {
namespace {

template <class T>
std::unique_ptr<T> make(Kind kind, logical::Node& from) {
  auto node = std::make_unique<T>(kind, std::move(from.columns));
  for (logical::NodePtr& input : from.inputs) node->inputs.push_back(plan_physically(std::move(input)));
  return node;
}

std::unique_ptr<Node> plan_scan(logical::Scan& from) {
  auto node = make<TableScan>(Kind::table_scan, from);
  node->table = std::move(from.table);
  node->source = std::move(from.source);
  node->with_key = from.with_key;
  node->path = std::move(from.path);
  if (from.filter.size() > 1) {
    node->filter.push_back(storage::make_and(std::move(from.filter)));
  } else {
    node->filter = std::move(from.filter);
  }
  const auto& key = node->table->schema->primary_key;
  node->point = node->path.index == logical::AccessPath::kPrimaryKey && !key.empty() &&
                node->path.equal.size() == key.size();
  return node;
}

// Which side of a join an expression reads: bit 1 the left, bit 2 the right.
int sides_of(const Expression& expression, int left_width) {
  std::vector<int> columns;
  storage::collect_columns(expression, columns);
  int sides = 0;
  for (const int column : columns) sides |= column < left_width ? 1 : 2;
  return sides;
}

ExpressionPtr over_right(const Expression& expression, int left_width) {
  std::vector<int> columns;
  storage::collect_columns(expression, columns);
  std::vector<int> map(static_cast<std::size_t>(columns.back()) + 1);
  for (const int column : columns) map[static_cast<std::size_t>(column)] = column - left_width;
  return expression.clone_with_columns(map);
}

// left = right as a pair of keys of one type, by which rows can be hashed; false if it is not of that kind.
bool take_hash_key(const Expression& condition, int left_width, Join& join) {
  const storage::FunctionDef* function = storage::called_function(condition);
  if (!function || function->comparison != storage::Comparison::equal) return false;
  const auto operands = storage::children_of(condition);
  if (operands.size() != 2) return false;
  const int first = sides_of(*operands[0], left_width);
  const int second = sides_of(*operands[1], left_width);
  if (first + second != 3 || first == 0 || second == 0) return false;
  ExpressionPtr left = storage::clone(first == 1 ? *operands[0] : *operands[1]);
  ExpressionPtr right = over_right(first == 1 ? *operands[1] : *operands[0], left_width);
  if (left->type().id != right->type().id) {
    const storage::TypeId types[] = {left->type().id, right->type().id};
    const auto common = storage::common_type(types);
    if (!common) return false;
    left = storage::make_cast(std::move(left), *common, storage::CastContext::implicit);
    right = storage::make_cast(std::move(right), *common, storage::CastContext::implicit);
    if (!left || !right) return false;
  }
  join.left_keys.push_back(std::move(left));
  join.right_keys.push_back(std::move(right));
  return true;
}

std::unique_ptr<Node> plan_join(logical::Join& from) {
  const int left_width = static_cast<int>(from.inputs.front()->width());
  auto node = make<Join>(Kind::nested_loop_join, from);
  node->join = from.join;
  for (ExpressionPtr& condition : from.conditions)
    if (!take_hash_key(*condition, left_width, *node)) node->conditions.push_back(std::move(condition));
  if (!node->left_keys.empty()) node->kind = Kind::hash_join;
  return node;
}

template <class T = Change>
std::unique_ptr<T> plan_change(Kind kind, logical::Change& from) {
  auto node = make<T>(kind, from);
  node->table = std::move(from.table);
  node->returning = std::move(from.returning);
  return node;
}

bool reads(const Node& node, const TableEntry& table) {
  if (node.kind == Kind::table_scan && static_cast<const TableScan&>(node).table->id() == table.id())
    return true;
  return std::any_of(node.inputs.begin(), node.inputs.end(),
                     [&](const NodePtr& input) { return reads(*input, table); });
}

std::unique_ptr<Node> plan_insert(logical::Insert& from) {
  auto node = plan_change<Insert>(Kind::insert, from);
  node->on_conflict = std::move(from.on_conflict);
  node->streams = !node->on_conflict && node->returning.empty() && !reads(node->input(), *node->table);
  return node;
}

}  // namespace

std::unique_ptr<Node> plan_physically(logical::NodePtr owned) {
  logical::Node& any = *owned;
  switch (any.kind) {
    case logical::Kind::scan:
      return plan_scan(static_cast<logical::Scan&>(any));
    case logical::Kind::system_scan: {
      auto node = make<SystemScan>(Kind::system_scan, any);
      node->relation = static_cast<logical::SystemScan&>(any).relation;
      return node;
    }
    case logical::Kind::series: {
      auto& from = static_cast<logical::Series&>(any);
      auto node = make<Series>(Kind::series, any);
      node->array = std::move(from.array);
      node->acl = std::move(from.acl);
      node->start = std::move(from.start);
      node->stop = std::move(from.stop);
      node->step = std::move(from.step);
      return node;
    }
    case logical::Kind::values: {
      auto node = make<Values>(Kind::values, any);
      node->rows = std::move(static_cast<logical::Values&>(any).rows);
      return node;
    }
    case logical::Kind::given_rows:
      return make<Given>(Kind::given_rows, any);
    case logical::Kind::filter: {
      auto node = make<Filter>(Kind::filter, any);
      node->conditions = std::move(static_cast<logical::Filter&>(any).conditions);
      return node;
    }
    case logical::Kind::project: {
      auto node = make<Project>(Kind::project, any);
      node->expressions = std::move(static_cast<logical::Project&>(any).expressions);
      return node;
    }
    case logical::Kind::sort: {
      auto& from = static_cast<logical::Sort&>(any);
      auto node = make<Sort>(Kind::sort, any);
      node->keys = std::move(from.keys);
      node->limit = std::move(from.limit);
      node->offset = std::move(from.offset);
      return node;
    }
    case logical::Kind::limit: {
      auto& from = static_cast<logical::Limit&>(any);
      auto node = make<Limit>(Kind::limit, any);
      node->limit = std::move(from.limit);
      node->offset = std::move(from.offset);
      return node;
    }
    case logical::Kind::distinct: {
      auto& from = static_cast<logical::Distinct&>(any);
      auto node = make<Distinct>(Kind::distinct, any);
      node->by = std::move(from.by);
      node->sorted = from.sorted;
      return node;
    }
    case logical::Kind::aggregate: {
      auto& from = static_cast<logical::Aggregate&>(any);
      auto node = make<Aggregate>(Kind::aggregate, any);
      node->keys = std::move(from.keys);
      node->calls = std::move(from.calls);
      return node;
    }
    case logical::Kind::join:
      return plan_join(static_cast<logical::Join&>(any));
    case logical::Kind::set_operation: {
      auto& from = static_cast<logical::SetOperation&>(any);
      auto node = make<SetOperation>(Kind::set_operation, any);
      node->set = from.set;
      node->all = from.all;
      return node;
    }
    case logical::Kind::apply: {
      auto& from = static_cast<logical::Apply&>(any);
      auto node = make<Apply>(Kind::apply, any);
      node->form = from.form;
      node->test = std::move(from.test);
      node->outer = std::move(from.outer);
      return node;
    }
    case logical::Kind::lock_rows: {
      auto node = make<LockRows>(Kind::lock_rows, any);
      node->locks = std::move(static_cast<logical::LockRows&>(any).locks);
      return node;
    }
    case logical::Kind::insert:
      return plan_insert(static_cast<logical::Insert&>(any));
    case logical::Kind::update:
      return plan_change(Kind::update, static_cast<logical::Change&>(any));
    case logical::Kind::delete_:
      return plan_change(Kind::delete_, static_cast<logical::Change&>(any));
    case logical::Kind::truncate:
      break;
  }
  auto node = make<Truncate>(Kind::truncate, any);
  node->tables = std::move(static_cast<logical::Truncate&>(any).tables);
  node->restarts = std::move(static_cast<logical::Truncate&>(any).restarts);
  return node;
}

}  // namespace gyre::adapter::physical
