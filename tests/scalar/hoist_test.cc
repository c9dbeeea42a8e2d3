// Hoisting: what is remembered, what is not, and that nothing else changes.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "storage/failure.h"
#include "storage/scalar/casts.h"
#include "storage/scalar/hoist.h"
#include "storage/scalar/nodes.h"

namespace gyre::storage {
namespace {

constexpr TypeId kInt = TypeId::int4;

int calls = 0;  // of counted()

Datum counted(EvalContext&, const Datum* arguments, unsigned) {
  ++calls;
  if (arguments[0].integer == 13) throw Failure(Fault::data_exception, "thirteen");
  return Datum::of_integer(arguments[0].integer + 1);
}
const FunctionDef kCounted{"counted", {kInt}, kInt, counted};
const FunctionDef kVolatile{"counted", {kInt}, kInt, counted, true, Volatility::volatile_};

ExpressionPtr call(const FunctionDef& function, ExpressionPtr argument) {
  std::vector<ExpressionPtr> arguments;
  arguments.push_back(std::move(argument));
  return make_call(&function, std::move(arguments));
}
ExpressionPtr operation(std::string_view symbol, ExpressionPtr left, ExpressionPtr right) {
  const Resolution resolution = resolve_operator(symbol, left->type().id, right->type().id);
  std::vector<ExpressionPtr> arguments;
  arguments.push_back(std::move(left));
  arguments.push_back(std::move(right));
  return make_call(resolution.function, std::move(arguments));
}

class Hoisting : public ::testing::Test {
 protected:
  // The values over rows of one int4 column, 1 to 5; as one execution does it, resetting its arena.
  std::vector<std::int64_t> run(const Expression& expression, int places) {
    std::vector<Hoisted> hoisted(static_cast<std::size_t>(places));
    Arena rows;
    Arena kept;
    EvalContext context;
    context.arena = &rows;
    context.parameters = &parameter_;
    if (places > 0) {
      context.hoisted = hoisted.data();
      context.hoist_arena = &kept;
    }
    calls = 0;
    std::vector<std::int64_t> values;
    for (int i = 1; i <= 5; ++i) {
      rows.reset();
      const Datum row = Datum::of_integer(i);
      context.columns = &row;
      const Datum value = expression.evaluate(context);
      values.push_back(value.null ? -1 : value.integer);
    }
    return values;
  }

  Datum parameter_ = Datum::of_integer(7);
};

TEST_F(Hoisting, WhatReadsNoColumnIsCalledOnce) {
  int places = 0;
  const auto sum =
      hoist(operation("+", make_column(0, kInt), call(kCounted, make_parameter(0, kInt))), 1, places);
  EXPECT_EQ(places, 1);
  EXPECT_EQ(run(*sum, places), (std::vector<std::int64_t>{9, 10, 11, 12, 13}));
  EXPECT_EQ(calls, 1);
  // Without places it is called for each row; the next execution sees its own parameter.
  EXPECT_EQ(run(*sum, 0).front(), 9);
  EXPECT_EQ(calls, 5);
  parameter_ = Datum::of_integer(1);
  EXPECT_EQ(run(*sum, places).front(), 3);
}

TEST_F(Hoisting, ChangingParametersAndVolatileCallsAreNot) {
  int places = 0;
  const auto changing =
      hoist(operation("+", make_column(0, kInt), call(kCounted, make_parameter(0, kInt))), 0, places);
  EXPECT_EQ(places, 0);
  run(*changing, places);
  EXPECT_EQ(calls, 5);
  const auto random =
      hoist(operation("+", make_column(0, kInt), call(kVolatile, make_parameter(0, kInt))), 1, places);
  EXPECT_EQ(places, 0);
  run(*random, places);
  EXPECT_EQ(calls, 5);
}

TEST_F(Hoisting, WhatIsNotReachedDoesNotFail) {
  int places = 0;
  std::vector<CaseBranch> branches;
  branches.push_back({operation(">", make_column(0, kInt), make_constant(kInt, Datum::of_integer(5))),
                      call(kCounted, make_constant(kInt, Datum::of_integer(13)))});
  const auto choice =
      hoist(make_case(kInt, std::move(branches), make_constant(kInt, Datum::of_integer(0))), 1, places);
  EXPECT_EQ(places, 1);
  EXPECT_EQ(run(*choice, places), (std::vector<std::int64_t>{0, 0, 0, 0, 0}));
  EXPECT_EQ(calls, 0);
}

TEST_F(Hoisting, ArraysAreTakenApartOnce) {
  int places = 0;
  const FunctionDef* equal = equality_of(kInt);
  ExpressionPtr search =
      make_any_array(equal, make_column(0, kInt), make_parameter(0, TypeId::int4_array), false);
  parameter_ = Datum::of_bytes("{4,NULL,2}");
  const std::vector<std::int64_t> expected{-1, 1, -1, 1, -1};
  EXPECT_EQ(run(*search, 0), expected);
  search = hoist(std::move(search), 1, places);
  EXPECT_EQ(places, 1);
  EXPECT_EQ(run(*search, places), expected);
  parameter_ = Datum::of_bytes("{}");
  EXPECT_EQ(run(*search, places), (std::vector<std::int64_t>{0, 0, 0, 0, 0}));
}

TEST_F(Hoisting, ArraysKeepTheirBinaryForm) {
  Arena arena;
  for (const char* text : {"{}", "{1,NULL,-3}", "{7}"}) {
    const TypeTraits& type = traits(TypeId::int4_array);
    OutBuffer wire;
    type.send(type.parse(text, {}, arena), wire);
    EXPECT_EQ(type.receive(wire.view(), arena).bytes(), text);
    for (std::size_t cut = 0; cut < wire.size(); ++cut)
      EXPECT_THROW(type.receive(wire.view().substr(0, cut), arena), Failure) << text << " " << cut;
  }
  const TypeTraits& type = traits(TypeId::text_array);
  OutBuffer wire;
  const char* const text = R"({a,"b c","q\"u\\",NULL,"NULL",""})";
  type.send(type.parse(text, {}, arena), wire);
  EXPECT_EQ(type.receive(wire.view(), arena).bytes(), text);
  EXPECT_THROW(traits(TypeId::int4_array).receive(wire.view(), arena), Failure);
}

}  // namespace
}  // namespace gyre::storage
