// What is refused before it is allocated, and what is given back.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "reactor/base/arena.h"
#include "reactor/base/memory_budget.h"
#include "reactor/base/out_buffer.h"
#include "tests/reactor/seed.h"

namespace gyre {
namespace {

TEST(MemoryBudget, RefusesWhatIsTooMuch) {
  MemoryBudget budget(100);
  budget.take(60);
  EXPECT_THROW(budget.take(41), OverBudget);
  EXPECT_EQ(budget.used(), 60U);
  budget.check(40);
  EXPECT_THROW(budget.check(SIZE_MAX), OverBudget);
  budget.give_back(60);
  budget.take(100);
  EXPECT_THROW(budget.take(1), std::bad_alloc);
}

TEST(Arena, PaysForItsBlocks) {
  MemoryBudget budget(1 << 20);
  {
    Arena one, other;
    one.set_budget(budget);
    other.set_budget(budget);
    one.allocate(600'000);
    EXPECT_THROW(other.allocate(600'000), OverBudget);
    EXPECT_THROW(other.check_room(600'000), OverBudget);
    other.allocate(300'000);
    EXPECT_EQ(budget.used(), one.footprint() + other.footprint());
    one.reset();
    other.allocate(600'000);
  }
  EXPECT_EQ(budget.used(), 0U);
}

// Where twice the last block is more than there is, what is needed is enough.
TEST(Arena, UsesAllOfItsBudget) {
  MemoryBudget budget(100'000);
  Arena arena;
  arena.set_budget(budget);
  std::size_t had = 0;
  try {
    for (;;) {
      arena.allocate(1000, 1);
      had += 1000;
    }
  } catch (const OverBudget& refused) {
    EXPECT_NE(refused.detail().find("100000"), std::string::npos);
  }
  EXPECT_GT(had, 80'000U);
  EXPECT_LE(budget.used(), 100'000U);
}

TEST(Arena, RandomUseIsPaidBack) {
  const std::uint64_t seed = test::test_seed(1);
  SCOPED_TRACE(test::seed_note(seed));
  std::mt19937_64 random(seed);
  MemoryBudget budget(500'000);
  std::size_t footprint = 0;
  {
    Arena arena;
    arena.set_budget(budget);
    for (int i = 0; i < 5000; ++i) {
      if (random() % 50 == 0) arena.reset();
      try {
        arena.allocate(random() % (random() % 20 == 0 ? 100'000 : 500));
      } catch (const OverBudget&) {
      }
      footprint = arena.footprint();
      ASSERT_EQ(budget.used(), footprint);
    }
  }
  EXPECT_EQ(budget.used(), 0U);
}

TEST(OutBuffer, StaysBelowItsLimit) {
  OutBuffer buffer;
  buffer.set_limit(1000);
  buffer.append(std::string(900, 'x'));
  EXPECT_THROW(buffer.append(std::string(200, 'y')), OverBudget);
  EXPECT_EQ(buffer.view(), std::string(900, 'x'));
  buffer.append(std::string(100, 'y'));
  EXPECT_THROW(buffer.append_byte('z'), OverBudget);
  // The limit stays with the buffer, not with its bytes.
  OutBuffer other;
  other.swap(buffer);
  other.append(std::string(5000, 'z'));
  EXPECT_TRUE(buffer.empty());
  EXPECT_THROW(buffer.append(std::string(1001, 'x')), OverBudget);
}

}  // namespace
}  // namespace gyre
