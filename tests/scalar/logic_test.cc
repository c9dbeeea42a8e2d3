// Nodes against truth tables and slow twins: three-valued logic, folding, lists, LIKE and integer overflow.
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <random>
#include <string>

#include "storage/failure.h"
#include "storage/scalar/casts.h"
#include "storage/scalar/nodes.h"

namespace gyre::storage {
namespace {

constexpr TypeId kInt = TypeId::int4;

// 0 false, 1 true, 2 null.
Datum truth(int value) {
  return value == 2 ? Datum() : Datum::of_bool(value == 1);
}
int shown(Datum value) {
  return value.null ? 2 : (value.integer != 0 ? 1 : 0);
}

template <class... Expressions>
std::vector<ExpressionPtr> list(Expressions... expressions) {
  std::vector<ExpressionPtr> items;
  (items.push_back(std::move(expressions)), ...);
  return items;
}
ExpressionPtr boolean(int value) {
  return make_constant(TypeId::boolean, truth(value));
}
ExpressionPtr number(std::int64_t value) {
  return make_constant(kInt, Datum::of_integer(value));
}
ExpressionPtr operation(std::string_view symbol, ExpressionPtr left, ExpressionPtr right) {
  const Resolution resolution = resolve_operator(symbol, left->type().id, right->type().id);
  EXPECT_TRUE(resolution.found()) << symbol;
  left = make_cast(std::move(left), resolution.arguments[0], CastContext::implicit);
  right = make_cast(std::move(right), resolution.arguments[1], CastContext::implicit);
  return make_call(resolution.function, list(std::move(left), std::move(right)));
}

class Logic : public ::testing::Test {
 protected:
  Logic() {
    const char* replay = std::getenv("GYRE_TEST_SEED");
    seed_ = replay != nullptr ? std::strtoull(replay, nullptr, 10) : std::random_device{}();
    random_.seed(seed_);
    context_.arena = &arena_;
  }
  int evaluate(const ExpressionPtr& expression) { return shown(expression->evaluate(context_)); }
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

  std::uint64_t seed_;
  std::mt19937_64 random_;
  Arena arena_;
  EvalContext context_;
};

TEST_F(Logic, ConnectivesFollowTheTruthTables) {
  constexpr int kAnd[3][3] = {{0, 0, 0}, {0, 1, 2}, {0, 2, 2}};
  constexpr int kOr[3][3] = {{0, 1, 2}, {1, 1, 1}, {2, 1, 2}};
  for (int a = 0; a < 3; ++a) {
    for (int b = 0; b < 3; ++b) {
      EXPECT_EQ(evaluate(make_and(list(boolean(a), boolean(b)))), kAnd[a][b]);
      EXPECT_EQ(evaluate(make_or(list(boolean(a), boolean(b)))), kOr[a][b]);
      EXPECT_EQ(evaluate(fold(make_and(list(boolean(a), boolean(b))))), kAnd[a][b]);
      EXPECT_EQ(evaluate(fold(make_or(list(boolean(a), boolean(b))))), kOr[a][b]);
      EXPECT_EQ(evaluate(make_distinct_from(boolean(a), boolean(b), false)), a != b);
      EXPECT_EQ(evaluate(make_distinct_from(boolean(a), boolean(b), true)), a == b);
    }
  }
}

TEST_F(Logic, TestsOfOneValue) {
  const auto test = [this](int value, TruthTest kind) {
    return evaluate(make_boolean_test(boolean(value), kind));
  };
  for (int a = 0; a < 3; ++a) {
    EXPECT_EQ(evaluate(make_not(boolean(a))), a == 2 ? 2 : 1 - a);
    EXPECT_EQ(evaluate(make_is_null(boolean(a))), a == 2);
    EXPECT_EQ(evaluate(make_is_not_null(boolean(a))), a != 2);
    EXPECT_EQ(test(a, TruthTest::is_true), a == 1);
    EXPECT_EQ(test(a, TruthTest::is_not_true), a != 1);
    EXPECT_EQ(test(a, TruthTest::is_false), a == 0);
    EXPECT_EQ(test(a, TruthTest::is_not_false), a != 0);
    EXPECT_EQ(test(a, TruthTest::is_unknown), a == 2);
    EXPECT_EQ(test(a, TruthTest::is_not_unknown), a != 2);
  }
}

TEST_F(Logic, InListAgreesWithAnOrOfEqualities) {
  for (int round = 0; round < 2000; ++round) {
    std::vector<ExpressionPtr> constants, columns, equalities;
    std::vector<Datum> row;
    const bool null_value = below(8) == 0;
    row.push_back(null_value ? Datum() : Datum::of_integer(static_cast<std::int64_t>(below(6))));
    for (std::uint64_t i = 0, n = 1 + below(5); i < n; ++i) {
      const Datum item = below(6) == 0 ? Datum() : Datum::of_integer(static_cast<std::int64_t>(below(6)));
      row.push_back(item);
      constants.push_back(make_constant(kInt, item));
      columns.push_back(make_column(static_cast<int>(i) + 1, kInt));
      equalities.push_back(operation("=", make_column(0, kInt), make_constant(kInt, item)));
    }
    context_.columns = row.data();
    const int expected = evaluate(make_or(std::move(equalities)));
    const int negated = expected == 2 ? 2 : 1 - expected;
    std::vector<ExpressionPtr> again;
    for (const auto& item : constants) again.push_back(clone(*item));
    EXPECT_EQ(evaluate(make_in_list(make_column(0, kInt), std::move(constants), false)), expected) << seed_;
    EXPECT_EQ(evaluate(make_in_list(make_column(0, kInt), std::move(again), true)), negated) << seed_;
    EXPECT_EQ(evaluate(make_in_list(make_column(0, kInt), std::move(columns), false)), expected) << seed_;
  }
}

TEST_F(Logic, FoldingLeavesErrorsWhereTheyAre) {
  ExpressionPtr division = fold(operation("/", number(1), number(0)));
  EXPECT_FALSE(is_constant(*division));
  EXPECT_THROW(division->evaluate(context_), Failure);
  std::vector<CaseBranch> branches;
  branches.push_back({boolean(1), number(7)});
  ExpressionPtr chosen = fold(make_case(kInt, std::move(branches), std::move(division)));
  ASSERT_TRUE(is_constant(*chosen));
  EXPECT_EQ(constant_value(*chosen).integer, 7);
  EXPECT_TRUE(is_constant(*fold(operation("+", number(1), operation("*", number(2), number(3))))));
  const Resolution random = resolve_function("random", {});
  EXPECT_FALSE(is_constant(*fold(make_call(random.function, {}))));
  const Resolution now = resolve_function("now", {});
  EXPECT_FALSE(is_constant(*fold(make_call(now.function, {}))));
}

TEST_F(Logic, ColumnComparisonsAreRecognised) {
  ExpressionPtr flipped = operation("<", make_parameter(0, TypeId::int8), make_column(3, kInt));
  const auto found = as_column_comparison(*flipped);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->column, 3);
  EXPECT_EQ(found->comparison, Comparison::greater);
  EXPECT_EQ(parameter_index(*found->value), 0);
  EXPECT_FALSE(as_column_comparison(*operation("=", make_column(0, kInt), make_column(1, kInt))).has_value());
  ExpressionPtr moved = flipped->clone_with_columns({0, 0, 0, 9});
  EXPECT_EQ(as_column_comparison(*moved)->column, 9);
  EXPECT_FALSE(same_expression(*flipped, *moved));
  EXPECT_TRUE(same_expression(*flipped, *clone(*flipped)));
}

TEST_F(Logic, FastComparisonsAgreeWithTheFunction) {
  for (const char* symbol : {"=", "<>", "<", "<=", ">", ">="}) {
    for (int round = 0; round < 300; ++round) {
      const Datum row[] = {below(7) == 0 ? Datum() : Datum::of_integer(static_cast<std::int64_t>(below(5)))};
      const Datum value[] = {below(7) == 0 ? Datum()
                                           : Datum::of_integer(static_cast<std::int64_t>(below(5)))};
      context_.columns = row;
      context_.parameters = value;
      const int slow =
          evaluate(operation(symbol, make_constant(kInt, row[0]), make_constant(kInt, value[0])));
      EXPECT_EQ(evaluate(operation(symbol, make_column(0, kInt), make_constant(kInt, value[0]))), slow)
          << seed_;
      EXPECT_EQ(evaluate(operation(symbol, make_column(0, kInt), make_parameter(0, kInt))), slow) << seed_;
    }
  }
}

bool naive_like(std::string_view text, std::string_view pattern) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '%')
    return naive_like(text, pattern.substr(1)) || (!text.empty() && naive_like(text.substr(1), pattern));
  if (text.empty()) return false;
  if (pattern[0] == '_') return naive_like(text.substr(1), pattern.substr(1));
  if (pattern[0] == '\\') pattern.remove_prefix(1);
  return text[0] == pattern[0] && naive_like(text.substr(1), pattern.substr(1));
}

TEST_F(Logic, LikeAgreesWithBacktracking) {
  constexpr std::string_view kText = "ab%_", kPattern[] = {"a", "b", "%", "_", "\\%", "\\_"};
  for (int round = 0; round < 20000; ++round) {
    std::string text, pattern;
    for (std::uint64_t i = below(9); i > 0; --i) text += kText[below(4)];
    for (std::uint64_t i = below(7); i > 0; --i) pattern += kPattern[below(6)];
    const int found = evaluate(operation("~~", make_constant(TypeId::text, Datum::of_bytes(text)),
                                         make_constant(TypeId::text, Datum::of_bytes(pattern))));
    ASSERT_EQ(found == 1, naive_like(text, pattern)) << text << " LIKE " << pattern << ", seed " << seed_;
  }
}

TEST_F(Logic, OverflowIsFoundAsIn128Bits) {
  struct Width {
    TypeId type;
    std::int64_t low, high;
  };
  const Width widths[] = {{TypeId::int2, INT16_MIN, INT16_MAX},
                          {TypeId::int4, INT32_MIN, INT32_MAX},
                          {TypeId::int8, INT64_MIN, INT64_MAX}};
  for (int round = 0; round < 20000; ++round) {
    const Width& width = widths[below(3)];
    const auto pick = [&]() -> std::int64_t {
      const auto small = static_cast<std::int64_t>(below(7)) - 3;
      switch (below(3)) {
        case 0:
          return small;
        case 1:
          return small < 0 ? width.high + small : width.low + small;
        default:
          return static_cast<std::int64_t>(random_()) >> (width.type == TypeId::int8   ? below(63)
                                                          : width.type == TypeId::int4 ? 32 + below(31)
                                                                                       : 48 + below(15));
      }
    };
    const std::int64_t a = pick(), b = pick();
    const int which = static_cast<int>(below(4));
    if (which == 3 && b == 0) continue;
    const __int128 wide = which == 0   ? static_cast<__int128>(a) + b
                          : which == 1 ? static_cast<__int128>(a) - b
                          : which == 2 ? static_cast<__int128>(a) * b
                                       : static_cast<__int128>(a) / b;
    constexpr std::string_view kSymbols[] = {"+", "-", "*", "/"};
    ExpressionPtr expression = operation(kSymbols[which], make_constant(width.type, Datum::of_integer(a)),
                                         make_constant(width.type, Datum::of_integer(b)));
    if (wide < width.low || wide > width.high)
      EXPECT_THROW(expression->evaluate(context_), Failure) << a << kSymbols[which] << b << " seed " << seed_;
    else
      EXPECT_EQ(expression->evaluate(context_).integer, static_cast<std::int64_t>(wide)) << seed_;
  }
}

TEST(CommonType, FollowsTheManual) {
  using T = TypeId;
  const auto common = [](std::vector<TypeId> types) { return common_type(types); };
  EXPECT_EQ(common({T::unknown, T::unknown}), T::text);
  EXPECT_EQ(common({T::int4, T::unknown}), T::int4);
  EXPECT_EQ(common({T::int4, T::numeric}), T::numeric);
  EXPECT_EQ(common({T::int2, T::int8, T::int4}), T::int8);
  EXPECT_EQ(common({T::numeric, T::float4}), T::float4);
  EXPECT_EQ(common({T::float4, T::numeric, T::float8}), T::float8);
  EXPECT_EQ(common({T::varchar, T::text}), T::varchar);  // each converts to the other: the first stays
  EXPECT_EQ(common({T::date, T::timestamp}), T::timestamp);
  EXPECT_EQ(common({T::int4, T::text}), std::nullopt);
  EXPECT_EQ(common({T::boolean, T::int4}), std::nullopt);
}

}  // namespace
}  // namespace gyre::storage
