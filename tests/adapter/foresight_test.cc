// Lookups begun ahead against lookups that are not: random turns over several trees, some lookups never taken, some
// never begun.
#include "adapter/session/foresight.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "storage/tree.h"
#include "tests/storage/random.h"

namespace gyre::adapter {
namespace {

using storage::Tree;
using storage::WriteBatch;
using test::below;
using test::Random;

std::string key_of(std::uint64_t number) {
  std::string key(8, '\0');
  for (std::size_t i = 8; i-- > 0; number >>= 8) key[i] = static_cast<char>(number);
  return key;
}

TEST(Foresight, FindsTheLeafOfEachKey) {
  const std::uint64_t seed = test::seed_or(std::random_device{}());
  SCOPED_TRACE("GYRE_TEST_SEED=" + std::to_string(seed));
  Random random(seed);
  std::vector<Tree> trees(3);  // the last one stays empty
  WriteBatch batch(1);
  for (std::uint64_t i = 0; i < 20'000; ++i)
    append(batch, trees[i % 2], key_of(2 * i), std::to_string(i) + std::string(i % 50, 'v'));

  struct Lookup {
    std::size_t tree;
    std::string key;
    bool begun;
  };
  Foresight foresight;
  for (int turn = 0; turn < 2'000; ++turn) {
    foresight.begin_turn();
    // As the reactor does it: what is announced is some messages ahead of what is handled.
    std::vector<Lookup> lookups;
    const std::uint64_t messages = below(random, 100), ahead = 1 + below(random, 40);
    for (std::uint64_t i = 0; i < messages; ++i) {
      // No key twice in a turn: one that was not begun would take the other's place, and all before it be forgotten.
      std::string key = key_of(below(random, 400) * 128 + i);
      if (below(random, 20) == 0) key.append(20, 'x');  // too long to be kept
      lookups.push_back({below(random, 3), key, below(random, 10) != 0});
    }
    std::size_t announced = 0;
    for (std::size_t i = 0; i < lookups.size(); ++i) {
      for (; announced < lookups.size() && announced <= i + ahead; ++announced)
        if (lookups[announced].begun) foresight.begin(trees[lookups[announced].tree], lookups[announced].key);
      if (below(random, 12) == 0) continue;  // it was refused, or took another way
      const Tree& tree = trees[lookups[i].tree];
      const auto* const leaf = foresight.take(tree, lookups[i].key);
      if (lookups[i].begun && !tree.empty() && lookups[i].key.size() <= 20) {
        ASSERT_NE(leaf, nullptr) << "turn " << turn << ", message " << i;
      }
      if (leaf == nullptr) continue;
      std::string_view wanted, got;
      const bool is_there = tree.get(lookups[i].key, wanted);
      ASSERT_EQ(Tree::get_in(leaf, lookups[i].key, got), is_there) << "turn " << turn << ", message " << i;
      if (is_there) {
        ASSERT_EQ(got, wanted);
      }
    }
  }
  for (Tree& tree : trees) free_tree(tree);
}

}  // namespace
}  // namespace gyre::adapter
