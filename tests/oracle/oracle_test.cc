// The oracle's parts, one by one, and with real threads where threads are the point.

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "oracle/group_commit.h"
#include "oracle/local_oracle.h"
#include "oracle/read_holds.h"
#include "oracle/retire_list.h"
#include "oracle/seqlock.h"

namespace gyre::oracle {
namespace {

TEST(Seqlock, ReadersNeverSeeATornPayload) {
  struct Payload {
    std::uint64_t a, b, c, d;
  };
  Seqlock<Payload> lock(Payload{0, 0, ~std::uint64_t{0}, 7});
  std::atomic<bool> done{false};
  std::atomic<int> torn{0};
  std::vector<std::jthread> readers;
  for (int i = 0; i < 2; ++i)
    readers.emplace_back([&] {
      std::uint64_t last = 0;
      while (!done.load()) {
        const Payload seen = lock.load();
        if (seen.b != seen.a * 3 || seen.c != ~seen.a || seen.d != seen.a + 7 || seen.a < last) ++torn;
        last = seen.a;
      }
    });
  for (std::uint64_t i = 1; i <= 50'000; ++i) lock.store({i, i * 3, ~i, i + 7});
  done = true;
  readers.clear();
  EXPECT_EQ(torn.load(), 0);
  EXPECT_EQ(lock.load().a, 50'000U);
}

class SetClock final : public Clock {
 public:
  std::uint64_t now_us() override { return now; }
  std::uint64_t now = 0;
};

TEST(LocalOracle, FollowsTheClockUnlessItIsBehind) {
  SetClock clock;
  LocalOracle oracle(clock);
  EXPECT_EQ(oracle.read_ts(), Timestamp(0));
  EXPECT_EQ(oracle.write_ts(), Timestamp(1));
  EXPECT_EQ(oracle.write_ts(), Timestamp(2));
  clock.now = 100;
  EXPECT_EQ(oracle.write_ts(), Timestamp(100));
  clock.now = 50;
  EXPECT_EQ(oracle.write_ts(), Timestamp(101));
  EXPECT_EQ(oracle.peek_write_ts(), Timestamp(101));
  EXPECT_EQ(oracle.peek_write_ts(), Timestamp(101));
}

TEST(LocalOracle, ApplyWriteOnlyMovesForward) {
  SetClock clock;
  LocalOracle oracle(clock, Timestamp(10));
  EXPECT_EQ(oracle.read_ts(), Timestamp(10));
  oracle.apply_write(Timestamp(5));  // below both
  EXPECT_EQ(oracle.read_ts(), Timestamp(10));
  EXPECT_EQ(oracle.peek_write_ts(), Timestamp(10));
  clock.now = 20;
  EXPECT_EQ(oracle.write_ts(), Timestamp(20));
  oracle.apply_write(Timestamp(15));  // between them
  EXPECT_EQ(oracle.read_ts(), Timestamp(15));
  EXPECT_EQ(oracle.peek_write_ts(), Timestamp(20));
  oracle.apply_write(Timestamp(30));  // above both
  EXPECT_EQ(oracle.read_ts(), Timestamp(30));
  EXPECT_EQ(oracle.write_ts(), Timestamp(31));
}

TEST(ReadHolds, OldestIsTheMinimumOfTurnsAndPins) {
  ReadHolds holds(2);
  EXPECT_EQ(holds.oldest(), kTimestampMax);
  holds.announce(0, Timestamp(5));
  holds.announce(1, Timestamp(7));
  EXPECT_EQ(holds.oldest(), Timestamp(5));
  holds.pin(0, Timestamp(5));
  holds.pin(0, Timestamp(5));
  holds.announce(0, Timestamp(9));
  EXPECT_EQ(holds.oldest(), Timestamp(5));
  holds.unpin(0, Timestamp(5));
  holds.idle(0);
  EXPECT_EQ(holds.oldest(), Timestamp(5)) << "a pin holds while its shard sleeps";
  holds.unpin(0, Timestamp(5));
  holds.idle(0);
  EXPECT_EQ(holds.oldest(), Timestamp(7));
  holds.idle(1);
  EXPECT_EQ(holds.oldest(), kTimestampMax);
}

TEST(ReadHolds, AgreeWithAMultiset) {
  std::mt19937_64 random(5);
  ReadHolds holds(1);
  std::multiset<std::uint64_t> pins;
  std::uint64_t now = 1;
  for (int i = 0; i < 5000; ++i) {
    now += random() % 3;
    holds.announce(0, Timestamp(now));
    if (random() % 2 == 0) {
      pins.insert(now);
      holds.pin(0, Timestamp(now));
    } else if (!pins.empty()) {
      const auto at = std::next(pins.begin(), static_cast<std::ptrdiff_t>(random() % pins.size()));
      holds.unpin(0, Timestamp(*at));
      pins.erase(at);
      holds.announce(0, Timestamp(now));
    }
    ASSERT_EQ(holds.oldest().value, pins.empty() ? now : std::min(now, *pins.begin()));
  }
}

TEST(RetireList, AgreesWithAMap) {
  std::mt19937_64 random(6);
  RetireList list;
  std::multimap<std::uint64_t, std::shared_ptr<bool>> twin;
  std::uint64_t now = 1;
  const auto mark = [](void* object) {
    auto* freed = static_cast<std::shared_ptr<bool>*>(object);
    **freed = true;
    delete freed;
  };
  for (int i = 0; i < 3000; ++i) {
    now += random() % 3;
    const auto freed = std::make_shared<bool>(false);
    list.retire(Timestamp(now), mark, new std::shared_ptr<bool>(freed));
    twin.emplace(now, freed);
    if (random() % 4 != 0) continue;
    const std::uint64_t oldest = now - std::min<std::uint64_t>(now, random() % 20);
    const auto end = twin.upper_bound(oldest);
    const auto expected = static_cast<std::size_t>(std::distance(twin.begin(), end));
    ASSERT_EQ(list.free_below(Timestamp(oldest)), expected);
    for (auto at = twin.begin(); at != twin.end(); ++at) ASSERT_EQ(*at->second, at->first <= oldest);
    twin.erase(twin.begin(), end);
    ASSERT_EQ(list.size(), twin.size());
  }
}

// One thread publishes and frees, others wake, read through the pointer, pin, sleep. ASan or TSan finds what
// is freed too early; without them the content does, mostly.
TEST(ReadHolds, NothingIsFreedUnderAReader) {
  constexpr std::size_t kReaders = 3;
  constexpr std::uint64_t kDead = 0xdead;
  PublishedState published({Timestamp(1), new std::uint64_t(1), nullptr, 0});
  ReadHolds holds(kReaders);
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::vector<std::jthread> readers;
  const auto content = [](const Publication& state) {
    return *static_cast<const std::uint64_t*>(state.database);
  };
  for (std::size_t reader = 0; reader < kReaders; ++reader)
    readers.emplace_back([&, reader] {
      std::mt19937_64 random(reader);
      while (!done.load()) {
        Publication state = holds.wake(reader, published);
        if (content(state) != state.read_ts.value) ++wrong;
        const Publication pinned = state;
        holds.pin(reader, pinned.read_ts);
        for (std::uint64_t turns = random() % 4; turns > 0; --turns) {
          state = holds.announce(reader, published);
          if (content(state) != state.read_ts.value) ++wrong;
        }
        if (random() % 2 == 0) holds.idle(reader);
        if (content(pinned) != pinned.read_ts.value) ++wrong;
        holds.unpin(reader, pinned.read_ts);
        holds.idle(reader);
      }
    });
  RetireList retired;
  const auto release = [](void* object) {
    *static_cast<std::uint64_t*>(object) = kDead;
    delete static_cast<std::uint64_t*>(object);
  };
  for (std::uint64_t now = 2; now < 20'000; ++now) {
    const Publication before = published.load();
    published.publish({Timestamp(now), new std::uint64_t(now), nullptr, 0});
    retired.retire(Timestamp(now), release, const_cast<void*>(before.database));
    retired.free_below(holds.oldest());
  }
  done = true;
  readers.clear();
  EXPECT_EQ(wrong.load(), 0);
  release(const_cast<void*>(published.load().database));
}

// ---- Group commit, step by step

class RecordingSteps final : public CommitSteps {
 public:
  Outcome order(std::span<Intent* const> batch) override {
    said += "order" + std::to_string(batch.size()) + " ";
    return outcome;
  }
  void encode(Timestamp, OutBuffer& record) override { record.append("r"); }
  Publication apply(Timestamp timestamp, RetireList& retired) override {
    said += "apply ";
    retired.retire(
        timestamp, [](void* self) { static_cast<RecordingSteps*>(self)->said += "free "; }, this);
    return {timestamp, nullptr, nullptr, 0};
  }
  void answer(std::span<Intent* const>, Timestamp timestamp) override {
    said += published->load().read_ts == timestamp ? "answer " : "answer-unpublished ";
  }
  void log_failed(std::span<Intent* const> batch) override {
    said += "failed" + std::to_string(batch.size()) + " ";
  }

  Outcome outcome = Outcome::write;
  PublishedState* published = nullptr;
  std::string said;
};

class GroupCommitTest : public testing::Test {
 protected:
  GroupCommitTest() { steps_.published = &published_; }
  std::string take() { return std::exchange(steps_.said, {}); }

  SetClock clock_;
  LocalOracle oracle_{clock_};
  MemoryCommitLog log_{MemoryCommitLog::Keep::records, MemoryCommitLog::Acknowledge::when_told};
  PublishedState published_;
  ReadHolds holds_{1};
  RecordingSteps steps_;
  GroupCommit commits_{oracle_, log_, published_, holds_, steps_};
  Intent intents_[4];
};

TEST_F(GroupCommitTest, WhatArrivesWhileTheLogWritesIsTheNextBatch) {
  EXPECT_FALSE(commits_.turn());
  commits_.submit(&intents_[0]);
  commits_.submit(&intents_[1]);
  EXPECT_TRUE(commits_.turn());
  EXPECT_EQ(take(), "order2 ");
  commits_.submit(&intents_[2]);
  commits_.turn();
  EXPECT_EQ(take(), "") << "a second batch began";
  EXPECT_EQ(published_.load().read_ts, Timestamp(0)) << "published before it was durable";
  ASSERT_TRUE(log_.complete_one());
  EXPECT_EQ(take(), "apply answer free ");
  EXPECT_EQ(oracle_.read_ts(), Timestamp(1));
  commits_.turn();
  EXPECT_EQ(take(), "order1 ");
  log_.complete_one();
  EXPECT_EQ(log_.records().size(), 2U);
  EXPECT_LT(log_.records()[0].timestamp, log_.records()[1].timestamp);
  EXPECT_TRUE(commits_.idle());
}

TEST_F(GroupCommitTest, WhatAHoldSeesIsFreedLater) {
  holds_.announce(0, published_);
  commits_.submit(&intents_[0]);
  commits_.turn();
  log_.complete_one();
  EXPECT_EQ(take(), "order1 apply answer ");
  EXPECT_FALSE(commits_.turn());
  holds_.announce(0, published_);
  EXPECT_TRUE(commits_.turn());
  EXPECT_EQ(take(), "free ");
}

TEST_F(GroupCommitTest, ABatchWithoutWritesNeedsNoLog) {
  steps_.outcome = CommitSteps::Outcome::answer;
  commits_.submit(&intents_[0]);
  commits_.turn();
  EXPECT_EQ(take(), "order1 answer ");
  EXPECT_TRUE(log_.records().empty());
  EXPECT_TRUE(commits_.idle());
}

TEST_F(GroupCommitTest, AFailedLogEndsWritingForGood) {
  commits_.submit(&intents_[0]);
  commits_.turn();
  log_.complete_one(Durability::failed);
  EXPECT_EQ(take(), "order1 failed1 ");
  EXPECT_TRUE(commits_.log_has_failed());
  commits_.submit(&intents_[1]);
  commits_.turn();
  EXPECT_EQ(take(), "failed1 ");
  EXPECT_EQ(published_.load().read_ts, Timestamp(0));
}

}  // namespace
}  // namespace gyre::oracle
