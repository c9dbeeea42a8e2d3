// What is appended can be read again: over segments, restarts and kinds of syncing.

#include <random>

#include "tests/reactor/seed.h"
#include "tests/wal/support.h"

namespace gyre::oracle::wal {
namespace {

using reactor::SimulatedDisk;
using reactor::WriteThrough;
using test::is_prefix;
using test::LogClient;
using test::open_log;
using test::read_log;
using test::small_segments;

TEST(WalFormat, NamesOfSegments) {
  EXPECT_EQ(segment_name(42), "000000000000002a.wal");
  EXPECT_EQ(segment_number("000000000000002a.wal"), 42U);
  for (const char* other :
       {"", "2a.wal", "000000000000002A.wal", "000000000000002a.wal~", "00000000000000zz.wal"})
    EXPECT_EQ(segment_number(other), 0U) << other;
}

TEST(WalLog, AnEmptyDirectoryIsNoLog) {
  SimulatedDisk disk(1);
  EXPECT_EQ(read_log(disk, Timestamp(7)).tail.segment, 0U);
  EXPECT_EQ(read_log(disk, Timestamp(7)).tail.timestamp, Timestamp(7));
  EXPECT_FALSE(read_log(disk).tail.refused);
}

TEST(WalLog, OneRecordComesBack) {
  SimulatedDisk disk(1);
  {
    const auto writer = open_log(disk);
    ASSERT_NE(writer, nullptr);
    LogClient client(*writer);
    client.append(10, "hello");
    EXPECT_FALSE(client.appended[0].answered);
    writer->step(0);
    EXPECT_TRUE(writer->has_answers());
    EXPECT_FALSE(client.appended[0].answered) << "answers are given on the oracle core";
    writer->deliver();
    EXPECT_EQ(client.durable().size(), 1U);
    EXPECT_EQ(writer->stats().records, 1U);
    EXPECT_EQ(writer->stats().syncs, 1U);
  }
  const auto content = read_log(disk);
  EXPECT_EQ(content.tail.stop, Tail::Stop::clean);
  EXPECT_EQ(content.tail.sequence, 1U);
  EXPECT_EQ(content.tail.timestamp, Timestamp(10));
  ASSERT_EQ(content.records.size(), 1U);
  EXPECT_EQ(content.records[0].body, "hello");
}

TEST(WalLog, RecordsThatGatherShareASync) {
  SimulatedDisk disk(1);
  const auto writer = open_log(disk);
  LogClient client(*writer);
  for (std::uint64_t i = 1; i <= 5; ++i) client.append(i, "x");
  writer->step(0);
  writer->deliver();
  EXPECT_EQ(client.durable().size(), 5U);
  EXPECT_EQ(writer->stats().syncs, 1U);
  EXPECT_EQ(writer->stats().writes, 1U);
}

// Whatever sizes, urgencies, restarts and removals: what is read is what was appended, above any timestamp.
TEST(WalLog, RandomRoundTrips) {
  for (std::uint64_t seed = test::test_seed(1), end = seed + 60; seed < end; ++seed) {
    SCOPED_TRACE(test::seed_note(seed));
    std::mt19937_64 random(seed);
    const auto through = static_cast<WriteThrough>(random() % 3);
    SimulatedDisk disk(seed);
    std::vector<test::LoggedRecord> all;
    std::uint64_t timestamp = 0, removed = 0, now = 0;
    for (int run = 0; run < 4; ++run) {
      const auto tail = read_log(disk, Timestamp(removed)).tail;
      ASSERT_FALSE(tail.refused) << tail.message;
      auto opened = Writer::open(disk, small_segments(through), tail);
      ASSERT_TRUE(opened) << opened.error();
      Writer& writer = **opened;
      LogClient client(writer);
      for (std::uint64_t i = random() % 120; i > 0; --i) {
        timestamp += 1 + random() % 5;
        const std::uint64_t size = random() % 20 == 0 ? random() % 30'000 : random() % 600;
        client.append(timestamp, std::string(size, static_cast<char>('a' + random() % 26)),
                      random() % 3 == 0 ? Urgency::lazy : Urgency::now);
        if (random() % 3 == 0) writer.step(now += random() % 100'000);
        if (random() % 5 == 0) writer.deliver();
        if (random() % 40 == 0 && timestamp > 100)
          writer.remove_through(Timestamp(removed = timestamp - 100));
      }
      writer.flush();
      writer.deliver();
      ASSERT_EQ(client.durable().size(), client.appended.size()) << writer.failure();
      for (const auto& record : client.durable()) all.push_back(record);
      if (removed != 0) {
        writer.remove_through(Timestamp(removed));
        writer.step(now);
      }
    }
    const auto expect = [&](std::uint64_t after) {
      std::vector<test::LoggedRecord> expected;
      for (const auto& record : all)
        if (record.timestamp > after) expected.push_back(record);
      const auto content = read_log(disk, Timestamp(after));
      ASSERT_EQ(content.tail.stop, Tail::Stop::clean) << content.tail.message;
      ASSERT_TRUE(content.records == expected) << content.records.size() << " of " << expected.size();
    };
    expect(removed);
    if (timestamp > removed) expect(removed + random() % (timestamp - removed + 1));
  }
}

TEST(WalLog, OldSegmentsGoOnRequestAndAreUsedAgain) {
  SimulatedDisk disk(1);
  const auto writer = open_log(disk);
  LogClient client(*writer);
  std::uint64_t timestamp = 0;
  const auto write = [&](int records) {
    for (int i = 0; i < records; ++i) {
      client.append(++timestamp, std::string(1000, 'x'));
      for (int step = 0; step < 3; ++step) writer->step(0);
    }
  };
  write(40);
  const auto full = writer->stats();
  EXPECT_GT(full.segments, 4U);
  writer->remove_through(Timestamp(timestamp));
  writer->step(0);
  EXPECT_EQ(writer->stats().segments, 1U);
  EXPECT_LE(disk.list(test::kLogDirectory)->size(), 3U) << "two segments and the mark";
  for (int round = 0; round < 20; ++round) {
    write(8);
    writer->remove_through(Timestamp(timestamp));
    writer->step(0);
  }
  EXPECT_GT(writer->stats().segments_reused, 0U);
  const auto content = read_log(disk, Timestamp(timestamp - 3));
  EXPECT_EQ(content.records.size(), 3U);
  EXPECT_EQ(content.tail.stop, Tail::Stop::clean) << content.tail.message;
  const auto missing = read_log(disk, Timestamp(1));
  EXPECT_TRUE(missing.tail.refused) << "what is asked for is not there any more";
  EXPECT_EQ(missing.tail.stop, Tail::Stop::gap);
}

TEST(WalLog, LazyRecordsAreWrittenSoonAndDurableInTime) {
  for (const WriteThrough through : {WriteThrough::none, WriteThrough::dsync, WriteThrough::direct}) {
    SimulatedDisk disk(1);
    const auto writer = open_log(disk, small_segments(through));
    LogClient client(*writer);
    client.append(1, "lazy", Urgency::lazy);
    EXPECT_EQ(client.appended[0].acceptance, Acceptance::certain);
    EXPECT_EQ(writer->step(1'000), 201'000U);
    writer->deliver();
    EXPECT_FALSE(client.appended[0].answered);
    if (through == WriteThrough::none) {
      EXPECT_EQ(read_log(disk).records.size(), 1U) << "it would survive the process";
    }
    EXPECT_EQ(writer->step(200'999), 201'000U);
    writer->step(201'000);
    writer->deliver();
    EXPECT_TRUE(client.appended[0].answered);
    client.append(2, "lazy", Urgency::lazy);
    client.append(3, "now");
    writer->step(300'000);
    writer->deliver();
    EXPECT_EQ(client.durable().size(), 3U) << "one that is waited for takes the lazy along";
    EXPECT_EQ(read_log(disk).records.size(), 3U);
  }
}

TEST(WalLog, ThePreparedSegmentIsReadyBeforeItIsNeeded) {
  SimulatedDisk disk(1);
  const auto writer = open_log(disk);
  LogClient client(*writer);
  std::uint64_t timestamp = 0;
  for (int i = 0; i < 6; ++i) client.append(++timestamp, std::string(1000, 'x'));
  while (writer->step(0) == 0) continue;
  EXPECT_EQ(writer->stats().segments_made, 2U);
  disk.set_room(0);
  for (int i = 0; i < 6; ++i) client.append(++timestamp, std::string(1000, 'x'));
  writer->step(0);
  writer->deliver();
  EXPECT_EQ(client.durable().size(), 12U);
}

}  // namespace
}  // namespace gyre::oracle::wal
