// Which call serves which statement, against a twin that keeps each statement by itself; and the oracle core's
// dealings with a remote oracle, against one that answers when the test says so.

#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "oracle/group_commit.h"
#include "oracle/oracle_client.h"
#include "oracle/read_batcher.h"

namespace gyre::oracle {
namespace {

std::uint64_t test_seed() {
  const char* given = std::getenv("GYRE_TEST_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
}

// ---- the batcher ----

// Keeps for each statement when it arrived, and for each call when it was sent.
class SlowTwin {
 public:
  explicit SlowTwin(std::size_t askers) : statements_(askers) {}
  void arrive(std::size_t asker) { statements_[asker].push_back({++time_, false}); }
  void sent(std::uint64_t tag) { calls_[tag] = ++time_; }
  // The call has served all of these.
  void serve(std::uint64_t tag, std::size_t asker, std::uint64_t through) {
    ASSERT_LE(through, statements_[asker].size());
    for (std::uint64_t number = 0; number < through; ++number) {
      Statement& statement = statements_[asker][number];
      if (statement.served) continue;
      EXPECT_LT(statement.arrived, calls_.at(tag)) << "a statement has an answer to an older question";
      statement.served = true;
    }
  }
  void ended(std::uint64_t tag) {
    // Whoever was there when the call was sent has its answer now.
    for (const auto& of_asker : statements_)
      for (const Statement& statement : of_asker)
        EXPECT_TRUE(statement.served || statement.arrived > calls_.at(tag)) << "a statement was forgotten";
    calls_.erase(tag);
  }
  bool anybody_uncovered() const {
    std::uint64_t newest = 0;
    for (const auto& [tag, sent] : calls_) newest = std::max(newest, sent);
    for (const auto& of_asker : statements_)
      for (const Statement& statement : of_asker)
        if (!statement.served && statement.arrived > newest) return true;
    return false;
  }
  bool all_served() const {
    for (const auto& of_asker : statements_)
      for (const Statement& statement : of_asker)
        if (!statement.served) return false;
    return true;
  }

 private:
  struct Statement {
    std::uint64_t arrived;
    bool served;
  };
  std::uint64_t time_ = 0;
  std::vector<std::vector<Statement>> statements_;
  std::map<std::uint64_t, std::uint64_t> calls_;  // tag → when it was sent
};

TEST(ReadBatcher, ArguesWithASlowTwin) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE(testing::Message() << "GYRE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    const std::size_t askers = 1 + random() % 4, most = 1 + random() % 4;
    ReadBatcher batcher(askers);
    SlowTwin twin(askers);
    std::vector<std::uint64_t> under_way;
    const auto end_one = [&] {
      const std::size_t which = random() % under_way.size();
      const std::uint64_t tag = under_way[which];
      under_way.erase(under_way.begin() + static_cast<std::ptrdiff_t>(which));
      batcher.end(tag, [&](std::size_t asker, std::uint64_t through) { twin.serve(tag, asker, through); });
      twin.ended(tag);
    };
    for (int step = 0; step < 60; ++step) {
      switch (random() % 3) {
        case 0: {
          const std::size_t asker = random() % askers;
          const std::uint64_t statements = 1 + random() % 3;
          for (std::uint64_t i = 0; i < statements; ++i) twin.arrive(asker);
          batcher.arrive(asker, statements);
          break;
        }
        case 1:
          if (const auto call = batcher.next(most)) {
            EXPECT_TRUE(twin.anybody_uncovered());
            EXPECT_GT(call->statements, 0U);
            twin.sent(call->tag);
            under_way.push_back(call->tag);
          } else {
            EXPECT_TRUE(under_way.size() >= most || !twin.anybody_uncovered());
          }
          EXPECT_LE(under_way.size(), most);
          break;
        default:
          if (!under_way.empty()) end_one();
      }
      ASSERT_FALSE(testing::Test::HasFailure());
    }
    while (twin.anybody_uncovered() || !under_way.empty()) {
      if (const auto call = batcher.next(most)) {
        twin.sent(call->tag);
        under_way.push_back(call->tag);
      } else {
        end_one();
      }
    }
    EXPECT_TRUE(twin.all_served());
  }
}

TEST(ReadBatcher, AResponseDoesNotServeWhoCameAfterItsRequest) {
  ReadBatcher batcher(1);
  batcher.arrive(0, 1);
  const auto first = batcher.next(1);
  ASSERT_TRUE(first);
  batcher.arrive(0, 2);  // while it is under way
  EXPECT_FALSE(batcher.next(1));
  std::uint64_t served = 0;
  const auto note = [&](std::size_t, std::uint64_t through) { served = through; };
  batcher.end(first->tag, note);
  EXPECT_EQ(served, 1U);
  const auto second = batcher.next(1);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->statements, 2U);
  batcher.end(second->tag, note);
  EXPECT_EQ(served, 3U);
}

// ---- the client ----

// Answers when it is told to, in any order.
class ToldOracle final : public RemoteOracle {
 public:
  void ask(const OracleCall& call) override { calls.push_back(call); }
  bool has_answers() const override { return !answers.empty(); }
  void take_answers(std::vector<OracleAnswer>& into) override {
    into.insert(into.end(), answers.begin(), answers.end());
    answers.clear();
  }
  OracleHealth health() const override { return state; }
  RemoteOracleStats stats() const override { return {}; }
  Timestamp opened_at() const override { return {}; }

  // Carries out a call, as the timeline's row would.
  void carry_out(std::size_t which, OracleAnswer::Status status = OracleAnswer::Status::ok) {
    const OracleCall call = calls[which];
    calls.erase(calls.begin() + static_cast<std::ptrdiff_t>(which));
    OracleAnswer answer;
    answer.tag = call.tag;
    answer.verb = call.verb;
    answer.status = status;
    if (status == OracleAnswer::Status::ok) {
      switch (call.verb) {
        case Verb::write_ts:
          answer.timestamp = Timestamp(++write_ts);
          break;
        case Verb::apply_write:
          read_ts = std::max(read_ts, call.argument.value);
          answer.timestamp = call.argument;
          break;
        default:
          answer.timestamp = Timestamp(read_ts);
      }
    }
    answers.push_back(answer);
  }
  void carry_out_verb(Verb verb, OracleAnswer::Status status = OracleAnswer::Status::ok) {
    for (std::size_t i = 0; i < calls.size(); ++i)
      if (calls[i].verb == verb) return carry_out(i, status);
    FAIL() << "nobody asks for " << verb_name(verb);
  }
  std::size_t asked(Verb verb) const {
    std::size_t count = 0;
    for (const OracleCall& call : calls) count += call.verb == verb ? 1 : 0;
    return count;
  }

  std::vector<OracleCall> calls;
  std::vector<OracleAnswer> answers;
  std::uint64_t read_ts = 0, write_ts = 0;
  OracleHealth state{OracleHealth::State::well, 0, {}};
};

// The least that can be committed: intents without content.
class Steps final : public CommitSteps {
 public:
  Outcome order(std::span<Intent* const>, Writes writes) override {
    if (writes == Writes::refused) ++refused_writes;
    return writes == Writes::accepted && !reads ? Outcome::write : Outcome::answer;
  }
  bool may_write(const Intent& intent) const override { return !no_writers.contains(&intent); }
  void encode(Timestamp, OutBuffer&) override {}
  void seal(Timestamp) override {}
  Publication apply(Timestamp timestamp, RetireList&) override { return {timestamp, nullptr, nullptr, 0}; }
  void answer(std::span<Intent* const> batch, Timestamp) override { answered += batch.size(); }
  void drop_sealed(std::size_t position) override { dropped_from = position; }
  void disclaim(std::size_t, std::span<Intent* const> batch) override { disclaimed += batch.size(); }
  void give_up(std::size_t, std::span<Intent* const> batch) override { given_up += batch.size(); }
  void refuse(std::size_t position, std::span<Intent* const> batch, Refusal why) override {
    EXPECT_EQ(why, expected);
    EXPECT_EQ(position, dropped_from);
    lost += batch.size();
  }
  std::size_t answered = 0, lost = 0, disclaimed = 0, given_up = 0, refused_writes = 0;
  Refusal expected = Refusal::fenced;
  bool reads = false;  // what is ordered next writes nothing
  std::set<const Intent*> no_writers;
  std::size_t dropped_from = 0;
};

class ClientTest : public testing::Test, protected OracleClient::Listener {
 protected:
  void on_batch(std::size_t asker, std::uint64_t through, OracleClient::Outcome outcome) override {
    (outcome == OracleClient::Outcome::read ? batches : failures).emplace_back(asker, through);
  }
  void on_single(std::size_t asker, std::uint64_t id, OracleClient::Outcome outcome) override {
    (outcome == OracleClient::Outcome::read ? singles : failures).emplace_back(asker, id);
  }
  void on_timestamps() override { commits.timestamps_changed(); }

  void commit() {
    commits.submit(&intents.emplace_back());
    turn();
  }
  void turn() {
    commits.turn();
    client.release(commits.oldest_unpublished());
  }
  void deliver() {
    client.deliver();
    turn();
  }
  // The first of them; the others are still on their way.
  void deliver_some(std::size_t answers) {
    const auto some = oracle.answers.begin() + static_cast<std::ptrdiff_t>(answers);
    const std::vector<OracleAnswer> later(some, oracle.answers.end());
    oracle.answers.erase(some, oracle.answers.end());
    deliver();
    oracle.answers.insert(oracle.answers.end(), later.begin(), later.end());
  }
  void have_timestamp() {
    client.tick(1);
    oracle.carry_out_verb(Verb::write_ts);
    deliver();
  }

  using Pair = std::pair<std::size_t, std::uint64_t>;
  std::vector<Pair> batches, singles, failures;
  ToldOracle oracle;
  OracleClient client{oracle, 2, *this};
  MemoryCommitLog log;
  PublishedState published;
  ReadHolds holds{1};
  Steps steps;
  std::deque<Intent> intents;
  GroupCommit commits{client, log, published, holds, steps};
};

TEST_F(ClientTest, NothingIsOrderedWithoutATimestampInHand) {
  commit();
  EXPECT_EQ(steps.answered, 0U);
  client.tick(1);
  oracle.carry_out_verb(Verb::write_ts);
  deliver();
  EXPECT_EQ(steps.answered, 0U) << "it is durable, but the oracle does not know yet";
  EXPECT_EQ(published.load().read_ts, Timestamp(0));
  oracle.carry_out_verb(Verb::apply_write);
  deliver();
  EXPECT_EQ(steps.answered, 1U);
  EXPECT_EQ(published.load().read_ts, Timestamp(1));
}

// While writes wait, what does not write goes past them; behind a commit that is not applied it waits for that alone.
TEST_F(ClientTest, WhatDoesNotWriteNeedsNoTimestamp) {
  commit();
  EXPECT_FALSE(commits.can_begin());
  const auto read = [&] {
    steps.no_writers.insert(&intents.emplace_back());
    commits.submit(&intents.back());
    EXPECT_TRUE(commits.can_begin());
    turn();
    EXPECT_FALSE(commits.can_begin());
  };
  read();
  EXPECT_EQ(steps.answered, 1U);
  client.tick(1);
  oracle.carry_out_verb(Verb::write_ts);
  deliver();
  for (std::size_t i = 0; i < 2 * CommitLimits{}.batches; ++i) read();
  commit();
  EXPECT_EQ(steps.answered, 1U);
  oracle.carry_out_verb(Verb::apply_write);
  deliver();
  EXPECT_EQ(steps.answered, 2 + 2 * CommitLimits{}.batches) << "the other commit has no timestamp yet";
}

TEST_F(ClientTest, AReadWaitsForWhatItsTimestampCovers) {
  have_timestamp();
  commit();
  oracle.carry_out_verb(Verb::apply_write);  // the answer is on its way
  client.arrive(1, 3);
  client.send(3);
  oracle.carry_out_verb(Verb::read_ts);
  std::swap(oracle.answers.front(), oracle.answers.back());  // and is overtaken
  const OracleAnswer applied = oracle.answers.back();
  oracle.answers.pop_back();
  deliver();
  EXPECT_TRUE(batches.empty()) << "the read is at the write's timestamp, which is not published";
  oracle.answers.push_back(applied);
  deliver();
  EXPECT_EQ(published.load().read_ts, Timestamp(1));
  EXPECT_EQ(batches, (std::vector<Pair>{{1, 3}}));
}

// What it covers will never be seen here.
TEST_F(ClientTest, AReadThatWaitsFailsWithTheFence) {
  have_timestamp();
  commit();
  oracle.carry_out_verb(Verb::apply_write);
  OracleAnswer fenced = oracle.answers.back();  // the connection broke, and the call was made again, too late
  fenced.status = OracleAnswer::Status::fenced;
  oracle.answers.pop_back();
  client.arrive(0, 1);
  client.send(3);
  oracle.carry_out_verb(Verb::read_ts);
  deliver();
  EXPECT_TRUE(batches.empty());
  oracle.answers.push_back(fenced);
  deliver();
  EXPECT_TRUE(batches.empty());
  EXPECT_EQ(failures, (std::vector<Pair>{{0, 1}}));
}

// Commits that become durable while another's timestamp is being applied wait for one call, made at once.
TEST_F(ClientTest, OneCallAppliesWhatGatheredMeanwhile) {
  client.tick(1);
  for (int i = 0; i < 3; ++i) {
    oracle.carry_out_verb(Verb::write_ts);
    deliver();
    commit();
  }
  EXPECT_EQ(oracle.asked(Verb::apply_write), 1U);
  oracle.carry_out_verb(Verb::apply_write);
  deliver();
  EXPECT_EQ(steps.answered, 1U);
  ASSERT_EQ(oracle.asked(Verb::apply_write), 1U);
  oracle.carry_out_verb(Verb::apply_write);
  deliver();
  EXPECT_EQ(steps.answered, 3U);
}

TEST_F(ClientTest, OneCallOfItsOwnForWhoAsksAlone) {
  client.ask_alone(0, 7);
  client.ask_alone(1, 7);
  EXPECT_EQ(oracle.asked(Verb::read_ts), 2U);
  oracle.carry_out(1);
  deliver();
  EXPECT_EQ(singles, (std::vector<Pair>{{1, 7}}));
  oracle.carry_out(0);
  deliver();
  EXPECT_EQ(singles.size(), 2U);
}

TEST_F(ClientTest, WhoIsFencedAnswersNobodyWell) {
  have_timestamp();
  commit();
  client.arrive(0, 1);
  client.send(3);
  oracle.carry_out_verb(Verb::apply_write, OracleAnswer::Status::fenced);
  deliver();
  EXPECT_EQ(steps.lost, 1U);
  EXPECT_EQ(published.load().read_ts, Timestamp(0));
  oracle.carry_out_verb(Verb::read_ts, OracleAnswer::Status::fenced);
  deliver();
  EXPECT_TRUE(batches.empty());
  EXPECT_EQ(failures.size(), 1U);
  commit();
  EXPECT_EQ(steps.refused_writes, 1U);
  EXPECT_EQ(steps.answered, 1U) << "with its error";
}

TEST_F(ClientTest, WritesWaitForAnOracleThatIsAwayButNotForEver) {
  oracle.state = {OracleHealth::State::unreachable, 1'000, "nobody there"};
  client.tick(1'000);
  commit();
  EXPECT_EQ(steps.answered, 0U);
  client.tick(60'000'000'000);
  turn();
  EXPECT_EQ(steps.refused_writes, 1U);
  EXPECT_NE(client.why_refused().find("nobody there"), std::string::npos);
  // And when it is back, without a restart:
  oracle.state = {OracleHealth::State::well, 60'000'000'001, {}};
  oracle.carry_out_verb(Verb::write_ts);
  deliver();
  commit();
  oracle.carry_out_verb(Verb::apply_write);
  deliver();
  EXPECT_EQ(steps.refused_writes, 1U);
  EXPECT_EQ(steps.answered, 2U);
}

TEST_F(ClientTest, AnApplyThatFailedIsAskedForAgain) {
  have_timestamp();
  commit();
  oracle.carry_out_verb(Verb::apply_write, OracleAnswer::Status::failed);
  deliver();
  EXPECT_EQ(steps.answered, 0U);
  client.tick(2);
  oracle.carry_out_verb(Verb::apply_write);
  deliver();
  EXPECT_EQ(steps.answered, 1U);
}

TEST_F(ClientTest, NobodyWaitsForEverForWhatIsNotApplied) {
  have_timestamp();
  commit();
  EXPECT_FALSE(client.apply_is_late());
  client.tick(60'000'000'000);
  ASSERT_TRUE(client.apply_is_late());
  commits.disclaim_unapplied();
  EXPECT_EQ(steps.disclaimed, 1U);
  oracle.carry_out_verb(Verb::apply_write);
  deliver();
  EXPECT_EQ(steps.answered, 0U);
  EXPECT_EQ(published.load().read_ts, Timestamp(1)) << "it is seen all the same";
  EXPECT_FALSE(client.apply_is_late());
}

// Whoever comes while the oracle is away has an answer in a while, however many came before.
TEST_F(ClientTest, AnOracleThatIsAwayHoldsUpNobodyForEver) {
  have_timestamp();
  commit();
  oracle.state = {OracleHealth::State::unreachable, 1, "nobody there"};
  client.tick(60'000'000'000);
  for (std::size_t i = 1; i <= 20; ++i) {
    steps.reads = i % 2 == 0;
    commit();
    ASSERT_TRUE(client.apply_is_late());
    commits.disclaim_unapplied();
    EXPECT_EQ(steps.given_up, i);
  }
  EXPECT_EQ(steps.disclaimed, 1U);
  EXPECT_EQ(commits.in_flight(), 1U);
  steps.reads = false;
  oracle.state = {OracleHealth::State::well, 60'000'000'001, {}};
  oracle.carry_out_verb(Verb::apply_write);
  deliver();
  EXPECT_EQ(published.load().read_ts, Timestamp(1));
  oracle.carry_out_verb(Verb::write_ts);
  deliver();
  commit();
  oracle.carry_out_verb(Verb::apply_write);
  deliver();
  EXPECT_EQ(steps.answered, 1U);
  EXPECT_EQ(published.load().read_ts, Timestamp(2));
}

// Also where all that may be under way has written.
TEST_F(ClientTest, TheLimitOfBatchesDoesNotCountWhatNobodyWaitsFor) {
  constexpr std::size_t kMost = CommitLimits{}.batches;
  client.tick(1);
  for (std::size_t i = 0; i < kMost; ++i) {
    oracle.carry_out_verb(Verb::write_ts);
    deliver();
    commit();
  }
  EXPECT_EQ(commits.in_flight(), kMost);
  oracle.state = {OracleHealth::State::unreachable, 1, "nobody there"};
  client.tick(60'000'000'000);
  commits.disclaim_unapplied();
  EXPECT_EQ(steps.disclaimed, kMost);
  commit();
  EXPECT_EQ(steps.refused_writes, 1U);
}

// The disk is full for a batch while the one before is durable and waits to be applied: that one has happened. The other
// is told at once, and who comes next is let in, however long the oracle takes.
TEST_F(ClientTest, WhatIsDurableIsPublishedThoughTheLogRefusesTheNext) {
  for (const auto why : {Durability::no_room, Durability::failed}) {
    MemoryCommitLog told(MemoryCommitLog::Keep::nothing, MemoryCommitLog::Acknowledge::when_told);
    PublishedState seen;
    GroupCommit both(client, told, seen, holds, steps);
    steps = {};
    steps.expected = why == Durability::no_room ? CommitSteps::Refusal::no_room : CommitSteps::Refusal::log_failed;
    for (int i = 0; i < 2; ++i) {
      client.tick(1);
      oracle.carry_out_verb(Verb::write_ts);
      client.deliver();
      both.submit(&intents.emplace_back());
      both.turn();
    }
    told.complete_one();
    told.complete_one(why);
    EXPECT_EQ(steps.answered, 0U) << "the oracle has not been told";
    EXPECT_EQ(steps.lost, 1U);
    EXPECT_EQ(steps.dropped_from, 1U);
    EXPECT_EQ(both.in_flight(), 1U);
    steps.no_writers.insert(&intents.emplace_back());
    steps.reads = true;
    both.submit(&intents.back());
    EXPECT_TRUE(both.can_begin());
    both.turn();
    EXPECT_EQ(steps.answered, 0U) << "it has seen what is not published";
    oracle.carry_out_verb(Verb::apply_write);
    client.deliver();
    both.timestamps_changed();
    EXPECT_EQ(steps.answered, 2U);
    EXPECT_EQ(steps.lost, 1U);
    EXPECT_EQ(both.in_flight(), 0U);
    EXPECT_EQ(seen.load().read_ts, client.applied());
  }
}

// Random schedules of commits, reads and answers: a read that is answered finds published whatever the oracle had been
// told before it was asked for.
TEST_F(ClientTest, ReadsSeeAnsweredWritesWhateverTheSchedule) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE(testing::Message() << "GYRE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  std::deque<std::uint64_t> floors;                      // of asker 0's statements: what was applied when each arrived
  std::map<std::uint64_t, std::uint64_t> floors_alone;  // of asker 1's, by id
  std::size_t seen = 0;
  const auto check = [&] {
    for (; !batches.empty(); batches.erase(batches.begin()))
      for (; seen < batches.front().second; ++seen)
        EXPECT_GE(published.load().read_ts.value, floors[seen]);
    for (; !singles.empty(); singles.pop_back())
      EXPECT_GE(published.load().read_ts.value, floors_alone.extract(singles.back().second).mapped());
  };
  for (int step = 0; step < 4000; ++step) {
    switch (random() % 6) {
      case 0:
        commit();
        break;
      case 1:
        floors.push_back(oracle.read_ts);
        client.arrive(0, 1);
        client.send(1 + random() % 3);
        break;
      case 2:
        floors_alone.emplace(step, oracle.read_ts);
        client.ask_alone(1, static_cast<std::uint64_t>(step));
        break;
      case 3:
        // (As many as are asked: the calls under way stay few.)
        for (std::uint64_t more = random() % 8; more != 0 && !oracle.calls.empty(); --more)
          oracle.carry_out(random() % oracle.calls.size());
        break;
      case 4:
        std::shuffle(oracle.answers.begin(), oracle.answers.end(), random);
        deliver_some(oracle.answers.empty() ? 0 : random() % (oracle.answers.size() + 1));
        break;
      default:
        client.tick(static_cast<std::uint64_t>(step));
        client.send(3);
    }
    check();
    ASSERT_FALSE(testing::Test::HasFailure());
  }
  for (int i = 0; i < 200; ++i) {
    client.tick(5000);
    client.send(3);
    while (!oracle.calls.empty()) oracle.carry_out(0);
    deliver();
    check();
  }
  EXPECT_EQ(steps.answered, intents.size());
  EXPECT_EQ(seen, floors.size());
  EXPECT_TRUE(floors_alone.empty());
  EXPECT_TRUE(failures.empty());
}

}  // namespace
}  // namespace gyre::oracle
