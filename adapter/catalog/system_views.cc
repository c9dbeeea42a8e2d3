// PostgreSQL's friendlier views of its catalogs.
#include "adapter/catalog/system_groups.h"
#include "adapter/catalog/system_rows.h"

namespace gyre::adapter::system {

namespace {

void scan_tables(SystemScan& scan) {
  for (const auto& [key, table] : scan.catalog.tables())
    if (!table->is_sequence())
      emit(scan, {table->schema_name, table->name(), role_name(scan, table->owner), nullptr,
                !indexes_of(*table).empty(), false, false, false});
  for (const SystemRelation& relation : system_relations())
    if (relation.kind == 'r')
      emit(scan, {relation.schema, relation.name, role_name(scan, RoleId(kSystemRoleOid)), nullptr, false,
                  false, false, false});
}

// System views are made by code: there is no query to show.
void scan_views(SystemScan& scan) {
  for (const SystemRelation& relation : system_relations())
    if (relation.kind == 'v')
      emit(scan, {relation.schema, relation.name, role_name(scan, RoleId(kSystemRoleOid)), ""});
}

// Nothing counts accesses per table: the row says that the table is there.
void scan_user_tables(SystemScan& scan) {
  for (const auto& [key, table] : scan.catalog.tables())
    if (!table->is_sequence())
      emit(scan, {oid_of(table->id()),
                table->schema_name,
                table->name(),
                0,
                0,
                0,
                0,  // scans
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,  // rows changed, live, dead, since the last analyze and vacuum
                nullptr,
                nullptr,
                nullptr,
                nullptr,  // last vacuum and analyze
                0,
                0,
                0,
                0});
}

}  // namespace

Relations view_relations() {
  return {
      {12033, "pg_catalog", "pg_tables",
       columns_of("schemaname name, tablename name, tableowner name, tablespace name, "
                  "hasindexes boolean, hasrules boolean, hastriggers boolean, rowsecurity boolean"),
       scan_tables, 'v'},
      {12028, "pg_catalog", "pg_views",
       columns_of("schemaname name, viewname name, viewowner name, definition text"), scan_views, 'v'},
      {12161, "pg_catalog", "pg_stat_user_tables",
       columns_of("relid oid, schemaname name, relname name, seq_scan int8, seq_tup_read int8, "
                  "idx_scan int8, idx_tup_fetch int8, n_tup_ins int8, n_tup_upd int8, "
                  "n_tup_del int8, n_tup_hot_upd int8, n_live_tup int8, n_dead_tup int8, "
                  "n_mod_since_analyze int8, n_ins_since_vacuum int8, last_vacuum timestamptz, "
                  "last_autovacuum timestamptz, last_analyze timestamptz, "
                  "last_autoanalyze timestamptz, vacuum_count int8, autovacuum_count int8, "
                  "analyze_count int8, autoanalyze_count int8"),
       scan_user_tables, 'v'},
      {12142, "pg_catalog", "pg_stat_all_tables",
       columns_of("relid oid, schemaname name, relname name, seq_scan int8, seq_tup_read int8, "
                  "idx_scan int8, idx_tup_fetch int8, n_tup_ins int8, n_tup_upd int8, "
                  "n_tup_del int8, n_tup_hot_upd int8, n_live_tup int8, n_dead_tup int8, "
                  "n_mod_since_analyze int8, n_ins_since_vacuum int8, last_vacuum timestamptz, "
                  "last_autovacuum timestamptz, last_analyze timestamptz, "
                  "last_autoanalyze timestamptz, vacuum_count int8, autovacuum_count int8, "
                  "analyze_count int8, autoanalyze_count int8"),
       scan_user_tables, 'v'},
  };
}

}  // namespace gyre::adapter::system
