// The scalar functions and operators, and how a call by name finds its function.
//
// Every function is one FunctionDef in a constant table of its family's file; an operator is a FunctionDef
// whose name is the symbol. Resolution follows chapter 10 of the PostgreSQL 15 manual (sections 10.2, 10.3,
// 10.5).
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "storage/scalar/expression.h"

namespace gyre::storage {

// Whether the result depends on the arguments only, also on the session and the statement, or on anything.
enum class Volatility : std::uint8_t { immutable, stable, volatile_ };

// What a comparison operator asks, so that a planner can recognise it; none for all other functions.
enum class Comparison : std::uint8_t { none, equal, not_equal, less, less_equal, greater, greater_equal };
// The same question with the sides exchanged: a < b is b > a.
constexpr Comparison commuted(Comparison comparison) {
  switch (comparison) {
    case Comparison::less:
      return Comparison::greater;
    case Comparison::less_equal:
      return Comparison::greater_equal;
    case Comparison::greater:
      return Comparison::less;
    case Comparison::greater_equal:
      return Comparison::less_equal;
    default:
      return comparison;
  }
}

// A pseudo-type in argument lists: an argument of any type, taken as it is.
inline constexpr TypeId kAnyType = TypeId::unknown;

// The declared argument types; at most kCapacity, which the widest function (make_timestamp, 6) fits.
class ArgumentTypes {
 public:
  static constexpr std::size_t kCapacity = 7;
  constexpr ArgumentTypes() = default;
  constexpr ArgumentTypes(std::initializer_list<TypeId> types) {
    for (const TypeId type : types) types_[count_++] = type;
  }
  constexpr std::size_t size() const { return count_; }
  constexpr TypeId operator[](std::size_t i) const { return types_[i]; }
  constexpr const TypeId* begin() const { return types_.data(); }
  constexpr const TypeId* end() const { return types_.data() + count_; }

 private:
  std::array<TypeId, kCapacity> types_{};
  std::uint8_t count_ = 0;
};

// `count` values of the declared types. Strict functions are not called with a null among them.
using ScalarFunction = Datum (*)(EvalContext& context, const Datum* arguments, unsigned count);

struct FunctionDef {
  std::string_view name;
  ArgumentTypes arguments;
  TypeId result = TypeId::unknown;
  ScalarFunction function = nullptr;
  bool strict = true;
  Volatility volatility = Volatility::immutable;
  bool variadic = false;  // the last declared argument may occur any number of times (at least once)
  std::uint32_t oid = 0;  // pg_proc.oid; 0 where we give none
  Comparison comparison = Comparison::none;
  bool needs_locks = false;  // runs where the lock table is: on the oracle core
  bool needs_sessions = false;  // asks about other sessions (storage/scalar/session_directory.h)
  // Where the call depends on the static types of its arguments (kAnyType): makes the whole call instead of
  // make_call.
  ExpressionPtr (*build)(const FunctionDef& self, std::vector<ExpressionPtr> arguments) = nullptr;
  bool writes = false;  // changes what all sessions see: runs where writes are ordered
};

// All overloads of a name, in a fixed order; empty if there is none. Names as the grammar folds them.
std::span<const FunctionDef* const> functions_named(std::string_view name);
// All operators of a symbol; prefix operators have one argument.
std::span<const FunctionDef* const> operators_named(std::string_view symbol);

struct Resolution {
  enum class Status : std::uint8_t {
    found,
    not_found,
    ambiguous,
    type_cast  // name(x) where name is a type: to be treated as CAST(x AS cast_to)
  };
  Status status = Status::not_found;
  const FunctionDef* function = nullptr;
  // What each actual argument must be coerced to (make_cast, CastContext::implicit) before the call; never
  // unknown.
  std::vector<TypeId> arguments;
  TypeId cast_to = TypeId::unknown;

  bool found() const { return status == Status::found; }
};

// TypeId::unknown stands for string literals and parameters of unknown type. No left type: prefix operator.
Resolution resolve_operator(std::string_view symbol, std::optional<TypeId> left, TypeId right);
Resolution resolve_function(std::string_view name, std::span<const TypeId> arguments);

// The same rules over any list of overloads (the aggregates use it).
Resolution resolve_among(std::span<const FunctionDef* const> overloads, std::span<const TypeId> arguments);

// The type of CASE, UNION, VALUES, COALESCE, GREATEST, IN (…) over branches of these types (section 10.5);
// text if all are unknown; nothing if they do not match ("types X and Y cannot be matched").
std::optional<TypeId> common_type(std::span<const TypeId> types);

// The equality operator of a type ("=" of the type with itself); null for void.
const FunctionDef* equality_of(TypeId type);

}  // namespace gyre::storage
