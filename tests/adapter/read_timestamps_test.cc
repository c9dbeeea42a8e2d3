// Which of a shard's statements an answer of the oracle serves.
#include "adapter/read_timestamps.h"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

#include "reactor/simulated_backend.h"

namespace gyre::test {
namespace {

using adapter::OracleTicket;
using adapter::ReadMode;
using adapter::ReadTimestamps;

class ReadTimestampsTest : public testing::Test {
 protected:
  OracleTicket& wait(ReadMode mode) {
    OracleTicket& ticket = tickets.emplace_back(loop);
    reads.wait(ticket, mode);
    return ticket;
  }
  void turn() { loop.turn(loop.clock_ns()); }

  reactor::Loop loop{std::make_unique<reactor::SimulatedBackend>(1)};
  adapter::SpanClock clock;
  std::vector<std::uint32_t> batches, singles;
  ReadTimestamps reads{loop, clock, {[this](std::uint32_t statements) { batches.push_back(statements); },
                                     [this](std::uint32_t id) { singles.push_back(id); }}};
  std::deque<OracleTicket> tickets;
};

TEST_F(ReadTimestampsTest, AnAnswerServesThoseThatItsCallCoveredAndNobodyElse) {
  const OracleTicket &one = wait(ReadMode::batched), &two = wait(ReadMode::batched);
  EXPECT_TRUE(batches.empty()) << "those of a turn go together";
  turn();
  const OracleTicket& three = wait(ReadMode::batched);
  turn();
  EXPECT_EQ(batches, (std::vector<std::uint32_t>{2, 1}));
  reads.on_batch(2, {});
  EXPECT_TRUE(one.answered.is_set() && two.answered.is_set());
  EXPECT_FALSE(three.answered.is_set()) << "it came after the call had been sent";
  reads.on_batch(3, "no");
  EXPECT_TRUE(three.answered.is_set());
  EXPECT_EQ(three.failure, "no");
  EXPECT_EQ(two.failure, "");
  EXPECT_EQ(reads.wait_ns().count(), 3U);
}

TEST_F(ReadTimestampsTest, WhoHasLeftIsNotAnswered) {
  OracleTicket& one = wait(ReadMode::batched);
  const OracleTicket& two = wait(ReadMode::batched);
  OracleTicket& alone = wait(ReadMode::direct);
  turn();
  reads.forget(one);
  reads.forget(alone);
  EXPECT_EQ(batches, (std::vector<std::uint32_t>{2}));
  ASSERT_EQ(singles.size(), 1U);
  reads.on_batch(2, {});
  reads.on_single(singles.front(), {});
  EXPECT_FALSE(one.answered.is_set());
  EXPECT_TRUE(two.answered.is_set());
  EXPECT_FALSE(alone.answered.is_set());
}

TEST_F(ReadTimestampsTest, EachThatAsksAloneHasItsOwnAnswer) {
  const OracleTicket &one = wait(ReadMode::direct), &two = wait(ReadMode::direct);
  ASSERT_EQ(singles.size(), 2U);
  reads.on_single(singles[1], {});
  EXPECT_FALSE(one.answered.is_set());
  EXPECT_TRUE(two.answered.is_set());
  reads.on_single(singles[0], "no");
  EXPECT_EQ(one.failure, "no");
  turn();
  EXPECT_TRUE(batches.empty());
}

}  // namespace
}  // namespace gyre::test
