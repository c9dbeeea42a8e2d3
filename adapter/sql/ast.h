// The syntax tree of a statement: our own, so that one file alone (pg_tree.cc) knows libpg_query's nodes, and
// so that statements outside PostgreSQL's grammar have a place. Built once per plan-cache miss; names are as
// the grammar folded them; nothing is resolved yet.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "adapter/coordinator/lock_mode.h"

namespace gyre::adapter::ast {

// Byte offset into the text given to parse_sql, for the position field of errors; -1 where unknown.
using Location = std::int32_t;

struct Expr;
struct SelectStatement;
using ExprPtr = std::unique_ptr<Expr>;
using SelectPtr = std::unique_ptr<SelectStatement>;
struct Statement;
using StatementPtr = std::unique_ptr<Statement>;

struct QualifiedName {
  std::string catalog;  // empty: the current one
  std::string schema;   // empty: by search_path
  std::string name;
  Location location = -1;
};

struct TypeName {
  QualifiedName name;  // as the grammar spells it: "int4", "varchar"; schema "pg_catalog" for built-in words
  std::vector<ExprPtr> typmods;  // varchar(10): one literal
  bool array = false;
  bool percent_type = false;
  Location location = -1;
};

// ---- expressions ----

struct Literal {
  enum class Kind : std::uint8_t { null, boolean, integer, decimal, string, bit_string };
  Kind kind = Kind::null;
  std::string text;  // digits without sign; the string's value; "t"/"f"
  // Index among the statement's number and string literals in text order, where the parser could tell which
  // token this is; -1 otherwise. Only literals with a slot can be replaced by other values in a cached plan.
  int slot = -1;
};
struct ColumnRef {
  std::vector<std::string> parts;  // a | t.a | s.t.a; without the star
  bool star = false;               // * or t.*
};
struct ParameterRef {
  int number;  // 1-based
};
// left op right; a prefix operator has no left.
struct OperatorCall {
  enum class Kind : std::uint8_t { plain, any, all, like, ilike, similar, not_like, not_ilike, not_similar };
  Kind kind = Kind::plain;
  std::string schema;
  std::string name;
  ExprPtr left;
  ExprPtr right;
};
struct BooleanCall {
  enum class Kind : std::uint8_t { and_, or_, not_ };
  Kind kind;
  std::vector<ExprPtr> arguments;
};
struct DistinctFrom {
  ExprPtr left, right;
  bool negated;  // IS NOT DISTINCT FROM
};
struct NullIf {
  ExprPtr left, right;
};
struct InList {
  ExprPtr value;
  std::vector<ExprPtr> list;
  bool negated;
};
struct Between {
  ExprPtr value, low, high;
  bool negated;
  bool symmetric;
};
struct NullTest {
  ExprPtr value;
  bool negated;  // IS NOT NULL
};
struct BooleanTest {
  enum class Kind : std::uint8_t { is_true, is_not_true, is_false, is_not_false, is_unknown, is_not_unknown };
  ExprPtr value;
  Kind kind;
};
struct SortItem {
  ExprPtr value;
  bool descending = false;
  enum class Nulls : std::uint8_t { standard, first, last } nulls = Nulls::standard;
  Location location = -1;
};
struct FunctionCall {
  QualifiedName name;
  std::vector<ExprPtr> arguments;
  bool star = false;  // count(*)
  bool distinct = false;
  bool variadic = false;
  bool window = false;  // has an OVER clause
  ExprPtr filter;
  std::vector<SortItem> order_by;
};
struct TypeCast {
  ExprPtr value;
  TypeName type;
};
struct CaseExpr {
  ExprPtr subject;  // null for CASE WHEN condition …
  std::vector<std::pair<ExprPtr, ExprPtr>> branches;
  ExprPtr otherwise;
};
struct Coalesce {
  std::vector<ExprPtr> arguments;
};
struct MinMax {
  bool greatest;
  std::vector<ExprPtr> arguments;
};
// CURRENT_DATE, CURRENT_USER, … : words that call a function.
struct ValueFunction {
  enum class Kind : std::uint8_t {
    current_date,
    current_time,
    current_timestamp,
    localtime,
    localtimestamp,
    current_user,
    session_user,
    user,
    current_role,
    current_catalog,
    current_schema,
  };
  Kind kind;
  int precision = -1;
};
struct SubqueryExpr {
  enum class Kind : std::uint8_t { exists, scalar, any, all, array };
  Kind kind;
  ExprPtr test;               // left side of IN / ANY / ALL
  std::string operator_name;  // "=" for IN
  SelectPtr query;
};
struct ArrayExpr {
  std::vector<ExprPtr> elements;
};
struct RowExpr {
  std::vector<ExprPtr> elements;
};
struct Collate {
  ExprPtr value;
  QualifiedName collation;
};
struct Subscript {  // value[index]
  ExprPtr value;
  ExprPtr index;
};
struct FieldAccess {  // (value).field
  ExprPtr value;
  std::string field;
};
struct DefaultMarker {};  // DEFAULT in VALUES and SET

struct Expr {
  using Node = std::variant<Literal, ColumnRef, ParameterRef, OperatorCall, BooleanCall, DistinctFrom, NullIf,
                            InList, Between, NullTest, BooleanTest, FunctionCall, TypeCast, CaseExpr,
                            Coalesce, MinMax, ValueFunction, SubqueryExpr, ArrayExpr, RowExpr, Collate,
                            Subscript, FieldAccess, DefaultMarker>;
  Node node;
  Location location = -1;

  template <class T>
  Expr(T value, Location at) : node(std::move(value)), location(at) {}
};

// ---- relations in FROM ----

struct FromItem;
using FromPtr = std::unique_ptr<FromItem>;

struct Alias {
  std::string name;
  std::vector<std::string> columns;
};
struct TableRef {
  QualifiedName name;
  std::optional<Alias> alias;
};
struct JoinRef {
  enum class Kind : std::uint8_t { inner, left, right, full, cross };
  Kind kind;
  FromPtr left, right;
  ExprPtr on;
  std::vector<std::string> using_columns;
  bool natural = false;
  std::optional<Alias> alias;
};
struct SubqueryRef {
  SelectPtr query;
  bool lateral = false;
  std::optional<Alias> alias;
};
struct FunctionRef {
  ExprPtr call;
  bool ordinality = false;
  bool lateral = false;
  std::optional<Alias> alias;
};
struct FromItem {
  std::variant<TableRef, JoinRef, SubqueryRef, FunctionRef> node;
  Location location = -1;
};

// ---- queries and changes ----

struct Target {  // an item of a SELECT list or RETURNING
  ExprPtr value;
  std::string alias;  // empty: named after the expression
};
struct CommonTable {
  std::string name;
  std::vector<std::string> columns;
  SelectPtr query;
};
struct WithClause {
  std::vector<CommonTable> tables;
  bool recursive = false;
};
// FOR UPDATE, FOR SHARE and the like.
struct LockingClause {
  RowLockMode mode;
  LockWaitPolicy policy = LockWaitPolicy::block;
  std::vector<std::pair<std::string, Location>> tables;  // OF, by the names that FROM gives them; empty: all
};
struct SelectStatement {
  enum class SetOperation : std::uint8_t { none, union_, intersect, except };
  // a plain SELECT …
  std::vector<Target> targets;
  bool distinct = false;
  std::vector<ExprPtr> distinct_on;
  std::vector<FromPtr> from;
  ExprPtr where;
  std::vector<ExprPtr> group_by;
  ExprPtr having;
  // … or VALUES
  std::vector<std::vector<ExprPtr>> values;
  // … or left op right
  SetOperation operation = SetOperation::none;
  bool all = false;
  SelectPtr left, right;
  // and, around any of them
  WithClause with;
  std::vector<SortItem> order_by;
  ExprPtr limit, offset;
  std::vector<LockingClause> locking;
};
struct Assignment {
  std::string column;
  ExprPtr value;
  Location location = -1;
};
struct OnConflict {
  bool update = false;            // or DO NOTHING
  std::vector<ExprPtr> targets;   // ON CONFLICT (…): columns, or expressions over them
  ExprPtr predicate;              // ON CONFLICT (…) WHERE: of a partial index
  std::string constraint;         // ON CONFLICT ON CONSTRAINT
  std::string unsupported_order;  // "ASC/DESC", "NULLS FIRST/LAST" among the targets; empty: none
  std::vector<Assignment> assignments;
  ExprPtr where;
  Location location = -1;
  Location target_location = -1;
};
struct InsertStatement {
  WithClause with;
  QualifiedName table;
  std::string alias;
  std::vector<std::pair<std::string, Location>> columns;  // empty: all
  SelectPtr source;                                       // null: DEFAULT VALUES
  enum class Overriding : std::uint8_t { none, user, system } overriding = Overriding::none;
  std::optional<OnConflict> on_conflict;
  std::vector<Target> returning;
};
struct UpdateStatement {
  WithClause with;
  QualifiedName table;
  std::string alias;
  std::vector<Assignment> assignments;
  std::vector<FromPtr> from;
  ExprPtr where;
  std::vector<Target> returning;
};
struct DeleteStatement {
  WithClause with;
  QualifiedName table;
  std::string alias;
  std::vector<FromPtr> using_items;
  ExprPtr where;
  std::vector<Target> returning;
};
struct TruncateStatement {
  std::vector<QualifiedName> tables;
  bool restart_identity = false;
  bool cascade = false;
};

// ---- definitions ----

// How a sequence counts: of CREATE and ALTER SEQUENCE and of identity columns.
struct SequenceOptions {
  enum class Limit : std::uint8_t { unsaid, none, value };  // none: NO MINVALUE
  std::optional<TypeName> type;
  std::optional<std::int64_t> increment, start, cache;
  Limit minimum = Limit::unsaid, maximum = Limit::unsaid;
  std::int64_t minimum_value = 0, maximum_value = 0;
  std::optional<bool> cycle;
  bool restart = false;
  std::optional<std::int64_t> restart_value;  // absent: from the start
  std::vector<std::string> owned_by;          // table.column in parts; one "none"; empty: unsaid
  std::string repeated;                       // an option that was given twice
};
struct IdentityClause {
  bool always = false;  // GENERATED ALWAYS, not BY DEFAULT
  SequenceOptions options;
};
struct KeyConstraint {  // PRIMARY KEY (a, b) / UNIQUE (a, b)
  bool primary = false;
  std::string name;
  std::vector<std::string> columns;
  Location location = -1;
  std::string index;  // USING INDEX
  bool deferrable = false;
  bool deferred = false;
};
struct CheckClause {
  std::string name;
  ExprPtr condition;
  bool no_inherit = false;
  bool not_valid = false;
  Location location = -1;
};
struct ForeignKeyClause {
  enum class Action : char {
    no_action = 'a',
    restrict_ = 'r',
    cascade = 'c',
    set_null = 'n',
    set_default = 'd',
  };
  std::string name;
  std::vector<std::string> columns;
  QualifiedName referenced;
  std::vector<std::string> referenced_columns;  // empty: its primary key
  bool match_full = false;
  Action on_update = Action::no_action;
  Action on_delete = Action::no_action;
  std::vector<std::string> delete_set_columns;  // ON DELETE SET NULL (a)
  bool deferrable = false;
  bool deferred = false;
  bool not_valid = false;
  Location location = -1;
};
struct ColumnDefinition {
  std::string name;
  TypeName type;
  bool not_null = false;
  bool explicit_null = false;
  std::vector<KeyConstraint> keys;
  std::vector<CheckClause> checks;
  std::vector<ForeignKeyClause> foreign_keys;
  ExprPtr default_value;
  std::optional<IdentityClause> identity;
  std::string unsupported_what;  // GENERATED … STORED, COLLATE other than "C"/default; empty: none
  Location location = -1;
};
struct LikeClause {  // CREATE TABLE … (LIKE t INCLUDING …)
  QualifiedName table;
  bool defaults = false, constraints = false, indexes = false, identity = false, comments = false;
  std::size_t position = 0;  // how many columns are defined before it
};
struct CreateTableStatement {
  QualifiedName name;
  bool if_not_exists = false;
  bool temporary = false;
  std::vector<ColumnDefinition> columns;
  std::vector<LikeClause> likes;
  std::vector<KeyConstraint> keys;
  std::vector<CheckClause> checks;
  std::vector<ForeignKeyClause> foreign_keys;
  std::string unsupported_what;  // first clause that we cannot honour (INHERITS, …); empty: none
};
struct CreateTableAsStatement {
  QualifiedName name;
  bool if_not_exists = false;
  std::vector<std::string> columns;
  StatementPtr query;  // a SELECT or VALUES
  bool with_data = true;
  bool temporary = false;
  bool select_into = false;
};
struct CreateIndexStatement {
  std::string name;  // empty: chosen
  QualifiedName table;
  bool unique = false;
  bool if_not_exists = false;
  bool is_default = false;  // CREATE DEFAULT INDEX: all columns
  std::string cluster;      // IN CLUSTER c; empty: the session's
  std::vector<std::string> columns;
  std::string unsupported_what;  // expression, partial, other access method
  Location location = -1;
};
// One of the actions of ALTER TABLE, in the order they are written. Which members count, the kind says.
struct AlterAction {
  enum class Kind : std::uint8_t {
    add_column,
    drop_column,
    set_default,  // expression null: DROP DEFAULT
    set_not_null,
    drop_not_null,
    set_type,  // expression: USING
    add_key,
    add_check,
    add_foreign_key,
    drop_constraint,
    validate_constraint,
    alter_constraint,
    owner_to,
    set_schema,
    add_identity,
    set_identity,
    drop_identity,
    nothing,  // storage parameters and the like: accepted, without effect
  };
  Kind kind = Kind::nothing;
  std::string name;  // of the column, constraint, role or schema
  bool missing_ok = false;
  bool exists_ok = false;
  bool cascade = false;
  std::optional<ColumnDefinition> column;
  ExprPtr expression;
  std::optional<TypeName> type;
  KeyConstraint key;
  CheckClause check;
  ForeignKeyClause foreign_key;
  IdentityClause identity;
  bool sets_always = false;  // SET GENERATED …, of set_identity
  Location location = -1;
};
struct AlterTableStatement {
  enum class Object : std::uint8_t { table, index, sequence };
  Object object = Object::table;
  QualifiedName name;
  bool if_exists = false;
  std::vector<AlterAction> actions;
};
struct RenameStatement {
  enum class Kind : std::uint8_t { table, index, sequence, column, constraint, schema };
  Kind kind = Kind::table;
  QualifiedName relation;
  std::string from;  // the column, constraint or schema
  std::string to;
  bool if_exists = false;
};
struct CreateSequenceStatement {
  QualifiedName name;
  bool if_not_exists = false;
  bool temporary = false;
  SequenceOptions options;
};
struct AlterSequenceStatement {
  QualifiedName name;
  bool if_exists = false;
  SequenceOptions options;
};
struct SetConstraintsStatement {
  std::vector<QualifiedName> names;  // empty: ALL
  bool deferred = false;
};
struct CommentStatement {
  enum class Kind : std::uint8_t { relation, column };
  Kind kind = Kind::relation;
  QualifiedName relation;
  std::string column;
  std::optional<std::string> text;  // absent: IS NULL
};
struct DropStatement {
  enum class Kind : std::uint8_t { table, index, view, materialized_view, schema, sequence, other };
  Kind kind;
  std::vector<QualifiedName> names;
  bool if_exists = false;
  bool cascade = false;
  std::string other_kind;
};
struct RoleOption {
  std::string
      name;  // "superuser", "login", "inherit", "createdb", "createrole", "password", "connectionlimit", …
  bool enabled = true;
  std::string text;
};
struct CreateRoleStatement {
  std::string name;
  bool user = false;  // CREATE USER: LOGIN unless said otherwise
  std::vector<RoleOption> options;
  bool if_not_exists = false;
};
struct AlterRoleStatement {
  std::string name;
  std::vector<RoleOption> options;
};
struct DropRoleStatement {
  std::vector<std::string> names;
  bool if_exists = false;
};
struct GrantedPrivilege {
  std::string word;                  // lower case: "select", "insert", …; empty: all
  std::vector<std::string> columns;  // empty: on the object as a whole
};
struct GrantStatement {
  bool revoke = false;
  std::vector<GrantedPrivilege> privileges;  // empty: all
  enum class Object : std::uint8_t {
    table,
    sequence,
    schema,
    database,
    all_tables_in_schema,
    all_sequences_in_schema,
    other
  } object = Object::table;
  std::vector<QualifiedName> names;
  std::vector<std::string> grantees;  // "public" for PUBLIC; "current_user" words resolved by the binder
  std::string grantor;                // GRANTED BY; empty: not said
  bool grant_option = false;          // WITH GRANT OPTION; of REVOKE: GRANT OPTION FOR
  bool cascade = false;
};
struct AlterDefaultPrivilegesStatement {
  std::vector<std::string> creators;  // FOR ROLE; empty: the current one
  std::vector<std::string> schemas;   // IN SCHEMA; empty: all
  GrantStatement action;              // without names
};
struct GrantRoleStatement {  // GRANT role TO role
  bool revoke = false;
  std::vector<std::string> roles;
  std::vector<std::string> grantees;
  std::string grantor;
  bool admin_option = false;  // WITH ADMIN OPTION; of REVOKE: ADMIN OPTION FOR
};
struct CreateSchemaStatement {
  std::string name;   // empty: as the owner
  std::string owner;  // AUTHORIZATION; empty: who asks
  bool if_not_exists = false;
};
// ALTER … OWNER TO of what is no relation.
struct AlterOwnerStatement {
  enum class Object : std::uint8_t { schema, database } object;
  std::string name;
  std::string owner;
};
// REASSIGN OWNED BY … TO …, or DROP OWNED BY … where there is no new owner.
struct OwnedStatement {
  std::vector<std::string> owners;
  std::string new_owner;
  bool cascade = false;
};

// ---- session ----

struct SetStatement {
  enum class Scope : std::uint8_t { session, local, system };  // system: ALTER SYSTEM
  Scope scope = Scope::session;
  std::string name;                 // lower case; "timezone", "transaction_isolation", …
  std::vector<std::string> values;  // empty with reset
  bool to_default = false;          // SET x TO DEFAULT
  bool reset = false;               // RESET x / ALTER SYSTEM RESET x
  bool reset_all = false;           // RESET ALL
  bool from_current = false;        // SET x FROM CURRENT
};
// ALTER ROLE … SET and RESET, ALTER DATABASE likewise: what sessions begin with.
struct RoleSettingStatement {
  std::string role;          // empty: all
  std::string database;      // empty: whichever
  bool of_database = false;  // ALTER DATABASE
  SetStatement set;
};
struct ShowStatement {
  std::string name;  // "all" for SHOW ALL
};
struct TransactionStatement {
  enum class Kind : std::uint8_t {
    begin,
    commit,
    rollback,
    savepoint,
    release,
    rollback_to,
    set_transaction,
    set_session_characteristics,
    prepare,
    commit_prepared,
    rollback_prepared,
  };
  Kind kind;
  std::string name;       // savepoint
  std::string isolation;  // "read committed", … or empty
  std::optional<bool> read_only;
  std::optional<bool> deferrable;
  bool chain = false;
  bool start_word = false;  // START TRANSACTION: its tag differs from BEGIN's
};

struct PrepareStatement {
  std::string name;
  std::vector<TypeName> parameter_types;
  StatementPtr statement;
};
struct ExecuteStatement {
  std::string name;
  std::vector<ExprPtr> arguments;
};
struct DeallocateStatement {
  std::string name;  // empty: all
};
struct DeclareCursorStatement {
  std::string name;
  StatementPtr query;  // a SELECT or VALUES
  bool hold = false;
  bool binary = false;
  bool scroll = false;
};
struct FetchStatement {
  std::string name;
  bool move = false;
  bool backward = false;   // a direction that a forward-only cursor cannot go
  std::int64_t count = 1;  // INT64_MAX: all
};
struct CloseStatement {
  std::string name;  // empty: all
};
struct DiscardStatement {
  enum class Kind : std::uint8_t { all, plans, sequences, temp } kind;
};
struct LockTableStatement {
  std::vector<QualifiedName> tables;
  TableLockMode mode = TableLockMode::access_exclusive;
  bool no_wait = false;
};
struct CheckpointStatement {};
// Accepted, without effect here: VACUUM, ANALYZE, LISTEN, CREATE EXTENSION IF NOT EXISTS, …
struct NoOpStatement {
  std::string tag;  // of CommandComplete
};
struct CopyOption {
  enum class Kind : std::uint8_t { none, word, number, star, list };
  std::string name;
  Kind kind = Kind::none;
  std::string text;               // of a word or a number
  std::vector<std::string> list;  // names of columns
  Location location = -1;
};
struct CopyStatement {
  QualifiedName table;               // unless there is a query
  std::vector<std::string> columns;  // empty: all
  StatementPtr query;                // COPY (query) TO
  bool from = false;
  bool program = false;
  std::optional<std::string> file;  // none: STDIN or STDOUT
  std::vector<CopyOption> options;
  ExprPtr where;  // COPY FROM
};
struct ExplainStatement {
  enum class Subject : std::uint8_t { plan, timestamp };
  enum class Format : std::uint8_t { text, json };

  StatementPtr statement;
  Subject subject = Subject::plan;
  Format format = Format::text;
  bool analyze = false;
  bool timing = true;   // of nodes; only with analyze
  bool summary = false;  // how long planning took, and running
};
// Parsed, but not something this server does: answered with 0A000.
struct UnsupportedStatement {
  std::string what;  // "COPY", "CREATE FUNCTION", …
};

struct Statement {
  using Node =
      std::variant<SelectPtr, InsertStatement, UpdateStatement, DeleteStatement, TruncateStatement,
                   CreateTableStatement, CreateTableAsStatement, CreateIndexStatement, AlterTableStatement,
                   RenameStatement, CreateSequenceStatement, AlterSequenceStatement, SetConstraintsStatement, CommentStatement,
                   DropStatement, CreateRoleStatement, AlterRoleStatement, RoleSettingStatement, DropRoleStatement, GrantStatement,
                   GrantRoleStatement, AlterDefaultPrivilegesStatement, CreateSchemaStatement,
                   AlterOwnerStatement, OwnedStatement, SetStatement, ShowStatement, TransactionStatement,
                   PrepareStatement, ExecuteStatement, DeallocateStatement, DeclareCursorStatement,
                   FetchStatement, CloseStatement, DiscardStatement, LockTableStatement,
                   CheckpointStatement, NoOpStatement,
                   ExplainStatement, CopyStatement, UnsupportedStatement>;
  Node node;
  // The statement's own bytes within the text it was parsed from, without the semicolon.
  std::size_t begin = 0;
  std::size_t end = 0;
  // How many tokens scan_literals() yields for these bytes; -1: it refuses them. A token whose index is the
  // slot of no Literal in the tree has been used up by the grammar: a plan then holds for that value only.
  int literal_count = -1;

  template <class T>
  explicit Statement(T value) : node(std::move(value)) {}
};

}  // namespace gyre::adapter::ast
