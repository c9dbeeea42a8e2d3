// Follows ruleutils.c in what it shows: conversions that were made implicitly appear as casts, BETWEEN and IN
// as what they stand for. A conversion among integers is not shown, since PostgreSQL has operators for each
// pair of them.
#include "adapter/catalog/deparse.h"

#include "adapter/catalog/system_rows.h"
#include "storage/failure.h"
#include "storage/scalar/casts.h"
#include "storage/scalar/nodes.h"
#include "storage/types/array_text.h"

namespace gyre::adapter {

namespace {

using storage::Expression;
using storage::NodeKind;
using storage::Type;
using storage::TypeId;

bool is_integer(TypeId type) {
  return type == TypeId::int2 || type == TypeId::int4 || type == TypeId::int8;
}

bool is_symbol(std::string_view name) {
  return !name.empty() && std::string_view("+-*/<>=~!@#%^&|`?").find(name.front()) != std::string_view::npos;
}

// The call is a conversion of its only operand.
bool is_cast(const Expression& expression) {
  const storage::FunctionDef* function = storage::called_function(expression);
  const auto operands = storage::children_of(expression);
  if (function == nullptr || operands.size() != 1) return false;
  const storage::CastDef* cast = storage::find_cast(operands[0]->type().id, expression.type().id);
  return cast != nullptr && cast->function == function;
}

class Deparser {
 public:
  Deparser(std::span<const storage::ColumnDef> columns, const storage::RelationNames* names, bool pretty)
      : columns_(columns), pretty_(pretty) {
    style_.relations = names;
  }

  // Words that SQL has for a function without arguments.
  static std::string word_of(std::string_view function) {
    static constexpr std::pair<std::string_view, std::string_view> kWords[] = {
        {"current_user", "CURRENT_USER"},
        {"session_user", "SESSION_USER"},
        {"user", "USER"},
        {"current_role", "CURRENT_ROLE"},
        {"current_catalog", "CURRENT_CATALOG"},
        {"current_schema", "CURRENT_SCHEMA"},
        {"current_date", "CURRENT_DATE"},
        {"current_timestamp", "CURRENT_TIMESTAMP"},
        {"localtimestamp", "LOCALTIMESTAMP"},
    };
    for (const auto& [name, word] : kWords)
      if (name == function) return std::string(word);
    return {};
  }

  std::string print(const Expression& e) const {
    switch (storage::kind_of(e)) {
      case NodeKind::constant:
        return constant(e);
      case NodeKind::column:
        return quote_identifier(columns_[static_cast<std::size_t>(*storage::column_index(e))].name);
      case NodeKind::parameter:
        return "$" + std::to_string(*storage::parameter_index(e) + 1);
      case NodeKind::call:
        return call(e);
      case NodeKind::and_:
        return connective(e, " AND ");
      case NodeKind::or_:
        return connective(e, " OR ");
      case NodeKind::not_:
        return parenthesized("NOT " + operand(e, 0));
      case NodeKind::null_test:
        return parenthesized(operand(e, 0) + (storage::is_negated(e) ? " IS NOT NULL" : " IS NULL"));
      case NodeKind::boolean_test:
        return parenthesized(operand(e, 0) + truth_test(storage::truth_test_of(e)));
      case NodeKind::case_:
        return choice(e);
      case NodeKind::coalesce:
        return function("COALESCE", e);
      case NodeKind::null_if:
        return "NULLIF(" + print(child(e, 0)) + ", " + print(child(e, 1)) + ")";
      case NodeKind::min_max:
        return function(storage::is_greatest(e) ? "GREATEST" : "LEAST", e);
      case NodeKind::in_list:
        return in_list(e);
      case NodeKind::distinct:
        return storage::is_negated(e)
                   ? parenthesized("NOT " + parenthesized(operand(e, 0) + " IS DISTINCT FROM " + operand(e, 1)))
                   : parenthesized(operand(e, 0) + " IS DISTINCT FROM " + operand(e, 1));
      case NodeKind::array:
        return "ARRAY[" + list(e, 0) + "]";
      case NodeKind::typmod:
      case NodeKind::input_cast:
      case NodeKind::text_of:
      case NodeKind::relabel:
        return cast(e);
      default:
        return print(child(e, 0));
    }
  }

  // Without the parentheses that everything nested has.
  std::string print_whole(const Expression& e) const { return print(e); }

 private:
  static const Expression& child(const Expression& e, std::size_t i) { return *storage::children_of(e)[i]; }

  std::string parenthesized(std::string text) const { return "(" + std::move(text) + ")"; }

  static bool is_simple(const Expression& e) {
    const NodeKind kind = storage::kind_of(e);
    return kind == NodeKind::column || kind == NodeKind::constant || kind == NodeKind::parameter ||
           (kind == NodeKind::call && !is_symbol(storage::called_function(e)->name) && !is_cast(e));
  }

  // An operand of an operator: whatever is not a word of its own is in parentheses already.
  std::string operand(const Expression& e, std::size_t i) const { return print(child(e, i)); }

  std::string list(const Expression& e, std::size_t from) const {
    std::string text;
    const auto children = storage::children_of(e);
    for (std::size_t i = from; i < children.size(); ++i)
      text += (i > from ? ", " : "") + print(*children[i]);
    return text;
  }
  std::string function(std::string_view name, const Expression& e) const {
    return std::string(name) + "(" + list(e, 0) + ")";
  }

  std::string printed(Type type, storage::Datum value) const {
    OutBuffer out;
    storage::traits(type).print(value, style_, out);
    return std::string(out.view());
  }

  std::string constant(const Expression& e) const {
    const storage::Datum value = storage::constant_value(e);
    const Type type = e.type();
    if (value.null) return "NULL" + (type.id == TypeId::unknown ? "" : "::" + storage::format_type(type));
    if (type.id == TypeId::unknown) return quote_literal(value.bytes());
    const std::string text = printed(type, value);
    if (type.id == TypeId::boolean) return value.truth() ? "true" : "false";
    const bool digits = !text.empty() && text.find_first_not_of("0123456789.") == std::string::npos;
    if ((type.id == TypeId::int4 || type.id == TypeId::numeric) && digits) return text;
    return quote_literal(text) + "::" + storage::format_type(type);
  }

  std::string call(const Expression& e) const {
    if (is_cast(e)) return cast(e);
    const storage::FunctionDef* def = storage::called_function(e);
    const auto children = storage::children_of(e);
    if (is_symbol(def->name) && children.size() == 2)
      return parenthesized(operand(e, 0) + " " + std::string(def->name) + " " + operand(e, 1));
    if (is_symbol(def->name) && children.size() == 1)
      return parenthesized(std::string(def->name) + " " + operand(e, 0));
    if (children.empty())
      if (std::string word = word_of(def->name); !word.empty()) return word;
    return function(quote_identifier(def->name), e);
  }

  std::string cast(const Expression& e) const {
    const Expression& from = child(e, 0);
    const Type to = e.type();
    const NodeKind kind = storage::kind_of(e);
    if (kind != NodeKind::typmod && is_integer(to.id) && is_integer(from.type().id) && !storage::is_constant(from))
      return print(from);
    if (kind == NodeKind::relabel && is_integer(to.id)) return print(from);
    const std::string type = "::" + storage::format_type(to);
    // A modifier applied to a cast to the same type is one cast.
    if (kind == NodeKind::typmod && !is_simple(from) && from.type().id == to.id && is_conversion(from))
      return wrap(child(from, 0)) + type;
    if (kind == NodeKind::input_cast && storage::is_constant(from)) {
      const storage::Datum value = storage::constant_value(from);
      if (value.null) return "NULL" + type;
      if (to.id == TypeId::regclass) return quote_literal(relation_text(value.bytes())) + type;
      return quote_literal(value.bytes()) + type;
    }
    return wrap(from) + type;
  }
  // The name as it is now, where the constant was written as a name or an oid.
  std::string relation_text(std::string_view text) const {
    Arena arena;
    try {
      return printed(TypeId::regclass, storage::traits(TypeId::regclass).parse(text, style_, arena));
    } catch (const storage::Failure&) {
      return std::string(text);
    }
  }
  static bool is_conversion(const Expression& e) {
    const NodeKind kind = storage::kind_of(e);
    return kind == NodeKind::input_cast || kind == NodeKind::relabel || is_cast(e);
  }
  // The operand of a cast.
  std::string wrap(const Expression& e) const {
    const std::string text = print(e);
    const NodeKind kind = storage::kind_of(e);
    const bool nested = text.starts_with('(') && text.ends_with(')') && kind != NodeKind::relabel && !is_cast(e);
    if (nested) return text;
    if (pretty_ && is_simple(e)) return text;
    if (kind == NodeKind::call && !is_cast(e)) return pretty_ ? text : parenthesized(text);
    return parenthesized(text);
  }

  std::string connective(const Expression& e, std::string_view word) const {
    std::string text;
    for (const Expression* part : storage::children_of(e)) {
      if (!text.empty()) text += word;
      text += print(*part);
    }
    return parenthesized(std::move(text));
  }

  static std::string truth_test(storage::TruthTest test) {
    switch (test) {
      case storage::TruthTest::is_true:
        return " IS TRUE";
      case storage::TruthTest::is_not_true:
        return " IS NOT TRUE";
      case storage::TruthTest::is_false:
        return " IS FALSE";
      case storage::TruthTest::is_not_false:
        return " IS NOT FALSE";
      case storage::TruthTest::is_unknown:
        return " IS UNKNOWN";
      case storage::TruthTest::is_not_unknown:
        break;
    }
    return " IS NOT UNKNOWN";
  }

  std::string choice(const Expression& e) const {
    std::string text = "CASE";
    const auto children = storage::children_of(e);
    std::size_t i = 0;
    for (; i + 1 < children.size(); i += 2)
      text += " WHEN " + print(*children[i]) + " THEN " + print(*children[i + 1]);
    if (i < children.size()) text += " ELSE " + print(*children[i]);
    return text + " END";
  }

  std::string in_list(const Expression& e) const {
    const bool negated = storage::is_negated(e);
    const std::string array = "ARRAY[" + list(e, 1) + "]";
    return parenthesized(operand(e, 0) + (negated ? " <> ALL (" : " = ANY (") + array + ")");
  }

  std::span<const storage::ColumnDef> columns_;
  bool pretty_;
  storage::TextStyle style_;
};

}  // namespace

std::string deparse(const storage::Expression& expression, std::span<const storage::ColumnDef> columns,
                    const storage::RelationNames* names, Spelling spelling) {
  return Deparser(columns, names, spelling == Spelling::pretty).print_whole(expression);
}

std::string quote_identifier(std::string_view name) {
  return system::quoted(name);
}

std::string quote_literal(std::string_view text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'') result += '\'';
    result += c;
  }
  return result + "'";
}

}  // namespace gyre::adapter
