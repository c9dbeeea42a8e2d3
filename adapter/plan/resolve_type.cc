// Type names with their modifiers, checked as PostgreSQL's typmod input functions do.
#include <algorithm>
#include <array>
#include <charconv>

#include "adapter/plan/plan.h"
#include "adapter/sql_error.h"

namespace gyre::adapter {
namespace {

using storage::Type;
using storage::TypeId;

constexpr std::int32_t kHeader = 4;  // PostgreSQL's modifiers of lengths count it in
constexpr std::int32_t kLongestVarchar = 10485760;

// Types of PostgreSQL that we know of and do not have, so that the error can say so.
constexpr std::array kKnownElsewhere = {
    "interval",  "time",      "timetz",   "json",    "jsonb",     "xml",      "money",
    "bit",       "varbit",    "inet",     "cidr",    "macaddr",   "point",    "line",
    "lseg",      "box",       "path",     "polygon", "circle",    "tsvector", "tsquery",
    "int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange"};
constexpr std::array kSerial = {"serial", "serial2", "serial4", "serial8", "bigserial", "smallserial"};

template <std::size_t N>
bool is_among(const std::array<const char*, N>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::int32_t number_of(const ast::Expr& modifier) {
  const auto* literal = std::get_if<ast::Literal>(&modifier.node);
  bool negative = false;
  if (const auto* sign = std::get_if<ast::OperatorCall>(&modifier.node);
      sign && !sign->left && sign->name == "-") {
    negative = true;
    literal = std::get_if<ast::Literal>(&sign->right->node);
  }
  std::int32_t value = 0;
  if (literal && literal->kind == ast::Literal::Kind::integer) {
    const char* end = literal->text.data() + literal->text.size();
    if (std::from_chars(literal->text.data(), end, value).ptr == end) return negative ? -value : value;
  }
  throw SqlError("42601", "type modifiers must be simple constants or identifiers", modifier.location);
}

SqlError out_of_bounds(std::string message, int location) {
  return SqlError("22023", std::move(message), location);
}

std::int32_t length_modifier(const std::vector<std::int32_t>& numbers, const char* type, int location) {
  if (numbers.size() != 1) throw out_of_bounds("invalid type modifier", location);
  if (numbers[0] < 1)
    throw out_of_bounds(std::string("length for type ") + type + " must be at least 1", location);
  if (numbers[0] > kLongestVarchar)
    throw out_of_bounds(std::string("length for type ") + type + " cannot exceed 10485760", location);
  return numbers[0] + kHeader;
}

std::int32_t numeric_modifier(const std::vector<std::int32_t>& numbers, int location) {
  if (numbers.empty() || numbers.size() > 2) throw out_of_bounds("invalid NUMERIC type modifier", location);
  const std::int32_t precision = numbers[0];
  const std::int32_t scale = numbers.size() == 2 ? numbers[1] : 0;
  if (precision < 1 || precision > 1000)
    throw out_of_bounds("NUMERIC precision " + std::to_string(precision) + " must be between 1 and 1000",
                        location);
  if (scale < -1000 || scale > 1000)
    throw out_of_bounds("NUMERIC scale " + std::to_string(scale) + " must be between -1000 and 1000",
                        location);
  return ((precision << 16) | (scale & 0x7ff)) + kHeader;
}

std::int32_t modifier_of(TypeId type, const std::vector<std::int32_t>& numbers, int location) {
  switch (type) {
    case TypeId::varchar:
      return length_modifier(numbers, "varchar", location);
    case TypeId::bpchar:
      return length_modifier(numbers, "char", location);
    case TypeId::numeric:
      return numeric_modifier(numbers, location);
    case TypeId::timestamp:
    case TypeId::timestamptz:
      if (numbers.size() != 1) throw out_of_bounds("invalid type modifier", location);
      if (numbers[0] < 0)
        throw out_of_bounds("TIMESTAMP(" + std::to_string(numbers[0]) + ")" +
                                (type == TypeId::timestamptz ? " WITH TIME ZONE" : "") +
                                " precision must not be negative",
                            location);
      return std::min(numbers[0], 6);
    default:
      throw SqlError(
          "42601",
          "type modifier is not allowed for type \"" + std::string(storage::traits(type).short_name) + "\"",
          location);
  }
}

}  // namespace

storage::Type resolve_type(const ast::TypeName& type, const PlanContext&) {
  const std::string& name = type.name.name;
  if (type.percent_type) throw SqlError("0A000", "%TYPE is not supported", type.location);
  const bool built_in = type.name.schema.empty() || type.name.schema == "pg_catalog";
  const TypeId id = built_in ? storage::type_by_name(name) : TypeId::count_;
  if (id == TypeId::count_ || id == TypeId::unknown) {
    if (built_in && is_among(kSerial, name))
      throw SqlError("0A000", "serial types are not supported", type.location)
          .with_hint("Declare an integer column and give its values in INSERT.");
    if (built_in && is_among(kKnownElsewhere, name))
      throw SqlError("0A000", "type \"" + name + "\" is not supported", type.location);
    const std::string full = type.name.schema.empty() ? name : type.name.schema + "." + name;
    throw SqlError("42704", "type \"" + full + "\" does not exist", type.location);
  }
  if (type.array) {
    const TypeId array = storage::array_type(id);
    if (array != TypeId::unknown) return array;
    throw SqlError("0A000", "arrays of type " + std::string(storage::traits(id).name) + " are not supported",
                   type.location);
  }
  if (type.typmods.empty()) return id;
  std::vector<std::int32_t> numbers;
  for (const ast::ExprPtr& modifier : type.typmods) numbers.push_back(number_of(*modifier));
  return {id, modifier_of(id, numbers, type.location)};
}

}  // namespace gyre::adapter
