// Roles, privileges and system parameters.
#include <fmt/format.h>

#include <algorithm>

#include "adapter/coordinator/definition_parts.h"
#include "adapter/session/settings.h"
#include "adapter/sql_error.h"

namespace gyre::adapter::definition {

namespace {

SqlError no_such_role(std::string_view name) {
  return SqlError("42704", fmt::format("role \"{}\" does not exist", name));
}

// A role as GRANT and SET name it: a name, or one of the words for the asker.
const Role& named_role(const Definition& d, std::string_view name) {
  if (name == "current_user" || name == "current_role" || name == "session_user") return asking_role(d);
  const Role* role = d.catalog.find_role(name);
  if (role == nullptr) throw no_such_role(name);
  return *role;
}

void check_may_manage_roles(const Definition& d, std::string_view action) {
  const Role& asker = asking_role(d);
  if (!asker.superuser && !asker.create_role)
    throw SqlError("42501", fmt::format("permission denied to {}", action));
}

void apply_options(Role& role, std::span<const ast::RoleOption> options, const Definition& d) {
  for (const ast::RoleOption& option : options) {
    if (option.name == "superuser") {
      if (!asking_role(d).superuser)
        throw SqlError("42501", "must be superuser to change superuser attribute");
      role.superuser = option.enabled;
    } else if (option.name == "login") {
      role.login = option.enabled;
    } else if (option.name == "inherit") {
      role.inherit = option.enabled;
    } else if (option.name == "createrole") {
      role.create_role = option.enabled;
    } else if (option.name == "createdb") {
      role.create_database = option.enabled;
    } else if (option.name == "connectionlimit") {
      role.connection_limit = std::atoi(option.text.c_str());
    } else if (option.name == "password") {
      throw SqlError("0A000", "passwords are not supported: every connection is trusted");
    } else {
      throw SqlError("0A000", fmt::format("role option {} is not supported", option.name));
    }
  }
}

PrivilegeSet privileges_of(const ast::GrantStatement& statement) {
  if (statement.all_privileges || statement.privileges.empty()) return kAllTablePrivileges;
  static constexpr std::pair<std::string_view, Privilege> kWords[] = {
      {"select", Privilege::select},     {"insert", Privilege::insert},
      {"update", Privilege::update},     {"delete", Privilege::delete_},
      {"truncate", Privilege::truncate}, {"references", Privilege::references},
      {"trigger", Privilege::trigger},
  };
  PrivilegeSet set = 0;
  for (const std::string& word : statement.privileges) {
    const auto found = std::find_if(std::begin(kWords), std::end(kWords),
                                    [&](const auto& pair) { return pair.first == word; });
    if (found == std::end(kWords)) {
      throw SqlError("42601", fmt::format("unrecognized privilege type \"{}\"", word));
    }
    set |= bit(found->second);
  }
  return set;
}

void change_grants(Definition& d, const TableEntry& before, std::span<const std::string> grantees,
                   PrivilegeSet set, bool revoke) {
  if (!asking_role(d).superuser && !d.catalog.is_member(d.context.role, before.owner))
    throw SqlError("42501", fmt::format("permission denied for table {}", before.name()));
  auto entry = std::make_shared<TableEntry>(before);
  for (const std::string& name : grantees) {
    const RoleId grantee = name == "public" ? kPublicRole : named_role(d, name).id;
    PrivilegeSet& held = entry->grants[grantee];
    held = revoke ? static_cast<PrivilegeSet>(held & ~set) : static_cast<PrivilegeSet>(held | set);
    if (held == 0) entry->grants.erase(grantee);
  }
  d.catalog.put_table(std::move(entry));
}

}  // namespace

std::string create_role(const ast::CreateRoleStatement& statement, Definition& d) {
  check_may_manage_roles(d, "create role");
  if (statement.name == "public" || statement.name == "none")
    throw SqlError("42939", fmt::format("role name \"{}\" is reserved", statement.name));
  if (statement.name.starts_with("pg_") || statement.name.starts_with("mz_"))
    throw SqlError("42939", fmt::format("role name \"{}\" is reserved", statement.name))
        .with_detail("Role names starting with \"pg_\" or \"mz_\" are reserved.");
  if (d.catalog.find_role(statement.name) != nullptr)
    throw SqlError("42710", fmt::format("role \"{}\" already exists", statement.name));
  Role role;
  role.id = RoleId(d.catalog.next_oid++);
  role.name = statement.name;
  role.login = statement.user;
  apply_options(role, statement.options, d);
  d.catalog.put_role(std::move(role));
  return "CREATE ROLE";
}

std::string alter_role(const ast::AlterRoleStatement& statement, Definition& d) {
  check_may_manage_roles(d, "alter role");
  Role role = named_role(d, statement.name);
  if (role.superuser && !asking_role(d).superuser)
    throw SqlError("42501", "must be superuser to alter superuser roles");
  apply_options(role, statement.options, d);
  d.catalog.put_role(std::move(role));
  return "ALTER ROLE";
}

std::string drop_role(const ast::DropRoleStatement& statement, Definition& d) {
  check_may_manage_roles(d, "drop role");
  for (const std::string& name : statement.names) {
    const Role* role = d.catalog.find_role(name);
    if (role == nullptr) {
      if (!statement.if_exists) throw no_such_role(name);
      d.notices.push_back(notice("00000", fmt::format("role \"{}\" does not exist, skipping", name)));
      continue;
    }
    if (role->id == d.context.role) throw SqlError("55006", "current user cannot be dropped");
    if (name.starts_with("mz_"))
      throw SqlError("2BP01",
                     fmt::format("cannot drop role {} because it is required by the database system", name));
    for (const auto& [key, table] : d.catalog.tables())
      if (table->owner == role->id || table->grants.contains(role->id))
        throw SqlError("2BP01",
                       fmt::format("role \"{}\" cannot be dropped because some objects depend on it", name))
            .with_detail(table->owner == role->id ? fmt::format("owner of table {}", table->name())
                                                  : fmt::format("privileges for table {}", table->name()));
    d.catalog.remove_role(role->id);
  }
  return "DROP ROLE";
}

std::string grant(const ast::GrantStatement& statement, Definition& d) {
  using Object = ast::GrantStatement::Object;
  const std::string tag = statement.revoke ? "REVOKE" : "GRANT";
  for (const std::string& name : statement.grantees)
    if (name != "public") named_role(d, name);
  switch (statement.object) {
    case Object::table: {
      const PrivilegeSet set = privileges_of(statement);
      for (const ast::QualifiedName& name : statement.names)
        change_grants(d, *resolve_table(name, d.context), statement.grantees, set, statement.revoke);
      return tag;
    }
    case Object::all_tables_in_schema: {
      const PrivilegeSet set = privileges_of(statement);
      const auto tables = d.catalog.tables();  // a copy: the catalog's changes under the loop
      for (const ast::QualifiedName& name : statement.names)
        for (const auto& [key, table] : tables)
          if (table->schema_name == name.name)
            change_grants(d, *table, statement.grantees, set, statement.revoke);
      return tag;
    }
    case Object::schema:
      for (const ast::QualifiedName& name : statement.names)
        if (!d.catalog.has_schema(name.name))
          throw SqlError("3F000", fmt::format("schema \"{}\" does not exist", name.name));
      return tag;  // everybody may use the schemas there are
    case Object::database:
      for (const ast::QualifiedName& name : statement.names)
        if (name.name != "materialize")
          throw SqlError("3D000", fmt::format("database \"{}\" does not exist", name.name));
      return tag;  // every role may connect to the one database
    case Object::sequence:
    case Object::other:
      break;
  }
  throw SqlError("0A000", tag + " on this kind of object is not supported");
}

std::string grant_role(const ast::GrantRoleStatement& statement, Definition& d) {
  check_may_manage_roles(d, statement.revoke ? "revoke role" : "grant role");
  for (const std::string& grantee : statement.grantees) {
    Role member = named_role(d, grantee);
    for (const std::string& name : statement.roles) {
      const RoleId id = named_role(d, name).id;
      if (statement.revoke) {
        std::erase(member.member_of, id);
        continue;
      }
      if (d.catalog.is_member(id, member.id))
        throw SqlError("0LP01", fmt::format("role \"{}\" is a member of role \"{}\"", name, grantee));
      if (std::find(member.member_of.begin(), member.member_of.end(), id) == member.member_of.end())
        member.member_of.push_back(id);
    }
    d.catalog.put_role(std::move(member));
  }
  return statement.revoke ? "REVOKE ROLE" : "GRANT ROLE";
}

std::string alter_system(const ast::SetStatement& statement, Definition& d) {
  if (!asking_role(d).superuser) throw SqlError("42501", "must be superuser to execute ALTER SYSTEM command");
  if (statement.reset_all) {
    d.catalog.system_parameters.clear();
    return "ALTER SYSTEM";
  }
  const int index = find_setting(statement.name);
  if (index < 0) {
    SqlError error("42704", fmt::format("unrecognized configuration parameter \"{}\"", statement.name));
    const std::string_view near = nearest_setting(statement.name);
    if (!near.empty()) error.hint = fmt::format("Did you mean \"{}\"?", near);
    throw error;
  }
  const SettingDefinition& setting = setting_definitions()[static_cast<std::size_t>(index)];
  if (setting.context == SettingContext::internal)
    throw SqlError("55P02", fmt::format("parameter \"{}\" cannot be changed", setting.name));
  std::string name(setting.name);
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (statement.reset || statement.to_default) {
    d.catalog.system_parameters.erase(name);
    return "ALTER SYSTEM";
  }
  std::string value;
  for (const std::string& part : statement.values) value += (value.empty() ? "" : ", ") + part;
  d.catalog.system_parameters[name] = check_setting(setting, value);
  return "ALTER SYSTEM";
}

}  // namespace gyre::adapter::definition
