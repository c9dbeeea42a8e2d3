// Texts that nest or chain without end must end in an error or a tree, on small stacks too.

#include <gtest/gtest.h>
#include <pthread.h>

#include <string>

#include "adapter/sql/parser.h"

namespace gyre::adapter {
namespace {

std::string repeat(std::string_view piece, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += piece;
  return out;
}

std::string state(const std::string& text) {
  auto parsed = parse_sql(text);
  return parsed ? "ok" : parsed.error().sql_state;
}

// Runs on a thread with this much stack.
void on_stack(std::size_t bytes, void* (*work)(void*)) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, bytes);
  pthread_t thread;
  ASSERT_EQ(pthread_create(&thread, &attributes, work, nullptr), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

// Left-recursive rules: no limit in the grammar, so the walker's.
void chains(int n) {
  const std::string too_deep = "54001";
  EXPECT_EQ(state("select 1" + repeat("+1", n)), too_deep);
  EXPECT_EQ(state("select a" + repeat("||'x'", n)), too_deep);
  EXPECT_EQ(state("select 1" + repeat("::int", n)), too_deep);
  EXPECT_EQ(state("select a" + repeat("[1]", n)), too_deep);
  EXPECT_EQ(state("select (a)" + repeat(".f", n)), too_deep);
  EXPECT_EQ(state("select 1" + repeat(" union select 1", n)), too_deep);
  EXPECT_EQ(state("select * from a" + repeat(" join b on true", n)), too_deep);
  EXPECT_EQ(state("select a" + repeat(" isnull", n)), too_deep);
  EXPECT_EQ(state("select a" + repeat(" and b", n)), "ok");
  EXPECT_EQ(state("select * from t where a in (1" + repeat(",1", n) + ")"), "ok");
  EXPECT_EQ(state("values (1)" + repeat(",(1)", n)), "ok");
}

// Nesting: the grammar's own stack ends at 10,000 entries.
void nests(int n) {
  for (const char* open :
       {"(", "not ", "- ", "+ ", "f(", "array[", "case when x then ", "1 in (", "row(", "(select "})
    EXPECT_EQ(state("select " + repeat(open, n)).substr(0, 5), "42601") << open;
  EXPECT_EQ(state("select " + repeat("(", n) + "1" + repeat(")", n)), "42601");
}

void moderate(int n) {
  const std::string close = repeat(")", n);
  for (const std::string& text :
       {"select " + repeat("(", n) + "1" + close, "select " + repeat("not ", n) + "true",
        "select " + repeat("- ", n) + "x", "select " + repeat("f(", n) + "1" + close,
        "select 1" + repeat("+1", n), repeat("select (", n) + "select 1" + close,
        repeat("select * from (", n) + "select 1" + repeat(") x", n),
        repeat("select 1 union (", n) + "select 1" + close,
        repeat("with a as (", n) + "select 1" + repeat(") select 1", n),
        "select " + repeat("case when x then ", n) + "1" + repeat(" end", n)}) {
    const std::string outcome = state(text);
    EXPECT_TRUE(outcome == "ok" || outcome == "54001" || outcome == "42601") << outcome;
  }
}

void* bombs(void*) {
  for (const int n : {100, 500, 1000, 1500, 1990, 2500}) moderate(n);
  chains(5000);
  chains(50000);
  nests(100000);
  EXPECT_EQ(state("select 1"), "ok");
  return nullptr;
}

// A quarter of what a server's threads have (adapter/server.cc). Without optimisation freeing a tree of 2,000 levels
// takes more than a megabyte: a dozen calls per level.
TEST(Depth, FourMebibytes) {
  on_stack(4 << 20, bombs);
}
TEST(Depth, SixteenMebibytes) {
  on_stack(16 << 20, bombs);
}

TEST(Depth, ReasonableTextsPass) {
  EXPECT_EQ(state("select 1" + repeat("+1", 500)), "ok");
  EXPECT_EQ(state("select " + repeat("(", 3000) + "1" + repeat(")", 3000)), "ok");
  EXPECT_EQ(state(repeat("select * from (", 100) + "select 1" + repeat(") x", 100)), "ok");
}

TEST(Depth, CommentsThatTakeQuadraticTime) {
  EXPECT_EQ(state(repeat("/*", 100000) + repeat("*/", 100000) + "select 1"), "54000");
  EXPECT_EQ(state("/*" + repeat("*", 10000) + "*/ select 1"), "ok");
  EXPECT_EQ(state("/*/*/* nested */*/*/ select 1"), "ok");
}

}  // namespace
}  // namespace gyre::adapter
