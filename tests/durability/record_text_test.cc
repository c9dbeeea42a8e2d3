// What a commit's record says, as text: of real statements, and of bytes that are none.
#include "adapter/durability/record_text.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/adapter/world.h"
#include "tests/durability/statements.h"

namespace gyre::test {
namespace {

using adapter::RecordText;

// Of what the statements committed, one after the other.
std::string text_of(World& world, std::size_t rows = 10) {
  RecordText text(rows);
  text.begin_with(adapter::Catalog::initial());
  std::string all;
  for (const auto& record : world.log().records()) all += text.describe(record.bytes);
  return all;
}

TEST(RecordText, SaysWhatWasDone) {
  World world(1, 1);
  Client& client = world.connect();
  client.ask("CREATE TABLE t (a int8 PRIMARY KEY, b text, c date)");
  client.ask("INSERT INTO t VALUES (1, 'it''s', '2020-01-02'), (2, NULL, NULL)");
  client.ask("CREATE INDEX by_b ON t (b)");
  client.ask("DELETE FROM t WHERE a = 2");
  client.ask("CREATE SEQUENCE numbers");
  client.ask("SELECT nextval('numbers')");
  client.ask("TRUNCATE t");
  client.ask("DROP TABLE t");
  const std::string text = text_of(world);
  for (const char* const part :
       {"create table relation t (id ", " (a int8, b text, c date)", "relation public.t (id ", "is new",
        "table public.t (id ", "2 rows", "('1', 'it''s', '2020-01-02')", "('2', NULL, NULL)", "create index",
        "'by_b'", "is gone", "sequence public.numbers", "truncate table public.t",
        "drop table table public.t"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
}

TEST(RecordText, IsBounded) {
  World world(1, 1);
  Client& client = world.connect();
  client.ask("CREATE TABLE t (a int8, b text)");
  client.ask("INSERT INTO t SELECT i, repeat('x', 10000) FROM generate_series(1, 500) i");
  const std::string text = text_of(world, 3);
  EXPECT_LT(text.size(), 2000U) << text;
  EXPECT_NE(text.find("and 497 more"), std::string::npos) << text;
}

// Whatever is damaged: it is said, or something is printed, and no bytes are trusted.
TEST(RecordText, BrokenRecordsAreSaidSo) {
  World world(1, 1);
  Client& client = world.connect();
  RandomStatements statements(1);
  for (int i = 0; i < 200; ++i) client.ask(statements.next());
  client.ask("ROLLBACK");
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE(testing::Message() << "GYRE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  std::size_t said = 0, all = 0;
  for (const auto& record : world.log().records())
    for (int i = 0; i < 40; ++i, ++all) {
      std::string bytes(record.bytes);
      if (i % 2 == 0)
        bytes.resize(random() % bytes.size());
      else
        bytes[random() % bytes.size()] ^= static_cast<char>(1 + random() % 255);
      RecordText text(5);
      said += text.describe(bytes).find("broken") != std::string::npos ? 1 : 0;
    }
  EXPECT_GT(said, all / 4) << "of " << all;
}

}  // namespace
}  // namespace gyre::test
