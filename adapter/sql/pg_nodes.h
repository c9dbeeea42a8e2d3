// What the translators of libpg_query's raw tree share: the node headers, and the class that walks the tree.
// Included by pg_*.cc only, so that nothing else sees a PostgreSQL header.
//
// The trees belong to a memory context of the parsing thread, hence everything kept is copied. The headers
// also declare PostgreSQL's global variables; no code here may touch one, for the library holds its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

extern "C" {
#include <pg_query.h>
// clang-format off
#include <pg_query/pg_query_internal.h>
#include <nodes/parsenodes.h>
#include <nodes/value.h>
// clang-format on
}

#include "adapter/sql/ast.h"
#include "adapter/sql/literals.h"

namespace gyre::adapter::pg {

// Trees of more levels, and those that take the walker more stack, are refused (54001). Every later pass
// recurses over the tree, so the levels bound the stack that all of them need.
inline constexpr int kMaxDepth = 2000;
inline constexpr std::size_t kMaxStackBytes = 512 * 1024;

struct TooDeep {};
struct Unsupported {
  std::string what;
};
// An error that the raw tree shows.
struct Invalid {
  const char* sql_state;
  std::string message;
  ast::Location location = -1;
};

inline NodeTag tag(const void* node) {
  return *static_cast<const NodeTag*>(node);
}

template <class T>
const T& as(const void* node) {
  return *static_cast<const T*>(node);
}

inline int size(const List* list) {
  return list == nullptr ? 0 : list->length;
}
inline const void* at(const List* list, int i) {
  return list->elements[i].ptr_value;
}

inline std::string text_of(const char* text) {
  return text == nullptr ? std::string() : std::string(text);
}
inline std::string string_value(const void* node) {
  return text_of(as<String>(node).sval);
}

// The strings of a list of String nodes.
std::vector<std::string> strings(const List* list);

// The statement's literal tokens, by place.
class LiteralTable {
 public:
  // `begin`: offset of the statement within the text.
  LiteralTable(std::string_view statement, std::size_t begin);

  int count() const { return refused_ ? -1 : static_cast<int>(tokens_.size()); }
  // Index of the token that starts at this offset of the text; -1: none does.
  int find(std::int64_t location) const;
  // Index of the first token at or after an offset of the text; -1: none.
  int first_from(std::int64_t location) const;
  const LiteralToken& token(int index) const { return tokens_[static_cast<std::size_t>(index)]; }
  ast::Location location(int index) const { return static_cast<ast::Location>(begin_ + token(index).begin); }

 private:
  std::size_t begin_;
  Arena arena_;
  std::vector<LiteralToken> tokens_;
  bool refused_;
};

// Translates one statement. Throws TooDeep and Unsupported; both end the statement, not the text.
class Walker {
 public:
  Walker(std::string_view text, const LiteralTable& literals)
      : text_(text), literals_(literals), stack_base_(stack_position()) {}

  ast::Statement::Node statement(const Node* node);  // pg_statement.cc

 private:
  class Level;  // counts one level of nesting while it lives

  // Roughly the stack pointer.
  static const char* stack_position() { return static_cast<const char*>(__builtin_frame_address(0)); }

  // Out of line, so that one kind of node does not pay for the locals of all of them when it recurses.

  // Expressions: pg_expression.cc. A null node becomes a null pointer.
  ast::ExprPtr expr(const void* node);
  [[gnu::noinline]] ast::ExprPtr dispatch(const void* node);
  [[noreturn]] static void refuse(const void* node);
  [[gnu::noinline]] ast::ExprPtr parameter(const ParamRef& p);
  [[gnu::noinline]] ast::ExprPtr default_marker(const SetToDefault& d);
  [[gnu::noinline]] ast::ExprPtr null_test(const NullTest& t);
  [[gnu::noinline]] ast::ExprPtr collate(const CollateClause& c);
  [[gnu::noinline]] ast::ExprPtr list_expr(const void* node);
  [[gnu::noinline]] ast::ExprPtr constant(const A_Const& c);
  int slot_of(ast::Location at) const;
  [[gnu::noinline]] ast::ExprPtr number(std::string digits, bool negative, ast::Literal::Kind kind,
                                        ast::Location at);
  [[gnu::noinline]] ast::ExprPtr column_ref(const ColumnRef& c);
  [[gnu::noinline]] ast::ExprPtr a_expr(const A_Expr& e);
  [[gnu::noinline]] ast::ExprPtr operator_call(const A_Expr& e);
  [[gnu::noinline]] ast::ExprPtr finish_operator(const A_Expr& e, ast::ExprPtr left, ast::ExprPtr right);
  [[gnu::noinline]] ast::ExprPtr comparison(const A_Expr& e);
  [[gnu::noinline]] ast::ExprPtr in_list(const A_Expr& e);
  [[gnu::noinline]] ast::ExprPtr bare_call(const FuncCall& f);
  [[gnu::noinline]] ast::ExprPtr between(const A_Expr& e, bool negated, bool symmetric);
  [[gnu::noinline]] ast::ExprPtr bool_expr(const BoolExpr& e);
  [[gnu::noinline]] ast::ExprPtr function_call(const FuncCall& f);
  [[gnu::noinline]] ast::ExprPtr type_cast(const TypeCast& c);
  [[gnu::noinline]] ast::ExprPtr case_expr(const CaseExpr& c);
  [[gnu::noinline]] ast::ExprPtr sublink(const SubLink& s);
  [[gnu::noinline]] ast::ExprPtr indirection(const A_Indirection& i);
  [[gnu::noinline]] ast::ExprPtr value_function(const SQLValueFunction& f);
  [[gnu::noinline]] ast::ExprPtr boolean_test(const BooleanTest& t);
  [[gnu::noinline]] std::vector<ast::ExprPtr> exprs(const List* list);
  [[gnu::noinline]] ast::SortItem sort_item(const SortBy& s);
  [[gnu::noinline]] std::vector<ast::SortItem> sort_items(const List* list);
  ast::TypeName type_name(const TypeName& t);

  // Queries and changes: pg_query_tree.cc.
  [[gnu::noinline]] ast::SelectPtr select(const void* node);
  [[gnu::noinline]] void select_body(const SelectStmt& s, ast::SelectStatement& out);
  [[gnu::noinline]] std::vector<ast::LockingClause> locking_clauses(const List* list);
  ast::LockingClause locking_clause(const LockingClause& clause);
  [[gnu::noinline]] ast::WithClause with(const WithClause* clause);
  [[gnu::noinline]] ast::FromPtr from_item(const void* node);
  [[gnu::noinline]] ast::FromPtr join(const JoinExpr& j);
  [[gnu::noinline]] ast::FromPtr from_function(const RangeFunction& f);
  [[gnu::noinline]] std::vector<ast::FromPtr> from_items(const List* list);
  [[gnu::noinline]] std::vector<ast::Target> targets(const List* list);
  std::vector<ast::Assignment> assignments(const List* list);
  ast::OnConflict on_conflict(const OnConflictClause& c);
  ast::InsertStatement insert(const InsertStmt& s);
  ast::UpdateStatement update(const UpdateStmt& s);
  ast::DeleteStatement erase(const DeleteStmt& s);

  // The session: pg_statement.cc.
  ast::Statement::Node query_statement(const SelectStmt& s);
  ast::StatementPtr nested(const Node* node);
  ast::Statement::Node variable_set(const VariableSetStmt& s);
  ast::SetStatement set_statement(const VariableSetStmt& s);
  ast::RoleSettingStatement role_setting(std::string role, std::string database, const VariableSetStmt& s);
  ast::CopyStatement copy(const CopyStmt& s);
  ast::Statement::Node explain(const ExplainStmt& s);
  ast::PrepareStatement prepare(const PrepareStmt& s);
  ast::ExecuteStatement execute(const ExecuteStmt& s);

  // Definitions: pg_definition.cc.
  ast::CreateTableStatement create_table(const CreateStmt& s);
  ast::ColumnDefinition column(const ColumnDef& d);
  [[gnu::noinline]] void column_constraint(const Constraint& c, ast::ColumnDefinition& out);
  ast::KeyConstraint key_constraint(const Constraint& c);
  ast::CheckClause check_clause(const Constraint& c);
  ast::ForeignKeyClause foreign_key(const Constraint& c);
  ast::SequenceOptions sequence_options(const List* options);
  [[gnu::noinline]] ast::AlterAction alter_action(const AlterTableCmd& command);
  ast::CreateTableAsStatement create_table_as(const IntoClause& into, const void* query, bool if_not_exists);
  ast::CreateIndexStatement create_index(const IndexStmt& s);
  ast::Statement::Node alter_table(const AlterTableStmt& s);
  ast::Statement::Node set_schema(const AlterObjectSchemaStmt& s);
  ast::Statement::Node rename(const RenameStmt& s);
  ast::CreateSequenceStatement create_sequence(const CreateSeqStmt& s);
  ast::AlterSequenceStatement alter_sequence(const AlterSeqStmt& s);
  ast::SetConstraintsStatement set_constraints(const ConstraintsSetStmt& s);
  ast::Statement::Node comment(const CommentStmt& s);

  std::string_view text_;
  const LiteralTable& literals_;
  const char* stack_base_;
  int depth_ = 0;
};

class Walker::Level {
 public:
  explicit Level(Walker& walker) : depth_(walker.depth_) {
    const std::ptrdiff_t used = walker.stack_base_ - stack_position();
    if (depth_ >= kMaxDepth || used > static_cast<std::ptrdiff_t>(kMaxStackBytes)) throw TooDeep();
    ++depth_;
  }
  ~Level() { --depth_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

 private:
  int& depth_;
};

ast::QualifiedName relation_name(const RangeVar& r);
std::string role_name(const RoleSpec& r);
ast::QualifiedName name_from(const List* names, ast::Location at);
std::optional<ast::Alias> alias_of(const Alias* alias);

template <class T>
[[gnu::noinline]] ast::ExprPtr make(T value, ast::Location at) {
  return std::make_unique<ast::Expr>(std::move(value), at);
}

}  // namespace gyre::adapter::pg
