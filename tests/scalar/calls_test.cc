// Every line of calls.tsv, evaluated three ways: with its arguments as constants, folded, and with them as
// parameters. The answers there are PostgreSQL's (answers.py).
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "storage/failure.h"
#include "storage/scalar/aggregates.h"
#include "storage/scalar/casts.h"
#include "storage/scalar/nodes.h"

namespace gyre::storage {
namespace {

std::vector<std::string> split(const std::string& line, char separator) {
  std::vector<std::string> fields(1);
  for (const char c : line) {
    if (c == separator)
      fields.emplace_back();
    else
      fields.back() += c;
  }
  return fields;
}

struct Argument {
  TypeId type = TypeId::unknown;
  Datum value;
};

class Evaluator {
 public:
  Evaluator() { context_.arena = &arena_; }

  // "= type value", or "! message".
  std::string answer(const std::vector<std::string>& call, bool as_parameters, bool folded) {
    try {
      return run(call, as_parameters, folded);
    } catch (const Failure& failure) {
      return "! " + failure.message;
    }
  }

 private:
  Argument parse(const std::string& text) {
    if (text[0] == '\'') return {TypeId::unknown, Datum::of_bytes(arena_.copy(text.substr(1)))};
    const std::size_t space = text.find(' ');
    Argument argument{type_by_name(text.substr(0, space)), {}};
    const std::string value = text.substr(space + 1);
    if (value != "NULL") argument.value = traits(argument.type).parse(arena_.copy(value), style_, arena_);
    return argument;
  }
  std::string show(TypeId type, Datum value) {
    std::string shown = "NULL";
    if (!value.null) {
      OutBuffer out;
      traits(type).print(value, style_, out);
      shown.clear();
      for (const char c : out.view()) shown += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    return "= " + std::string(traits(type).short_name) + " " + shown;
  }
  static std::string missing(Resolution::Status status) {
    return status == Resolution::Status::ambiguous ? "! is not unique" : "! does not exist";
  }

  std::string run(const std::vector<std::string>& call, bool as_parameters, bool folded) {
    if (call[0].starts_with("agg ")) return aggregate(call);
    std::vector<ExpressionPtr> operands;
    std::vector<TypeId> types;
    values_.clear();
    const bool cast = call[0] == "cast";
    for (std::size_t i = 1; i < (cast ? 2 : call.size()); ++i) {
      const Argument argument = parse(call[i]);
      values_.push_back(argument.value);
      types.push_back(argument.type);
      operands.push_back(as_parameters ? make_parameter(static_cast<int>(i) - 1, argument.type)
                                       : make_constant(argument.type, argument.value));
    }
    context_.parameters = values_.data();
    ExpressionPtr expression;
    if (cast)
      expression = make_cast(std::move(operands[0]), type_by_name(call[2]), CastContext::explicit_);
    else if (const std::string error = bind(call[0], types, operands, expression); !error.empty())
      return error;
    if (expression == nullptr) return "! cannot cast";
    if (folded) expression = fold(std::move(expression));
    return show(expression->type().id, expression->evaluate(context_));
  }
  std::string bind(const std::string& name, const std::vector<TypeId>& types,
                   std::vector<ExpressionPtr>& operands, ExpressionPtr& expression) {
    const bool symbol = std::isalpha(static_cast<unsigned char>(name[0])) == 0;
    const Resolution resolution = !symbol             ? resolve_function(name, types)
                                  : types.size() == 1 ? resolve_operator(name, std::nullopt, types[0])
                                                      : resolve_operator(name, types[0], types[1]);
    if (resolution.status == Resolution::Status::type_cast) {
      expression = make_cast(std::move(operands[0]), resolution.cast_to, CastContext::explicit_);
      return {};
    }
    if (!resolution.found()) return missing(resolution.status);
    for (std::size_t i = 0; i < operands.size(); ++i)
      operands[i] = make_cast(std::move(operands[i]), resolution.arguments[i], CastContext::implicit);
    expression = make_call(resolution.function, std::move(operands));
    return {};
  }
  std::string aggregate(const std::vector<std::string>& call) {
    const TypeId type = parse(call[1]).type;
    const AggregateResolution resolution = resolve_aggregate(call[0].substr(4), std::span(&type, 1));
    if (!resolution.found()) return missing(resolution.status);
    const AggregateDef& def = *resolution.aggregate;
    void* state = arena_.allocate(def.state_size, def.state_alignment);
    def.init(state);
    for (std::size_t i = 1; i < call.size(); ++i) {
      const Argument argument = parse(call[i]);
      ExpressionPtr value = make_cast(make_constant(argument.type, argument.value), resolution.arguments[0],
                                      CastContext::implicit);
      const Datum datum = value->evaluate(context_);
      def.step(state, &datum, arena_);
    }
    return show(def.result, def.finish(state, arena_));
  }

  Arena arena_;
  TextStyle style_;
  EvalContext context_;
  std::vector<Datum> values_;
};

bool agrees(const std::string& expected, const std::string& actual) {
  if (actual == expected) return true;
  if (actual == "! does not exist") return expected.find("does not exist") != std::string::npos;
  if (actual == "! is not unique") return expected.find("is not unique") != std::string::npos;
  return actual == "! cannot cast" && expected.starts_with("! cannot cast type ");
}

TEST(Calls, AnswerAsPostgres) {
  std::ifstream file(GYRE_CALLS_TSV);
  ASSERT_TRUE(file.is_open());
  std::string line;
  std::size_t count = 0;
  while (std::getline(file, line)) {
    if (line.empty() || line[0] == '#') continue;
    std::vector<std::string> call = split(line, '\t');
    const std::string expected = call.back();
    call.pop_back();
    Evaluator evaluator;
    ++count;
    const std::string direct = evaluator.answer(call, false, false);
    EXPECT_TRUE(agrees(expected, direct)) << line << "\n  gives  " << direct;
    EXPECT_EQ(evaluator.answer(call, false, true), direct) << "folded: " << line;
    // The type of an unknown parameter is not known to pg_typeof's and text's build hooks either way.
    EXPECT_EQ(evaluator.answer(call, true, false), direct) << "as parameters: " << line;
  }
  EXPECT_GT(count, 3000u);
}

}  // namespace
}  // namespace gyre::storage
