// The server as a whole: databases, settings, and what every PostgreSQL installation has.
#include <array>
#include <string>

#include <fmt/format.h>

#include "adapter/catalog/system_groups.h"
#include "adapter/catalog/system_rows.h"
#include "adapter/session/settings.h"

namespace gyre::adapter::system {

namespace {

constexpr std::uint32_t kDefaultTablespaceOid = 1663;

void scan_databases(SystemScan& scan) {
  constexpr int kUtf8 = 6;
  emit(scan,
       {kDatabaseOid, database_name(scan), scan.catalog.database.owner.value, kUtf8, 'c', false, true, -1, 0,
        1, kDefaultTablespaceOid, "C", "C", nullptr, nullptr, access_list(scan, scan.catalog.database.acl)});
}

void scan_tablespaces(SystemScan& scan) {
  emit(scan, {kDefaultTablespaceOid, "pg_default", kSystemRoleOid, nullptr, nullptr});
  emit(scan, {1664, "pg_global", kSystemRoleOid, nullptr, nullptr});
}

void scan_languages(SystemScan& scan) {
  emit(scan, {12, "internal", kSystemRoleOid, false, false, 0, 0, 0, nullptr});
  emit(scan, {14, "sql", kSystemRoleOid, false, true, 0, 0, 0, nullptr});
}

const char* context_name(SettingContext context) {
  switch (context) {
    case SettingContext::user:
      return "user";
    case SettingContext::superuser:
      return "superuser";
    case SettingContext::system:
      return "sighup";
    case SettingContext::internal:
      break;
  }
  return "internal";
}

const char* type_name(SettingKind kind) {
  switch (kind) {
    case SettingKind::boolean:
      return "bool";
    case SettingKind::integer:
      return "integer";
    case SettingKind::real:
      return "real";
    case SettingKind::choice:
    case SettingKind::isolation:
      return "enum";
    default:
      return "string";
  }
}

// The session's value of a setting; the built-in one where no session asks.
std::string_view current_value(SystemScan& scan, const SettingDefinition& setting) {
  std::string value;
  const storage::SessionFacts& session = scan.session;
  if (session.current_setting != nullptr && session.current_setting(session.session, setting.name, value))
    return scan.arena.copy(value);
  return setting.initial;
}

void emit_setting(SystemScan& scan, const SettingDefinition& setting) {
  const std::string_view current = current_value(scan, setting);
  const bool ranged = setting.kind == SettingKind::integer || setting.kind == SettingKind::real;
  const auto bound = [&](double limit) {
    return ranged ? Value(scan.arena.copy(fmt::format("{}", limit))) : Value(nullptr);
  };
  Value choices = nullptr;
  if (setting.kind == SettingKind::choice)
    choices = text_array(scan, std::vector<std::string>(setting.choices.begin(), setting.choices.end()));
  emit(scan, {setting.name, current, text_or_null(setting.unit), "Gyre", setting.description, nullptr,
              context_name(setting.context), type_name(setting.kind),
              current == setting.initial ? "default" : "session", bound(setting.least), bound(setting.most),
              choices, setting.initial, setting.initial, nullptr, nullptr, false});
}

void scan_settings(SystemScan& scan) {
  for (const SettingDefinition& setting : setting_definitions()) emit_setting(scan, setting);
}

}  // namespace

Relations server_relations() {
  return {
      {1262, "pg_catalog", "pg_database",
       columns_of("oid oid, datname name, datdba oid, encoding int4, datlocprovider \"char\", "
                  "datistemplate boolean, datallowconn boolean, datconnlimit int4, "
                  "datfrozenxid oid, datminmxid oid, dattablespace oid, datcollate text, "
                  "datctype text, daticulocale text, datcollversion text, datacl text[]"),
       scan_databases},
      {1213, "pg_catalog", "pg_tablespace",
       columns_of("oid oid, spcname name, spcowner oid, spcacl text[], spcoptions text[]"), scan_tablespaces},
      {2612, "pg_catalog", "pg_language",
       columns_of("oid oid, lanname name, lanowner oid, lanispl boolean, lanpltrusted boolean, "
                  "lanplcallfoid oid, laninline oid, lanvalidator oid, lanacl text[]"),
       scan_languages},
      {12104, "pg_catalog", "pg_settings",
       columns_of("name text, setting text, unit text, category text, short_desc text, "
                  "extra_desc text, context text, vartype text, source text, min_val text, "
                  "max_val text, enumvals text[], boot_val text, reset_val text, sourcefile text, "
                  "sourceline int4, pending_restart boolean"),
       scan_settings, 'v'},
  };
}

}  // namespace gyre::adapter::system
