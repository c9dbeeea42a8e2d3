// What transactions of each isolation level may see of each other, savepoints, and timeouts; random histories
// of serializable transactions against a model that runs them one after the other.
#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "tests/adapter/world.h"

namespace gyre::test {
namespace {

class IsolationTest : public testing::Test {
 protected:
  const std::uint64_t seed = test_seed();
  testing::ScopedTrace trace{__FILE__, __LINE__, "GYRE_TEST_SEED=" + std::to_string(seed)};
  World world{seed, 2};
  Client& a = world.connect(0);
  Client& b = world.connect(1);

  void SetUp() override {
    a.ask("CREATE TABLE t (id int4 PRIMARY KEY, v int4)");
    a.ask("INSERT INTO t VALUES (1, 10), (2, 20), (3, 30)");
  }
  void TearDown() override {
    while (!world.clients.empty()) world.close(*world.clients.front());
    EXPECT_EQ(world.open_transactions(), 0u);
    EXPECT_TRUE(world.nothing_pinned());
  }
};

constexpr const char* kCommitted = "C(COMMIT) Z(I)";
constexpr const char* kRefused = "E(40001) Z(I)";

TEST_F(IsolationTest, WriteSkewOnRows) {
  a.ask("BEGIN; SELECT sum(v) FROM t WHERE id IN (1, 2); UPDATE t SET v = 0 WHERE id = 1");
  b.ask("BEGIN; SELECT sum(v) FROM t WHERE id IN (1, 2); UPDATE t SET v = 0 WHERE id = 2");
  EXPECT_EQ(a.ask("COMMIT"), kCommitted);
  EXPECT_EQ(b.ask("COMMIT"), kRefused);
}

TEST_F(IsolationTest, WriteSkewIsAllowedAtRepeatableRead) {
  a.ask("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM t; UPDATE t SET v = 0 WHERE id = 1");
  b.ask("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM t; UPDATE t SET v = 0 WHERE id = 2");
  EXPECT_EQ(a.ask("COMMIT"), kCommitted);
  EXPECT_EQ(b.ask("COMMIT"), kCommitted);
}

TEST_F(IsolationTest, WriteSkewOnAbsentKeys) {
  a.ask("BEGIN; SELECT * FROM t WHERE id = 8; INSERT INTO t VALUES (7, 0)");
  b.ask("BEGIN; SELECT * FROM t WHERE id = 7; INSERT INTO t VALUES (8, 0)");
  EXPECT_EQ(b.ask("COMMIT"), kCommitted);
  EXPECT_EQ(a.ask("COMMIT"), kRefused);
}

TEST_F(IsolationTest, WriteSkewOnAnEmptyRange) {
  a.ask("BEGIN; SELECT count(*) FROM t WHERE id BETWEEN 100 AND 200; INSERT INTO t VALUES (150, 0)");
  b.ask("BEGIN; SELECT count(*) FROM t WHERE id BETWEEN 100 AND 200; INSERT INTO t VALUES (160, 0)");
  EXPECT_EQ(b.ask("COMMIT"), kCommitted);
  EXPECT_EQ(a.ask("COMMIT"), kRefused);
}

TEST_F(IsolationTest, RangesThatDoNotMeetDoNotConflict) {
  a.ask("BEGIN; SELECT count(*) FROM t WHERE id BETWEEN 100 AND 199; INSERT INTO t VALUES (150, 0)");
  b.ask("BEGIN; SELECT count(*) FROM t WHERE id BETWEEN 200 AND 299; INSERT INTO t VALUES (250, 0)");
  EXPECT_EQ(b.ask("COMMIT"), kCommitted);
  EXPECT_EQ(a.ask("COMMIT"), kCommitted);
}

TEST_F(IsolationTest, AnIndexRangeThatWasRead) {
  a.ask("CREATE INDEX t_v ON t (v)");
  a.ask("BEGIN; SELECT id FROM t WHERE v = 20; INSERT INTO t VALUES (4, 99)");
  b.ask("UPDATE t SET v = 21 WHERE id = 3");
  EXPECT_EQ(a.ask("COMMIT"), kCommitted);
  a.ask("BEGIN; SELECT id FROM t WHERE v = 20; INSERT INTO t VALUES (5, 99)");
  b.ask("UPDATE t SET v = 20 WHERE id = 3");
  EXPECT_EQ(a.ask("COMMIT"), kRefused);
}

TEST_F(IsolationTest, AReadThatAnUpdateMade) {
  a.ask("BEGIN; UPDATE t SET v = (SELECT v FROM t WHERE id = 2) WHERE id = 1");
  b.ask("UPDATE t SET v = 21 WHERE id = 2");
  EXPECT_EQ(a.ask("COMMIT"), kRefused);
}

TEST_F(IsolationTest, OnlyWhatALimitLetThroughWasRead) {
  a.ask("BEGIN; SELECT id FROM t ORDER BY id LIMIT 1; INSERT INTO t VALUES (50, 0)");
  b.ask("UPDATE t SET v = 31 WHERE id = 3");
  EXPECT_EQ(a.ask("COMMIT"), kCommitted);
  a.ask("BEGIN; SELECT id FROM t ORDER BY id DESC LIMIT 1; INSERT INTO t VALUES (40, 0)");
  b.ask("UPDATE t SET v = 11 WHERE id = 1");
  EXPECT_EQ(a.ask("COMMIT"), kCommitted);
  a.ask("BEGIN; SELECT id FROM t ORDER BY id DESC LIMIT 1; INSERT INTO t VALUES (60, 0)");
  b.ask("INSERT INTO t VALUES (70, 0)");
  EXPECT_EQ(a.ask("COMMIT"), kRefused);
}

TEST_F(IsolationTest, ACursorsReadsCount) {
  a.ask("BEGIN; DECLARE c CURSOR FOR SELECT id FROM t");
  a.ask("FETCH 1 FROM c");
  a.ask("INSERT INTO t VALUES (50, 0)");
  a.ask("FETCH 1 FROM c");
  b.ask("UPDATE t SET v = 21 WHERE id = 2");
  EXPECT_EQ(a.ask("COMMIT"), kRefused);
}

TEST_F(IsolationTest, AKeyThatStoodInTheWayWasRead) {
  a.ask("BEGIN; SAVEPOINT s; INSERT INTO t VALUES (3, 0)");
  EXPECT_EQ(a.ask("ROLLBACK TO s; INSERT INTO t VALUES (4, 0)"), "C(ROLLBACK) C(INSERT 0 1) Z(T)");
  b.ask("DELETE FROM t WHERE id = 3");
  EXPECT_EQ(a.ask("COMMIT"), kRefused);
}

TEST_F(IsolationTest, AKeyThatWasFreeForARowTakenBackWasRead) {
  a.ask("BEGIN; SAVEPOINT s; INSERT INTO t VALUES (9, 0); ROLLBACK TO s; INSERT INTO t VALUES (4, 0)");
  b.ask("INSERT INTO t VALUES (9, 0)");
  EXPECT_EQ(a.ask("COMMIT"), kRefused);
  a.ask("BEGIN; INSERT INTO t VALUES (8, 0); DELETE FROM t WHERE id = 8; INSERT INTO t VALUES (5, 0)");
  b.ask("INSERT INTO t VALUES (8, 0)");
  EXPECT_EQ(a.ask("COMMIT"), kRefused);
}

TEST_F(IsolationTest, UpsertsRelyOnWhatTheyFound) {
  const std::string upsert = "INSERT INTO t VALUES (9, 1) ON CONFLICT (id) DO ";
  for (const char* level : {"REPEATABLE READ", "SERIALIZABLE"}) {
    a.ask("DELETE FROM t WHERE id = 9");
    a.ask(std::string("BEGIN ISOLATION LEVEL ") + level + "; " + upsert + "UPDATE SET v = t.v + 1");
    b.ask("INSERT INTO t VALUES (9, 0)");
    EXPECT_EQ(a.ask("COMMIT"), kRefused) << level;
  }
  a.ask("BEGIN; " + upsert + "NOTHING; INSERT INTO t VALUES (4, 0)");
  b.ask("DELETE FROM t WHERE id = 9");
  EXPECT_EQ(a.ask("COMMIT"), kRefused) << "it did nothing because of a row that is gone";
  a.ask("INSERT INTO t VALUES (9, 5)");
  a.ask("BEGIN; " + upsert + "UPDATE SET v = 0 WHERE t.v = 6; INSERT INTO t VALUES (4, 0)");
  b.ask("UPDATE t SET v = 6 WHERE id = 9");
  EXPECT_EQ(a.ask("COMMIT"), kRefused);
}

TEST_F(IsolationTest, ReadsOfASavepointCountAfterItsEnd) {
  a.ask("BEGIN; SAVEPOINT s; SELECT v FROM t WHERE id = 1; ROLLBACK TO s; INSERT INTO t VALUES (4, 0)");
  b.ask("UPDATE t SET v = 11 WHERE id = 1");
  EXPECT_EQ(a.ask("COMMIT"), kRefused);
}

// Fekete, O'Neil, O'Neil 2004: the reader makes the difference.
TEST_F(IsolationTest, ReadOnlyAnomaly) {
  Client& c = world.connect(0);
  a.ask("BEGIN; SELECT v FROM t WHERE id IN (1, 2)");
  b.ask("BEGIN; UPDATE t SET v = 40 WHERE id = 2");
  EXPECT_EQ(b.ask("COMMIT"), kCommitted);
  EXPECT_EQ(c.ask("BEGIN READ ONLY; SELECT v FROM t WHERE id IN (1, 2); COMMIT"),
            "C(BEGIN) T D(10) D(40) C(SELECT 2) C(COMMIT) Z(I)");
  a.ask("UPDATE t SET v = -11 WHERE id = 1");
  EXPECT_EQ(a.ask("COMMIT"), kRefused);
}

TEST_F(IsolationTest, ReadersAreNotValidated) {
  a.ask("BEGIN; SELECT * FROM t");
  b.ask("UPDATE t SET v = v + 1");
  EXPECT_EQ(a.ask("COMMIT"), kCommitted);
  a.ask("BEGIN; SELECT * FROM t; SAVEPOINT s; UPDATE t SET v = 0; ROLLBACK TO s");
  b.ask("UPDATE t SET v = v + 1");
  EXPECT_EQ(a.ask("COMMIT"), kCommitted) << "what it wrote is undone";
}

TEST_F(IsolationTest, AnOvertakenUpdateFailsAtOnce) {
  a.ask("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
  b.ask("UPDATE t SET v = 11 WHERE id = 1");
  EXPECT_EQ(a.ask("SELECT v FROM t WHERE id = 1"), "T D(10) C(SELECT 1) Z(T)");
  EXPECT_EQ(a.ask("UPDATE t SET v = v + 1 WHERE id = 1"), "E(40001) Z(E)");
  EXPECT_EQ(a.ask("ROLLBACK"), "C(ROLLBACK) Z(I)");
}

TEST_F(IsolationTest, TheFirstQueryTakesTheSnapshot) {
  a.ask("BEGIN");
  a.ask("SET LOCAL application_name = 'x'");
  a.ask("SAVEPOINT s");
  a.ask("SHOW transaction_isolation");
  b.ask("UPDATE t SET v = 11 WHERE id = 1");
  EXPECT_EQ(a.ask("SELECT v FROM t WHERE id = 1"), "T D(11) C(SELECT 1) Z(T)");
  b.ask("UPDATE t SET v = 12 WHERE id = 1");
  EXPECT_EQ(a.ask("SELECT v FROM t WHERE id = 1"), "T D(11) C(SELECT 1) Z(T)");
  a.ask("COMMIT");
}

TEST_F(IsolationTest, EachStatementOfReadCommittedReadsAnew) {
  a.ask("BEGIN ISOLATION LEVEL READ COMMITTED; SELECT 1");
  b.ask("UPDATE t SET v = 11 WHERE id = 1");
  EXPECT_EQ(a.ask("SELECT v FROM t WHERE id = 1"), "T D(11) C(SELECT 1) Z(T)");
  b.ask("UPDATE t SET v = 12 WHERE id = 1");
  EXPECT_EQ(a.ask("SELECT v FROM t WHERE id = 1"), "T D(12) C(SELECT 1) Z(T)");
  EXPECT_TRUE(world.nothing_pinned()) << "between its statements";
  EXPECT_EQ(a.ask("COMMIT"), kCommitted);
}

// ---- what waits for the disk ----

TEST_F(IsolationTest, WhatRevealsNothingOfAnUncertainStateDoesNotWaitForIt) {
  Client& c = world.connect(0);
  b.ask("BEGIN ISOLATION LEVEL READ COMMITTED");
  c.ask("BEGIN ISOLATION LEVEL READ COMMITTED; UPDATE t SET v = 21 WHERE id = 2");
  world.log_works = false;
  a.query("UPDATE t SET v = 11 WHERE id = 1");
  world.settle();
  EXPECT_EQ(a.heard(), "");
  EXPECT_EQ(b.ask("UPDATE t SET v = v + 1 WHERE id = 1"), "C(UPDATE 1) Z(T)");
  b.query("UPDATE t SET v = v + 1 WHERE id = 2");
  world.settle();
  EXPECT_EQ(b.heard(), "") << "it is locked";
  c.query("COMMIT");
  world.settle();
  EXPECT_EQ(b.heard(), "C(UPDATE 1) Z(T)");
  EXPECT_EQ(c.heard(), "");
  b.query("UPDATE t SET v = v + 1 WHERE id = 3 RETURNING v");
  world.settle();
  EXPECT_EQ(b.heard(), "") << "rows are shown when what they were made from is durable";
  world.log_works = true;
  world.settle();
  EXPECT_EQ(a.heard(), "C(UPDATE 1) Z(I)");
  EXPECT_EQ(c.heard(), kCommitted);
  EXPECT_EQ(b.heard(), "T D(31) C(UPDATE 1) Z(T)");
  world.log_works = false;
  b.query("COMMIT");
  world.settle();
  EXPECT_EQ(b.heard(), "");
  world.log_works = true;
  world.settle();
  EXPECT_EQ(b.heard(), kCommitted);
  EXPECT_EQ(a.ask("SELECT v FROM t ORDER BY id"), "T D(12) D(22) D(31) C(SELECT 3) Z(I)");
}

TEST_F(IsolationTest, ABlockWithOneSnapshotDoesNotWaitForTheDisk) {
  b.ask("BEGIN; UPDATE t SET v = 0 WHERE id = 2");
  world.log_works = false;
  a.query("UPDATE t SET v = 11 WHERE id = 1");
  world.settle();
  EXPECT_EQ(b.ask("SELECT v FROM t ORDER BY id"), "T D(10) D(0) D(30) C(SELECT 3) Z(T)");
  EXPECT_EQ(b.ask("UPDATE t SET v = 0 WHERE id = 3 RETURNING v"), "T D(0) C(UPDATE 1) Z(T)");
  world.log_works = true;
  world.settle();
  EXPECT_EQ(a.heard(), "C(UPDATE 1) Z(I)");
  b.ask("ROLLBACK");
}

// ---- definitions ----

TEST_F(IsolationTest, SavepointsTakeBackDefinitions) {
  a.ask("BEGIN; CREATE TABLE u (a int4); SAVEPOINT s; CREATE TABLE w (a int4); INSERT INTO u VALUES (1)");
  EXPECT_EQ(a.ask("ROLLBACK TO s"), "C(ROLLBACK) Z(T)");
  EXPECT_EQ(a.ask("SELECT count(*) FROM u"), "T D(0) C(SELECT 1) Z(T)");
  EXPECT_EQ(a.ask("CREATE TABLE w (b int4)"), "C(CREATE TABLE) Z(T)");
  EXPECT_EQ(a.ask("COMMIT"), kCommitted);
  EXPECT_EQ(b.ask("SELECT b FROM w"), "T C(SELECT 0) Z(I)");
}

TEST_F(IsolationTest, DefinitionsThatDoNotMeetAreMerged) {
  a.ask("BEGIN; CREATE TABLE u (a int4 PRIMARY KEY); INSERT INTO u VALUES (1)");
  b.ask("CREATE TABLE w (a int4); INSERT INTO w VALUES (2)");
  EXPECT_EQ(a.ask("COMMIT"), kCommitted);
  EXPECT_EQ(b.ask("SELECT u.a, w.a FROM u, w"), "T D(1,2) C(SELECT 1) Z(I)");
  a.ask("BEGIN; CREATE INDEX u_a ON u (a); GRANT SELECT ON w TO PUBLIC");
  b.ask("CREATE INDEX t_v ON t (v)");
  EXPECT_EQ(a.ask("COMMIT"), kCommitted);
  EXPECT_EQ(b.ask("INSERT INTO u VALUES (3); SELECT count(*) FROM u WHERE a > 0"),
            "C(INSERT 0 1) T D(2) C(SELECT 1) Z(I)");
}

TEST_F(IsolationTest, DefinitionsThatMeetAreNot) {
  a.ask("BEGIN; CREATE TABLE u (a int4)");
  b.ask("CREATE TABLE u (b int4)");
  EXPECT_EQ(a.ask("COMMIT"), kRefused);
  a.ask("BEGIN; GRANT SELECT ON t TO PUBLIC");
  b.ask("GRANT UPDATE ON t TO PUBLIC");
  EXPECT_EQ(a.ask("COMMIT"), kRefused);
  EXPECT_EQ(a.ask("SELECT b FROM u"), "T C(SELECT 0) Z(I)");
}

// ---- timeouts and the end ----

TEST_F(IsolationTest, AnIdleBlockIsEndedByADrain) {
  a.ask("BEGIN; INSERT INTO t VALUES (4, 40)");
  b.ask("BEGIN; SELECT * FROM t");
  a.session.drain();
  b.session.drain();
  world.settle();
  EXPECT_EQ(a.heard(), "E(57P01)");
  EXPECT_EQ(b.heard(), "E(57P01)");
  EXPECT_EQ(world.open_transactions(), 0u);
}

TEST_F(IsolationTest, ARunningStatementIsEndedInAHurry) {
  a.ask("BEGIN; INSERT INTO t VALUES (4, 40)");
  a.ask("DECLARE c CURSOR FOR SELECT 1");
  b.query("BEGIN; SELECT count(*) FROM generate_series(1, 1000000000)");
  world.run_slices(3);
  pgwire::Diagnostic last;
  last.code = "57P01";
  last.message = "terminating connection due to administrator command";
  b.session.end(last);
  world.settle();
  EXPECT_EQ(b.heard(), "C(BEGIN) T E(57P01)");
  EXPECT_TRUE(b.session.finished());
}

// ---- random histories ----

using Rows = std::map<int, int>;

// One statement and what it answers on a model; nothing where it fails with a unique violation.
struct Step {
  enum class Kind { point, range, by_value, first, insert, update, erase, savepoint, rollback_to } kind;
  int x = 0, y = 0;
  std::string heard;

  std::string sql() const {
    const std::string a = std::to_string(x), b = std::to_string(y);
    switch (kind) {
      case Kind::point:
        return "SELECT v FROM r WHERE id = " + a;
      case Kind::range:
        return "SELECT count(*), sum(v) FROM r WHERE id BETWEEN " + a + " AND " + b;
      case Kind::by_value:
        return "SELECT count(*), sum(id) FROM r WHERE v = " + b;
      case Kind::first:
        return "SELECT id FROM r WHERE id >= " + a + " ORDER BY id LIMIT 1";
      case Kind::insert:
        return "INSERT INTO r VALUES (" + a + ", " + b + ")";
      case Kind::update:
        return "UPDATE r SET v = v + " + b + " WHERE id = " + a;
      case Kind::erase:
        return "DELETE FROM r WHERE id = " + a;
      case Kind::savepoint:
        return "SAVEPOINT s";
      case Kind::rollback_to:
        return "ROLLBACK TO s";
    }
    return {};
  }
  static std::string counted(int count, int sum) {
    return "T D(" + std::to_string(count) + "," + (count == 0 ? "null" : std::to_string(sum)) +
           ") C(SELECT 1)";
  }
  std::string run(Rows& rows, std::vector<Rows>& saved) const {
    const auto found = rows.find(x);
    switch (kind) {
      case Kind::point:
        return found == rows.end() ? "T C(SELECT 0)"
                                   : "T D(" + std::to_string(found->second) + ") C(SELECT 1)";
      case Kind::range: {
        int count = 0, sum = 0;
        for (const auto& [id, v] : rows)
          if (id >= x && id <= y) ++count, sum += v;
        return counted(count, sum);
      }
      case Kind::by_value: {
        int count = 0, sum = 0;
        for (const auto& [id, v] : rows)
          if (v == y) ++count, sum += id;
        return counted(count, sum);
      }
      case Kind::first: {
        const auto first = rows.lower_bound(x);
        return first == rows.end() ? "T C(SELECT 0)"
                                   : "T D(" + std::to_string(first->first) + ") C(SELECT 1)";
      }
      case Kind::insert:
        return rows.emplace(x, y).second ? "C(INSERT 0 1)" : "E(23505)";
      case Kind::update:
        if (found == rows.end()) return "C(UPDATE 0)";
        found->second += y;
        return "C(UPDATE 1)";
      case Kind::erase:
        return rows.erase(x) != 0 ? "C(DELETE 1)" : "C(DELETE 0)";
      case Kind::savepoint:
        saved.push_back(rows);
        return "C(SAVEPOINT)";
      case Kind::rollback_to:
        rows = saved.back();
        return "C(ROLLBACK)";
    }
    return {};
  }
};

struct History {
  Client* client;
  bool open = false;
  bool failed = false;  // a statement within a savepoint
  bool wrote = false;
  int savepoints = 0;
  std::size_t began = 0;  // states that the model had gone through
  std::vector<Step> steps;
};

// Whether all that a transaction heard is what it would have heard on this state.
bool explains(const History& history, Rows state, Rows* after) {
  std::vector<Rows> saved;
  for (const Step& step : history.steps)
    if (step.run(state, saved) != step.heard) return false;
  if (after != nullptr) *after = std::move(state);
  return true;
}

struct Outcome {
  int committed = 0, refused = 0;
  std::size_t states = 0;
  std::string unexplained;  // the first transaction that no serial order explains
};

Outcome run_histories(World& world, int turns) {
  Client& a = world.connect(0);
  a.ask("CREATE TABLE r (id int4 PRIMARY KEY, v int4)");
  a.ask("CREATE INDEX r_v ON r (v)");
  std::vector<Rows> states{{}};
  std::vector<History> histories;
  for (std::size_t i = 0; i < 4; ++i) histories.push_back({&world.connect(i % 2)});
  auto& random = world.random();
  const auto pick = [&](int bound) { return static_cast<int>(random() % static_cast<std::uint64_t>(bound)); };
  Outcome outcome;
  for (int turn = 0; turn < turns; ++turn) {
    History& h = histories[static_cast<std::size_t>(pick(4))];
    if (!h.open) {
      Client* client = h.client;
      h = {client, true};
      h.began = states.size() - 1;
      client->ask(pick(2) == 0 ? "BEGIN" : "BEGIN ISOLATION LEVEL STRICT SERIALIZABLE");
      continue;
    }
    if (h.failed || pick(6) != 0) {
      using Kind = Step::Kind;
      Step step{h.failed ? Kind::rollback_to : static_cast<Kind>(pick(9)), pick(12), pick(12), {}};
      if (step.kind == Kind::rollback_to && h.savepoints == 0) continue;
      if (step.kind == Kind::insert && h.savepoints == 0) {
        h.client->ask("SAVEPOINT s");
        h.steps.push_back({Kind::savepoint, 0, 0, "C(SAVEPOINT)"});
        ++h.savepoints;
      }
      std::string heard = h.client->ask(step.sql());
      if (heard.starts_with("E(40001)")) {
        h.client->ask("ROLLBACK");
        h.open = false;
        ++outcome.refused;
        continue;
      }
      step.heard = heard.substr(0, heard.size() - 5);
      h.failed = step.heard == "E(23505)";
      if (step.kind == Kind::savepoint) ++h.savepoints;
      h.steps.push_back(step);
      continue;
    }
    const std::string heard = h.client->ask("COMMIT");
    h.open = false;
    if (heard != kCommitted) {
      EXPECT_TRUE(heard == kRefused || heard == "E(23505) Z(I)") << heard;
      ++outcome.refused;
      continue;
    }
    ++outcome.committed;
    Rows after;
    if (explains(h, states.back(), &after)) {
      if (after != states.back()) states.push_back(after);
      continue;
    }
    // Not as of now: then it has changed nothing, and read one state since its beginning.
    bool explained = false;
    for (std::size_t at = h.began; at < states.size() && !explained; ++at)
      explained = explains(h, states[at], &after) && after == states[at];
    if (explained) continue;
    for (const Step& step : h.steps) outcome.unexplained += step.sql() + ": " + step.heard + "\n";
    break;
  }
  outcome.states = states.size();
  return outcome;
}

TEST_F(IsolationTest, RandomHistoriesAreSerial) {
  const Outcome outcome = run_histories(world, 6000);
  EXPECT_EQ(outcome.unexplained, "");
  EXPECT_GT(outcome.committed, 100);
  EXPECT_GT(outcome.refused, 20);
  EXPECT_GT(outcome.states, 50u);
}

TEST_F(IsolationTest, WithoutValidationTheyAreNot) {
  world.coordinator().set_validation(false);
  EXPECT_NE(run_histories(world, 6000).unexplained, "");
}

}  // namespace
}  // namespace gyre::test
