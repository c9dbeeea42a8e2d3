// Random statements over small random tables, answered three ways that must agree: by loops over the rows in
// this file, by plans with all rewrites, and by plans without; in one go and in slices; with literals as
// constants and as parameters. GYRE_TEST_SEED replays.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>

#include "tests/plan/harness.h"

namespace gyre::test {
namespace {

using Value = std::optional<int>;
using Row = std::vector<Value>;
enum class Truth { no, yes, unknown };

constexpr const char* kNames[] = {"a", "b", "c"};

// A condition as SQL, and as what it says about a row.
struct Condition {
  std::string sql;
  std::function<Truth(const Row&)> holds;
};

Truth of(bool value) {
  return value ? Truth::yes : Truth::no;
}

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }

  Condition comparison() {
    static constexpr const char* kOperators[] = {"=", "<>", "<", "<=", ">", ">="};
    const int column = below(3);
    const int op = below(6);
    const int value = below(8) - 1;
    Condition condition;
    condition.sql = std::string(kNames[column]) + " " + kOperators[op] + " " + std::to_string(value);
    if (below(4) == 0) {
      // The same, the other way around.
      static constexpr const char* kMirrored[] = {"=", "<>", ">", ">=", "<", "<="};
      condition.sql = std::to_string(value) + " " + kMirrored[op] + " " + kNames[column];
    }
    condition.holds = [=](const Row& row) {
      const Value& left = row[static_cast<std::size_t>(column)];
      if (!left) return Truth::unknown;
      const bool results[] = {*left == value, *left != value, *left<value, *left <= value, *left> value,
                              *left >= value};
      return of(results[op]);
    };
    return condition;
  }

  Condition simple() {
    const int column = below(3);
    const auto at = static_cast<std::size_t>(column);
    switch (below(5)) {
      case 0: {
        const bool negated = below(2) == 0;
        return {std::string(kNames[column]) + (negated ? " IS NOT NULL" : " IS NULL"),
                [=](const Row& row) { return of(row[at].has_value() == negated); }};
      }
      case 1: {
        const int x = below(8);
        const int y = below(8);
        return {std::string(kNames[column]) + " IN (" + std::to_string(x) + ", " + std::to_string(y) + ")",
                [=](const Row& row) {
                  if (!row[at]) return Truth::unknown;
                  return of(*row[at] == x || *row[at] == y);
                }};
      }
      default:
        return comparison();
    }
  }

  Condition condition(int depth) {
    if (depth == 0 || below(3) == 0) return simple();
    const Condition left = condition(depth - 1);
    const Condition right = condition(depth - 1);
    if (below(6) == 0)
      return {"NOT (" + left.sql + ")", [=](const Row& row) {
                const Truth truth = left.holds(row);
                return truth == Truth::unknown ? truth : of(truth == Truth::no);
              }};
    const bool both = below(3) != 0;
    const Truth decisive = both ? Truth::no : Truth::yes;
    return {
        "(" + left.sql + (both ? " AND " : " OR ") + right.sql + ")", [=](const Row& row) {
          const Truth x = left.holds(row);
          const Truth y = right.holds(row);
          if (x == decisive || y == decisive) return decisive;
          return x == Truth::unknown || y == Truth::unknown ? Truth::unknown : both ? Truth::yes : Truth::no;
        }};
  }

 private:
  std::mt19937_64 random_;
};

std::string text_of(const Value& value) {
  return value ? std::to_string(*value) : "NULL";
}
std::string text_of(const Row& row) {
  std::string text;
  for (const Value& value : row) text += (text.empty() ? "" : "|") + text_of(value);
  return text;
}

// Nulls above all values.
bool less(const Value& x, const Value& y) {
  if (!x || !y) return x.has_value() && !y;
  return *x < *y;
}

class Random : public testing::Test {
 protected:
  void SetUp() override {
    const char* given = std::getenv("GYRE_TEST_SEED");
    seed_ = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    RecordProperty("seed", std::to_string(seed_));
  }

  // One of several shapes of keys; the rows have distinct (a, b), a and b never null where they are a key.
  void make_table(Generator& generator, Harness& harness, std::vector<Row>& rows) {
    static constexpr const char* kShapes[] = {
        "CREATE TABLE r (a int4, b int8, c int2)",
        "CREATE TABLE r (a int4 PRIMARY KEY, b int8, c int2)",
        "CREATE TABLE r (a int4, b int8, c int2, PRIMARY KEY (a, b))",
        "CREATE TABLE r (a int4, b int8, c int2); CREATE INDEX r_b ON r (b, c)",
        "CREATE TABLE r (a int4, b int8, c int2, PRIMARY KEY (b, a)); CREATE INDEX r_c ON r (c)",
    };
    const int shape = generator.below(5);
    ASSERT_EQ(harness.run(kShapes[shape]), "");
    std::set<std::pair<int, int>> keys;
    for (int i = generator.below(30); i > 0; --i) {
      Row row(3);
      for (Value& value : row)
        if (generator.below(6) != 0) value = generator.below(7);
      if (shape == 1) row[0] = static_cast<int>(rows.size());
      if (shape == 2 || shape == 4) {
        row[0] = row[0].value_or(3);
        row[1] = row[1].value_or(3);
        if (!keys.emplace(*row[0], *row[1]).second) continue;
      }
      rows.push_back(row);
      ASSERT_EQ(harness.run("INSERT INTO r VALUES (" + text_of(row[0]) + ", " + text_of(row[1]) + ", " +
                            text_of(row[2]) + ")"),
                "affected 1\n");
    }
  }

  // All ways of running the statement give `expected`.
  void expect_rows(Harness& harness, const std::string& sql, std::vector<std::string> expected,
                   bool ordered) {
    for (int way = 0; way < 8; ++way) {
      RunOptions options;
      options.rewrites = (way & 1) != 0;
      options.slices = (way & 2) != 0;
      options.literals_as_parameters = (way & 4) != 0;
      std::vector<std::string> actual = harness.rows(sql, options);
      if (!ordered) std::sort(actual.begin(), actual.end());
      if (!ordered) std::sort(expected.begin(), expected.end());
      ASSERT_EQ(actual, expected) << sql << "\nway " << way << " seed " << seed_ << "\n"
                                  << harness.plan_of(sql, options);
    }
  }

  std::uint64_t seed_ = 0;
};

TEST_F(Random, FilterOrderLimit) {
  for (std::uint64_t round = 0; round < 150; ++round) {
    Generator generator(seed_ + round);
    Harness harness;
    std::vector<Row> rows;
    ASSERT_NO_FATAL_FAILURE(make_table(generator, harness, rows));
    for (int query = 0; query < 4; ++query) {
      const Condition where = generator.condition(2);
      std::vector<Row> kept;
      for (const Row& row : rows)
        if (where.holds(row) == Truth::yes) kept.push_back(row);
      // A total order: by all three columns, in some sequence and direction.
      std::vector<std::size_t> by = {0, 1, 2};
      std::rotate(by.begin(), by.begin() + generator.below(3), by.end());
      bool descending[3];
      std::string order;
      for (std::size_t i = 0; i < 3; ++i) {
        descending[i] = generator.below(2) == 0;
        order += (i == 0 ? "" : ", ") + std::string(kNames[by[i]]) + (descending[i] ? " DESC" : "");
      }
      std::stable_sort(kept.begin(), kept.end(), [&](const Row& x, const Row& y) {
        for (std::size_t i = 0; i < 3; ++i) {
          const Value& u = x[by[i]];
          const Value& v = y[by[i]];
          if (less(u, v)) return !descending[i];
          if (less(v, u)) return descending[i];
        }
        return false;
      });
      std::vector<std::string> expected;
      for (const Row& row : kept) expected.push_back(text_of(row));
      const std::string sql = "SELECT a, b, c FROM r WHERE " + where.sql;
      ASSERT_NO_FATAL_FAILURE(expect_rows(harness, sql, expected, false));
      ASSERT_NO_FATAL_FAILURE(expect_rows(harness, sql + " ORDER BY " + order, expected, true));
      const std::size_t limit = static_cast<std::size_t>(generator.below(6));
      const std::size_t offset = static_cast<std::size_t>(generator.below(4));
      expected.erase(expected.begin(),
                     expected.begin() + static_cast<std::ptrdiff_t>(std::min(offset, expected.size())));
      expected.resize(std::min(limit, expected.size()));
      ASSERT_NO_FATAL_FAILURE(expect_rows(harness,
                                          sql + " ORDER BY " + order + " LIMIT " + std::to_string(limit) +
                                              " OFFSET " + std::to_string(offset),
                                          expected, true));
    }
  }
}

TEST_F(Random, Group) {
  for (std::uint64_t round = 0; round < 100; ++round) {
    Generator generator(seed_ + 1000 + round);
    Harness harness;
    std::vector<Row> rows;
    ASSERT_NO_FATAL_FAILURE(make_table(generator, harness, rows));
    const Condition where = generator.condition(1);
    const auto key = static_cast<std::size_t>(generator.below(3));
    struct Group {
      int count = 0, present = 0, sum = 0;
      Value least;
      std::set<int> distinct;
    };
    std::map<std::string, Group> groups;
    for (const Row& row : rows) {
      if (where.holds(row) != Truth::yes) continue;
      Group& group = groups[text_of(row[key])];
      ++group.count;
      const Value& value = row[(key + 1) % 3];
      if (!value) continue;
      ++group.present;
      group.sum += *value;
      group.distinct.insert(*value);
      if (!group.least || *value < *group.least) group.least = value;
    }
    std::vector<std::string> expected;
    for (const auto& [name, group] : groups)
      if (group.count > 1)
        expected.push_back(name + "|" + std::to_string(group.count) + "|" +
                           (group.present ? std::to_string(group.sum) : "NULL") + "|" + text_of(group.least) +
                           "|" + std::to_string(group.distinct.size()));
    const std::string by = kNames[key];
    const std::string value = kNames[(key + 1) % 3];
    ASSERT_NO_FATAL_FAILURE(expect_rows(harness,
                                        "SELECT " + by + ", count(*), sum(" + value + "), min(" + value +
                                            "), count(DISTINCT " + value + ") FROM r WHERE " + where.sql +
                                            " GROUP BY " + by + " HAVING count(*) > 1",
                                        expected, false));
  }
}

TEST_F(Random, Join) {
  static constexpr const char* kKinds[] = {"JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"};
  for (std::uint64_t round = 0; round < 100; ++round) {
    Generator generator(seed_ + 2000 + round);
    Harness harness;
    std::vector<Row> rows;
    ASSERT_NO_FATAL_FAILURE(make_table(generator, harness, rows));
    const int kind = generator.below(4);
    const auto left_column = static_cast<std::size_t>(generator.below(3));
    const auto right_column = static_cast<std::size_t>(generator.below(3));
    const bool equal = generator.below(3) != 0;
    std::vector<std::string> expected;
    std::vector<bool> matched(rows.size());
    for (const Row& x : rows) {
      bool found = false;
      for (std::size_t j = 0; j < rows.size(); ++j) {
        const Value& u = x[left_column];
        const Value& v = rows[j][right_column];
        if (!u || !v || !(equal ? *u == *v : *u < *v)) continue;
        found = true;
        matched[j] = true;
        expected.push_back(text_of(x) + "|" + text_of(rows[j]));
      }
      if (!found && (kind == 1 || kind == 3)) expected.push_back(text_of(x) + "|NULL|NULL|NULL");
    }
    if (kind >= 2)
      for (std::size_t j = 0; j < rows.size(); ++j)
        if (!matched[j]) expected.push_back("NULL|NULL|NULL|" + text_of(rows[j]));
    const std::string sql = std::string("SELECT * FROM r x ") + kKinds[kind] + " r y ON x." +
                            kNames[left_column] + (equal ? " = " : " < ") + "y." + kNames[right_column];
    ASSERT_NO_FATAL_FAILURE(expect_rows(harness, sql, expected, false));
  }
}

}  // namespace
}  // namespace gyre::test
