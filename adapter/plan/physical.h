// The physical plan: operators as the executor runs them. Immutable, shared by all executions; each node
// makes the operator that holds an execution's state.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapter/plan/logical.h"

namespace gyre::adapter::exec {
class Operator;  // adapter/exec/operator.h
struct State;
}  // namespace gyre::adapter::exec

namespace gyre::adapter::physical {

using logical::Expression;
using logical::ExpressionPtr;
using logical::SortKey;
using storage::Type;

struct Node;
using NodePtr = std::unique_ptr<const Node>;

enum class Kind : std::uint8_t {
  table_scan,
  system_scan,
  series,
  values,
  given_rows,
  filter,
  project,
  sort,
  limit,
  distinct,
  aggregate,
  nested_loop_join,
  hash_join,
  set_operation,
  apply,
  lock_rows,
  insert,
  update,
  delete_,
  truncate,
};

struct Node {
  Node(Kind node_kind, std::vector<Type> row) : kind(node_kind), columns(std::move(row)) {}
  virtual ~Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  Kind kind;
  std::vector<Type> columns;
  std::vector<NodePtr> inputs;
  int extra_parameters = 0;  // of the root only: places behind the literals that Apply nodes fill

  const Node& input() const { return *inputs.front(); }
};

struct TableScan : Node {
  using Node::Node;
  std::shared_ptr<const TableEntry> table;
  std::vector<std::uint16_t> source;
  bool with_key = false;
  logical::AccessPath path;
  bool point = false;  // path.equal covers the whole primary key
  std::vector<ExpressionPtr> filter;
};
struct SystemScan : Node {
  using Node::Node;
  const SystemRelation* relation = nullptr;
};
struct Series : Node {
  using Node::Node;
  ExpressionPtr array;
  ExpressionPtr acl;
  ExpressionPtr start, stop, step;
};
struct Values : Node {
  using Node::Node;
  std::vector<std::vector<ExpressionPtr>> rows;
};
struct Given : Node {
  using Node::Node;
};
struct Filter : Node {
  using Node::Node;
  std::vector<ExpressionPtr> conditions;
};
struct Project : Node {
  using Node::Node;
  std::vector<ExpressionPtr> expressions;
};
struct Sort : Node {
  using Node::Node;
  std::vector<SortKey> keys;
  ExpressionPtr limit, offset;  // top-N if limit is there
};
struct Limit : Node {
  using Node::Node;
  ExpressionPtr limit, offset;
};
struct Distinct : Node {
  using Node::Node;
  std::vector<int> by;
  bool sorted = false;
};
struct Aggregate : Node {
  using Node::Node;
  std::vector<ExpressionPtr> keys;
  std::vector<logical::AggregateCall> calls;
};
// Both joins: the right input is kept in memory.
struct Join : Node {
  using Node::Node;
  logical::JoinKind join = logical::JoinKind::inner;
  // Hash join: equal pairs, left over the left row, right over the right row; of one type each.
  std::vector<ExpressionPtr> left_keys, right_keys;
  std::vector<ExpressionPtr> conditions;  // the rest, over both rows
};
struct SetOperation : Node {
  using Node::Node;
  logical::SetKind set = logical::SetKind::union_;
  bool all = false;
};
struct Apply : Node {
  using Node::Node;
  logical::Apply::Form form = logical::Apply::Form::scalar;
  ExpressionPtr test;
  std::vector<std::pair<int, ExpressionPtr>> outer;
};
struct LockRows : Node {
  using Node::Node;
  std::vector<logical::LockRows::Lock> locks;
};
struct Change : Node {
  using Node::Node;
  std::shared_ptr<const TableEntry> table;
  std::vector<ExpressionPtr> returning;
};
struct Insert : Change {
  using Change::Change;
  // The rows do not depend on what is in the table: each may be inserted before the next one is made.
  bool streams = false;
  std::optional<logical::OnConflict> on_conflict;
};
struct Truncate : Node {
  using Node::Node;
  std::vector<RelationId> tables;
  std::vector<std::pair<RelationId, std::int64_t>> restarts;  // sequences and where they start
};

// Chooses an operator for each node.
std::unique_ptr<Node> plan_physically(logical::NodePtr logical);

// One line per operator, indented by depth: for tests and EXPLAIN.
std::string print(const Node& node);
// A node's own line.
std::string print_node(const Node& node);
// "table_scan" and the like, as EXPLAIN (FORMAT JSON) has it: "Table Scan".
std::string_view node_type(Kind kind);

}  // namespace gyre::adapter::physical
