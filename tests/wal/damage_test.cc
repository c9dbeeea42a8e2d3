// Every byte of a log damaged in turn, and the log cut at every length: what is read is the records before
// the damage, or a refusal that names the place; nothing is invented, and what is left can be written to.

#include <cstring>
#include <random>

#include "tests/reactor/seed.h"
#include "tests/wal/support.h"

namespace gyre::oracle::wal {
namespace {

using reactor::SimulatedDisk;
using test::is_prefix;
using test::kLogDirectory;
using test::LogClient;
using test::LoggedRecord;
using test::open_log;
using test::read_log;

const std::string kMark = std::string(kLogDirectory) + "/" + kMarkName;

// A log of several groups, the last of more than one record, over several segments.
struct Sample {
  SimulatedDisk disk{7};
  std::vector<LoggedRecord> records;
  std::size_t last_group = 0;  // records in it
  std::vector<std::string> files;

  explicit Sample(std::size_t groups, std::size_t body_max) {
    std::mt19937_64 random(3);
    const auto writer = open_log(disk);
    LogClient client(*writer);
    std::uint64_t timestamp = 0;
    for (std::size_t group = 0; group < groups; ++group) {
      last_group = 1 + random() % 3;
      for (std::size_t i = 0; i < last_group; ++i) {
        std::string body(random() % body_max, '\0');
        for (char& c : body) c = static_cast<char>(random());
        client.append(++timestamp, body);
      }
      writer->step(0);
    }
    writer->deliver();
    records = client.durable();
    EXPECT_EQ(records.size(), client.appended.size());
    const auto names = disk.list(kLogDirectory);
    for (const std::string& name : *names) files.push_back(std::string(kLogDirectory) + "/" + name);
  }
};

enum class Damage { one_place, more };

// What a server would do with the damaged log. Where one place is damaged, only the last group may be cut
// off: of all others a later record knows that they were durable.
void expect_right(Sample& sample, Damage damage, const std::string& what, Tail* tail = nullptr) {
  const auto content = read_log(sample.disk);
  if (tail != nullptr) *tail = content.tail;
  ASSERT_TRUE(is_prefix(content.records, sample.records)) << what;
  if (content.tail.refused) {
    ASSERT_NE(content.tail.message.find(kLogDirectory), std::string::npos) << content.tail.message;
    return;
  }
  const std::size_t unprotected = damage == Damage::one_place ? sample.last_group : sample.records.size();
  ASSERT_GE(content.records.size() + unprotected, sample.records.size())
      << what << ": durable records were cut off";
}

// Under ASan, which takes minutes for all, some bytes stand for those around them.
#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t kStep = 11;
#else
constexpr std::size_t kStep = 1;
#endif

// More than 64 KiB of log, in segments of 8 KiB.
struct LongSample : Sample {
  LongSample() : Sample(80, 900) {
    const std::uint64_t used = read_log(disk).tail.segment;
    EXPECT_GT((used - 1) * test::small_segments().segment_size, std::uint64_t{64} << 10);
  }
};

TEST(WalDamage, EveryByteFlipped) {
  LongSample sample;
  std::size_t refused = 0, cut = 0;
  for (const std::string& file : sample.files) {
    const std::string whole = sample.disk.content(file);
    for (std::size_t at = 0; at < whole.size(); at += kStep) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
      sample.disk.set_content(file, damaged);
      Tail tail;
      ASSERT_NO_FATAL_FAILURE(
          expect_right(sample, Damage::one_place, file + " flipped at " + std::to_string(at), &tail));
      refused += tail.refused ? 1 : 0;
      cut += !tail.refused && tail.sequence < sample.records.size() ? 1 : 0;
    }
    sample.disk.set_content(file, whole);
  }
  EXPECT_GT(refused, 1000U);
  EXPECT_GT(cut, 10U);
}

TEST(WalDamage, CutAtEveryLength) {
  LongSample sample;
  const std::uint64_t last = read_log(sample.disk).tail.segment;
  for (std::size_t i = 0; i < sample.files.size(); ++i) {
    const std::string whole = sample.disk.content(sample.files[i]);
    for (std::size_t size = 0; size <= whole.size(); size += kStep) {
      sample.disk.set_content(sample.files[i], whole.substr(0, size));
      Tail tail;
      ASSERT_NO_FATAL_FAILURE(
          expect_right(sample, Damage::more, sample.files[i] + " cut at " + std::to_string(size), &tail));
      const bool whole_log = tail.sequence == sample.records.size();
      ASSERT_TRUE(i + 1 > last || tail.refused || whole_log) << size;
    }
    sample.disk.set_content(sample.files[i], whole);
  }
}

TEST(WalDamage, ZeroedSectorsAndMissingFiles) {
  Sample sample(24, 900);
  const std::string last =
      std::string(kLogDirectory) + "/" + segment_name(read_log(sample.disk).tail.segment);
  for (const std::string& file : sample.files) {
    const std::string whole = sample.disk.content(file);
    for (std::size_t at = 0; at < whole.size(); at += 512) {
      std::string damaged = whole;
      damaged.replace(at, 512, std::string(512, '\0'));
      sample.disk.set_content(file, damaged);
      ASSERT_NO_FATAL_FAILURE(
          expect_right(sample, Damage::more, file + " without a sector at " + std::to_string(at)));
    }
    ASSERT_TRUE(sample.disk.remove(file));
    const auto content = read_log(sample.disk);
    ASSERT_TRUE(is_prefix(content.records, sample.records));
    ASSERT_EQ(content.tail.refused, file <= last || file == kMark) << "without " << file;
    sample.disk.set_content(file, whole);
  }
}

// Whatever was removed from a log in use, from its newest segments on, is missed: nothing else would tell.
TEST(WalMark, NewestSegmentsThatAreGoneAreMissed) {
  for (std::uint64_t seed = test::test_seed(1), end = seed + 100; seed < end; ++seed) {
    SCOPED_TRACE(test::seed_note(seed));
    std::mt19937_64 random(seed);
    SimulatedDisk disk(seed);
    const auto through = static_cast<reactor::WriteThrough>(random() % 3);
    std::uint64_t timestamp = 0, removed = 0;
    for (int life = 0; life < 3; ++life) {
      const auto tail = read_log(disk, Timestamp(removed)).tail;
      ASSERT_FALSE(tail.refused) << tail.message;
      auto opened = Writer::open(disk, test::small_segments(through), tail);
      ASSERT_TRUE(opened) << opened.error();
      LogClient client(**opened);
      for (std::uint64_t i = 1 + random() % 60; i > 0; --i) {
        client.append(++timestamp, std::string(random() % 900, 'x'),
                      random() % 3 == 0 ? Urgency::lazy : Urgency::now);
        if (random() % 2 == 0) (*opened)->step(0);
        (*opened)->deliver();
        if (random() % 20 == 0 && !client.durable().empty())
          (*opened)->remove_through(Timestamp(removed = client.durable().back().timestamp));
      }
      client.append(++timestamp, "the last one is waited for");
      (*opened)->step(0);
      if (random() % 2 == 0) {
        disk.kill();
      } else {
        disk.power_off();
        disk.power_on();
      }
    }
    const auto whole = read_log(disk, Timestamp(removed));
    ASSERT_FALSE(whole.tail.refused) << whole.tail.message;
    for (std::uint64_t number = whole.tail.segment; number > 0; --number) {
      const std::string path = std::string(kLogDirectory) + "/" + segment_name(number);
      if (!disk.remove(path)) break;
      const Tail tail = read_log(disk, Timestamp(removed)).tail;
      ASSERT_TRUE(tail.refused) << "without segment " << number << " and those after it";
      ASSERT_NE(tail.message.find(".wal"), std::string::npos) << tail.message;
    }
  }
}

// One place of the mark is enough to know; without both, nobody knows where the log ends.
TEST(WalMark, WithoutAMarkALogIsRefused) {
  Sample sample(24, 900);
  const std::string whole = sample.disk.content(kMark);
  std::string damaged = whole;
  for (std::uint64_t place = 0; place < kMarkPlaces; ++place) damaged[place * kMarkPlaceBytes + 20] ^= 1;
  sample.disk.set_content(kMark, damaged);
  const Tail tail = read_log(sample.disk).tail;
  EXPECT_TRUE(tail.refused);
  EXPECT_NE(tail.message.find(kMark), std::string::npos) << tail.message;
  std::string other_version = whole;
  for (std::uint64_t place = 0; place < kMarkPlaces; ++place) {
    Mark mark;
    std::memcpy(&mark, whole.data() + place * kMarkPlaceBytes, sizeof mark);
    mark.version = kFormatVersion + 1;
    mark.checksum = mark_checksum(mark);
    std::memcpy(other_version.data() + place * kMarkPlaceBytes, &mark, sizeof mark);
  }
  sample.disk.set_content(kMark, other_version);
  const Tail version = read_log(sample.disk).tail;
  EXPECT_TRUE(version.refused);
  EXPECT_NE(version.message.find("format version 2"), std::string::npos) << version.message;
}

// Until a log has begun nothing was answered: whatever is left of the attempt, the next one begins anew.
TEST(WalMark, AFirstHeaderThatWasBeingWrittenIsNoDamage) {
  SimulatedDisk model(1);
  ASSERT_NE(open_log(model), nullptr);
  const std::string first = std::string(kLogDirectory) + "/" + segment_name(1);
  const std::string header = model.content(first).substr(0, sizeof(SegmentHeader));
  for (std::size_t written = 0; written <= header.size(); ++written)
    for (const std::size_t size : {written, std::size_t{4096}, std::size_t{8192}}) {
      SCOPED_TRACE(std::to_string(written) + " bytes of it in a file of " + std::to_string(size));
      SimulatedDisk disk(1);
      ASSERT_TRUE(disk.make_directory(kLogDirectory));
      ASSERT_TRUE(write_first_mark(disk, kLogDirectory));
      std::string content = header.substr(0, written);
      content.resize(std::max(size, written));
      if (size == 8192) content.back() = 'x';  // of an earlier use of the blocks
      disk.set_content(first, content);
      const Tail tail = read_log(disk).tail;
      ASSERT_FALSE(tail.refused) << tail.message;
      const auto writer = open_log(disk);
      ASSERT_NE(writer, nullptr);
      LogClient client(*writer);
      client.append(1, "hello");
      writer->step(0);
      ASSERT_EQ(read_log(disk).records.size(), 1U);
    }
}

TEST(WalMark, PowerIsLostAtEveryOperationOfABeginning) {
  for (std::uint64_t seed = test::test_seed(1), end = seed + 20; seed < end; ++seed)
    for (std::uint64_t n = 1;; ++n) {
      SCOPED_TRACE(test::seed_note(seed) + ", operation " + std::to_string(n));
      SimulatedDisk disk(seed);
      disk.power_off_at(n);
      const bool begun = open_log(disk) != nullptr;
      if (disk.is_on()) disk.power_off();
      disk.power_on();
      ASSERT_NE(open_log(disk), nullptr);
      if (begun) break;
    }
}

// A tail that is cut stays cut, whatever is written afterwards.
TEST(WalDamage, WhatWasCutOffDoesNotComeBack) {
  for (std::uint64_t seed = test::test_seed(1), end = seed + 200; seed < end; ++seed) {
    SCOPED_TRACE(test::seed_note(seed));
    std::mt19937_64 random(seed);
    Sample sample(4 + random() % 20, 900);
    const std::string& file = sample.files.back();
    std::string damaged = sample.disk.content(file);
    damaged[random() % damaged.size()] ^= static_cast<char>(1 + random() % 255);
    sample.disk.set_content(file, damaged);
    const auto before = read_log(sample.disk);
    if (before.tail.refused) continue;
    auto opened = Writer::open(sample.disk, test::small_segments(), before.tail);
    ASSERT_TRUE(opened) << opened.error();
    if (random() % 2 == 0) {  // nothing but the cut is there
      sample.disk.power_off();
      sample.disk.power_on();
      const auto after = read_log(sample.disk);
      ASSERT_TRUE(after.records == before.records);
      ASSERT_EQ(after.tail.stop, Tail::Stop::clean) << after.tail.message;
      continue;
    }
    LogClient client(**opened);
    auto expected = before.records;
    std::uint64_t timestamp = before.tail.timestamp.value;
    for (std::uint64_t i = 1 + random() % 10; i > 0; --i) {
      client.append(++timestamp, std::string(random() % 900, 'n'));
      expected.push_back(client.appended.back().record);
      (*opened)->step(0);
    }
    const auto after = read_log(sample.disk);
    ASSERT_TRUE(after.records == expected);
    ASSERT_EQ(after.tail.stop, Tail::Stop::clean) << after.tail.message;
  }
}

TEST(WalDamage, OtherVersionsAndOtherLogsAreRefused) {
  Sample sample(24, 900);
  const std::string whole = sample.disk.content(sample.files[1]);
  const auto with = [&](auto change) {
    std::string bytes = whole;
    SegmentHeader header;
    std::memcpy(&header, bytes.data(), sizeof header);
    change(header);
    header.checksum = header_checksum(header);
    std::memcpy(bytes.data(), &header, sizeof header);
    sample.disk.set_content(sample.files[1], bytes);
    return read_log(sample.disk).tail;
  };
  const Tail version = with([](SegmentHeader& header) { header.version = 2; });
  EXPECT_TRUE(version.refused);
  EXPECT_NE(version.message.find("format version is 2"), std::string::npos) << version.message;
  const Tail log = with([](SegmentHeader& header) { header.log_id ^= 1; });
  EXPECT_TRUE(log.refused);
  EXPECT_NE(log.message.find("another log"), std::string::npos) << log.message;
}

// A client's row that is an image of a record is a row.
TEST(WalDamage, ARecordWithinARecordIsNoRecord) {
  Sample sample(3, 300);
  const std::string image = sample.disk.content(sample.files[0]);
  const auto writer = open_log(sample.disk);
  LogClient client(*writer);
  client.append(1000, image.substr(sizeof(SegmentHeader), 2000));
  writer->step(0);
  const auto content = read_log(sample.disk);
  EXPECT_EQ(content.records.size(), sample.records.size() + 1);
  EXPECT_EQ(content.tail.stop, Tail::Stop::clean);
}

}  // namespace
}  // namespace gyre::oracle::wal
