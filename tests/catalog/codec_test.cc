// The catalog's codec: what is written comes back, as a whole and change by change, and no bytes are trusted.
#include "adapter/catalog/codec.h"

#include <gtest/gtest.h>

#include <random>

#include "adapter/catalog/system_relation.h"
#include "tests/catalog/sample_catalog.h"
#include "tests/storage/random.h"

namespace gyre::test {
namespace {

using adapter::apply_catalog_change;
using adapter::Catalog;
using adapter::Role;
using adapter::RoleId;
using adapter::TableEntry;

std::string change(const Catalog& before, const Catalog& after) {
  OutBuffer out;
  encode_catalog_change(before, after, out);
  return std::string(out.view());
}

std::string whole(const Catalog& catalog) {
  return change(Catalog(), catalog);
}

// FNV-1a: it need not be good, only the same everywhere.
std::uint64_t hash_of(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

Catalog read(std::string_view bytes) {
  Catalog catalog;
  EXPECT_EQ(apply_catalog_change(bytes, catalog), Decoding::ok);
  return catalog;
}

void expect_same_constraints(const TableEntry& a, const TableEntry& b) {
  EXPECT_EQ(a.sequence, b.sequence);
  EXPECT_EQ(a.comments, b.comments);
  ASSERT_EQ(a.checks.size(), b.checks.size());
  for (std::size_t i = 0; i < a.checks.size(); ++i) {
    EXPECT_EQ(a.checks[i].oid, b.checks[i].oid);
    EXPECT_EQ(a.checks[i].name, b.checks[i].name);
    EXPECT_EQ(a.checks[i].text, b.checks[i].text);
    EXPECT_EQ(a.checks[i].no_inherit, b.checks[i].no_inherit);
    EXPECT_EQ(a.checks[i].validated, b.checks[i].validated);
  }
  ASSERT_EQ(a.foreign_keys.size(), b.foreign_keys.size());
  for (std::size_t i = 0; i < a.foreign_keys.size(); ++i) {
    const adapter::ForeignKey &left = a.foreign_keys[i], &right = b.foreign_keys[i];
    EXPECT_EQ(left.oid, right.oid);
    EXPECT_EQ(left.name, right.name);
    EXPECT_EQ(left.columns, right.columns);
    EXPECT_EQ(left.referenced, right.referenced);
    EXPECT_EQ(left.referenced_columns, right.referenced_columns);
    EXPECT_EQ(left.match_full, right.match_full);
    EXPECT_EQ(left.on_update, right.on_update);
    EXPECT_EQ(left.on_delete, right.on_delete);
    EXPECT_EQ(left.delete_set_columns, right.delete_set_columns);
    EXPECT_EQ(left.deferrable, right.deferrable);
    EXPECT_EQ(left.deferred, right.deferred);
    EXPECT_EQ(left.validated, right.validated);
  }
}

// Constraints, a comment, an identity column, perhaps a sequence's options.
void add_constraints(TableEntry& entry, Random& random) {
  using Action = adapter::ForeignKey::Action;
  entry.comments[static_cast<std::uint16_t>(below(random, 3))] = "comment";
  if (!entry.defaults.empty()) entry.defaults[0].identity = adapter::Identity::by_default;
  entry.checks.push_back({.oid = 20000, .name = "c", .text = "(id > 0)", .no_inherit = true, .validated = false});
  adapter::ForeignKey key{};
  key.oid = 20001;
  key.name = "f";
  key.columns = key.referenced_columns = {0};
  key.referenced = entry.id();
  key.match_full = below(random, 2) == 0;
  key.on_update = Action::set_default;
  key.on_delete = Action::cascade;
  key.delete_set_columns = {0};
  key.deferrable = key.deferred = below(random, 2) == 0;
  key.validated = below(random, 2) == 0;
  entry.foreign_keys.push_back(key);
  auto schema = std::make_shared<storage::TableSchema>(*entry.schema);
  for (storage::IndexSchema& index : schema->indexes) {
    index.deferrable = below(random, 2) == 0;
    index.deferred = below(random, 2) == 0;
    index.primary = below(random, 2) == 0;
  }
  entry.schema = std::move(schema);
  if (below(random, 2) == 0) return;
  entry.sequence.emplace();
  entry.sequence->type = storage::TypeId::int2;
  entry.sequence->minimum = -5;
  entry.sequence->owner = std::pair(entry.id(), std::uint16_t{3});
}

void expect_same(const Catalog& a, const Catalog& b) {
  EXPECT_EQ(a.version, b.version);
  EXPECT_EQ(a.next_oid, b.next_oid);
  EXPECT_EQ(a.login_secret, b.login_secret);
  EXPECT_EQ(a.system_parameters, b.system_parameters);
  EXPECT_EQ(a.schemas(), b.schemas());
  EXPECT_EQ(a.default_acls, b.default_acls);
  EXPECT_EQ(a.database.owner, b.database.owner);
  EXPECT_EQ(a.database.acl, b.database.acl);
  EXPECT_EQ(a.roles(), b.roles());
  ASSERT_EQ(a.tables().size(), b.tables().size());
  for (const auto& [name, table] : a.tables()) {
    const auto other = b.find_table(name.first, name.second);
    ASSERT_NE(other, nullptr) << name.second;
    EXPECT_EQ(b.table(table->id()), other);
    EXPECT_EQ(other->owner, table->owner);
    EXPECT_EQ(other->acl, table->acl);
    EXPECT_EQ(other->column_acl, table->column_acl);
    ASSERT_EQ(other->defaults.size(), table->defaults.size());
    for (std::size_t i = 0; i < table->defaults.size(); ++i)
      EXPECT_EQ(other->defaults[i].text, table->defaults[i].text);
    for (std::size_t i = 0; i < table->defaults.size(); ++i)
      EXPECT_EQ(other->defaults[i].identity, table->defaults[i].identity);
    expect_same_constraints(*table, *other);
    const storage::TableSchema &left = *table->schema, &right = *other->schema;
    ASSERT_EQ(left.columns.size(), right.columns.size());
    for (std::size_t i = 0; i < left.columns.size(); ++i) {
      EXPECT_EQ(left.columns[i].name, right.columns[i].name);
      EXPECT_EQ(left.columns[i].type, right.columns[i].type);
      EXPECT_EQ(left.columns[i].not_null, right.columns[i].not_null);
      EXPECT_EQ(left.layout.slot(i).offset, right.layout.slot(i).offset);
    }
    EXPECT_EQ(left.primary_key, right.primary_key);
    EXPECT_EQ(left.primary_key_name, right.primary_key_name);
    ASSERT_EQ(left.indexes.size(), right.indexes.size());
    for (std::size_t i = 0; i < left.indexes.size(); ++i) {
      EXPECT_EQ(left.indexes[i].id, right.indexes[i].id);
      EXPECT_EQ(left.indexes[i].name, right.indexes[i].name);
      EXPECT_EQ(left.indexes[i].columns, right.indexes[i].columns);
      EXPECT_EQ(left.indexes[i].unique, right.indexes[i].unique);
      EXPECT_EQ(left.indexes[i].constraint, right.indexes[i].constraint);
      EXPECT_EQ(left.indexes[i].deferrable, right.indexes[i].deferrable);
      EXPECT_EQ(left.indexes[i].deferred, right.indexes[i].deferred);
      EXPECT_EQ(left.indexes[i].primary, right.indexes[i].primary);
    }
  }
}

// One catalog has other bytes only in another format, and that has a number of its own, by which versions
// refuse each other's data. Whoever changes the bytes: count kCatalogFormat up, and put the new hash here.
TEST(CatalogCodec, AFormatOfItsOwnHasItsNumber) {
  const std::string bytes = whole(sample_catalog());
  EXPECT_EQ(adapter::catalog_format(bytes), adapter::kCatalogFormat);
  EXPECT_EQ(adapter::kCatalogFormat, 2U);
  EXPECT_EQ(hash_of(bytes), 2963948045950962975U);
}

TEST(CatalogCodec, WholeCatalogsComeBack) {
  expect_same(Catalog::initial(), read(whole(Catalog::initial())));
  const std::uint64_t seed = seed_or(std::random_device{}());
  for (std::uint64_t i = 0; i < 50; ++i) {
    SCOPED_TRACE(testing::Message() << "GYRE_TEST_SEED=" << seed + i);
    const Catalog catalog = random_catalog(seed + i);
    expect_same(catalog, read(whole(catalog)));
  }
}

adapter::Acl random_acl(Random& random, adapter::PrivilegeSet possible) {
  adapter::Acl acl;
  for (std::uint64_t items = below(random, 3) + 1; items > 0; --items) {
    const auto privileges = static_cast<adapter::PrivilegeSet>(random() & possible);
    acl_grant(acl, {RoleId(static_cast<std::uint32_t>(below(random, 3))), RoleId(10), privileges,
                    static_cast<adapter::PrivilegeSet>(random() & privileges)});
  }
  return acl;
}

// One random change of a definition, a role or a parameter.
void change_something(Catalog& catalog, Random& random) {
  const auto some_table = [&] {
    auto at = catalog.tables().begin();
    std::advance(at, below(random, catalog.tables().size()));
    return at->second;
  };
  ++catalog.version;
  switch (below(random, 9)) {
    case 0:
      return add_table(catalog, {.name = "new" + std::to_string(catalog.next_oid),
                                 .columns = {{"a", storage::TypeId::uuid, true}},
                                 .primary_key = {0}});
    case 1:
      if (!catalog.tables().empty()) catalog.remove_table(some_table()->id());
      return;
    case 2: {
      if (catalog.tables().empty()) return;
      auto entry = std::make_shared<TableEntry>(*some_table());
      auto schema = std::make_shared<storage::TableSchema>(*entry->schema);
      schema->name = "renamed" + std::to_string(catalog.version);
      entry->schema = schema;
      entry->acl = random_acl(random, adapter::kAllTablePrivileges);
      entry->column_acl[0] = random_acl(random, adapter::privileges_on(adapter::ObjectKind::column));
      add_constraints(*entry, random);
      return catalog.put_table(entry);
    }
    case 3: {
      Role role;
      role.id = RoleId(catalog.next_oid++);
      role.name = "role" + std::to_string(role.id.value);
      role.connection_limit = static_cast<std::int32_t>(below(random, 3)) - 1;
      role.inherit = below(random, 2) == 0;
      if (below(random, 2) == 0) role.password = "verifier" + role.name;
      if (below(random, 2) == 0) role.password_until_us = static_cast<std::int64_t>(random());
      role.member_of = {{catalog.roles().begin()->first, RoleId(10), below(random, 2) == 0}};
      return catalog.put_role(role);
    }
    case 4:
      if (catalog.roles().size() > 1) catalog.remove_role(catalog.roles().rbegin()->first);
      return;
    case 5:
      catalog.default_acls[{RoleId(11), static_cast<std::uint32_t>(below(random, 3)),
                            static_cast<adapter::ObjectKind>(below(random, 4))}] =
          random_acl(random, adapter::kAllTablePrivileges);
      return;
    case 6:
      catalog.database.owner = RoleId(static_cast<std::uint32_t>(10 + below(random, 2)));
      catalog.database.acl = random_acl(random, adapter::privileges_on(adapter::ObjectKind::database));
      return;
    case 7:
      catalog.system_parameters["max_connections"] = std::to_string(random());
      return;
    default:
      catalog.system_parameters.clear();
      return;
  }
}

TEST(CatalogCodec, ChangesLeadFromOneCatalogToTheNext) {
  const std::uint64_t seed = seed_or(std::random_device{}());
  SCOPED_TRACE(testing::Message() << "GYRE_TEST_SEED=" << seed);
  Random random(seed);
  Catalog catalog = random_catalog(seed);
  Catalog copy = read(whole(catalog));
  for (int i = 0; i < 300; ++i) {
    Catalog next = catalog;
    for (std::uint64_t changes = below(random, 3) + 1; changes > 0; --changes) change_something(next, random);
    ASSERT_EQ(apply_catalog_change(change(catalog, next), copy), Decoding::ok);
    expect_same(next, copy);
    catalog = next;
    if (HasFailure()) return;
  }
}

TEST(CatalogCodec, WhatDidNotChangeIsNotWritten) {
  const Catalog catalog = random_catalog(7);
  EXPECT_LT(change(catalog, catalog).size(), 16u);
}

TEST(CatalogCodec, TwoTablesMayExchangeTheirNames) {
  const Catalog before = sample_catalog();
  Catalog after = before;
  const auto renamed = [](const TableEntry& table, const std::string& name) {
    auto entry = std::make_shared<TableEntry>(table);
    auto schema = std::make_shared<storage::TableSchema>(*table.schema);
    schema->name = name;
    entry->schema = schema;
    return entry;
  };
  const auto a = before.find_table("public", "customers"), b = before.find_table("public", "Order Items");
  after.remove_table(a->id());
  after.remove_table(b->id());
  after.put_table(renamed(*a, "Order Items"));
  after.put_table(renamed(*b, "customers"));
  Catalog read_back = read(whole(before));
  ASSERT_EQ(apply_catalog_change(change(before, after), read_back), Decoding::ok);
  expect_same(after, read_back);
}

TEST(CatalogCodec, OtherFormatsAreRefused) {
  std::string bytes = whole(Catalog::initial());
  ++bytes[0];
  Catalog catalog;
  EXPECT_EQ(apply_catalog_change(bytes, catalog), Decoding::unknown_format);
}

// Whatever the bytes are, reading them ends, and within the bytes.
TEST(CatalogCodec, CutAndFlippedBytesAreSurvived) {
  const std::string bytes = whole(sample_catalog());
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    Catalog catalog;
    apply_catalog_change(std::string_view(bytes).substr(0, cut), catalog);
  }
  for (std::size_t at = 0; at < bytes.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      Catalog catalog;
      apply_catalog_change(flipped, catalog);
    }
}

}  // namespace
}  // namespace gyre::test
