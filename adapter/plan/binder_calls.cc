// Operators and functions by name.
#include "adapter/plan/binder.h"
#include "adapter/sql_error.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter {

using storage::CastContext;
using storage::Resolution;

namespace {

constexpr std::string_view kTryCasts = " You might need to add explicit type casts.";

SqlError operator_error(Resolution::Status status, std::string_view name, const storage::Expression* left,
                        const storage::Expression& right, int location) {
  std::string call = left ? type_name(left->type()) + " " : std::string();
  call += std::string(name) + " " + type_name(right.type());
  if (status == Resolution::Status::ambiguous)
    return SqlError("42725", "operator is not unique: " + call, location)
        .with_hint("Could not choose a best candidate operator." + std::string(kTryCasts));
  if (!left)
    return SqlError("42883", "operator does not exist: " + call, location)
        .with_hint(
            "No operator matches the given name and argument type. You might need to add an explicit type "
            "cast.");
  return SqlError("42883", "operator does not exist: " + call, location)
      .with_hint("No operator matches the given name and argument types." + std::string(kTryCasts));
}

}  // namespace

Binder::ExpressionPtr Binder::call_operator(std::string_view name, ExpressionPtr left, ExpressionPtr right,
                                            int location) {
  std::optional<TypeId> left_type;
  if (left) left_type = left->type().id;
  const Resolution resolution = storage::resolve_operator(name, left_type, right->type().id);
  if (!resolution.found()) throw operator_error(resolution.status, name, left.get(), *right, location);
  Expressions arguments;
  if (left) arguments.push_back(std::move(left));
  arguments.push_back(std::move(right));
  for (std::size_t i = 0; i < arguments.size(); ++i)
    arguments[i] =
        coerce_or_throw(std::move(arguments[i]), resolution.arguments[i], CastContext::implicit, location);
  if (resolution.function->build)
    return resolution.function->build(*resolution.function, std::move(arguments));
  return storage::make_call(resolution.function, std::move(arguments));
}

Binder::ExpressionPtr Binder::call_function(std::string_view name, Expressions arguments, int location) {
  std::vector<TypeId> types;
  for (const ExpressionPtr& argument : arguments) types.push_back(argument->type().id);
  const Resolution resolution = storage::resolve_function(name, types);
  if (resolution.status == Resolution::Status::type_cast)
    return coerce_or_throw(std::move(arguments.front()), resolution.cast_to, CastContext::explicit_,
                           location);
  if (!resolution.found()) {
    std::string call = std::string(name) + "(";
    for (std::size_t i = 0; i < arguments.size(); ++i)
      call += (i == 0 ? "" : ", ") + type_name(arguments[i]->type());
    call += ")";
    if (resolution.status == Resolution::Status::ambiguous)
      throw SqlError("42725", "function " + call + " is not unique", location)
          .with_hint("Could not choose a best candidate function." + std::string(kTryCasts));
    throw SqlError("42883", "function " + call + " does not exist", location)
        .with_hint("No function matches the given name and argument types." + std::string(kTryCasts));
  }
  for (std::size_t i = 0; i < arguments.size(); ++i)
    arguments[i] =
        coerce_or_throw(std::move(arguments[i]), resolution.arguments[i], CastContext::implicit, location);
  if (resolution.function->build)
    return resolution.function->build(*resolution.function, std::move(arguments));
  return storage::make_call(resolution.function, std::move(arguments));
}

Binder::ExpressionPtr Binder::bind_node(const ast::FunctionCall& node, int location) {
  const std::string& name = node.name.name;
  if (node.window) throw SqlError("0A000", "window functions are not supported", location);
  if (storage::is_aggregate(name)) return bind_aggregate(node, location);
  const auto only_for_aggregates = [&](std::string_view what) {
    return SqlError("42809", std::string(what) + " specified, but " + name + " is not an aggregate function",
                    location);
  };
  if (node.star)
    throw SqlError("42809", name + "(*) specified, but " + name + " is not an aggregate function", location);
  if (node.distinct) throw only_for_aggregates("DISTINCT");
  if (node.filter) throw only_for_aggregates("FILTER");
  if (!node.order_by.empty()) throw only_for_aggregates("ORDER BY");
  if (node.variadic) throw SqlError("0A000", "VARIADIC arguments are not supported", location);
  if (name == "generate_series")
    throw SqlError("0A000", "set-returning functions are supported in FROM only", location);
  Expressions arguments;
  for (const ast::ExprPtr& argument : node.arguments) arguments.push_back(bind(*argument));
  return call_function(name, std::move(arguments), location);
}

// value op ANY (ARRAY[…]): the array is spelled out, so it is a list of comparisons.
Binder::ExpressionPtr Binder::bind_any_array(const ast::OperatorCall& node, int location) {
  const bool any = node.kind == ast::OperatorCall::Kind::any;
  const auto* array = std::get_if<ast::ArrayExpr>(&node.right->node);
  if (!array) throw SqlError("0A000", "arrays are not supported", node.right->location);
  Expressions tests;
  for (const ast::ExprPtr& element : array->elements)
    tests.push_back(call_operator(node.name, bind(*node.left), bind(*element), location));
  return any ? storage::make_or(std::move(tests)) : storage::make_and(std::move(tests));
}

// (a, b) = (c, d), column by column.
Binder::ExpressionPtr Binder::bind_row_comparison(const ast::OperatorCall& node, int location) {
  const auto& left = std::get<ast::RowExpr>(node.left->node);
  const auto* right = std::get_if<ast::RowExpr>(&node.right->node);
  if (!right || (node.name != "=" && node.name != "<>"))
    throw SqlError("0A000", "this comparison of rows is not supported", location);
  if (left.elements.size() != right->elements.size())
    throw SqlError("42601", "unequal number of entries in row expressions", location);
  Expressions tests;
  for (std::size_t i = 0; i < left.elements.size(); ++i)
    tests.push_back(call_operator(node.name, bind(*left.elements[i]), bind(*right->elements[i]), location));
  return node.name == "=" ? storage::make_and(std::move(tests)) : storage::make_or(std::move(tests));
}

}  // namespace gyre::adapter
