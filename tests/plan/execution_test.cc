// Things that a table of statements cannot show: parameters, rights, memory, literals of shared plans.
#include <gtest/gtest.h>

#include "adapter/sql/parser.h"
#include "adapter/sql_error.h"
#include "tests/plan/harness.h"

namespace gyre::test {
namespace {

RunOptions with(std::vector<std::string> parameters) {
  RunOptions options;
  options.parameters = std::move(parameters);
  return options;
}

TEST(Execution, ParametersTakeTheTypeOfTheirFirstUse) {
  Harness harness;
  harness.run("CREATE TABLE k (id int8 PRIMARY KEY, b text); INSERT INTO k VALUES (1, 'one'), (2, 'two')");
  EXPECT_EQ(harness.run("SELECT b FROM k WHERE id = $1", with({"2"})), "two\n");
  EXPECT_EQ(harness.run("SELECT id FROM k WHERE b = $1 AND id > $2", with({"two", "0"})), "2\n");
  EXPECT_EQ(harness.run("INSERT INTO k VALUES ($1, $2)", with({"3", "\\N"})), "affected 1\n");
  EXPECT_EQ(harness.run("SELECT * FROM k ORDER BY id LIMIT $1 OFFSET 1", with({"1"})), "2|two\n");
  EXPECT_EQ(harness.run("SELECT $1::text IS NULL, $2", with({"\\N", "x"})), "t|x\n");
}

TEST(Execution, ParametersThatNothingTypesOrThatDisagree) {
  Harness harness;
  harness.run("CREATE TABLE k (id int8 PRIMARY KEY, b text)");
  EXPECT_EQ(harness.plan_of("SELECT 1 FROM k WHERE $2 = 1"),
            "ERROR 42P18: could not determine data type of parameter $1\n");
  EXPECT_EQ(harness.plan_of("SELECT $1::int4 + $1::text").substr(0, 11), "ERROR 42883");
}

TEST(Execution, RightsAreChecked) {
  Harness harness;
  harness.run("CREATE TABLE t (a int4)");
  harness.set_role(harness.catalog().find_role("materialize")->id);
  const std::string denied = "ERROR 42501: permission denied for table t\n";
  EXPECT_EQ(harness.run("SELECT * FROM t"), denied);
  EXPECT_EQ(harness.run("INSERT INTO t VALUES (1)"), denied);
  EXPECT_EQ(harness.run("UPDATE t SET a = 1"), denied);
  EXPECT_EQ(harness.run("DELETE FROM t"), denied);
  EXPECT_EQ(harness.run("TRUNCATE t"), denied);
  auto entry = std::make_shared<adapter::TableEntry>(*harness.catalog().find_table("public", "t"));
  entry->acl =
      adapter::Acl{{harness.catalog().find_role("materialize")->id, entry->owner,
                    adapter::bit(adapter::Privilege::insert) | adapter::bit(adapter::Privilege::delete_)}};
  harness.catalog().put_table(entry);
  EXPECT_EQ(harness.run("INSERT INTO t VALUES (1)"), "affected 1\n");
  EXPECT_EQ(harness.run("INSERT INTO t VALUES (1) RETURNING a"), denied);
  EXPECT_EQ(harness.run("DELETE FROM t WHERE a = 1"), denied);
  EXPECT_EQ(harness.run("DELETE FROM t"), "affected 1\n");
}

TEST(Execution, MemoryIsBounded) {
  Harness harness;
  RunOptions options;
  options.memory_limit = 100'000;
  const char* many = "generate_series(1, 100000) g";
  EXPECT_EQ(harness.run(std::string("SELECT g FROM ") + many + " ORDER BY g DESC", options),
            "FAILURE: out of memory\n");
  EXPECT_EQ(harness.run(std::string("SELECT g, count(*) FROM ") + many + " GROUP BY g", options),
            "FAILURE: out of memory\n");
  EXPECT_EQ(harness.run(std::string("SELECT DISTINCT g FROM ") + many, options), "FAILURE: out of memory\n");
  // Top-N keeps few rows, whatever passes.
  EXPECT_EQ(harness.run(std::string("SELECT g FROM ") + many + " ORDER BY g DESC LIMIT 2", {}),
            "100000\n99999\n");
  options.memory_limit = 2'000'000;
  EXPECT_EQ(harness.run(std::string("SELECT g FROM ") + many + " ORDER BY g DESC LIMIT 2", options),
            "100000\n99999\n");
}

TEST(Execution, AFailedStatementChangesNothing) {
  Harness harness;
  harness.run("CREATE TABLE k (id int4 PRIMARY KEY); INSERT INTO k VALUES (1), (2)");
  EXPECT_EQ(harness.run("INSERT INTO k VALUES (3), (1)").substr(0, 8), "FAILURE:");
  EXPECT_EQ(harness.run("UPDATE k SET id = id + 1"), "affected 2\n");
  EXPECT_EQ(harness.run("SELECT * FROM k ORDER BY id"), "2\n3\n");
}

}  // namespace
}  // namespace gyre::test
