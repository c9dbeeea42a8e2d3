// What must hold of every system relation, whatever it is about.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "tests/catalog/sample_catalog.h"
#include "tests/reactor/seed.h"

namespace gyre::test {
namespace {

using adapter::SystemColumn;
using adapter::SystemRelation;
using storage::Datum;
using storage::TypeId;

bool is_bytes(TypeId type) {
  return storage::traits(type).slot_size == 0;
}

// A value of the wrong kind (a number where text belongs, or the other way round) shows as an impossible
// size, address or range.
bool fits(Datum value, TypeId type) {
  const auto within = [&](std::int64_t least, std::int64_t most) {
    return value.size == 0 && value.integer >= least && value.integer <= most;
  };
  switch (type) {
    case TypeId::boolean:
      return within(0, 1);
    case TypeId::char_:
      return within(-128, 127);
    case TypeId::int2:
      return within(INT16_MIN, INT16_MAX);
    case TypeId::int4:
      return within(INT32_MIN, INT32_MAX);
    case TypeId::oid:
      return within(0, UINT32_MAX);
    case TypeId::int8:
    case TypeId::timestamptz:
      return value.size == 0;
    case TypeId::float4:
    case TypeId::float8:
      return value.size == 0 && std::isfinite(value.real) && (value.real == 0 || std::abs(value.real) > 1e-9);
    default:
      // Nothing lies in the first page of memory.
      return is_bytes(type) &&
             (value.data == nullptr ? value.size == 0 : value.integer > 4096 || value.integer < 0);
  }
}

// PostgreSQL declares the columns of fixed width of its tables not null, but for one; clients rely on it.
bool may_be_null(const SystemRelation& relation, const SystemColumn& column) {
  const bool fixed = !is_bytes(column.type) || column.type == TypeId::name;
  return relation.schema != "pg_catalog" || relation.kind != 'r' || !fixed || column.name == "rolvaliduntil";
}

TEST(SystemRelations, HaveNamesAndOidsOfTheirOwn) {
  std::set<std::uint32_t> oids;
  std::set<std::pair<std::string_view, std::string_view>> names;
  EXPECT_GT(adapter::system_relations().size(), 100u);
  for (const SystemRelation& relation : adapter::system_relations()) {
    EXPECT_TRUE(oids.insert(relation.oid).second) << relation.name;
    EXPECT_TRUE(names.emplace(relation.schema, relation.name).second) << relation.name;
    EXPECT_LT(relation.oid, adapter::kFirstUserOid);
    EXPECT_TRUE(relation.kind == 'r' || relation.kind == 'v');
    std::set<std::string_view> columns;
    EXPECT_FALSE(relation.columns.empty());
    for (const SystemColumn& column : relation.columns)
      EXPECT_TRUE(columns.insert(column.name).second) << relation.name << "." << column.name;
    EXPECT_EQ(adapter::find_system_relation(relation.schema, relation.name), &relation);
  }
}

TEST(SystemRelations, AreFoundInPgCatalogWithoutSchema) {
  const SystemRelation* types = adapter::find_system_relation("", "pg_type");
  ASSERT_NE(types, nullptr);
  EXPECT_EQ(types->schema, "pg_catalog");
  EXPECT_EQ(adapter::find_system_relation("", "columns"), nullptr);
  EXPECT_NE(adapter::find_system_relation("information_schema", "columns"), nullptr);
  EXPECT_EQ(adapter::find_system_relation("public", "pg_type"), nullptr);
  EXPECT_EQ(adapter::find_system_relation("pg_catalog", "PG_TYPE"), nullptr);
}

TEST(SystemRelations, RowsFitTheirColumns) {
  const std::uint64_t seed = test_seed(1);
  SCOPED_TRACE(seed_note(seed));
  const adapter::Catalog catalog = random_catalog(seed);
  const storage::Database database;
  const storage::SessionFacts nobody;
  for (const SystemRelation& relation : adapter::system_relations()) {
    SCOPED_TRACE(relation.name);
    Arena arena;
    adapter::SystemScan scan{catalog, database, nobody, arena, 0, [&](std::span<const Datum> row) {
                               ASSERT_EQ(row.size(), relation.columns.size());
                               for (std::size_t i = 0; i < row.size(); ++i) {
                                 const SystemColumn& column = relation.columns[i];
                                 if (row[i].null)
                                   EXPECT_TRUE(may_be_null(relation, column)) << column.name;
                                 else
                                   EXPECT_TRUE(fits(row[i], column.type)) << column.name;
                               }
                             }};
    relation.scan(scan);
  }
}

// Every number that refers to a row of another relation finds it.
class References : public ::testing::TestWithParam<std::uint64_t> {};

std::set<std::string> column_of(const std::vector<Row>& rows, const char* column) {
  std::set<std::string> values;
  for (const Row& row : rows) values.insert(row.at(column));
  return values;
}

TEST_P(References, AreKept) {
  const std::uint64_t seed = test_seed(GetParam());
  SCOPED_TRACE(seed_note(seed));
  const adapter::Catalog catalog = random_catalog(seed);
  struct Reference {
    const char *from, *column, *to, *key;
    bool optional = false;  // 0 refers to nothing
  };
  for (const Reference& reference : {Reference{"pg_class", "relnamespace", "pg_namespace", "oid"},
                                     Reference{"pg_class", "relowner", "pg_roles", "oid"},
                                     Reference{"pg_class", "relam", "pg_am", "oid", true},
                                     Reference{"pg_attribute", "attrelid", "pg_class", "oid"},
                                     Reference{"pg_attribute", "atttypid", "pg_type", "oid"},
                                     Reference{"pg_attribute", "attcollation", "pg_collation", "oid", true},
                                     Reference{"pg_attrdef", "adrelid", "pg_class", "oid"},
                                     Reference{"pg_index", "indexrelid", "pg_class", "oid"},
                                     Reference{"pg_index", "indrelid", "pg_class", "oid"},
                                     Reference{"pg_constraint", "conrelid", "pg_class", "oid"},
                                     Reference{"pg_constraint", "conindid", "pg_index", "indexrelid"},
                                     Reference{"pg_constraint", "connamespace", "pg_namespace", "oid"},
                                     Reference{"pg_type", "typnamespace", "pg_namespace", "oid"},
                                     Reference{"pg_type", "typelem", "pg_type", "oid", true},
                                     Reference{"pg_type", "typarray", "pg_type", "oid", true},
                                     Reference{"pg_type", "typcollation", "pg_collation", "oid", true},
                                     Reference{"pg_auth_members", "roleid", "pg_roles", "oid"},
                                     Reference{"pg_database", "dattablespace", "pg_tablespace", "oid"},
                                     Reference{"pg_opclass", "opcintype", "pg_type", "oid"}}) {
    const auto keys = column_of(rows_of(catalog, "pg_catalog", reference.to), reference.key);
    for (const std::string& value :
         column_of(rows_of(catalog, "pg_catalog", reference.from), reference.column))
      EXPECT_TRUE((reference.optional && value == "0") || keys.contains(value))
          << reference.from << "." << reference.column << " = " << value;
  }
}

TEST_P(References, OidsAreUniqueAndCountsAgree) {
  const std::uint64_t seed = test_seed(GetParam());
  SCOPED_TRACE(seed_note(seed));
  const adapter::Catalog catalog = random_catalog(seed);
  for (const char* relation : {"pg_class", "pg_type", "pg_constraint", "pg_attrdef", "pg_namespace",
                               "pg_roles", "pg_opclass", "pg_collation"}) {
    const auto rows = rows_of(catalog, "pg_catalog", relation);
    EXPECT_EQ(column_of(rows, "oid").size(), rows.size()) << relation;
  }
  const auto attributes = rows_of(catalog, "pg_catalog", "pg_attribute");
  std::map<std::string, int> columns;
  for (const Row& attribute : attributes) ++columns[attribute.at("attrelid")];
  for (const Row& relation : rows_of(catalog, "pg_catalog", "pg_class"))
    EXPECT_EQ(std::to_string(columns[relation.at("oid")]), relation.at("relnatts")) << relation.at("relname");
  for (const Row& type : rows_of(catalog, "pg_catalog", "pg_type"))
    if (type.at("typarray") != "0") {
      const Row array = row_with(rows_of(catalog, "pg_catalog", "pg_type"), {{"oid", type.at("typarray")}});
      EXPECT_EQ(array.at("typelem"), type.at("oid"));
      EXPECT_EQ(array.at("typname"), "_" + type.at("typname"));
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, References, ::testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace gyre::test
