// The logical plan: what a statement asks, as a tree of relational operators. The binder makes it, the
// rewrites of plan/rewrite/ change it, the physical planner turns it into operators.
//
// Every node delivers rows of `columns`; its expressions read the row of its input (of a join: the left row,
// then the right row) by index.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapter/catalog/catalog.h"
#include "adapter/catalog/system_relation.h"
#include "adapter/coordinator/lock_mode.h"
#include "storage/scalar/aggregates.h"
#include "storage/scalar/expression.h"
#include "storage/scalar/functions.h"
#include "storage/type.h"

namespace gyre::adapter::logical {

using storage::Expression;
using storage::ExpressionPtr;
using storage::Type;

enum class Kind : std::uint8_t {
  scan,
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
  join,
  set_operation,
  apply,
  lock_rows,
  insert,
  update,
  delete_,
  truncate,
};

struct Node;
using NodePtr = std::unique_ptr<Node>;

struct Node {
  Node(Kind node_kind, std::vector<Type> row) : kind(node_kind), columns(std::move(row)) {}
  virtual ~Node() = default;

  Kind kind;
  std::vector<Type> columns;
  std::vector<NodePtr> inputs;

  Node& input() const { return *inputs.front(); }
  std::size_t width() const { return columns.size(); }
};

// One end of a range of key values; expression null: open.
struct Bound {
  ExpressionPtr value;
  bool inclusive = false;
};

// How a scan finds its rows in the trees.
struct AccessPath {
  static constexpr int kPrimaryKey = -1;
  int index = kPrimaryKey;           // or a position in TableSchema::indexes
  std::vector<ExpressionPtr> equal;  // values of the leading key columns
  Bound from, to;                    // of the key column after those
  bool descending = false;

  bool whole() const { return equal.empty() && !from.value && !to.value; }
};

// A table's rows. Column i of the row is the table's column source[i]; with_key adds the row's key, as bytes,
// behind them.
struct Scan : Node {
  Scan(std::shared_ptr<const TableEntry> entry, std::vector<Type> row)
      : Node(Kind::scan, std::move(row)), table(std::move(entry)) {}
  std::shared_ptr<const TableEntry> table;
  std::vector<std::uint16_t> source;
  bool with_key = false;
  AccessPath path;
  std::vector<ExpressionPtr> filter;  // all must be true; over the scan's own row
};

struct SystemScan : Node {
  SystemScan(const SystemRelation* what, std::vector<Type> row)
      : Node(Kind::system_scan, std::move(row)), relation(what) {}
  const SystemRelation* relation;
};

// The rows of a function: generate_series over integers; with `array`, its elements instead; with `acl`, what
// the access list says (adapter/catalog/acl_rows.h).
struct Series : Node {
  explicit Series(Type type) : Node(Kind::series, {type}) {}
  explicit Series(std::vector<Type> row) : Node(Kind::series, std::move(row)) {}
  ExpressionPtr array;
  ExpressionPtr acl;
  ExpressionPtr start, stop, step;  // int8; step null: 1
};

// Rows of expressions that read no column; one row of none for a SELECT without FROM.
struct Values : Node {
  explicit Values(std::vector<Type> row) : Node(Kind::values, std::move(row)) {}
  std::vector<std::vector<ExpressionPtr>> rows;
};

// Rows that come with the execution (exec/executor.h, GivenRows): COPY FROM.
struct Given : Node {
  explicit Given(std::vector<Type> row) : Node(Kind::given_rows, std::move(row)) {}
};

struct Filter : Node {
  Filter(NodePtr from, std::vector<ExpressionPtr> tests) : Node(Kind::filter, from->columns) {
    conditions = std::move(tests);
    inputs.push_back(std::move(from));
  }
  std::vector<ExpressionPtr> conditions;  // all must be true
};

struct Project : Node {
  Project(NodePtr from, std::vector<ExpressionPtr> row) : Node(Kind::project, {}) {
    for (const ExpressionPtr& value : row) columns.push_back(value->type());
    expressions = std::move(row);
    inputs.push_back(std::move(from));
  }
  std::vector<ExpressionPtr> expressions;
};

struct SortKey {
  int column;
  bool descending = false;
  bool nulls_first = false;
  bool operator==(const SortKey&) const = default;
};
struct Sort : Node {
  Sort(NodePtr from, std::vector<SortKey> by) : Node(Kind::sort, from->columns), keys(std::move(by)) {
    inputs.push_back(std::move(from));
  }
  std::vector<SortKey> keys;
  // Set by a rewrite: only the first limit + offset rows are wanted. Both are int8 or null, as in Limit.
  ExpressionPtr limit, offset;
};

struct Limit : Node {
  Limit(NodePtr from, ExpressionPtr count, ExpressionPtr skip)
      : Node(Kind::limit, from->columns), limit(std::move(count)), offset(std::move(skip)) {
    inputs.push_back(std::move(from));
  }
  ExpressionPtr limit, offset;  // int8; absent or NULL: none
};

// The first row of each set that agrees in the columns `by`. DISTINCT ON: the input is sorted by them.
struct Distinct : Node {
  Distinct(NodePtr from, std::vector<int> columns_by, bool is_sorted)
      : Node(Kind::distinct, from->columns), by(std::move(columns_by)), sorted(is_sorted) {
    inputs.push_back(std::move(from));
  }
  std::vector<int> by;
  bool sorted;
};

struct AggregateCall {
  const storage::AggregateDef* function = nullptr;
  std::vector<ExpressionPtr> arguments;  // the function's, and behind them what only `order` wants
  std::vector<SortKey> order;            // of the rows that are folded in, by columns of `arguments`
  ExpressionPtr filter;
  bool distinct = false;
};
// Row: the keys, then the aggregates. Without keys: one row, always.
struct Aggregate : Node {
  Aggregate(NodePtr from, std::vector<ExpressionPtr> by) : Node(Kind::aggregate, {}), keys(std::move(by)) {
    for (const ExpressionPtr& key : keys) columns.push_back(key->type());
    inputs.push_back(std::move(from));
  }
  std::vector<ExpressionPtr> keys;
  std::vector<AggregateCall> calls;
};

enum class JoinKind : std::uint8_t { inner, left, right, full };
struct Join : Node {
  Join(JoinKind kind_of_join, NodePtr left, NodePtr right)
      : Node(Kind::join, left->columns), join(kind_of_join) {
    columns.insert(columns.end(), right->columns.begin(), right->columns.end());
    inputs.push_back(std::move(left));
    inputs.push_back(std::move(right));
  }
  JoinKind join;
  std::vector<ExpressionPtr> conditions;  // all must be true; none: a cross join
};

enum class SetKind : std::uint8_t { union_, intersect, except };
struct SetOperation : Node {
  SetOperation(SetKind what, bool keep_all, NodePtr left, NodePtr right)
      : Node(Kind::set_operation, left->columns), set(what), all(keep_all) {
    inputs.push_back(std::move(left));
    inputs.push_back(std::move(right));
  }
  SetKind set;
  bool all;
};

// For each row of the first input: the second input is run, and what it says is added as one more column; or,
// with Form::rows, its rows are each joined to that row.
struct Apply : Node {
  enum class Form : std::uint8_t {
    scalar,  // its only value; NULL without a row
    exists,
    any,  // whether `test` is true for one of its rows
    all,  // … for each of its rows
    rows,
  };
  Apply(NodePtr from, NodePtr query, Form what, Type result) : Node(Kind::apply, from->columns), form(what) {
    columns.push_back(result);
    inputs.push_back(std::move(from));
    inputs.push_back(std::move(query));
  }
  // Form::rows.
  Apply(NodePtr from, NodePtr query) : Node(Kind::apply, from->columns), form(Form::rows) {
    columns.insert(columns.end(), query->columns.begin(), query->columns.end());
    inputs.push_back(std::move(from));
    inputs.push_back(std::move(query));
  }
  Form form;
  ExpressionPtr test;  // of any and all: over the outer row, then the inner row
  // What the inner query reads of the outer row: parameter[i] is set to the value of outer[i] before it runs.
  std::vector<std::pair<int, ExpressionPtr>> outer;
};

// Locks the rows of tables that each input row was made of; those that are not to be had are waited for, an
// error, or leave the row out.
struct LockRows : Node {
  struct Lock {
    RelationId table;
    int key;  // the column with the table row's key; NULL in it: there is no such row
    RowLockMode mode;
    LockWaitPolicy policy;
  };
  LockRows(NodePtr from, std::vector<Lock> which)
      : Node(Kind::lock_rows, from->columns), locks(std::move(which)) {
    inputs.push_back(std::move(from));
  }
  std::vector<Lock> locks;
};

// The changes deliver the rows that RETURNING computes; without it, none.
struct Change : Node {
  Change(Kind kind_of_change, std::shared_ptr<const TableEntry> entry)
      : Node(kind_of_change, {}), table(std::move(entry)) {}
  std::shared_ptr<const TableEntry> table;
  std::vector<ExpressionPtr> returning;  // over the whole (new or deleted) row
};
// What an INSERT does where a key of its row is taken. The expressions are over the row that is there, then
// the row that was proposed.
struct OnConflict {
  std::vector<int> arbiters;              // whose keys are looked up, as AccessPath::index; at least one
  bool update = false;                    // or: the row is skipped
  std::vector<ExpressionPtr> row;         // DO UPDATE: the new row
  std::vector<ExpressionPtr> conditions;  // all must be true, or the row is skipped
};
// Input: whole rows of the table. RETURNING reads the row that was inserted or updated.
struct Insert : Change {
  explicit Insert(std::shared_ptr<const TableEntry> entry) : Change(Kind::insert, std::move(entry)) {}
  std::optional<OnConflict> on_conflict;
};
// Input: the new row, then the row's key. RETURNING reads the new row.
struct Update : Change {
  explicit Update(std::shared_ptr<const TableEntry> entry) : Change(Kind::update, std::move(entry)) {}
};
// Input: the row, then its key.
struct Delete : Change {
  explicit Delete(std::shared_ptr<const TableEntry> entry) : Change(Kind::delete_, std::move(entry)) {}
};
struct Truncate : Node {
  Truncate() : Node(Kind::truncate, {}) {}
  std::vector<RelationId> tables;
  std::vector<std::pair<RelationId, std::int64_t>> restarts;  // sequences and where they start
};

}  // namespace gyre::adapter::logical
