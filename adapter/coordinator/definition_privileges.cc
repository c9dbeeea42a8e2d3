// GRANT and REVOKE on objects, ALTER DEFAULT PRIVILEGES, and what an owner's leaving means for both. Who may
// grant what, in whose name, and what is a warning rather than an error, follows PostgreSQL (manual, GRANT
// and REVOKE).
#include <fmt/format.h>

#include <algorithm>

#include "adapter/coordinator/definition_parts.h"
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

PrivilegeSet privilege_of(std::string_view word) {
  if (word == "temp") word = "temporary";
  for (const PrivilegeFacts& fact : privilege_facts())
    if (fact.word == word) return bit(fact.privilege);
  throw SqlError("42601", fmt::format("unrecognized privilege type \"{}\"", word));
}

std::string upper(std::string_view word) {
  std::string text(word);
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

// The privileges that a statement names, for objects of a kind; with columns or without.
PrivilegeSet checked(const ast::GrantedPrivilege& item, ObjectKind kind) {
  const PrivilegeSet all = privileges_on(kind);
  if (item.word.empty()) return all;
  const PrivilegeSet wanted = privilege_of(item.word);
  if ((wanted & all) == 0)
    throw SqlError("0LP01", fmt::format("invalid privilege type {} for {}", upper(item.word), noun_of(kind)));
  return wanted;
}

PrivilegeSet on_whole_object(const ast::GrantStatement& statement, ObjectKind kind) {
  if (statement.privileges.empty()) return privileges_on(kind);
  PrivilegeSet set = 0;
  for (const ast::GrantedPrivilege& item : statement.privileges) {
    if (!item.columns.empty()) {
      if (kind != ObjectKind::table)
        throw SqlError("0LP01", "column privileges are only valid for relations");
      continue;
    }
    set |= checked(item, kind);
  }
  return set;
}

std::vector<RoleId> grantees_of(const ast::GrantStatement& statement, const Definition& d) {
  std::vector<RoleId> roles;
  for (const std::string& name : statement.grantees) {
    roles.push_back(name == "public" ? kPublicRole : named_role(d, name).id);
  }
  return roles;
}

// In whose name the asker grants: the owner's where it has the owner's privileges, otherwise a role of its
// own that holds the most of the grant options.
struct Grantor {
  RoleId role;
  PrivilegeSet options = 0;  // of those wanted
};
Grantor choose_grantor(const Definition& d, const Target& target, const Acl& acl, PrivilegeSet wanted) {
  const RoleId asker = d.context.role;
  if (d.catalog.has_privileges_of(asker, target.owner)) return {target.owner, wanted};
  Grantor best{asker, 0};
  for (const auto& [id, role] : d.catalog.roles()) {
    if (!d.catalog.has_privileges_of(asker, id)) continue;
    const auto options = static_cast<PrivilegeSet>(
        wanted & acl_grantable(acl, [id = id](RoleId grantee) { return grantee == id; }));
    const auto count = [](PrivilegeSet set) { return __builtin_popcount(set); };
    if (count(options) > count(best.options) || (id == asker && options == wanted)) best = {id, options};
  }
  return best;
}

// What of `wanted` the grantor can grant or revoke. Having no privilege at all on the object is an error; not
// having the option for some is a warning.
PrivilegeSet restricted(Definition& d, const ast::GrantStatement& statement, const Target& target,
                        const Acl& acl, const Grantor& grantor, PrivilegeSet wanted) {
  if (grantor.options == 0 && d.catalog.privileges(d.context.role, target.kind, acl) == 0 &&
      d.catalog.grantable(d.context.role, target.kind, target.owner, acl) == 0)
    throw SqlError(
        "42501",
        target.kind == ObjectKind::column
            ? fmt::format("permission denied for column \"{}\" of relation \"{}\"", target.name, target.table)
            : fmt::format("permission denied for {} {}", noun_of(target.kind), target.name));
  const auto possible = static_cast<PrivilegeSet>(wanted & grantor.options);
  const std::string_view verb = statement.revoke ? "could be revoked" : "were granted";
  const char* code = statement.revoke ? "01006" : "01007";
  if (possible == 0)
    d.notices.push_back(warning(pgwire::SqlState::from_text(code),
                                fmt::format("no privileges {} for {}", verb, described(target))));
  else if (possible != wanted && !statement.privileges.empty())
    d.notices.push_back(warning(pgwire::SqlState::from_text(code),
                                fmt::format("not all privileges {} for {}", verb, described(target))));
  return possible;
}

void change_acl(Acl& acl, const ast::GrantStatement& statement, std::span<const RoleId> grantees,
                RoleId grantor, RoleId owner, PrivilegeSet set) {
  for (const RoleId grantee : grantees) {
    if (grantee == kPublicRole && statement.grant_option && !statement.revoke)
      throw SqlError("0LP01", "grant options can only be granted to roles");
    const AclItem item{grantee, grantor, set, statement.grant_option ? set : PrivilegeSet{0}};
    if (statement.revoke) {
      if (!acl_revoke(acl, item, statement.grant_option, statement.cascade, owner))
        throw SqlError("2BP01", "dependent privileges exist").with_hint("Use CASCADE to revoke them too.");
      continue;
    }
    if (!acl_can_grant(acl, item, owner))
      throw SqlError("0LP01", "grant options cannot be granted back to your own grantor");
    acl_grant(acl, item);
  }
}

// The list is then the object's own, even where it says what holds by default.
void change(Definition& d, const ast::GrantStatement& statement, const Target& target, Acl& acl,
            PrivilegeSet wanted) {
  if (!statement.grantor.empty() && named_role(d, statement.grantor).id != d.context.role)
    throw SqlError("0A000", "grantor must be current user");
  const Grantor grantor = choose_grantor(d, target, acl, wanted);
  const PrivilegeSet set = restricted(d, statement, target, acl, grantor, wanted);
  change_acl(acl, statement, grantees_of(statement, d), grantor.role, target.owner, set);
}

std::uint16_t column_of(const TableEntry& table, const std::string& name) {
  const auto& columns = table.schema->columns;
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const storage::ColumnDef& column) { return column.name == name; });
  if (found == columns.end())
    throw SqlError("42703",
                   fmt::format("column \"{}\" of relation \"{}\" does not exist", name, table.name()));
  return static_cast<std::uint16_t>(found - columns.begin());
}

void change_column(Definition& d, const ast::GrantStatement& statement, TableEntry& entry,
                   std::uint16_t column, PrivilegeSet set) {
  const Target target{ObjectKind::column, entry.schema->columns[column].name, entry.name(), entry.owner};
  Acl acl = entry.column_acl.contains(column) ? entry.column_acl.at(column) : Acl();
  // An option on the whole table is one on each of its columns.
  Acl both = entry.access();
  for (const AclItem& item : acl) acl_grant(both, item);
  const Grantor grantor = choose_grantor(d, target, both, set);
  const PrivilegeSet possible = restricted(d, statement, target, both, grantor, set);
  change_acl(acl, statement, grantees_of(statement, d), grantor.role, entry.owner, possible);
  if (acl.empty())
    entry.column_acl.erase(column);
  else
    entry.column_acl[column] = std::move(acl);
}

void change_table(Definition& d, const ast::GrantStatement& statement, const TableEntry& before) {
  auto entry = std::make_shared<TableEntry>(before);
  const ObjectKind kind = before.object_kind();
  const PrivilegeSet whole = on_whole_object(statement, kind);
  if (whole != 0) {
    Acl acl = before.access();
    change(d, statement, {kind, before.name(), {}, before.owner}, acl, whole);
    entry->acl = std::move(acl);
    // What is revoked from the table is revoked from its columns.
    const auto on_columns = static_cast<PrivilegeSet>(whole & privileges_on(ObjectKind::column));
    if (statement.revoke && on_columns != 0) {
      const auto columns = entry->column_acl;
      for (const auto& [column, list] : columns) change_column(d, statement, *entry, column, on_columns);
    }
  }
  for (const ast::GrantedPrivilege& item : statement.privileges)
    for (const std::string& name : item.columns)
      change_column(d, statement, *entry, column_of(before, name), checked(item, ObjectKind::column));
  d.catalog.put_table(std::move(entry));
}

const Schema& named_schema(const Definition& d, const std::string& name) {
  const Schema* schema = d.catalog.find_schema(name);
  if (schema == nullptr) throw SqlError("3F000", fmt::format("schema \"{}\" does not exist", name));
  return *schema;
}

void change_all_of(Definition& d, const ast::GrantStatement& statement, ObjectKind kind) {
  const auto tables = d.catalog.tables();  // a copy: the catalog's changes under the loop
  for (const ast::QualifiedName& name : statement.names) {
    const std::string schema = named_schema(d, name.name).name;
    if (!d.catalog.allows(d.context.role, *d.catalog.find_schema(schema), Privilege::usage))
      throw SqlError("42501", fmt::format("permission denied for schema {}", schema));
    for (const auto& [key, table] : tables)
      if (table->schema_name == schema && table->object_kind() == kind) change_table(d, statement, *table);
  }
}

void change_schemas(Definition& d, const ast::GrantStatement& statement) {
  const PrivilegeSet set = on_whole_object(statement, ObjectKind::schema);
  for (const ast::QualifiedName& name : statement.names) {
    Schema schema = named_schema(d, name.name);
    Acl acl = schema.access();
    change(d, statement, {ObjectKind::schema, schema.name, {}, schema.owner}, acl, set);
    schema.acl = std::move(acl);
    d.catalog.put_schema(std::move(schema));
  }
}

void change_database(Definition& d, const ast::GrantStatement& statement) {
  const PrivilegeSet set = on_whole_object(statement, ObjectKind::database);
  for (const ast::QualifiedName& name : statement.names) {
    if (name.name != kDatabaseName)
      throw SqlError("3D000", fmt::format("database \"{}\" does not exist", name.name));
    Acl acl = d.catalog.database.access();
    change(d, statement, {ObjectKind::database, name.name, {}, d.catalog.database.owner}, acl, set);
    d.catalog.database.acl = std::move(acl);
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

void change_default(Definition& d, const ast::GrantStatement& action, const DefaultAclKey& key) {
  const auto found = d.catalog.default_acls.find(key);
  const Acl start = key.schema == 0 ? default_acl(key.kind, key.creator) : Acl();
  Acl acl = found != d.catalog.default_acls.end() ? found->second : start;
  change_acl(acl, action, grantees_of(action, d), key.creator, key.creator,
             on_whole_object(action, key.kind));
  const auto sorted = [](Acl list) {
    std::sort(list.begin(), list.end(), [](const AclItem& x, const AclItem& y) {
      return std::pair(x.grantee, x.grantor) < std::pair(y.grantee, y.grantor);
    });
    return list;
  };
  acl = sorted(std::move(acl));
  if (acl == sorted(start))
    d.catalog.default_acls.erase(key);
  else
    d.catalog.default_acls[key] = std::move(acl);
}

}  // namespace

std::string grant(const ast::GrantStatement& statement, Definition& d) {
  using Object = ast::GrantStatement::Object;
  grantees_of(statement, d);
  switch (statement.object) {
    case Object::table:
      for (const ast::QualifiedName& name : statement.names)
        change_table(d, statement, *resolve_table(name, d.context));
      break;
    case Object::all_tables_in_schema:
      change_all_of(d, statement, ObjectKind::table);
      break;
    case Object::sequence:
      for (const ast::QualifiedName& name : statement.names) {
        const auto sequence = resolve_table(name, d.context);
        if (!sequence->is_sequence())
          throw SqlError("42809", fmt::format("\"{}\" is not a sequence", name.name));
        change_table(d, statement, *sequence);
      }
      break;
    case Object::all_sequences_in_schema:
      change_all_of(d, statement, ObjectKind::sequence);
      break;
    case Object::schema:
      change_schemas(d, statement);
      break;
    case Object::database:
      change_database(d, statement);
      break;
    default:
      kind_of(Object::other);
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
    for (const std::uint32_t schema : schemas) change_default(d, statement.action, {creator, schema, kind});
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

void give_database(Definition& d, RoleId owner) {
  if (d.catalog.database.acl) acl_change_owner(*d.catalog.database.acl, d.catalog.database.owner, owner);
  d.catalog.database.owner = owner;
}

// Everything a role was granted, and what it granted, goes.
void forget_in(Acl& acl, RoleId role, RoleId owner) {
  const Acl before = acl;
  for (const AclItem& item : before)
    if (item.grantee == role || item.grantor == role)
      static_cast<void>(acl_revoke(acl, item, false, true, owner));
}

void drop_grants(Definition& d, RoleId role) {
  const auto tables = d.catalog.tables();
  for (const auto& [key, table] : tables) {
    auto entry = std::make_shared<TableEntry>(*table);
    if (entry->acl) forget_in(*entry->acl, role, entry->owner);
    for (auto& [column, acl] : entry->column_acl) forget_in(acl, role, entry->owner);
    std::erase_if(entry->column_acl, [](const auto& item) { return item.second.empty(); });
    d.catalog.put_table(std::move(entry));
  }
  const auto schemas = d.catalog.schemas();
  for (Schema schema : schemas) {
    if (schema.acl) forget_in(*schema.acl, role, schema.owner);
    d.catalog.put_schema(std::move(schema));
  }
  if (d.catalog.database.acl) forget_in(*d.catalog.database.acl, role, d.catalog.database.owner);
  std::erase_if(d.catalog.default_acls, [role](const auto& item) { return item.first.creator == role; });
  for (auto& [key, acl] : d.catalog.default_acls) forget_in(acl, role, key.creator);
}

}  // namespace

std::string alter_owner(const ast::AlterOwnerStatement& statement, Definition& d) {
  using Object = ast::AlterOwnerStatement::Object;
  const Role& owner = named_role(d, statement.owner);
  if (statement.object == Object::database) {
    if (statement.name != kDatabaseName)
      throw SqlError("3D000", fmt::format("database \"{}\" does not exist", statement.name));
    if (owner.id == d.catalog.database.owner) return "ALTER DATABASE";
    if (!d.catalog.has_privileges_of(d.context.role, d.catalog.database.owner))
      throw SqlError("42501", fmt::format("must be owner of database {}", statement.name));
    check_may_give(d, owner);
    give_database(d, owner.id);
    return "ALTER DATABASE";
  }
  Schema schema = named_schema(d, statement.name);
  if (owner.id == schema.owner) return "ALTER SCHEMA";
  if (!d.catalog.has_privileges_of(d.context.role, schema.owner))
    throw SqlError("42501", fmt::format("must be owner of schema {}", schema.name));
  check_may_give(d, owner);
  if (!d.catalog.allows_on_database(d.context.role, Privilege::create))
    throw SqlError("42501", fmt::format("permission denied for database {}", kDatabaseName));
  give(schema, owner.id);
  d.catalog.put_schema(std::move(schema));
  return "ALTER SCHEMA";
}

std::string reassign_or_drop_owned(const ast::OwnedStatement& statement, Definition& d) {
  std::vector<RoleId> owners;
  for (const std::string& name : statement.owners) {
    const Role& role = named_role(d, name);
    if (!d.catalog.has_privileges_of(d.context.role, role.id))
      throw SqlError("42501", statement.new_owner.empty() ? "permission denied to drop objects"
                                                          : "permission denied to reassign objects");
    owners.push_back(role.id);
  }
  const auto owned = [&](RoleId owner) {
    return std::find(owners.begin(), owners.end(), owner) != owners.end();
  };
  const auto tables = d.catalog.tables();
  const auto schemas = d.catalog.schemas();
  if (!statement.new_owner.empty()) {
    const Role& heir = named_role(d, statement.new_owner);
    if (!d.catalog.has_privileges_of(d.context.role, heir.id))
      throw SqlError("42501", "permission denied to reassign objects");
    for (const auto& [key, table] : tables)
      if (owned(table->owner)) give_table(d, *table, heir.id);
    for (Schema schema : schemas)
      if (owned(schema.owner)) {
        give(schema, heir.id);
        d.catalog.put_schema(std::move(schema));
      }
    if (owned(d.catalog.database.owner)) give_database(d, heir.id);
    return "REASSIGN OWNED";
  }
  // Sequences of columns go with their tables.
  std::vector<std::shared_ptr<const TableEntry>> relations;
  for (const auto& [key, table] : tables)
    if (owned(table->owner) && !(table->is_sequence() && table->sequence->owner)) relations.push_back(table);
  drop_relations(relations, statement.cascade, d);
  for (const Schema& schema : schemas)
    if (owned(schema.owner)) drop_schema(schema.name, statement.cascade, d);
  for (const RoleId owner : owners) drop_grants(d, owner);
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
