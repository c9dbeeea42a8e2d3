// The nodes themselves: evaluation is one virtual call per node, operands are evaluated left to right, and a
// node that can decide early (AND, OR, CASE, COALESCE) does not evaluate the rest.
//
// Calls of one and two arguments keep their values in registers' reach (FixedCall); a comparison of a column
// of an integer kind with a constant or a parameter, the shape of nearly every hot WHERE, does not even go
// through its function (ColumnIntegerCompare).
#include "storage/scalar/nodes.h"

#include <algorithm>
#include <cstring>

#include "storage/failure.h"

namespace gyre::storage {

namespace {

const TextStyle kDefaultStyle{};

const TextStyle& style_of(const EvalContext& context) {
  return context.style != nullptr ? *context.style : kDefaultStyle;
}

std::vector<ExpressionPtr> list_of(ExpressionPtr one) {
  std::vector<ExpressionPtr> list;
  list.push_back(std::move(one));
  return list;
}
std::vector<ExpressionPtr> list_of(ExpressionPtr one, ExpressionPtr two) {
  std::vector<ExpressionPtr> list = list_of(std::move(one));
  list.push_back(std::move(two));
  return list;
}

bool holds_bytes(TypeId type) {
  return traits(type).slot_size == 0 || type == TypeId::uuid || type == TypeId::name;
}

// ---- leaves ----

class Constant : public Node {
 public:
  Constant(Type type, Datum value) : Node(NodeKind::constant, type), value_(value) {
    if (value.null || !(type.id == TypeId::unknown || holds_bytes(type.id))) return;
    bytes_.assign(value.data, value.size);
    value_ = Datum::of_bytes(bytes_);
  }
  const Datum& value() const { return value_; }

  Datum evaluate(EvalContext&) const override { return value_; }
  ExpressionPtr rebuild(std::vector<ExpressionPtr>) const override {
    return std::make_unique<Constant>(type(), value_);
  }
  bool same_here(const Node& other) const override {
    const Datum& theirs = static_cast<const Constant&>(other).value_;
    if (value_.null || theirs.null) return value_.null == theirs.null;
    if (type().id == TypeId::unknown || holds_bytes(type().id)) return value_.bytes() == theirs.bytes();
    return value_.integer == theirs.integer;
  }

 private:
  std::string bytes_;
  Datum value_;
};

class Column : public Node {
 public:
  Column(int index, Type type) : Node(NodeKind::column, type), index_(index) {}
  int index() const { return index_; }
  Datum evaluate(EvalContext& context) const override { return context.columns[index_]; }
  ExpressionPtr rebuild(std::vector<ExpressionPtr>) const override { return make_column(index_, type()); }
  ExpressionPtr clone_with_columns(const std::vector<int>& map) const override {
    return make_column(map[static_cast<std::size_t>(index_)], type());
  }
  bool same_here(const Node& other) const override {
    return index_ == static_cast<const Column&>(other).index_;
  }

 private:
  int index_;
};

class Parameter : public Node {
 public:
  Parameter(int index, Type type) : Node(NodeKind::parameter, type), index_(index) {}
  int index() const { return index_; }
  Datum evaluate(EvalContext& context) const override { return context.parameters[index_]; }
  ExpressionPtr rebuild(std::vector<ExpressionPtr>) const override { return make_parameter(index_, type()); }
  bool same_here(const Node& other) const override {
    return index_ == static_cast<const Parameter&>(other).index_;
  }

 private:
  int index_;
};

// ---- calls ----

class Call : public Node {
 public:
  Call(const FunctionDef* function, std::vector<ExpressionPtr> arguments)
      : Node(NodeKind::call, function->result, std::move(arguments)), function_(function) {}
  const FunctionDef* function() const { return function_; }
  Volatility volatility() const override { return function_->volatility; }

  Datum evaluate(EvalContext& context) const override {
    constexpr std::size_t kInPlace = 8;
    Datum in_place[kInPlace];
    std::vector<Datum> more;
    const std::size_t count = operands_.size();
    Datum* values = in_place;
    if (count > kInPlace) {
      more.resize(count);
      values = more.data();
    }
    for (std::size_t i = 0; i < count; ++i) {
      values[i] = operand(i).evaluate(context);
      if (values[i].null && function_->strict) return {};
    }
    return function_->function(context, values, static_cast<unsigned>(count));
  }
  ExpressionPtr rebuild(std::vector<ExpressionPtr> arguments) const override;
  bool same_here(const Node& other) const override {
    return function_ == static_cast<const Call&>(other).function_ &&
           function_->volatility != Volatility::volatile_;
  }

 protected:
  const FunctionDef* function_;
};

template <unsigned count>
class FixedCall final : public Call {
 public:
  using Call::Call;
  Datum evaluate(EvalContext& context) const override {
    Datum values[count];
    for (unsigned i = 0; i < count; ++i) {
      values[i] = operand(i).evaluate(context);
      if (values[i].null && function_->strict) return {};
    }
    return function_->function(context, values, count);
  }
};

bool compare_integers(Comparison comparison, std::int64_t left, std::int64_t right) {
  switch (comparison) {
    case Comparison::equal:
      return left == right;
    case Comparison::not_equal:
      return left != right;
    case Comparison::less:
      return left < right;
    case Comparison::less_equal:
      return left <= right;
    case Comparison::greater:
      return left > right;
    default:
      return left >= right;
  }
}

// column op constant or column op parameter, where both Datums order as their integers.
class ColumnIntegerCompare final : public Call {
 public:
  ColumnIntegerCompare(const FunctionDef* function, std::vector<ExpressionPtr> arguments)
      : Call(function, std::move(arguments)), comparison_(function->comparison) {
    column_ = static_cast<const Column&>(operand(0)).index();
    if (const auto parameter = parameter_index(operand(1)))
      parameter_ = *parameter;
    else
      constant_ = constant_value(operand(1));
  }
  Datum evaluate(EvalContext& context) const override {
    const Datum left = context.columns[column_];
    const Datum right = parameter_ < 0 ? constant_ : context.parameters[parameter_];
    if (left.null || right.null) return {};
    return Datum::of_bool(compare_integers(comparison_, left.integer, right.integer));
  }

 private:
  Comparison comparison_;
  int column_;
  int parameter_ = -1;  // -1: compare with constant_
  Datum constant_;
};

bool is_plain_integer(TypeId type) {
  return type == TypeId::int2 || type == TypeId::int4 || type == TypeId::int8;
}
bool orders_as_integer(TypeId left, TypeId right) {
  if (is_plain_integer(left) && is_plain_integer(right)) return true;
  return left == right && (left == TypeId::date || left == TypeId::timestamp || left == TypeId::timestamptz ||
                           left == TypeId::oid);
}

ExpressionPtr build_call(const FunctionDef* function, std::vector<ExpressionPtr> arguments) {
  if (arguments.size() == 1) return std::make_unique<FixedCall<1>>(function, std::move(arguments));
  if (arguments.size() != 2) return std::make_unique<Call>(function, std::move(arguments));
  const bool fits = function->comparison != Comparison::none && column_index(*arguments[0]) &&
                    orders_as_integer(function->arguments[0], function->arguments[1]) &&
                    (is_constant(*arguments[1]) || parameter_index(*arguments[1]));
  if (fits) return std::make_unique<ColumnIntegerCompare>(function, std::move(arguments));
  return std::make_unique<FixedCall<2>>(function, std::move(arguments));
}

ExpressionPtr Call::rebuild(std::vector<ExpressionPtr> arguments) const {
  return build_call(function_, std::move(arguments));
}

// ---- logic ----

// AND stops at the first false, OR at the first true (`decisive`); a null among the rest makes the result
// null.
class Connective final : public Node {
 public:
  Connective(NodeKind kind, std::vector<ExpressionPtr> operands)
      : Node(kind, TypeId::boolean, std::move(operands)) {}
  Datum evaluate(EvalContext& context) const override {
    const bool decisive = kind() == NodeKind::or_;
    bool unknown = false;
    for (const ExpressionPtr& operand : operands_) {
      const Datum value = operand->evaluate(context);
      if (value.null)
        unknown = true;
      else if ((value.integer != 0) == decisive)
        return Datum::of_bool(decisive);
    }
    return unknown ? Datum() : Datum::of_bool(!decisive);
  }
  ExpressionPtr rebuild(std::vector<ExpressionPtr> operands) const override {
    return std::make_unique<Connective>(kind(), std::move(operands));
  }
};

class Not final : public Node {
 public:
  explicit Not(std::vector<ExpressionPtr> operands)
      : Node(NodeKind::not_, TypeId::boolean, std::move(operands)) {}
  Datum evaluate(EvalContext& context) const override {
    const Datum value = operand(0).evaluate(context);
    return value.null ? Datum() : Datum::of_bool(value.integer == 0);
  }
  ExpressionPtr rebuild(std::vector<ExpressionPtr> operands) const override {
    return std::make_unique<Not>(std::move(operands));
  }
};

class NullTest final : public Node {
 public:
  NullTest(std::vector<ExpressionPtr> operands, bool negated)
      : Node(NodeKind::null_test, TypeId::boolean, std::move(operands)), negated_(negated) {}
  bool negated() const { return negated_; }
  Datum evaluate(EvalContext& context) const override {
    return Datum::of_bool(operand(0).evaluate(context).null != negated_);
  }
  ExpressionPtr rebuild(std::vector<ExpressionPtr> operands) const override {
    return std::make_unique<NullTest>(std::move(operands), negated_);
  }
  bool same_here(const Node& other) const override {
    return negated_ == static_cast<const NullTest&>(other).negated_;
  }

 private:
  bool negated_;
};

class BooleanTest final : public Node {
 public:
  BooleanTest(std::vector<ExpressionPtr> operands, TruthTest test)
      : Node(NodeKind::boolean_test, TypeId::boolean, std::move(operands)), test_(test) {}
  TruthTest test() const { return test_; }
  Datum evaluate(EvalContext& context) const override {
    const Datum value = operand(0).evaluate(context);
    switch (test_) {
      case TruthTest::is_true:
        return Datum::of_bool(value.truth());
      case TruthTest::is_not_true:
        return Datum::of_bool(!value.truth());
      case TruthTest::is_false:
        return Datum::of_bool(!value.null && value.integer == 0);
      case TruthTest::is_not_false:
        return Datum::of_bool(value.null || value.integer != 0);
      case TruthTest::is_unknown:
        return Datum::of_bool(value.null);
      case TruthTest::is_not_unknown:
        return Datum::of_bool(!value.null);
    }
    return {};
  }
  ExpressionPtr rebuild(std::vector<ExpressionPtr> operands) const override {
    return std::make_unique<BooleanTest>(std::move(operands), test_);
  }
  bool same_here(const Node& other) const override {
    return test_ == static_cast<const BooleanTest&>(other).test_;
  }

 private:
  TruthTest test_;
};

// ---- choices ----

// Operands: condition, result, condition, result, …, and the ELSE if there is an odd one out.
class Case final : public Node {
 public:
  Case(Type type, std::vector<ExpressionPtr> operands) : Node(NodeKind::case_, type, std::move(operands)) {}
  Datum evaluate(EvalContext& context) const override {
    std::size_t i = 0;
    for (; i + 1 < operands_.size(); i += 2)
      if (operand(i).evaluate(context).truth()) return operand(i + 1).evaluate(context);
    return i < operands_.size() ? operand(i).evaluate(context) : Datum();
  }
  ExpressionPtr rebuild(std::vector<ExpressionPtr> operands) const override {
    return std::make_unique<Case>(type(), std::move(operands));
  }
};

class Coalesce final : public Node {
 public:
  Coalesce(Type type, std::vector<ExpressionPtr> operands)
      : Node(NodeKind::coalesce, type, std::move(operands)) {}
  Datum evaluate(EvalContext& context) const override {
    for (const ExpressionPtr& operand : operands_) {
      const Datum value = operand->evaluate(context);
      if (!value.null) return value;
    }
    return {};
  }
  ExpressionPtr rebuild(std::vector<ExpressionPtr> operands) const override {
    return std::make_unique<Coalesce>(type(), std::move(operands));
  }
};

// Operands: the value, the right side, and the value as it is compared where that differs.
class NullIf final : public Node {
 public:
  // `type` is that of operands[0], read before the operands are moved.
  NullIf(const FunctionDef* equal, Type type, std::vector<ExpressionPtr> operands)
      : Node(NodeKind::null_if, type, std::move(operands)), equal_(equal) {}
  Datum evaluate(EvalContext& context) const override {
    const Datum value = operand(0).evaluate(context);
    if (value.null) return value;
    const Datum sides[2] = {operands_.size() > 2 ? operand(2).evaluate(context) : value,
                            operand(1).evaluate(context)};
    if (sides[0].null || sides[1].null) return value;
    return equal_->function(context, sides, 2).truth() ? Datum() : value;
  }
  ExpressionPtr rebuild(std::vector<ExpressionPtr> operands) const override {
    return std::make_unique<NullIf>(equal_, type(), std::move(operands));
  }
  bool same_here(const Node& other) const override {
    return equal_ == static_cast<const NullIf&>(other).equal_;
  }

 private:
  const FunctionDef* equal_;
};

// GREATEST and LEAST ignore nulls.
class MinMax final : public Node {
 public:
  MinMax(bool greatest, Type type, std::vector<ExpressionPtr> operands)
      : Node(NodeKind::min_max, type, std::move(operands)), greatest_(greatest) {}
  bool greatest() const { return greatest_; }
  Datum evaluate(EvalContext& context) const override {
    const auto compare = traits(type()).compare;
    Datum best;
    for (const ExpressionPtr& operand : operands_) {
      const Datum value = operand->evaluate(context);
      if (value.null) continue;
      if (best.null || (greatest_ ? compare(value, best) > 0 : compare(value, best) < 0)) best = value;
    }
    return best;
  }
  ExpressionPtr rebuild(std::vector<ExpressionPtr> operands) const override {
    return std::make_unique<MinMax>(greatest_, type(), std::move(operands));
  }
  bool same_here(const Node& other) const override {
    return greatest_ == static_cast<const MinMax&>(other).greatest_;
  }

 private:
  bool greatest_;
};

// ---- comparisons of a type with itself ----

// Operands: the value, then the list. A list of constants is sorted once and searched.
class InList final : public Node {
 public:
  InList(std::vector<ExpressionPtr> operands, bool negated)
      : Node(NodeKind::in_list, TypeId::boolean, std::move(operands)),
        compare_(traits(operand(0).type()).compare),
        negated_(negated) {
    sorted_list_ = std::all_of(operands_.begin() + 1, operands_.end(),
                               [](const ExpressionPtr& item) { return is_constant(*item); });
    if (!sorted_list_) return;
    for (std::size_t i = 1; i < operands_.size(); ++i) {
      const Datum item = constant_value(operand(i));
      if (item.null)
        list_has_null_ = true;
      else
        sorted_.push_back(item);
    }
    std::sort(sorted_.begin(), sorted_.end(), [this](Datum a, Datum b) { return compare_(a, b) < 0; });
  }
  bool negated() const { return negated_; }
  Datum evaluate(EvalContext& context) const override {
    const Datum value = operand(0).evaluate(context);
    if (value.null) return operands_.size() > 1 ? Datum() : Datum::of_bool(negated_);
    const Datum found = sorted_list_ ? search(value) : walk(context, value);
    return found.null ? found : Datum::of_bool((found.integer != 0) != negated_);
  }
  ExpressionPtr rebuild(std::vector<ExpressionPtr> operands) const override {
    return std::make_unique<InList>(std::move(operands), negated_);
  }
  bool same_here(const Node& other) const override {
    return negated_ == static_cast<const InList&>(other).negated_;
  }

 private:
  Datum search(Datum value) const {
    const auto at = std::lower_bound(sorted_.begin(), sorted_.end(), value,
                                     [this](Datum a, Datum b) { return compare_(a, b) < 0; });
    if (at != sorted_.end() && compare_(*at, value) == 0) return Datum::of_bool(true);
    return list_has_null_ ? Datum() : Datum::of_bool(false);
  }
  Datum walk(EvalContext& context, Datum value) const {
    bool unknown = false;
    for (std::size_t i = 1; i < operands_.size(); ++i) {
      const Datum item = operand(i).evaluate(context);
      if (item.null)
        unknown = true;
      else if (compare_(value, item) == 0)
        return Datum::of_bool(true);
    }
    return unknown ? Datum() : Datum::of_bool(false);
  }

  int (*compare_)(Datum, Datum);
  bool negated_;
  bool sorted_list_ = false;  // all items are constants: sorted_ and list_has_null_ stand for them
  bool list_has_null_ = false;
  std::vector<Datum> sorted_;  // borrowed from the constants among the operands
};

class DistinctFrom final : public Node {
 public:
  DistinctFrom(std::vector<ExpressionPtr> operands, bool negated)
      : Node(NodeKind::distinct, TypeId::boolean, std::move(operands)),
        compare_(traits(operand(0).type()).compare),
        negated_(negated) {}
  bool negated() const { return negated_; }
  Datum evaluate(EvalContext& context) const override {
    const Datum left = operand(0).evaluate(context);
    const Datum right = operand(1).evaluate(context);
    const bool distinct = left.null || right.null ? left.null != right.null : compare_(left, right) != 0;
    return Datum::of_bool(distinct != negated_);
  }
  ExpressionPtr rebuild(std::vector<ExpressionPtr> operands) const override {
    return std::make_unique<DistinctFrom>(std::move(operands), negated_);
  }
  bool same_here(const Node& other) const override {
    return negated_ == static_cast<const DistinctFrom&>(other).negated_;
  }

 private:
  int (*compare_)(Datum, Datum);
  bool negated_;
};

// ---- conversions ----

class ApplyTypmod final : public Node {
 public:
  ApplyTypmod(std::vector<ExpressionPtr> operands, Type to, bool explicit_cast)
      : Node(NodeKind::typmod, to, std::move(operands)), explicit_cast_(explicit_cast) {}
  Datum evaluate(EvalContext& context) const override {
    const Datum value = operand(0).evaluate(context);
    if (value.null) return value;
    return traits(type()).apply_typmod(value, type().typmod, explicit_cast_, *context.arena);
  }
  ExpressionPtr rebuild(std::vector<ExpressionPtr> operands) const override {
    return std::make_unique<ApplyTypmod>(std::move(operands), type(), explicit_cast_);
  }
  bool same_here(const Node& other) const override {
    return explicit_cast_ == static_cast<const ApplyTypmod&>(other).explicit_cast_;
  }

 private:
  bool explicit_cast_;
};

// A date or time that reads the same under every date style: 2024-02-29, 2024-02-29 12:34:56.789.
bool is_iso_text(std::string_view text) {
  if (text.size() < 10 || text[4] != '-' || text[7] != '-') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool digit = c >= '0' && c <= '9';
    if (i < 10 ? (i == 4 || i == 7 ? c != '-' : !digit) : !(digit || c == ' ' || c == ':' || c == '.'))
      return false;
  }
  return true;
}

class InputCast final : public Node {
 public:
  InputCast(std::vector<ExpressionPtr> operands, TypeId to)
      : Node(NodeKind::input_cast, to, std::move(operands)) {}
  Volatility volatility() const override {
    switch (type().id) {
      case TypeId::date:
      case TypeId::timestamp: {
        if (!is_constant(operand(0))) return Volatility::stable;
        const Datum text = constant_value(operand(0));
        return text.null || is_iso_text(text.bytes()) ? Volatility::immutable : Volatility::stable;
      }
      case TypeId::timestamptz:
      case TypeId::regclass:
      case TypeId::regtype:
        return Volatility::stable;
      default:
        return Volatility::immutable;
    }
  }
  Datum evaluate(EvalContext& context) const override {
    const Datum text = operand(0).evaluate(context);
    if (text.null) return text;
    return traits(type()).parse(text.bytes(), style_of(context), *context.arena);
  }
  ExpressionPtr rebuild(std::vector<ExpressionPtr> operands) const override {
    return std::make_unique<InputCast>(std::move(operands), type().id);
  }
};

class TextOf final : public Node {
 public:
  explicit TextOf(std::vector<ExpressionPtr> operands)
      : Node(NodeKind::text_of, TypeId::text, std::move(operands)) {}
  Volatility volatility() const override {
    switch (operand(0).type().id) {
      case TypeId::boolean:
      case TypeId::int2:
      case TypeId::int4:
      case TypeId::int8:
      case TypeId::numeric:
      case TypeId::uuid:
      case TypeId::oid:
        return Volatility::immutable;
      default:
        return Volatility::stable;
    }
  }
  Datum evaluate(EvalContext& context) const override {
    const Datum value = operand(0).evaluate(context);
    if (value.null) return value;
    OutBuffer out;
    traits(operand(0).type()).print(value, style_of(context), out);
    return Datum::of_bytes(context.arena->copy(out.view()));
  }
  ExpressionPtr rebuild(std::vector<ExpressionPtr> operands) const override {
    return std::make_unique<TextOf>(std::move(operands));
  }
};

class Relabel final : public Node {
 public:
  Relabel(std::vector<ExpressionPtr> operands, Type to) : Node(NodeKind::relabel, to, std::move(operands)) {}
  Datum evaluate(EvalContext& context) const override { return operand(0).evaluate(context); }
  ExpressionPtr rebuild(std::vector<ExpressionPtr> operands) const override {
    return std::make_unique<Relabel>(std::move(operands), type());
  }
};

ExpressionPtr make_connective(NodeKind kind, std::vector<ExpressionPtr> operands) {
  std::vector<ExpressionPtr> flat;
  for (ExpressionPtr& operand : operands) {
    if (kind_of(*operand) != kind) {
      flat.push_back(std::move(operand));
      continue;
    }
    for (ExpressionPtr& inner : static_cast<Node&>(*operand).release_operands())
      flat.push_back(std::move(inner));
  }
  if (flat.empty()) return make_constant(TypeId::boolean, Datum::of_bool(kind == NodeKind::and_));
  if (flat.size() == 1) return std::move(flat[0]);
  return std::make_unique<Connective>(kind, std::move(flat));
}

}  // namespace

void Node::for_each_child(const std::function<void(const Expression&)>& visit) const {
  for (const ExpressionPtr& operand : operands_) visit(*operand);
}

ExpressionPtr Node::clone_with_columns(const std::vector<int>& map) const {
  std::vector<ExpressionPtr> copies;
  copies.reserve(operands_.size());
  for (const ExpressionPtr& operand : operands_) copies.push_back(operand->clone_with_columns(map));
  return rebuild(std::move(copies));
}

ExpressionPtr make_constant(Type type, Datum value) {
  return std::make_unique<Constant>(type, value);
}
ExpressionPtr make_null(Type type) {
  return make_constant(type, Datum());
}
ExpressionPtr make_column(int index, Type type) {
  return std::make_unique<Column>(index, type);
}
ExpressionPtr make_parameter(int index, Type type) {
  return std::make_unique<Parameter>(index, type);
}

ExpressionPtr make_call(const FunctionDef* function, std::vector<ExpressionPtr> arguments) {
  if (function->build != nullptr) return function->build(*function, std::move(arguments));
  return build_call(function, std::move(arguments));
}
ExpressionPtr make_plain_call(const FunctionDef* function, std::vector<ExpressionPtr> arguments) {
  return build_call(function, std::move(arguments));
}

ExpressionPtr make_and(std::vector<ExpressionPtr> operands) {
  return make_connective(NodeKind::and_, std::move(operands));
}
ExpressionPtr make_or(std::vector<ExpressionPtr> operands) {
  return make_connective(NodeKind::or_, std::move(operands));
}
ExpressionPtr make_not(ExpressionPtr operand) {
  return std::make_unique<Not>(list_of(std::move(operand)));
}
ExpressionPtr make_is_null(ExpressionPtr operand) {
  return std::make_unique<NullTest>(list_of(std::move(operand)), false);
}
ExpressionPtr make_is_not_null(ExpressionPtr operand) {
  return std::make_unique<NullTest>(list_of(std::move(operand)), true);
}
ExpressionPtr make_boolean_test(ExpressionPtr operand, TruthTest test) {
  return std::make_unique<BooleanTest>(list_of(std::move(operand)), test);
}

ExpressionPtr make_case(Type type, std::vector<CaseBranch> branches, ExpressionPtr otherwise) {
  std::vector<ExpressionPtr> operands;
  for (CaseBranch& branch : branches) {
    operands.push_back(std::move(branch.condition));
    operands.push_back(std::move(branch.result));
  }
  if (otherwise != nullptr) operands.push_back(std::move(otherwise));
  return std::make_unique<Case>(type, std::move(operands));
}
ExpressionPtr make_coalesce(Type type, std::vector<ExpressionPtr> operands) {
  return std::make_unique<Coalesce>(type, std::move(operands));
}
ExpressionPtr make_null_if(const FunctionDef* equal, ExpressionPtr left, ExpressionPtr right) {
  const Type type = left->type();
  return std::make_unique<NullIf>(equal, type, list_of(std::move(left), std::move(right)));
}
ExpressionPtr make_null_if(const FunctionDef* equal, ExpressionPtr value, ExpressionPtr compared,
                           ExpressionPtr right) {
  const Type type = value->type();
  std::vector<ExpressionPtr> operands = list_of(std::move(value), std::move(right));
  operands.push_back(std::move(compared));
  return std::make_unique<NullIf>(equal, type, std::move(operands));
}
ExpressionPtr make_min_max(bool greatest, Type type, std::vector<ExpressionPtr> operands) {
  return std::make_unique<MinMax>(greatest, type, std::move(operands));
}
ExpressionPtr make_in_list(ExpressionPtr value, std::vector<ExpressionPtr> list, bool negated) {
  std::vector<ExpressionPtr> operands = list_of(std::move(value));
  for (ExpressionPtr& item : list) operands.push_back(std::move(item));
  return std::make_unique<InList>(std::move(operands), negated);
}
ExpressionPtr make_distinct_from(ExpressionPtr left, ExpressionPtr right, bool negated) {
  return std::make_unique<DistinctFrom>(list_of(std::move(left), std::move(right)), negated);
}
ExpressionPtr make_typmod(ExpressionPtr value, Type to, bool explicit_cast) {
  if (to.typmod < 0 || traits(to).apply_typmod == nullptr) return value;
  return std::make_unique<ApplyTypmod>(list_of(std::move(value)), to, explicit_cast);
}
ExpressionPtr make_input_cast(ExpressionPtr value, TypeId to) {
  return std::make_unique<InputCast>(list_of(std::move(value)), to);
}
ExpressionPtr make_text_of(ExpressionPtr value) {
  return std::make_unique<TextOf>(list_of(std::move(value)));
}
ExpressionPtr make_relabel(ExpressionPtr value, Type to) {
  return std::make_unique<Relabel>(list_of(std::move(value)), to);
}

// ---- asking: what needs the classes above; the rest is in node_queries.cc ----

NodeKind kind_of(const Expression& expression) {
  const auto* node = dynamic_cast<const Node*>(&expression);
  return node == nullptr ? NodeKind::other : node->kind();
}
Datum constant_value(const Expression& expression) {
  return static_cast<const Constant&>(expression).value();
}
std::optional<int> column_index(const Expression& expression) {
  if (kind_of(expression) != NodeKind::column) return std::nullopt;
  return static_cast<const Column&>(expression).index();
}
std::optional<int> parameter_index(const Expression& expression) {
  if (kind_of(expression) != NodeKind::parameter) return std::nullopt;
  return static_cast<const Parameter&>(expression).index();
}
const FunctionDef* called_function(const Expression& expression) {
  if (kind_of(expression) != NodeKind::call) return nullptr;
  return static_cast<const Call&>(expression).function();
}
bool is_negated(const Expression& expression) {
  switch (kind_of(expression)) {
    case NodeKind::null_test:
      return static_cast<const NullTest&>(expression).negated();
    case NodeKind::in_list:
      return static_cast<const InList&>(expression).negated();
    case NodeKind::distinct:
      return static_cast<const DistinctFrom&>(expression).negated();
    default:
      return false;
  }
}
TruthTest truth_test_of(const Expression& expression) {
  return static_cast<const BooleanTest&>(expression).test();
}
bool is_greatest(const Expression& expression) {
  return static_cast<const MinMax&>(expression).greatest();
}
std::optional<ColumnInList> as_column_in_list(const Expression& expression) {
  if (kind_of(expression) != NodeKind::in_list) return std::nullopt;
  const auto& list = static_cast<const InList&>(expression);
  const auto column = column_index(*list.operands()[0]);
  if (list.negated() || !column) return std::nullopt;
  ColumnInList found{*column, list.operands()[0]->type(), {}};
  for (std::size_t i = 1; i < list.operands().size(); ++i) {
    if (uses_columns(*list.operands()[i])) return std::nullopt;
    found.values.push_back(list.operands()[i].get());
  }
  return found;
}
std::optional<int> as_column_is_null(const Expression& expression) {
  if (kind_of(expression) != NodeKind::null_test) return std::nullopt;
  const auto& test = static_cast<const NullTest&>(expression);
  return test.negated() ? std::nullopt : column_index(*test.operands()[0]);
}

}  // namespace gyre::storage
