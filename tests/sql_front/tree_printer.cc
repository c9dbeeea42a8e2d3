#include "tests/sql_front/tree_printer.h"

#include <string_view>

namespace gyre::test {
namespace {

using namespace adapter::ast;

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

std::string show(const ExprPtr& e) {
  return e == nullptr ? "_" : print(*e);
}
std::string show(const SelectPtr& s);
std::string show(const SelectStatement& s);

std::string name(const QualifiedName& n) {
  std::string out;
  if (!n.catalog.empty()) out += n.catalog + ".";
  if (!n.schema.empty()) out += n.schema + ".";
  return out + n.name;
}

// " (word items…)", or nothing for no items.
template <class List, class Show>
std::string group(std::string_view word, const List& list, Show item) {
  if (list.empty()) return "";
  std::string out = " (" + std::string(word);
  for (const auto& element : list) out += " " + item(element);
  return out + ")";
}

std::string items(const std::vector<ExprPtr>& list) {
  std::string out;
  for (const ExprPtr& e : list) out += " " + show(e);
  return out;
}

std::string word(const std::string& text) {
  return text;
}
std::string optional(std::string_view label, const ExprPtr& e) {
  return e == nullptr ? "" : " (" + std::string(label) + " " + show(e) + ")";
}
std::string flag(bool set, std::string_view text) {
  return set ? " " + std::string(text) : "";
}

std::string type(const TypeName& t) {
  std::string out = name(t.name);
  if (!t.typmods.empty()) out += "(" + items(t.typmods).substr(1) + ")";
  return out + (t.array ? "[]" : "");
}

std::string literal(const Literal& l) {
  std::string out = l.text;
  if (l.kind == Literal::Kind::null) out = "null";
  if (l.kind == Literal::Kind::string) out = "'" + l.text + "'";
  if (l.kind == Literal::Kind::bit_string) out = "bits:" + l.text;
  if (l.kind == Literal::Kind::decimal) out += "d";
  return l.slot < 0 ? out : out + "#" + std::to_string(l.slot);
}

std::string sort_item(const SortItem& s) {
  std::string out = show(s.value);
  if (s.descending) out += " desc";
  if (s.nulls == SortItem::Nulls::first) out += " nulls-first";
  if (s.nulls == SortItem::Nulls::last) out += " nulls-last";
  return out;
}

std::string operator_call(const OperatorCall& o) {
  static constexpr std::string_view kKinds[] = {
      "", " any", " all", " like", " ilike", " similar", " not-like", " not-ilike", " not-similar"};
  std::string out = "(" + (o.schema.empty() ? "" : o.schema + ".") + o.name;
  out += kKinds[static_cast<std::size_t>(o.kind)];
  if (o.left != nullptr) out += " " + show(o.left);
  return out + " " + show(o.right) + ")";
}

std::string call(const FunctionCall& f) {
  return "(" + name(f.name) + flag(f.distinct, "distinct") + flag(f.star, "*") +
         flag(f.variadic, "variadic") + flag(f.window, "over") + items(f.arguments) +
         optional("filter", f.filter) + group("order", f.order_by, sort_item) + ")";
}

std::string case_expr(const CaseExpr& c) {
  std::string out = "(case " + show(c.subject);
  for (const auto& [when, then] : c.branches) out += " (" + show(when) + " " + show(then) + ")";
  return out + " " + show(c.otherwise) + ")";
}

std::string column(const ColumnRef& c) {
  std::string out;
  for (const std::string& part : c.parts) out += (out.empty() ? "" : ".") + part;
  return c.star ? out + (out.empty() ? "*" : ".*") : out;
}

std::string alias(const std::optional<Alias>& a) {
  if (!a) return "";
  std::string out = " as " + a->name;
  return out + group("", a->columns, word);
}

std::string from(const FromPtr& f) {
  static constexpr std::string_view kJoins[] = {"inner", "left", "right", "full", "cross"};
  return std::visit(
      Overloaded{
          [](const TableRef& t) { return name(t.name) + alias(t.alias); },
          [](const JoinRef& j) {
            return "(" + std::string(kJoins[static_cast<std::size_t>(j.kind)]) + flag(j.natural, "natural") +
                   " " + from(j.left) + " " + from(j.right) + optional("on", j.on) +
                   group("using", j.using_columns, word) + ")" + alias(j.alias);
          },
          [](const SubqueryRef& s) { return show(s.query) + flag(s.lateral, "lateral") + alias(s.alias); },
          [](const FunctionRef& r) {
            return show(r.call) + flag(r.ordinality, "ordinality") + flag(r.lateral, "lateral") +
                   alias(r.alias);
          },
      },
      f->node);
}

std::string target(const Target& t) {
  return show(t.value) + (t.alias.empty() ? "" : ":" + t.alias);
}
std::string row(const std::vector<ExprPtr>& r) {
  return "(" + (r.empty() ? "" : items(r).substr(1)) + ")";
}
std::string common_table(const CommonTable& c) {
  return c.name + group("", c.columns, word) + " " + show(c.query);
}

std::string locking(const LockingClause& clause) {
  static constexpr std::string_view kModes[] = {"for-key-share", "for-share", "for-no-key-update",
                                                "for-update"};
  static constexpr std::string_view kPolicies[] = {"", " nowait", " skip-locked"};
  std::string out(kModes[static_cast<std::size_t>(clause.mode)]);
  for (const auto& [name, location] : clause.tables) out += " " + name;
  return out + std::string(kPolicies[static_cast<std::size_t>(clause.policy)]);
}

std::string with(const WithClause& w) {
  return group(w.recursive ? "with-recursive" : "with", w.tables, common_table);
}
std::string show(const SelectStatement& s) {
  static constexpr std::string_view kOperations[] = {"select", "union", "intersect", "except"};
  std::string out = "(" + std::string(kOperations[static_cast<std::size_t>(s.operation)]) +
                    flag(s.all, "all") + with(s.with);
  if (s.left != nullptr) out += " " + show(s.left) + " " + show(s.right);
  out += flag(s.distinct, "distinct");
  out += group("on", s.distinct_on, [](const ExprPtr& e) { return show(e); });
  out += group("values", s.values, row) + group("targets", s.targets, target) + group("from", s.from, from);
  out += optional("where", s.where);
  out += group("group", s.group_by, [](const ExprPtr& e) { return show(e); });
  out += optional("having", s.having) + group("order", s.order_by, sort_item) + optional("limit", s.limit);
  return out + optional("offset", s.offset) + group("locking", s.locking, locking) + ")";
}
std::string show(const SelectPtr& s) {
  return s == nullptr ? "_" : show(*s);
}

std::string subquery(const SubqueryExpr& s) {
  static constexpr std::string_view kKinds[] = {"exists", "scalar", "any", "all", "array"};
  std::string out = "(" + std::string(kKinds[static_cast<std::size_t>(s.kind)]) +
                    flag(!s.operator_name.empty(), s.operator_name);
  if (s.test != nullptr) out += " " + show(s.test);
  return out + " " + show(s.query) + ")";
}

std::string returning(const std::vector<Target>& list) {
  return group("returning", list, target);
}

std::string assignment(const Assignment& a) {
  return "(" + a.column + " " + show(a.value) + ")";
}
std::string on_conflict(const std::optional<OnConflict>& c) {
  if (!c) return "";
  return " (on-conflict" + flag(!c->constraint.empty(), c->constraint) +
         group("targets", c->targets, [](const ExprPtr& e) { return show(e); }) +
         optional("predicate", c->predicate) + (c->update ? " update" : " nothing") +
         group("set", c->assignments, assignment) + optional("where", c->where) + ")";
}
std::string insert(const InsertStatement& s) {
  return "(insert" + with(s.with) + " " + name(s.table) + flag(!s.alias.empty(), "as " + s.alias) +
         group("columns", s.columns, [](const auto& c) { return c.first; }) + " " + show(s.source) +
         on_conflict(s.on_conflict) + returning(s.returning) + ")";
}
std::string update(const UpdateStatement& s) {
  return "(update" + with(s.with) + " " + name(s.table) + flag(!s.alias.empty(), "as " + s.alias) +
         group("set", s.assignments, assignment) + group("from", s.from, from) + optional("where", s.where) +
         returning(s.returning) + ")";
}
std::string erase(const DeleteStatement& s) {
  return "(delete" + with(s.with) + " " + name(s.table) + flag(!s.alias.empty(), "as " + s.alias) +
         group("using", s.using_items, from) + optional("where", s.where) + returning(s.returning) + ")";
}

std::string key(const KeyConstraint& k) {
  return "(" + std::string(k.primary ? "primary" : "unique") + flag(!k.name.empty(), k.name) +
         group("", k.columns, word) + ")";
}
std::string check(const CheckClause& c) {
  return "(check" + flag(!c.name.empty(), c.name) + " " + show(c.condition) + flag(c.not_valid, "not-valid") +
         ")";
}
std::string foreign_key(const ForeignKeyClause& k) {
  return "(foreign-key" + flag(!k.name.empty(), k.name) + group("", k.columns, word) + " " +
         name(k.referenced) + group("", k.referenced_columns, word) + " " + static_cast<char>(k.on_update) +
         static_cast<char>(k.on_delete) + flag(k.match_full, "full") + flag(k.deferrable, "deferrable") +
         flag(k.deferred, "deferred") + flag(k.not_valid, "not-valid") + ")";
}
std::string number(const char* what, const std::optional<std::int64_t>& value) {
  return value ? " (" + std::string(what) + " " + std::to_string(*value) + ")" : std::string();
}
std::string sequence_options(const SequenceOptions& o) {
  return number("increment", o.increment) + number("start", o.start) + number("cache", o.cache) +
         flag(o.restart, "restart") + number("restart", o.restart_value) +
         (o.minimum == SequenceOptions::Limit::value ? number("minimum", o.minimum_value) : "") +
         (o.maximum == SequenceOptions::Limit::value ? number("maximum", o.maximum_value) : "") +
         flag(o.cycle.value_or(false), "cycle") + group("owned-by", o.owned_by, word);
}
std::string column_definition(const ColumnDefinition& c) {
  return "(" + c.name + " " + type(c.type) + flag(c.not_null, "not-null") + flag(c.explicit_null, "null") +
         group("keys", c.keys, key) + group("checks", c.checks, check) +
         group("foreign-keys", c.foreign_keys, foreign_key) + optional("default", c.default_value) +
         flag(c.identity.has_value(), c.identity && c.identity->always ? "identity-always" : "identity") +
         flag(!c.unsupported_what.empty(), "!" + c.unsupported_what) + ")";
}
std::string action(const AlterAction& a) {
  static constexpr std::string_view kKinds[] = {
      "add-column", "drop-column",  "default",         "set-not-null",    "drop-not-null", "type",
      "add-key",    "add-check",    "add-foreign-key", "drop-constraint", "validate",      "alter-constraint",
      "owner",      "add-identity", "set-identity",    "drop-identity",   "nothing"};
  if (a.kind == AlterAction::Kind::add_key) return "(add-key " + key(a.key) + ")";
  if (a.kind == AlterAction::Kind::add_check) return "(add-check " + check(a.check) + ")";
  if (a.kind == AlterAction::Kind::add_foreign_key)
    return "(add-foreign-key " + foreign_key(a.foreign_key) + ")";
  return "(" + std::string(kKinds[static_cast<std::size_t>(a.kind)]) + flag(!a.name.empty(), a.name) +
         flag(a.missing_ok, "missing-ok") + flag(a.exists_ok, "exists-ok") + flag(a.cascade, "cascade") +
         (a.column ? " " + column_definition(*a.column) : "") + optional("expression", a.expression) +
         (a.type ? " " + type(*a.type) : "") + ")";
}
std::string create_table(const CreateTableStatement& s) {
  return "(create-table " + name(s.name) + flag(s.if_not_exists, "if-not-exists") +
         flag(s.temporary, "temporary") + group("columns", s.columns, column_definition) +
         group("keys", s.keys, key) + group("checks", s.checks, check) +
         group("foreign-keys", s.foreign_keys, foreign_key) +
         group("like", s.likes, [](const LikeClause& l) { return name(l.table); }) +
         flag(!s.unsupported_what.empty(), "!" + s.unsupported_what) + ")";
}
std::string create_index(const CreateIndexStatement& s) {
  return "(create-index " + (s.name.empty() ? "_" : s.name) + " " + name(s.table) + flag(s.unique, "unique") +
         flag(s.if_not_exists, "if-not-exists") + flag(s.is_default, "default") +
         flag(!s.cluster.empty(), "cluster=" + s.cluster) + group("", s.columns, word) +
         flag(!s.unsupported_what.empty(), "!" + s.unsupported_what) + ")";
}
std::string role_option(const RoleOption& o) {
  return o.name + (o.enabled ? "" : "=off") +
         (o.text.empty() || o.text == "true" || o.text == "false" ? "" : "=" + o.text);
}
std::string drop(const DropStatement& s) {
  static constexpr std::string_view kKinds[] = {"table",  "index",    "view", "materialized-view",
                                                "schema", "sequence", "other"};
  return "(drop " + std::string(kKinds[static_cast<std::size_t>(s.kind)]) + flag(s.if_exists, "if-exists") +
         flag(s.cascade, "cascade") + flag(s.kind == DropStatement::Kind::other, s.other_kind) +
         group("", s.names, name) + ")";
}
std::string granted(const GrantedPrivilege& p) {
  return p.columns.empty() ? p.word : (p.word.empty() ? "all" : p.word) + group("", p.columns, word);
}
std::string grant(const GrantStatement& s) {
  static constexpr std::string_view kObjects[] = {"table",      "sequence",      "schema", "database",
                                                  "all-tables", "all-sequences", "other"};
  return std::string(s.revoke ? "(revoke" : "(grant") + flag(s.privileges.empty(), "all") +
         group("", s.privileges, granted) + " " + std::string(kObjects[static_cast<std::size_t>(s.object)]) +
         group("", s.names, name) + group("to", s.grantees, word) + flag(s.grant_option, "option") +
         flag(s.cascade, "cascade") + ")";
}
std::string set(const SetStatement& s) {
  static constexpr std::string_view kScopes[] = {"session", "local", "system"};
  return "(set " + std::string(kScopes[static_cast<std::size_t>(s.scope)]) + flag(!s.name.empty(), s.name) +
         group("", s.values, word) + flag(s.to_default, "default") + flag(s.reset, "reset") +
         flag(s.reset_all, "reset-all") + flag(s.from_current, "from-current") + ")";
}
std::string transaction(const TransactionStatement& s) {
  static constexpr std::string_view kKinds[] = {
      "begin",           "commit",      "rollback", "savepoint",       "release",          "rollback-to",
      "set-transaction", "set-session", "prepare",  "commit-prepared", "rollback-prepared"};
  std::string out = "(" + std::string(kKinds[static_cast<std::size_t>(s.kind)]) +
                    flag(s.start_word, "start") + flag(!s.name.empty(), s.name) +
                    flag(!s.isolation.empty(), "'" + s.isolation + "'");
  if (s.read_only) out += *s.read_only ? " read-only" : " read-write";
  if (s.deferrable) out += *s.deferrable ? " deferrable" : " not-deferrable";
  return out + flag(s.chain, "chain") + ")";
}
std::string fetch(const FetchStatement& s) {
  return "(" + std::string(s.move ? "move " : "fetch ") + s.name + flag(s.backward, "backward") + " " +
         (s.count == INT64_MAX ? "all" : std::to_string(s.count)) + ")";
}

}  // namespace

std::string print(const Expr& e) {
  static constexpr std::string_view kBooleans[] = {"and", "or", "not"};
  static constexpr std::string_view kTests[] = {"is-true",      "is-not-true", "is-false",
                                                "is-not-false", "is-unknown",  "is-not-unknown"};
  static constexpr std::string_view kValues[] = {"current_date",    "current_time",   "current_timestamp",
                                                 "localtime",       "localtimestamp", "current_user",
                                                 "session_user",    "user",           "current_role",
                                                 "current_catalog", "current_schema"};
  return std::visit(
      Overloaded{
          [](const Literal& l) { return literal(l); },
          [](const ColumnRef& c) { return column(c); },
          [](const ParameterRef& p) { return "$" + std::to_string(p.number); },
          [](const OperatorCall& o) { return operator_call(o); },
          [](const BooleanCall& b) {
            return "(" + std::string(kBooleans[static_cast<std::size_t>(b.kind)]) + items(b.arguments) + ")";
          },
          [](const DistinctFrom& d) {
            return std::string(d.negated ? "(not-distinct " : "(distinct ") + show(d.left) + " " +
                   show(d.right) + ")";
          },
          [](const NullIf& n) { return "(nullif " + show(n.left) + " " + show(n.right) + ")"; },
          [](const InList& i) {
            return std::string(i.negated ? "(not-in " : "(in ") + show(i.value) + items(i.list) + ")";
          },
          [](const Between& b) {
            return std::string(b.negated ? "(not-between " : "(between ") +
                   flag(b.symmetric, "symmetric ").substr(b.symmetric) + show(b.value) + " " + show(b.low) +
                   " " + show(b.high) + ")";
          },
          [](const NullTest& n) {
            return std::string(n.negated ? "(is-not-null " : "(is-null ") + show(n.value) + ")";
          },
          [](const BooleanTest& b) {
            return "(" + std::string(kTests[static_cast<std::size_t>(b.kind)]) + " " + show(b.value) + ")";
          },
          [](const FunctionCall& f) { return call(f); },
          [](const TypeCast& c) { return "(cast " + show(c.value) + " " + type(c.type) + ")"; },
          [](const CaseExpr& c) { return case_expr(c); },
          [](const Coalesce& c) { return "(coalesce" + items(c.arguments) + ")"; },
          [](const MinMax& m) {
            return std::string(m.greatest ? "(greatest" : "(least") + items(m.arguments) + ")";
          },
          [](const ValueFunction& v) {
            return std::string(kValues[static_cast<std::size_t>(v.kind)]) +
                   (v.precision < 0 ? "" : "(" + std::to_string(v.precision) + ")");
          },
          [](const SubqueryExpr& s) { return subquery(s); },
          [](const ArrayExpr& a) { return "(array" + items(a.elements) + ")"; },
          [](const RowExpr& r) { return "(row" + items(r.elements) + ")"; },
          [](const Collate& c) { return "(collate " + show(c.value) + " " + name(c.collation) + ")"; },
          [](const Subscript& s) { return "(at " + show(s.value) + " " + show(s.index) + ")"; },
          [](const FieldAccess& f) { return "(field " + show(f.value) + " " + f.field + ")"; },
          [](const DefaultMarker&) { return std::string("default"); },
      },
      e.node);
}

std::string print(const Statement& statement) {
  return std::visit(
      Overloaded{
          [](const SelectPtr& s) { return show(s); },
          [](const InsertStatement& s) { return insert(s); },
          [](const UpdateStatement& s) { return update(s); },
          [](const DeleteStatement& s) { return erase(s); },
          [](const TruncateStatement& s) { return "(truncate" + group("", s.tables, name) + ")"; },
          [](const CreateTableStatement& s) { return create_table(s); },
          [](const CreateTableAsStatement& s) {
            return "(create-table-as " + name(s.name) + flag(s.if_not_exists, "if-not-exists") +
                   group("", s.columns, word) + " " + print(*s.query) + flag(!s.with_data, "no-data") + ")";
          },
          [](const CreateIndexStatement& s) { return create_index(s); },
          [](const CopyStatement& s) {
            return "(copy " + (s.query != nullptr ? print(*s.query) : name(s.table)) +
                   group("", s.columns, word) + (s.from ? " from" : " to") + flag(s.program, "program") +
                   flag(s.file.has_value(), s.file.value_or("")) + optional("where", s.where) + ")";
          },
          [](const AlterTableStatement& s) {
            return "(alter-table " + name(s.name) + flag(s.if_exists, "if-exists") +
                   group("", s.actions, action) + ")";
          },
          [](const RenameStatement& s) {
            return "(rename " + name(s.relation) + flag(!s.from.empty(), s.from) + " " + s.to + ")";
          },
          [](const CreateSequenceStatement& s) {
            return "(create-sequence " + name(s.name) + flag(s.if_not_exists, "if-not-exists") +
                   sequence_options(s.options) + ")";
          },
          [](const AlterSequenceStatement& s) {
            return "(alter-sequence " + name(s.name) + flag(s.if_exists, "if-exists") +
                   sequence_options(s.options) + ")";
          },
          [](const SetConstraintsStatement& s) {
            return "(set-constraints" + group("", s.names, name) +
                   (s.deferred ? " deferred)" : " immediate)");
          },
          [](const CommentStatement& s) {
            return "(comment " + name(s.relation) + flag(!s.column.empty(), s.column) + " '" +
                   s.text.value_or("") + "')";
          },
          [](const DropStatement& s) { return drop(s); },
          [](const CreateRoleStatement& s) {
            return std::string(s.user ? "(create-user " : "(create-role ") + s.name +
                   group("", s.options, role_option) + ")";
          },
          [](const AlterRoleStatement& s) {
            return "(alter-role " + s.name + group("", s.options, role_option) + ")";
          },
          [](const RoleSettingStatement& s) {
            return std::string(s.of_database ? "(database-setting" : "(role-setting") +
                   flag(!s.role.empty(), s.role) + flag(!s.database.empty(), "in " + s.database) + " " +
                   set(s.set) + ")";
          },
          [](const DropRoleStatement& s) {
            return "(drop-role" + flag(s.if_exists, "if-exists") + group("", s.names, word) + ")";
          },
          [](const GrantStatement& s) { return grant(s); },
          [](const GrantRoleStatement& s) {
            return std::string(s.revoke ? "(revoke-role" : "(grant-role") + group("", s.roles, word) +
                   group("to", s.grantees, word) + flag(s.admin_option, "admin") + ")";
          },
          [](const AlterDefaultPrivilegesStatement& s) {
            return "(default-privileges" + group("for", s.creators, word) + group("in", s.schemas, word) +
                   " " + grant(s.action) + ")";
          },
          [](const CreateSchemaStatement& s) {
            return "(create-schema " + s.name + flag(!s.owner.empty(), "for " + s.owner) +
                   flag(s.if_not_exists, "if-not-exists") + ")";
          },
          [](const AlterOwnerStatement& s) {
            return std::string("(alter-owner ") +
                   (s.object == AlterOwnerStatement::Object::schema ? "schema " : "database ") + s.name +
                   " " + s.owner + ")";
          },
          [](const OwnedStatement& s) {
            return "(owned" + group("by", s.owners, word) + flag(!s.new_owner.empty(), "to " + s.new_owner) +
                   flag(s.cascade, "cascade") + ")";
          },
          [](const SetStatement& s) { return set(s); },
          [](const ShowStatement& s) { return "(show " + s.name + ")"; },
          [](const TransactionStatement& s) { return transaction(s); },
          [](const PrepareStatement& s) {
            return "(prepare " + s.name + group("", s.parameter_types, type) + " " + print(*s.statement) +
                   ")";
          },
          [](const ExecuteStatement& s) { return "(execute " + s.name + items(s.arguments) + ")"; },
          [](const DeallocateStatement& s) {
            return "(deallocate " + (s.name.empty() ? "all" : s.name) + ")";
          },
          [](const DeclareCursorStatement& s) {
            return "(declare " + s.name + flag(s.hold, "hold") + flag(s.binary, "binary") +
                   flag(s.scroll, "scroll") + " " + print(*s.query) + ")";
          },
          [](const FetchStatement& s) { return fetch(s); },
          [](const CloseStatement& s) { return "(close " + (s.name.empty() ? "all" : s.name) + ")"; },
          [](const DiscardStatement& s) {
            return "(discard " + std::to_string(static_cast<int>(s.kind)) + ")";
          },
          [](const LockTableStatement& s) {
            return "(lock " + std::to_string(static_cast<int>(s.mode)) + flag(s.no_wait, "nowait") +
                   group("", s.tables, name) + ")";
          },
          [](const CheckpointStatement&) { return std::string("(checkpoint)"); },
          [](const NoOpStatement& s) { return "(no-op " + s.tag + ")"; },
          [](const ExplainStatement& s) {
            const std::string subject = s.subject == ExplainStatement::Subject::timestamp ? "timestamp " : "";
            const std::string format = s.format == ExplainStatement::Format::json ? "json" : "text";
            return "(explain " + subject + format + flag(s.analyze, "analyze") + " " + print(*s.statement) + ")";
          },
          [](const UnsupportedStatement& s) { return "(unsupported " + s.what + ")"; },
      },
      statement.node);
}

}  // namespace gyre::test
