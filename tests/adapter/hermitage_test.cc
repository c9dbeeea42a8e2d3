// The anomalies of Martin Kleppmann's list (github.com/ept/hermitage), each at the levels that read one
// snapshot: what a level forbids is absent, what repeatable read allows happens.
#include <gtest/gtest.h>

#include "tests/adapter/world.h"

namespace gyre::test {
namespace {

enum class Level : std::uint8_t { repeatable_read, serializable };

class Hermitage : public testing::TestWithParam<Level> {
 protected:
  void SetUp() override {
    one.ask("CREATE TABLE test (id int4 PRIMARY KEY, value int4)");
    one.ask("INSERT INTO test VALUES (1, 10), (2, 20)");
    for (Client* client : {&one, &two, &three})
      client->ask(GetParam() == Level::serializable ? "BEGIN ISOLATION LEVEL SERIALIZABLE"
                                                    : "BEGIN ISOLATION LEVEL REPEATABLE READ");
    // The snapshots are taken now.
    for (Client* client : {&one, &two}) client->ask("SELECT 1");
  }
  void TearDown() override {
    while (!world.clients.empty()) world.close(*world.clients.front());
  }
  static std::string update(Client& client, int id, int value) {
    return client.ask("UPDATE test SET value = " + std::to_string(value) +
                      " WHERE id = " + std::to_string(id));
  }
  static std::string value(Client& client, int id) {
    const std::string heard = client.ask("SELECT value FROM test WHERE id = " + std::to_string(id));
    return heard.substr(0, heard.find(" C("));
  }
  std::string all() {
    const std::string heard = last.ask("SELECT * FROM test ORDER BY id");
    return heard.substr(0, heard.find(" C("));
  }
  // Write skew and its kin: allowed at repeatable read, refused at serializable.
  std::string second_commit() const {
    return GetParam() == Level::serializable ? "E(40001) Z(I)" : "C(COMMIT) Z(I)";
  }

  const std::uint64_t seed = test_seed();
  testing::ScopedTrace trace{__FILE__, __LINE__, "GYRE_TEST_SEED=" + std::to_string(seed)};
  World world{seed, 2};
  Client& one = world.connect(0);
  Client& two = world.connect(1);
  Client& three = world.connect(0);
  Client& last = world.connect(1);
};

constexpr const char* kCommitted = "C(COMMIT) Z(I)";
constexpr const char* kOvertaken = "E(40001) Z(E)";

TEST_P(Hermitage, G0WriteCycles) {
  update(one, 1, 11);
  update(two, 1, 12);
  update(one, 2, 21);
  EXPECT_EQ(one.ask("COMMIT"), kCommitted);
  EXPECT_EQ(all(), "T D(1,11) D(2,21)");
  EXPECT_EQ(update(two, 2, 22), kOvertaken);
  EXPECT_EQ(two.ask("COMMIT"), "C(ROLLBACK) Z(I)");
  EXPECT_EQ(all(), "T D(1,11) D(2,21)");
}

TEST_P(Hermitage, G1aAbortedReads) {
  update(one, 1, 101);
  EXPECT_EQ(value(two, 1), "T D(10)");
  one.ask("ROLLBACK");
  EXPECT_EQ(value(two, 1), "T D(10)");
  EXPECT_EQ(two.ask("COMMIT"), kCommitted);
}

TEST_P(Hermitage, G1bIntermediateReads) {
  update(one, 1, 101);
  EXPECT_EQ(value(two, 1), "T D(10)");
  update(one, 1, 11);
  EXPECT_EQ(one.ask("COMMIT"), kCommitted);
  EXPECT_EQ(value(two, 1), "T D(10)");
  EXPECT_EQ(two.ask("COMMIT"), kCommitted);
}

TEST_P(Hermitage, G1cCircularInformationFlow) {
  update(one, 1, 11);
  update(two, 2, 22);
  EXPECT_EQ(value(one, 2), "T D(20)");
  EXPECT_EQ(value(two, 1), "T D(10)");
  EXPECT_EQ(one.ask("COMMIT"), kCommitted);
  EXPECT_EQ(two.ask("COMMIT"), second_commit());
}

TEST_P(Hermitage, ObservedTransactionVanishes) {
  update(one, 1, 11);
  update(one, 2, 19);
  update(two, 1, 12);
  EXPECT_EQ(one.ask("COMMIT"), kCommitted);
  EXPECT_EQ(value(three, 1), "T D(11)");
  EXPECT_EQ(update(two, 2, 18), kOvertaken);
  EXPECT_EQ(value(three, 2), "T D(19)");
  two.ask("COMMIT");
  EXPECT_EQ(value(three, 2), "T D(19)");
  EXPECT_EQ(value(three, 1), "T D(11)");
  EXPECT_EQ(three.ask("COMMIT"), kCommitted);
}

TEST_P(Hermitage, PredicateManyPreceders) {
  EXPECT_EQ(one.ask("SELECT * FROM test WHERE value = 30"), "T C(SELECT 0) Z(T)");
  two.ask("INSERT INTO test VALUES (3, 30)");
  EXPECT_EQ(two.ask("COMMIT"), kCommitted);
  EXPECT_EQ(one.ask("SELECT * FROM test WHERE value % 3 = 0"), "T C(SELECT 0) Z(T)");
  EXPECT_EQ(one.ask("COMMIT"), kCommitted);
}

TEST_P(Hermitage, PredicateManyPrecedersOfWrites) {
  EXPECT_EQ(one.ask("UPDATE test SET value = value + 10"), "C(UPDATE 2) Z(T)");
  EXPECT_EQ(one.ask("COMMIT"), kCommitted);
  EXPECT_EQ(two.ask("DELETE FROM test WHERE value = 20"), kOvertaken);
  two.ask("ROLLBACK");
  EXPECT_EQ(all(), "T D(1,20) D(2,30)");
}

TEST_P(Hermitage, P4LostUpdate) {
  value(one, 1);
  value(two, 1);
  update(one, 1, 11);
  update(two, 1, 11);
  EXPECT_EQ(one.ask("COMMIT"), kCommitted);
  EXPECT_EQ(two.ask("COMMIT"), "E(40001) Z(I)");
}

TEST_P(Hermitage, GSingleReadSkew) {
  EXPECT_EQ(value(one, 1), "T D(10)");
  update(two, 1, 12);
  update(two, 2, 18);
  EXPECT_EQ(two.ask("COMMIT"), kCommitted);
  EXPECT_EQ(value(one, 2), "T D(20)");
  EXPECT_EQ(one.ask("COMMIT"), kCommitted);
}

TEST_P(Hermitage, GSingleReadSkewThenWrite) {
  EXPECT_EQ(value(one, 1), "T D(10)");
  update(two, 1, 12);
  update(two, 2, 18);
  EXPECT_EQ(two.ask("COMMIT"), kCommitted);
  EXPECT_EQ(one.ask("DELETE FROM test WHERE value = 20"), kOvertaken);
  EXPECT_EQ(one.ask("ROLLBACK"), "C(ROLLBACK) Z(I)");
}

TEST_P(Hermitage, G2ItemWriteSkew) {
  one.ask("SELECT * FROM test WHERE id IN (1, 2)");
  two.ask("SELECT * FROM test WHERE id IN (1, 2)");
  update(one, 1, 11);
  update(two, 2, 21);
  EXPECT_EQ(one.ask("COMMIT"), kCommitted);
  EXPECT_EQ(two.ask("COMMIT"), second_commit());
}

TEST_P(Hermitage, G2AntiDependencyCycles) {
  one.ask("SELECT * FROM test WHERE value % 3 = 0");
  two.ask("SELECT * FROM test WHERE value % 3 = 0");
  one.ask("INSERT INTO test VALUES (3, 30)");
  two.ask("INSERT INTO test VALUES (4, 42)");
  EXPECT_EQ(one.ask("COMMIT"), kCommitted);
  EXPECT_EQ(two.ask("COMMIT"), second_commit());
}

TEST_P(Hermitage, G2WithTwoEdges) {
  one.ask("SELECT * FROM test");
  two.ask("UPDATE test SET value = value + 5 WHERE id = 2");
  EXPECT_EQ(two.ask("COMMIT"), kCommitted);
  EXPECT_EQ(three.ask("SELECT * FROM test"), "T D(1,10) D(2,25) C(SELECT 2) Z(T)");
  EXPECT_EQ(three.ask("COMMIT"), kCommitted);
  EXPECT_EQ(update(one, 1, 0), "C(UPDATE 1) Z(T)");
  EXPECT_EQ(one.ask("COMMIT"), second_commit());
}

INSTANTIATE_TEST_SUITE_P(Levels, Hermitage, testing::Values(Level::repeatable_read, Level::serializable),
                         [](const auto& level) {
                           return level.param == Level::serializable ? "Serializable" : "RepeatableRead";
                         });

}  // namespace
}  // namespace gyre::test
