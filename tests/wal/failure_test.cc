// A disk that loses power, fails or runs full: what was acknowledged is there, in order and without a gap.

#include <cerrno>
#include <random>

#include "tests/reactor/seed.h"
#include "tests/wal/support.h"

namespace gyre::oracle::wal {
namespace {

using reactor::SimulatedDisk;
using reactor::WriteThrough;
using test::is_prefix;
using test::kLogDirectory;
using test::LogClient;
using test::LoggedRecord;
using test::open_log;
using test::read_log;
using test::small_segments;
using Operation = SimulatedDisk::Operation;

// The workload of all tests here: appends in groups, lazily or not, with removals of what a checkpoint
// covers.
struct Load {
  std::mt19937_64 random;
  std::uint64_t timestamp = 0;
  std::uint64_t removed = 0;
  std::uint64_t now = 0;

  explicit Load(std::uint64_t seed) : random(seed) {}

  void run(Writer& writer, LogClient& client, int appends, bool remove) {
    for (int i = 0; i < appends; ++i) {
      ++timestamp;
      client.append(timestamp, std::string(random() % 1200, static_cast<char>('a' + timestamp % 26)),
                    random() % 4 == 0 ? Urgency::lazy : Urgency::now);
      if (random() % 2 == 0) writer.step(now += random() % 150'000);
      writer.deliver();
      if (remove && random() % 25 == 0 && !client.durable().empty()) {
        removed = client.durable().back().timestamp;
        writer.remove_through(Timestamp(removed));
      }
    }
    writer.step(now);
    writer.deliver();
  }
};

std::vector<LoggedRecord> above(std::vector<LoggedRecord> records, std::uint64_t timestamp) {
  std::erase_if(records, [&](const LoggedRecord& record) { return record.timestamp <= timestamp; });
  return records;
}

// Everything acknowledged is there, what is there was appended, in order.
void expect_kept(const std::vector<LoggedRecord>& read, const std::vector<LoggedRecord>& durable,
                 const std::vector<LoggedRecord>& possible) {
  ASSERT_TRUE(is_prefix(durable, read))
      << "acknowledged records are missing: " << read.size() << " of " << durable.size();
  ASSERT_TRUE(is_prefix(read, possible)) << "records were invented";
}

TEST(WalPowerLoss, AcknowledgedRecordsSurvive) {
  for (std::uint64_t seed = test::test_seed(1), end = seed + 1000; seed < end; ++seed) {
    SCOPED_TRACE(test::seed_note(seed));
    Load load(seed);
    const auto through = static_cast<WriteThrough>(seed % 3);
    SimulatedDisk disk(seed);
    std::vector<LoggedRecord> kept;  // what the last recovery has found is there for good
    for (int life = 0; life < 4; ++life) {
      const auto before = read_log(disk, Timestamp(load.removed));
      ASSERT_FALSE(before.tail.refused) << before.tail.message;
      ASSERT_TRUE(is_prefix(above(kept, load.removed), before.records));
      disk.power_off_at(1 + load.random() % 120);
      auto opened = Writer::open(disk, small_segments(through), before.tail);
      if (!opened) {  // power was lost meanwhile: nothing is
        ASSERT_FALSE(disk.is_on());
        disk.power_on();
        kept = before.records;
        continue;
      }
      LogClient client(**opened);
      load.timestamp = std::max(load.timestamp, before.tail.timestamp.value);
      load.run(**opened, client, static_cast<int>(load.random() % 60), true);
      disk.power_off();
      disk.power_on();
      auto durable = before.records, possible = before.records;
      for (const auto& record : client.durable()) durable.push_back(record);
      for (const auto& record : client.possible()) possible.push_back(record);
      const auto after = read_log(disk, Timestamp(load.removed));
      ASSERT_FALSE(after.tail.refused) << after.tail.message;
      ASSERT_NO_FATAL_FAILURE(
          expect_kept(after.records, above(durable, load.removed), above(possible, load.removed)));
      kept = after.records;
    }
  }
}

TEST(WalPowerLoss, AKilledProcessLosesNothingThatWasWritten) {
  for (std::uint64_t seed = test::test_seed(1), end = seed + 100; seed < end; ++seed) {
    SCOPED_TRACE(test::seed_note(seed));
    Load load(seed);
    SimulatedDisk disk(seed);
    const auto writer = open_log(disk);
    LogClient client(*writer);
    load.run(*writer, client, 40, false);
    disk.kill();
    const auto killed = read_log(disk);
    ASSERT_EQ(killed.records.size(), 40U) << "lazy ones, too";
    // What the next process has read stays, though the first one never synced it.
    const auto next = open_log(disk);
    ASSERT_NE(next, nullptr);
    disk.power_off();
    disk.power_on();
    ASSERT_TRUE(read_log(disk).records == killed.records);
  }
}

// For each kind of operation and every n: the n-th fails, once or for ever.
TEST(WalFailure, TheNthOperationFails) {
  for (const auto kind :
       {Operation::open, Operation::read, Operation::write, Operation::allocate, Operation::sync,
        Operation::rename, Operation::remove, Operation::list, Operation::sync_directory})
    for (const auto times : {SimulatedDisk::Times::once, SimulatedDisk::Times::forever})
      for (const auto through : {WriteThrough::none, WriteThrough::direct}) {
        bool reached = true;
        for (std::uint64_t n = 1; reached; ++n) {
          SCOPED_TRACE("operation " + std::to_string(static_cast<int>(kind)) + ", " + std::to_string(n));
          Load load(n);
          SimulatedDisk disk(n);
          disk.fail(kind, n, EIO, times);
          const auto tail = read_log(disk).tail;
          auto opened = tail.refused ? Result<std::unique_ptr<Writer>, std::string>(Unexpected{tail.message})
                                     : Writer::open(disk, small_segments(through), tail);
          if (!opened) {
            ASSERT_NE(opened.error(), "");
            disk.heal();
            ASSERT_NE(open_log(disk), nullptr) << "a later start fails, too";
            continue;
          }
          LogClient client(**opened);
          load.run(**opened, client, 60, true);
          reached = disk.asked(kind) >= n;
          const bool failed = (*opened)->stats().failed;
          ASSERT_EQ(failed, !(*opened)->failure().empty());
          ASSERT_TRUE(failed || client.count(Durability::failed) == 0);
          if (failed) {
            client.append(++load.timestamp, "after");
            (*opened)->step(load.now += 1'000'000);
            (*opened)->deliver();
            ASSERT_EQ(client.appended.back().outcome, Durability::failed) << "writing ends for good";
          }
          disk.heal();
          if (load.random() % 2 == 0) {
            disk.power_off();
            disk.power_on();
          } else {
            disk.kill();
          }
          const auto after = read_log(disk, Timestamp(load.removed));
          ASSERT_FALSE(after.tail.refused) << after.tail.message;
          ASSERT_NO_FATAL_FAILURE(expect_kept(after.records, above(client.durable(), load.removed),
                                              above(client.possible(), load.removed)));
        }
      }
}

TEST(WalFailure, AShortWriteIsAFailure) {
  SimulatedDisk disk(1);
  const auto writer = open_log(disk);
  LogClient client(*writer);
  disk.write_short(1);
  client.append(1, "text");
  writer->step(0);
  writer->deliver();
  EXPECT_EQ(client.appended[0].outcome, Durability::failed);
  EXPECT_NE(writer->failure().find("bytes were written"), std::string::npos) << writer->failure();
}

TEST(WalFailure, AFailedSyncIsNotTriedAgain) {
  SimulatedDisk disk(1);
  const auto writer = open_log(disk);
  LogClient client(*writer);
  disk.fail(Operation::sync, 1, EIO);
  client.append(1, "text");
  client.append(2, "lazy", Urgency::lazy);
  writer->step(0);
  const std::uint64_t syncs = disk.asked(Operation::sync);
  for (std::uint64_t now = 0; now < 2'000'000; now += 100'000) writer->step(now);
  writer->flush();
  writer->deliver();
  EXPECT_EQ(disk.asked(Operation::sync), syncs);
  EXPECT_EQ(client.count(Durability::failed), 2U);
  EXPECT_NE(writer->failure().find("could not fsync"), std::string::npos);
}

// ---- A full disk

TEST(WalNoRoom, ARecordWithoutRoomIsRefusedAndThoseBuiltOnIt) {
  for (const auto through : {WriteThrough::none, WriteThrough::direct}) {
    SimulatedDisk disk(1);
    const auto writer = open_log(disk, small_segments(through));
    LogClient client(*writer);
    disk.set_room(0);
    client.append(1, std::string(4000, 'a'));
    client.append(2, std::string(5000, 'b'));  // needs the next segment
    client.append(3, "small, but after it");
    EXPECT_EQ(client.appended[0].acceptance, Acceptance::certain);
    EXPECT_EQ(client.appended[1].acceptance, Acceptance::pending);
    EXPECT_EQ(client.appended[2].acceptance, Acceptance::pending);
    writer->step(0);
    client.append(4, "the oracle core does not know yet");
    writer->step(0);
    writer->deliver();
    EXPECT_EQ(client.appended[0].outcome, Durability::durable);
    for (std::size_t i : {1, 2, 3}) EXPECT_EQ(client.appended[i].outcome, Durability::no_room) << i;
    client.append(5, "a small one fits");
    writer->step(0);
    writer->deliver();
    EXPECT_EQ(client.appended[4].outcome, Durability::durable);
    client.append(6, std::string(5000, 'c'));
    writer->step(0);
    writer->deliver();
    EXPECT_EQ(client.appended[5].outcome, Durability::no_room);
    disk.set_room(100'000);
    client.append(7, std::string(5000, 'd'));
    writer->step(0);
    writer->deliver();
    EXPECT_EQ(client.appended[6].outcome, Durability::durable) << "there is room again";
    EXPECT_EQ(writer->failure(), "");
    EXPECT_EQ(writer->stats().refused, 4U);
    EXPECT_TRUE(read_log(disk).records == client.durable());
  }
}

TEST(WalNoRoom, RandomRoom) {
  for (std::uint64_t seed = test::test_seed(1), end = seed + 300; seed < end; ++seed) {
    SCOPED_TRACE(test::seed_note(seed));
    Load load(seed);
    SimulatedDisk disk(seed);
    const auto writer = open_log(disk, small_segments(static_cast<WriteThrough>(seed % 3)));
    ASSERT_NE(writer, nullptr);
    LogClient client(*writer);
    for (int round = 0; round < 12; ++round) {
      disk.set_room(load.random() % 4 == 0 ? load.random() % 60'000 : load.random() % 9'000);
      load.run(*writer, client, 10, true);
    }
    for (const auto& one : client.appended) {
      if (one.answered && one.acceptance == Acceptance::certain) {
        ASSERT_EQ(one.outcome, Durability::durable) << "it was said to have room";
      }
    }
    writer->flush();
    writer->deliver();
    ASSERT_EQ(writer->failure(), "");
    disk.power_off();
    disk.power_on();
    const auto content = read_log(disk, Timestamp(load.removed));
    ASSERT_EQ(content.tail.stop, Tail::Stop::clean) << content.tail.message;
    ASSERT_TRUE(content.records == above(client.durable(), load.removed));
  }
}

TEST(WalNoRoom, OtherErrorsOfWantOfRoom) {
  for (const int error : {ENOSPC, EDQUOT, EFBIG}) {
    SimulatedDisk disk(1);
    const auto writer = open_log(disk);
    LogClient client(*writer);
    disk.fail(Operation::allocate, 1, error);
    client.append(1, std::string(9000, 'x'));
    writer->step(0);
    writer->deliver();
    EXPECT_EQ(client.appended[0].outcome, Durability::no_room);
    client.append(2, std::string(9000, 'x'));
    writer->step(0);
    writer->deliver();
    EXPECT_EQ(client.appended[1].outcome, Durability::durable);
  }
}

}  // namespace
}  // namespace gyre::oracle::wal
