// The tree against std::map: random batches, snapshots kept from earlier ones, cursors both ways, every block
// accounted for.

#include "storage/tree.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "storage/retirement.h"
#include "tests/storage/random.h"

namespace gyre::storage {
namespace {

using test::below;
using test::Random;

using Twin = std::map<std::string, std::string>;

std::string big_endian(std::uint64_t number) {
  std::string key(8, '\0');
  for (int i = 7; i >= 0; --i, number >>= 8) key[static_cast<std::size_t>(i)] = static_cast<char>(number);
  return key;
}

// What kinds of keys and values a run draws.
struct Flavour {
  const char* name;
  std::uint64_t key_space;
  std::size_t key_padding_max;
  std::size_t value_size_max;
  bool binary;
  int large_value_percent = 2;
};

std::string random_key(Random& random, const Flavour& flavour) {
  const std::uint64_t number = below(random, flavour.key_space);
  if (flavour.binary) return "\x01" + big_endian(number);
  // Few letters, many shared prefixes, some keys prefixes of others; the same number always gives the same
  // key.
  Random shape(number);
  std::string key(below(shape, 4), 'a');
  key += std::to_string(number);
  if (flavour.key_padding_max != 0 && number % 5 == 0)
    key.append(below(shape, flavour.key_padding_max), static_cast<char>(number % 3 == 0 ? '\0' : '\xff'));
  if (key.size() > kMaxKeySize) key.resize(kMaxKeySize);
  return key;
}

std::string random_value(Random& random, const Flavour& flavour) {
  const std::size_t bound =
      static_cast<int>(below(random, 100)) < flavour.large_value_percent ? 5000 : flavour.value_size_max;
  return std::string(below(random, bound + 1), static_cast<char>('A' + below(random, 26)));
}

void expect_scans(const Tree& tree, const Twin& twin) {
  Cursor cursor(tree);
  cursor.seek_first();
  for (const auto& [key, value] : twin) {
    ASSERT_TRUE(cursor.valid());
    ASSERT_EQ(cursor.key(), key);
    ASSERT_EQ(cursor.value(), value);
    cursor.next();
  }
  ASSERT_FALSE(cursor.valid());
  cursor.seek_last();
  for (auto entry = twin.rbegin(); entry != twin.rend(); ++entry) {
    ASSERT_TRUE(cursor.valid());
    ASSERT_EQ(cursor.key(), entry->first);
    ASSERT_EQ(cursor.value(), entry->second);
    cursor.prev();
  }
  ASSERT_FALSE(cursor.valid());
}

void expect_entry(const Cursor& cursor, const Twin& twin, Twin::const_iterator expected) {
  ASSERT_EQ(cursor.valid(), expected != twin.end());
  if (!cursor.valid()) return;
  ASSERT_EQ(cursor.key(), expected->first);
  ASSERT_EQ(cursor.value(), expected->second);
}

void expect_lookups(const Tree& tree, const Twin& twin, Random& random, const Flavour& flavour, int count) {
  for (int i = 0; i < count; ++i) {
    const std::string key = random_key(random, flavour) + (below(random, 8) == 0 ? "x" : "");
    std::string_view value;
    const auto exact = twin.find(key);
    ASSERT_EQ(tree.get(key, value), exact != twin.end());
    if (exact != twin.end()) {
      ASSERT_EQ(value, exact->second);
    }
    Cursor cursor(tree);
    cursor.seek(key);
    auto at = twin.lower_bound(key);
    expect_entry(cursor, twin, at);
    for (int step = 0; step < 5 && cursor.valid(); ++step) {
      cursor.next();
      expect_entry(cursor, twin, ++at);
    }
    cursor.seek_before(key);
    const auto above = twin.lower_bound(key);
    expect_entry(cursor, twin, above == twin.begin() ? twin.end() : std::prev(above));
  }
}

void expect_range(const Tree& tree, const Twin& twin, const std::string& lower, const std::string& upper) {
  TreeRange range(tree, lower, upper);
  for (auto at = twin.lower_bound(lower); at != twin.end() && (upper.empty() || at->first < upper); ++at) {
    ASSERT_TRUE(range.valid());
    ASSERT_EQ(range.key(), at->first);
    ASSERT_EQ(range.value(), at->second);
    range.next();
  }
  ASSERT_FALSE(range.valid());
}

// One tree and its history: earlier snapshots stay readable until their blocks are freed.
class History {
 public:
  explicit History(const Flavour& flavour, std::uint64_t seed) : flavour_(flavour), random_(seed) {}
  ~History() {
    while (!kept_.empty()) forget_oldest();
    live_ -= static_cast<std::int64_t>(free_tree(tree_));
    EXPECT_EQ(live_, 0) << "blocks leaked or freed twice";
  }

  void run(int batches) {
    for (int i = 0; i < batches; ++i) {
      ASSERT_NO_FATAL_FAILURE(one_batch(i));
      // Live blocks are those of the newest tree and those that only kept snapshots reach.
      std::int64_t awaiting = 0;
      for (const Kept& kept : kept_) awaiting += static_cast<std::int64_t>(kept.replaced_after.size());
      ASSERT_EQ(static_cast<std::int64_t>(check_tree(tree_)) + awaiting, live_);
    }
  }

 private:
  struct Kept {
    Tree tree;
    Twin twin;
    std::vector<tree::Block*> replaced_after;  // by the batch that followed
  };

  void one_batch(int number) {
    WriteBatch batch(static_cast<std::uint64_t>(number) + 1);
    Tree tree = tree_;
    Twin twin = twin_;
    const int mood = static_cast<int>(below(random_, 10));  // growing, shrinking, or both
    const auto writes = below(random_, below(random_, 4) == 0 ? 800 : 20);
    for (std::uint64_t i = 0; i < writes; ++i) ASSERT_NO_FATAL_FAILURE(one_write(batch, tree, twin, mood));
    if (below(random_, 6) == 0) {  // given up
      batch.blocks_freed += free_batch_nodes(batch, tree);
      ASSERT_EQ(batch.blocks_made, batch.blocks_freed);
      check_tree(tree_);
      return;
    }
    kept_.push_back({tree_, twin_, std::move(batch.replaced)});
    live_ += static_cast<std::int64_t>(batch.blocks_made - batch.blocks_freed);
    tree_ = tree;
    twin_ = twin;
    check_all();
    if (kept_.size() > 5) forget_oldest();
  }

  void one_write(WriteBatch& batch, Tree& tree, Twin& twin, int mood) {
    const std::string key = random_key(random_, flavour_);
    const std::string value = random_value(random_, flavour_);
    const auto dice = static_cast<int>(below(random_, 10));
    if (dice < mood) {
      const bool existed = below(random_, 3) != 0 && !twin.empty() ? erase_some(batch, tree, twin) : true;
      ASSERT_TRUE(existed);
      ASSERT_EQ(erase(batch, tree, key), twin.erase(key) == 1);
    } else if (dice % 2 == 0) {
      ASSERT_EQ(put(batch, tree, key, value), twin.insert_or_assign(key, value).second);
    } else {
      std::string_view existing;
      const auto [at, inserted] = twin.insert({key, value});
      ASSERT_EQ(insert(batch, tree, key, value, existing), inserted);
      if (!inserted) {
        ASSERT_EQ(existing, at->second);
      }
    }
    ASSERT_EQ(tree.size(), twin.size());
  }

  bool erase_some(WriteBatch& batch, Tree& tree, Twin& twin) {
    auto at = twin.lower_bound(random_key(random_, flavour_));
    if (at == twin.end()) at = twin.begin();
    const bool erased = erase(batch, tree, at->first);
    twin.erase(at);
    return erased;
  }

  void check_all() {
    ASSERT_NO_FATAL_FAILURE(expect_scans(tree_, twin_));
    ASSERT_NO_FATAL_FAILURE(expect_lookups(tree_, twin_, random_, flavour_, 30));
    for (int i = 0; i < 5; ++i)
      ASSERT_NO_FATAL_FAILURE(expect_range(tree_, twin_, random_key(random_, flavour_),
                                           i == 0 ? std::string() : random_key(random_, flavour_)));
    const Kept& old = kept_[below(random_, kept_.size())];
    ASSERT_NO_FATAL_FAILURE(expect_scans(old.tree, old.twin));
    check_tree(old.tree);
  }

  void forget_oldest() {
    for (tree::Block* block : kept_.front().replaced_after) free_block(block);
    live_ -= static_cast<std::int64_t>(kept_.front().replaced_after.size());
    kept_.pop_front();
  }

  Flavour flavour_;
  Random random_;
  Tree tree_;
  Twin twin_;
  std::deque<Kept> kept_;
  std::int64_t live_ = 0;
};

class TreeRandom : public testing::TestWithParam<Flavour> {};

TEST_P(TreeRandom, AgreesWithMap) {
  const std::uint64_t seed = test::seed_or(20261);
  for (std::uint64_t run = 0; run < 6; ++run) {
    SCOPED_TRACE("GYRE_TEST_SEED=" + std::to_string(seed + run));
    History history(GetParam(), seed + run);
    ASSERT_NO_FATAL_FAILURE(history.run(60));
  }
}

INSTANTIATE_TEST_SUITE_P(Flavours, TreeRandom,
                         testing::Values(Flavour{"ids", 3000, 0, 40, true},
                                         Flavour{"few_ids", 100, 0, 200, true},
                                         Flavour{"wide_ids", UINT64_MAX, 0, 30, true},
                                         Flavour{"texts", 2000, 40, 60, false},
                                         Flavour{"long_keys", 300, 9000, 60, false, 10},
                                         Flavour{"empty_values", 5000, 0, 0, false, 0},
                                         Flavour{"large_values", 300, 20, 1100, false, 50}),
                         [](const auto& flavour) { return std::string(flavour.param.name); });

TEST(Tree, EmptyTreeHasNothing) {
  const Tree tree;
  std::string_view value;
  EXPECT_FALSE(tree.get("a", value));
  Cursor cursor(tree);
  cursor.seek_first();
  EXPECT_FALSE(cursor.valid());
  cursor.seek_last();
  EXPECT_FALSE(cursor.valid());
  cursor.seek("a");
  EXPECT_FALSE(cursor.valid());
  cursor.seek_before("a");
  EXPECT_FALSE(cursor.valid());
  EXPECT_FALSE(TreeRange(tree, "", "").valid());
  EXPECT_EQ(check_tree(tree), 0U);
}

TEST(Tree, AscendingAppendsFillTheirNodes) {
  constexpr std::uint64_t kCount = 100'000;
  WriteBatch batch(1);
  Tree tree;
  const std::string value(30, 'v');
  for (std::uint64_t i = 0; i < kCount; ++i) append(batch, tree, big_endian(i), value);
  const std::uint64_t blocks = check_tree(tree);
  EXPECT_EQ(blocks, batch.blocks_made - batch.blocks_freed);
  EXPECT_LT(blocks, kCount * (30 + 8 + 12) / 4096 * 108 / 100) << "leaves are not full";
  std::string_view found;
  for (std::uint64_t i = 0; i < kCount; i += 7) ASSERT_TRUE(tree.get(big_endian(i), found));
  EXPECT_FALSE(tree.get(big_endian(kCount), found));
  EXPECT_EQ(free_tree(tree), blocks);
}

// A dropped table's tree goes in parts, with its large values, and all of it.
TEST(Tree, IsFreedInParts) {
  WriteBatch batch(1);
  Tree tree;
  for (std::uint64_t i = 0; i < 3000; ++i)
    append(batch, tree, big_endian(i), std::string(i % 10 == 0 ? 3000 : 30, 'v'));
  const std::uint64_t blocks = check_tree(tree);
  auto retired = std::make_unique<Retired>();
  retired->trees = {tree, Tree()};
  Retirement retirement(std::move(retired));
  std::uint64_t freed = 0;
  int parts = 0;
  for (std::size_t last = 20; last >= 20; ++parts) {
    last = retirement.free_some(20);
    EXPECT_LT(last, 20U + 200U);
    freed += last;
  }
  EXPECT_EQ(freed, blocks);
  EXPECT_GT(parts, 10);
  EXPECT_EQ(retirement.free_some(20), 0U);
}

TEST(Tree, ErasingAllLeavesNoNode) {
  WriteBatch batch(1);
  Tree tree;
  for (std::uint64_t i = 0; i < 20'000; ++i) put(batch, tree, big_endian(i * 7919 % 20'000), "value");
  check_tree(tree);
  std::uint64_t most = batch.blocks_made - batch.blocks_freed;
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(erase(batch, tree, big_endian(i * 104'729 % 20'000)));
    if (i == 18'000) {
      check_tree(tree);
      EXPECT_LT(batch.blocks_made - batch.blocks_freed, most / 2) << "small nodes are not merged";
    }
  }
  EXPECT_EQ(tree.root(), nullptr);
  EXPECT_EQ(batch.blocks_made, batch.blocks_freed);
}

TEST(Tree, OneRowOfAMillionCopiesOnePath) {
  WriteBatch first(1);
  Tree tree;
  for (std::uint64_t i = 0; i < 200'000; ++i) append(first, tree, big_endian(i), "0123456789");
  const Tree before = tree;
  WriteBatch second(2);
  put(second, tree, big_endian(100'000), "changed");
  EXPECT_EQ(second.blocks_made, tree.root()->level + 1U);
  EXPECT_EQ(second.replaced.size(), second.blocks_made);
  EXPECT_GT(second.bytes_replaced, second.replaced.size() * 512);
  EXPECT_LT(second.bytes_replaced, second.replaced.size() * 8192);
  // 18 bytes each, and what a leaf has beside them.
  EXPECT_GT(estimated_bytes(tree), 200'000U * 20);
  EXPECT_LT(estimated_bytes(tree), 200'000U * 80);
  std::string_view value;
  ASSERT_TRUE(before.get(big_endian(100'000), value));
  EXPECT_EQ(value, "0123456789");
  put(second, tree, big_endian(100'001), "changed");
  EXPECT_EQ(second.blocks_made, tree.root()->level + 1U) << "a node of the batch was copied again";
  for (tree::Block* block : second.replaced) free_block(block);
  free_tree(tree);
}

TEST(Tree, ErasingAnAbsentKeyCopiesNothing) {
  WriteBatch first(1);
  Tree tree;
  put(first, tree, "a", "1");
  WriteBatch second(2);
  EXPECT_FALSE(erase(second, tree, "b"));
  EXPECT_EQ(second.blocks_made, 0U);
  free_tree(tree);
}

TEST(Tree, LargestKeysAndValues) {
  WriteBatch batch(1);
  Tree tree;
  Twin twin;
  for (int i = 0; i < 60; ++i) {
    std::string key(kMaxKeySize, 'k');
    key[static_cast<std::size_t>(i * 131) % key.size()] = static_cast<char>('a' + i % 5);
    key.back() = static_cast<char>(i);
    twin[key] = std::string(1000 + static_cast<std::size_t>(i), 'v');
    put(batch, tree, key, twin[key]);
    check_tree(tree);
  }
  const std::string megabytes(5'000'000, 'm');
  twin["m"] = megabytes;
  put(batch, tree, "m", megabytes);
  expect_scans(tree, twin);
  free_tree(tree);
}

}  // namespace
}  // namespace gyre::storage
