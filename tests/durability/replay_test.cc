// The records of random sessions, done once more, lead to the state that the sessions led to.
#include <gtest/gtest.h>

#include "adapter/durability/replayer.h"
#include "tests/adapter/world.h"
#include "tests/durability/statements.h"

namespace gyre::test {
namespace {

using adapter::InitialState;
using adapter::Replayer;

std::optional<InitialState> replay(InitialState begin, const oracle::MemoryCommitLog& log) {
  Replayer replayer(std::move(begin));
  for (const auto& record : log.records()) {
    const auto done = replayer.apply(record.timestamp, record.bytes);
    EXPECT_TRUE(done.has_value()) << done.error();
    if (!done) return std::nullopt;
  }
  auto state = replayer.finish();
  EXPECT_TRUE(state.has_value()) << state.error();
  if (!state) return std::nullopt;
  return std::move(*state);
}

TEST(Replay, LeadsToTheSameState) {
  const std::uint64_t seed = test_seed();
  for (std::uint64_t round = 0; round < 8; ++round) {
    SCOPED_TRACE(testing::Message() << "GYRE_TEST_SEED=" << seed + round);
    RandomStatements statements(seed + round);
    World world(seed + round, 2);
    Client* clients[] = {&world.connect(0), &world.connect(1)};
    // One may wait for a lock that the other's idle block holds: then that block ends.
    const auto settle = [&] {
      world.settle();
      for (int i = 0; i < 2; ++i)
        if (clients[i]->session.busy()) clients[1 - i]->query("ROLLBACK");
      world.settle();
    };
    for (int i = 0; i < 150; ++i) {
      clients[world.random()() % 2]->query(statements.next());
      if (world.random()() % 3 == 0) settle();
    }
    for (Client* client : clients) client->query("ROLLBACK");
    settle();
    const auto state = replay(adapter::Catalog::initial(), world.log());
    ASSERT_TRUE(state.has_value());
    expect_same(world.published(), *state);
    if (HasFailure()) return;
  }
}

// A server that begins with what was recovered goes on as if nothing had happened, several times over.
TEST(Replay, TheStateGoesOn) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE(testing::Message() << "GYRE_TEST_SEED=" << seed);
  RandomStatements statements(seed);
  std::vector<oracle::MemoryCommitLog::Record> records;  // of all lives
  for (std::uint64_t life = 0; life < 5; ++life) {
    Replayer replayer(adapter::Catalog::initial());
    for (const auto& record : records)
      ASSERT_TRUE(replayer.apply(record.timestamp, record.bytes).has_value());
    auto state = replayer.finish();
    ASSERT_TRUE(state.has_value()) << state.error();
    World world(seed + life, 1, std::move(*state));
    Client& client = world.connect();
    for (int i = 0; i < 60; ++i) client.ask(statements.next());
    client.ask("ROLLBACK");
    for (const auto& record : world.log().records()) {
      ASSERT_TRUE(records.empty() || records.back().timestamp < record.timestamp);
      records.push_back(record);
    }
  }
}

TEST(Replay, DefaultsWorkAfterwards) {
  World before(1);
  Client& client = before.connect();
  client.ask(
      "CREATE TABLE t (a int4 PRIMARY KEY, b int4 DEFAULT -7, c text DEFAULT 'it''s', d timestamptz DEFAULT "
      "now(), "
      "e numeric DEFAULT 1.50, f bool DEFAULT true, g date DEFAULT '2020-02-03', h varchar(3) DEFAULT "
      "'abc', i int8 DEFAULT 1 + 2 * 3 CHECK (i > 0 AND i < 100))");
  client.ask("INSERT INTO t (a) VALUES (1)");
  auto state = replay(adapter::Catalog::initial(), before.log());
  ASSERT_TRUE(state.has_value());
  World after(2, 1, std::move(*state));
  Client& again = after.connect();
  EXPECT_EQ(again.ask("INSERT INTO t (a) VALUES (2)"), "C(INSERT 0 1) Z(I)");
  EXPECT_EQ(again.ask("SELECT b, c, d IS NULL, e, f, g, h, i FROM t WHERE a = 2"),
            "T D(-7,it's,f,1.50,t,2020-02-03,abc,7) C(SELECT 1) Z(I)");
}

TEST(Replay, IdsAreNotGivenTwice) {
  World before(1);
  Client& client = before.connect();
  client.ask("CREATE TABLE a (x int4)");
  client.ask("CREATE TABLE b (x int4)");
  client.ask("DROP TABLE b");
  client.ask("INSERT INTO a VALUES (1)");
  const auto oid = static_cast<const adapter::Catalog*>(before.published().catalog)->next_oid;
  auto state = replay(adapter::Catalog::initial(), before.log());
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->catalog.next_oid, oid);
  World after(2, 1, std::move(*state));
  EXPECT_EQ(after.connect().ask("CREATE TABLE c (x int4)"), "C(CREATE TABLE) Z(I)");
  const auto& catalog = *static_cast<const adapter::Catalog*>(after.published().catalog);
  EXPECT_GE(adapter::oid_of(catalog.find_table("public", "c")->id()), oid);
  EXPECT_LT(before.published().read_ts, after.published().read_ts);
}

TEST(Replay, WrongRecordsAreErrors) {
  World world(1);
  world.connect().ask("CREATE TABLE a (x int4)");
  world.connect().ask("INSERT INTO a VALUES (1)");
  Replayer without_the_table(adapter::Catalog::initial());
  const auto& insertion = world.log().records().back();
  EXPECT_FALSE(without_the_table.apply(insertion.timestamp, insertion.bytes).has_value());
  Replayer replayer(adapter::Catalog::initial());
  EXPECT_FALSE(replayer.apply(Timestamp(5), "nonsense").has_value());
}

}  // namespace
}  // namespace gyre::test
