// What an execution remembers is in its EvalContext, so that expressions stay immutable and shared: a node
// knows only the number of its place. The value is found when it is first asked for, in an arena that
// outlives the rows.
#include "storage/scalar/hoist.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "storage/scalar/helpers.h"
#include "storage/scalar/nodes.h"
#include "storage/types/array_text.h"

namespace gyre::storage {

namespace {

// While it lives, what is evaluated goes to the arena of what is remembered.
class Remembering {
 public:
  explicit Remembering(EvalContext& context)
      : context_(context), before_(std::exchange(context.arena, context.hoist_arena)) {}
  ~Remembering() { context_.arena = before_; }
  Remembering(const Remembering&) = delete;
  Remembering& operator=(const Remembering&) = delete;

 private:
  EvalContext& context_;
  Arena* before_;
};

std::vector<ExpressionPtr> list_of(ExpressionPtr one) {
  std::vector<ExpressionPtr> list;
  list.push_back(std::move(one));
  return list;
}

class HoistedNode final : public Node {
 public:
  HoistedNode(Type type, std::vector<ExpressionPtr> operands, int place)
      : Node(NodeKind::hoisted, type, std::move(operands)), place_(place) {}
  Datum evaluate(EvalContext& context) const override {
    if (context.hoisted == nullptr) return operand(0).evaluate(context);
    Hoisted& place = context.hoisted[place_];
    if (place.ready) return place.value;
    const Remembering remembering(context);
    place.value = operand(0).evaluate(context);
    place.ready = true;
    return place.value;
  }
  ExpressionPtr rebuild(std::vector<ExpressionPtr> operands) const override {
    return std::make_unique<HoistedNode>(type(), std::move(operands), place_);
  }

 private:
  int place_;
};

bool is_integer(TypeId type) {
  return type == TypeId::int2 || type == TypeId::int4 || type == TypeId::int8;
}

// Operands: the value, the array.
class AnyArray final : public Node {
 public:
  AnyArray(const FunctionDef* op, std::vector<ExpressionPtr> operands, bool all, int place)
      : Node(NodeKind::any_array, TypeId::boolean, std::move(operands)),
        op_(op),
        element_(element_type(operand(1).type().id)),
        all_(all),
        place_(place) {
    const TypeId left = op->arguments[0];
    const TypeId right = op->arguments[1];
    const bool one_order = left == right || (is_integer(left) && is_integer(right));
    searched_ = one_order && op->comparison == (all ? Comparison::not_equal : Comparison::equal);
  }

  Volatility volatility() const override { return op_->volatility; }
  Datum evaluate(EvalContext& context) const override {
    const Datum value = operand(0).evaluate(context);
    if (context.hoisted == nullptr || place_ < 0) {
      Hoisted now;
      take_apart(context, now);
      return decide(context, value, now);
    }
    Hoisted& place = context.hoisted[place_];
    if (!place.ready) {
      const Remembering remembering(context);
      take_apart(context, place);
    }
    return decide(context, value, place);
  }
  ExpressionPtr rebuild(std::vector<ExpressionPtr> operands) const override {
    return std::make_unique<AnyArray>(op_, std::move(operands), all_, place_);
  }
  ExpressionPtr at_place(std::vector<ExpressionPtr> operands, int place) const {
    return std::make_unique<AnyArray>(op_, std::move(operands), all_, place);
  }
  bool same_here(const Node& other) const override {
    const auto& theirs = static_cast<const AnyArray&>(other);
    return op_ == theirs.op_ && all_ == theirs.all_;
  }

 private:
  void take_apart(EvalContext& context, Hoisted& place) const {
    const TypeTraits& type = traits(element_);
    place.value = operand(1).evaluate(context);
    if (!place.value.null) {
      const TextArray texts = parse_text_array(place.value.bytes());
      Datum* elements = context.arena->array<Datum>(texts.size()).data();
      for (const auto& text : texts) {
        if (text)
          elements[place.count++] = type.parse(context.arena->copy(*text), style_of(context), *context.arena);
        else
          place.has_null = true;
      }
      place.elements = elements;
      if (searched_)
        std::sort(elements, elements + place.count, [&](Datum a, Datum b) { return type.compare(a, b) < 0; });
    }
    place.ready = true;
  }

  Datum decide(EvalContext& context, Datum value, const Hoisted& array) const {
    if (array.value.null) return {};
    if (array.count == 0 && !array.has_null) return Datum::of_bool(all_);
    if (value.null) return {};
    bool unknown = array.has_null;
    if (searched_) {
      const auto compare = traits(element_).compare;
      const Datum* const end = array.elements + array.count;
      const Datum* const at = std::lower_bound(array.elements, end, value,
                                               [compare](Datum a, Datum b) { return compare(a, b) < 0; });
      if (at != end && compare(*at, value) == 0) return Datum::of_bool(!all_);
      return unknown ? Datum() : Datum::of_bool(all_);
    }
    for (std::size_t i = 0; i < array.count; ++i) {
      const Datum pair[] = {value, array.elements[i]};
      const Datum vote = op_->function(context, pair, 2);
      if (vote.null)
        unknown = true;
      else if (vote.truth() != all_)
        return Datum::of_bool(!all_);
    }
    return unknown ? Datum() : Datum::of_bool(all_);
  }

  const FunctionDef* op_;
  TypeId element_;
  bool all_;
  int place_;
  bool searched_;  // by equality, in the order of the elements' type
};

class ArrayOf final : public Node {
 public:
  ArrayOf(Type type, std::vector<ExpressionPtr> elements)
      : Node(NodeKind::array, type, std::move(elements)) {}
  Datum evaluate(EvalContext& context) const override {
    const TypeTraits& type_of_element = traits(element_type(type().id));
    TextArray elements;
    OutBuffer printed;
    for (const ExpressionPtr& element : operands_) {
      const Datum value = element->evaluate(context);
      if (value.null) {
        elements.emplace_back(std::nullopt);
        continue;
      }
      printed.clear();
      type_of_element.print(value, style_of(context), printed);
      elements.emplace_back(std::string(printed.view()));
    }
    return copied(context, print_text_array(elements));
  }
  ExpressionPtr rebuild(std::vector<ExpressionPtr> elements) const override {
    return std::make_unique<ArrayOf>(type(), std::move(elements));
  }
};

bool is_leaf(const Expression& expression) {
  return is_constant(expression) || parameter_index(expression).has_value();
}

class Hoister {
 public:
  Hoister(int changing, int& places) : changing_(changing), places_(places) {}

  ExpressionPtr whole(ExpressionPtr expression) {
    bool fixed = false;
    expression = walk(std::move(expression), fixed);
    return fixed ? wrapped(std::move(expression)) : std::move(expression);
  }

 private:
  ExpressionPtr wrapped(ExpressionPtr expression) {
    if (is_leaf(*expression)) return expression;
    const Type type = expression->type();
    return std::make_unique<HoistedNode>(type, list_of(std::move(expression)), places_++);
  }

  // `fixed`: the expression is the same for all rows.
  ExpressionPtr walk(ExpressionPtr expression, bool& fixed) {
    auto* node = dynamic_cast<Node*>(expression.get());
    fixed = false;
    if (node == nullptr || node->kind() == NodeKind::column || node->kind() == NodeKind::hoisted)
      return expression;
    if (const auto parameter = parameter_index(*expression)) {
      fixed = *parameter < changing_;
      return expression;
    }
    fixed = node->volatility() != Volatility::volatile_;
    if (node->operands().empty()) return expression;
    std::vector<ExpressionPtr> operands = node->release_operands();
    std::vector<bool> fixed_operands;
    for (ExpressionPtr& operand : operands) {
      bool fixed_operand = false;
      operand = walk(std::move(operand), fixed_operand);
      fixed_operands.push_back(fixed_operand);
      fixed = fixed && fixed_operand;
    }
    if (fixed) return node->rebuild(std::move(operands));
    for (std::size_t i = 0; i < operands.size(); ++i)
      if (fixed_operands[i]) operands[i] = wrapped(std::move(operands[i]));
    if (node->kind() == NodeKind::any_array && fixed_operands[1])
      return static_cast<const AnyArray*>(node)->at_place(std::move(operands), places_++);
    return node->rebuild(std::move(operands));
  }

  int changing_;
  int& places_;
};

}  // namespace

ExpressionPtr make_any_array(const FunctionDef* op, ExpressionPtr value, ExpressionPtr array, bool all) {
  std::vector<ExpressionPtr> operands = list_of(std::move(value));
  operands.push_back(std::move(array));
  return std::make_unique<AnyArray>(op, std::move(operands), all, -1);
}

ExpressionPtr make_array(TypeId array, std::vector<ExpressionPtr> elements) {
  return std::make_unique<ArrayOf>(array, std::move(elements));
}

ExpressionPtr hoist(ExpressionPtr expression, int changing, int& places) {
  return Hoister(changing, places).whole(std::move(expression));
}

}  // namespace gyre::storage
