// Validation against a twin that writes down all of both states and compares them; and tree differences
// against the difference of two maps.
#include "storage/validate.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <vector>

#include "storage/failure.h"
#include "storage/key.h"
#include "storage/tree_difference.h"
#include "tests/storage/random.h"
#include "tests/storage/table_fixture.h"

namespace gyre::storage {
namespace {

using test::below;
using test::integer;
using test::make_schema;
using test::Random;
using test::Store;
using test::text;

constexpr RelationId kTable{1};
constexpr RelationId kUniqueIndex{101};
constexpr RelationId kIndex{102};

std::shared_ptr<const TableSchema> schema() {
  return make_schema(1, "t",
                     {{"id", TypeId::int8, true}, {"u", TypeId::int4, false}, {"c", TypeId::int4, false}},
                     {0}, {{"t_u_key", {1}, true}, {"t_c_idx", {2}, false}});
}

std::string key_of(std::int64_t id) {
  OutBuffer key;
  append_key_column(TypeId::int8, integer(id), key);
  return std::string(key.view());
}

// ---- the twin ----

using Entries = std::map<std::string, std::string>;

Entries entries_of(const Tree& tree) {
  Entries all;
  Cursor cursor(tree);
  for (cursor.seek_first(); cursor.valid(); cursor.next()) all.emplace(cursor.key(), cursor.value());
  return all;
}

Entries within(const Entries& all, KeyRange range) {
  Entries kept;
  for (const auto& [key, value] : all)
    if (key >= range.lower && (range.upper.empty() || key < range.upper)) kept.emplace(key, value);
  return kept;
}

std::vector<std::string> keys_of(const Entries& entries) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : entries) keys.push_back(key);
  return keys;
}

bool twin_is_unchanged(const ReadSet& reads, const Database& snapshot, const Database& newest) {
  for (const auto& [place, ranges] : reads.places()) {
    const TableVersion& before = *snapshot.table(place.table);
    const TableVersion& after = *newest.table(place.table);
    const Entries rows_before = entries_of(before.rows);
    const Entries rows_after = entries_of(after.rows);
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      const int index = before.schema->index_position(place.order);
      const Tree& tree = index < 0 ? before.rows : before.indexes[static_cast<std::size_t>(index)];
      const Tree& now = index < 0 ? after.rows : after.indexes[static_cast<std::size_t>(index)];
      const Entries a = within(entries_of(tree), ranges[i]);
      const Entries b = within(entries_of(now), ranges[i]);
      if (place.depth == ReadDepth::keys) {
        if (keys_of(a) != keys_of(b)) return false;
        continue;
      }
      if (a != b) return false;
      if (index < 0) continue;
      for (const auto& [key, row] : a)
        if (rows_before.at(row) != rows_after.at(row)) return false;
    }
  }
  return true;
}

// ---- random states ----

class Validation : public testing::Test {
 protected:
  Validation() {
    Branch branch(store.database());
    branch.create_table(schema());
    retired.push_back(store.commit(branch));
  }

  std::vector<Datum> random_row(std::int64_t id) {
    return {integer(id),
            below(random, 4) == 0 ? Datum() : integer(static_cast<std::int64_t>(below(random, 5000))),
            integer(static_cast<std::int64_t>(below(random, 40)))};
  }

  void change_some(std::size_t count) {
    Branch branch(store.database());
    for (std::size_t i = 0; i < count; ++i) {
      const auto id = static_cast<std::int64_t>(below(random, ids));
      const std::string key = key_of(id);
      try {
        if (!branch.view().table(kTable)->rows.contains(key))
          branch.insert(kTable, random_row(id));
        else if (below(random, 3) == 0)
          branch.erase(kTable, key);
        else
          branch.update(kTable, key, random_row(id));
      } catch (const Failure&) {  // a value of u twice
      }
    }
    retired.push_back(store.commit(branch));
  }

  KeyRange random_range(const Tree& tree, std::string& lower, std::string& upper) {
    const auto pick = [&](std::string& bound) {
      Cursor cursor(tree);
      cursor.seek_first();
      for (std::uint64_t skip = below(random, tree.size() + 1); cursor.valid() && skip > 0; --skip)
        cursor.next();
      bound = cursor.valid() ? std::string(cursor.key()) : std::string();
    };
    pick(lower);
    pick(upper);
    if (below(random, 2) == 0 && !lower.empty()) upper = lower + "\xff";
    return {lower, upper};
  }

  ReadSet random_reads(const Database& snapshot) {
    ReadSet reads(below(random, 4) == 0 ? 1024 : SIZE_MAX);
    const TableVersion& version = *snapshot.table(kTable);
    for (std::uint64_t left = 1 + below(random, 3); left > 0; --left) {
      std::string lower, upper;
      const ReadDepth depth = below(random, 4) == 0 ? ReadDepth::keys : ReadDepth::rows;
      switch (below(random, 4)) {
        case 0:
          reads.add_key(kTable, kTable, key_of(static_cast<std::int64_t>(below(random, ids))), depth);
          break;
        case 1:
          random_range(version.rows, lower, upper);
          reads.add_range(kTable, kTable, lower, upper, depth);
          break;
        case 2:
          random_range(version.indexes[0], lower, upper);
          reads.add_range(kTable, kUniqueIndex, lower, upper, depth);
          break;
        default:
          random_range(version.indexes[1], lower, upper);
          reads.add_range(kTable, kIndex, lower, upper, depth);
      }
    }
    return reads;
  }

  const std::uint64_t seed = test::seed_or(std::random_device{}());
  testing::ScopedTrace trace{__FILE__, __LINE__, "GYRE_TEST_SEED=" + std::to_string(seed)};
  Random random{seed};
  std::uint64_t ids = 60;
  std::vector<std::unique_ptr<Retired>> retired;  // nothing is freed: every state stays readable
  Store store;
};

TEST_F(Validation, AgreesWithComparingEverything) {
  int same = 0;
  int changed = 0;
  for (int round = 0; round < 60; ++round) {
    ids = below(random, 3) == 0 ? 2000 : 60;
    change_some(below(random, 5) == 0 ? 1500 : 10);
    const Database snapshot = store.database();
    for (std::uint64_t left = below(random, 4); left > 0; --left) change_some(1 + below(random, 6));
    for (int i = 0; i < 5; ++i) {
      const ReadSet reads = random_reads(snapshot);
      const bool expected = twin_is_unchanged(reads, snapshot, store.database());
      ASSERT_EQ(is_unchanged(reads, snapshot, store.database()), expected) << "round " << round;
      ++(expected ? same : changed);
    }
  }
  EXPECT_GT(same, 15);
  EXPECT_GT(changed, 15);
}

// More rows behind an index range than are looked up one by one.
TEST_F(Validation, RowsBehindALongIndexRange) {
  {
    Branch branch(store.database());
    for (int id = 0; id < 1000; ++id)
      branch.insert(kTable, std::vector<Datum>{integer(id), integer(id), integer(id % 2)});
    retired.push_back(store.commit(branch));
  }
  const Database snapshot = store.database();
  ReadSet all;
  all.add_range(kTable, kUniqueIndex, {}, {});
  ReadSet even;
  OutBuffer lower, upper;
  const Datum zero = integer(0);
  make_key_range(*schema(), std::vector<std::uint16_t>{2}, std::span(&zero, 1), {}, {}, lower, upper);
  even.add_range(kTable, kIndex, lower.view(), upper.view());
  EXPECT_TRUE(is_unchanged(all, snapshot, store.database()));
  {
    Branch branch(store.database());  // the index's entry of an odd row stays, its unique entry as well
    branch.update(kTable, key_of(901), std::vector<Datum>{integer(901), integer(901), integer(3)});
    retired.push_back(store.commit(branch));
  }
  EXPECT_FALSE(is_unchanged(all, snapshot, store.database()));
  EXPECT_TRUE(is_unchanged(even, snapshot, store.database()));
}

TEST_F(Validation, TablesThatAreGoneOrNew) {
  change_some(20);
  const Database snapshot = store.database();
  ReadSet reads;
  reads.add_key(kTable, kTable, key_of(1000000));
  ReadSet fresh;
  fresh.add_range(RelationId(2), RelationId(2), {}, {});
  Branch branch(store.database());
  branch.drop_table(kTable);
  retired.push_back(store.commit(branch));
  EXPECT_FALSE(is_unchanged(reads, snapshot, store.database()));
  EXPECT_TRUE(is_unchanged(fresh, snapshot, store.database()));
}

// ---- trees ----

TEST(TreeDifference, AgreesWithTheDifferenceOfMaps) {
  const std::uint64_t seed = test::seed_or(std::random_device{}());
  SCOPED_TRACE("GYRE_TEST_SEED=" + std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 40; ++round) {
    Tree before;
    WriteBatch first(1);
    const std::uint64_t keys = below(random, 4) == 0 ? 20000 : 400;
    const auto key = [&] { return key_of(static_cast<std::int64_t>(below(random, keys))); };
    const auto value = [&] {
      return std::string(below(random, 50) == 0 ? 3000 : below(random, 60),
                         'a' + static_cast<char>(below(random, 3)));
    };
    for (std::uint64_t left = below(random, keys); left > 0; --left) put(first, before, key(), value());
    Tree after = before;
    WriteBatch second(2);
    for (std::uint64_t left = below(random, 5) == 0 ? below(random, keys) : below(random, 5); left > 0;
         --left)
      below(random, 3) == 0 ? (void)erase(second, after, key()) : (void)put(second, after, key(), value());
    if (below(random, 4) == 0) {  // a run of keys goes, and nodes with it
      const auto start = static_cast<std::int64_t>(below(random, keys));
      for (std::int64_t i = 0; i < 200; ++i) erase(second, after, key_of(start + i));
    }
    for (int i = 0; i < 4; ++i) {
      std::string lower = below(random, 3) == 0 ? std::string() : key();
      std::string upper = below(random, 3) == 0   ? std::string()
                          : below(random, 2) == 0 ? lower + '\0'
                                                  : key();
      if (!upper.empty() && upper < lower) std::swap(lower, upper);
      const Entries a = within(entries_of(before), {lower, upper});
      const Entries b = within(entries_of(after), {lower, upper});
      std::map<std::string, std::pair<std::string, std::string>> expected;
      for (const auto& [k, v] : a)
        if (!b.contains(k) || b.at(k) != v) expected[k].first = "=" + v;
      for (const auto& [k, v] : b)
        if (!a.contains(k) || a.at(k) != v) expected[k].second = "=" + v;
      std::map<std::string, std::pair<std::string, std::string>> found;
      std::string last;
      visit_differences(before, after, lower, upper, [&](const EntryDifference& entry) {
        EXPECT_TRUE(found.empty() || last < entry.key);
        last = entry.key;
        found[last] = {entry.before ? "=" + std::string(*entry.before) : "",
                       entry.after ? "=" + std::string(*entry.after) : ""};
        return true;
      });
      ASSERT_EQ(found, expected) << "round " << round;
    }
    free_batch_nodes(second, after);
    free_tree(before);
  }
}

// Of a large tree one entry differs: next to nothing is looked at.
TEST(TreeDifference, SkipsWhatIsShared) {
  Tree before;
  WriteBatch first(1);
  for (int i = 0; i < 200000; ++i) append(first, before, key_of(i), "some value");
  Tree after = before;
  WriteBatch second(2);
  put(second, after, key_of(77777), "another");
  int visited = 0;
  EXPECT_TRUE(visit_differences(before, after, {}, {}, [&](const EntryDifference& entry) {
    ++visited;
    return entry.key == key_of(77777);
  }));
  EXPECT_EQ(visited, 1);
  free_batch_nodes(second, after);
  free_tree(before);
}

}  // namespace
}  // namespace gyre::storage
