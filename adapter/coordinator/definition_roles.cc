// Roles, privileges and system parameters.
#include <fmt/format.h>

#include <algorithm>

#include "adapter/coordinator/definition_parts.h"
#include "adapter/session/nearest_name.h"
#include "adapter/session/settings.h"
#include "adapter/sql_error.h"
#include "pgwire/scram.h"

namespace gyre::adapter::definition {

namespace {

SqlError no_such_role(std::string_view name) {
  return SqlError("42704", fmt::format("role \"{}\" does not exist", name));
}

void check_may_manage_roles(const Definition& d, std::string_view action) {
  const Role& asker = asking_role(d);
  if (!asker.superuser && !asker.create_role)
    throw SqlError("42501", fmt::format("permission denied to {}", action));
}

// The password comes as a verifier: the session has made one of it before anyone else saw it.
void set_password(Role& role, const ast::RoleOption& option, Definition& d) {
  role.password.clear();
  if (!option.enabled) return;
  if (option.text.empty()) {
    d.notices.push_back(notice("00000", "empty string is not a valid password, clearing password"));
    return;
  }
  if (!pgwire::parse_scram_verifier(option.text))
    throw SqlError("XX000", "the password did not come as a verifier");
  role.password = option.text;
}

void set_valid_until(Role& role, const ast::RoleOption& option, const Definition& d) {
  role.password_until_us.reset();
  if (!option.enabled) return;
  Arena arena;
  role.password_until_us =
      storage::traits(storage::TypeId::timestamptz).parse(option.text, d.context.style, arena).integer;
}

void apply_options(Role& role, std::span<const ast::RoleOption> options, Definition& d) {
  for (const ast::RoleOption& option : options) {
    if (option.name == "superuser") {
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
      if (role.connection_limit < -1)
        throw SqlError("22023", fmt::format("invalid connection limit: {}", role.connection_limit));
    } else if (option.name == "password") {
      set_password(role, option, d);
    } else if (option.name == "validuntil") {
      set_valid_until(role, option, d);
    } else {
      throw SqlError("0A000", fmt::format("role option {} is not supported", option.name));
    }
  }
}

bool names_option(std::span<const ast::RoleOption> options, std::string_view name) {
  return std::any_of(options.begin(), options.end(),
                     [name](const ast::RoleOption& option) { return option.name == name; });
}

// Superusers are superusers' business; everybody may change the password that is one's own.
void check_may_alter(const Role& role, std::span<const ast::RoleOption> options, const Definition& d) {
  const Role& asker = asking_role(d);
  if (asker.superuser) return;
  if (role.superuser || names_option(options, "superuser"))
    throw SqlError("42501", "must be superuser to alter superuser roles or change superuser attribute");
  const bool own_password = role.id == asker.id && options.size() == 1 && options.front().name == "password";
  if (!asker.create_role && !own_password) throw SqlError("42501", "permission denied");
}

void check_may_alter_settings(const ast::RoleSettingStatement& statement, const Definition& d) {
  const Role& asker = asking_role(d);
  if (!statement.role.empty()) {
    const Role& role = named_role(d, statement.role);
    if (role.superuser && !asker.superuser) throw SqlError("42501", "must be superuser to alter superusers");
    if (!asker.superuser && !asker.create_role && role.id != asker.id)
      throw SqlError("42501", "permission denied");
  }
  if (!statement.database.empty()) {
    if (statement.database != kDatabaseName)
      throw SqlError("3D000", fmt::format("database \"{}\" does not exist", statement.database));
    if (statement.role.empty() && !d.catalog.has_privileges_of(asker.id, d.catalog.database.owner))
      throw SqlError("42501", fmt::format("must be owner of database {}", kDatabaseName));
  } else if (statement.role.empty() && !asker.superuser) {
    throw SqlError("42501", "must be superuser to alter settings globally");
  }
}

// Without what the asker may take away: superusers everything, others what everybody may set.
void reset_settings(RoleSettings& settings, bool superuser) {
  std::erase_if(settings, [superuser](const auto& setting) {
    const int index = find_setting(setting.first);
    return superuser || index < 0 ||
           setting_definitions()[static_cast<std::size_t>(index)].context == SettingContext::user;
  });
}

void change_settings(RoleSettings& settings, const ast::SetStatement& set, Definition& d) {
  const bool superuser = asking_role(d).superuser;
  if (set.reset_all) return reset_settings(settings, superuser);
  std::optional<std::string> value;
  if (!set.reset && !set.to_default) value = setting_text(set.name, set.values);
  const std::string name = check_for_later(set.name, value, superuser);
  if (name == "session_authorization")
    throw SqlError("55P02", fmt::format("parameter \"{}\" cannot be changed", name));
  // Whether there is such a role shows at the login.
  if (value && name == "role" && *value != "none" && d.catalog.find_role(*value) == nullptr)
    d.notices.push_back(notice("42704", fmt::format("role \"{}\" does not exist", *value)));
  const auto found = std::find_if(settings.begin(), settings.end(),
                                  [&](const auto& setting) { return setting.first == name; });
  if (!value && found != settings.end())
    settings.erase(found);
  else if (value && found != settings.end())
    found->second = *value;
  else if (value)
    settings.emplace_back(name, *value);
}

}  // namespace

const Role& named_role(const Definition& d, std::string_view name) {
  if (name == "current_user" || name == "current_role") return asking_role(d);
  if (name == "session_user") name = d.context.session.session_user;
  const Role* role = d.catalog.find_role(name);
  if (role == nullptr) throw no_such_role(name);
  return *role;
}

std::string create_role(const ast::CreateRoleStatement& statement, Definition& d) {
  const bool superuser =
      std::any_of(statement.options.begin(), statement.options.end(),
                  [](const ast::RoleOption& option) { return option.name == "superuser" && option.enabled; });
  if (superuser && !asking_role(d).superuser)
    throw SqlError("42501", "must be superuser to create superusers");
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
  Role role = named_role(d, statement.name);
  if (role.name.starts_with("pg_"))
    throw SqlError("42939", fmt::format("role name \"{}\" is reserved", role.name))
        .with_detail("Cannot alter reserved roles.");
  check_may_alter(role, statement.options, d);
  apply_options(role, statement.options, d);
  d.catalog.put_role(std::move(role));
  return "ALTER ROLE";
}

std::string alter_role_settings(const ast::RoleSettingStatement& statement, Definition& d) {
  check_may_alter_settings(statement, d);
  RoleSettingKey key{!statement.database.empty(), kPublicRole};
  if (!statement.role.empty()) key.role = named_role(d, statement.role).id;
  RoleSettings& settings = d.catalog.role_settings[key];
  change_settings(settings, statement.set, d);
  if (settings.empty()) d.catalog.role_settings.erase(key);
  return statement.of_database ? "ALTER DATABASE" : "ALTER ROLE";
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
    if (role->name == d.context.session.session_user)
      throw SqlError("55006", "session user cannot be dropped");
    if (role->superuser && !asking_role(d).superuser)
      throw SqlError("42501", "must be superuser to drop superusers");
    if (name.starts_with("mz_") || name.starts_with("pg_"))
      throw SqlError("2BP01",
                     fmt::format("cannot drop role {} because it is required by the database system", name));
    if (const std::string why = dependences_on_role(d, role->id); !why.empty())
      throw SqlError("2BP01",
                     fmt::format("role \"{}\" cannot be dropped because some objects depend on it", name))
          .with_detail(why);
    d.catalog.remove_role(role->id);
  }
  return "DROP ROLE";
}

std::string grant_role(const ast::GrantRoleStatement& statement, Definition& d) {
  if (!statement.grantor.empty() && named_role(d, statement.grantor).id != d.context.role)
    throw SqlError("0A000", "grantor must be current user");
  for (const std::string& name : statement.roles) {
    const Role& granted = named_role(d, name);
    const Role& asker = asking_role(d);
    const bool may = granted.superuser
                         ? asker.superuser
                         : asker.create_role || d.catalog.may_grant_role(d.context.role, granted.id);
    if (!may)
      throw SqlError("42501", granted.superuser
                                  ? std::string("must be superuser to alter superusers")
                                  : fmt::format("must have admin option on role \"{}\"", granted.name));
    for (const std::string& grantee : statement.grantees) {
      Role member = named_role(d, grantee);
      const auto held = std::find_if(member.member_of.begin(), member.member_of.end(),
                                     [&](const Membership& m) { return m.role == granted.id; });
      if (statement.revoke) {
        if (held == member.member_of.end())
          d.notices.push_back(warning(
              "01000", fmt::format("role \"{}\" is not a member of role \"{}\"", member.name, granted.name)));
        else if (statement.admin_option)
          held->admin = false;
        else
          member.member_of.erase(held);
      } else if (d.catalog.is_member(granted.id, member.id)) {
        throw SqlError("0LP01",
                       fmt::format("role \"{}\" is a member of role \"{}\"", granted.name, member.name));
      } else if (held == member.member_of.end()) {
        member.member_of.push_back({granted.id, d.context.role, statement.admin_option});
      } else if (statement.admin_option && !held->admin) {
        held->admin = true;
        held->grantor = d.context.role;
      } else {
        d.notices.push_back(notice("00000", fmt::format("role \"{}\" is already a member of role \"{}\"",
                                                        member.name, granted.name)));
      }
      d.catalog.put_role(std::move(member));
    }
  }
  return statement.revoke ? "REVOKE ROLE" : "GRANT ROLE";
}

namespace {
constexpr const char* kReadMode = "ts_oracle_read_mode";
// Where another server may own the timeline by now, what is published here need not be the newest.
void keep_linearizable(Definition& d) {
  auto& parameters = d.catalog.system_parameters;
  if (d.shared_timeline && !parameters.contains(kReadMode)) parameters[kReadMode] = "batched";
}
}  // namespace

std::string alter_system(const ast::SetStatement& statement, Definition& d) {
  if (!asking_role(d).superuser) throw SqlError("42501", "must be superuser to execute ALTER SYSTEM command");
  if (statement.reset_all) {
    d.catalog.system_parameters.clear();
    keep_linearizable(d);
    return "ALTER SYSTEM";
  }
  const int index = find_setting(statement.name);
  if (index < 0)
    throw SqlError("42704", fmt::format("unrecognized configuration parameter \"{}\"", statement.name))
        .with_hint(name_hint(nearest_setting(statement.name)));
  const SettingDefinition& setting = setting_definitions()[static_cast<std::size_t>(index)];
  if (setting.context == SettingContext::internal || setting.kind == SettingKind::role)
    throw SqlError("55P02", fmt::format("parameter \"{}\" cannot be changed", setting.name));
  std::string name(setting.name);
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (statement.reset || statement.to_default) {
    d.catalog.system_parameters.erase(name);
    keep_linearizable(d);
    return "ALTER SYSTEM";
  }
  std::string value = check_setting(setting, setting_text(statement.name, statement.values));
  if (d.shared_timeline && name == kReadMode && value == "published")
    throw SqlError("22023", "ts_oracle_read_mode cannot be \"published\" with a timestamp oracle that servers share")
        .with_detail("What this server has published may be older than what another one has answered.");
  d.catalog.system_parameters[name] = std::move(value);
  return "ALTER SYSTEM";
}

}  // namespace gyre::adapter::definition
