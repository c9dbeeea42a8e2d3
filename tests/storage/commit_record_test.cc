// Commit records: a replica that is fed nothing but the records of a database's commits has the same rows,
// the same index entries and the same definitions.
#include "storage/commit_record.h"

#include <gtest/gtest.h>

#include "storage/failure.h"
#include "tests/storage/random.h"
#include "tests/storage/table_fixture.h"
#include "tests/storage/workload.h"

namespace gyre::storage {
namespace {

using test::below;
using test::expect_same;
using test::integer;
using test::make_schema;
using test::Random;
using test::Store;
using test::text;
using test::Workload;

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

// Bytes that a type cannot read would only be found when somebody does.
TEST(CommitRecord, RowsOfWrongValuesAreRefused) {
  const auto replayed = [](std::string_view numeric) {
    Store store, replica;
    Branch branch(store.database());
    branch.create_table(make_schema(1, "t", {{"a", TypeId::int8, true}, {"b", TypeId::numeric}}, {0}));
    branch.insert(RelationId(1), std::vector<Datum>{integer(1), text(numeric)});
    Branch copy(replica.database());
    std::uint64_t rows = 0;
    return replay_changes(changes_of(record_of(branch)), copy, rows);
  };
  using namespace std::literals;
  for (const std::string_view good : {"\0\0\0"sv, "\0\2\0\x7b"sv, "\1\0\0\1"sv, "\2\0\0"sv, "\4\0\0"sv})
    EXPECT_EQ(replayed(good), Decoding::ok);
  for (const std::string_view bad :
       {""sv, "\0"sv, "\0\0"sv, "\1\0\0"sv, "\0\0\x40"sv, "\5\0\0"sv, "\2\0\0\1"sv, "\0\0\0\1\0"sv})
    EXPECT_EQ(replayed(bad), Decoding::malformed);
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
