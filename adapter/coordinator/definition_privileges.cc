// GRANT and REVOKE on objects, ALTER DEFAULT PRIVILEGES, and what an owner's leaving means for both. Who may
// grant what, in whose name, and what is a warning rather than an error, follows PostgreSQL (manual, GRANT
// and REVOKE).
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>

#include "adapter/catalog/denied.h"
#include "adapter/coordinator/definition_relations.h"
#include "adapter/sql_error.h"

namespace gyre::adapter::definition {

namespace {

// An object whose access list is to change.
struct Target {
  ObjectKind kind;
  std::string name;   // as errors give it
  std::string table;  // of a column
  RoleId owner;
};

std::string described(const Target& target) {
  return target.kind == ObjectKind::column
             ? fmt::format("column \"{}\" of relation \"{}\"", target.name, target.table)
             : fmt::format("\"{}\"", target.name);
}

// A GRANT or REVOKE after its names have been looked up.
struct Change {
  bool revoke = false;
  bool options = false;  // WITH GRANT OPTION; of REVOKE: the options alone
  bool cascade = false;
  bool all = false;        // ALL PRIVILEGES of the object, whatever they are
  PrivilegeSet whole = 0;  // on the object as a whole; not with `all`
  std::vector<RoleId> grantees;
  std::vector<std::pair<PrivilegeSet, std::vector<std::string>>> columns;  // on columns of tables
};

// ---- what a statement names ----

std::string upper(std::string_view word) {
  std::string text(word);
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

SqlError invalid_privilege(std::string_view word, std::string_view noun) {
  return SqlError("0LP01", fmt::format("invalid privilege type {} for {}", upper(word), noun));
}

// One of `possible`. There are words that belong to objects which are not there.
PrivilegeSet privilege_of(std::string_view word, PrivilegeSet possible, std::string_view noun) {
  if (word == "temp") word = "temporary";
  for (const PrivilegeFacts& fact : privilege_facts()) {
    if (fact.word != word) continue;
    if ((bit(fact.privilege) & possible) == 0) throw invalid_privilege(word, noun);
    return bit(fact.privilege);
  }
  if (word == "execute" || word == "set" || word == "alter system") throw invalid_privilege(word, noun);
  throw SqlError("42601", fmt::format("unrecognized privilege type \"{}\"", word));
}

// ON TABLE is said of sequences as well, so that their privileges pass there until the object is known.
void name_privileges(Change& change, const ast::GrantStatement& statement, ObjectKind kind) {
  const bool relation = kind == ObjectKind::table;
  PrivilegeSet possible = privileges_on(kind);
  if (relation) possible |= privileges_on(ObjectKind::sequence);
  change.all = statement.privileges.empty();
  for (const ast::GrantedPrivilege& item : statement.privileges) {
    if (item.columns.empty()) {
      change.whole |= privilege_of(item.word, possible, relation ? "relation" : noun_of(kind));
      continue;
    }
    if (!relation) throw SqlError("0LP01", "column privileges are only valid for relations");
    const PrivilegeSet on_columns = privileges_on(ObjectKind::column);
    change.columns.emplace_back(
        item.word.empty() ? on_columns : privilege_of(item.word, on_columns, "column"), item.columns);
  }
}

Change change_of(const ast::GrantStatement& statement, const Definition& d) {
  Change change;
  change.revoke = statement.revoke;
  change.options = statement.grant_option;
  change.cascade = statement.cascade;
  for (const std::string& name : statement.grantees)
    change.grantees.push_back(name == "public" ? kPublicRole : named_role(d, name).id);
  return change;
}

// ---- who grants ----

// In whose name the asker grants, and which of the wanted options that role has.
struct Grantor {
  RoleId role;
  PrivilegeSet options = 0;
};

// Superusers act for the owner. Others do so as the first role, of those they may act for, that has all
// options; otherwise the first with the most. Where none has any, the asker remains.
Grantor choose_grantor(const Definition& d, RoleId owner, const Acl& acl, PrivilegeSet wanted) {
  const Role& asker = asking_role(d);
  if (asker.id == owner || asker.superuser) return {owner, wanted};
  Grantor best{asker.id, 0};
  for (const RoleId role : d.catalog.roles_acted_for(asker.id)) {
    const PrivilegeSet held =
        role == owner ? wanted : acl_grantable(acl, [role](RoleId grantee) { return grantee == role; });
    const auto options = static_cast<PrivilegeSet>(wanted & held);
    if (options == wanted) return {role, options};
    if (std::popcount(options) > std::popcount(best.options)) best = {role, options};
  }
  return best;
}

// What of `wanted` the grantor can grant or revoke. Having no privilege at all on the object is an error; not
// having the option for some is a warning, unless all of them were asked for.
PrivilegeSet restricted(Definition& d, bool revoke, const Target& target, const Acl& acl,
                        const Grantor& grantor, PrivilegeSet wanted, bool all) {
  const auto any =
      static_cast<PrivilegeSet>((d.catalog.privileges(grantor.role, target.kind, acl) |
                                 d.catalog.grantable(grantor.role, target.kind, target.owner, acl)) &
                                privileges_on(target.kind));
  if (grantor.options == 0 && any == 0) {
    if (target.kind == ObjectKind::column)
      throw SqlError("42501", fmt::format("permission denied for {}", described(target)));
    throw permission_denied(target.kind, target.name);
  }
  const auto possible = static_cast<PrivilegeSet>(wanted & grantor.options);
  if (possible != wanted && (possible == 0 || !all))
    d.notices.push_back(
        warning(pgwire::SqlState::from_text(revoke ? "01006" : "01007"),
                fmt::format("{} privileges {} for {}", possible == 0 ? "no" : "not all",
                            revoke ? "could be revoked" : "were granted", described(target))));
  return possible;
}

// ---- lists ----

void change_acl(const Definition& d, Acl& acl, const Change& change, RoleId grantor, RoleId owner,
                PrivilegeSet set) {
  const AclRules rules{owner,
                       [&d](RoleId role, RoleId other) { return d.catalog.has_privileges_of(role, other); }};
  for (const RoleId grantee : change.grantees) {
    if (grantee == kPublicRole && change.options && !change.revoke)
      throw SqlError("0LP01", "grant options can only be granted to roles");
    const AclItem item{grantee, grantor, set, change.options ? set : PrivilegeSet{0}};
    if (change.revoke) {
      if (!acl_revoke(acl, item, change.options, change.cascade, rules))
        throw SqlError("2BP01", "dependent privileges exist").with_hint("Use CASCADE to revoke them too.");
      continue;
    }
    if (!acl_can_grant(acl, item, rules))
      throw SqlError("0LP01", "grant options cannot be granted back to your own grantor");
    acl_grant(acl, item);
  }
}

// Of an object as a whole. The list is then the object's own, even where it says what holds by default.
Acl changed(Definition& d, const Change& change, const Target& target, Acl acl, PrivilegeSet wanted) {
  const Grantor grantor = choose_grantor(d, target.owner, acl, wanted);
  const PrivilegeSet set = restricted(d, change.revoke, target, acl, grantor, wanted, change.all);
  change_acl(d, acl, change, grantor.role, target.owner, set);
  return acl;
}

// An option on the whole table, as it was before the statement, is one on each of its columns.
void change_column(Definition& d, const Change& change, TableEntry& entry, std::uint16_t column,
                   PrivilegeSet wanted, const Acl& on_table) {
  const Target target{ObjectKind::column, entry.schema->columns[column].name, entry.name(), entry.owner};
  Acl acl = entry.column_acl.contains(column) ? entry.column_acl.at(column) : Acl();
  Acl both = on_table;
  both.insert(both.end(), acl.begin(), acl.end());
  const Grantor grantor = choose_grantor(d, entry.owner, both, wanted);
  const bool all = wanted == privileges_on(ObjectKind::column);
  const PrivilegeSet set = restricted(d, change.revoke, target, both, grantor, wanted, all);
  change_acl(d, acl, change, grantor.role, entry.owner, set);
  if (acl.empty())
    entry.column_acl.erase(column);
  else
    entry.column_acl[column] = std::move(acl);
}

// The columns that every table has in PostgreSQL. Nothing can be granted on them here, but who revokes from a
// table is told about them, too.
void revoke_from_system_columns(Definition& d, const TableEntry& entry, PrivilegeSet wanted,
                                const Acl& on_table) {
  const Grantor grantor = choose_grantor(d, entry.owner, on_table, wanted);
  const bool all = wanted == privileges_on(ObjectKind::column);
  for (const char* name : {"tableoid", "cmax", "xmax", "cmin", "xmin", "ctid"})
    static_cast<void>(restricted(d, true, {ObjectKind::column, name, entry.name(), entry.owner}, on_table,
                                 grantor, wanted, all));
}

PrivilegeSet wanted_of_relation(Definition& d, const Change& change, const TableEntry& entry) {
  const PrivilegeSet possible = privileges_on(entry.object_kind());
  if (change.all) return possible;
  if ((change.whole & ~possible) == 0) return change.whole;
  if (!entry.is_sequence()) throw invalid_privilege("usage", "table");
  d.notices.push_back(warning(
      "0LP01",
      fmt::format("sequence \"{}\" only supports USAGE, SELECT, and UPDATE privileges", entry.name())));
  return static_cast<PrivilegeSet>(change.whole & possible);
}

// By position. What is revoked from the table is revoked from its columns.
std::map<std::uint16_t, PrivilegeSet> wanted_of_columns(Definition& d, const Change& change,
                                                        const TableEntry& entry, PrivilegeSet implied) {
  std::map<std::uint16_t, PrivilegeSet> wanted;
  if (implied != 0)
    for (std::size_t i = 0; i < entry.schema->columns.size(); ++i)
      wanted[static_cast<std::uint16_t>(i)] = implied;
  for (auto [set, names] : change.columns) {
    if (entry.is_sequence() && set != bit(Privilege::select)) {
      d.notices.push_back(warning(
          "0LP01", fmt::format("sequence \"{}\" only supports SELECT column privileges", entry.name())));
      set = static_cast<PrivilegeSet>(set & bit(Privilege::select));
    }
    for (const std::string& name : names) wanted[column_of(entry, name)] |= set;
  }
  return wanted;
}

void change_relation(Definition& d, const Change& change, const TableEntry& before) {
  auto entry = std::make_shared<TableEntry>(before);
  const Acl on_table = before.access();
  const PrivilegeSet whole = wanted_of_relation(d, change, before);
  if (whole != 0)
    entry->acl = changed(d, change, {before.object_kind(), before.name(), {}, before.owner}, on_table, whole);
  const auto implied =
      static_cast<PrivilegeSet>(change.revoke ? whole & privileges_on(ObjectKind::column) : PrivilegeSet{0});
  const auto on_columns = wanted_of_columns(d, change, before, implied);
  if (implied != 0) revoke_from_system_columns(d, before, implied, on_table);
  for (const auto& [column, wanted] : on_columns)
    if (wanted != 0) change_column(d, change, *entry, column, wanted, on_table);
  d.catalog.put_table(std::move(entry));
}

void change_schema_acl(Definition& d, const Change& change, Schema schema) {
  const PrivilegeSet wanted = change.all ? privileges_on(ObjectKind::schema) : change.whole;
  schema.acl =
      changed(d, change, {ObjectKind::schema, schema.name, {}, schema.owner}, schema.access(), wanted);
  d.catalog.put_schema(std::move(schema));
}

void change_database(Definition& d, const Change& change) {
  const PrivilegeSet wanted = change.all ? privileges_on(ObjectKind::database) : change.whole;
  DatabaseEntry& database = d.catalog.database;
  database.acl = changed(d, change, {ObjectKind::database, std::string(kDatabaseName), {}, database.owner},
                         database.access(), wanted);
}

void change_default(Definition& d, const Change& change, const DefaultAclKey& key) {
  const auto found = d.catalog.default_acls.find(key);
  Acl start = key.schema == 0 ? default_acl(key.kind, key.creator) : Acl();
  Acl acl = found != d.catalog.default_acls.end() ? found->second : start;
  change_acl(d, acl, change, key.creator, key.creator, change.all ? privileges_on(key.kind) : change.whole);
  acl_sort(acl);
  acl_sort(start);
  if (acl == start)
    d.catalog.default_acls.erase(key);
  else
    d.catalog.default_acls[key] = std::move(acl);
}

// ---- which objects ----

const Schema& named_schema(const Definition& d, const std::string& name) {
  const Schema* schema = d.catalog.find_schema(name);
  if (schema == nullptr) throw SqlError("3F000", fmt::format("schema \"{}\" does not exist", name));
  return *schema;
}

std::vector<RelationId> relations_in(const std::vector<ast::QualifiedName>& schemas, ObjectKind kind,
                                     const Definition& d) {
  std::vector<RelationId> relations;
  for (const ast::QualifiedName& name : schemas) {
    const Schema& schema = named_schema(d, name.name);
    if (!d.catalog.allows(d.context.role, schema, Privilege::usage))
      throw permission_denied(ObjectKind::schema, schema.name);
    for (const TableEntry* table : tables_by_id(d.catalog))
      if (table->schema_name == schema.name && table->object_kind() == kind) relations.push_back(table->id());
  }
  return relations;
}

std::vector<RelationId> named_relations(const std::vector<ast::QualifiedName>& names, const Definition& d) {
  std::vector<RelationId> relations;
  for (const ast::QualifiedName& name : names) relations.push_back(resolve_table(name, d.context)->id());
  return relations;
}

void change_relations(Definition& d, const Change& change, const std::vector<RelationId>& relations,
                      bool only_sequences) {
  for (const RelationId id : relations) {
    const auto table = d.catalog.table(id);
    if (only_sequences && !table->is_sequence())
      throw SqlError("42809", fmt::format("\"{}\" is not a sequence", table->name()));
    change_relation(d, change, *table);
  }
}

ObjectKind kind_of(ast::GrantStatement::Object object) {
  using Object = ast::GrantStatement::Object;
  switch (object) {
    case Object::table:
    case Object::all_tables_in_schema:
      return ObjectKind::table;
    case Object::sequence:
    case Object::all_sequences_in_schema:
      return ObjectKind::sequence;
    case Object::schema:
      return ObjectKind::schema;
    case Object::database:
      return ObjectKind::database;
    case Object::other:
      break;
  }
  throw SqlError("0A000", "privileges on this kind of object are not supported");
}

std::vector<RelationId> relations_of(const ast::GrantStatement& statement, ObjectKind kind,
                                     const Definition& d) {
  using Object = ast::GrantStatement::Object;
  switch (statement.object) {
    case Object::table:
    case Object::sequence:
      return named_relations(statement.names, d);
    case Object::all_tables_in_schema:
    case Object::all_sequences_in_schema:
      return relations_in(statement.names, kind, d);
    default:
      return {};
  }
}

void check_database_name(const std::string& name) {
  if (name != kDatabaseName) throw SqlError("3D000", fmt::format("database \"{}\" does not exist", name));
}

}  // namespace

// Names are looked up before anything is changed: objects, then roles, then privileges.
std::string grant(const ast::GrantStatement& statement, Definition& d) {
  const ObjectKind kind = kind_of(statement.object);
  if (!statement.grantor.empty() && named_role(d, statement.grantor).id != d.context.role)
    throw SqlError("0A000", "grantor must be current user");
  const std::vector<RelationId> relations = relations_of(statement, kind, d);
  for (const ast::QualifiedName& name : statement.names) {
    if (kind == ObjectKind::schema) named_schema(d, name.name);
    if (kind == ObjectKind::database) check_database_name(name.name);
  }
  Change change = change_of(statement, d);
  name_privileges(change, statement, kind);
  change_relations(d, change, relations, kind == ObjectKind::sequence);
  for (const ast::QualifiedName& name : statement.names) {
    if (kind == ObjectKind::schema) change_schema_acl(d, change, named_schema(d, name.name));
    if (kind == ObjectKind::database) change_database(d, change);
  }
  return statement.revoke ? "REVOKE" : "GRANT";
}

std::string alter_default_privileges(const ast::AlterDefaultPrivilegesStatement& statement, Definition& d) {
  const ObjectKind kind = kind_of(statement.action.object);
  if (kind == ObjectKind::database) kind_of(ast::GrantStatement::Object::other);
  if (kind == ObjectKind::schema && !statement.schemas.empty())
    throw SqlError("0LP01", "cannot use IN SCHEMA clause when using GRANT/REVOKE ON SCHEMAS");
  for (const ast::GrantedPrivilege& item : statement.action.privileges)
    if (!item.columns.empty()) throw SqlError("0LP01", "default privileges cannot be set for columns");
  Change change = change_of(statement.action, d);
  change.all = statement.action.privileges.empty();
  for (const ast::GrantedPrivilege& item : statement.action.privileges)
    change.whole |=
        privilege_of(item.word, privileges_on(kind), kind == ObjectKind::table ? "relation" : noun_of(kind));
  std::vector<RoleId> creators;
  for (const std::string& name : statement.creators) {
    const Role& creator = named_role(d, name);
    if (!asking_role(d).superuser && !d.catalog.is_member(d.context.role, creator.id))
      throw SqlError("42501", fmt::format("must be member of role \"{}\"", creator.name));
    creators.push_back(creator.id);
  }
  if (creators.empty()) creators.push_back(d.context.role);
  std::vector<std::uint32_t> schemas;
  for (const std::string& name : statement.schemas) schemas.push_back(named_schema(d, name).oid);
  if (schemas.empty()) schemas.push_back(0);
  for (const RoleId creator : creators)
    for (const std::uint32_t schema : schemas) change_default(d, change, {creator, schema, kind});
  return "ALTER DEFAULT PRIVILEGES";
}

// ---- owners ----

namespace {

void check_may_give(const Definition& d, const Role& owner) {
  if (!asking_role(d).superuser && !d.catalog.is_member(d.context.role, owner.id))
    throw SqlError("42501", fmt::format("must be member of role \"{}\"", owner.name));
}

template <class Object>
void give(Object& object, RoleId owner) {
  if (object.acl) acl_change_owner(*object.acl, object.owner, owner);
  object.owner = owner;
}

void give_table(Definition& d, const TableEntry& table, RoleId owner) {
  auto entry = std::make_shared<TableEntry>(table);
  for (auto& [column, acl] : entry->column_acl) acl_change_owner(acl, table.owner, owner);
  give(*entry, owner);
  d.catalog.put_table(std::move(entry));
}

// Who may make databases may hand one on.
void give_database(Definition& d, const Role& owner) {
  DatabaseEntry& database = d.catalog.database;
  if (owner.id == database.owner) return;
  if (!d.catalog.has_privileges_of(d.context.role, database.owner))
    throw SqlError("42501", fmt::format("must be owner of database {}", kDatabaseName));
  check_may_give(d, owner);
  if (!asking_role(d).superuser && !asking_role(d).create_database)
    throw SqlError("42501", "permission denied to change owner of database");
  if (database.acl) acl_change_owner(*database.acl, database.owner, owner.id);
  database.owner = owner.id;
}

bool mentioned(const std::optional<Acl>& acl, RoleId role) {
  return acl && acl_mentions(*acl, role);
}

bool mentioned(const TableEntry& table, RoleId role) {
  return mentioned(table.acl, role) ||
         std::any_of(table.column_acl.begin(), table.column_acl.end(),
                     [role](const auto& item) { return acl_mentions(item.second, role); });
}

// As if the asker revoked everything from the role that it has on other people's objects, with what depends
// on it; so what others granted than those for whom the asker acts remains. Its own default privileges go.
void drop_grants(Definition& d, RoleId role) {
  Change change;
  change.revoke = change.cascade = change.all = true;
  change.grantees = {role};
  const auto tables = d.catalog.tables();
  for (const auto& [key, table] : tables)
    if (table->owner != role && mentioned(*table, role)) change_relation(d, change, *table);
  const auto schemas = d.catalog.schemas();
  for (const Schema& schema : schemas)
    if (schema.owner != role && mentioned(schema.acl, role)) change_schema_acl(d, change, schema);
  if (d.catalog.database.owner != role && mentioned(d.catalog.database.acl, role)) change_database(d, change);
  std::erase_if(d.catalog.default_acls, [role](const auto& item) { return item.first.creator == role; });
  const auto defaults = d.catalog.default_acls;
  for (const auto& [key, acl] : defaults)
    if (acl_mentions(acl, role)) change_default(d, change, key);
}

}  // namespace

namespace {

// A schema's new owner is the business of who may make schemas.
void give_schema(Definition& d, Schema schema, const Role& owner) {
  if (owner.id == schema.owner) return;
  if (!d.catalog.has_privileges_of(d.context.role, schema.owner))
    throw SqlError("42501", fmt::format("must be owner of schema {}", schema.name));
  check_may_give(d, owner);
  if (!d.catalog.allows_on_database(d.context.role, Privilege::create))
    throw permission_denied(ObjectKind::database, kDatabaseName);
  give(schema, owner.id);
  d.catalog.put_schema(std::move(schema));
}

// Roles that came with the server own what it is made of.
void check_not_required(const Role& role, std::string_view action) {
  if (role.name.starts_with("mz_") || role.name.starts_with("pg_"))
    throw SqlError(
        "2BP01",
        fmt::format("cannot {} objects owned by role {} because they are required by the database system",
                    action, role.name));
}

}  // namespace

std::string alter_owner(const ast::AlterOwnerStatement& statement, Definition& d) {
  const Role& owner = named_role(d, statement.owner);
  if (statement.object == ast::AlterOwnerStatement::Object::schema) {
    give_schema(d, named_schema(d, statement.name), owner);
    return "ALTER SCHEMA";
  }
  check_database_name(statement.name);
  give_database(d, owner);
  return "ALTER DATABASE";
}

std::string reassign_or_drop_owned(const ast::OwnedStatement& statement, Definition& d) {
  const bool reassign = !statement.new_owner.empty();
  std::vector<RoleId> owners;
  const auto check = [&](const Role& role) {
    if (!d.catalog.has_privileges_of(d.context.role, role.id))
      throw SqlError("42501", fmt::format("permission denied to {} objects", reassign ? "reassign" : "drop"));
  };
  for (const std::string& name : statement.owners) owners.push_back(named_role(d, name).id);
  for (const RoleId owner : owners) check(*d.catalog.role(owner));
  const Role* const heir = reassign ? &named_role(d, statement.new_owner) : nullptr;
  if (heir != nullptr) check(*heir);
  for (const RoleId owner : owners)
    check_not_required(*d.catalog.role(owner), reassign ? "reassign ownership of" : "drop");
  const auto owned = [&](RoleId owner) {
    return std::find(owners.begin(), owners.end(), owner) != owners.end();
  };
  const auto tables = d.catalog.tables();
  const auto schemas = d.catalog.schemas();
  if (heir != nullptr) {
    for (const auto& [key, table] : tables)
      if (owned(table->owner)) give_table(d, *table, heir->id);
    for (const Schema& schema : schemas)
      if (owned(schema.owner)) give_schema(d, schema, *heir);
    if (owned(d.catalog.database.owner)) give_database(d, *heir);
    return "REASSIGN OWNED";
  }
  for (const RoleId owner : owners) drop_grants(d, owner);
  // Sequences of columns go with their tables.
  std::vector<std::shared_ptr<const TableEntry>> relations;
  for (const auto& [key, table] : tables)
    if (owned(table->owner) && !(table->is_sequence() && table->sequence->owner))
      relations.push_back(d.catalog.table(table->id()));
  drop_relations(relations, statement.cascade, d);
  for (const Schema& schema : schemas)
    if (owned(schema.owner)) drop_schema(schema.name, statement.cascade, d);
  return "DROP OWNED";
}

std::string dependences_on_role(const Definition& d, RoleId role) {
  const Catalog& catalog = d.catalog;
  std::string lines;
  const auto tell = [&](bool owner, bool mentioned, std::string_view noun, std::string_view name) {
    if (!owner && !mentioned) return;
    if (!lines.empty()) lines += '\n';
    lines += fmt::format("{} {} {}", owner ? "owner of" : "privileges for", noun, name);
  };
  const auto listed = [role](const std::optional<Acl>& acl) { return acl && acl_mentions(*acl, role); };
  tell(catalog.database.owner == role, listed(catalog.database.acl), "database", kDatabaseName);
  for (const Schema& schema : catalog.schemas())
    tell(schema.owner == role, listed(schema.acl), "schema", schema.name);
  for (const TableEntry* table : tables_by_id(catalog)) {
    bool mentioned = listed(table->acl);
    for (const auto& [column, acl] : table->column_acl) mentioned = mentioned || acl_mentions(acl, role);
    tell(table->owner == role, mentioned, "table", visible_name(d, *table));
  }
  for (const auto& [key, acl] : catalog.default_acls)
    tell(key.creator == role, acl_mentions(acl, role),
         fmt::format("default privileges on new {}s belonging to role", noun_of(key.kind)),
         catalog.role(key.creator)->name);
  return lines;
}

}  // namespace gyre::adapter::definition
