// scan_literals() against PostgreSQL's own scanner, and literal slots against the text.

#include "adapter/sql/literals.h"

#include <gtest/gtest.h>
#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>

#include <cstdlib>
#include <optional>
#include <random>
#include <string>

#include "adapter/sql/parser.h"
#include "tests/sql_front/tree_printer.h"

namespace gyre::adapter {
namespace {

using Kind = LiteralToken::Kind;

std::uint64_t seed() {
  if (const char* given = std::getenv("GYRE_TEST_SEED")) return std::strtoull(given, nullptr, 10);
  return std::random_device{}();
}

struct Scan {
  bool judged = false;
  std::string shape;
  std::vector<LiteralToken> literals;
  Arena arena;

  explicit Scan(std::string_view text) { judged = scan_literals(text, shape, literals, arena); }
};

// "4:12 8:3000000000 d:1.5 s:abc"; "-" where the scanner declines.
std::string listed(std::string_view text) {
  Scan scan(text);
  if (!scan.judged) return "-";
  std::string out;
  for (const LiteralToken& t : scan.literals) {
    if (!out.empty()) out += ' ';
    if (t.kind == Kind::int4) out += "4:" + std::to_string(t.integer);
    if (t.kind == Kind::int8) out += "8:" + std::to_string(t.integer);
    if (t.kind == Kind::decimal) out += "d:" + std::string(t.text);
    if (t.kind == Kind::string) out += "s:" + std::string(t.text);
  }
  return out;
}

TEST(Literals, Kinds) {
  EXPECT_EQ(listed("select * from k where id = 123456"), "4:123456");
  EXPECT_EQ(listed("2147483647,2147483649,9223372036854775807"),
            "4:2147483647 8:2147483649 8:9223372036854775807");
  EXPECT_EQ(listed("9223372036854775809 00000000000000000000000012"), "d:9223372036854775809 4:12");
  EXPECT_EQ(listed("2147483648"), "-");
  EXPECT_EQ(listed("9223372036854775808"), "-");
  EXPECT_EQ(listed("1.5e3 .5 1. 1e5 1.e-5 .5e+1 1..2"), "d:1.5e3 d:.5 d:1. d:1e5 d:1.e-5 d:.5e+1 4:1 4:2");
  EXPECT_EQ(listed("a1 t2.c3 $4 a$5 _6 \"7\" \"a\"\"8\" a-9 - 10"), "4:9 4:10");
  EXPECT_EQ(listed("'it''s' E'a\\n\\'b' n'x' 'x'::int"), "s:it's s:a\n'b s:x s:x");
  EXPECT_EQ(listed("1 -- 2 'x\n + 3 /* 4 /* 5 */ 6 */ 7"), "4:1 4:3 4:7");
  EXPECT_EQ(listed("'\\'"), "s:\\");
}

TEST(Literals, Declines) {
  for (const char* text : {"'open",      "/* open",   "\"open", "$$a$$",    "$t$a$t$",
                           "U&'a'",      "u&\"a\"",   "B'1'",   "x'1f'",    "1a",
                           "1e",         "1.5x",      "1e+",    "$1a",      "E'\\x41'",
                           "E'\\u0041'", "E'\\101'",  "E'\\q'", "'a'\n'b'", "'a' -- c\n  'b'",
                           "\x01",       "E'a'\n'b'", "E'open"})
    EXPECT_EQ(listed(text), "-") << text;
  EXPECT_EQ(listed(std::string_view("1\0", 2)), "-");
  EXPECT_EQ(listed(std::string_view("'\0'", 3)), "-");
  std::string many;
  for (int i = 0; i < 65; ++i) many += "1,";
  EXPECT_EQ(listed(many), "-");
  EXPECT_NE(listed(many.substr(2)), "-");
}

TEST(Literals, ShapesTellKinds) {
  EXPECT_EQ(Scan("f(1, 'a')").shape, Scan("f(2, 'bcd')").shape);
  EXPECT_NE(Scan("f(1)").shape, Scan("f(3000000000)").shape);
  EXPECT_NE(Scan("f(1)").shape, Scan("f(1.0)").shape);
  EXPECT_NE(Scan("f(1)").shape, Scan("f('1')").shape);
  EXPECT_NE(Scan("f(1)").shape, Scan("f( 1)").shape);
}

// Literal tokens as PostgreSQL's scanner finds them: "begin-end:kind"; nothing for a text that it rejects.
std::optional<std::string> tokens_by_postgres(const std::string& text) {
  PgQueryScanResult result = pg_query_scan(text.c_str());
  std::optional<std::string> out;
  if (result.error == nullptr) {
    out = "";
    PgQuery__ScanResult* scan = pg_query__scan_result__unpack(
        nullptr, result.pbuf.len, reinterpret_cast<const std::uint8_t*>(result.pbuf.data));
    for (std::size_t i = 0; i < scan->n_tokens; ++i) {
      const PgQuery__ScanToken& t = *scan->tokens[i];
      const char* kind = t.token == PG_QUERY__TOKEN__ICONST   ? "int"
                         : t.token == PG_QUERY__TOKEN__FCONST ? "float"
                         : t.token == PG_QUERY__TOKEN__SCONST ? "string"
                                                              : nullptr;
      if (kind != nullptr) *out += std::to_string(t.start) + "-" + std::to_string(t.end) + ":" + kind + " ";
    }
    pg_query__scan_result__free_unpacked(scan, nullptr);
  }
  pg_query_free_scan_result(result);
  return out;
}

std::string tokens_of(const Scan& scan) {
  std::string out;
  for (const LiteralToken& t : scan.literals) {
    const char* kind = t.kind == Kind::int4 ? "int" : t.kind == Kind::string ? "string" : "float";
    out += std::to_string(t.begin) + "-" + std::to_string(t.end) + ":" + kind + " ";
  }
  return out;
}

TEST(Literals, AgreesWithPostgresScanner) {
  static constexpr const char* kPieces[] = {
      " ",          " ",        " ",    ",",   "(",  ")",  "\n",  "1",  "23", "2147483647",
      "2147483650", "4e2",      "1.5",  ".7",  "1.", "..", ".",   "e",  "E",  "n",
      "a",          "b1",       "_x9",  "$1",  "$",  "'",  "'a'", "''", "\"", "\"q\"",
      "-",          "--",       "--\n", "/*",  "*/", "*",  "/",   "+",  "=",  "<>",
      "::",         "E'",       "\\",   "\\n", "x",  "u&", "tab", "9",  "é",  "99999999999999999999",
      "'it''s'",    "E'a\\tb'", "[",    "]",   ";",  "@-", "|",   "0",  "007"};
  const std::uint64_t used = seed();
  SCOPED_TRACE("replay with GYRE_TEST_SEED=" + std::to_string(used));
  std::mt19937_64 random(used);
  int judged = 0;
  for (int round = 0; round < 60000; ++round) {
    std::string text;
    for (std::size_t n = random() % 12; n-- > 0;) text += kPieces[random() % std::size(kPieces)];
    const Scan scan(text);
    if (!scan.judged) continue;
    const auto expected = tokens_by_postgres(text);
    if (!expected) continue;  // no statement, so no plan that its shape could find
    ++judged;
    ASSERT_EQ(tokens_of(scan), *expected) << text;
  }
  EXPECT_GT(judged, 5000);
}

// ---- slots ----

class Grammar {
 public:
  explicit Grammar(std::mt19937_64& random) : random_(random) {}

  std::string statement() {
    switch (random_() % 4) {
      case 0:
        return "insert into t values (" + expr(2) + ", " + expr(2) + ")";
      case 1:
        return "update t set a = " + expr(2) + " where " + expr(3);
      case 2:
        return "delete from t where b between " + expr(1) + " and " + expr(1);
      default:
        return "select " + expr(3) + ", a from t where " + expr(3) + " limit " + literal();
    }
  }
  std::string literal() {
    static constexpr const char* kLiterals[] = {"0",
                                                "7",
                                                "42",
                                                "2147483647",
                                                "2147483649",
                                                "5000000000",
                                                "1.25",
                                                "3e2",
                                                ".5",
                                                "''",
                                                "'a'",
                                                "'it''s'",
                                                "E'x\\ny'",
                                                "9223372036854775807",
                                                "12345678901234567890"};
    return kLiterals[random_() % std::size(kLiterals)];
  }

 private:
  std::string expr(int depth) {
    const auto kind = depth == 0 ? random_() % 3 : random_() % 12;
    switch (kind) {
      case 0:
        return "a";
      case 1:
      case 2:
        return literal();
      case 3:
        return expr(depth - 1) + " + " + expr(depth - 1);
      case 4:
        return "- " + expr(depth - 1);
      case 5:
        return "(" + expr(depth - 1) + ")";
      case 6:
        return "-(/* - 8 */ " + literal() + ")";
      case 7:
        return "f(" + expr(depth - 1) + ", " + expr(depth - 1) + ")";
      case 8:
        return "case when a = " + expr(depth - 1) + " then " + literal() + " end";
      case 9:
        return "(a in (" + literal() + ", " + literal() + "))";
      case 10:
        return "(" + expr(depth - 1) + ")::numeric(10, 2)";
      default:
        return "coalesce(" + expr(depth - 1) + ", (select " + literal() + "))";
    }
  }
  std::mt19937_64& random_;
};

// Another literal of the same kind, different from every one that Grammar makes.
std::string replacement(const LiteralToken& t) {
  switch (t.kind) {
    case Kind::int4:
      return "998877";
    case Kind::int8:
      return "99887766554433";
    case Kind::decimal:
      return "998.877";
    case Kind::string:
      return "'replaced'";
  }
  return "";
}
std::string printed_literal(const LiteralToken& t) {
  switch (t.kind) {
    case Kind::int4:
    case Kind::int8:
      return std::to_string(t.integer);
    case Kind::decimal:
      return std::string(t.text) + "d";
    case Kind::string:
      return "'" + std::string(t.text) + "'";
  }
  return "";
}

TEST(Slots, ReplacingOneLiteralChangesThatOneAlone) {
  const std::uint64_t used = seed();
  SCOPED_TRACE("replay with GYRE_TEST_SEED=" + std::to_string(used));
  std::mt19937_64 random(used);
  Grammar grammar(random);
  for (int round = 0; round < 3000; ++round) {
    const std::string text = grammar.statement();
    const Scan before(text);
    ASSERT_TRUE(before.judged) << text;
    auto parsed = parse_sql(text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().message;
    ASSERT_EQ((*parsed)[0]->literal_count, static_cast<int>(before.literals.size()));
    if (before.literals.empty()) continue;
    const std::size_t k = random() % before.literals.size();
    const LiteralToken& token = before.literals[k];
    std::string changed = text;
    changed.replace(token.begin, token.end - token.begin, replacement(token));
    const Scan after(changed);
    ASSERT_EQ(before.shape, after.shape) << text;

    const std::string slot = "#" + std::to_string(k);
    std::string expected = test::print(*(*parsed)[0]);
    const std::string old = printed_literal(token) + slot;
    std::size_t at = expected.find(old);
    while (at != std::string::npos &&
           std::isdigit(static_cast<unsigned char>(expected.c_str()[at + old.size()])))
      at = expected.find(old, at + 1);
    ASSERT_NE(at, std::string::npos) << text << "\n" << expected << "\nlacks " << old;
    expected.replace(at, old.size(), printed_literal(after.literals[k]) + slot);
    auto reparsed = parse_sql(changed);
    ASSERT_TRUE(reparsed) << changed;
    ASSERT_EQ(test::print(*(*reparsed)[0]), expected) << text;
  }
}

}  // namespace
}  // namespace gyre::adapter
