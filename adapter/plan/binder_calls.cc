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
  if (resolution.function->volatility == storage::Volatility::volatile_) statement_.has_volatile = true;
  if (resolution.function->needs_locks) statement_.needs_locks = true;
  if (resolution.function->needs_sessions) statement_.needs_sessions = true;
  if (resolution.function->writes) statement_.moves_sequences = true;
  if (resolution.function->build)
    return resolution.function->build(*resolution.function, std::move(arguments));
  return storage::make_call(resolution.function, std::move(arguments));
}

Binder::ExpressionPtr Binder::bind_node(const ast::FunctionCall& node, int location) {
  const std::string& name = node.name.name;
  const std::string& schema = node.name.schema;
  if (!schema.empty() && schema != "pg_catalog") {
    if (!statement_.context.catalog.has_schema(schema))
      throw SqlError("3F000", "schema \"" + schema + "\" does not exist", location);
    throw no_function(node, location);
  }
  if (node.window) throw SqlError("0A000", "window functions are not supported", location);
  if (storage::is_aggregate(name)) return bind_aggregate(node, location);
  const auto only_for_aggregates = [&](std::string_view what) {
    return SqlError("42809", std::string(what) + " specified, but " + name + " is not an aggregate function",
                    location);
  };
  if (node.star) throw no_function(node, location);
  if (node.distinct) throw only_for_aggregates("DISTINCT");
  if (node.filter) throw only_for_aggregates("FILTER");
  if (!node.order_by.empty()) throw only_for_aggregates("ORDER BY");
  if (node.variadic) throw SqlError("0A000", "VARIADIC arguments are not supported", location);
  if (name == "generate_series" || name == "aclexplode")
    throw SqlError("0A000", "set-returning functions are supported in FROM only", location);
  if (storage::functions_named(name).empty() && !schema.empty() &&
      storage::type_by_name(name) == TypeId::count_)
    throw no_function(node, location);
  Expressions arguments;
  for (const ast::ExprPtr& argument : node.arguments) arguments.push_back(bind(*argument));
  return call_function(name, std::move(arguments), location);
}

SqlError Binder::no_function(const ast::FunctionCall& node, int location) {
  std::string call = node.name.schema.empty() ? "" : node.name.schema + ".";
  call += node.name.name + "(";
  for (std::size_t i = 0; i < node.arguments.size(); ++i)
    call += (i == 0 ? "" : ", ") + type_name(bind(*node.arguments[i])->type());
  return SqlError("42883", "function " + call + ") does not exist", location)
      .with_hint("No function matches the given name and argument types." + std::string(kTryCasts));
}

// value op ANY (ARRAY[…]): the array is spelled out, so it is a list of comparisons. With = it is what IN is
// printed as, and has to become that again.
Binder::ExpressionPtr Binder::bind_any_array(const ast::OperatorCall& node, int location) {
  const bool any = node.kind == ast::OperatorCall::Kind::any;
  const auto* array = std::get_if<ast::ArrayExpr>(&node.right->node);
  if (!array) return bind_array_search(node, location);
  if (array->elements.empty()) bind(*node.right);  // says what is wrong with it
  if (node.name == (any ? "=" : "<>")) return bind_in_list(*node.left, array->elements, !any, location);
  Expressions tests;
  for (const ast::ExprPtr& element : array->elements)
    tests.push_back(call_operator(node.name, bind(*node.left), bind(*element), location));
  return any ? storage::make_or(std::move(tests)) : storage::make_and(std::move(tests));
}

// value op ANY (array) with a parameter, a literal or a function's array.
Binder::ExpressionPtr Binder::bind_array_search(const ast::OperatorCall& node, int location) {
  ExpressionPtr left = bind(*node.left);
  ExpressionPtr right = bind(*node.right);
  TypeId element = TypeId::unknown;
  if (right->type().id != TypeId::unknown) {
    element = storage::element_type(right->type().id);
    if (element == TypeId::unknown)
      throw SqlError("42809", "op ANY/ALL (array) requires array on right side", location);
  }
  const Resolution resolution = storage::resolve_operator(node.name, left->type().id, element);
  if (!resolution.found())
    throw operator_error(resolution.status, node.name, left.get(), *storage::make_null(element), location);
  if (resolution.function->result != TypeId::boolean)
    throw SqlError("42809", "op ANY/ALL (array) requires operator to yield boolean", location);
  // There are no arrays of oids: they are compared as the integers that they are.
  if (resolution.arguments[1] == TypeId::oid && node.name == "=" && element != TypeId::oid &&
      element != TypeId::unknown && storage::is_array(right->type().id)) {
    left = coerce_or_throw(std::move(left), TypeId::int8, CastContext::explicit_, location);
    right = coerce_or_throw(std::move(right), TypeId::int8_array, CastContext::explicit_, location);
    return storage::make_any_array(storage::equality_of(TypeId::int8), std::move(left), std::move(right),
                                   node.kind == ast::OperatorCall::Kind::all);
  }
  const TypeId array = storage::array_type(resolution.arguments[1]);
  if (array == TypeId::unknown || !resolution.function->function)
    throw SqlError("0A000", "arrays of type " + type_name(resolution.arguments[1]) + " are not supported",
                   location);
  left = coerce_or_throw(std::move(left), resolution.arguments[0], CastContext::implicit, location);
  right = coerce_or_throw(std::move(right), array, CastContext::implicit, location);
  return storage::make_any_array(resolution.function, std::move(left), std::move(right),
                                 node.kind == ast::OperatorCall::Kind::all);
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
