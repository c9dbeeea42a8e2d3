// Roles. Superusers see passwords as they are kept, as verifiers, where PostgreSQL shows them; nobody else
// does.
#include "adapter/catalog/system_groups.h"
#include "adapter/catalog/system_rows.h"

namespace gyre::adapter::system {

namespace {

// Entries have no oid of their own; these are free.
constexpr std::uint32_t kDefaultAclOids = 14000;
constexpr std::string_view kHiddenPassword = "********";

Value valid_until(const Role& role) {
  return role.password_until_us ? Value(*role.password_until_us) : Value(nullptr);
}

// "{work_mem=8MB,TimeZone=UTC}", in the scan's arena.
Value settings_list(SystemScan& scan, const RoleSettings& settings) {
  std::vector<std::string> items;
  for (const auto& [name, value] : settings) items.push_back(name + "=" + value);
  return text_array(scan, items);
}

// What ALTER ROLE … SET has set for the role in any database.
Value settings_of(SystemScan& scan, RoleId role) {
  const auto found = scan.catalog.role_settings.find({false, role});
  return found == scan.catalog.role_settings.end() ? Value(nullptr) : settings_list(scan, found->second);
}

void scan_role_settings(SystemScan& scan) {
  for (const auto& [key, settings] : scan.catalog.role_settings)
    emit(scan, {key.in_database ? kDatabaseOid : 0, key.role.value, settings_list(scan, settings)});
}

void scan_roles(SystemScan& scan) {
  for (const auto& [id, role] : scan.catalog.roles())
    emit(scan, {role.name, role.superuser, role.inherit, role.create_role, role.create_database, role.login,
                false, role.connection_limit, kHiddenPassword, valid_until(role), role.superuser,
                settings_of(scan, id), id.value});
}

void scan_authids(SystemScan& scan) {
  for (const auto& [id, role] : scan.catalog.roles())
    emit(scan, {id.value, role.name, role.superuser, role.inherit, role.create_role, role.create_database,
                role.login, false, role.superuser, role.connection_limit, text_or_null(role.password),
                valid_until(role)});
}

void emit_user(SystemScan& scan, const Role& role, Value password) {
  if (role.login)
    emit(scan, {role.name, role.id.value, role.create_database, role.superuser, false, role.superuser,
                password, valid_until(role), settings_of(scan, role.id)});
}

void scan_users(SystemScan& scan) {
  for (const auto& [id, role] : scan.catalog.roles()) emit_user(scan, role, kHiddenPassword);
}

void scan_shadows(SystemScan& scan) {
  for (const auto& [id, role] : scan.catalog.roles()) emit_user(scan, role, text_or_null(role.password));
}

// Roles that are there to have members.
void scan_groups(SystemScan& scan) {
  for (const auto& [id, role] : scan.catalog.roles()) {
    if (role.login) continue;
    std::vector<std::string> members;
    for (const auto& [other, member] : scan.catalog.roles())
      for (const Membership& membership : member.member_of)
        if (membership.role == id) members.push_back(std::to_string(other.value));
    emit(scan, {role.name, id.value, text_array(scan, members)});
  }
}

void scan_members(SystemScan& scan) {
  for (const auto& [id, role] : scan.catalog.roles())
    for (const Membership& membership : role.member_of)
      emit(scan, {membership.role.value, id.value, membership.grantor.value, membership.admin});
}

void scan_default_acls(SystemScan& scan) {
  std::uint32_t oid = kDefaultAclOids;
  for (const auto& [key, acl] : scan.catalog.default_acls) {
    const char kind = key.kind == ObjectKind::table ? 'r' : key.kind == ObjectKind::sequence ? 'S' : 'n';
    emit(scan, {oid++, key.creator.value, key.schema, kind, access_list(scan, acl)});
  }
}

}  // namespace

Relations role_relations() {
  return {
      {12000, "pg_catalog", "pg_roles",
       columns_of("rolname name, rolsuper boolean, rolinherit boolean, rolcreaterole boolean, "
                  "rolcreatedb boolean, rolcanlogin boolean, rolreplication boolean, "
                  "rolconnlimit int4, rolpassword text, rolvaliduntil timestamptz, "
                  "rolbypassrls boolean, rolconfig text[], oid oid"),
       scan_roles, 'v'},
      {1260, "pg_catalog", "pg_authid",
       columns_of("oid oid, rolname name, rolsuper boolean, rolinherit boolean, "
                  "rolcreaterole boolean, rolcreatedb boolean, rolcanlogin boolean, "
                  "rolreplication boolean, rolbypassrls boolean, rolconnlimit int4, "
                  "rolpassword text, rolvaliduntil timestamptz"),
       scan_authids, 'r', false, SystemRelation::Readers::superusers},
      {12014, "pg_catalog", "pg_user",
       columns_of("usename name, usesysid oid, usecreatedb boolean, usesuper boolean, "
                  "userepl boolean, usebypassrls boolean, passwd text, valuntil timestamptz, "
                  "useconfig text[]"),
       scan_users, 'v'},
      {12005, "pg_catalog", "pg_shadow",
       columns_of("usename name, usesysid oid, usecreatedb boolean, usesuper boolean, "
                  "userepl boolean, usebypassrls boolean, passwd text, valuntil timestamptz, "
                  "useconfig text[]"),
       scan_shadows, 'v', false, SystemRelation::Readers::superusers},
      {12010, "pg_catalog", "pg_group", columns_of("groname name, grosysid oid, grolist text[]"), scan_groups,
       'v'},
      {1261, "pg_catalog", "pg_auth_members",
       columns_of("roleid oid, member oid, grantor oid, admin_option boolean"), scan_members},
      {2964, "pg_catalog", "pg_db_role_setting", columns_of("setdatabase oid, setrole oid, setconfig text[]"),
       scan_role_settings},
      {826, "pg_catalog", "pg_default_acl",
       columns_of("oid oid, defaclrole oid, defaclnamespace oid, defaclobjtype \"char\", defaclacl text[]"),
       scan_default_acls},
  };
}

}  // namespace gyre::adapter::system
