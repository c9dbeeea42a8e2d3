// The ini files of dbbench, as its users write them.
#include "perf/bench/workload.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

namespace gyre::perf {
namespace {

Workload parsed(std::string_view text) {
  auto workload = parse_workload(text, ".");
  EXPECT_TRUE(workload.has_value()) << (workload ? "" : workload.error());
  return workload ? *workload : Workload{};
}

std::string problem(std::string_view text) {
  auto workload = parse_workload(text, ".");
  EXPECT_FALSE(workload.has_value());
  return workload ? "" : workload.error();
}

// A file that goes with its name.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view content) { std::ofstream(path_, std::ios::binary) << content; }
  ~TemporaryFile() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_ =
      testing::TempDir() + "gyre_perf_" + testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST(Workload, TheLogsOwnForm) {
  const Workload workload =
      parsed("duration=20s\n\n[64 connections]\nquery=select * from t\nconcurrency=64\n");
  EXPECT_EQ(workload.duration_ns, 20'000'000'000u);
  ASSERT_EQ(workload.jobs.size(), 1u);
  EXPECT_EQ(workload.jobs[0].name, "64 connections");
  EXPECT_EQ(workload.jobs[0].queries, std::vector<std::string>{"select * from t"});
  EXPECT_EQ(workload.jobs[0].concurrency, 64u);
  EXPECT_EQ(workload.jobs[0].rate, 0);
  EXPECT_FALSE(workload.jobs[0].has_arguments());
}

TEST(Workload, EveryKey) {
  const Workload workload = parsed(
      "error=40001\nerror=40P01\nduration=2s\n"
      "[setup]\nquery=create table d(id int)\nquery=insert into d values (1)\n"
      "[teardown]\nquery=drop table d\n"
      "[r]\nquery=select * from d where id=$1 and v=$2\nquery-args-random=1:10,+5:6\nqueue-depth=2\n"
      "[w]\nquery=insert into d values (2)\nrate=100.5\nbatch-size=2\nstart=500ms\nstop=1500ms\n"
      "[c]\nquery=select 1\nquery=select 2\ncount=7\n");
  EXPECT_EQ(workload.accepted_errors, (std::vector<std::string>{"40001", "40P01"}));
  EXPECT_EQ(workload.setup.size(), 2u);
  EXPECT_EQ(workload.teardown, std::vector<std::string>{"drop table d"});
  ASSERT_EQ(workload.jobs.size(), 3u);
  EXPECT_EQ(workload.jobs[0].concurrency, 2u);
  EXPECT_EQ(workload.jobs[0].random_arguments, (std::vector<IntegerRange>{{1, 10, false}, {5, 6, true}}));
  EXPECT_DOUBLE_EQ(workload.jobs[1].rate, 100.5);
  EXPECT_EQ(workload.jobs[1].batch_size, 2u);
  EXPECT_EQ(workload.jobs[1].start_ns, 500'000'000u);
  EXPECT_EQ(workload.jobs[1].stop_ns, 1'500'000'000u);
  EXPECT_EQ(workload.jobs[2].queries.size(), 2u);
  EXPECT_EQ(workload.jobs[2].count, 7u);
}

TEST(Workload, CommentsAndContinuedLines) {
  const Workload workload = parsed(
      "; a comment\n# another\n  duration = 1s ; behind a value\r\n[j]\n"
      "query=select ';' || \\\n   'two lines' ; gone\nconcurrency=1");
  EXPECT_EQ(workload.duration_ns, 1'000'000'000u);
  EXPECT_EQ(workload.jobs[0].queries[0], "select ';' ||     'two lines'");
}

TEST(Workload, ProblemsNameTheirLine) {
  EXPECT_EQ(problem("duration=20s\n\nspeed=3\n"), "line 3: unknown key before the first section: speed");
  EXPECT_EQ(problem("[j]\nquery=select 1\nconcurrency=0\n"),
            "line 3: concurrency wants a positive number, not 0");
  EXPECT_EQ(problem("duration=quick\n"), "line 1: not a duration: quick");
  EXPECT_EQ(problem("[j]\nquery-results-file=x\n"), "line 2: unknown key: query-results-file");
  EXPECT_EQ(problem("[j\n"), "line 1: a section ends with ]");
  EXPECT_EQ(problem("duration=1s\n"), "line 1: there is no job: a section with a query");
}

TEST(Workload, JobsThatContradictThemselves) {
  EXPECT_NE(problem("[j]\nconcurrency=1\n").find("job [j] has no query"), std::string::npos);
  EXPECT_NE(problem("[j]\nquery=a\nrate=1\nconcurrency=1\n").find("both a rate and a concurrency"),
            std::string::npos);
  EXPECT_NE(problem("[j]\nquery=a\nstart=2s\nstop=1s\n").find("stops before it starts"), std::string::npos);
  EXPECT_NE(problem("[j]\nquery=a\nbatch-size=2\n[k]\nquery=b\n").find("job [j] has a batch-size"),
            std::string::npos);
}

TEST(Workload, StatementsFromAFile) {
  const TemporaryFile file("select 1;\n select ';';;\n\nselect 3");
  const Workload workload = parsed("[j]\nquery-file=" + file.path() + "\n");
  EXPECT_EQ(workload.jobs[0].queries, (std::vector<std::string>{"select 1", "select ';'", "select 3"}));
  EXPECT_NE(problem("[j]\nquery-file=/nowhere/at/all\n").find("cannot read /nowhere/at/all"),
            std::string::npos);
}

TEST(Workload, ArgumentsFromAFile) {
  const TemporaryFile file("1\t\\N\n2\ttwo words\n");
  const Workload workload =
      parsed("[j]\nquery=select $1, $2\nquery-args-file=" + file.path() + "\nquery-args-delim=\"\\t\"\n");
  EXPECT_EQ(workload.jobs[0].argument_rows, (std::vector<CsvRow>{{"1", std::nullopt}, {"2", "two words"}}));
}

TEST(Csv, QuotesNullsAndUnevenRows) {
  auto rows = parse_csv("a,\"b,\"\"c\"\"\nd\",\\N\r\n\n1,\"\\N\",\n", ',');
  ASSERT_TRUE(rows.has_value());
  EXPECT_EQ(*rows, (std::vector<CsvRow>{{"a", "b,\"c\"\nd", std::nullopt}, {"1", "\\N", ""}}));
  EXPECT_FALSE(parse_csv("1,2\n3\n", ',').has_value());
  EXPECT_FALSE(parse_csv("\"open", ',').has_value());
}

TEST(Duration, AsGoWritesThem) {
  EXPECT_EQ(parse_duration("1m30s"), 90'000'000'000u);
  EXPECT_EQ(parse_duration("1.5s"), 1'500'000'000u);
  EXPECT_EQ(parse_duration("250us"), 250'000u);
  EXPECT_EQ(parse_duration("7ns"), 7u);
  EXPECT_EQ(parse_duration("2h"), 7'200'000'000'000u);
  EXPECT_EQ(parse_duration("0"), 0u);
  for (const char* bad : {"", "5", "s", "-1s", "1s2", "1 s", "1d", "1e300h"})
    EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
}

TEST(Range, UniformAndSequential) {
  EXPECT_EQ(parse_range("1:5"), (IntegerRange{1, 5, false}));
  EXPECT_EQ(parse_range("+-3:-3"), (IntegerRange{-3, -3, true}));
  for (const char* bad : {"", "1", "1:", ":5", "5:1", "a:b", "1:2x"})
    EXPECT_EQ(parse_range(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace gyre::perf
