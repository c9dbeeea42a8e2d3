// From syntax to meaning: names are resolved, types inferred, rights noted, and a logical plan comes out.
// Errors are PostgreSQL's, with positions.
//
// StatementBinding is what all queries of one statement share; a Binder binds one query level. Parameters of
// the plan are laid out $1 … $n, then the literals by slot, then the values that Apply nodes pass into their
// subqueries.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapter/plan/logical.h"
#include "adapter/plan/plan.h"
#include "adapter/plan/scope.h"
#include "adapter/sql/ast.h"
#include "adapter/sql_error.h"
#include "storage/scalar/casts.h"

namespace gyre::adapter {

// Thrown when a literal that was bound as a parameter turns out to have to be a constant: binding starts over
// with it fixed.
struct LiteralMustBeFixed {
  int slot;
};

struct StatementBinding {
  StatementBinding(const PlanContext& plan_context, std::span<const storage::Type> declared, int parameters,
                   int literals, bool literals_are_parameters, const std::set<int>& fixed);

  const PlanContext& context;
  int parameter_count;
  int literal_count;
  bool literals_as_parameters;
  std::vector<storage::Type> parameter_types;  // unknown until inferred
  std::vector<storage::Type> literal_types;
  std::vector<bool> literal_bound;  // as a parameter
  std::vector<bool> literal_fixed;
  int outer_parameters = 0;  // values that Apply nodes pass
  bool has_volatile = false;
  bool needs_locks = false;
  std::optional<RowLockMode> locks_rows;
  bool needs_sessions = false;
  bool needs_history = false;
  bool moves_sequences = false;  // calls nextval() or setval()
  std::vector<std::string> notices;
  int expansions = 0;              // of WITH queries, so far
  std::uintptr_t stack_begin = 0;  // where binding began, to know how much of the stack it uses
  std::vector<RelationId> relations;
  std::vector<NeededRight> rights;  // in order of mention; columns by finish()
  std::map<RelationId, std::set<std::uint16_t>> read, inserted, updated;  // columns, by position

  int next_outer_parameter() { return parameter_count + literal_count + outer_parameters++; }
  // The literal's value is built into the plan.
  void fix(int slot);
  void use(const TableEntry& table);
  void need(const TableEntry& table, Privilege right);
  // A column of a table was mentioned; of anything else: nothing.
  void note_read(const ScopeColumn& column);
  // Throws 42P18 for parameters without a type, 42501 for missing rights.
  void finish();
};

// A bound query: its plan and the names of its columns. The plan's row may not be wider than the names.
struct BoundQuery {
  logical::NodePtr plan;
  std::vector<OutputColumn> columns;
};

// A WITH query, bound anew for each place that mentions it.
struct VisibleQuery {
  const ast::CommonTable* table;
  const VisibleQuery* outer;  // the next one to look at; also what the query itself may mention
  bool recursive;             // the query may mention itself, for which there is no plan
  mutable bool being_bound = false;
};

class Binder {
 public:
  // `parent`: the query whose columns this one may mention; null at the top.
  Binder(StatementBinding& statement, Binder* parent, const VisibleQuery* queries)
      : statement_(statement), parent_(parent), queries_(queries) {}

  // Without resolve_unknowns, columns of unknown type stay so (INSERT … SELECT, set operations).
  BoundQuery bind_query(const ast::SelectStatement& select, bool resolve_unknowns);
  BoundQuery bind_insert(const ast::InsertStatement& insert);
  BoundQuery bind_update(const ast::UpdateStatement& update);
  BoundQuery bind_delete(const ast::DeleteStatement& erase);
  BoundQuery bind_truncate(const ast::TruncateStatement& truncate);
  // The rows that come are of these columns of the table.
  BoundQuery bind_copy_from(const ast::CopyStatement& copy, const std::vector<std::size_t>& positions,
                            const std::shared_ptr<const TableEntry>& table);

  // Of EXECUTE: an expression without names of columns.
  logical::ExpressionPtr bind_argument(const ast::Expr& expression) {
    return bind_at(Place::argument, expression);
  }
  logical::ExpressionPtr bind_default(const ast::Expr& expression) {
    return bind_at(Place::default_, expression);
  }
  // Over the columns of a table that a definition is about.
  logical::ExpressionPtr bind_check(const ast::Expr& expression,
                                    const std::shared_ptr<const TableEntry>& table);
  logical::ExpressionPtr bind_transform(const ast::Expr& expression,
                                        const std::shared_ptr<const TableEntry>& table);
  // Null if the value cannot be assigned to the type.
  logical::ExpressionPtr try_assign(logical::ExpressionPtr value, storage::Type target, int location = -1) {
    return coerce(std::move(value), target, storage::CastContext::assignment, location);
  }
  // The expression as `target`, for assignment to a column; throws 42804.
  logical::ExpressionPtr assign(logical::ExpressionPtr value, storage::Type target, std::string_view column,
                                int location);

 private:
  using ExpressionPtr = logical::ExpressionPtr;
  using Expressions = std::vector<ExpressionPtr>;
  using NodePtr = logical::NodePtr;
  using Type = storage::Type;
  using TypeId = storage::TypeId;

  // Where an expression stands: what it may contain, and how errors call the place.
  enum class Place : std::uint8_t {
    other,
    from_function,
    where,
    join_on,
    group_by,
    having,
    targets,
    order_by,
    limit,
    values,
    returning,
    aggregate,
    filter,
    update,
    copy_where,
    default_,
    check,
    transform,  // ALTER TABLE ... USING
    argument    // of EXECUTE
  };

  // ---- binder_names.cc ----
  struct FoundColumn {
    const ScopeColumn* column = nullptr;
    const ScopeRelation* relation = nullptr;
  };
  ExpressionPtr bind_column(const ast::ColumnRef& reference, int location);
  // In this query only; nothing where there is none; throws 42702.
  std::optional<FoundColumn> find_column(const ast::ColumnRef& reference, int location);
  ExpressionPtr column_value(const FoundColumn& found, int location);
  ExpressionPtr outer_value(Binder& owner, const FoundColumn& found, int location);
  [[noreturn]] void throw_unknown_column(const ast::ColumnRef& reference, int location);
  const ScopeRelation* find_relation(std::string_view schema, std::string_view name, int location) const;
  std::vector<const ScopeColumn*> star_columns(const ast::ColumnRef& reference, int location) const;

  // ---- binder_expressions.cc ----
  // Throws 54001 where the statement is nested too deeply for the stack.
  void check_stack() const;
  ExpressionPtr bind(const ast::Expr& expression);
  ExpressionPtr bind_at(Place place, const ast::Expr& expression);
  ExpressionPtr bind_boolean(const ast::Expr& expression, std::string_view clause);
  ExpressionPtr bind_node(const ast::Literal& node, int location);
  ExpressionPtr bind_node(const ast::ColumnRef& node, int location);
  ExpressionPtr bind_node(const ast::ParameterRef& node, int location);
  ExpressionPtr bind_node(const ast::OperatorCall& node, int location);
  ExpressionPtr bind_node(const ast::BooleanCall& node, int location);
  ExpressionPtr bind_node(const ast::DistinctFrom& node, int location);
  ExpressionPtr bind_node(const ast::NullIf& node, int location);
  ExpressionPtr bind_node(const ast::InList& node, int location);
  ExpressionPtr bind_node(const ast::Between& node, int location);
  ExpressionPtr bind_node(const ast::NullTest& node, int location);
  ExpressionPtr bind_node(const ast::BooleanTest& node, int location);
  ExpressionPtr bind_node(const ast::FunctionCall& node, int location);
  ExpressionPtr bind_node(const ast::TypeCast& node, int location);
  ExpressionPtr bind_schema_cast(const ast::TypeCast& node, int location);
  ExpressionPtr bind_node(const ast::CaseExpr& node, int location);
  ExpressionPtr bind_node(const ast::Coalesce& node, int location);
  ExpressionPtr bind_node(const ast::MinMax& node, int location);
  ExpressionPtr bind_node(const ast::ValueFunction& node, int location);
  ExpressionPtr bind_node(const ast::SubqueryExpr& node, int location);
  ExpressionPtr bind_node(const ast::ArrayExpr& node, int location);
  ExpressionPtr bind_node(const ast::RowExpr& node, int location);
  ExpressionPtr bind_node(const ast::Collate& node, int location);
  ExpressionPtr bind_node(const ast::Subscript& node, int location);
  ExpressionPtr bind_node(const ast::FieldAccess& node, int location);
  ExpressionPtr bind_node(const ast::DefaultMarker& node, int location);

  // The elements as an array, each coerced to what it is of.
  ExpressionPtr make_array_of(TypeId array, Expressions elements, storage::CastContext context, int location);

  // ---- binder_calls.cc ----
  ExpressionPtr call_operator(std::string_view name, ExpressionPtr left, ExpressionPtr right, int location);
  ExpressionPtr call_function(std::string_view name, Expressions arguments, int location);
  // "function s.f(integer) does not exist".
  SqlError no_function(const ast::FunctionCall& node, int location);
  ExpressionPtr bind_in_list(const ast::Expr& searched, const std::vector<ast::ExprPtr>& list, bool negated,
                             int location);
  ExpressionPtr bind_any_array(const ast::OperatorCall& node, int location);
  ExpressionPtr bind_array_search(const ast::OperatorCall& node, int location);
  ExpressionPtr bind_row_comparison(const ast::OperatorCall& node, int location);

  // ---- binder_types.cc ----
  // Null if there is no such cast. Unknown parameters and literals take the type.
  void check_reads(const storage::Expression& literal) const;
  ExpressionPtr coerce(ExpressionPtr value, Type target, storage::CastContext context, int location);
  ExpressionPtr coerce_or_throw(ExpressionPtr value, Type target, storage::CastContext context, int location);
  ExpressionPtr coerce_unknown(ExpressionPtr value, TypeId target, int location);
  // Unknown becomes text.
  ExpressionPtr resolved(ExpressionPtr value, int location);
  // All as one type; `what` names the construct in errors: "CASE types integer and text cannot be matched".
  Type unify(Expressions& values, std::string_view what, int location);

  // ---- binder_aggregates.cc ----
  // While set, expressions are bound over the row of an Aggregate: columns must be keys.
  struct Grouping {
    Expressions keys;                       // over the input row
    std::vector<const ast::Expr*> complex;  // keys that are more than a column, by syntax
    std::vector<int> complex_keys;          // … and which key each is
    std::vector<logical::AggregateCall> calls;
  };
  ExpressionPtr bind_aggregate(const ast::FunctionCall& node, int location);
  ExpressionPtr match_group_key(const ast::Expr& expression);
  ExpressionPtr grouped_column(int index, Type type, const FoundColumn& found, int location);
  bool key_is_grouped(const ScopeRelation& relation) const;
  ExpressionPtr decided_column(int index, Type type);
  void order_aggregate(const ast::FunctionCall& node, Expressions order, logical::AggregateCall& call);
  void bind_group_by(const ast::SelectStatement& select);
  bool is_grouped(const ast::SelectStatement& select) const;
  NodePtr make_aggregate(NodePtr input);

  // ---- binder_subqueries.cc ----
  struct PendingApply {
    BoundQuery query;
    logical::Apply::Form form;
    ExpressionPtr test;  // over the outer row, then the inner row (see kInnerRow)
    std::vector<std::pair<int, ExpressionPtr>> outer;
    Type result;
  };
  // Stacks the subqueries that were met since the last call on `input`.
  void collect_into_array(BoundQuery& query, int location) const;
  NodePtr apply_subqueries(NodePtr input);
  // The column in which apply_subqueries will put the result of the next subquery.
  int next_apply_column() const;

  // ---- binder_from.cc ----
  NodePtr bind_from(const std::vector<ast::FromPtr>& from);
  std::pair<NodePtr, Scope> bind_item(const ast::FromItem& item);
  std::pair<NodePtr, Scope> bind_table(const ast::TableRef& reference, int location);
  std::pair<NodePtr, Scope> bind_join(const ast::JoinRef& join, int location);
  std::pair<NodePtr, Scope> bind_derived(const ast::SubqueryRef& reference, int location);
  // `around`: whose columns the function's arguments may read beside none of their own.
  std::pair<NodePtr, Scope> bind_function(const ast::FunctionRef& reference, Binder* around, int location);
  std::pair<NodePtr, Scope> bind_value_function(const ast::FunctionRef& reference, Binder& inner,
                                                int location);
  std::pair<NodePtr, Scope> bind_acl_rows(const ast::FunctionRef& reference, Binder& inner, int location);
  std::pair<NodePtr, Scope> bind_joined(const ast::JoinRef& reference, int location);
  Expressions bind_join_conditions(const ast::Expr& on, Scope& scope);
  std::pair<NodePtr, Scope> join_with_function(const ast::JoinRef& reference, NodePtr left, Scope left_scope);
  // Joins a function to what stands before it, whose names scope_ has; adds its own.
  NodePtr join_function(NodePtr before, const ast::FunctionRef& reference, int location);
  Scope function_scope(const ast::FunctionRef& reference, Type type, int location) const;
  std::pair<NodePtr, Scope> bind_common_table(const VisibleQuery& query, const ast::TableRef& reference,
                                              int location);
  std::pair<NodePtr, Scope> derived(BoundQuery query, ScopeRelation::Kind kind, std::string name, const ast::Alias* alias,
                                    int location);
  NodePtr bind_using(const ast::JoinRef& join, NodePtr left, NodePtr right, Scope& left_scope,
                     Scope& right_scope, Scope& scope, int location);
  void merge_into(Scope& scope, Scope more, int location) const;

  // ---- binder_select.cc ----
  struct Targets {
    Expressions values;
    std::vector<OutputColumn> columns;
    std::vector<const ast::Expr*> syntax;  // null for those of a star
    std::vector<int> locations;
  };
  // Queries from here on may mention these.
  void open_with(const ast::WithClause& with);
  BoundQuery bind_body(const ast::SelectStatement& select, bool resolve_unknowns);
  BoundQuery bind_plain(const ast::SelectStatement& select, bool resolve_unknowns);
  BoundQuery bind_values(const ast::SelectStatement& select, bool resolve_unknowns);
  BoundQuery bind_set_operation(const ast::SelectStatement& select, bool resolve_unknowns);
  Targets bind_targets(const std::vector<ast::Target>& targets);
  void add_target(Targets& targets, const ast::Target& target);
  void resolve_unknown_targets(Targets& targets);
  // The column of the projection that an ORDER BY or DISTINCT ON item means; adds one where it is new.
  int sort_column(const ast::Expr& expression, Targets& targets, std::size_t visible, bool may_add,
                  std::string_view clause, int location);
  std::vector<logical::SortKey> bind_order_by(const ast::SelectStatement& select, Targets& targets,
                                              std::size_t visible, bool may_add);
  std::vector<logical::SortKey> distinct_on_keys(const ast::SelectStatement& select, Targets& targets,
                                                 std::size_t visible, std::vector<logical::SortKey> order,
                                                 std::vector<int>& columns);
  NodePtr bind_limit(NodePtr input, const ast::SelectStatement& select);
  ExpressionPtr bind_row_count(const ast::ExprPtr& expression, std::string_view clause);

  // ---- binder_locking.cc ----
  // Throws 0A000 where there are no rows of tables to be locked.
  void check_lockable(const ast::SelectStatement& select, bool grouped) const;
  // The clauses that are about FROM's relation of this name, without their OF.
  std::vector<ast::LockingClause> locking_of(std::string_view relation) const;
  void check_locked_names() const;
  // Adds the keys of the rows to be locked to the targets; to be called with FROM bound.
  std::vector<logical::LockRows::Lock> bind_locking(Targets& targets);

  // ---- binder_insert.cc, binder_update_delete.cc ----
  std::shared_ptr<const TableEntry> change_target(const ast::QualifiedName& name, Privilege right);
  // Opens a scope with the table's columns, all of the row in order.
  void open_target(const std::shared_ptr<const TableEntry>& table, const std::string& alias);
  void bind_returning(const std::vector<ast::Target>& returning, logical::Change& change,
                      std::vector<OutputColumn>& columns);
  ExpressionPtr default_of(const TableEntry& table, std::size_t column) const;
  // Columns whose values OVERRIDING USER VALUE leaves to their sequences.
  bool gives_way(const ast::InsertStatement& insert, const TableEntry& table, std::size_t column) const;
  void check_may_give(const ast::InsertStatement& insert, const TableEntry& table, std::size_t column) const;
  NodePtr insert_source(const ast::InsertStatement& insert, const TableEntry& table,
                        const std::vector<std::size_t>& columns);
  // The values that SET gives, by column; null where it gives none.
  Expressions bind_assignments(const std::vector<ast::Assignment>& assignments, const TableEntry& table);
  std::vector<int> arbiters_of(const ast::OnConflict& conflict, const TableEntry& table);
  logical::OnConflict bind_on_conflict(const ast::InsertStatement& insert,
                                       const std::shared_ptr<const TableEntry>& table);
  NodePtr scan_target(const std::shared_ptr<const TableEntry>& table, const std::string& alias,
                      const std::vector<ast::FromPtr>& more, const ast::ExprPtr& where);

  StatementBinding& statement_;
  Binder* parent_;
  const VisibleQuery* queries_;
  std::vector<std::unique_ptr<VisibleQuery>> own_queries_;
  Scope scope_;
  Place place_ = Place::other;
  int constants_only_ = 0;  // > 0: literals become constants
  int row_width_ = 0;       // of the row that expressions are bound over, without subqueries' results
  Grouping* grouping_ = nullptr;
  std::unique_ptr<Grouping> owned_grouping_;
  std::vector<PendingApply> pending_;
  std::vector<PendingApply> argument_pending_;  // of aggregates' arguments: below the grouping
  int applied_ = 0;                             // results of subqueries already in the row behind row_width_
  std::vector<std::vector<std::pair<int, ExpressionPtr>>*> outer_lists_;  // one per subquery being bound
  std::vector<ast::LockingClause> locking_;  // of the query, and what one around it asks of it
  const TableEntry* hidden_target_ = nullptr;  // of the INSERT whose values are being bound: for a hint
  bool read_columns_ = false;                  // some column of the scope was mentioned
};

// `column`, sorted by as the item says.
logical::SortKey sort_key(int column, const ast::SortItem& item);
// The name that a result column gets without an alias.
std::string column_name_of(const ast::Expr& expression);
// As errors name a type: "integer", "unknown".
std::string type_name(storage::Type type);

}  // namespace gyre::adapter
