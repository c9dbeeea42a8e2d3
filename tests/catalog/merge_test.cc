// Catalogs that were changed on both sides.
#include "adapter/catalog/merge.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/catalog/sample_catalog.h"

namespace gyre::test {
namespace {

using adapter::Acl;
using adapter::Catalog;
using adapter::merge_catalogs;
using adapter::Role;
using adapter::RoleId;
using adapter::TableEntry;

class CatalogMerge : public testing::Test {
 protected:
  CatalogMerge() {
    base = Catalog::initial();
    Role role;
    role.id = RoleId(base.next_oid++);
    role.name = "owner";
    owner = role.id;
    base.put_role(role);
    add_table(base, {.name = "t", .columns = {{"a", storage::TypeId::int4, true}}, .primary_key = {0}});
    mine = theirs = base;
    mine.next_oid = base.next_oid + 10;  // as the oracle core gives them out: never one twice
  }

  static void change(Catalog& catalog, std::string_view name, const std::function<void(TableEntry&)>& how) {
    auto entry = std::make_shared<TableEntry>(*catalog.find_table("public", name));
    how(*entry);
    catalog.put_table(entry);
  }
  static void add(Catalog& catalog, const std::string& name) {
    add_table(catalog, {.name = name, .columns = {{"a", storage::TypeId::int4, false}}});
  }

  // A new table with a foreign key to this one.
  static void refer(Catalog& catalog, std::string_view referenced) {
    add(catalog, "referring");
    change(catalog, "referring", [&](TableEntry& entry) {
      const auto table = catalog.find_table("public", referenced);
      entry.foreign_keys.push_back({.oid = catalog.next_oid++,
                                    .name = "referring_a_fkey",
                                    .columns = {0},
                                    .referenced = table->id(),
                                    .referenced_columns = {0},
                                    .delete_set_columns = {}});
    });
  }

  Catalog base, mine, theirs;
  RoleId owner;
};

TEST_F(CatalogMerge, TakesBothSides) {
  add(mine, "m");
  add(theirs, "h");
  change(mine, "t", [&](TableEntry& entry) { entry.acl = Acl{{adapter::kPublicRole, entry.owner, 1, 0}}; });
  mine.system_parameters["max_connections"] = "7";
  theirs.system_parameters["max_result_size"] = "8MB";
  const auto merged = merge_catalogs(base, mine, theirs);
  ASSERT_TRUE(merged.has_value());
  EXPECT_EQ(merged->find_table("public", "m"), mine.find_table("public", "m"));
  EXPECT_EQ(merged->find_table("public", "h"), theirs.find_table("public", "h"));
  EXPECT_EQ(merged->find_table("public", "t"), mine.find_table("public", "t"));
  EXPECT_EQ(merged->system_parameters.size(), 2u);
  EXPECT_EQ(merged->next_oid, std::max(mine.next_oid, theirs.next_oid));
}

TEST_F(CatalogMerge, OneEntryChangedTwice) {
  change(mine, "t", [&](TableEntry& entry) { entry.owner = owner; });
  EXPECT_TRUE(merge_catalogs(base, mine, theirs).has_value());
  change(theirs, "t", [&](TableEntry& entry) { entry.acl = Acl{{owner, entry.owner, 1, 0}}; });
  EXPECT_FALSE(merge_catalogs(base, mine, theirs).has_value());
  theirs = base;
  theirs.remove_table(base.find_table("public", "t")->id());
  EXPECT_FALSE(merge_catalogs(base, mine, theirs).has_value());
  EXPECT_FALSE(merge_catalogs(base, theirs, mine).has_value());
}

TEST_F(CatalogMerge, OneNameTwice) {
  add(mine, "x");
  add(theirs, "x");
  EXPECT_FALSE(merge_catalogs(base, mine, theirs).has_value());
}

TEST_F(CatalogMerge, ANameThatWasGivenUp) {
  mine.remove_table(base.find_table("public", "t")->id());
  add(mine, "t");
  EXPECT_TRUE(merge_catalogs(base, mine, theirs).has_value());
}

TEST_F(CatalogMerge, ARoleThatIsGone) {
  theirs.remove_role(owner);
  change(mine, "t", [&](TableEntry& entry) { entry.owner = owner; });
  EXPECT_FALSE(merge_catalogs(base, mine, theirs).has_value());
  mine = base;
  change(mine, "t", [&](TableEntry& entry) { entry.acl = Acl{{owner, entry.owner, 1, 0}}; });
  EXPECT_FALSE(merge_catalogs(base, mine, theirs).has_value());
}

TEST_F(CatalogMerge, AKeyToWhatIsGone) {
  refer(mine, "t");
  EXPECT_TRUE(merge_catalogs(base, mine, theirs).has_value());
  EXPECT_TRUE(merge_catalogs(base, theirs, mine).has_value());
  theirs.remove_table(base.find_table("public", "t")->id());
  EXPECT_FALSE(merge_catalogs(base, mine, theirs).has_value());
  EXPECT_FALSE(merge_catalogs(base, theirs, mine).has_value());
}

TEST_F(CatalogMerge, AKeyToWhatHasChanged) {
  refer(mine, "t");
  change(theirs, "t", [&](TableEntry& entry) { entry.owner = owner; });
  EXPECT_TRUE(merge_catalogs(base, mine, theirs).has_value());
  EXPECT_TRUE(merge_catalogs(base, theirs, mine).has_value());
  change(theirs, "t", [&](TableEntry& entry) {
    auto schema = std::make_shared<storage::TableSchema>(*entry.schema);
    schema->primary_key.clear();
    entry.schema = std::move(schema);
  });
  EXPECT_FALSE(merge_catalogs(base, mine, theirs).has_value());
  EXPECT_FALSE(merge_catalogs(base, theirs, mine).has_value());
}

TEST_F(CatalogMerge, AParameterSetTwice) {
  mine.system_parameters["max_connections"] = "7";
  theirs.system_parameters["max_connections"] = "8";
  EXPECT_FALSE(merge_catalogs(base, mine, theirs).has_value());
}

}  // namespace
}  // namespace gyre::test
