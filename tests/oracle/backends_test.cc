// What every oracle owes its callers, tried on each backend: in memory, and in a private PostgreSQL, which this
// program is started with (tests/run/server postgres). Then what only the remote one has: owners, epochs, and
// backends that are not as they should be.

#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "oracle/local_oracle.h"
#include "oracle/postgres_oracle.h"
#include "oracle/timestamp_oracle.h"
#include "tests/oracle/conformance.h"

namespace gyre::oracle {
namespace {

using test::OracleChecker;
using test::OracleClient;

class SetClock final : public Clock {
 public:
  std::uint64_t now_us() override { return now.load(); }
  std::atomic<std::uint64_t> now{0};
};

class JumpingClock final : public Clock {
 public:
  std::uint64_t now_us() override { return 1'000'000 + (state_ += 6364136223846793005U) % 1000; }

 private:
  std::atomic<std::uint64_t> state_{1};
};

std::string url() {
  return std::string("postgres://mz_system@127.0.0.1:") + std::getenv("GYRE_PORT") + "/postgres";
}

// Runs SQL on the backing server, as its administrator.
void run_sql(const std::string& sql) {
  PGconn* const pg = PQconnectdb(url().c_str());
  PGresult* const result = PQexec(pg, sql.c_str());
  const ExecStatusType status = PQresultStatus(result);
  EXPECT_TRUE(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) << sql << ": " << PQerrorMessage(pg);
  PQclear(result);
  PQfinish(pg);
}

struct Failed {
  OracleAnswer::Status status;
};

// The remote one with calls that wait. Any number of threads.
class Blocking final : public TimestampOracle {
 public:
  Blocking(PostgresOracleOptions options, Clock& clock)
      : remote_(std::move(options), clock, [this] {
          const std::lock_guard guard(lock_);
          answered_.notify_all();
        }) {}

  Timestamp write_ts() override { return call(Verb::write_ts); }
  Timestamp peek_write_ts() override { return call(Verb::peek_write_ts); }
  Timestamp read_ts() override { return call(Verb::read_ts); }
  void apply_write(Timestamp timestamp) override { call(Verb::apply_write, timestamp); }
  PostgresOracle& remote() { return remote_; }
  // Until its health is this.
  OracleHealth wait_for(OracleHealth::State state) {
    std::unique_lock guard(lock_);
    answered_.wait(guard, [&] { return remote_.health().state == state; });
    return remote_.health();
  }
  // Until its first attempt has ended.
  OracleHealth wait_for_any() {
    std::unique_lock guard(lock_);
    answered_.wait(guard, [&] { return remote_.health().state != OracleHealth::State::opening; });
    return remote_.health();
  }

 private:
  Timestamp call(Verb verb, Timestamp argument = {}) {
    OracleCall call;
    std::unique_lock guard(lock_);
    call.tag = ++last_tag_;
    call.verb = verb;
    call.argument = argument;
    remote_.ask(call);
    for (;;) {
      std::vector<OracleAnswer> taken;
      remote_.take_answers(taken);
      for (const OracleAnswer& answer : taken) answers_[answer.tag] = answer;
      if (!taken.empty()) answered_.notify_all();
      const auto found = answers_.find(call.tag);
      if (found != answers_.end()) {
        const OracleAnswer answer = found->second;
        answers_.erase(found);
        if (answer.status != OracleAnswer::Status::ok) throw Failed{answer.status};
        return answer.timestamp;
      }
      answered_.wait(guard);
    }
  }

  std::mutex lock_;
  std::condition_variable answered_;
  std::uint64_t last_tag_ = 0;
  std::map<std::uint64_t, OracleAnswer> answers_;
  PostgresOracle remote_;
};

PostgresOracleOptions options_for(const std::string& timeline, std::uint64_t initially = 0) {
  PostgresOracleOptions options;
  options.url = url();
  options.timeline = timeline;
  options.initially = Timestamp(initially);
  return options;
}

std::string new_timeline() {
  static int made = 0;
  return "timeline " + std::to_string(++made);
}

enum class Backend : std::uint8_t { local, postgres };

// One timeline, opened again as after a restart.
class Timeline {
 public:
  explicit Timeline(Backend backend) : backend_(backend), name_(new_timeline()) {}
  TimestampOracle& open(Clock& clock, std::uint64_t initially) {
    oracle_.reset();
    if (backend_ == Backend::local)
      oracle_ = std::make_unique<LocalOracle>(clock, Timestamp(initially));
    else
      oracle_ = std::make_unique<Blocking>(options_for(name_, initially), clock);
    return *oracle_;
  }

 private:
  const Backend backend_;
  const std::string name_;
  std::unique_ptr<TimestampOracle> oracle_;
};

class AnyOracle : public testing::TestWithParam<Backend> {
 protected:
  SetClock clock;
  Timeline timeline{GetParam()};
};

TEST_P(AnyOracle, BeginsWhereItIsTold) {
  TimestampOracle& oracle = timeline.open(clock, 1000);
  EXPECT_EQ(oracle.read_ts(), Timestamp(1000));
  EXPECT_EQ(oracle.peek_write_ts(), Timestamp(1000));
  EXPECT_EQ(oracle.write_ts(), Timestamp(1001));
}

TEST_P(AnyOracle, WritesFollowTheClockAndNeverGoBack) {
  TimestampOracle& oracle = timeline.open(clock, 0);
  EXPECT_EQ(oracle.write_ts(), Timestamp(1));
  EXPECT_EQ(oracle.write_ts(), Timestamp(2));
  clock.now = 500;
  EXPECT_EQ(oracle.write_ts(), Timestamp(500));
  EXPECT_EQ(oracle.write_ts(), Timestamp(501));
  clock.now = 10;
  EXPECT_EQ(oracle.write_ts(), Timestamp(502));
  EXPECT_EQ(oracle.read_ts(), Timestamp(0)) << "nothing has been applied";
}

TEST_P(AnyOracle, PeekingMovesNothing) {
  TimestampOracle& oracle = timeline.open(clock, 0);
  const Timestamp written = oracle.write_ts();
  EXPECT_EQ(oracle.peek_write_ts(), written);
  EXPECT_EQ(oracle.peek_write_ts(), written);
  EXPECT_EQ(oracle.read_ts(), Timestamp(0));
}

TEST_P(AnyOracle, ApplyingMovesForwardOnly) {
  clock.now = 100;
  TimestampOracle& oracle = timeline.open(clock, 50);
  EXPECT_EQ(oracle.write_ts(), Timestamp(100));
  // input <= read <= write: nothing moves.
  oracle.apply_write(Timestamp(40));
  EXPECT_EQ(oracle.read_ts(), Timestamp(50));
  EXPECT_EQ(oracle.peek_write_ts(), Timestamp(100));
  // read <= input <= write: reads move.
  oracle.apply_write(Timestamp(70));
  EXPECT_EQ(oracle.read_ts(), Timestamp(70));
  EXPECT_EQ(oracle.peek_write_ts(), Timestamp(100));
  // read <= write <= input: both move.
  oracle.apply_write(Timestamp(130));
  EXPECT_EQ(oracle.read_ts(), Timestamp(130));
  EXPECT_EQ(oracle.peek_write_ts(), Timestamp(130));
  EXPECT_EQ(oracle.write_ts(), Timestamp(131));
}

TEST_P(AnyOracle, KnowsAllSixtyFourBits) {
  clock.now = UINT64_MAX - 2;
  TimestampOracle& oracle = timeline.open(clock, 0);
  EXPECT_EQ(oracle.write_ts(), Timestamp(UINT64_MAX - 2));
  EXPECT_EQ(oracle.write_ts(), Timestamp(UINT64_MAX - 1));
  oracle.apply_write(Timestamp(UINT64_MAX - 1));
  EXPECT_EQ(oracle.read_ts(), Timestamp(UINT64_MAX - 1));
}

TEST_P(AnyOracle, GoesOnAboveWhatWasAppliedBefore) {
  clock.now = 9000;
  {
    TimestampOracle& before = timeline.open(clock, 0);
    EXPECT_EQ(before.write_ts(), Timestamp(9000));
    before.apply_write(Timestamp(9000));
  }
  clock.now = 5;  // and the clock went back meanwhile
  TimestampOracle& after = timeline.open(clock, 9000);
  EXPECT_EQ(after.read_ts(), Timestamp(9000));
  EXPECT_EQ(after.write_ts(), Timestamp(9001));
}

// Reads and writes from four threads, each write applied before it is answered.
TEST_P(AnyOracle, IsLinearizable) {
  JumpingClock jumping;
  TimestampOracle& oracle = timeline.open(jumping, 0);
  std::mutex one_at_a_time;  // the local one belongs to one core
  const auto guarded = [&] {
    return GetParam() == Backend::local ? std::unique_lock(one_at_a_time) : std::unique_lock<std::mutex>();
  };
  OracleChecker checker;
  {
    std::vector<std::jthread> threads;
    for (int number = 0; number < 4; ++number)
      threads.emplace_back([&, number] {
        const OracleClient client = {[&] {
                                       const auto guard = guarded();
                                       return oracle.read_ts();
                                     },
                                     [&] {
                                       const auto guard = guarded();
                                       const Timestamp timestamp = oracle.write_ts();
                                       oracle.apply_write(timestamp);
                                       return timestamp;
                                     }};
        for (int i = 0; i < 100; ++i) {
          if ((i + number) % 3 == 0) checker.write(client);
          checker.read(client);
        }
      });
  }
  EXPECT_EQ(checker.faults(), 0U) << checker.first_fault();
}

INSTANTIATE_TEST_SUITE_P(Backends, AnyOracle, testing::Values(Backend::local, Backend::postgres),
                         [](const auto& made) { return made.param == Backend::local ? "local" : "postgres"; });

// ---- owners ----

TEST(PostgresOracle, TheSecondOwnerFencesTheFirst) {
  SetClock clock;
  const std::string timeline = new_timeline();
  Blocking first(options_for(timeline), clock);
  const Timestamp written = first.write_ts();
  first.apply_write(written);
  Blocking second(options_for(timeline), clock);
  EXPECT_EQ(second.read_ts(), written);
  const Timestamp next = second.write_ts();
  EXPECT_GT(next, written);
  second.apply_write(next);
  for (int i = 0; i < 2; ++i) {
    EXPECT_THROW(first.read_ts(), Failed);
    EXPECT_THROW(first.write_ts(), Failed);
    EXPECT_THROW(first.apply_write(Timestamp(1'000'000)), Failed);
  }
  EXPECT_EQ(first.remote().health().state, OracleHealth::State::fenced);
  EXPECT_EQ(second.read_ts(), next) << "what the fenced one did must not count";
}

// Whichever comes first after the timeline was taken over; and what it would have done is not done.
TEST(PostgresOracle, EachVerbFindsTheOtherOwner) {
  using Try = void (*)(Blocking&);
  const Try kVerbs[] = {[](Blocking& oracle) { oracle.write_ts(); }, [](Blocking& oracle) { oracle.peek_write_ts(); },
                        [](Blocking& oracle) { oracle.read_ts(); },
                        [](Blocking& oracle) { oracle.apply_write(Timestamp(1'000'000)); }};
  for (const Try verb : kVerbs) {
    SetClock clock;
    const std::string timeline = new_timeline();
    Blocking first(options_for(timeline, 100), clock);
    EXPECT_EQ(first.read_ts(), Timestamp(100));
    Blocking second(options_for(timeline), clock);
    EXPECT_EQ(second.read_ts(), Timestamp(100));
    EXPECT_THROW(verb(first), Failed);
    EXPECT_EQ(first.remote().health().state, OracleHealth::State::fenced);
    EXPECT_EQ(second.peek_write_ts(), Timestamp(100));
    EXPECT_EQ(second.read_ts(), Timestamp(100));
  }
}

TEST(PostgresOracle, TimelinesDoNotKnowEachOther) {
  SetClock clock;
  Blocking one(options_for(new_timeline()), clock), other(options_for(new_timeline(), 77), clock);
  one.apply_write(Timestamp(1000));
  EXPECT_EQ(other.read_ts(), Timestamp(77));
  EXPECT_EQ(one.read_ts(), Timestamp(1000));
}

TEST(PostgresOracle, OwnersInTurnNeverGoBack) {
  SetClock clock;
  const std::string timeline = new_timeline();
  Timestamp newest;
  for (int i = 0; i < 5; ++i) {
    clock.now = static_cast<std::uint64_t>(100 - i);
    Blocking owner(options_for(timeline), clock);
    EXPECT_EQ(owner.read_ts(), newest);
    const Timestamp written = owner.write_ts();
    EXPECT_GT(written, newest);
    owner.apply_write(written);
    newest = written;
  }
}

// ---- backends that are not as they should be ----

constexpr const char* kEndConnections =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gyre timestamp oracle'";

TEST(PostgresOracle, ConnectionsThatBreakAreMadeAnew) {
  SetClock clock;
  Blocking oracle(options_for(new_timeline()), clock);
  for (std::uint64_t i = 1; i <= 5; ++i) {
    oracle.apply_write(Timestamp(i * 10));
    run_sql(kEndConnections);
    EXPECT_EQ(oracle.read_ts(), Timestamp(i * 10));
  }
  const RemoteOracleStats stats = oracle.remote().stats();
  EXPECT_GE(stats.connections_created, 5U);
  EXPECT_EQ(stats.operations[static_cast<std::size_t>(Verb::read_ts)].failed, 0U);
}

// Attempts go on, and in between it never looks well.
void expect_refused_for_good(Blocking& oracle, const std::string& told) {
  const std::uint64_t before = oracle.remote().stats().connections_created;
  while (oracle.remote().stats().connections_created < before + 4) {
    EXPECT_THROW(oracle.read_ts(), Failed);
    const OracleHealth health = oracle.remote().health();
    ASSERT_EQ(health.state, OracleHealth::State::refused);
    EXPECT_NE(health.sentence.find(told), std::string::npos) << health.sentence;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

// Each damage is done, seen by a call that fails, and mended; then the oracle goes on by itself.
TEST(PostgresOracle, DamageIsToldAndOvercome) {
  const struct {
    const char* damage;
    const char* mend;
    const char* told;
  } kCases[] = {
      {"ALTER TABLE timestamp_oracle RENAME TO elsewhere", "ALTER TABLE elsewhere RENAME TO timestamp_oracle",
       "does not exist"},
      {"ALTER TABLE timestamp_oracle RENAME COLUMN epoch TO era", "ALTER TABLE timestamp_oracle RENAME COLUMN era TO epoch",
       "another version"},
      {"ALTER TABLE timestamp_oracle ALTER read_ts TYPE text USING 'yesterday'",
       "ALTER TABLE timestamp_oracle ALTER read_ts TYPE decimal(20,0) USING 5000", "be matched"},
  };
  for (const auto& one : kCases) {
    SCOPED_TRACE(one.damage);
    SetClock clock;
    Blocking oracle(options_for(new_timeline(), 5000), clock);
    EXPECT_EQ(oracle.read_ts(), Timestamp(5000));
    run_sql(one.damage);
    run_sql(kEndConnections);  // (a prepared statement may outlive what it was made from)
    EXPECT_THROW(oracle.read_ts(), Failed);
    const OracleHealth health = oracle.remote().health();
    EXPECT_EQ(health.state, OracleHealth::State::refused);
    EXPECT_NE(health.sentence.find(one.told), std::string::npos) << health.sentence;
    run_sql(one.mend);
    oracle.wait_for(OracleHealth::State::well);
    EXPECT_EQ(oracle.read_ts(), Timestamp(5000));
  }
}

TEST(PostgresOracle, TimeThatWentBackIsNotBelieved) {
  SetClock clock;
  const std::string timeline = new_timeline();
  Blocking oracle(options_for(timeline, 100), clock);
  EXPECT_EQ(oracle.read_ts(), Timestamp(100));
  oracle.apply_write(Timestamp(200));
  run_sql("UPDATE timestamp_oracle SET read_ts = 150 WHERE timeline = '" + timeline + "'");
  EXPECT_THROW(oracle.read_ts(), Failed);
  expect_refused_for_good(oracle, "went back");
  run_sql("UPDATE timestamp_oracle SET read_ts = 200 WHERE timeline = '" + timeline + "'");
  oracle.wait_for(OracleHealth::State::well);
  EXPECT_EQ(oracle.read_ts(), Timestamp(200));
}

// It may read, so that half of all calls would succeed: that is not well.
TEST(PostgresOracle, ARightThatIsRevokedIsMissed) {
  const std::string timeline = new_timeline();
  SetClock clock;
  { Blocking(options_for(timeline), clock).read_ts(); }
  run_sql("CREATE ROLE dismissed LOGIN; GRANT ALL ON timestamp_oracle TO dismissed");
  PostgresOracleOptions options = options_for(timeline);
  options.url = "postgres://dismissed@127.0.0.1:" + std::string(std::getenv("GYRE_PORT")) + "/postgres";
  Blocking oracle(options, clock);
  oracle.write_ts();
  run_sql("REVOKE UPDATE ON timestamp_oracle FROM dismissed");
  EXPECT_THROW(oracle.write_ts(), Failed);
  expect_refused_for_good(oracle, "permission denied");
  run_sql("GRANT UPDATE ON timestamp_oracle TO dismissed");
  oracle.wait_for(OracleHealth::State::well);
  oracle.write_ts();
}

// What is refused and then does not answer at all is waited for, as any that does not.
TEST(PostgresOracle, WhoRefusedAndIsGoneIsWaitedFor) {
  const std::string timeline = new_timeline();
  SetClock clock;
  { Blocking(options_for(timeline), clock).read_ts(); }
  run_sql("CREATE ROLE unwelcome LOGIN; GRANT SELECT, UPDATE ON timestamp_oracle TO unwelcome");
  PostgresOracleOptions options = options_for(timeline);
  options.url = "postgres://unwelcome@127.0.0.1:" + std::string(std::getenv("GYRE_PORT")) + "/postgres";
  Blocking oracle(options, clock);
  oracle.wait_for(OracleHealth::State::refused);  // it may not insert
  run_sql("ALTER ROLE unwelcome NOLOGIN");
  const OracleHealth health = oracle.wait_for(OracleHealth::State::unreachable);
  EXPECT_NE(health.sentence.find("not permitted"), std::string::npos) << health.sentence;
  run_sql("ALTER ROLE unwelcome LOGIN; GRANT INSERT ON timestamp_oracle TO unwelcome");
  EXPECT_EQ(oracle.read_ts(), Timestamp(0));
}

// Also where nothing has been applied since: what was given for one commit is not given for another.
TEST(PostgresOracle, ATimestampIsNotGivenTwice) {
  SetClock clock;
  const std::string timeline = new_timeline();
  Blocking oracle(options_for(timeline, 100), clock);
  clock.now = 200;
  EXPECT_EQ(oracle.write_ts(), Timestamp(200));
  clock.now = 0;
  run_sql("UPDATE timestamp_oracle SET write_ts = 150 WHERE timeline = '" + timeline + "'");
  EXPECT_THROW(oracle.write_ts(), Failed);
  run_sql("UPDATE timestamp_oracle SET write_ts = 300 WHERE timeline = '" + timeline + "'");
  oracle.wait_for(OracleHealth::State::well);
  EXPECT_GT(oracle.write_ts(), Timestamp(300));
}

TEST(PostgresOracle, TheEndOfTimeIsNotATimestamp) {
  SetClock clock;
  const std::string timeline = new_timeline();
  Blocking oracle(options_for(timeline), clock);
  EXPECT_EQ(oracle.write_ts(), Timestamp(1));
  run_sql("UPDATE timestamp_oracle SET write_ts = 18446744073709551614 WHERE timeline = '" + timeline + "'");
  EXPECT_THROW(oracle.write_ts(), Failed);
}

TEST(PostgresOracle, AStrangersTableIsNotTouched) {
  run_sql("CREATE SCHEMA stranger; CREATE TABLE stranger.timestamp_oracle (timeline text PRIMARY KEY, read_ts int)");
  SetClock clock;
  PostgresOracleOptions options = options_for(new_timeline());
  options.url += "?options=-csearch_path%3Dstranger";
  Blocking oracle(options, clock);
  const OracleHealth health = oracle.wait_for(OracleHealth::State::refused);
  EXPECT_NE(health.sentence.find("another version"), std::string::npos) << health.sentence;
  EXPECT_THROW(oracle.write_ts(), Failed);
}

TEST(PostgresOracle, MissingRightsAreToldAndWaitedFor) {
  run_sql("CREATE ROLE powerless LOGIN");
  run_sql("CREATE SCHEMA guarded");
  SetClock clock;
  PostgresOracleOptions options = options_for(new_timeline());
  options.url = "postgres://powerless@127.0.0.1:" + std::string(std::getenv("GYRE_PORT")) +
                "/postgres?options=-csearch_path%3Dguarded";
  Blocking oracle(options, clock);
  oracle.wait_for(OracleHealth::State::refused);
  EXPECT_THROW(oracle.read_ts(), Failed);
  run_sql("GRANT USAGE, CREATE ON SCHEMA guarded TO powerless");
  oracle.wait_for(OracleHealth::State::well);
  EXPECT_EQ(oracle.read_ts(), Timestamp(0));
}

// A standby, or a server that is to take no writes: what it knows may be of a while ago.
TEST(PostgresOracle, WhoTakesNoWritesIsNotAsked) {
  const std::string timeline = new_timeline();
  SetClock clock;
  { Blocking(options_for(timeline), clock).read_ts(); }
  run_sql("CREATE ROLE reader LOGIN; GRANT ALL ON timestamp_oracle TO reader;"
          "ALTER ROLE reader SET default_transaction_read_only = on");
  PostgresOracleOptions options = options_for(timeline);
  options.url = "postgres://reader@127.0.0.1:" + std::string(std::getenv("GYRE_PORT")) + "/postgres";
  Blocking oracle(options, clock);
  const OracleHealth health = oracle.wait_for_any();
  EXPECT_EQ(health.state, OracleHealth::State::unreachable) << health.sentence;
  EXPECT_NE(health.sentence.find("read-only"), std::string::npos) << health.sentence;
  run_sql("ALTER ROLE reader SET default_transaction_read_only = off");
  EXPECT_EQ(oracle.wait_for(OracleHealth::State::well).sentence, "");
}

// The pauses between attempts double. (They are as long as they are, or longer where the machine is busy.)
TEST(PostgresOracle, AttemptsAreFewerAndFewer) {
  SetClock clock;
  PostgresOracleOptions options = options_for(new_timeline());
  options.url = "postgres://127.0.0.1:1/postgres";
  const auto began = std::chrono::steady_clock::now();
  Blocking oracle(options, clock);
  while (oracle.remote().stats().connection_errors < 7) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const auto took = std::chrono::steady_clock::now() - began;
  EXPECT_GE(took, std::chrono::milliseconds((4 + 8 + 16 + 32 + 64 + 128) * 9 / 10));
}

TEST(PostgresOracle, NobodyThereIsWaitedFor) {
  SetClock clock;
  PostgresOracleOptions options = options_for(new_timeline());
  options.url = "postgres://127.0.0.1:1/postgres";
  Blocking oracle(options, clock);
  const OracleHealth health = oracle.wait_for(OracleHealth::State::unreachable);
  EXPECT_FALSE(health.sentence.empty());
  OracleCall call;
  oracle.remote().ask(call);
  EXPECT_FALSE(oracle.remote().has_answers());
}

TEST(PostgresOracle, ConnectionStringsAreChecked) {
  EXPECT_EQ(why_not_postgres_url("postgres://someone@127.0.0.1:5432/somewhere"), "");
  EXPECT_NE(why_not_postgres_url("postgres://%zz"), "");
  EXPECT_NE(why_not_postgres_url("colour=green"), "");
}

}  // namespace
}  // namespace gyre::oracle

// Without a backing server in the environment, this program starts itself anew with one.
int main(int argc, char** argv) {
  if (std::getenv("GYRE_PORT") == nullptr) {
    std::vector<char*> command = {const_cast<char*>(GYRE_SOURCE_ROOT "/tests/run/server"), const_cast<char*>("postgres"),
                                  const_cast<char*>("--")};
    command.insert(command.end(), argv, argv + argc);
    command.push_back(nullptr);
    ::execv(command.front(), command.data());
    std::perror("tests/run/server");
    return 70;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
