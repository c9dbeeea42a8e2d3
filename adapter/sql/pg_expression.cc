// Expressions of the raw tree. PostgreSQL's grammar has already desugared much (BETWEEN and LIKE are
// operators with a kind, IN over a query is a sublink), so most cases copy fields. The exception are
// constants: the grammar folds a minus sign into a number, which would tie a cached plan to the sign;
// number() takes it apart.

#include <algorithm>

#include "adapter/sql/pg_nodes.h"

namespace gyre::adapter::pg {
namespace {

using ast::ExprPtr;

// Minus signs between two offsets of a text, outside comments.
int count_signs(std::string_view text, std::size_t begin, std::size_t end) {
  int signs = 0;
  for (std::size_t i = begin; i < end; ++i) {
    const std::string_view rest = text.substr(i, end - i);
    if (rest.starts_with("--")) {
      i = std::min(text.find_first_of("\n\r", i), end);
    } else if (rest.starts_with("/*")) {
      int open = 1;
      for (i += 2; i < end && open > 0; ++i) {
        if (text[i] == '/' && i + 1 < end && text[i + 1] == '*')
          ++open, ++i;
        else if (text[i] == '*' && i + 1 < end && text[i + 1] == '/')
          --open, ++i;
      }
      --i;
    } else if (text[i] == '-') {
      ++signs;
    }
  }
  return signs;
}

// -2147483648 and -9223372036854775808 have a narrower type than their absolute values, so that the minus
// sign belongs to the number.
bool sign_decides_type(std::string_view digits) {
  return digits == "2147483648" || digits == "9223372036854775808";
}

ast::Literal::Kind kind_of_float(std::string_view digits) {
  const bool whole = digits.find_first_not_of("0123456789") == std::string_view::npos;
  constexpr std::string_view kMax = "9223372036854775807";
  const std::size_t zeros = std::min(digits.find_first_not_of('0'), digits.size());
  const std::string_view significant = digits.substr(zeros);
  const bool fits =
      significant.size() < kMax.size() || (significant.size() == kMax.size() && significant <= kMax);
  return whole && fits ? ast::Literal::Kind::integer : ast::Literal::Kind::decimal;
}

ast::OperatorCall::Kind operator_kind(A_Expr_Kind kind, bool negated) {
  using Kind = ast::OperatorCall::Kind;
  switch (kind) {
    case AEXPR_OP_ANY:
      return Kind::any;
    case AEXPR_OP_ALL:
      return Kind::all;
    case AEXPR_LIKE:
      return negated ? Kind::not_like : Kind::like;
    case AEXPR_ILIKE:
      return negated ? Kind::not_ilike : Kind::ilike;
    case AEXPR_SIMILAR:
      return negated ? Kind::not_similar : Kind::similar;
    default:
      return Kind::plain;
  }
}

ExprPtr prefix_minus(ExprPtr operand, ast::Location at) {
  ast::OperatorCall call;
  call.name = "-";
  call.right = std::move(operand);
  return make(std::move(call), at);
}

}  // namespace

std::vector<std::string> strings(const List* list) {
  std::vector<std::string> out;
  for (int i = 0; i < size(list); ++i) out.push_back(string_value(at(list, i)));
  return out;
}

// ---- literal slots ----

LiteralTable::LiteralTable(std::string_view statement, std::size_t begin) : begin_(begin) {
  std::string shape;
  refused_ = !scan_literals(statement, shape, tokens_, arena_);
  if (refused_) tokens_.clear();
}

int LiteralTable::first_from(std::int64_t location) const {
  const std::int64_t wanted = location - static_cast<std::int64_t>(begin_);
  for (std::size_t i = 0; i < tokens_.size(); ++i)
    if (tokens_[i].begin >= wanted) return static_cast<int>(i);
  return -1;
}

int LiteralTable::find(std::int64_t location) const {
  if (location < 0) return -1;
  const int index = first_from(location);
  return index >= 0 && this->location(index) == location ? index : -1;
}

// ---- constants ----

ExprPtr Walker::constant(const A_Const& c) {
  using Kind = ast::Literal::Kind;
  ast::Literal out;
  if (c.isnull) return make(std::move(out), c.location);
  switch (tag(&c.val)) {
    case T_Integer: {
      const std::int64_t value = c.val.ival.ival;
      return number(std::to_string(value < 0 ? -value : value), value < 0, Kind::integer, c.location);
    }
    case T_Float: {
      std::string digits = text_of(c.val.fval.fval);
      const bool negative = digits.starts_with('-');
      if (negative) digits.erase(0, 1);
      const Kind kind = kind_of_float(digits);
      if (kind == Kind::integer) digits = std::to_string(std::stoll(digits));
      return number(std::move(digits), negative, kind, c.location);
    }
    case T_Boolean:
      out.kind = Kind::boolean;
      out.text = c.val.boolval.boolval ? "t" : "f";
      break;
    case T_String:
      out.kind = Kind::string;
      out.text = text_of(c.val.sval.sval);
      out.slot = slot_of(c.location);
      if (out.slot >= 0) return make(std::move(out), literals_.location(out.slot));
      break;
    case T_BitString:
      out.kind = Kind::bit_string;
      out.text = text_of(c.val.bsval.bsval);
      break;
    default:
      throw Unsupported{"this constant"};
  }
  return make(std::move(out), c.location);
}

// The token of a constant. The grammar moves a constant to the minus sign in front of it, if there is one,
// even where it cannot fold the two; between them are signs, brackets and comments only.
int Walker::slot_of(ast::Location at) const {
  const bool moved =
      at >= 0 && static_cast<std::size_t>(at) < text_.size() && text_[static_cast<std::size_t>(at)] == '-';
  return moved ? literals_.first_from(at) : literals_.find(at);
}

// `digits`: the absolute value. With signs folded in, `at` is the place of the first of them.
ExprPtr Walker::number(std::string digits, bool negative, ast::Literal::Kind kind, ast::Location at) {
  if (negative && sign_decides_type(digits))
    return make(ast::Literal{ast::Literal::Kind::integer, "-" + digits, -1}, at);
  int slot = slot_of(at);
  int signs = negative ? 1 : 0;
  ast::Location place = at;
  if (slot >= 0 && literals_.location(slot) != at) {
    place = literals_.location(slot);
    signs = count_signs(text_, static_cast<std::size_t>(at), static_cast<std::size_t>(place));
    if ((signs % 2 == 1) != negative && digits.find_first_not_of("0.") != std::string::npos) {
      slot = -1;
      signs = negative ? 1 : 0;
    }
  }
  ExprPtr out = make(ast::Literal{kind, std::move(digits), slot}, place);
  for (int i = 0; i < signs; ++i) {
    if (depth_ + i >= kMaxDepth) throw TooDeep();
    out = prefix_minus(std::move(out), at);
  }
  return out;
}

// ---- everything else ----

ExprPtr Walker::expr(const void* node) {
  if (node == nullptr) return nullptr;
  const Level level(*this);
  return dispatch(node);
}

ExprPtr Walker::dispatch(const void* node) {
  switch (tag(node)) {
    case T_A_Const:
      return constant(as<A_Const>(node));
    case T_ColumnRef:
      return column_ref(as<ColumnRef>(node));
    case T_ParamRef:
      return parameter(as<ParamRef>(node));
    case T_A_Expr:
      return a_expr(as<A_Expr>(node));
    case T_BoolExpr:
      return bool_expr(as<BoolExpr>(node));
    case T_FuncCall:
      return function_call(as<FuncCall>(node));
    case T_TypeCast:
      return type_cast(as<TypeCast>(node));
    case T_CaseExpr:
      return case_expr(as<CaseExpr>(node));
    case T_SubLink:
      return sublink(as<SubLink>(node));
    case T_A_Indirection:
      return indirection(as<A_Indirection>(node));
    case T_SQLValueFunction:
      return value_function(as<SQLValueFunction>(node));
    case T_BooleanTest:
      return boolean_test(as<BooleanTest>(node));
    case T_NullTest:
      return null_test(as<NullTest>(node));
    case T_CoalesceExpr:
    case T_MinMaxExpr:
    case T_A_ArrayExpr:
    case T_RowExpr:
      return list_expr(node);
    case T_CollateClause:
      return collate(as<CollateClause>(node));
    case T_SetToDefault:
      return default_marker(as<SetToDefault>(node));
    default:
      refuse(node);
  }
}

void Walker::refuse(const void* node) {
  switch (tag(node)) {
    case T_GroupingSet:
      throw Unsupported{"GROUPING SETS"};
    case T_GroupingFunc:
      throw Unsupported{"GROUPING"};
    case T_NamedArgExpr:
      throw Unsupported{"named function arguments"};
    case T_CurrentOfExpr:
      throw Unsupported{"WHERE CURRENT OF"};
    case T_XmlExpr:
    case T_XmlSerialize:
      throw Unsupported{"XML expressions"};
    case T_MultiAssignRef:
      throw Unsupported{"assignment of a subquery to several columns"};
    default:
      throw Unsupported{"this expression"};
  }
}

ExprPtr Walker::parameter(const ParamRef& p) {
  return make(ast::ParameterRef{p.number}, p.location);
}

ExprPtr Walker::default_marker(const SetToDefault& d) {
  return make(ast::DefaultMarker{}, d.location);
}

ExprPtr Walker::null_test(const NullTest& t) {
  return make(ast::NullTest{expr(t.arg), t.nulltesttype == IS_NOT_NULL}, t.location);
}

ExprPtr Walker::collate(const CollateClause& c) {
  ExprPtr value = expr(c.arg);
  return make(ast::Collate{std::move(value), name_from(c.collname, c.location)}, c.location);
}

// The expressions that are a list of others.
ExprPtr Walker::list_expr(const void* node) {
  switch (tag(node)) {
    case T_CoalesceExpr: {
      const auto& c = as<CoalesceExpr>(node);
      return make(ast::Coalesce{exprs(c.args)}, c.location);
    }
    case T_MinMaxExpr: {
      const auto& m = as<MinMaxExpr>(node);
      return make(ast::MinMax{m.op == IS_GREATEST, exprs(m.args)}, m.location);
    }
    case T_A_ArrayExpr: {
      const auto& a = as<A_ArrayExpr>(node);
      return make(ast::ArrayExpr{exprs(a.elements)}, a.location);
    }
    default: {
      const auto& r = as<RowExpr>(node);
      return make(ast::RowExpr{exprs(r.args)}, r.location);
    }
  }
}

std::vector<ExprPtr> Walker::exprs(const List* list) {
  std::vector<ExprPtr> out;
  out.reserve(static_cast<std::size_t>(size(list)));
  for (int i = 0; i < size(list); ++i) out.push_back(expr(at(list, i)));
  return out;
}

ExprPtr Walker::column_ref(const ColumnRef& c) {
  ast::ColumnRef out;
  for (int i = 0; i < size(c.fields); ++i) {
    if (tag(at(c.fields, i)) == T_A_Star)
      out.star = true;
    else
      out.parts.push_back(string_value(at(c.fields, i)));
  }
  return make(std::move(out), c.location);
}

ExprPtr Walker::a_expr(const A_Expr& e) {
  switch (e.kind) {
    case AEXPR_OP:
    case AEXPR_OP_ANY:
    case AEXPR_OP_ALL:
    case AEXPR_LIKE:
    case AEXPR_ILIKE:
    case AEXPR_SIMILAR:
      return operator_call(e);
    case AEXPR_DISTINCT:
    case AEXPR_NOT_DISTINCT:
    case AEXPR_NULLIF:
      return comparison(e);
    case AEXPR_IN:
      return in_list(e);
    case AEXPR_BETWEEN:
      return between(e, false, false);
    case AEXPR_NOT_BETWEEN:
      return between(e, true, false);
    case AEXPR_BETWEEN_SYM:
      return between(e, false, true);
    case AEXPR_NOT_BETWEEN_SYM:
      return between(e, true, true);
  }
  throw Unsupported{"this expression"};
}

// Chains of operators are the deepest trees there are, so the frame that recurses is kept small.
ExprPtr Walker::operator_call(const A_Expr& e) {
  ExprPtr left = expr(e.lexpr);
  ExprPtr right = expr(e.rexpr);
  return finish_operator(e, std::move(left), std::move(right));
}

ExprPtr Walker::finish_operator(const A_Expr& e, ExprPtr left, ExprPtr right) {
  ast::OperatorCall out;
  if (size(e.name) > 1) out.schema = string_value(at(e.name, size(e.name) - 2));
  out.name = string_value(at(e.name, size(e.name) - 1));
  out.kind = operator_kind(e.kind, out.name.starts_with('!'));
  out.left = std::move(left);
  out.right = std::move(right);
  return make(std::move(out), e.location);
}

ExprPtr Walker::comparison(const A_Expr& e) {
  ExprPtr left = expr(e.lexpr);
  ExprPtr right = expr(e.rexpr);
  if (e.kind == AEXPR_NULLIF) return make(ast::NullIf{std::move(left), std::move(right)}, e.location);
  return make(ast::DistinctFrom{std::move(left), std::move(right), e.kind == AEXPR_NOT_DISTINCT}, e.location);
}

ExprPtr Walker::in_list(const A_Expr& e) {
  ExprPtr value = expr(e.lexpr);
  const bool negated = string_value(at(e.name, 0)) == "<>";
  return make(ast::InList{std::move(value), exprs(&as<List>(e.rexpr)), negated}, e.location);
}

ExprPtr Walker::between(const A_Expr& e, bool negated, bool symmetric) {
  const auto& bounds = as<List>(e.rexpr);
  ast::Between out;
  out.value = expr(e.lexpr);
  out.low = expr(at(&bounds, 0));
  out.high = expr(at(&bounds, 1));
  out.negated = negated;
  out.symmetric = symmetric;
  return make(std::move(out), e.location);
}

ExprPtr Walker::bool_expr(const BoolExpr& e) {
  using Kind = ast::BooleanCall::Kind;
  const Kind kind = e.boolop == AND_EXPR ? Kind::and_ : e.boolop == OR_EXPR ? Kind::or_ : Kind::not_;
  return make(ast::BooleanCall{kind, exprs(e.args)}, e.location);
}

ExprPtr Walker::function_call(const FuncCall& f) {
  if (f.agg_within_group) throw Unsupported{"WITHIN GROUP"};
  ExprPtr out = bare_call(f);
  auto& call = std::get<ast::FunctionCall>(out->node);
  call.arguments = exprs(f.args);
  call.filter = expr(f.agg_filter);
  call.order_by = sort_items(f.agg_order);
  return out;
}

// Everything of a call that is not an expression.
ExprPtr Walker::bare_call(const FuncCall& f) {
  ast::FunctionCall out;
  out.name = name_from(f.funcname, f.location);
  out.star = f.agg_star;
  out.distinct = f.agg_distinct;
  out.variadic = f.func_variadic;
  out.window = f.over != nullptr;
  return make(std::move(out), f.location);
}

ExprPtr Walker::type_cast(const TypeCast& c) {
  // TRUE and FALSE arrive as a cast of a boolean constant which nobody wrote.
  const bool word = c.location < 0 && tag(c.arg) == T_A_Const && !as<A_Const>(c.arg).isnull &&
                    tag(&as<A_Const>(c.arg).val) == T_Boolean;
  if (word) return constant(as<A_Const>(c.arg));
  ExprPtr value = expr(c.arg);
  return make(ast::TypeCast{std::move(value), type_name(*c.typeName)}, c.location);
}

ExprPtr Walker::case_expr(const CaseExpr& c) {
  ast::CaseExpr out;
  out.subject = expr(c.arg);
  for (int i = 0; i < size(c.args); ++i) {
    const auto& when = as<CaseWhen>(at(c.args, i));
    ExprPtr condition = expr(when.expr);
    out.branches.emplace_back(std::move(condition), expr(when.result));
  }
  out.otherwise = expr(c.defresult);
  return make(std::move(out), c.location);
}

ExprPtr Walker::sublink(const SubLink& s) {
  using Kind = ast::SubqueryExpr::Kind;
  ast::SubqueryExpr out;
  switch (s.subLinkType) {
    case EXISTS_SUBLINK:
      out.kind = Kind::exists;
      break;
    case ALL_SUBLINK:
      out.kind = Kind::all;
      break;
    case ANY_SUBLINK:
      out.kind = Kind::any;
      break;
    case EXPR_SUBLINK:
      out.kind = Kind::scalar;
      break;
    case ARRAY_SUBLINK:
      out.kind = Kind::array;
      break;
    default:
      throw Unsupported{"this kind of subquery"};
  }
  out.test = expr(s.testexpr);
  if (out.kind == Kind::any || out.kind == Kind::all)
    out.operator_name = size(s.operName) == 0 ? "=" : string_value(at(s.operName, size(s.operName) - 1));
  out.query = select(s.subselect);
  return make(std::move(out), s.location);
}

ExprPtr Walker::indirection(const A_Indirection& i) {
  ExprPtr out = expr(i.arg);
  if (size(i.indirection) > kMaxDepth - depth_) throw TooDeep();
  for (int k = 0; k < size(i.indirection); ++k) {
    const void* step = at(i.indirection, k);
    const ast::Location where = out->location;
    if (tag(step) == T_String) {
      out = make(ast::FieldAccess{std::move(out), string_value(step)}, where);
    } else if (tag(step) == T_A_Indices) {
      const auto& indices = as<A_Indices>(step);
      if (indices.is_slice) throw Unsupported{"array slices"};
      out = make(ast::Subscript{std::move(out), expr(indices.uidx)}, where);
    } else {
      throw Unsupported{"row expansion via \"*\""};
    }
  }
  return out;
}

ExprPtr Walker::value_function(const SQLValueFunction& f) {
  using Kind = ast::ValueFunction::Kind;
  Kind kind{};
  switch (f.op) {
    case SVFOP_CURRENT_DATE:
      kind = Kind::current_date;
      break;
    case SVFOP_CURRENT_TIME:
    case SVFOP_CURRENT_TIME_N:
      kind = Kind::current_time;
      break;
    case SVFOP_CURRENT_TIMESTAMP:
    case SVFOP_CURRENT_TIMESTAMP_N:
      kind = Kind::current_timestamp;
      break;
    case SVFOP_LOCALTIME:
    case SVFOP_LOCALTIME_N:
      kind = Kind::localtime;
      break;
    case SVFOP_LOCALTIMESTAMP:
    case SVFOP_LOCALTIMESTAMP_N:
      kind = Kind::localtimestamp;
      break;
    case SVFOP_CURRENT_ROLE:
      kind = Kind::current_role;
      break;
    case SVFOP_CURRENT_USER:
      kind = Kind::current_user;
      break;
    case SVFOP_USER:
      kind = Kind::user;
      break;
    case SVFOP_SESSION_USER:
      kind = Kind::session_user;
      break;
    case SVFOP_CURRENT_CATALOG:
      kind = Kind::current_catalog;
      break;
    case SVFOP_CURRENT_SCHEMA:
      kind = Kind::current_schema;
      break;
  }
  return make(ast::ValueFunction{kind, f.typmod}, f.location);
}

ExprPtr Walker::boolean_test(const BooleanTest& t) {
  using Kind = ast::BooleanTest::Kind;
  Kind kind{};
  switch (t.booltesttype) {
    case IS_TRUE:
      kind = Kind::is_true;
      break;
    case IS_NOT_TRUE:
      kind = Kind::is_not_true;
      break;
    case IS_FALSE:
      kind = Kind::is_false;
      break;
    case IS_NOT_FALSE:
      kind = Kind::is_not_false;
      break;
    case IS_UNKNOWN:
      kind = Kind::is_unknown;
      break;
    case IS_NOT_UNKNOWN:
      kind = Kind::is_not_unknown;
      break;
  }
  return make(ast::BooleanTest{expr(t.arg), kind}, t.location);
}

ast::SortItem Walker::sort_item(const SortBy& s) {
  if (s.sortby_dir == SORTBY_USING) throw Unsupported{"ORDER BY USING"};
  using Nulls = ast::SortItem::Nulls;
  ast::SortItem out;
  out.value = expr(s.node);
  out.descending = s.sortby_dir == SORTBY_DESC;
  out.nulls = s.sortby_nulls == SORTBY_NULLS_FIRST  ? Nulls::first
              : s.sortby_nulls == SORTBY_NULLS_LAST ? Nulls::last
                                                    : Nulls::standard;
  out.location = out.value->location;
  return out;
}

std::vector<ast::SortItem> Walker::sort_items(const List* list) {
  std::vector<ast::SortItem> out;
  for (int i = 0; i < size(list); ++i) out.push_back(sort_item(as<SortBy>(at(list, i))));
  return out;
}

ast::TypeName Walker::type_name(const TypeName& t) {
  if (t.setof) throw Unsupported{"SETOF"};
  ast::TypeName out;
  out.name = name_from(t.names, t.location);
  out.typmods = exprs(t.typmods);
  out.array = size(t.arrayBounds) > 0;
  out.percent_type = t.pct_type;
  out.location = t.location;
  return out;
}

ast::QualifiedName name_from(const List* names, ast::Location at_) {
  const int n = size(names);
  ast::QualifiedName out;
  if (n > 0) out.name = string_value(at(names, n - 1));
  if (n > 1) out.schema = string_value(at(names, n - 2));
  if (n > 2) out.catalog = string_value(at(names, n - 3));
  out.location = at_;
  return out;
}

}  // namespace gyre::adapter::pg
