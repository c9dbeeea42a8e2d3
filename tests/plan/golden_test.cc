// Statements and what becomes of them, as text files that rewrite themselves with GYRE_REWRITE=1:
//   plans.txt     statement → physical plan (or error)
//   answers.txt   statement → rows (or error), in order, against one database
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>

#include "tests/plan/harness.h"

namespace gyre::test {
namespace {

constexpr const char* kTables =
    "CREATE TABLE t (id text, value int4);"
    "CREATE TABLE k (id int8 PRIMARY KEY, a int4, b text, n numeric);"
    "CREATE INDEX k_a ON k (a, b);"
    "CREATE TABLE p (x int4, y int4, z varchar(3) DEFAULT 'zz', PRIMARY KEY (x, y));"
    "CREATE TABLE d (a int4 DEFAULT 7, b timestamptz, c bool NOT NULL DEFAULT true);";

// Lines beginning with '>' are statements; what follows up to a blank line is the answer.
void check(const std::string& file, const std::function<std::string(const std::string&)>& answer) {
  const std::string path = std::string(GYRE_PLAN_TESTS) + "/" + file;
  std::ifstream in(path);
  ASSERT_TRUE(in) << path;
  std::string line;
  std::string statement;
  std::string expected;
  std::ostringstream rewritten;
  const bool rewrite = std::getenv("GYRE_REWRITE") != nullptr;
  const auto finish = [&] {
    if (statement.empty()) return;
    const std::string actual = answer(statement);
    if (!rewrite) {
      EXPECT_EQ(actual, expected) << "of " << statement;
    }
    rewritten << "> " << statement << "\n" << actual << "\n";
    statement.clear();
    expected.clear();
  };
  while (std::getline(in, line)) {
    if (line.starts_with("> ")) {
      finish();
      statement = line.substr(2);
    } else if (line.starts_with("#")) {
      finish();
      rewritten << line << "\n\n";
    } else if (!line.empty()) {
      expected += line + "\n";
    }
  }
  finish();
  if (rewrite) std::ofstream(path) << rewritten.str();
}

TEST(Golden, Plans) {
  Harness harness;
  ASSERT_EQ(harness.run(kTables), "");
  check("plans.txt", [&](const std::string& sql) { return harness.plan_of(sql); });
}

TEST(Golden, Answers) {
  Harness harness;
  ASSERT_EQ(harness.run(kTables), "");
  check("answers.txt", [&](const std::string& sql) { return harness.run(sql); });
}

}  // namespace
}  // namespace gyre::test
