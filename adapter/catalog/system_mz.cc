// What tools written for Materialize look at. Ids are texts there: "u1" for users' objects, "s1" for the
// system's.
#include <string>

#include "adapter/catalog/system_groups.h"
#include "adapter/catalog/system_rows.h"

namespace gyre::adapter::system {

namespace {

constexpr std::string_view kClusterId = "u1";
constexpr std::string_view kCluster = "quickstart";

std::string_view user_id(SystemScan& scan, std::uint32_t number) {
  return scan.arena.copy("u" + std::to_string(number));
}
std::string_view role_id(SystemScan& scan, RoleId role) {
  return scan.arena.copy((role.value == kSystemRoleOid ? "s" : "u") + std::to_string(role.value));
}
std::string_view schema_id(SystemScan& scan, std::uint32_t oid) {
  return scan.arena.copy((oid == 2200 ? "u" : "s") + std::to_string(oid));
}

void scan_tables(SystemScan& scan) {
  for (const auto& [key, table] : scan.catalog.tables())
    emit(scan, {user_id(scan, table->id().value), oid_of(table->id()),
                schema_id(scan, schema_oid(scan.catalog, table->schema_name)), table->name(),
                role_id(scan, table->owner), nullptr});
}

void scan_indexes(SystemScan& scan) {
  for (const auto& [key, table] : scan.catalog.tables())
    for (const IndexFacts& index : indexes_of(*table))
      emit(scan, {user_id(scan, index.oid), index.oid, index.name, user_id(scan, table->id().value),
                  kClusterId, role_id(scan, table->owner), scan.arena.copy(index_definition(*table, index))});
}

void scan_clusters(SystemScan& scan) {
  emit(scan, {kClusterId, kCluster, role_id(scan, RoleId(kSystemRoleOid)), true, 1, "local"});
}

void scan_databases(SystemScan& scan) {
  emit(scan, {"u1", kDatabaseOid, database_name(scan), role_id(scan, RoleId(kSystemRoleOid))});
}

void scan_schemas(SystemScan& scan) {
  for (const Schema& schema : scan.catalog.schemas())
    emit(scan,
         {schema_id(scan, schema.oid), schema.oid, schema.name == "public" ? Value("u1") : Value(nullptr),
          schema.name, role_id(scan, schema.owner)});
}

}  // namespace

Relations mz_relations() {
  return {
      {14001, "mz_catalog", "mz_tables",
       columns_of("id text, oid oid, schema_id text, name text, owner_id text, create_sql text"),
       scan_tables},
      {14002, "mz_catalog", "mz_indexes",
       columns_of("id text, oid oid, name text, on_id text, cluster_id text, owner_id text, create_sql text"),
       scan_indexes},
      {14003, "mz_catalog", "mz_clusters",
       columns_of("id text, name text, owner_id text, managed boolean, replication_factor int4, size text"),
       scan_clusters},
      {14004, "mz_catalog", "mz_databases", columns_of("id text, oid oid, name text, owner_id text"),
       scan_databases},
      {14005, "mz_catalog", "mz_schemas",
       columns_of("id text, oid oid, database_id text, name text, owner_id text"), scan_schemas},
  };
}

}  // namespace gyre::adapter::system
