// Expressions, node by node. Each bind_node answers an expression whose type is known or `unknown` (a string
// literal, NULL or parameter that no context has typed yet); whoever uses it coerces it.
#include <charconv>
#include <limits>
#include <optional>

#include "adapter/plan/binder.h"
#include "adapter/sql_error.h"
#include "storage/failure.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter {

using storage::CastContext;
using storage::Datum;
using storage::TypeId;

namespace {

std::optional<std::int64_t> to_int64(std::string_view digits) {
  std::int64_t value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(digits.data(), end, value);
  if (error != std::errc() || at != end) return std::nullopt;
  return value;
}

// The type that PostgreSQL's scanner gives a literal, and its value.
struct LiteralValue {
  TypeId type;
  Datum value;
};
LiteralValue value_of(const ast::Literal& literal, const storage::TextStyle& style, Arena& arena) {
  switch (literal.kind) {
    case ast::Literal::Kind::null:
      return {TypeId::unknown, {}};
    case ast::Literal::Kind::boolean:
      return {TypeId::boolean, Datum::of_bool(literal.text == "t" || literal.text == "true")};
    case ast::Literal::Kind::string:
      return {TypeId::unknown, Datum::of_bytes(literal.text)};
    case ast::Literal::Kind::integer:
    case ast::Literal::Kind::decimal:
      if (literal.kind == ast::Literal::Kind::integer)
        if (const auto value = to_int64(literal.text)) {
          const bool small = *value <= std::numeric_limits<std::int32_t>::max() &&
                             *value >= std::numeric_limits<std::int32_t>::min();
          return {small ? TypeId::int4 : TypeId::int8, Datum::of_integer(*value)};
        }
      return {TypeId::numeric, storage::traits(TypeId::numeric).parse(literal.text, style, arena)};
    case ast::Literal::Kind::bit_string:
      break;
  }
  throw SqlError("0A000", "bit string literals are not supported");
}

storage::TruthTest truth_test(ast::BooleanTest::Kind kind) {
  switch (kind) {
    case ast::BooleanTest::Kind::is_true:
      return storage::TruthTest::is_true;
    case ast::BooleanTest::Kind::is_not_true:
      return storage::TruthTest::is_not_true;
    case ast::BooleanTest::Kind::is_false:
      return storage::TruthTest::is_false;
    case ast::BooleanTest::Kind::is_not_false:
      return storage::TruthTest::is_not_false;
    case ast::BooleanTest::Kind::is_unknown:
      return storage::TruthTest::is_unknown;
    case ast::BooleanTest::Kind::is_not_unknown:
      break;
  }
  return storage::TruthTest::is_not_unknown;
}
const char* words_of(ast::BooleanTest::Kind kind) {
  switch (kind) {
    case ast::BooleanTest::Kind::is_true:
      return "IS TRUE";
    case ast::BooleanTest::Kind::is_not_true:
      return "IS NOT TRUE";
    case ast::BooleanTest::Kind::is_false:
      return "IS FALSE";
    case ast::BooleanTest::Kind::is_not_false:
      return "IS NOT FALSE";
    case ast::BooleanTest::Kind::is_unknown:
      return "IS UNKNOWN";
    case ast::BooleanTest::Kind::is_not_unknown:
      break;
  }
  return "IS NOT UNKNOWN";
}

SqlError unsupported(const char* what, int location) {
  return SqlError("0A000", std::string(what) + " are not supported", location);
}

}  // namespace

void Binder::check_stack() const {
  // What comes after binding (rewrites, evaluation) recurses as deep with smaller frames, so a limit here
  // that leaves more than half of the usual 8 MiB serves for all, also where a sanitizer makes frames larger.
  constexpr std::uintptr_t kMostStack = std::uintptr_t{3} << 20;
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  if (statement_.stack_begin == 0) statement_.stack_begin = here;
  const std::uintptr_t used =
      here < statement_.stack_begin ? statement_.stack_begin - here : here - statement_.stack_begin;
  if (used > kMostStack) throw SqlError("54001", "stack depth limit exceeded");
}

Binder::ExpressionPtr Binder::bind(const ast::Expr& expression) {
  check_stack();
  if (grouping_ && !grouping_->complex.empty())
    if (ExpressionPtr key = match_group_key(expression)) return key;
  return std::visit([&](const auto& node) { return bind_node(node, expression.location); }, expression.node);
}

Binder::ExpressionPtr Binder::bind_at(Place place, const ast::Expr& expression) {
  const Place before = place_;
  place_ = place;
  ExpressionPtr bound = bind(expression);
  place_ = before;
  return bound;
}

Binder::ExpressionPtr Binder::bind_boolean(const ast::Expr& expression, std::string_view clause) {
  ExpressionPtr value = bind(expression);
  const Type type = value->type();
  if (type.id != TypeId::boolean && type.id != TypeId::unknown)
    throw SqlError(
        "42804", "argument of " + std::string(clause) + " must be type boolean, not type " + type_name(type),
        expression.location);
  return coerce_or_throw(std::move(value), TypeId::boolean, CastContext::implicit, expression.location);
}

Binder::ExpressionPtr Binder::bind_node(const ast::Literal& node, int location) {
  Arena arena;
  const LiteralValue literal = value_of(node, statement_.context.style, arena);
  if (node.slot >= 0) {
    const auto slot = static_cast<std::size_t>(node.slot);
    if (constants_only_ > 0) statement_.fix(node.slot);
    if (!statement_.literal_fixed[slot]) {
      statement_.literal_bound[slot] = true;
      if (literal.type != TypeId::unknown) statement_.literal_types[slot] = literal.type;
      return storage::make_parameter(statement_.parameter_count + node.slot, literal.type);
    }
  }
  if (literal.value.null) return storage::make_null(literal.type);
  return storage::make_constant(literal.type, literal.value);
}

Binder::ExpressionPtr Binder::bind_node(const ast::ColumnRef& node, int location) {
  if (node.star) throw SqlError("42601", "row expansion via \"*\" is not supported here", location);
  return bind_column(node, location);
}

Binder::ExpressionPtr Binder::bind_node(const ast::ParameterRef& node, int location) {
  if (node.number < 1 || node.number > statement_.parameter_count)
    throw SqlError("42P02", "there is no parameter $" + std::to_string(node.number), location);
  const Type type = statement_.parameter_types[static_cast<std::size_t>(node.number - 1)];
  return storage::make_parameter(node.number - 1, Type(type.id));
}

Binder::ExpressionPtr Binder::bind_node(const ast::OperatorCall& node, int location) {
  if (node.kind == ast::OperatorCall::Kind::any || node.kind == ast::OperatorCall::Kind::all)
    return bind_any_array(node, location);
  if (node.left && std::holds_alternative<ast::RowExpr>(node.left->node))
    return bind_row_comparison(node, location);
  std::string_view name = node.name;
  if (name.empty() || name == "like" || name == "ilike") {
    using Kind = ast::OperatorCall::Kind;
    name = node.kind == Kind::like        ? "~~"
           : node.kind == Kind::ilike     ? "~~*"
           : node.kind == Kind::not_like  ? "!~~"
           : node.kind == Kind::not_ilike ? "!~~*"
                                          : name;
  }
  ExpressionPtr left = node.left ? bind(*node.left) : nullptr;
  ExpressionPtr right = bind(*node.right);
  return call_operator(name, std::move(left), std::move(right), location);
}

Binder::ExpressionPtr Binder::bind_node(const ast::BooleanCall& node, int) {
  const char* word = node.kind == ast::BooleanCall::Kind::and_  ? "AND"
                     : node.kind == ast::BooleanCall::Kind::or_ ? "OR"
                                                                : "NOT";
  Expressions operands;
  for (const ast::ExprPtr& argument : node.arguments) operands.push_back(bind_boolean(*argument, word));
  if (node.kind == ast::BooleanCall::Kind::and_) return storage::make_and(std::move(operands));
  if (node.kind == ast::BooleanCall::Kind::or_) return storage::make_or(std::move(operands));
  return storage::make_not(std::move(operands.front()));
}

Binder::ExpressionPtr Binder::bind_node(const ast::DistinctFrom& node, int location) {
  Expressions sides;
  sides.push_back(bind(*node.left));
  sides.push_back(bind(*node.right));
  const TypeId types[] = {sides[0]->type().id, sides[1]->type().id};
  if (!storage::common_type(types)) call_operator("=", std::move(sides[0]), std::move(sides[1]), location);
  unify(sides, "IS DISTINCT FROM", location);
  return storage::make_distinct_from(std::move(sides[0]), std::move(sides[1]), node.negated);
}

Binder::ExpressionPtr Binder::bind_node(const ast::NullIf& node, int location) {
  ExpressionPtr left = bind(*node.left);
  ExpressionPtr right = bind(*node.right);
  const auto equal = storage::resolve_operator("=", left->type().id, right->type().id);
  if (!equal.found()) return call_operator("=", std::move(left), std::move(right), location);
  left = coerce_or_throw(std::move(left), equal.arguments[0], CastContext::implicit, location);
  right = coerce_or_throw(std::move(right), equal.arguments[1], CastContext::implicit, location);
  return storage::make_null_if(equal.function, std::move(left), std::move(right));
}

Binder::ExpressionPtr Binder::bind_node(const ast::InList& node, int location) {
  if (std::holds_alternative<ast::RowExpr>(node.value->node)) throw unsupported("IN lists of rows", location);
  return bind_in_list(*node.value, node.list, node.negated, location);
}

Binder::ExpressionPtr Binder::bind_in_list(const ast::Expr& searched, const std::vector<ast::ExprPtr>& list,
                                           bool negated, int location) {
  Expressions all;
  all.push_back(bind(searched));
  std::vector<TypeId> types = {all.front()->type().id};
  for (const ast::ExprPtr& item : list) {
    all.push_back(bind(*item));
    types.push_back(all.back()->type().id);
  }
  if (storage::common_type(types)) {
    unify(all, "IN", location);
    ExpressionPtr value = std::move(all.front());
    all.erase(all.begin());
    return storage::make_in_list(std::move(value), std::move(all), negated);
  }
  // No common type: one operator for each, which has its own words for what does not fit.
  Expressions tests;
  for (std::size_t i = 1; i < all.size(); ++i)
    tests.push_back(
        call_operator(negated ? "<>" : "=", storage::clone(*all.front()), std::move(all[i]), location));
  return negated ? storage::make_and(std::move(tests)) : storage::make_or(std::move(tests));
}

Binder::ExpressionPtr Binder::bind_node(const ast::Between& node, int location) {
  const auto within = [&](const ast::Expr& low, const ast::Expr& high) {
    Expressions both;
    if (node.negated) {
      both.push_back(call_operator("<", bind(*node.value), bind(low), location));
      both.push_back(call_operator(">", bind(*node.value), bind(high), location));
      return storage::make_or(std::move(both));
    }
    both.push_back(call_operator(">=", bind(*node.value), bind(low), location));
    both.push_back(call_operator("<=", bind(*node.value), bind(high), location));
    return storage::make_and(std::move(both));
  };
  if (!node.symmetric) return within(*node.low, *node.high);
  Expressions either;
  either.push_back(within(*node.low, *node.high));
  either.push_back(within(*node.high, *node.low));
  return node.negated ? storage::make_and(std::move(either)) : storage::make_or(std::move(either));
}

Binder::ExpressionPtr Binder::bind_node(const ast::NullTest& node, int location) {
  // A parameter that nothing else types stays without one, which is an error in the end.
  ExpressionPtr value = bind(*node.value);
  return node.negated ? storage::make_is_not_null(std::move(value)) : storage::make_is_null(std::move(value));
}

Binder::ExpressionPtr Binder::bind_node(const ast::BooleanTest& node, int) {
  return storage::make_boolean_test(bind_boolean(*node.value, words_of(node.kind)), truth_test(node.kind));
}

// There is no type regnamespace. A name is the schema's oid, and an oid becomes the schema's name: the plan
// holds for this catalog only.
Binder::ExpressionPtr Binder::bind_schema_cast(const ast::TypeCast& node, int location) {
  const auto& schemas = statement_.context.catalog.schemas();
  const auto* literal = std::get_if<ast::Literal>(&node.value->node);
  if (literal != nullptr && literal->kind == ast::Literal::Kind::string) {
    statement_.fix(literal->slot);
    for (const Schema& schema : schemas)
      if (schema.name == literal->text)
        return storage::make_constant(TypeId::oid, Datum::of_integer(schema.oid));
    throw SqlError("3F000", "schema \"" + literal->text + "\" does not exist", node.value->location);
  }
  const ExpressionPtr oid =
      coerce_or_throw(bind(*node.value), TypeId::oid, CastContext::explicit_, location);
  std::vector<storage::CaseBranch> branches;
  for (const Schema& schema : schemas)
    branches.push_back({call_operator("=", storage::clone(*oid),
                                      storage::make_constant(TypeId::oid, Datum::of_integer(schema.oid)),
                                      location),
                        storage::make_constant(TypeId::text, Datum::of_bytes(schema.name))});
  return storage::make_case(TypeId::text, std::move(branches),
                            coerce_or_throw(storage::clone(*oid), TypeId::text, CastContext::explicit_, location));
}

Binder::ExpressionPtr Binder::bind_node(const ast::TypeCast& node, int location) {
  if (node.type.name.name == "regnamespace" && !node.type.array) return bind_schema_cast(node, location);
  const Type type = resolve_type(node.type, statement_.context);
  for (const ast::ExprPtr& modifier : node.type.typmods)
    if (const auto* literal = std::get_if<ast::Literal>(&modifier->node)) statement_.fix(literal->slot);
  const auto* literal = std::get_if<ast::Literal>(&node.value->node);
  if (type.id == TypeId::regclass && literal && literal->kind == ast::Literal::Kind::string) {
    // A relation's name: its meaning depends on the catalog, so it is looked up here.
    statement_.fix(literal->slot);
    Arena arena;
    try {
      const Datum oid =
          storage::traits(type).parse(literal->text, statement_.context.style, arena);
      return storage::make_constant(type, oid);
    } catch (const storage::Failure& failure) {
      const char* const state = failure.fault == storage::Fault::undefined_table          ? "42P01"
                                : failure.fault == storage::Fault::insufficient_privilege ? "42501"
                                                                                          : "42602";
      throw SqlError(pgwire::SqlState::from_text(state), failure.message, node.value->location);
    }
  }
  if (const auto* array = std::get_if<ast::ArrayExpr>(&node.value->node);
      array && storage::is_array(type.id)) {
    Expressions elements;
    for (const ast::ExprPtr& element : array->elements) elements.push_back(bind(*element));
    return make_array_of(type.id, std::move(elements), CastContext::explicit_, location);
  }
  ExpressionPtr value = bind(*node.value);
  return coerce_or_throw(std::move(value), type, CastContext::explicit_, location);
}

Binder::ExpressionPtr Binder::bind_node(const ast::CaseExpr& node, int location) {
  ExpressionPtr subject = node.subject ? resolved(bind(*node.subject), location) : nullptr;
  Expressions conditions;
  Expressions results;  // the last of all results first, as PostgreSQL looks at them
  results.push_back(node.otherwise ? bind(*node.otherwise) : storage::make_null(TypeId::unknown));
  for (const auto& [condition, result] : node.branches) {
    conditions.push_back(
        subject ? call_operator("=", storage::clone(*subject), bind(*condition), condition->location)
                : bind_boolean(*condition, "CASE/WHEN"));
    results.push_back(bind(*result));
  }
  const Type type = unify(results, "CASE", location);
  std::vector<storage::CaseBranch> branches;
  for (std::size_t i = 0; i < conditions.size(); ++i)
    branches.push_back({std::move(conditions[i]), std::move(results[i + 1])});
  return storage::make_case(type, std::move(branches), std::move(results.front()));
}

Binder::ExpressionPtr Binder::bind_node(const ast::Coalesce& node, int location) {
  Expressions values;
  for (const ast::ExprPtr& argument : node.arguments) values.push_back(bind(*argument));
  const Type type = unify(values, "COALESCE", location);
  return storage::make_coalesce(type, std::move(values));
}

Binder::ExpressionPtr Binder::bind_node(const ast::MinMax& node, int location) {
  Expressions values;
  for (const ast::ExprPtr& argument : node.arguments) values.push_back(bind(*argument));
  const Type type = unify(values, node.greatest ? "GREATEST" : "LEAST", location);
  return storage::make_min_max(node.greatest, type, std::move(values));
}

Binder::ExpressionPtr Binder::bind_node(const ast::ValueFunction& node, int location) {
  using Kind = ast::ValueFunction::Kind;
  const auto now_as = [&](TypeId type) {
    const std::int32_t typmod = type == TypeId::date ? -1 : node.precision;
    return coerce_or_throw(call_function("now", {}, location), Type(type, typmod), CastContext::explicit_,
                           location);
  };
  switch (node.kind) {
    case Kind::current_date:
      return now_as(TypeId::date);
    case Kind::current_timestamp:
      return now_as(TypeId::timestamptz);
    case Kind::localtimestamp:
      return now_as(TypeId::timestamp);
    case Kind::current_user:
    case Kind::user:
    case Kind::current_role:
      return call_function("current_user", {}, location);
    case Kind::session_user:
      return call_function("session_user", {}, location);
    case Kind::current_catalog:
      return call_function("current_database", {}, location);
    case Kind::current_schema:
      return call_function("current_schema", {}, location);
    case Kind::current_time:
    case Kind::localtime:
      break;
  }
  throw unsupported("values of type time", location);
}

Binder::ExpressionPtr Binder::bind_node(const ast::ArrayExpr& node, int location) {
  if (node.elements.empty())
    throw SqlError("42P18", "cannot determine type of empty array", location)
        .with_hint("Explicitly cast to the desired type, for example ARRAY[]::integer[].");
  Expressions elements;
  for (const ast::ExprPtr& element : node.elements) elements.push_back(bind(*element));
  const Type type = unify(elements, "ARRAY", location);
  const TypeId array = storage::array_type(type.id);
  if (array == TypeId::unknown)
    throw SqlError("0A000", "arrays of type " + type_name(type) + " are not supported", location);
  return make_array_of(array, std::move(elements), CastContext::implicit, location);
}

Binder::ExpressionPtr Binder::make_array_of(TypeId array, Expressions elements, CastContext context,
                                            int location) {
  for (ExpressionPtr& element : elements)
    element = coerce_or_throw(std::move(element), storage::element_type(array), context, location);
  return storage::make_array(array, std::move(elements));
}
Binder::ExpressionPtr Binder::bind_node(const ast::RowExpr&, int location) {
  throw unsupported("row values", location);
}
Binder::ExpressionPtr Binder::bind_node(const ast::Collate& node, int location) {
  const std::string& name = node.collation.name;
  if (name != "C" && name != "POSIX" && name != "default" && name != "ucs_basic")
    throw SqlError("42704", "collation \"" + name + "\" for encoding \"UTF8\" does not exist", location);
  return resolved(bind(*node.value), location);
}
Binder::ExpressionPtr Binder::bind_node(const ast::Subscript& node, int location) {
  Expressions both;
  both.push_back(bind(*node.value));
  both.push_back(node.index ? bind(*node.index) : nullptr);
  if (!both[1]) throw unsupported("slices of arrays", location);
  const TypeId type = both[0]->type().id;
  if (!storage::is_array(type))
    throw SqlError("42804",
                   "cannot subscript type " + type_name(type) + " because it does not support subscripting",
                   location);
  return call_function("[]", std::move(both), location);
}
Binder::ExpressionPtr Binder::bind_node(const ast::FieldAccess&, int location) {
  throw unsupported("fields of composite values", location);
}
Binder::ExpressionPtr Binder::bind_node(const ast::DefaultMarker&, int location) {
  throw SqlError("42601", "DEFAULT is not allowed in this context", location);
}

namespace {

// How much a name says about its expression: a cast's own name gives way to anything better.
struct NameGuess {
  std::string name;
  int strength = 0;
};
NameGuess guess_name(const ast::Expr& expression);

struct NameOf {
  template <class Other>
  NameGuess operator()(const Other&) const {
    return {};
  }
  NameGuess operator()(const ast::ColumnRef& node) const {
    return node.parts.empty() ? NameGuess{} : NameGuess{node.parts.back(), 2};
  }
  NameGuess operator()(const ast::FunctionCall& node) const { return {node.name.name, 2}; }
  NameGuess operator()(const ast::FieldAccess& node) const { return {node.field, 2}; }
  NameGuess operator()(const ast::Subscript& node) const { return guess_name(*node.value); }
  NameGuess operator()(const ast::Collate& node) const { return guess_name(*node.value); }
  NameGuess operator()(const ast::NullIf&) const { return {"nullif", 2}; }
  NameGuess operator()(const ast::Coalesce&) const { return {"coalesce", 2}; }
  NameGuess operator()(const ast::MinMax& node) const { return {node.greatest ? "greatest" : "least", 2}; }
  NameGuess operator()(const ast::ArrayExpr&) const { return {"array", 2}; }
  NameGuess operator()(const ast::RowExpr&) const { return {"row", 2}; }
  NameGuess operator()(const ast::TypeCast& node) const {
    NameGuess inner = guess_name(*node.value);
    return inner.strength >= 2 ? inner : NameGuess{node.type.name.name, 1};
  }
  NameGuess operator()(const ast::CaseExpr& node) const {
    if (node.otherwise)
      if (NameGuess inner = guess_name(*node.otherwise); inner.strength >= 2) return inner;
    return {"case", 1};
  }
  NameGuess operator()(const ast::SubqueryExpr& node) const {
    if (node.kind == ast::SubqueryExpr::Kind::exists) return {"exists", 2};
    if (node.kind == ast::SubqueryExpr::Kind::array) return {"array", 2};
    if (node.kind == ast::SubqueryExpr::Kind::scalar && node.query && !node.query->targets.empty()) {
      const ast::Target& target = node.query->targets.front();
      if (!target.alias.empty()) return {target.alias, 2};
      return guess_name(*target.value);
    }
    return {};
  }
  NameGuess operator()(const ast::ValueFunction& node) const {
    using Kind = ast::ValueFunction::Kind;
    switch (node.kind) {
      case Kind::current_date:
        return {"current_date", 2};
      case Kind::current_time:
        return {"current_time", 2};
      case Kind::current_timestamp:
        return {"current_timestamp", 2};
      case Kind::localtime:
        return {"localtime", 2};
      case Kind::localtimestamp:
        return {"localtimestamp", 2};
      case Kind::current_user:
        return {"current_user", 2};
      case Kind::session_user:
        return {"session_user", 2};
      case Kind::user:
        return {"user", 2};
      case Kind::current_role:
        return {"current_role", 2};
      case Kind::current_catalog:
        return {"current_catalog", 2};
      case Kind::current_schema:
        break;
    }
    return {"current_schema", 2};
  }
};

NameGuess guess_name(const ast::Expr& expression) {
  return std::visit(NameOf{}, expression.node);
}

}  // namespace

std::string column_name_of(const ast::Expr& expression) {
  NameGuess guess = guess_name(expression);
  return guess.strength == 0 ? "?column?" : guess.name;
}

}  // namespace gyre::adapter
