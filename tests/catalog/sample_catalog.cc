#include "tests/catalog/sample_catalog.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "storage/scalar/nodes.h"

namespace gyre::test {

using adapter::Catalog;
using adapter::Role;
using adapter::RoleId;
using storage::TypeId;

void add_table(Catalog& catalog, const SampleTable& table) {
  const auto draw = [&] { return RelationId(catalog.next_oid++ - adapter::kFirstUserOid); };
  auto schema = std::make_shared<storage::TableSchema>();
  schema->id = draw();
  schema->name = table.name;
  auto entry = std::make_shared<adapter::TableEntry>();
  for (const SampleColumn& column : table.columns) {
    schema->columns.push_back({column.name, column.type, column.not_null});
    adapter::ColumnDefault value;
    if (!column.default_text.empty()) {
      value.expression = storage::make_null(column.type.id);
      value.text = column.default_text;
    }
    entry->defaults.push_back(value);
  }
  schema->layout = storage::layout_of(schema->columns);
  schema->primary_key = table.primary_key;
  if (!table.primary_key.empty()) schema->primary_key_name = table.name + "_pkey";
  for (const SampleIndex& index : table.indexes)
    schema->indexes.push_back({draw(), index.name, index.columns, index.unique, index.constraint});
  entry->schema = schema;
  entry->schema_name = table.schema;
  entry->owner = RoleId(11);
  if (!table.grants.empty()) {
    entry->acl = adapter::default_acl(adapter::ObjectKind::table, entry->owner);
    for (const auto& [grantee, privileges] : table.grants)
      adapter::acl_grant(*entry->acl, {grantee, entry->owner, privileges, 0});
  }
  catalog.put_table(entry);
}

Catalog sample_catalog() {
  Catalog catalog = Catalog::initial();
  catalog.login_secret = "secret";
  Role readers;
  readers.id = RoleId(catalog.next_oid++);
  readers.name = "readers";
  catalog.put_role(readers);
  Role alice;
  alice.id = RoleId(catalog.next_oid++);
  alice.name = "alice";
  alice.login = true;
  alice.member_of = {{readers.id, RoleId(10), false}};
  alice.password = "SCRAM-SHA-256$4096:c2FsdA==$a:b";
  catalog.put_role(alice);
  add_table(catalog, {.name = "customers",
                      .columns = {{"id", TypeId::int4, true},
                                  {"name", {TypeId::varchar, 14}, false, "'x'::character varying"},
                                  {"balance", {TypeId::numeric, 655366}, true}},
                      .primary_key = {0},
                      .indexes = {{"customers_name_key", {1}, true, true}},
                      .grants = {{readers.id, bit(adapter::Privilege::select)}}});
  add_table(catalog, {.name = "Order Items",
                      .columns = {{"order", TypeId::int8, true},
                                  {"line", TypeId::int2, true},
                                  {"placed at", {TypeId::timestamptz, 3}, false, "now()"},
                                  {"code", {TypeId::bpchar, 9}}},
                      .primary_key = {0, 1},
                      .indexes = {{"items_by_time", {2, 1}}}});
  return catalog;
}

Catalog random_catalog(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t bound) { return random() % bound; };
  Catalog catalog = sample_catalog();
  const std::uint64_t tables = below(20);
  for (std::uint64_t t = 0; t < tables; ++t) {
    SampleTable table;
    table.name = (below(2) == 0 ? "t" : "T ") + std::to_string(t);
    const std::uint64_t columns = 1 + below(8);
    for (std::uint64_t c = 0; c < columns; ++c) {
      TypeId type;
      do type = static_cast<TypeId>(1 + below(static_cast<std::uint64_t>(TypeId::oid)));
      while (type == TypeId::unknown);
      table.columns.push_back({"c" + std::to_string(c), type, below(2) == 0, below(3) == 0 ? "1" : ""});
    }
    const auto some_columns = [&] {
      std::set<std::uint16_t> chosen;
      for (std::uint64_t i = 0; i < 1 + below(3); ++i)
        chosen.insert(static_cast<std::uint16_t>(below(columns)));
      return std::vector<std::uint16_t>(chosen.begin(), chosen.end());
    };
    if (below(3) != 0) table.primary_key = some_columns();
    for (std::uint64_t i = 0; i < below(3); ++i)
      table.indexes.push_back({table.name + "_i" + std::to_string(i), some_columns(), below(2) == 0, false});
    add_table(catalog, table);
  }
  return catalog;
}

std::vector<Row> rows_of(const Catalog& catalog, std::string_view schema, std::string_view name,
                         const storage::SessionFacts& session) {
  const adapter::SystemRelation* relation = adapter::find_system_relation(schema, name);
  EXPECT_NE(relation, nullptr) << schema << "." << name;
  std::vector<Row> rows;
  if (relation == nullptr) return rows;
  const storage::Database database;
  Arena arena;
  adapter::SystemScan scan{catalog, database, session, arena, 0, [&](std::span<const storage::Datum> values) {
                             ASSERT_EQ(values.size(), relation->columns.size()) << name;
                             Row row;
                             for (std::size_t i = 0; i < values.size(); ++i) {
                               OutBuffer text;
                               if (!values[i].null)
                                 storage::traits(relation->columns[i].type).print(values[i], {}, text);
                               row[std::string(relation->columns[i].name)] =
                                   values[i].null ? kNull : std::string(text.view());
                             }
                             rows.push_back(std::move(row));
                           }};
  relation->scan(scan);
  return rows;
}

std::vector<Row> rows_with(const std::vector<Row>& rows, const Row& wanted) {
  std::vector<Row> found;
  for (const Row& row : rows) {
    bool all = true;
    for (const auto& [column, value] : wanted) {
      const auto place = row.find(column);
      all = all && place != row.end() && place->second == value;
    }
    if (all) found.push_back(row);
  }
  return found;
}

Row row_with(const std::vector<Row>& rows, const Row& wanted) {
  const std::vector<Row> found = rows_with(rows, wanted);
  EXPECT_EQ(found.size(), 1u) << "rows with " << ::testing::PrintToString(wanted);
  return found.size() == 1 ? found.front() : Row();
}

}  // namespace gyre::test
