// The kinds of bound expressions: one make_ function each, and what a planner may ask about them.
//
// All make_ functions take operands that already have the right types: coercions are nodes of their own
// (make_cast in storage/scalar/casts.h). Three-valued logic as in SQL throughout.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/scalar/expression.h"
#include "storage/scalar/functions.h"

namespace gyre::storage {

enum class NodeKind : std::uint8_t {
  constant,
  column,
  parameter,
  call,
  and_,
  or_,
  not_,
  null_test,
  boolean_test,
  case_,
  coalesce,
  null_if,
  min_max,
  in_list,
  distinct,
  typmod,
  input_cast,
  text_of,
  relabel,
  any_array,
  array,
  hoisted,
  other,  // an Expression that is none of ours
};

// What all nodes of this file share. Expressions of others (subqueries) are not Nodes: kind_of says `other`.
// Immutable once shared; only its single owner may take it apart (release_operands).
class Node : public Expression {
 public:
  Node(NodeKind kind, Type type, std::vector<ExpressionPtr> operands = {})
      : Expression(type), operands_(std::move(operands)), kind_(kind) {}
  NodeKind kind() const { return kind_; }
  const std::vector<ExpressionPtr>& operands() const { return operands_; }

  // Of this node alone, apart from its operands.
  virtual Volatility volatility() const { return Volatility::immutable; }
  // The same node over other operands of the same types.
  virtual ExpressionPtr rebuild(std::vector<ExpressionPtr> operands) const = 0;
  // Equal apart from the operands; `other` has the same kind, type and number of operands.
  virtual bool same_here(const Node& other) const { return true; }

  // The operands, leaving a node that must not be used any more.
  std::vector<ExpressionPtr> release_operands() { return std::move(operands_); }

  void for_each_child(const std::function<void(const Expression&)>& visit) const override;
  ExpressionPtr clone_with_columns(const std::vector<int>& map) const override;

 protected:
  const Expression& operand(std::size_t i) const { return *operands_[i]; }
  std::vector<ExpressionPtr> operands_;

 private:
  NodeKind kind_;
};

// ---- making ----

ExpressionPtr make_constant(Type type, Datum value);  // bytes are copied
ExpressionPtr make_null(Type type);
ExpressionPtr make_column(int index, Type type);
ExpressionPtr make_parameter(int index, Type type);  // index into EvalContext::parameters, from 0
// The result type carries no modifier unless given. Comparisons of an integer-like column with a constant or
// a parameter become a node of their own, which still says it is a call.
ExpressionPtr make_call(const FunctionDef* function, std::vector<ExpressionPtr> arguments);

// The same without asking function->build, for the build hooks themselves.
ExpressionPtr make_plain_call(const FunctionDef* function, std::vector<ExpressionPtr> arguments);

ExpressionPtr make_and(
    std::vector<ExpressionPtr> operands);  // none: true; one: itself; nested ones are merged
ExpressionPtr make_or(std::vector<ExpressionPtr> operands);  // none: false
ExpressionPtr make_not(ExpressionPtr operand);
ExpressionPtr make_is_null(ExpressionPtr operand);
ExpressionPtr make_is_not_null(ExpressionPtr operand);

enum class TruthTest : std::uint8_t {
  is_true,
  is_not_true,
  is_false,
  is_not_false,
  is_unknown,
  is_not_unknown
};
ExpressionPtr make_boolean_test(ExpressionPtr operand, TruthTest test);

struct CaseBranch {
  ExpressionPtr condition;
  ExpressionPtr result;
};
// Searched CASE; otherwise may be null (then NULL). All results have type `type`'s id.
ExpressionPtr make_case(Type type, std::vector<CaseBranch> branches, ExpressionPtr otherwise);
ExpressionPtr make_coalesce(Type type, std::vector<ExpressionPtr> operands);
// NULL where equal(left, right) is true, else left. equal takes exactly the operands' types.
ExpressionPtr make_null_if(const FunctionDef* equal, ExpressionPtr left, ExpressionPtr right);
// The same where the equality needs its operands coerced: `compared` is compared, `value` returned.
ExpressionPtr make_null_if(const FunctionDef* equal, ExpressionPtr value, ExpressionPtr compared,
                           ExpressionPtr right);
ExpressionPtr make_min_max(bool greatest, Type type, std::vector<ExpressionPtr> operands);
// value IN (list): all of one type, compared by it. NOT IN with negated.
ExpressionPtr make_in_list(ExpressionPtr value, std::vector<ExpressionPtr> list, bool negated);
// value op ANY (array) or, with all, value op ALL (array); op compares the value with one element.
ExpressionPtr make_any_array(const FunctionDef* op, ExpressionPtr value, ExpressionPtr array, bool all);
// ARRAY[…]: elements of the array's element type.
ExpressionPtr make_array(TypeId array, std::vector<ExpressionPtr> elements);
// left IS [NOT] DISTINCT FROM right, both of one type, compared by it.
ExpressionPtr make_distinct_from(ExpressionPtr left, ExpressionPtr right, bool negated);
// Fits a value of `to.id` to the modifier of `to`: explicit_cast cuts, otherwise too long is an error.
ExpressionPtr make_typmod(ExpressionPtr value, Type to, bool explicit_cast);
// Parses the text of a literal or parameter of unknown type (or of any text type) as `to`, each time it is
// evaluated, with the context's style. Applies no modifier.
ExpressionPtr make_input_cast(ExpressionPtr value, TypeId to);
// Any value as its printed text: what concat and format do; a boolean is t or f.
ExpressionPtr make_text_of(ExpressionPtr value);
// The same value under another type of the same representation (varchar as text).
ExpressionPtr make_relabel(ExpressionPtr value, Type to);

ExpressionPtr clone(const Expression& expression);

// ---- asking ----

NodeKind kind_of(const Expression& expression);
bool is_constant(const Expression& expression);       // a constant node
bool is_null_constant(const Expression& expression);  // a constant node holding NULL
// The constant's value; the node must be a constant. Borrowed from the node.
Datum constant_value(const Expression& expression);
std::optional<int> column_index(const Expression& expression);     // of a column node
std::optional<int> parameter_index(const Expression& expression);  // of a parameter node
const FunctionDef* called_function(const Expression& expression);  // of a call; null otherwise
std::vector<const Expression*> children_of(const Expression& expression);
// IS NOT NULL, NOT IN, IS NOT DISTINCT FROM; false for kinds that cannot be negated.
bool is_negated(const Expression& expression);
TruthTest truth_test_of(const Expression& expression);  // of a boolean test
bool is_greatest(const Expression& expression);         // of a min_max: GREATEST, not LEAST

// column op value, where value reads no column (a constant, a parameter, now(), …). `value 's type may differ
// from the column's (int4 column = int8 value): compare by `comparison` of the two types or convert first.
struct ColumnComparison {
  int column;
  Type column_type;
  Comparison comparison;
  const Expression* value;  // part of the expression that was asked
};
std::optional<ColumnComparison> as_column_comparison(const Expression& expression);
// column IN (v1, v2, …) not negated, where no list item reads a column.
struct ColumnInList {
  int column;
  Type column_type;
  std::vector<const Expression*> values;
};
std::optional<ColumnInList> as_column_in_list(const Expression& expression);
// column IS NULL.
std::optional<int> as_column_is_null(const Expression& expression);

// Takes an AND apart into its operands; anything else is one operand.
std::vector<ExpressionPtr> split_and(ExpressionPtr expression);

// Adds the indexes of all columns used, each once, ascending.
void collect_columns(const Expression& expression, std::vector<int>& columns);
bool uses_columns(const Expression& expression);
bool uses_parameters(const Expression& expression);
// The worst of all its nodes; expressions of others count as volatile.
Volatility volatility_of(const Expression& expression);
// Depends on its columns and parameters only.
bool is_immutable(const Expression& expression);
// Immutable, without columns and parameters.
bool is_foldable(const Expression& expression);

// Replaces every foldable part by its value. A part that throws stays as it is, so the error comes when (and
// if) execution reaches it. Simplifies and/or/not/case with constant conditions.
ExpressionPtr fold(ExpressionPtr expression);

// Same kind, type, function and operands: for GROUP BY and for finding duplicates. Volatile calls are equal
// to nothing.
bool same_expression(const Expression& left, const Expression& right);

}  // namespace gyre::storage
