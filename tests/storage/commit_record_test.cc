// Commit records: a replica that is fed nothing but the records of a database's commits has the same rows,
// the same index entries and the same definitions.
#include "storage/commit_record.h"

#include <gtest/gtest.h>

#include <map>

#include "storage/failure.h"
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

std::string record_of(const Branch& branch) {
  OutBuffer record;
  CommitRecordWriter(record).changes(branch);
  return std::string(record.view());
}

std::string changes_of(const std::string& record) {
  CommitRecord read;
  EXPECT_EQ(read_commit_record(record, read), Decoding::ok);
  return std::string(read.section(CommitSection::changes));
}

using Entries = std::vector<std::pair<std::string, std::string>>;
Entries entries_of(const Tree& tree) {
  Entries entries;
  Cursor cursor(tree);
  for (cursor.seek_first(); cursor.valid(); cursor.next()) entries.emplace_back(cursor.key(), cursor.value());
  return entries;
}

void expect_same(const Database& a, const Database& b) {
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
            below(random_, 4) == 0 ? Datum() : text(words_)};
  }

  void create(Branch& branch) {
    const std::uint32_t id = next_id_++;
    std::vector<std::uint16_t> key;
    if (below(random_, 3) != 0) key = {0};
    std::vector<test::IndexShape> indexes;
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
    branch.create_index(test::with_index(schema(branch, table), next_id_++ + 5000,
                                         {"x" + std::to_string(next_id_), {column}, below(random_, 3) == 0}));
  }
  void drop_index(Branch& branch, RelationId table) {
    const TableSchema& before = schema(branch, table);
    if (before.indexes.empty()) return;
    const std::size_t at = below(random_, before.indexes.size());
    branch.drop_index(before.indexes[at].id, test::without_index(before, at));
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

TEST(CommitRecord, AReplicaFollows) {
  const std::uint64_t seed = test::seed_or(std::random_device{}());
  for (std::uint64_t round = 0; round < 20; ++round) {
    SCOPED_TRACE(testing::Message() << "GYRE_TEST_SEED=" << seed + round);
    Workload workload(seed + round);
    Store store, replica;
    for (int commit = 0; commit < 30; ++commit) {
      Branch branch(store.database());
      for (int i = 0; i < 12; ++i) {
        const Branch::Mark mark = branch.mark();
        workload.statement(branch);
        if (i % 5 == 4) branch.rollback_to(mark);
      }
      Branch copy(replica.database());
      std::uint64_t rows = 0;
      ASSERT_EQ(replay_changes(changes_of(record_of(branch)), copy, rows), Decoding::ok);
      store.commit(branch);
      replica.commit(copy);
      ASSERT_NO_FATAL_FAILURE(expect_same(store.database(), replica.database()));
    }
    if (testing::Test::HasFailure()) return;
  }
}

// One branch may take any number of records, as recovery has it.
TEST(CommitRecord, ManyRecordsOnOneBranch) {
  const std::uint64_t seed = test::seed_or(std::random_device{}());
  SCOPED_TRACE(testing::Message() << "GYRE_TEST_SEED=" << seed);
  Workload workload(seed);
  Store store, replica;
  Branch copy(replica.database());
  for (int commit = 0; commit < 100; ++commit) {
    Branch branch(store.database());
    for (int i = 0; i < 5; ++i) workload.statement(branch);
    std::uint64_t rows = 0;
    ASSERT_EQ(replay_changes(changes_of(record_of(branch)), copy, rows), Decoding::ok);
    store.commit(branch);
  }
  replica.commit(copy);
  expect_same(store.database(), replica.database());
}

TEST(CommitRecord, AHotRowIsWrittenOnce) {
  Store store;
  Branch setup(store.database());
  const auto schema =
      make_schema(1, "t", {{"a", TypeId::int8, true}, {"b", TypeId::int4}, {"c", TypeId::text}}, {0});
  setup.create_table(schema);
  setup.insert(RelationId(1), std::vector<Datum>{integer(1), integer(0), text("x")});
  store.commit(setup);
  const std::string key = test::primary_key_of(*schema, {integer(1), integer(0), text("x")});
  Branch once(store.database()), often(store.database()), back(store.database());
  once.update(RelationId(1), key, std::vector<Datum>{integer(1), integer(99), text("x")});
  for (int i = 1; i < 100; ++i)
    often.update(RelationId(1), key, std::vector<Datum>{integer(1), integer(i), text("x")});
  EXPECT_EQ(record_of(once), record_of(often));
  back.update(RelationId(1), key, std::vector<Datum>{integer(1), integer(7), text("x")});
  back.update(RelationId(1), key, std::vector<Datum>{integer(1), integer(0), text("x")});
  EXPECT_TRUE(changes_of(record_of(back)).empty());
}

TEST(CommitRecord, HiddenIdsAreNotGivenTwice) {
  Store store, replica;
  Branch branch(store.database());
  branch.create_table(make_schema(1, "h", {{"a", TypeId::int8}}, {}));
  for (int i = 0; i < 10; ++i) branch.insert(RelationId(1), std::vector<Datum>{integer(i)});
  const std::string last(branch.insert(RelationId(1), std::vector<Datum>{integer(1)}));
  branch.erase(RelationId(1), last);
  Branch copy(replica.database());
  std::uint64_t rows = 0;
  ASSERT_EQ(replay_changes(changes_of(record_of(branch)), copy, rows), Decoding::ok);
  EXPECT_EQ(rows, 10u);
  EXPECT_EQ(copy.view().table(RelationId(1))->next_row_id, branch.view().table(RelationId(1))->next_row_id);
}

TEST(CommitRecord, SectionsOfTheAdapterAreCarried) {
  Store store;
  Branch branch(store.database());
  branch.create_table(make_schema(1, "t", {{"a", TypeId::int8}}, {}));
  OutBuffer bytes;
  CommitRecordWriter writer(bytes);
  writer.changes(branch);
  writer.begin(CommitSection::first_of_adapter);
  bytes.append("catalog");
  writer.end();
  CommitRecord record;
  ASSERT_EQ(read_commit_record(bytes.view(), record), Decoding::ok);
  EXPECT_EQ(record.section(CommitSection::first_of_adapter), "catalog");
  EXPECT_EQ(record.section(CommitSection(17)), "");
  std::string other(bytes.view());
  ++other[0];
  EXPECT_EQ(read_commit_record(other, record), Decoding::unknown_format);
}

// Whatever the bytes are, replaying ends, and within the bytes.
TEST(CommitRecord, CutAndFlippedBytesAreSurvived) {
  Store store;
  Branch branch(store.database());
  branch.create_table(make_schema(1, "t",
                                  {{"a", TypeId::int8, true}, {"b", TypeId::int4}, {"c", TypeId::text}}, {0},
                                  {{"t_b", {1}, true}}));
  for (int i = 0; i < 5; ++i)
    branch.insert(RelationId(1), std::vector<Datum>{integer(i), integer(i), text("some words")});
  branch.create_index(
      test::with_index(*branch.view().table(RelationId(1))->schema, 300, {"t_c", {2}, false}));
  branch.truncate(RelationId(1));
  branch.insert(RelationId(1), std::vector<Datum>{integer(1), Datum(), text("other words")});
  const std::string good = record_of(branch);
  const auto try_to_replay = [](std::string_view bytes) {
    CommitRecord record;
    if (read_commit_record(bytes, record) != Decoding::ok) return;
    Store empty;
    Branch copy(empty.database());
    std::uint64_t rows = 0;
    replay_changes(record.section(CommitSection::changes), copy, rows);
  };
  for (std::size_t cut = 0; cut < good.size(); ++cut) try_to_replay(std::string_view(good).substr(0, cut));
  for (std::size_t at = 0; at < good.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = good;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      try_to_replay(flipped);
    }
}

}  // namespace
}  // namespace gyre::storage
