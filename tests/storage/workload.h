// Random statements on random tables, definitions among them; and whether two databases are the same.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "storage/branch.h"
#include "storage/failure.h"
#include "tests/storage/random.h"
#include "tests/storage/table_fixture.h"

namespace gyre::test {

using storage::Branch;
using storage::Cursor;
using storage::Database;
using storage::Datum;
using storage::Failure;
using storage::TableSchema;
using storage::TableVersion;
using storage::Tree;
using storage::TypeId;

using Entries = std::vector<std::pair<std::string, std::string>>;
inline Entries entries_of(const Tree& tree) {
  Entries entries;
  Cursor cursor(tree);
  for (cursor.seek_first(); cursor.valid(); cursor.next()) entries.emplace_back(cursor.key(), cursor.value());
  return entries;
}

inline void expect_same(const Database& a, const Database& b) {
  const std::size_t slots = std::max(a.tables().size(), b.tables().size());
  for (std::uint32_t id = 0; id < slots; ++id) {
    const TableVersion *left = a.table(RelationId(id)), *right = b.table(RelationId(id));
    ASSERT_EQ(left == nullptr, right == nullptr) << "relation " << id;
    if (left == nullptr) continue;
    EXPECT_EQ(entries_of(left->rows), entries_of(right->rows));
    check_tree(right->rows);
    ASSERT_EQ(left->indexes.size(), right->indexes.size());
    for (std::size_t i = 0; i < left->indexes.size(); ++i) {
      EXPECT_EQ(left->schema->indexes[i].id, right->schema->indexes[i].id);
      EXPECT_EQ(entries_of(left->indexes[i]), entries_of(right->indexes[i]));
      check_tree(right->indexes[i]);
    }
    EXPECT_EQ(left->schema->name, right->schema->name);
    if (left->schema->has_row_id()) {
      EXPECT_LE(right->next_row_id, left->next_row_id);
    }
  }
}

// Random statements on random tables, definitions among them.
class Workload {
 public:
  explicit Workload(std::uint64_t seed) : random_(seed) {}

  void statement(Branch& branch) {
    try {
      const std::uint64_t dice = below(random_, 100);
      if (dice < 8 || tables(branch).empty()) return create(branch);
      const RelationId table = tables(branch)[below(random_, tables(branch).size())];
      if (dice < 50) return insert(branch, table);
      if (dice < 70) return update(branch, table);
      if (dice < 84) return erase(branch, table);
      if (dice < 87) return branch.truncate(table);
      if (dice < 92) return create_index(branch, table);
      if (dice < 95) return drop_index(branch, table);
      if (dice < 97) return rename(branch, table);
      if (tables(branch).size() > 3) branch.drop_table(table);
    } catch (const Failure&) {
      // Refused, and undone.
    }
  }

 private:
  static std::vector<RelationId> tables(const Branch& branch) {
    std::vector<RelationId> ids;
    for (std::uint32_t id = 0; id < branch.view().tables().size(); ++id)
      if (branch.view().table(RelationId(id)) != nullptr) ids.push_back(RelationId(id));
    return ids;
  }
  const TableSchema& schema(const Branch& branch, RelationId table) {
    return *branch.view().table(table)->schema;
  }
  // The key of some row; empty where there is none.
  std::string some_key(const Branch& branch, RelationId table) {
    const Tree& rows = branch.view().table(table)->rows;
    Cursor cursor(rows);
    cursor.seek_first();
    for (std::uint64_t skip = rows.empty() ? 0 : below(random_, rows.size()); skip > 0; --skip) cursor.next();
    return cursor.valid() ? std::string(cursor.key()) : std::string();
  }
  std::vector<Datum> row() {
    words_ = std::string(below(random_, 20) == 0 ? 3000 : below(random_, 9), 'a' + below(random_, 26));
    return {integer(static_cast<std::int64_t>(below(random_, 60))),
            below(random_, 4) == 0 ? Datum() : integer(static_cast<std::int64_t>(below(random_, 40))),
            below(random_, 4) == 0 ? Datum() : test::text(words_)};
  }

  void create(Branch& branch) {
    const std::uint32_t id = next_id_++;
    std::vector<std::uint16_t> key;
    if (below(random_, 3) != 0) key = {0};
    std::vector<IndexShape> indexes;
    if (below(random_, 2) == 0) indexes.push_back({"i" + std::to_string(id), {1}, below(random_, 2) == 0});
    branch.create_table(make_schema(id, "t" + std::to_string(id),
                                    {{"a", TypeId::int8, true}, {"b", TypeId::int4}, {"c", TypeId::text}},
                                    key, indexes));
  }
  void insert(Branch& branch, RelationId table) {
    for (std::uint64_t count = 1 + below(random_, 4); count > 0; --count) branch.insert(table, row());
  }
  void update(Branch& branch, RelationId table) {
    const std::string key = some_key(branch, table);
    if (!key.empty()) branch.update(table, key, row());
  }
  void erase(Branch& branch, RelationId table) {
    const std::string key = some_key(branch, table);
    if (!key.empty()) branch.erase(table, key);
  }
  void create_index(Branch& branch, RelationId table) {
    const auto column = static_cast<std::uint16_t>(below(random_, 3));
    branch.create_index(with_index(schema(branch, table), next_id_++ + 5000,
                                   {"x" + std::to_string(next_id_), {column}, below(random_, 3) == 0}));
  }
  void drop_index(Branch& branch, RelationId table) {
    const TableSchema& before = schema(branch, table);
    if (before.indexes.empty()) return;
    const std::size_t at = below(random_, before.indexes.size());
    branch.drop_index(before.indexes[at].id, without_index(before, at));
  }
  void rename(Branch& branch, RelationId table) {
    auto renamed = std::make_shared<TableSchema>(schema(branch, table));
    renamed->name += "x";
    branch.replace_schema(renamed);
  }

  Random random_;
  std::uint32_t next_id_ = 1;
  std::string words_;
};

}  // namespace gyre::test
