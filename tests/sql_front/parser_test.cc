// Statements and the trees they become; errors, as PostgreSQL 15 words and places them.

#include "adapter/sql/parser.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/sql_front/tree_printer.h"

namespace gyre::adapter {
namespace {

std::string printed(std::string_view text) {
  auto parsed = parse_sql(text);
  if (!parsed)
    return std::string(parsed.error().sql_state) + " " + parsed.error().message + " @" +
           std::to_string(parsed.error().position);
  std::string out;
  for (const ast::StatementPtr& s : *parsed) out += (out.empty() ? "" : "; ") + test::print(*s);
  return out;
}

struct Case {
  const char* sql;
  const char* tree;
};

#include "tests/sql_front/cases.inc"

TEST(Parser, TreesAndErrors) {
  for (const Case& c : kCases) EXPECT_EQ(printed(c.sql), c.tree) << c.sql;
}

TEST(Parser, OffsetsOfStatements) {
  const std::string_view text = "  select 1 ;\n;create default index on t; /* c */ select 'a;b' -- end\n";
  auto parsed = parse_sql(text);
  ASSERT_TRUE(parsed);
  ASSERT_EQ(parsed->size(), 3u);
  const auto own = [&](std::size_t i) {
    return text.substr((*parsed)[i]->begin, (*parsed)[i]->end - (*parsed)[i]->begin);
  };
  EXPECT_EQ(own(0), "select 1");
  EXPECT_EQ(own(1), "create default index on t");
  EXPECT_EQ(own(2), "/* c */ select 'a;b' -- end");
}

TEST(Parser, SlotsCountFromEachStatement) {
  EXPECT_EQ(printed("select 1, 'x'; select 2"), "(select (targets 1#0 'x'#1)); (select (targets 2#0))");
}

TEST(Parser, ErrorsCarryHints) {
  EXPECT_EQ(parse_sql("select E'\\uqq'").error().hint, "Unicode escapes must be \\uXXXX or \\UXXXXXXXX.");
  EXPECT_NE(parse_sql("select 1" +
                      [] {
                        std::string s;
                        for (int i = 0; i < 5000; ++i) s += "+1";
                        return s;
                      }())
                .error()
                .hint,
            "");
}

TEST(Parser, NulByte) {
  EXPECT_STREQ(parse_sql(std::string_view("select 1\0", 9)).error().sql_state, "22021");
}

TEST(Parser, TwoThreads) {
  const auto work = [](bool* fine) {
    for (int i = 0; i < 5000; ++i) {
      *fine = *fine &&
              printed("select a from t where id = 5") == "(select (targets a) (from t) (where (= id 5#0)))" &&
              printed("select from where") == "42601 syntax error at or near \"where\" @13";
    }
  };
  bool first = true;
  bool second = true;
  std::thread other(work, &first);
  work(&second);
  other.join();
  EXPECT_TRUE(first);
  EXPECT_TRUE(second);
}

}  // namespace
}  // namespace gyre::adapter
