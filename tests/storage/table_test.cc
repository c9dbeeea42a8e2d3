// Keys and key ranges against a plain filter over rows, and change sets.

#include "storage/table.h"

#include <gtest/gtest.h>

#include <map>

#include "storage/change_set.h"
#include "storage/tree.h"
#include "tests/storage/random.h"
#include "tests/storage/table_fixture.h"

namespace gyre::storage {
namespace {

using test::below;
using test::integer;
using test::Random;

// Rows (a int4, b int4), both nullable, in an index over (a, b); small numbers so that ranges hit.
class KeyRange : public testing::Test {
 protected:
  KeyRange()
      : schema_(test::make_schema(1, "t", {{"a", TypeId::int4, false}, {"b", TypeId::int4, false}}, {},
                                  {{"t_a_b_idx", {0, 1}, false}})) {
    for (int a = -3; a <= 3; ++a)
      for (int b = -3; b <= 3; ++b) add(a, b);
    for (int i = -3; i <= 3; ++i) {
      add(std::nullopt, i);
      add(i, std::nullopt);
    }
  }
  ~KeyRange() override { free_tree(index_); }

  void add(std::optional<int> a, std::optional<int> b) {
    const std::vector<Datum> row{a ? integer(*a) : Datum(), b ? integer(*b) : Datum()};
    OutBuffer packed;
    OutBuffer key;
    OutBuffer id;
    schema_->layout.pack(row, packed);
    append_row_id(rows_.size(), id);
    append_index_key(*schema_, schema_->indexes[0], packed.data(), id.view(), key);
    put(batch_, index_, key.view(), id.view());
    rows_.push_back({a, b});
  }

  std::size_t count(std::span<const Datum> equal, ScanBound from, ScanBound to) const {
    OutBuffer lower;
    OutBuffer upper;
    make_key_range(*schema_, schema_->indexes[0].columns, equal, from, to, lower, upper);
    std::size_t found = 0;
    for (TreeRange range(index_, lower.view(), upper.view()); range.valid(); range.next()) ++found;
    return found;
  }

  struct Row {
    std::optional<int> a, b;
  };
  std::shared_ptr<const TableSchema> schema_;
  WriteBatch batch_{1};
  Tree index_;
  std::vector<Row> rows_;
};

bool within(std::optional<int> value, ScanBound from, ScanBound to) {
  using Kind = ScanBound::Kind;
  if (from.kind == Kind::none && to.kind == Kind::none) return true;
  if (!value) return false;
  if (from.kind != Kind::none && (from.value.null || *value < from.value.integer)) return false;
  if (from.kind == Kind::exclusive && *value == from.value.integer) return false;
  if (to.kind != Kind::none && (to.value.null || *value > to.value.integer)) return false;
  return to.kind != Kind::exclusive || *value != to.value.integer;
}

TEST_F(KeyRange, AgreesWithAFilter) {
  const std::uint64_t seed = test::seed_or(31);
  SCOPED_TRACE("GYRE_TEST_SEED=" + std::to_string(seed));
  Random random(seed);
  const auto value = [&] { return static_cast<std::int64_t>(below(random, 9)) - 4; };
  const auto bound = [&] {
    ScanBound drawn{static_cast<ScanBound::Kind>(below(random, 3)), integer(value())};
    if (below(random, 20) == 0) drawn.value = Datum();
    return drawn;
  };
  for (int i = 0; i < 3000; ++i) {
    const ScanBound from = bound();
    const ScanBound to = bound();
    const bool on_second = below(random, 2) == 0;
    const std::vector<Datum> equal(on_second ? 1 : 0, integer(value()));
    std::size_t expected = 0;
    for (const Row& row : rows_) {
      if (on_second && (!row.a || *row.a != equal[0].integer)) continue;
      expected += within(on_second ? row.b : row.a, from, to) ? 1 : 0;
    }
    ASSERT_EQ(count(equal, from, to), expected);
  }
}

TEST_F(KeyRange, NothingEqualsNull) {
  const std::vector<Datum> equal(1);
  EXPECT_EQ(count(equal, {}, {}), 0U);
}

TEST(PrefixEnd, IsTheNextOfAllThatBeginSo) {
  OutBuffer prefix;
  prefix.append("ab");
  ASSERT_TRUE(make_prefix_end(prefix));
  EXPECT_EQ(prefix.view(), "ac");
  prefix.clear();
  prefix.append("a\xff\xff");
  ASSERT_TRUE(make_prefix_end(prefix));
  EXPECT_EQ(prefix.view(), "b");
  prefix.clear();
  prefix.append("\xff\xff");
  EXPECT_FALSE(make_prefix_end(prefix));
  EXPECT_TRUE(prefix.empty());
}

TEST(RowId, KeysAscend) {
  OutBuffer small;
  OutBuffer large;
  append_row_id(255, small);
  append_row_id(256, large);
  EXPECT_LT(small.view(), large.view());
  EXPECT_EQ(row_id_of(large.view()), 256U);
}

using State = std::map<std::string, std::string>;

void apply_changes(State& state, const ChangeSet& changes) {
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const Change change = changes[i];
    const std::string key(change.key);
    ASSERT_EQ(state.contains(key), change.before.has_value());
    if (change.before) {
      ASSERT_EQ(state[key], *change.before);
    }
    if (change.after)
      state[key] = *change.after;
    else
      state.erase(key);
  }
}

TEST(ChangeSet, NetAndInverseLeadToTheSameStates) {
  const std::uint64_t seed = test::seed_or(77);
  for (std::uint64_t run = 0; run < 200; ++run) {
    SCOPED_TRACE("GYRE_TEST_SEED=" + std::to_string(seed + run));
    Random random(seed + run);
    State start;
    for (int i = 0; i < 5; ++i) start[std::to_string(below(random, 10))] = "start";
    State state = start;
    ChangeSet changes;
    for (std::uint64_t i = below(random, 40); i > 0; --i) {
      const std::string key = std::to_string(below(random, 10));
      const std::string row = below(random, 4) == 0 ? "" : std::to_string(below(random, 3));
      Change change{RelationId(1), key, {}, {}};
      const auto at = state.find(key);
      std::string before;
      if (at != state.end()) change.before = before = at->second;
      if (at == state.end() || below(random, 2) == 0) change.after = row;
      changes.append(change);
      if (change.after)
        state[key] = row;
      else
        state.erase(key);
    }
    State replayed = start;
    ASSERT_NO_FATAL_FAILURE(apply_changes(replayed, changes));
    ASSERT_EQ(replayed, state);
    ASSERT_NO_FATAL_FAILURE(apply_changes(replayed, changes.inverse()));
    ASSERT_EQ(replayed, start);
    ASSERT_NO_FATAL_FAILURE(apply_changes(replayed, changes.net()));
    ASSERT_EQ(replayed, state);
    const ChangeSet net = changes.net();
    for (std::size_t i = 1; i < net.size(); ++i) ASSERT_LT(net[i - 1].key, net[i].key);
    for (std::size_t i = 0; i < net.size(); ++i) ASSERT_NE(net[i].before, net[i].after);
  }
}

}  // namespace
}  // namespace gyre::storage
