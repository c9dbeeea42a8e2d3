// Checkpoints: what was written is read; whatever else the file may be is noticed, on disks of every kind of
// misfortune.
#include "storage/checkpoint.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "reactor/simulated_disk.h"
#include "tests/storage/random.h"
#include "tests/storage/table_fixture.h"
#include "tests/storage/workload.h"

namespace gyre::storage {
namespace {

using reactor::SimulatedDisk;
using test::integer;
using test::make_schema;
using test::Store;
using test::text;
using test::Workload;

constexpr const char* kDirectory = "data";
constexpr const char* kPath = "data/checkpoint";

bool always() {
  return true;
}

std::vector<CommitRecord::Section> sections() {
  return {{CommitSection::first_of_adapter, "the catalog"}};
}

auto write(SimulatedDisk& disk, const Database& database) {
  return write_checkpoint(disk, kDirectory, "checkpoint", database, database.timestamp(), sections(), always);
}

SimulatedDisk& with_directory(SimulatedDisk& disk) {
  EXPECT_TRUE(disk.make_directory(kDirectory).has_value());
  return disk;
}

void run(Workload& workload, Store& store, int commits) {
  for (int commit = 0; commit < commits; ++commit) {
    Branch branch(store.database());
    for (int i = 0; i < 20; ++i) workload.statement(branch);
    store.commit(branch);
  }
}

TEST(Checkpoint, WhatWasWrittenIsRead) {
  const std::uint64_t seed = test::seed_or(std::random_device{}());
  for (std::uint64_t round = 0; round < 15; ++round) {
    SCOPED_TRACE(testing::Message() << "GYRE_TEST_SEED=" << seed + round);
    Workload workload(seed + round);
    Store store;
    run(workload, store, static_cast<int>(round * 3));
    SimulatedDisk disk(seed);
    const auto written = write(with_directory(disk), store.database());
    ASSERT_TRUE(written.has_value());
    auto read = read_checkpoint(disk, kPath, {});
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(read->timestamp, store.database().timestamp());
    EXPECT_EQ(read->section(CommitSection::first_of_adapter), "the catalog");
    EXPECT_EQ(read->figures.rows, written->rows);
    EXPECT_EQ(read->figures.tables, written->tables);
    EXPECT_EQ(read->figures.bytes, disk.content(kPath).size());
    test::expect_same(store.database(), *read->database);
    // What was read is a database like any other.
    Branch branch(*read->database);
    branch.create_table(make_schema(9000, "more", {{"a", TypeId::int8}}, {}));
    branch.insert(RelationId(9000), std::vector<Datum>{integer(1)});
    auto sealed = branch.seal(Timestamp(store.database().timestamp().value + 1));
    branch.release()->database = std::move(read->database);
    free_database(std::move(sealed));
    if (HasFailure()) return;
  }
}

TEST(Checkpoint, RowsOfWrongValuesAreRefused) {
  Store store;
  Branch branch(store.database());
  branch.create_table(make_schema(1, "t", {{"a", TypeId::int8, true}, {"b", TypeId::numeric}}, {0}));
  branch.insert(RelationId(1), std::vector<Datum>{integer(1), text("\x05")});
  store.commit(branch);
  SimulatedDisk disk(1);
  ASSERT_TRUE(write(with_directory(disk), store.database()));
  const auto read = read_checkpoint(disk, kPath, {});
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().kind, CheckpointError::Kind::damaged);
}

TEST(Checkpoint, TablesOfManyChunks) {
  Store store;
  Branch branch(store.database());
  branch.create_table(make_schema(1, "t",
                                  {{"a", TypeId::int8, true}, {"b", TypeId::int4}, {"c", TypeId::text}}, {0},
                                  {{"t_b", {1}, false}, {"t_b_a", {1, 0}, true}}));
  const std::string words(100, 'w');
  const std::string book(700'000, 'b');
  for (int i = 0; i < 20'000; ++i)
    branch.insert(RelationId(1),
                  std::vector<Datum>{integer(i), integer(i % 100), text(i == 5 ? book : words)});

  store.commit(branch);
  SimulatedDisk disk(1);
  ASSERT_TRUE(write(with_directory(disk), store.database()).has_value());
  auto read = read_checkpoint(disk, kPath, {});
  ASSERT_TRUE(read.has_value()) << read.error().message;
  test::expect_same(store.database(), *read->database);
  free_database(std::move(read->database));
}

// A small database of everything.
class SmallCheckpoint : public testing::Test {
 protected:
  SmallCheckpoint() : disk_(1) {
    Branch branch(store_.database());
    branch.create_table(
        make_schema(1, "t", {{"a", TypeId::int8, true}, {"b", TypeId::text}}, {0}, {{"t_b", {1}, true}}));
    branch.create_table(make_schema(2, "h", {{"a", TypeId::int4}}, {}));
    branch.create_table(make_schema(3, "empty", {{"a", TypeId::int4}}, {}, {{"e_a", {0}, false}}));
    for (int i = 0; i < 40; ++i) {
      const std::string word = "word " + std::to_string(i * i);
      branch.insert(RelationId(1), std::vector<Datum>{integer(i), text(word)});
      branch.insert(RelationId(2), std::vector<Datum>{integer(i)});
    }
    store_.commit(branch);
    EXPECT_TRUE(write(with_directory(disk_), store_.database()).has_value());
    bytes_ = disk_.content(kPath);
  }
  // The error for a file of these bytes.
  std::string error_of(std::string bytes) {
    disk_.set_content(kPath, std::move(bytes));
    auto read = read_checkpoint(disk_, kPath, {});
    if (read) {
      free_database(std::move(read->database));
      return {};
    }
    EXPECT_NE(read.error().message.find(kPath), std::string::npos) << read.error().message;
    return read.error().message;
  }

  Store store_;
  SimulatedDisk disk_;
  std::string bytes_;
};

TEST_F(SmallCheckpoint, EveryFlippedBitIsNoticed) {
  for (std::size_t at = 0; at < bytes_.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes_;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      ASSERT_NE(error_of(flipped), "") << "byte " << at << ", bit " << bit;
    }
}

TEST_F(SmallCheckpoint, EveryCutAndEveryTailIsNoticed) {
  for (std::size_t cut = 0; cut < bytes_.size(); ++cut) ASSERT_NE(error_of(bytes_.substr(0, cut)), "") << cut;
  EXPECT_NE(error_of(bytes_ + '\0'), "");
  EXPECT_NE(error_of(bytes_ + bytes_), "");
}

TEST_F(SmallCheckpoint, ChunksOfAnotherFileAreNoticed) {
  Branch branch(store_.database());
  branch.insert(RelationId(2), std::vector<Datum>{integer(99)});
  store_.commit(branch);
  SimulatedDisk other(2);
  ASSERT_TRUE(write(with_directory(other), store_.database()).has_value());
  // The same chunks up to the table's, under another timestamp.
  const std::string newer = other.content(kPath);
  EXPECT_NE(error_of(bytes_.substr(0, 32) + newer.substr(32)), "");
  EXPECT_NE(error_of(newer.substr(0, 32) + bytes_.substr(32)), "");
  EXPECT_EQ(error_of(bytes_), "");
}

TEST_F(SmallCheckpoint, AnotherFormatIsNamed) {
  auto read = read_checkpoint(disk_, "data/nothing", {});
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().kind, CheckpointError::Kind::disk);
  EXPECT_NE(error_of("hello, world: this is a file of somebody else's"), "");
}

// Whatever operation fails, there is a whole checkpoint afterwards or none, and the old one as long as the
// new one has not taken its place.
TEST(CheckpointFailures, EveryOperationFailsOnce) {
  Store store;
  Workload workload(5);
  run(workload, store, 3);
  using Operation = SimulatedDisk::Operation;
  for (const Operation kind :
       {Operation::open, Operation::write, Operation::sync, Operation::rename, Operation::sync_directory}) {
    for (std::uint64_t n = 1;; ++n) {
      SimulatedDisk disk(n);
      with_directory(disk);
      disk.fail(kind, n, EIO);
      const bool written = write(disk, store.database()).has_value();
      disk.heal();
      auto read = read_checkpoint(disk, kPath, {});
      ASSERT_TRUE(read.has_value() || !written);
      if (read) {
        test::expect_same(store.database(), *read->database);
        free_database(std::move(read->database));
      }
      if (written) break;
    }
  }
}

TEST(CheckpointFailures, EveryReadFailsOnce) {
  Store store;
  Workload workload(6);
  run(workload, store, 3);
  SimulatedDisk disk(1);
  ASSERT_TRUE(write(with_directory(disk), store.database()).has_value());
  for (std::uint64_t n = 1;; ++n) {
    disk.fail(SimulatedDisk::Operation::read, n, EIO);
    auto read = read_checkpoint(disk, kPath, {});
    disk.heal();
    if (!read) {
      EXPECT_EQ(read.error().kind, CheckpointError::Kind::disk);
      continue;
    }
    free_database(std::move(read->database));
    EXPECT_GT(n, 5u);
    break;
  }
}

TEST(CheckpointFailures, PowerIsLostAtEveryOperation) {
  Store store, older;
  Workload workload(7);
  run(workload, older, 1);
  run(workload, store, 4);
  for (std::uint64_t n = 1;; ++n) {
    SimulatedDisk disk(n);
    ASSERT_TRUE(write(with_directory(disk), older.database()).has_value());
    disk.power_off_at(n);
    const bool written = write(disk, store.database()).has_value();
    const bool lost = !disk.is_on();
    disk.power_off();
    disk.power_on();
    auto read = read_checkpoint(disk, kPath, {});
    ASSERT_TRUE(read.has_value()) << read.error().message << ", operation " << n;
    const bool is_newer = read->timestamp == store.database().timestamp();
    EXPECT_TRUE(is_newer || !written);
    test::expect_same(is_newer ? store.database() : older.database(), *read->database);
    free_database(std::move(read->database));
    if (!lost) break;
  }
}

TEST(CheckpointFailures, ItCanBeCalledOff) {
  Store store;
  Workload workload(8);
  run(workload, store, 3);
  SimulatedDisk disk(1);
  int chunks = 0;
  const auto stopped =
      write_checkpoint(with_directory(disk), kDirectory, "checkpoint", store.database(),
                       store.database().timestamp(), sections(), [&] { return ++chunks < 3; });
  ASSERT_FALSE(stopped.has_value());
  EXPECT_EQ(stopped.error().code, ECANCELED);
  EXPECT_FALSE(read_checkpoint(disk, kPath, {}).has_value());
}

}  // namespace
}  // namespace gyre::storage
