// A plan: a statement made ready to run, for one catalog version and one kind of session, any number of
// times, on any core. Immutable. Holds no row and no answer.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/catalog/catalog.h"
#include "adapter/sql/ast.h"
#include "storage/scalar/expression.h"
#include "storage/type.h"

namespace gyre::adapter {

namespace physical {
struct Node;  // adapter/plan/physical.h
}

// A column of an answer, as RowDescription needs it.
struct OutputColumn {
  std::string name;
  storage::Type type;
  std::uint32_t table_oid = 0;     // 0 unless a plain column of a relation
  std::int16_t column_number = 0;  // pg_attribute.attnum
};

// The shape that most small queries have and the peek path is built for: some columns of one table's rows, by
// whole key or in key order, each row as it lies in the tree.
struct DirectRead {
  RelationId table;
  // Set: one row, its primary key the encoding of these (constants, parameters, literals; exact column
  // types). Empty: every row in key order.
  std::vector<const storage::Expression*> key;
  std::vector<std::uint16_t> columns;           // what to encode, in output order
  const storage::Expression* filter = nullptr;  // over `filter_columns` put in this order; null: every row
  std::vector<std::uint16_t> filter_columns;
  std::int64_t limit = -1;  // -1: none
};

// What a statement's role must be allowed on one table.
struct NeededRight {
  RelationId table;
  PrivilegeSet rights = 0;  // of which SELECT, INSERT and UPDATE may be held on the columns alone
  // Positions of the columns that are read, and of those that are given values in new rows and in old ones. A
  // SELECT of none (count(*)) needs the right on some column.
  std::vector<std::uint16_t> read, inserted, updated;
};
// Whether the role has the right by the catalog; false where the table is gone.
bool holds_right(const Catalog& catalog, RoleId role, const NeededRight& right);

struct Plan {
  enum class Kind : std::uint8_t { select, insert, update, delete_, truncate };

  Plan();
  ~Plan();

  Kind kind = Kind::select;
  std::vector<OutputColumn> columns;  // empty: no rows are answered (an INSERT without RETURNING)
  // Types of $1 … $n. Values of the statement's literals follow as further parameters n, n+1, … (by slot).
  std::vector<storage::Type> parameter_types;
  // Types of the literals' parameters, by slot: the type the value has to be given (text literals are parsed
  // as this type).
  std::vector<storage::Type> literal_types;
  // Per slot: the plan was made for this very value (LIMIT 10, ORDER BY 1, a type modifier, a folded
  // constant).
  std::vector<bool> literal_fixed;
  std::vector<RelationId> relations;  // tables read or written
  std::vector<NeededRight> rights;    // held when it was planned
  // Depends on nothing but the catalog version, its key and the parameters (always so; here for asserting).
  bool has_volatile = false;
  // Takes locks or looks at them: runs on the oracle core.
  bool needs_locks = false;
  std::optional<RowLockMode> locks_rows;  // FOR UPDATE and the like: the first clause's
  // Looks at the sessions of all cores, or signals them: these are asked first.
  bool needs_sessions = false;
  bool needs_history = false;  // and at what they have run
  std::unique_ptr<const physical::Node> root;
  std::unique_ptr<const DirectRead> direct;  // null: run the operators
  // How many Hoisted places an execution should offer its expressions (storage/scalar/hoist.h).
  int hoisted_places = 0;
  std::size_t footprint = 0;  // bytes, roughly, for the plan cache's bound
  // How long it took to bind names and types, and to plan what was bound; of SpanClock.
  std::uint64_t bind_ticks = 0, plan_ticks = 0;

  std::vector<std::string> notices;  // to be given whenever it runs
  bool moves_sequences = false;  // calls nextval() or setval(): runs on the oracle core

  bool reads_only() const { return kind == Kind::select; }
  bool runs_on_shard() const { return reads_only() && !needs_locks && !moves_sequences; }
  // The same, and nobody is asked before.
  bool runs_at_once() const { return runs_on_shard() && !needs_sessions; }
  // Leaves everything as it is.
  bool changes_nothing() const { return reads_only() && !moves_sequences; }
};

// What names and rights are resolved against.
struct PlanContext {
  const Catalog& catalog;
  std::span<const std::string> search_path;  // as set; pg_catalog is searched first unless listed
  RoleId role;
  const storage::TextStyle& style;  // for literals that are folded while planning
  const storage::SessionFacts& session;
};

// Plans SELECT/VALUES, INSERT, UPDATE, DELETE, TRUNCATE. `declared` are the parameter types that Parse named
// (unknown where it did not); more parameters than declared may occur in the text. With
// `literals_as_parameters` false every literal is a constant. Throws SqlError (and storage::Failure for
// literals that do not parse).
std::unique_ptr<const Plan> make_plan(const ast::Statement& statement, const PlanContext& context,
                                      std::span<const storage::Type> declared, bool literals_as_parameters);

// COPY FROM: a plan that inserts given rows (see GivenRows), and what they are made of.
struct CopyFromPlan {
  std::unique_ptr<const Plan> plan;
  std::shared_ptr<const TableEntry> table;
  std::vector<std::size_t> columns;  // positions in the table
};
CopyFromPlan plan_copy_from(const ast::CopyStatement& copy, const PlanContext& context);
// COPY table TO: the query that it stands for.
ast::StatementPtr copy_to_query(const ast::CopyStatement& copy, const PlanContext& context);

// For DDL: a type name with its modifier; a column default bound and coerced to the column's type.
storage::Type resolve_type(const ast::TypeName& name, const PlanContext& context);
ColumnDefault bind_default(const ast::Expr& expression, storage::Type column, std::string_view column_name,
                           const PlanContext& context);
// A CHECK condition over the table's columns: `expression` and `text` of the constraint. A foreign key's and
// a column's names are the caller's.
CheckConstraint bind_check(const ast::Expr& condition, const std::shared_ptr<const TableEntry>& table,
                           const PlanContext& context);
// ALTER COLUMN ... TYPE ... USING: over the table's columns, as the new type.
storage::ExpressionPtr bind_transform(const ast::Expr& expression, storage::Type to,
                                      const std::shared_ptr<const TableEntry>& table, std::string_view column,
                                      const PlanContext& context);
// The entry with its defaults and CHECK conditions bound to their texts: after it has been read from disk.
std::shared_ptr<const TableEntry> bind_texts(const TableEntry& table, const PlanContext& context);
// Whether the expression mentions the relation as a constant of type regclass (nextval() of a sequence).
bool mentions_relation(const storage::Expression& expression, std::uint32_t oid);
// Finds a table as a statement names it; throws 42P01. Rights are not checked.
std::shared_ptr<const TableEntry> resolve_table(const ast::QualifiedName& name, const PlanContext& context);
// The value of EXECUTE's argument for $number, as the type that the statement wants. Throws SqlError or
// Failure.
storage::Datum evaluate_argument(const ast::Expr& expression, std::size_t number, storage::Type type,
                                 const PlanContext& context, Arena& arena);

}  // namespace gyre::adapter
