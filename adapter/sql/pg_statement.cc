// Statements of the raw tree other than queries: definitions, roles, and what steers a session.

#include <algorithm>
#include <cctype>

#include "adapter/sql/pg_nodes.h"
#include "adapter/sql_error.h"

namespace gyre::adapter::pg {
namespace {

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

const DefElem& option(const List* list, int i) {
  return as<DefElem>(at(list, i));
}

// The value of an option as text; a list's members are joined by commas. Empty for none.
std::string argument_text(const void* node) {
  if (node == nullptr) return {};
  switch (tag(node)) {
    case T_Integer:
      return std::to_string(as<Integer>(node).ival);
    case T_Float:
      return text_of(as<Float>(node).fval);
    case T_Boolean:
      return as<Boolean>(node).boolval ? "true" : "false";
    case T_String:
      return string_value(node);
    case T_A_Const:
      return as<A_Const>(node).isnull ? std::string() : argument_text(&as<A_Const>(node).val);
    case T_TypeCast:
      return argument_text(as<TypeCast>(node).arg);
    case T_RoleSpec:
      return text_of(as<RoleSpec>(node).rolename);
    case T_List: {
      std::string out;
      for (int i = 0; i < size(&as<List>(node)); ++i)
        out += (i > 0 ? "," : "") + argument_text(at(&as<List>(node), i));
      return out;
    }
    default:
      return {};
  }
}

ast::CopyOption copy_option(const DefElem& o) {
  using Kind = ast::CopyOption::Kind;
  ast::CopyOption out;
  out.name = text_of(o.defname);
  out.location = o.location;
  if (o.arg == nullptr) return out;
  switch (tag(o.arg)) {
    case T_A_Star:
      out.kind = Kind::star;
      break;
    case T_List:
      out.kind = Kind::list;
      out.list = strings(&as<List>(o.arg));
      break;
    default:
      out.kind = tag(o.arg) == T_Integer || tag(o.arg) == T_Float ? Kind::number : Kind::word;
      out.text = argument_text(o.arg);
      break;
  }
  return out;
}

bool truth(const DefElem& o) {
  if (o.arg == nullptr) return true;
  const std::string text = lower(argument_text(o.arg));
  if (text == "true" || text == "on" || text == "1") return true;
  if (text == "false" || text == "off" || text == "0") return false;
  throw SqlError("42601", std::string(o.defname) + " requires a Boolean value");
}

std::vector<std::string> role_names(const List* list) {
  std::vector<std::string> out;
  for (int i = 0; i < size(list); ++i) out.push_back(role_name(as<RoleSpec>(at(list, i))));
  return out;
}

// ---- transactions ----

void transaction_modes(const List* options, ast::TransactionStatement& out) {
  for (int i = 0; i < size(options); ++i) {
    const DefElem& o = option(options, i);
    const std::string_view name = o.defname;
    if (name == "transaction_isolation") out.isolation = lower(argument_text(o.arg));
    if (name == "transaction_read_only") out.read_only = truth(o);
    if (name == "transaction_deferrable") out.deferrable = truth(o);
  }
}

ast::TransactionStatement transaction(const TransactionStmt& s) {
  using Kind = ast::TransactionStatement::Kind;
  ast::TransactionStatement out{};
  switch (s.kind) {
    case TRANS_STMT_BEGIN:
      out.kind = Kind::begin;
      break;
    case TRANS_STMT_START:
      out.kind = Kind::begin, out.start_word = true;
      break;
    case TRANS_STMT_COMMIT:
      out.kind = Kind::commit;
      break;
    case TRANS_STMT_ROLLBACK:
      out.kind = Kind::rollback;
      break;
    case TRANS_STMT_SAVEPOINT:
      out.kind = Kind::savepoint;
      break;
    case TRANS_STMT_RELEASE:
      out.kind = Kind::release;
      break;
    case TRANS_STMT_ROLLBACK_TO:
      out.kind = Kind::rollback_to;
      break;
    case TRANS_STMT_PREPARE:
      out.kind = Kind::prepare;
      break;
    case TRANS_STMT_COMMIT_PREPARED:
      out.kind = Kind::commit_prepared;
      break;
    case TRANS_STMT_ROLLBACK_PREPARED:
      out.kind = Kind::rollback_prepared;
      break;
  }
  out.name = s.gid != nullptr ? text_of(s.gid) : text_of(s.savepoint_name);
  out.chain = s.chain;
  transaction_modes(s.options, out);
  return out;
}

// ---- roles and privileges ----

std::string role_option_name(std::string_view name) {
  if (name == "canlogin") return "login";
  if (name == "isreplication") return "replication";
  return lower(std::string(name));
}

std::vector<ast::RoleOption> role_options(const List* list) {
  std::vector<ast::RoleOption> out;
  for (int i = 0; i < size(list); ++i) {
    const DefElem& o = option(list, i);
    ast::RoleOption item;
    item.name = role_option_name(o.defname);
    item.text = argument_text(o.arg);
    if (o.arg == nullptr) item.enabled = false;  // PASSWORD NULL
    if (o.arg != nullptr && tag(o.arg) == T_Boolean) item.enabled = truth(o);
    out.push_back(std::move(item));
  }
  return out;
}

ast::GrantStatement::Object grant_object(const GrantStmt& s) {
  using Object = ast::GrantStatement::Object;
  const bool all_in_schema = s.targtype == ACL_TARGET_ALL_IN_SCHEMA;
  switch (s.objtype) {
    case OBJECT_TABLE:
      return all_in_schema ? Object::all_tables_in_schema : Object::table;
    case OBJECT_SEQUENCE:
      return all_in_schema ? Object::all_sequences_in_schema : Object::sequence;
    case OBJECT_SCHEMA:
      return Object::schema;
    case OBJECT_DATABASE:
      return Object::database;
    default:
      return Object::other;
  }
}

ast::GrantStatement grant(const GrantStmt& s) {
  ast::GrantStatement out;
  out.revoke = !s.is_grant;
  out.object = grant_object(s);
  for (int i = 0; i < size(s.privileges); ++i) {
    const auto& privilege = as<AccessPriv>(at(s.privileges, i));
    out.privileges.push_back({text_of(privilege.priv_name), strings(privilege.cols)});
  }
  for (int i = 0; i < size(s.objects); ++i) {
    const void* object = at(s.objects, i);
    if (tag(object) == T_RangeVar)
      out.names.push_back(relation_name(as<RangeVar>(object)));
    else if (tag(object) == T_String)
      out.names.push_back({"", "", string_value(object), -1});
    else if (tag(object) == T_List)
      out.names.push_back(name_from(&as<List>(object), -1));
  }
  out.grantees = role_names(s.grantees);
  if (s.grantor != nullptr) out.grantor = role_name(*s.grantor);
  out.grant_option = s.grant_option;
  out.cascade = s.behavior == DROP_CASCADE;
  return out;
}

ast::GrantRoleStatement grant_role(const GrantRoleStmt& s) {
  ast::GrantRoleStatement out;
  out.revoke = !s.is_grant;
  for (int i = 0; i < size(s.granted_roles); ++i)
    out.roles.push_back(text_of(as<AccessPriv>(at(s.granted_roles, i)).priv_name));
  out.grantees = role_names(s.grantee_roles);
  if (s.grantor != nullptr) out.grantor = role_name(*s.grantor);
  out.admin_option = s.admin_opt;
  return out;
}

ast::AlterDefaultPrivilegesStatement default_privileges(const AlterDefaultPrivilegesStmt& s) {
  ast::AlterDefaultPrivilegesStatement out;
  for (int i = 0; i < size(s.options); ++i) {
    const DefElem& o = option(s.options, i);
    const std::string_view name = o.defname;
    if (name == "schemas") out.schemas = strings(&as<List>(o.arg));
    if (name == "roles") out.creators = role_names(&as<List>(o.arg));
  }
  out.action = grant(*s.action);
  return out;
}

ast::CreateSchemaStatement create_schema(const CreateSchemaStmt& s) {
  if (size(s.schemaElts) > 0) throw Unsupported{"CREATE SCHEMA with elements"};
  return {text_of(s.schemaname), s.authrole == nullptr ? std::string() : role_name(*s.authrole),
          s.if_not_exists};
}

ast::AlterOwnerStatement alter_owner(const AlterOwnerStmt& s) {
  using Object = ast::AlterOwnerStatement::Object;
  if (s.objectType != OBJECT_SCHEMA && s.objectType != OBJECT_DATABASE)
    throw Unsupported{"ALTER ... OWNER TO"};
  return {s.objectType == OBJECT_SCHEMA ? Object::schema : Object::database, string_value(s.object),
          role_name(*s.newowner)};
}

// ---- dropping ----

std::string object_word(ObjectType type) {
  switch (type) {
    case OBJECT_AGGREGATE:
      return "AGGREGATE";
    case OBJECT_CAST:
      return "CAST";
    case OBJECT_COLLATION:
      return "COLLATION";
    case OBJECT_CONVERSION:
      return "CONVERSION";
    case OBJECT_DATABASE:
      return "DATABASE";
    case OBJECT_DOMAIN:
      return "DOMAIN";
    case OBJECT_EVENT_TRIGGER:
      return "EVENT TRIGGER";
    case OBJECT_EXTENSION:
      return "EXTENSION";
    case OBJECT_FOREIGN_TABLE:
      return "FOREIGN TABLE";
    case OBJECT_FUNCTION:
      return "FUNCTION";
    case OBJECT_INDEX:
      return "INDEX";
    case OBJECT_LANGUAGE:
      return "LANGUAGE";
    case OBJECT_MATVIEW:
      return "MATERIALIZED VIEW";
    case OBJECT_OPERATOR:
      return "OPERATOR";
    case OBJECT_POLICY:
      return "POLICY";
    case OBJECT_PROCEDURE:
      return "PROCEDURE";
    case OBJECT_PUBLICATION:
      return "PUBLICATION";
    case OBJECT_ROLE:
      return "ROLE";
    case OBJECT_RULE:
      return "RULE";
    case OBJECT_SCHEMA:
      return "SCHEMA";
    case OBJECT_SEQUENCE:
      return "SEQUENCE";
    case OBJECT_STATISTIC_EXT:
      return "STATISTICS";
    case OBJECT_SUBSCRIPTION:
      return "SUBSCRIPTION";
    case OBJECT_TABLE:
      return "TABLE";
    case OBJECT_TRIGGER:
      return "TRIGGER";
    case OBJECT_TSCONFIGURATION:
      return "TEXT SEARCH CONFIGURATION";
    case OBJECT_TSDICTIONARY:
      return "TEXT SEARCH DICTIONARY";
    case OBJECT_TYPE:
      return "TYPE";
    case OBJECT_VIEW:
      return "VIEW";
    default:
      return "OBJECT";
  }
}

ast::DropStatement drop(const DropStmt& s) {
  using Kind = ast::DropStatement::Kind;
  ast::DropStatement out{};
  switch (s.removeType) {
    case OBJECT_TABLE:
      out.kind = Kind::table;
      break;
    case OBJECT_INDEX:
      out.kind = Kind::index;
      break;
    case OBJECT_VIEW:
      out.kind = Kind::view;
      break;
    case OBJECT_MATVIEW:
      out.kind = Kind::materialized_view;
      break;
    case OBJECT_SCHEMA:
      out.kind = Kind::schema;
      break;
    case OBJECT_SEQUENCE:
      out.kind = Kind::sequence;
      break;
    default:
      out.kind = Kind::other;
      break;
  }
  out.other_kind = object_word(s.removeType);
  for (int i = 0; i < size(s.objects); ++i) {
    const void* object = at(s.objects, i);
    if (tag(object) == T_String)
      out.names.push_back({"", "", string_value(object), -1});
    else if (tag(object) == T_TypeName)
      out.names.push_back(name_from(as<TypeName>(object).names, -1));
    else if (tag(object) == T_List && out.kind != Kind::other)
      out.names.push_back(name_from(&as<List>(object), -1));
  }
  out.if_exists = s.missing_ok;
  out.cascade = s.behavior == DROP_CASCADE;
  return out;
}

// ---- cursors and friends ----

ast::FetchStatement fetch(const FetchStmt& s) {
  ast::FetchStatement out;
  out.name = text_of(s.portalname);
  out.move = s.ismove;
  out.backward = s.direction != FETCH_FORWARD;
  std::int64_t count = s.howMany;
  if (s.direction == FETCH_FORWARD && count < 0) {
    out.backward = true;
    count = count == std::numeric_limits<std::int64_t>::min() ? FETCH_ALL : -count;
  }
  out.count = count;
  return out;
}

ast::DiscardStatement discard(const DiscardStmt& s) {
  using Kind = ast::DiscardStatement::Kind;
  switch (s.target) {
    case DISCARD_PLANS:
      return {Kind::plans};
    case DISCARD_SEQUENCES:
      return {Kind::sequences};
    case DISCARD_TEMP:
      return {Kind::temp};
    case DISCARD_ALL:
      break;
  }
  return {Kind::all};
}

// What the statements that we know by name only are called.
const char* unsupported_word(const Node* node) {
  switch (tag(node)) {
    case T_AlterDatabaseStmt:
      return "ALTER DATABASE";
    case T_AlterDomainStmt:
      return "ALTER DOMAIN";
    case T_AlterEnumStmt:
    case T_AlterTypeStmt:
      return "ALTER TYPE";
    case T_AlterExtensionStmt:
      return "ALTER EXTENSION";
    case T_AlterFunctionStmt:
      return "ALTER FUNCTION";
    case T_AlterPublicationStmt:
      return "ALTER PUBLICATION";
    case T_AlterSubscriptionStmt:
      return "ALTER SUBSCRIPTION";
    case T_CallStmt:
      return "CALL";
    case T_CompositeTypeStmt:
    case T_CreateEnumStmt:
    case T_CreateRangeStmt:
      return "CREATE TYPE";
    case T_CreateAmStmt:
      return "CREATE ACCESS METHOD";
    case T_CreateCastStmt:
      return "CREATE CAST";
    case T_CreateConversionStmt:
      return "CREATE CONVERSION";
    case T_CreateDomainStmt:
      return "CREATE DOMAIN";
    case T_CreateEventTrigStmt:
      return "CREATE EVENT TRIGGER";
    case T_CreateExtensionStmt:
      return "CREATE EXTENSION";
    case T_CreateFdwStmt:
      return "CREATE FOREIGN DATA WRAPPER";
    case T_CreateForeignServerStmt:
      return "CREATE SERVER";
    case T_CreateForeignTableStmt:
      return "CREATE FOREIGN TABLE";
    case T_CreateFunctionStmt:
      return "CREATE FUNCTION";
    case T_CreatePLangStmt:
      return "CREATE LANGUAGE";
    case T_CreatePolicyStmt:
      return "CREATE POLICY";
    case T_CreatePublicationStmt:
      return "CREATE PUBLICATION";
    case T_CreateSchemaStmt:
      return "CREATE SCHEMA";
    case T_CreateStatsStmt:
      return "CREATE STATISTICS";
    case T_CreateSubscriptionStmt:
      return "CREATE SUBSCRIPTION";
    case T_CreateTableSpaceStmt:
      return "CREATE TABLESPACE";
    case T_CreateTrigStmt:
      return "CREATE TRIGGER";
    case T_CreatedbStmt:
      return "CREATE DATABASE";
    case T_DefineStmt:
      return "CREATE of this kind of object";
    case T_DoStmt:
      return "DO";
    case T_DropOwnedStmt:
      return "DROP OWNED";
    case T_DropSubscriptionStmt:
      return "DROP SUBSCRIPTION";
    case T_DropTableSpaceStmt:
      return "DROP TABLESPACE";
    case T_DropdbStmt:
      return "DROP DATABASE";
    case T_LoadStmt:
      return "LOAD";
    case T_MergeStmt:
      return "MERGE";
    case T_ReassignOwnedStmt:
      return "REASSIGN OWNED";
    case T_RefreshMatViewStmt:
      return "REFRESH MATERIALIZED VIEW";
    case T_RuleStmt:
      return "CREATE RULE";
    case T_SecLabelStmt:
      return "SECURITY LABEL";
    case T_ViewStmt:
      return "CREATE VIEW";
    default:
      return "this statement";
  }
}

// The tag of a statement that is accepted without effect; null: none of these.
const char* no_op_tag(const Node* node) {
  switch (tag(node)) {
    case T_VacuumStmt:
      return as<VacuumStmt>(node).is_vacuumcmd ? "VACUUM" : "ANALYZE";
    case T_ListenStmt:
      return "LISTEN";
    case T_UnlistenStmt:
      return "UNLISTEN";
    case T_NotifyStmt:
      return "NOTIFY";
    case T_CreateExtensionStmt:
      return as<CreateExtensionStmt>(node).if_not_exists ? "CREATE EXTENSION" : nullptr;
    case T_ClusterStmt:
      return "CLUSTER";
    case T_ReindexStmt:
      return "REINDEX";
    default:
      return nullptr;
  }
}

// A value of SET as PostgreSQL keeps it: text, whatever it was written as.
std::string set_value(const void* node) {
  if (tag(node) == T_A_Const || tag(node) == T_TypeCast) return argument_text(node);
  throw Unsupported{"this value in SET"};
}

}  // namespace

ast::CopyStatement Walker::copy(const CopyStmt& s) {
  ast::CopyStatement out;
  if (s.relation != nullptr) out.table = relation_name(*s.relation);
  if (s.query != nullptr) out.query = nested(s.query);
  out.columns = strings(s.attlist);
  out.from = s.is_from;
  out.program = s.is_program;
  if (s.filename != nullptr) out.file = s.filename;
  out.where = expr(s.whereClause);
  for (int i = 0; i < size(s.options); ++i) out.options.push_back(copy_option(option(s.options, i)));
  return out;
}

std::string role_name(const RoleSpec& r) {
  switch (r.roletype) {
    case ROLESPEC_CSTRING:
      return text_of(r.rolename);
    case ROLESPEC_CURRENT_ROLE:
      return "current_role";
    case ROLESPEC_CURRENT_USER:
      return "current_user";
    case ROLESPEC_SESSION_USER:
      return "session_user";
    case ROLESPEC_PUBLIC:
      return "public";
  }
  return {};
}

ast::Statement::Node Walker::statement(const Node* node) {
  const Level level(*this);
  if (tag(node) == T_CheckPointStmt) return ast::CheckpointStatement{};
  if (const char* no_op = no_op_tag(node)) return ast::NoOpStatement{no_op};
  switch (tag(node)) {
    case T_SelectStmt:
      return query_statement(as<SelectStmt>(node));
    case T_InsertStmt:
      return insert(as<InsertStmt>(node));
    case T_UpdateStmt:
      return update(as<UpdateStmt>(node));
    case T_DeleteStmt:
      return erase(as<DeleteStmt>(node));
    case T_CopyStmt:
      return copy(as<CopyStmt>(node));
    case T_TruncateStmt: {
      ast::TruncateStatement out;
      const List* relations = as<TruncateStmt>(node).relations;
      for (int i = 0; i < size(relations); ++i)
        out.tables.push_back(relation_name(as<RangeVar>(at(relations, i))));
      out.restart_identity = as<TruncateStmt>(node).restart_seqs;
      out.cascade = as<TruncateStmt>(node).behavior == DROP_CASCADE;
      return out;
    }
    case T_LockStmt: {
      const auto& s = as<LockStmt>(node);
      ast::LockTableStatement out;
      // PostgreSQL numbers its table modes from 1.
      out.mode = static_cast<TableLockMode>(s.mode - 1);
      out.no_wait = s.nowait;
      for (int i = 0; i < size(s.relations); ++i)
        out.tables.push_back(relation_name(as<RangeVar>(at(s.relations, i))));
      return out;
    }
    case T_CreateStmt:
      return create_table(as<CreateStmt>(node));
    case T_CreateTableAsStmt: {
      const auto& s = as<CreateTableAsStmt>(node);
      if (s.objtype == OBJECT_MATVIEW) throw Unsupported{"CREATE MATERIALIZED VIEW"};
      return create_table_as(*s.into, s.query, s.if_not_exists);
    }
    case T_IndexStmt:
      return create_index(as<IndexStmt>(node));
    case T_AlterTableStmt:
      return alter_table(as<AlterTableStmt>(node));
    case T_AlterObjectSchemaStmt:
      return set_schema(as<AlterObjectSchemaStmt>(node));
    case T_RenameStmt:
      return rename(as<RenameStmt>(node));
    case T_CreateSeqStmt:
      return create_sequence(as<CreateSeqStmt>(node));
    case T_AlterSeqStmt:
      return alter_sequence(as<AlterSeqStmt>(node));
    case T_ConstraintsSetStmt:
      return set_constraints(as<ConstraintsSetStmt>(node));
    case T_CommentStmt:
      return comment(as<CommentStmt>(node));
    case T_DropStmt:
      return drop(as<DropStmt>(node));
    case T_CreateRoleStmt: {
      const auto& s = as<CreateRoleStmt>(node);
      return ast::CreateRoleStatement{text_of(s.role), s.stmt_type == ROLESTMT_USER, role_options(s.options),
                                      false};
    }
    case T_AlterRoleStmt: {
      const auto& s = as<AlterRoleStmt>(node);
      return ast::AlterRoleStatement{role_name(*s.role), role_options(s.options)};
    }
    case T_AlterRoleSetStmt: {
      const auto& s = as<AlterRoleSetStmt>(node);
      return role_setting(s.role == nullptr ? std::string() : role_name(*s.role), text_of(s.database),
                          *s.setstmt);
    }
    case T_AlterDatabaseSetStmt: {
      const auto& s = as<AlterDatabaseSetStmt>(node);
      ast::RoleSettingStatement out = role_setting({}, text_of(s.dbname), *s.setstmt);
      out.of_database = true;
      return out;
    }
    case T_DropRoleStmt:
      return ast::DropRoleStatement{role_names(as<DropRoleStmt>(node).roles),
                                    as<DropRoleStmt>(node).missing_ok};
    case T_GrantStmt:
      return grant(as<GrantStmt>(node));
    case T_GrantRoleStmt:
      return grant_role(as<GrantRoleStmt>(node));
    case T_AlterDefaultPrivilegesStmt:
      return default_privileges(as<AlterDefaultPrivilegesStmt>(node));
    case T_CreateSchemaStmt:
      return create_schema(as<CreateSchemaStmt>(node));
    case T_AlterOwnerStmt:
      return alter_owner(as<AlterOwnerStmt>(node));
    case T_ReassignOwnedStmt: {
      const auto& s = as<ReassignOwnedStmt>(node);
      return ast::OwnedStatement{role_names(s.roles), role_name(*s.newrole), false};
    }
    case T_DropOwnedStmt: {
      const auto& s = as<DropOwnedStmt>(node);
      return ast::OwnedStatement{role_names(s.roles), "", s.behavior == DROP_CASCADE};
    }
    case T_VariableSetStmt:
      return variable_set(as<VariableSetStmt>(node));
    case T_AlterSystemStmt: {
      auto out = variable_set(*as<AlterSystemStmt>(node).setstmt);
      std::get<ast::SetStatement>(out).scope = ast::SetStatement::Scope::system;
      return out;
    }
    case T_VariableShowStmt:
      return ast::ShowStatement{lower(text_of(as<VariableShowStmt>(node).name))};
    case T_TransactionStmt:
      return transaction(as<TransactionStmt>(node));
    case T_PrepareStmt:
      return prepare(as<PrepareStmt>(node));
    case T_ExecuteStmt:
      return execute(as<ExecuteStmt>(node));
    case T_DeallocateStmt:
      return ast::DeallocateStatement{text_of(as<DeallocateStmt>(node).name)};
    case T_DeclareCursorStmt: {
      const auto& s = as<DeclareCursorStmt>(node);
      return ast::DeclareCursorStatement{
          text_of(s.portalname), nested(s.query), (s.options & CURSOR_OPT_HOLD) != 0,
          (s.options & CURSOR_OPT_BINARY) != 0, (s.options & CURSOR_OPT_SCROLL) != 0};
    }
    case T_FetchStmt:
      return fetch(as<FetchStmt>(node));
    case T_ClosePortalStmt:
      return ast::CloseStatement{text_of(as<ClosePortalStmt>(node).portalname)};
    case T_DiscardStmt:
      return discard(as<DiscardStmt>(node));
    case T_ExplainStmt:
      return explain(as<ExplainStmt>(node));
    default:
      throw Unsupported{unsupported_word(node)};
  }
}

ast::Statement::Node Walker::query_statement(const SelectStmt& s) {
  if (s.intoClause != nullptr) {
    ast::CreateTableAsStatement out = create_table_as(*s.intoClause, &s, false);
    out.select_into = true;
    return out;
  }
  return select(&s);
}

// A statement inside another; if it is unsupported, so is the whole.
ast::StatementPtr Walker::nested(const Node* node) {
  return std::make_unique<ast::Statement>(statement(node));
}

// ---- session ----

ast::Statement::Node Walker::variable_set(const VariableSetStmt& s) {
  if (s.kind == VAR_SET_MULTI) {
    const std::string_view name = s.name;
    if (name == "TRANSACTION SNAPSHOT") throw Unsupported{"SET TRANSACTION SNAPSHOT"};
    using Kind = ast::TransactionStatement::Kind;
    ast::TransactionStatement out{};
    out.kind = name == "TRANSACTION" ? Kind::set_transaction : Kind::set_session_characteristics;
    transaction_modes(s.args, out);
    return out;
  }
  return set_statement(s);
}

ast::SetStatement Walker::set_statement(const VariableSetStmt& s) {
  ast::SetStatement out;
  out.scope = s.is_local ? ast::SetStatement::Scope::local : ast::SetStatement::Scope::session;
  out.name = lower(text_of(s.name));
  out.to_default = s.kind == VAR_SET_DEFAULT;
  out.reset = s.kind == VAR_RESET;
  out.reset_all = s.kind == VAR_RESET_ALL;
  out.from_current = s.kind == VAR_SET_CURRENT;
  for (int i = 0; i < size(s.args); ++i) out.values.push_back(set_value(at(s.args, i)));
  return out;
}

ast::RoleSettingStatement Walker::role_setting(std::string role, std::string database,
                                               const VariableSetStmt& s) {
  if (s.kind == VAR_SET_MULTI) throw Unsupported{"ALTER ... SET TRANSACTION"};
  return {std::move(role), std::move(database), false, set_statement(s)};
}

namespace {

ast::ExplainStatement::Format explain_format(const DefElem& o) {
  using Format = ast::ExplainStatement::Format;
  if (o.arg == nullptr) throw SqlError("42601", "format requires a parameter");
  const std::string format = argument_text(o.arg);
  if (format == "text") return Format::text;
  if (format == "json") return Format::json;
  if (format == "xml" || format == "yaml") throw Unsupported{"EXPLAIN (FORMAT " + format + ")"};
  throw SqlError("22023", "unrecognized value for EXPLAIN option \"format\": \"" + format + "\"", o.location);
}

}  // namespace

ast::Statement::Node Walker::explain(const ExplainStmt& s) {
  ast::ExplainStatement out;
  std::optional<bool> timing, summary;
  bool wal = false;
  for (int i = 0; i < size(s.options); ++i) {
    const DefElem& o = option(s.options, i);
    const std::string_view name = o.defname;
    if (name == "analyze")
      out.analyze = truth(o);
    else if (name == "timing")
      timing = truth(o);
    else if (name == "summary")
      summary = truth(o);
    else if (name == "wal")
      wal = truth(o);
    else if (name == "format")
      out.format = explain_format(o);
    else if (name == "verbose" || name == "costs" || name == "buffers" || name == "settings")
      truth(o);  // there is nothing more to say, no estimate and no buffer
    else
      throw SqlError("42601", "unrecognized EXPLAIN option \"" + std::string(name) + "\"", o.location);
  }
  if (wal && !out.analyze) throw SqlError("22023", "EXPLAIN option WAL requires ANALYZE");
  if (timing.value_or(false) && !out.analyze) throw SqlError("22023", "EXPLAIN option TIMING requires ANALYZE");
  out.timing = timing.value_or(true);
  out.summary = summary.value_or(out.analyze);
  out.statement = nested(s.query);
  return out;
}

ast::PrepareStatement Walker::prepare(const PrepareStmt& s) {
  ast::PrepareStatement out;
  out.name = text_of(s.name);
  for (int i = 0; i < size(s.argtypes); ++i)
    out.parameter_types.push_back(type_name(as<TypeName>(at(s.argtypes, i))));
  out.statement = nested(s.query);
  return out;
}

ast::ExecuteStatement Walker::execute(const ExecuteStmt& s) {
  return {text_of(s.name), exprs(s.params)};
}

}  // namespace gyre::adapter::pg
