// What clients read about tables that someone made. Expected values are those of PostgreSQL 15 for the same
// definitions, but for oids.
#include <gtest/gtest.h>

#include "adapter/catalog/catalog_oids.h"
#include "storage/scalar/session_directory.h"
#include "tests/catalog/sample_catalog.h"

namespace gyre::test {
namespace {

using adapter::Catalog;

class SystemContents : public ::testing::Test {
 protected:
  std::vector<Row> pg(std::string_view name) const { return rows_of(catalog_, "pg_catalog", name, session_); }
  std::vector<Row> standard(std::string_view name) const {
    return rows_of(catalog_, "information_schema", name, session_);
  }
  std::string oid(const std::string& relation) const {
    return row_with(pg("pg_class"), {{"relname", relation}}).at("oid");
  }

  Catalog catalog_ = sample_catalog();
  storage::SessionFacts session_{
      .current_user = "alice", .session_user = "alice", .database = "shop", .backend_pid = 77};
};

TEST_F(SystemContents, TablesAndIndexesAreClasses) {
  const Row table = row_with(pg("pg_class"), {{"relname", "customers"}});
  EXPECT_EQ(table.at("relkind"), "r");
  EXPECT_EQ(table.at("relnatts"), "3");
  EXPECT_EQ(table.at("relhasindex"), "t");
  EXPECT_EQ(table.at("relnamespace"), "2200");
  EXPECT_EQ(table.at("reltuples"), "-1");
  EXPECT_EQ(table.at("relreplident"), "d");
  EXPECT_EQ(table.at("relacl"), "{materialize=arwdDxt/materialize,readers=r/materialize}");
  EXPECT_EQ(table.at("oid"),
            std::to_string(adapter::oid_of(catalog_.find_table("public", "customers")->id())));
  const Row index = row_with(pg("pg_class"), {{"relname", "customers_pkey"}});
  EXPECT_EQ(index.at("relkind"), "i");
  EXPECT_EQ(index.at("relam"), "403");
  EXPECT_EQ(index.at("relacl"), kNull);
  EXPECT_EQ(row_with(pg("pg_class"), {{"relname", "pg_class"}}).at("oid"), "1259");
  EXPECT_EQ(row_with(pg("pg_class"), {{"relname", "pg_roles"}}).at("relkind"), "v");
}

TEST_F(SystemContents, ColumnsAreAttributes) {
  const auto columns = rows_with(pg("pg_attribute"), {{"attrelid", oid("customers")}});
  ASSERT_EQ(columns.size(), 3u);
  const Row id = row_with(columns, {{"attnum", "1"}});
  EXPECT_EQ(id.at("attname"), "id");
  EXPECT_EQ(id.at("atttypid"), "23");
  EXPECT_EQ(id.at("attlen"), "4");
  EXPECT_EQ(id.at("attnotnull"), "t");
  EXPECT_EQ(id.at("atthasdef"), "f");
  EXPECT_EQ(id.at("attisdropped"), "f");
  EXPECT_EQ(id.at("attidentity"), "");
  const Row name = row_with(columns, {{"attname", "name"}});
  EXPECT_EQ(name.at("atttypid"), "1043");
  EXPECT_EQ(name.at("atttypmod"), "14");
  EXPECT_EQ(name.at("attcollation"), "100");
  EXPECT_EQ(name.at("atthasdef"), "t");
  const Row value = row_with(pg("pg_attrdef"), {{"adrelid", oid("customers")}});
  EXPECT_EQ(value.at("adnum"), "2");
  EXPECT_EQ(value.at("adbin"), "'x'::character varying");
}

TEST_F(SystemContents, KeysAreIndexesAndConstraints) {
  const Row key = row_with(pg("pg_index"), {{"indexrelid", oid("Order Items_pkey")}});
  EXPECT_EQ(key.at("indkey"), "1 2");
  EXPECT_EQ(key.at("indnatts"), "2");
  EXPECT_EQ(key.at("indisprimary"), "t");
  EXPECT_EQ(key.at("indisunique"), "t");
  EXPECT_EQ(key.at("indclass"), "3124 1979");
  EXPECT_EQ(key.at("indoption"), "0 0");
  const Row plain = row_with(pg("pg_index"), {{"indexrelid", oid("items_by_time")}});
  EXPECT_EQ(plain.at("indkey"), "3 2");
  EXPECT_EQ(plain.at("indisunique"), "f");
  EXPECT_EQ(plain.at("indisprimary"), "f");

  const Row primary = row_with(pg("pg_constraint"), {{"conname", "customers_pkey"}});
  EXPECT_EQ(primary.at("contype"), "p");
  EXPECT_EQ(primary.at("conkey"), "{1}");
  EXPECT_EQ(primary.at("confkey"), kNull);
  const Row unique = row_with(pg("pg_constraint"), {{"conname", "customers_name_key"}});
  EXPECT_EQ(unique.at("contype"), "u");
  EXPECT_EQ(unique.at("conrelid"), oid("customers"));
  EXPECT_TRUE(rows_with(pg("pg_constraint"), {{"conname", "items_by_time"}}).empty());
  EXPECT_EQ(pg("pg_constraint").size(), 3u);
}

TEST_F(SystemContents, IndexDefinitionsAreSql) {
  EXPECT_EQ(row_with(pg("pg_indexes"), {{"indexname", "customers_name_key"}}).at("indexdef"),
            "CREATE UNIQUE INDEX customers_name_key ON public.customers USING btree (name)");
  EXPECT_EQ(row_with(pg("pg_indexes"), {{"indexname", "items_by_time"}}).at("indexdef"),
            "CREATE INDEX items_by_time ON public.\"Order Items\" USING btree (\"placed at\", line)");
  EXPECT_EQ(
      row_with(pg("pg_indexes"), {{"indexname", "Order Items_pkey"}}).at("indexdef"),
      "CREATE UNIQUE INDEX \"Order Items_pkey\" ON public.\"Order Items\" USING btree (\"order\", line)");
}

TEST_F(SystemContents, TypesAreAsPostgresHasThem) {
  const Row text = row_with(pg("pg_type"), {{"typname", "text"}});
  EXPECT_EQ(text.at("oid"), "25");
  EXPECT_EQ(text.at("typarray"), "1009");
  EXPECT_EQ(text.at("typcategory"), "S");
  EXPECT_EQ(text.at("typtype"), "b");
  EXPECT_EQ(text.at("typlen"), "-1");
  EXPECT_EQ(text.at("typdelim"), ",");
  EXPECT_EQ(text.at("typcollation"), "100");
  const Row numbers = row_with(pg("pg_type"), {{"typname", "_int4"}});
  EXPECT_EQ(numbers.at("oid"), "1007");
  EXPECT_EQ(numbers.at("typelem"), "23");
  EXPECT_EQ(numbers.at("typcategory"), "A");
  EXPECT_EQ(numbers.at("typinput"), "array_in");
  EXPECT_EQ(numbers.at("typalign"), "i");
  const Row moment = row_with(pg("pg_type"), {{"typname", "timestamptz"}});
  EXPECT_EQ(moment.at("typinput"), "timestamptz_in");
  EXPECT_EQ(moment.at("typreceive"), "timestamptz_recv");
  EXPECT_EQ(moment.at("typmodin"), "timestamptztypmodin");
  EXPECT_EQ(moment.at("typalign"), "d");
  const Row name = row_with(pg("pg_type"), {{"typname", "name"}});
  EXPECT_EQ(name.at("typlen"), "64");
  EXPECT_EQ(name.at("typelem"), "18");
  const Row nothing = row_with(pg("pg_type"), {{"typname", "void"}});
  EXPECT_EQ(nothing.at("typtype"), "p");
}

// What node's drivers ask first: the arrays and what they are arrays of.
TEST_F(SystemContents, ArrayTypesLeadToTheirElements) {
  const auto types = pg("pg_type");
  for (const Row& array : rows_with(types, {{"typcategory", "A"}}))
    EXPECT_EQ(row_with(types, {{"oid", array.at("typelem")}}).at("typarray"), array.at("oid"));
}

TEST_F(SystemContents, RolesAndTheirMembers) {
  const Row alice = row_with(pg("pg_roles"), {{"rolname", "alice"}});
  EXPECT_EQ(alice.at("rolcanlogin"), "t");
  EXPECT_EQ(alice.at("rolsuper"), "f");
  EXPECT_EQ(alice.at("rolpassword"), "********");
  EXPECT_EQ(row_with(pg("pg_authid"), {{"rolname", "alice"}}).at("rolpassword"),
            "SCRAM-SHA-256$4096:c2FsdA==$a:b");
  const Row readers = row_with(pg("pg_roles"), {{"rolname", "readers"}});
  EXPECT_EQ(readers.at("rolcanlogin"), "f");
  row_with(pg("pg_auth_members"), {{"roleid", readers.at("oid")}, {"member", alice.at("oid")}});
  EXPECT_EQ(row_with(pg("pg_group"), {{"groname", "readers"}}).at("grolist"), "{" + alice.at("oid") + "}");
  row_with(pg("pg_user"), {{"usename", "alice"}});
  EXPECT_TRUE(rows_with(pg("pg_user"), {{"usename", "readers"}}).empty());
  EXPECT_EQ(standard("enabled_roles").size(), 2u);
}

TEST_F(SystemContents, StandardTablesAndColumns) {
  const Row table = row_with(standard("tables"), {{"table_schema", "public"}, {"table_name", "customers"}});
  EXPECT_EQ(table.at("table_catalog"), "shop");
  EXPECT_EQ(table.at("table_type"), "BASE TABLE");
  EXPECT_EQ(table.at("is_insertable_into"), "YES");
  EXPECT_EQ(row_with(standard("tables"), {{"table_name", "pg_roles"}}).at("table_type"), "VIEW");

  const auto columns = rows_with(standard("columns"), {{"table_name", "customers"}});
  ASSERT_EQ(columns.size(), 3u);
  const Row id = row_with(columns, {{"column_name", "id"}});
  EXPECT_EQ(id.at("ordinal_position"), "1");
  EXPECT_EQ(id.at("is_nullable"), "NO");
  EXPECT_EQ(id.at("data_type"), "integer");
  EXPECT_EQ(id.at("numeric_precision"), "32");
  EXPECT_EQ(id.at("numeric_precision_radix"), "2");
  EXPECT_EQ(id.at("numeric_scale"), "0");
  EXPECT_EQ(id.at("udt_name"), "int4");
  EXPECT_EQ(id.at("column_default"), kNull);
  EXPECT_EQ(id.at("is_updatable"), "YES");
  EXPECT_EQ(id.at("is_generated"), "NEVER");
  EXPECT_EQ(id.at("dtd_identifier"), "1");
  const Row name = row_with(columns, {{"column_name", "name"}});
  EXPECT_EQ(name.at("data_type"), "character varying");
  EXPECT_EQ(name.at("character_maximum_length"), "10");
  EXPECT_EQ(name.at("character_octet_length"), "40");
  EXPECT_EQ(name.at("column_default"), "'x'::character varying");
  EXPECT_EQ(name.at("is_nullable"), "YES");
  const Row balance = row_with(columns, {{"column_name", "balance"}});
  EXPECT_EQ(balance.at("numeric_precision"), "10");
  EXPECT_EQ(balance.at("numeric_precision_radix"), "10");
  EXPECT_EQ(balance.at("numeric_scale"), "2");
  const auto items = rows_with(standard("columns"), {{"table_name", "Order Items"}});
  EXPECT_EQ(row_with(items, {{"column_name", "placed at"}}).at("datetime_precision"), "3");
  EXPECT_EQ(row_with(items, {{"column_name", "code"}}).at("character_maximum_length"), "5");
  const Row flag = row_with(standard("columns"), {{"table_name", "pg_class"}, {"column_name", "relname"}});
  EXPECT_EQ(flag.at("data_type"), "name");
  EXPECT_EQ(flag.at("collation_name"), "C");
  EXPECT_EQ(flag.at("is_updatable"), "NO");
}

TEST_F(SystemContents, StandardConstraints) {
  EXPECT_EQ(
      row_with(standard("table_constraints"), {{"constraint_name", "customers_pkey"}}).at("constraint_type"),
      "PRIMARY KEY");
  const Row unique = row_with(standard("table_constraints"), {{"constraint_name", "customers_name_key"}});
  EXPECT_EQ(unique.at("constraint_type"), "UNIQUE");
  EXPECT_EQ(unique.at("nulls_distinct"), "YES");
  row_with(standard("table_constraints"),
           {{"constraint_name", "2200_" + oid("customers") + "_1_not_null"}, {"constraint_type", "CHECK"}});
  const auto key = rows_with(standard("key_column_usage"), {{"constraint_name", "Order Items_pkey"}});
  ASSERT_EQ(key.size(), 2u);
  EXPECT_EQ(row_with(key, {{"ordinal_position", "1"}}).at("column_name"), "order");
  EXPECT_EQ(row_with(key, {{"ordinal_position", "2"}}).at("column_name"), "line");
  EXPECT_EQ(rows_with(standard("constraint_column_usage"), {{"table_name", "Order Items"}}).size(), 2u);
}

TEST_F(SystemContents, Grants) {
  const auto grants = rows_with(standard("role_table_grants"), {{"table_name", "customers"}});
  EXPECT_EQ(rows_with(grants, {{"grantee", "materialize"}}).size(), 7u);
  const Row grant = row_with(grants, {{"grantee", "readers"}});
  EXPECT_EQ(grant.at("privilege_type"), "SELECT");
  EXPECT_EQ(grant.at("is_grantable"), "NO");
}

TEST_F(SystemContents, SettingsAreTheSessionsOwn) {
  session_.session = this;
  session_.current_setting = [](const void*, std::string_view name, std::string& value) {
    if (name != "application_name") return false;
    value = "psql";
    return true;
  };
  const Row application = row_with(pg("pg_settings"), {{"name", "application_name"}});
  EXPECT_EQ(application.at("setting"), "psql");
  EXPECT_EQ(application.at("boot_val"), "");
  EXPECT_EQ(application.at("context"), "user");
  EXPECT_EQ(application.at("vartype"), "string");
  EXPECT_EQ(application.at("source"), "session");
  EXPECT_EQ(row_with(pg("pg_settings"), {{"name", "bytea_output"}}).at("enumvals"), "{escape,hex}");
  EXPECT_EQ(row_with(pg("pg_settings"), {{"name", "statement_timeout"}}).at("unit"), "ms");
}

// Two sessions, of which the second may not be looked at.
class TwoSessions final : public storage::SessionDirectory {
 public:
  TwoSessions() {
    storage::SessionRow row;
    row.pid = 77;
    row.role = 16384;
    row.role_name = "alice";
    row.database = "shop";
    row.application = "psql";
    row.state = "idle in transaction";
    row.query = "select 1";
    row.backend_start_us = row.transaction_start_us = 5;
    row.in_transaction = row.visible = true;
    row.isolation = "serializable";
    row.snapshot = 1234;
    row.retained_bytes = 99;
    rows_.push_back(row);
    row.pid = 78;
    row.visible = false;
    rows_.push_back(row);
    row.pid = 79;
    row.in_transaction = false;
    row.snapshot = 0;
    rows_.push_back(row);
  }
  void for_each(const std::function<void(const storage::SessionRow&)>& visit) const override {
    for (const storage::SessionRow& row : rows_) visit(row);
  }
  bool cancel(std::int32_t) override { return false; }
  bool terminate(std::int32_t, std::int64_t) override { return false; }
  void for_each_execution(const std::function<void(const storage::StatementExecution&)>& visit) const override {
    storage::StatementExecution execution{};
    execution.sql = "select 'secret'";
    execution.prepared_name = "s1";
    execution.type = "select";
    execution.status = "success";
    execution.strategy = "fast-path";
    execution.parameters = "{1,NULL}";
    execution.user = "alice";
    execution.figures.began_us = 1'000'000;
    execution.figures.ready_ns = 1000;
    execution.figures.finished_ns = 5'000'000;
    execution.figures.rows = 1;
    execution.visible = true;
    visit(execution);
    execution.visible = false;
    execution.user = "bob";
    execution.figures.id[0] = 1;
    visit(execution);
  }
  void for_each_statistic(const std::function<void(const storage::StatementStatistic&)>& visit) const override {
    storage::StatementStatistic statistic;
    statistic.role = 16384;
    statistic.query_id = 7;
    statistic.text = "select $1";
    statistic.calls = 2;
    statistic.total_ms = 6;
    statistic.mean_ms = 3;
    statistic.squares = 8;
    statistic.visible = true;
    visit(statistic);
    statistic.role = 16385;
    statistic.visible = false;
    visit(statistic);
  }
  void forget_statistics(std::uint32_t, std::uint32_t, std::uint64_t) override {}

 private:
  std::vector<storage::SessionRow> rows_;
};

TEST_F(SystemContents, SessionsAsTheSurveyHasThem) {
  TwoSessions sessions;
  session_.sessions = &sessions;
  const Row activity = row_with(pg("pg_stat_activity"), {{"pid", "77"}});
  EXPECT_EQ(activity.at("application_name"), "psql");
  EXPECT_EQ(activity.at("usename"), "alice");
  EXPECT_EQ(activity.at("datname"), "shop");
  EXPECT_EQ(activity.at("state"), "idle in transaction");
  EXPECT_EQ(activity.at("query"), "select 1");
  const Row hidden = row_with(pg("pg_stat_activity"), {{"pid", "78"}});
  EXPECT_EQ(hidden.at("query"), "<insufficient privilege>");
  EXPECT_EQ(hidden.at("usename"), "alice");
  for (const char* column : {"state", "backend_start", "xact_start", "client_port", "backend_type"})
    EXPECT_EQ(hidden.at(column), kNull) << column;
  const Row transaction = row_with(pg("gyre_transactions"), {{"pid", "77"}});
  EXPECT_EQ(transaction.at("isolation"), "serializable");
  EXPECT_EQ(transaction.at("snapshot"), "1234");
  EXPECT_EQ(transaction.at("retained_bytes"), "99");
  EXPECT_EQ(row_with(pg("gyre_transactions"), {{"pid", "78"}}).at("isolation"), kNull);
  EXPECT_TRUE(rows_with(pg("gyre_transactions"), {{"pid", "79"}}).empty());
}

TEST_F(SystemContents, PastStatementsAsTheSurveyHasThem) {
  TwoSessions sessions;
  session_.sessions = &sessions;
  const auto mz = [&](const char* name) { return rows_of(catalog_, "mz_internal", name, session_); };
  const Row seen = row_with(mz("mz_recent_activity_log"), {{"authenticated_user", "alice"}});
  EXPECT_EQ(seen.at("sql"), "select 'secret'");
  EXPECT_EQ(seen.at("params"), "{1,NULL}");
  EXPECT_EQ(seen.at("finished_at"), "2000-01-01 00:00:01.005+00");
  EXPECT_EQ(seen.at("execution_strategy"), "fast-path");
  EXPECT_EQ(seen.at("execution_timestamp"), kNull);
  const Row hidden = row_with(mz("mz_recent_activity_log"), {{"authenticated_user", "bob"}});
  EXPECT_EQ(hidden.at("sql"), "<insufficient privilege>");
  for (const char* column : {"params", "sql_hash", "prepared_statement_name", "error_message"})
    EXPECT_EQ(hidden.at(column), kNull) << column;
  EXPECT_EQ(mz("mz_statement_execution_history").size(), 2u);
  EXPECT_EQ(mz("mz_prepared_statement_history").size(), 1u);  // both are executions of one
  EXPECT_EQ(rows_with(mz("mz_statement_lifecycle_history"), {{"event_type", "execution-finished"}}).size(), 2u);
  EXPECT_EQ(rows_with(mz("mz_statement_lifecycle_history"), {{"event_type", "optimization-finished"}}).size(), 2u);
  EXPECT_TRUE(rows_with(mz("mz_statement_lifecycle_history"), {{"event_type", "first-row"}}).empty());
  const Row counted = row_with(pg("pg_stat_statements"), {{"userid", "16384"}});
  EXPECT_EQ(counted.at("query"), "select $1");
  EXPECT_EQ(counted.at("calls"), "2");
  EXPECT_EQ(counted.at("mean_exec_time"), "3");
  EXPECT_EQ(counted.at("stddev_exec_time"), "2");
  EXPECT_EQ(row_with(pg("pg_stat_statements"), {{"userid", "16385"}}).at("query"), "<insufficient privilege>");
  EXPECT_EQ(row_with(pg("pg_stat_statements"), {{"userid", "16385"}}).at("queryid"), kNull);
}

TEST_F(SystemContents, DatabaseAndSchemas) {
  const Row database = row_with(pg("pg_database"), {{"datname", "shop"}});
  EXPECT_EQ(database.at("encoding"), "6");
  EXPECT_EQ(database.at("datallowconn"), "t");
  EXPECT_EQ(row_with(pg("pg_namespace"), {{"nspname", "pg_catalog"}}).at("oid"), "11");
  EXPECT_EQ(row_with(standard("schemata"), {{"schema_name", "public"}}).at("catalog_name"), "shop");
  EXPECT_EQ(row_with(pg("pg_tables"), {{"tablename", "customers"}}).at("tableowner"), "materialize");
  EXPECT_TRUE(rows_with(pg("pg_tables"), {{"tablename", "pg_views"}}).empty());
  row_with(pg("pg_views"), {{"viewname", "pg_views"}});
  EXPECT_TRUE(pg("pg_matviews").empty());
  row_with(pg("pg_stat_user_tables"), {{"relname", "customers"}});
}

TEST_F(SystemContents, MaterializeNames) {
  const auto tables = rows_of(catalog_, "mz_catalog", "mz_tables");
  const Row customers = row_with(tables, {{"name", "customers"}});
  const auto indexes = rows_of(catalog_, "mz_catalog", "mz_indexes");
  EXPECT_EQ(rows_with(indexes, {{"on_id", customers.at("id")}}).size(), 2u);
  const Row cluster = row_with(rows_of(catalog_, "mz_catalog", "mz_clusters"), {{"name", "quickstart"}});
  for (const Row& index : indexes) EXPECT_EQ(index.at("cluster_id"), cluster.at("id"));
  row_with(rows_of(catalog_, "mz_catalog", "mz_schemas"),
           {{"name", "public"}, {"id", customers.at("schema_id")}});
  row_with(rows_of(catalog_, "mz_catalog", "mz_databases", session_), {{"name", "shop"}});
}

TEST_F(SystemContents, DroppedTablesAreGone) {
  catalog_.remove_table(catalog_.find_table("public", "customers")->id());
  EXPECT_TRUE(rows_with(pg("pg_class"), {{"relname", "customers"}}).empty());
  EXPECT_TRUE(rows_with(pg("pg_class"), {{"relname", "customers_pkey"}}).empty());
  EXPECT_TRUE(rows_with(pg("pg_constraint"), {{"conname", "customers_pkey"}}).empty());
  EXPECT_TRUE(rows_with(standard("columns"), {{"table_name", "customers"}}).empty());
}

}  // namespace
}  // namespace gyre::test
