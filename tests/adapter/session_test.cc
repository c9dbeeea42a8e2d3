// Conversations with a session in memory, and what must be let go of however they end.
#include <gtest/gtest.h>

#include <map>

#include "reactor/fail_point.h"
#include "tests/adapter/world.h"

namespace gyre::test {
namespace {

namespace say = pgwire::client;
using pgwire::client::OptionalValue;

class SessionTest : public testing::Test {
 protected:
  const std::uint64_t seed = test_seed();
  testing::ScopedTrace trace{__FILE__, __LINE__, "GYRE_TEST_SEED=" + std::to_string(seed)};
  World world{seed, 2};
  Client& a = world.connect(0);
  Client& b = world.connect(1);

  void SetUp() override {
    EXPECT_EQ(a.ask("CREATE TABLE t (id int4 PRIMARY KEY, v int4)"), "C(CREATE TABLE) Z(I)");
    EXPECT_EQ(a.ask("INSERT INTO t VALUES (1, 10), (2, 20), (3, 30)"), "C(INSERT 0 3) Z(I)");
  }
  void TearDown() override {
    while (!world.clients.empty()) world.close(*world.clients.front());
    EXPECT_EQ(world.open_transactions(), 0u);
    EXPECT_TRUE(world.nothing_pinned());
  }
  std::string send(Client& client, const OutBuffer& bytes) {
    client.say(bytes);
    world.settle();
    return client.heard();
  }
  // Parse, Bind and Execute of an unnamed statement.
  static void run(OutBuffer& out, std::string_view text, std::int32_t limit = 0) {
    say::parse(out, "", text);
    say::bind(out, "", "");
    say::execute(out, "", limit);
  }
};

TEST_F(SessionTest, SimpleQueries) {
  EXPECT_EQ(a.ask("SELECT * FROM t"), "T D(1,10) D(2,20) D(3,30) C(SELECT 3) Z(I)");
  EXPECT_EQ(a.ask("SELECT * FROM t"), "T D(1,10) D(2,20) D(3,30) C(SELECT 3) Z(I)");  // now from the cache
  EXPECT_EQ(a.ask(""), "I Z(I)");
  EXPECT_EQ(a.ask("SELECT 1/0"), "E(22012) Z(I)");
  EXPECT_EQ(a.ask("INSERT INTO t VALUES (9, 9); SELECT 1/0"), "C(INSERT 0 1) E(22012) Z(I)");
  EXPECT_EQ(a.ask("SELECT count(*) FROM t"), "T D(3) C(SELECT 1) Z(I)");
}

// (The size at which a record would be too large is not reached in a test.)
TEST_F(SessionTest, ChangesThatNoRecordTakesEndTheirStatement) {
  ASSERT_TRUE(reactor::set_fail_points("plant.large_record:1:error"));
  EXPECT_EQ(a.ask("UPDATE t SET v = v + 1"), "E(54000) Z(I)");
  ASSERT_TRUE(reactor::set_fail_points(""));
  EXPECT_EQ(a.ask("SELECT sum(v) FROM t"), "T D(60) C(SELECT 1) Z(I)");
  EXPECT_EQ(a.ask("UPDATE t SET v = v + 1"), "C(UPDATE 3) Z(I)");
}

TEST_F(SessionTest, WritesAreSeenEverywhereOnceAnswered) {
  EXPECT_EQ(a.ask("INSERT INTO t VALUES (4, 40)"), "C(INSERT 0 1) Z(I)");
  EXPECT_EQ(b.ask("SELECT v FROM t WHERE id = 4"), "T D(40) C(SELECT 1) Z(I)");
}

TEST_F(SessionTest, BlockReadsItsSnapshotAndItsOwnWrites) {
  EXPECT_EQ(a.ask("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT v FROM t WHERE id = 1"),
            "C(BEGIN) T D(10) C(SELECT 1) Z(T)");
  EXPECT_EQ(b.ask("UPDATE t SET v = 11 WHERE id = 1"), "C(UPDATE 1) Z(I)");
  EXPECT_EQ(a.ask("SELECT v FROM t WHERE id = 1"), "T D(10) C(SELECT 1) Z(T)");
  EXPECT_EQ(a.ask("UPDATE t SET v = 21 WHERE id = 2"), "C(UPDATE 1) Z(T)");
  EXPECT_EQ(a.ask("SELECT v FROM t WHERE id = 2"), "T D(21) C(SELECT 1) Z(T)");
  EXPECT_EQ(b.ask("SELECT v FROM t WHERE id = 2"), "T D(20) C(SELECT 1) Z(I)");
  EXPECT_EQ(a.ask("COMMIT"), "C(COMMIT) Z(I)");
  EXPECT_EQ(b.ask("SELECT v FROM t WHERE id = 2"), "T D(21) C(SELECT 1) Z(I)");
}

TEST_F(SessionTest, FirstCommitterWins) {
  a.ask("BEGIN; UPDATE t SET v = v + 1 WHERE id = 1");
  b.ask("BEGIN; UPDATE t SET v = v + 1 WHERE id = 1");
  EXPECT_EQ(b.ask("COMMIT"), "C(COMMIT) Z(I)");
  EXPECT_EQ(a.ask("COMMIT"), "E(40001) Z(I)");
  EXPECT_EQ(a.ask("SELECT v FROM t WHERE id = 1"), "T D(11) C(SELECT 1) Z(I)");
}

TEST_F(SessionTest, CommitThatFailsInAPortal) {
  a.ask("BEGIN; UPDATE t SET v = v + 1 WHERE id = 1");
  b.ask("UPDATE t SET v = 0 WHERE id = 1");
  OutBuffer out;
  run(out, "COMMIT");
  say::sync(out);
  EXPECT_EQ(send(a, out), "1 2 E(40001) Z(I)");
}

TEST_F(SessionTest, LostClientLeavesNoTransaction) {
  Client& lost = world.connect(1);
  lost.ask("BEGIN; INSERT INTO t VALUES (5, 50)");
  EXPECT_EQ(world.open_transactions(), 1u);
  world.close(lost);
  EXPECT_EQ(world.open_transactions(), 0u);
  EXPECT_EQ(a.ask("INSERT INTO t VALUES (5, 51)"), "C(INSERT 0 1) Z(I)");
}

TEST_F(SessionTest, ClientIsLostWhileItsCommitIsOnItsWay) {
  for (int steps = 0; steps < 30; ++steps) {
    Client& lost = world.connect(1);
    lost.ask("BEGIN; INSERT INTO t VALUES (" + std::to_string(100 + steps) + ", 0)");
    lost.query("COMMIT");
    for (int i = 0; i < steps; ++i) world.step();
    world.close(lost);
    EXPECT_EQ(world.open_transactions(), 0u);
  }
}

TEST_F(SessionTest, PipelineIsOneTransaction) {
  OutBuffer out;
  run(out, "INSERT INTO t VALUES (4, 40)");
  run(out, "INSERT INTO t VALUES (5, 50)");
  run(out, "INSERT INTO t VALUES (4, 41)");
  run(out, "INSERT INTO t VALUES (6, 60)");
  say::sync(out);
  EXPECT_EQ(send(a, out), "1 2 C(INSERT 0 1) 1 2 C(INSERT 0 1) 1 2 E(23505) Z(I)");
  EXPECT_EQ(a.ask("SELECT count(*) FROM t"), "T D(3) C(SELECT 1) Z(I)");
}

TEST_F(SessionTest, QueryEndsAPipelinesTransaction) {
  OutBuffer out;
  run(out, "INSERT INTO t VALUES (4, 40)");
  say::query(out, "SELECT 1");
  EXPECT_EQ(send(a, out), "1 2 C(INSERT 0 1) T D(1) C(SELECT 1) Z(I)");
  EXPECT_EQ(b.ask("SELECT count(*) FROM t"), "T D(4) C(SELECT 1) Z(I)");
}

TEST_F(SessionTest, PortalsStopAtTheirLimit) {
  OutBuffer out;
  run(out, "SELECT id FROM t", 2);
  say::execute(out, "", 1);
  say::execute(out, "", 1);
  say::execute(out, "", 1);
  say::sync(out);
  EXPECT_EQ(send(a, out), "1 2 D(1) D(2) s D(3) s C(SELECT 0) C(SELECT 0) Z(I)");
  OutBuffer again;
  run(again, "INSERT INTO t VALUES (7, 70)");
  say::execute(again, "");
  say::sync(again);
  EXPECT_EQ(send(a, again), "1 2 C(INSERT 0 1) E(55000) Z(I)");
  OutBuffer returning;
  run(returning, "INSERT INTO t VALUES (8, 80), (9, 90) RETURNING id", 1);
  say::execute(returning, "", 0);
  say::sync(returning);
  EXPECT_EQ(send(a, returning), "1 2 D(8) s D(9) C(INSERT 0 1) Z(I)");
}

TEST_F(SessionTest, SuspendedPortalKeepsItsSnapshot) {
  OutBuffer out;
  say::query(out, "BEGIN");
  say::parse(out, "", "SELECT id FROM t");
  say::bind(out, "p", "");
  say::execute(out, "p", 1);
  say::sync(out);
  EXPECT_EQ(send(a, out), "C(BEGIN) Z(T) 1 2 D(1) s Z(T)");
  for (int i = 0; i < 50; ++i) b.ask("UPDATE t SET v = v + 1; DELETE FROM t WHERE id = 3");
  OutBuffer rest;
  say::execute(rest, "p", 0);
  say::sync(rest);
  EXPECT_EQ(send(a, rest), "D(2) D(3) C(SELECT 2) Z(T)");
  EXPECT_EQ(a.ask("COMMIT"), "C(COMMIT) Z(I)");
}

TEST_F(SessionTest, PreparedStatementFollowsTheCatalog) {
  OutBuffer out;
  say::parse(out, "s", "SELECT * FROM t WHERE id = 1");
  say::sync(out);
  EXPECT_EQ(send(a, out), "1 Z(I)");
  OutBuffer execute;
  say::bind(execute, "", "s");
  say::execute(execute, "");
  say::sync(execute);
  EXPECT_EQ(send(a, execute), "2 D(1,10) C(SELECT 1) Z(I)");
  b.ask("DROP TABLE t; CREATE TABLE t (id int4 PRIMARY KEY, v int4)");
  EXPECT_EQ(send(a, execute), "2 C(SELECT 0) Z(I)");
  b.ask("DROP TABLE t; CREATE TABLE t (id int4 PRIMARY KEY, v text)");
  EXPECT_EQ(send(a, execute), "E(0A000) Z(I)");
  b.ask("DROP TABLE t");
  EXPECT_EQ(send(a, execute), "E(42P01) Z(I)");
}

TEST_F(SessionTest, TableGoesWhileStatementsAreOnTheirWay) {
  for (int round = 0; round < 60; ++round) {
    a.query("INSERT INTO t VALUES (" + std::to_string(1000 + round) + ", 1)");
    b.query(round % 2 == 0 ? "DROP TABLE t" : "CREATE TABLE t (id int4 PRIMARY KEY, v int4)");
    for (std::uint64_t i = world.random()() % 20; i != 0; --i) world.step();
    Client& c = world.connect(0);
    c.query("SELECT id FROM t WHERE id = 1");
    world.settle();
    const std::string heard = c.heard();
    EXPECT_TRUE(heard == "E(42P01) Z(I)" || heard.starts_with("T ")) << heard;
    world.close(c);
    a.heard();
    b.heard();
  }
}

TEST_F(SessionTest, LongStatementIsCanceled) {
  a.query("SELECT count(*) FROM generate_series(1, 1000000000)");
  world.run_slices(3);
  EXPECT_TRUE(a.session.busy());
  b.query("SELECT v FROM t WHERE id = 1");
  world.run_slices(2);
  EXPECT_EQ(b.heard(), "T D(10) C(SELECT 1) Z(I)") << "not held up";
  a.session.request_cancel();
  world.settle();
  EXPECT_EQ(a.heard(), "T E(57014) Z(I)");
}

// What no batch has taken up, as the log is busy with too many, ends when it is canceled, and has not happened.
TEST_F(SessionTest, WritesThatStandInLineAreCanceled) {
  const auto connect = [this] { return &world.connect(0); };
  const auto go_on = [this] {
    for (int i = 0; i < 500; ++i) world.step();
  };
  Client *const insert = connect(), *const block = connect(), *const commit = connect(), *const definition = connect();
  std::vector<Client*> busy;
  for (int i = 0; i < 8; ++i) busy.push_back(connect());
  EXPECT_EQ(commit->ask("BEGIN; INSERT INTO t VALUES (50, 0)"), "C(BEGIN) C(INSERT 0 1) Z(T)");
  EXPECT_EQ(block->ask("BEGIN; CREATE TABLE own (a int4); SAVEPOINT s"),
            "C(BEGIN) C(CREATE TABLE) C(SAVEPOINT) Z(T)");
  world.log_works = false;
  for (std::size_t i = 0; i < busy.size(); ++i) {
    busy[i]->query("INSERT INTO t VALUES (" + std::to_string(100 + i) + ", 0)");
    go_on();
  }
  ASSERT_EQ(world.coordinator().commits().in_flight(), 8u);
  insert->query("INSERT INTO t VALUES (51, 0)");
  block->query("INSERT INTO own VALUES (1)");
  commit->query("COMMIT");
  definition->query("CREATE TABLE u (a int4)");
  go_on();
  for (Client* client : {insert, block, commit, definition}) {
    EXPECT_EQ(client->heard(), "");
    client->session.request_cancel();
  }
  go_on();
  EXPECT_EQ(insert->heard(), "E(57014) Z(I)");
  EXPECT_EQ(block->heard(), "E(57014) Z(E)");
  EXPECT_EQ(commit->heard(), "E(57014) Z(I)");
  EXPECT_EQ(definition->heard(), "E(57014) Z(I)");
  for (Client* client : busy) EXPECT_EQ(client->heard(), "") << "in the log";
  world.log_works = true;
  world.settle();
  for (Client* client : busy) EXPECT_EQ(client->heard(), "C(INSERT 0 1) Z(I)");
  EXPECT_EQ(a.ask("SELECT count(*) FROM t WHERE id BETWEEN 50 AND 99"), "T D(0) C(SELECT 1) Z(I)");
  EXPECT_EQ(a.ask("SELECT * FROM u"), "E(42P01) Z(I)");
  EXPECT_EQ(block->ask("ROLLBACK TO s; SELECT count(*) FROM own; COMMIT"),
            "C(ROLLBACK) T D(0) C(SELECT 1) C(COMMIT) Z(I)");
}

TEST_F(SessionTest, ClientThatDoesNotReadCostsBoundedMemory) {
  a.reads = false;
  a.query("SELECT repeat('x', 1000) FROM generate_series(1, 1000000)");
  OutBuffer more;
  for (int i = 0; i < 2000; ++i) say::query(more, "SELECT 1");
  a.say(more);
  world.run_slices(200);
  EXPECT_LT(a.session.output().size(), 1u << 20);
  EXPECT_LT(a.session.memory_bytes(), 4u << 20);
  b.query("SELECT 1");
  world.run_slices(2);
  EXPECT_EQ(b.heard(), "T D(1) C(SELECT 1) Z(I)");
}

TEST_F(SessionTest, WhatKeepsMemoryIsRefusedWhileItIsShort) {
  EXPECT_EQ(a.ask("BEGIN"), "C(BEGIN) Z(T)");
  world.set_memory_short(true);
  EXPECT_EQ(a.ask("SAVEPOINT s"), "E(53200) Z(E)");
  EXPECT_EQ(a.ask("ROLLBACK"), "C(ROLLBACK) Z(I)");
  EXPECT_EQ(a.ask("CREATE TABLE u AS SELECT * FROM t"), "E(53200) Z(I)");
  EXPECT_EQ(a.ask("ALTER TABLE t ADD COLUMN w int4"), "E(53200) Z(I)");
  EXPECT_EQ(a.ask("CREATE INDEX ON t (v)"), "E(53200) Z(I)");
  EXPECT_EQ(a.ask("SET my.text = '" + std::string(2000, 'x') + "'"), "E(53200) Z(I)");
  EXPECT_EQ(a.ask("SET my.text = 'x'"), "C(SET) Z(I)");
  OutBuffer copy;
  say::query(copy, "COPY t FROM STDIN");
  say::copy_data(copy, "7\t8\n");
  say::copy_done(copy);
  EXPECT_TRUE(send(a, copy).ends_with("E(53200) Z(I)"));
  EXPECT_EQ(a.ask("DROP TABLE t"), "C(DROP TABLE) Z(I)");
  world.set_memory_short(false);
  EXPECT_EQ(a.ask("CREATE TABLE t AS SELECT 1 AS id"), "C(SELECT 1) Z(I)");
}

TEST_F(SessionTest, LocksOfAFailedStatementGoWithItsSession) {
  EXPECT_EQ(a.ask("SELECT pg_advisory_lock(7), 1 / (2 - id) FROM t"), "E(22012) Z(I)");
  EXPECT_EQ(b.ask("SELECT pg_try_advisory_lock(7)"), "T D(f) C(SELECT 1) Z(I)");
  world.close(a);
  world.settle();
  EXPECT_EQ(b.ask("SELECT pg_try_advisory_lock(7)"), "T D(t) C(SELECT 1) Z(I)");
}

TEST_F(SessionTest, DrainEndsIdleAtOnceAndBusyAfterItsStatement) {
  a.query("INSERT INTO t VALUES (50, 1)");
  a.session.drain();
  b.session.drain();
  EXPECT_TRUE(b.session.finished());
  world.settle();
  EXPECT_TRUE(a.session.finished());
  EXPECT_EQ(a.heard(), "C(INSERT 0 1) Z(I) E(57P01)");
  EXPECT_EQ(b.heard(), "E(57P01)");
}

TEST_F(SessionTest, CursorsThatAreNoQueries) {
  OutBuffer out;
  say::query(out, "BEGIN");
  say::parse(out, "", "FETCH ALL FROM c");
  say::bind(out, "c", "");
  say::execute(out, "c", 0);
  say::sync(out);
  EXPECT_EQ(send(a, out), "C(BEGIN) Z(T) 1 2 E(55000) Z(E)");
  a.ask("ROLLBACK");
  OutBuffer loop;
  say::parse(loop, "foo", "EXECUTE foo");
  say::bind(loop, "", "foo");
  say::execute(loop, "");
  say::sync(loop);
  EXPECT_TRUE(send(a, loop).ends_with("E(0A000) Z(I)"));
}

TEST_F(SessionTest, RoleIsTakenBackWithItsTransaction) {
  a.ask("SET application_name = 'x'");
  EXPECT_EQ(a.ask("BEGIN; SET ROLE materialize; ROLLBACK; SELECT current_user"),
            "C(BEGIN) C(SET) C(ROLLBACK) T D(materialize) C(SELECT 1) Z(I)");
}

// Thousands of messages in one buffer, cut anywhere, against what a map says.
TEST_F(SessionTest, RandomPipelines) {
  std::map<int, int> model = {{1, 10}, {2, 20}, {3, 30}};
  auto& random = world.random();
  for (int round = 0; round < 40; ++round) {
    OutBuffer out;
    std::string expected;
    std::map<int, int> batch = model;
    bool failed = false;
    const auto add = [&](const std::string& text) {
      if (!expected.empty()) expected += ' ';
      expected += text;
    };
    for (int i = 0, count = 1 + static_cast<int>(random() % 60); i < count; ++i) {
      const int id = static_cast<int>(random() % 30);
      const std::string key = std::to_string(id);
      switch (random() % 5) {
        case 0: {
          run(out, "SELECT v FROM t WHERE id = " + key);
          if (failed) break;
          const auto found = batch.find(id);
          add(found == batch.end() ? "1 2 C(SELECT 0)"
                                   : "1 2 D(" + std::to_string(found->second) + ") C(SELECT 1)");
          break;
        }
        case 1:
          run(out, "INSERT INTO t VALUES (" + key + ", " + std::to_string(i) + ")");
          if (failed) break;
          failed = !batch.emplace(id, i).second;
          add(failed ? "1 2 E(23505)" : "1 2 C(INSERT 0 1)");
          break;
        case 2: {
          run(out, "UPDATE t SET v = v + 1 WHERE id = " + key);
          if (failed) break;
          const auto found = batch.find(id);
          if (found != batch.end()) ++found->second;
          add(found != batch.end() ? "1 2 C(UPDATE 1)" : "1 2 C(UPDATE 0)");
          break;
        }
        case 3:
          run(out, "DELETE FROM t WHERE id = " + key);
          if (!failed) add(batch.erase(id) != 0 ? "1 2 C(DELETE 1)" : "1 2 C(DELETE 0)");
          break;
        default:
          say::sync(out);
          add("Z(I)");
          if (failed) batch = model;
          model = batch;
          failed = false;
      }
    }
    say::sync(out);
    add("Z(I)");
    if (!failed) model = batch;
    for (std::size_t at = 0; at < out.size();) {
      const std::size_t piece = std::min<std::size_t>(out.size() - at, 1 + random() % 2000);
      a.session.receive({out.data() + at, piece});
      at += piece;
      for (std::uint64_t i = random() % 8; i != 0; --i) world.step();
    }
    world.settle();
    ASSERT_EQ(a.heard(), expected) << "round " << round;
  }
}

// Strict serializability at the server's level: whoever begins after an answer was heard sees that write, and
// nobody sees time go back.
TEST_F(SessionTest, AnsweredWritesAreSeenByLaterReads) {
  std::vector<Client*> writers, readers;
  for (int i = 0; i < 3; ++i) {
    writers.push_back(&world.connect(static_cast<std::size_t>(i % 2)));
    readers.push_back(&world.connect(static_cast<std::size_t>(i % 2)));
  }
  a.ask("DELETE FROM t");
  auto& random = world.random();
  int next = 0, answered = 0;
  std::vector<bool> writing(writers.size(), false);
  for (int step = 0; step < 3000; ++step) {
    const std::size_t chosen = random() % writers.size();
    if (!writing[chosen] && random() % 3 == 0) {
      writers[chosen]->query("INSERT INTO t VALUES (" + std::to_string(++next) + ", 0)");
      writing[chosen] = true;
    }
    world.step();
    for (std::size_t i = 0; i < writers.size(); ++i) {
      if (!writing[i]) continue;
      const std::string heard = writers[i]->heard();
      if (heard.empty()) continue;
      ASSERT_EQ(heard, "C(INSERT 0 1) Z(I)");
      writing[i] = false;
      ++answered;
    }
    if (random() % 4 != 0) continue;
    Client& reader = *readers[random() % readers.size()];
    const std::string row = reader.ask("SELECT count(*) FROM t").substr(4);
    const int seen = std::atoi(row.c_str());
    ASSERT_GE(seen, answered);
    ASSERT_LE(seen, next);
    for (std::size_t i = 0; i < writers.size(); ++i) {  // ask() has let others go on
      if (!writing[i] || writers[i]->session.busy()) continue;
      ASSERT_EQ(writers[i]->heard(), "C(INSERT 0 1) Z(I)");
      writing[i] = false;
      ++answered;
    }
  }
}

}  // namespace
}  // namespace gyre::test
