// The oracle's parts, one by one, and with real threads where threads are the point.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
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
#include "oracle/timestamp_window.h"
#include "tests/reactor/seed.h"

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

// One that is large goes in parts, and the next not before it.
TEST(RetireList, AnObjectMayBeFreedInParts) {
  std::size_t left = 10, others = 0;
  const auto part = [](void* object, std::size_t limit) {
    auto& parts = *static_cast<std::size_t*>(object);
    const std::size_t freed = std::min(parts, limit);
    parts -= freed;
    return freed;
  };
  const auto whole = [](void* object, std::size_t) -> std::size_t {
    ++*static_cast<std::size_t*>(object);
    return 1;
  };
  RetireList list;
  list.retire(Timestamp(1), part, &left);
  list.retire(Timestamp(1), whole, &others);
  EXPECT_EQ(list.free_below(Timestamp(1), 4), 4U);
  EXPECT_EQ(left, 6U);
  EXPECT_EQ(others, 0U);
  EXPECT_EQ(list.free_below(Timestamp(1), 9), 7U);
  EXPECT_EQ(left, 0U);
  EXPECT_EQ(others, 1U);
  EXPECT_EQ(list.size(), 0U);
}

TEST(RetireList, AgreesWithAMap) {
  std::mt19937_64 random(6);
  RetireList list;
  std::multimap<std::uint64_t, std::shared_ptr<bool>> twin;
  std::multimap<std::uint64_t, std::uint64_t> sizes;
  const auto bytes_after = [&](std::uint64_t timestamp) {
    std::uint64_t bytes = 0;
    for (auto at = sizes.upper_bound(timestamp); at != sizes.end(); ++at) bytes += at->second;
    return bytes;
  };
  std::uint64_t now = 1;
  const auto mark = [](void* object, std::size_t) -> std::size_t {
    auto* freed = static_cast<std::shared_ptr<bool>*>(object);
    **freed = true;
    delete freed;
    return 1;
  };
  for (int i = 0; i < 3000; ++i) {
    now += random() % 3;
    const auto freed = std::make_shared<bool>(false);
    const std::uint64_t bytes = random() % 1000;
    list.retire(Timestamp(now), mark, new std::shared_ptr<bool>(freed), bytes);
    twin.emplace(now, freed);
    sizes.emplace(now, bytes);
    if (random() % 4 != 0) continue;
    const std::uint64_t oldest = now - std::min<std::uint64_t>(now, random() % 20);
    const auto end = twin.upper_bound(oldest);
    const auto expected = static_cast<std::size_t>(std::distance(twin.begin(), end));
    ASSERT_EQ(list.free_below(Timestamp(oldest)), expected);
    for (auto at = twin.begin(); at != twin.end(); ++at) ASSERT_EQ(*at->second, at->first <= oldest);
    twin.erase(twin.begin(), end);
    sizes.erase(sizes.begin(), sizes.upper_bound(oldest));
    ASSERT_EQ(list.size(), twin.size());
    ASSERT_EQ(list.bytes(), bytes_after(0));
    const std::uint64_t reader = oldest + random() % 30;
    ASSERT_EQ(list.bytes_kept_by(Timestamp(reader)), bytes_after(reader));
    const auto replaced = sizes.upper_bound(reader);
    ASSERT_EQ(list.first_replaced_after(Timestamp(reader)).value, replaced == sizes.end() ? 0 : replaced->first);
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
  const auto release = [](void* object, std::size_t) -> std::size_t {
    *static_cast<std::uint64_t*>(object) = kDead;
    delete static_cast<std::uint64_t*>(object);
    return 1;
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
  release(const_cast<void*>(published.load().database), 1);
}

// ---- Group commit, step by step

// Says what it is told, and keeps the rules: order() stands on what is sealed, what is sealed is applied or
// dropped.
class RecordingSteps final : public CommitSteps {
 public:
  Outcome order(std::span<Intent* const> batch, Writes writes) override {
    said += "order" + std::to_string(batch.size()) + " ";
    return writes == Writes::refused ? Outcome::answer : outcome;
  }
  void encode(Timestamp, OutBuffer& record) override { record.append("r"); }
  void seal(Timestamp timestamp) override {
    said += "seal ";
    sealed.push_back(timestamp);
  }
  Publication apply(Timestamp timestamp, RetireList& retired) override {
    said += "apply ";
    EXPECT_EQ(sealed.front(), timestamp);
    sealed.pop_front();
    retired.retire(
        timestamp,
        [](void* self, std::size_t) -> std::size_t {
          static_cast<RecordingSteps*>(self)->said += "free ";
          return 1;
        },
        this);
    return {timestamp, nullptr, nullptr, 0};
  }
  void answer(std::span<Intent* const>, Timestamp timestamp) override {
    said += published->load().read_ts == timestamp ? "answer " : "answer-unpublished ";
  }
  void drop_sealed(std::size_t) override {
    said += "drop" + std::to_string(sealed.size()) + " ";
    sealed.clear();
  }
  void disclaim(std::size_t, std::span<Intent* const>) override { ADD_FAILURE(); }
  void give_up(std::size_t, std::span<Intent* const>) override { ADD_FAILURE(); }
  void refuse(std::size_t, std::span<Intent* const> batch, Refusal why) override {
    said += (why == Refusal::no_room ? "no-room" : "failed") + std::to_string(batch.size()) + " ";
  }

  Outcome outcome = Outcome::write;
  PublishedState* published = nullptr;
  std::deque<Timestamp> sealed;
  std::string said;
};

class GroupCommitTest : public testing::Test {
 protected:
  GroupCommitTest() { steps_.published = &published_; }
  std::string take() { return std::exchange(steps_.said, {}); }
  std::string turn(int intent, CommitSteps::Outcome outcome = CommitSteps::Outcome::write) {
    steps_.outcome = outcome;
    commits_.submit(&intents_[intent]);
    commits_.turn();
    return take();
  }
  // Lazy batches need a durable one before them.
  void begin_window() {
    turn(7);
    complete();
  }
  std::string complete(Durability outcome = Durability::durable) {
    EXPECT_TRUE(log_.complete_one(outcome));
    return take();
  }

  SetClock clock_;
  LocalOracle oracle_{clock_};
  MemoryCommitLog log_{MemoryCommitLog::Keep::records, MemoryCommitLog::Acknowledge::when_told};
  PublishedState published_;
  ReadHolds holds_{1};
  RecordingSteps steps_;
  GroupCommit commits_{oracle_, log_, published_, holds_, steps_, {.batches = 3, .record_bytes = 1000}};
  Intent intents_[8];
};

TEST_F(GroupCommitTest, ABatchIsOrderedOnTheOneThatTheLogWrites) {
  EXPECT_FALSE(commits_.turn());
  commits_.submit(&intents_[0]);
  EXPECT_EQ(turn(1), "order2 seal ");
  EXPECT_EQ(turn(2), "order1 seal ");
  EXPECT_EQ(published_.load().read_ts, Timestamp(0)) << "published before it was durable";
  EXPECT_EQ(oracle_.read_ts(), Timestamp(0));
  EXPECT_EQ(complete(), "apply answer free ");
  EXPECT_EQ(oracle_.read_ts(), Timestamp(1));
  EXPECT_EQ(complete(), "apply answer free ");
  EXPECT_EQ(oracle_.read_ts(), Timestamp(2));
  EXPECT_LT(log_.records()[0].timestamp, log_.records()[1].timestamp);
  EXPECT_TRUE(commits_.idle());
}

TEST_F(GroupCommitTest, ALogThatAnswersAtOnceIsAskedBeforeTheStateIsSealed) {
  MemoryCommitLog log;
  GroupCommit commits(oracle_, log, published_, holds_, steps_);
  commits.submit(&intents_[0]);
  commits.turn();
  EXPECT_EQ(take(), "order1 seal apply answer free ");
  EXPECT_TRUE(commits.idle());
}

TEST_F(GroupCommitTest, BatchesUnderWayAreBounded) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(turn(i), "order1 seal ");
  EXPECT_FALSE(commits_.can_begin());
  EXPECT_EQ(turn(3), "");
  EXPECT_EQ(turn(4), "");
  complete();
  EXPECT_TRUE(commits_.can_begin());
  commits_.turn();
  EXPECT_EQ(take(), "order2 seal ");
  EXPECT_EQ(commits_.in_flight(), 3U);
}

TEST_F(GroupCommitTest, BytesUnderWayAreBounded) {
  GroupCommit commits(oracle_, log_, published_, holds_, steps_, {.batches = 3, .record_bytes = 1});
  commits.submit(&intents_[0]);
  commits.turn();
  commits.submit(&intents_[1]);
  commits.turn();
  EXPECT_EQ(take(), "order1 seal ");
  EXPECT_FALSE(commits.can_begin());
  complete();
  EXPECT_TRUE(commits.can_begin());
}

TEST_F(GroupCommitTest, WhatAHoldSeesIsFreedLater) {
  holds_.announce(0, published_);
  turn(0);
  EXPECT_EQ(complete(), "apply answer ");
  EXPECT_FALSE(commits_.turn());
  holds_.announce(0, published_);
  EXPECT_TRUE(commits_.turn());
  EXPECT_EQ(take(), "free ");
}

TEST_F(GroupCommitTest, ABatchWithoutWritesNeedsNoLog) {
  EXPECT_EQ(turn(0, CommitSteps::Outcome::answer), "order1 answer ");
  EXPECT_TRUE(log_.records().empty());
  EXPECT_TRUE(commits_.idle());
}

TEST_F(GroupCommitTest, ABatchWithoutWritesWaitsForWhatItMayHaveSeen) {
  turn(0);
  EXPECT_EQ(turn(1, CommitSteps::Outcome::answer), "order1 ");
  turn(2);
  EXPECT_EQ(complete(), "apply answer answer free ");
  EXPECT_EQ(complete(), "apply answer free ");
}

TEST_F(GroupCommitTest, ALazyBatchWaitsForItsPredecessorsOnly) {
  begin_window();
  EXPECT_EQ(turn(0, CommitSteps::Outcome::write_lazily), "order1 seal apply answer free ");
  EXPECT_EQ(turn(1), "order1 seal ");
  EXPECT_EQ(turn(2, CommitSteps::Outcome::write_lazily), "order1 seal ");
  EXPECT_EQ(complete(), "") << "the first one's record, which nobody waits for";
  EXPECT_EQ(complete(), "apply answer apply answer free free ");
  EXPECT_EQ(complete(), "");
  EXPECT_EQ(commits_.counters().lazy, 2U);
}

TEST_F(GroupCommitTest, ALazyBatchWithoutCertainRoomWaits) {
  begin_window();
  log_.set_acceptance(Acceptance::pending);
  EXPECT_EQ(turn(0, CommitSteps::Outcome::write_lazily), "order1 seal ");
  EXPECT_EQ(complete(), "apply answer free ");
}

TEST_F(GroupCommitTest, AFailedLogEndsWritingForGood) {
  turn(0);
  turn(1, CommitSteps::Outcome::answer);
  turn(2);
  EXPECT_EQ(complete(Durability::failed), "drop2 failed1 failed1 failed1 ");
  EXPECT_TRUE(commits_.log_has_failed());
  EXPECT_EQ(complete(Durability::failed), "");
  EXPECT_EQ(turn(3), "order1 answer ") << "reads go on";
  EXPECT_EQ(published_.load().read_ts, Timestamp(0));
  EXPECT_TRUE(commits_.idle());
}

// The first one has nothing durable before it, and nor has one that comes late.
TEST_F(GroupCommitTest, ALazyBatchBeyondTheWindowWaits) {
  EXPECT_EQ(turn(0, CommitSteps::Outcome::write_lazily), "order1 seal ");
  EXPECT_EQ(complete(), "apply answer free ");
  EXPECT_EQ(oracle_.read_ts(), Timestamp(1));
  clock_.now = window_end(Timestamp(1)).value;
  EXPECT_EQ(turn(1, CommitSteps::Outcome::write_lazily), "order1 seal apply answer free ") << "at its end";
  EXPECT_EQ(turn(2, CommitSteps::Outcome::write_lazily), "order1 seal ") << "one beyond";
  clock_.now = 0;
  EXPECT_EQ(turn(3, CommitSteps::Outcome::write_lazily), "order1 seal ") << "a clock that goes back is no help";
  EXPECT_EQ(complete(), "") << "what moves the window moves it for those ordered since";
  EXPECT_EQ(turn(4, CommitSteps::Outcome::write_lazily), "order1 seal ") << "it has predecessors that wait";
  EXPECT_EQ(complete(), "apply answer free ");
  EXPECT_EQ(complete(), "apply answer apply answer free free ");
  EXPECT_EQ(commits_.counters().lazy, 2U);
}

TEST_F(GroupCommitTest, ALazyRecordThatFailsTakesTheUnpublishedWithIt) {
  begin_window();
  EXPECT_EQ(turn(0, CommitSteps::Outcome::write_lazily), "order1 seal apply answer free ");
  turn(1);
  EXPECT_EQ(complete(Durability::failed), "drop1 failed1 ");
  EXPECT_EQ(published_.load().read_ts, Timestamp(2));
}

TEST_F(GroupCommitTest, WithoutRoomABatchAndThoseOnItAreRefusedAndLaterOnesTryAgain) {
  turn(0);
  turn(1);
  turn(2);
  EXPECT_EQ(complete(), "apply answer free ");
  EXPECT_EQ(complete(Durability::no_room), "drop2 no-room1 no-room1 ");
  EXPECT_EQ(turn(3), "order1 seal ");
  EXPECT_EQ(complete(Durability::no_room), "") << "of a batch that is gone";
  EXPECT_EQ(complete(), "apply answer free ");
  EXPECT_FALSE(commits_.log_has_failed());
  EXPECT_EQ(oracle_.read_ts(), published_.load().read_ts);
}

// Random clients, a random log, and a twin that knows what may be seen: the state is a list of the writes in
// it.
class ListSteps final : public CommitSteps {
 public:
  struct Write : Intent {
    bool writes = true;
    bool lazy = false;
    std::vector<const Write*> seen;  // in order: all that came before it
    enum class Answer { none, done, failed, no_room } answer = Answer::none;
  };
  using State = std::vector<const Write*>;

  Outcome order(std::span<Intent* const> batch, Writes accepted) override {
    State state = sealed.empty() ? visible : sealed.back().second;
    bool lazy = true, wrote = false;
    for (Intent* intent : batch) {
      auto& write = *static_cast<Write*>(intent);
      write.seen = state;
      if (!write.writes || accepted == Writes::refused) continue;
      wrote = true;
      lazy = lazy && write.lazy;
      state.push_back(&write);
    }
    next = state;
    if (!wrote) return Outcome::answer;
    return lazy ? Outcome::write_lazily : Outcome::write;
  }
  void encode(Timestamp, OutBuffer& record) override { record.append("r"); }
  void seal(Timestamp timestamp) override { sealed.emplace_back(timestamp, next); }
  Publication apply(Timestamp timestamp, RetireList&) override {
    EXPECT_EQ(sealed.front().first, timestamp);
    visible = sealed.front().second;
    sealed.pop_front();
    return {timestamp, nullptr, nullptr, 0};
  }
  void answer(std::span<Intent* const> batch, Timestamp timestamp) override {
    EXPECT_EQ(published->load().read_ts, timestamp);
    for (Intent* intent : batch) {
      auto& write = *static_cast<Write*>(intent);
      write.answer = Write::Answer::done;
      ++answered;
      // What it saw is published: no answer tells of anything else.
      ASSERT_LE(write.seen.size(), visible.size());
      EXPECT_TRUE(std::equal(write.seen.begin(), write.seen.end(), visible.begin()));
    }
  }
  void drop_sealed(std::size_t) override { sealed.clear(); }
  void disclaim(std::size_t, std::span<Intent* const>) override { ADD_FAILURE(); }
  void give_up(std::size_t, std::span<Intent* const>) override { ADD_FAILURE(); }
  void refuse(std::size_t, std::span<Intent* const> batch, Refusal why) override {
    for (Intent* intent : batch) {
      static_cast<Write*>(intent)->answer =
          why == Refusal::no_room ? Write::Answer::no_room : Write::Answer::failed;
      ++answered;
    }
  }

  State next, visible;
  std::deque<std::pair<Timestamp, State>> sealed;
  PublishedState* published = nullptr;
  std::size_t answered = 0;
};

TEST(GroupCommitRandom, NothingThatIsNotDurableIsSeenAndEverythingIsAnswered) {
  for (std::uint64_t seed = test::test_seed(1), end = seed + 400; seed < end; ++seed) {
    SCOPED_TRACE(test::seed_note(seed));
    std::mt19937_64 random(seed);
    SetClock clock;
    LocalOracle oracle(clock);
    MemoryCommitLog log(MemoryCommitLog::Keep::nothing, MemoryCommitLog::Acknowledge::when_told);
    PublishedState published;
    ReadHolds holds(1);
    ListSteps steps;
    steps.published = &published;
    GroupCommit commits(oracle, log, published, holds, steps, {.batches = 1 + random() % 5});
    std::deque<ListSteps::Write> intents;
    std::size_t no_room = 0;  // records that must be refused, the oldest of those that wait
    bool failed = false;
    for (int step = 0; step < 200; ++step) {
      clock.now = random() % 500;
      switch (random() % 4) {
        case 0: {
          auto& write = intents.emplace_back();
          write.writes = random() % 4 != 0;
          write.lazy = random() % 2 == 0;
          commits.submit(&write);
          break;
        }
        case 1:
          commits.turn();
          break;
        default:
          // Where there is no room, all that wait are refused, as the log promises.
          if (log.waiting() == 0) break;
          if (no_room == 0 && !failed && random() % 20 == 0 && steps.sealed.size() == log.waiting())
            no_room = log.waiting();
          failed = failed || random() % 500 == 0;
          log.complete_one(failed        ? Durability::failed
                           : no_room > 0 ? (--no_room, Durability::no_room)
                                         : Durability::durable);
      }
      ASSERT_LE(commits.in_flight(), 5U);
    }
    while (!commits.idle()) {
      commits.turn();
      log.complete_one(failed        ? Durability::failed
                       : no_room > 0 ? (--no_room, Durability::no_room)
                                     : Durability::durable);
    }
    EXPECT_EQ(steps.answered, intents.size());
    std::size_t done = 0;
    for (const ListSteps::Write& write : intents) {
      ASSERT_NE(write.answer, ListSteps::Write::Answer::none);
      const bool there = std::find(steps.visible.begin(), steps.visible.end(), &write) != steps.visible.end();
      ASSERT_TRUE(!there || write.answer == ListSteps::Write::Answer::done) << "a refused write is visible";
      done += there ? 1 : 0;
    }
    EXPECT_EQ(done, steps.visible.size());
  }
}

TEST(GroupCommitRandom, ClocksThatJumpBackDoNotMatter) {
  SetClock clock;
  LocalOracle oracle(clock, Timestamp(1'000));
  MemoryCommitLog log(MemoryCommitLog::Keep::records);
  PublishedState published({Timestamp(1'000), nullptr, nullptr, 0});
  ReadHolds holds(1);
  RecordingSteps steps;
  steps.published = &published;
  GroupCommit commits(oracle, log, published, holds, steps);
  Intent intent;
  std::uint64_t before = 1'000;
  for (const std::uint64_t now : {5'000, 10, 0, 5'001, 4'000}) {
    clock.now = now;
    commits.submit(&intent);
    commits.turn();
    EXPECT_GT(published.load().read_ts.value, before);
    EXPECT_EQ(oracle.read_ts(), published.load().read_ts);
    before = published.load().read_ts.value;
  }
}

// Lives of a server that are ended by crashes, which take what is not durable, and clocks that are anywhere afterwards.
// The twin knows every timestamp that was ever shown.
TEST(GroupCommitRandom, NoTimestampIsShownTwiceWhateverCrashesTakeAndClocksSay) {
  std::size_t taken = 0, at_once = 0;
  for (std::uint64_t seed = test::test_seed(1), end = seed + 200; seed < end; ++seed) {
    SCOPED_TRACE(test::seed_note(seed));
    std::mt19937_64 random(seed);
    std::set<Timestamp> shown;
    Timestamp durable(1);  // the newest commit's that a recovery finds
    for (int life = 0; life < 5; ++life) {
      SetClock clock;
      clock.now = random() % (20 * kTimestampWindowUs);
      LocalOracle oracle(clock, window_end(durable));
      MemoryCommitLog log(MemoryCommitLog::Keep::records, MemoryCommitLog::Acknowledge::when_told);
      PublishedState published({window_end(durable), nullptr, nullptr, 0});
      ReadHolds holds(1);
      ListSteps steps;
      steps.published = &published;
      GroupCommit commits(oracle, log, published, holds, steps, {.batches = 1 + random() % 5});
      std::deque<ListSteps::Write> intents;
      std::size_t completed = 0;
      const std::uint64_t slowness = 1 + random() % 20;  // the disk's
      ASSERT_TRUE(shown.empty() || *shown.rbegin() <= published.load().read_ts) << "reads went back";
      const auto look = [&] {
        const Timestamp now = published.load().read_ts;
        if (!shown.empty() && now == *shown.rbegin()) return;
        ASSERT_TRUE(shown.empty() || *shown.rbegin() < now);
        ASSERT_TRUE(shown.insert(now).second);
      };
      look();
      for (std::uint64_t step = 0, steps_max = random() % 100; step < steps_max; ++step) {
        const std::uint64_t dice = random() % 8;
        if (dice < 3) {
          auto& write = intents.emplace_back();
          write.lazy = random() % 4 != 0;
          commits.submit(&write);
          commits.turn();
        } else if (dice < 5 && log.waiting() != 0 && random() % slowness == 0) {
          durable = log.records()[completed++].timestamp;
          log.complete_one();
        } else if (dice == 5) {
          clock.now = random() % (20 * kTimestampWindowUs);
        } else {
          clock.now += random() % (kTimestampWindowUs / 2);
        }
        // (Where several are published at once, the newest alone is seen.)
        look();
      }
      taken += durable < *shown.rbegin() && *shown.rbegin() != window_end(durable) ? 1 : 0;
      at_once += commits.counters().lazy;
    }
  }
  // Otherwise the test would show nothing.
  EXPECT_GT(taken, 100U);
  EXPECT_GT(at_once, 1'000U);
}

}  // namespace
}  // namespace gyre::oracle
