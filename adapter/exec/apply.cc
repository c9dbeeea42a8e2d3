// Runs a subquery for each row of its input and adds the answer as a column. A subquery that reads nothing of
// the row is run once: its value is remembered, or, for ANY and ALL, its rows; and where those only ask
// whether some row equals a value (IN, NOT IN), the rows' keys in a hash table.
//
// Form::rows joins the subquery's rows to the input's, one after the other; none of them are kept.
#include <algorithm>

#include "adapter/exec/key_set.h"
#include "adapter/exec/operators.h"
#include "adapter/sql_error.h"
#include "storage/key.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter::exec {
namespace {

using Form = logical::Apply::Form;

class Apply : public Operator {
 public:
  Apply(const physical::Apply& node, State& state)
      : Operator(state),
        node_(node),
        input_(make_operator(*node.inputs[0], state)),
        query_(make_operator(*node.inputs[1], state)),
        width_(node.inputs[0]->columns.size()),
        inner_(state, node.inputs[1]->columns),
        passed_(state),
        evaluator_(state),
        keys_(state) {
    key_.set_limit(state.memory.limit());
    values_.resize(width_ + 1);
    pair_.resize(width_ + node.inputs[1]->columns.size());
    row_ = values_.data();
    find_equality();
  }

  void open() override {
    input_->open();
    inner_.clear();
    keys_.clear();
    inner_has_null_ = inner_any_ = false;
    complete_ = false;
    running_ = false;
  }

  Step next(TimeSlice& slice) override {
    if (!running_) {
      const Step step = input_->next(slice);
      if (step != Step::row) return step;
      start(input_->row());
    }
    const Step step = run(slice);
    if (step == Step::yield) return step;
    running_ = false;
    for (std::size_t i = 0; i < width_; ++i) values_[i] = input_->row()[i];
    values_[width_] = answer_;
    return Step::row;
  }

 private:
  bool independent() const { return node_.outer.empty(); }
  bool tests() const { return node_.form == Form::any || node_.form == Form::all; }

  void start(const Datum* row) {
    running_ = true;
    at_ = 0;
    if (tests()) {
      for (std::size_t i = 0; i < width_; ++i) pair_[i] = row[i];
      answer_ = Datum::of_bool(node_.form == Form::all);
    }
    if (independent() && complete_) return;
    passed_.forget();
    for (const auto& [parameter, value] : node_.outer)
      state_.parameters[static_cast<std::size_t>(parameter)] = passed_.value(*value, row);
    inner_.clear();
    complete_ = false;
    if (!tests()) answer_ = node_.form == Form::exists ? Datum::of_bool(false) : Datum();
    query_->open();
  }

  // Until answer_ is known.
  Step run(TimeSlice& slice) {
    while (!complete_) {
      const Step step = query_->next(slice);
      if (step == Step::yield) return step;
      if (step == Step::end) {
        complete_ = true;
        break;
      }
      if (node_.form == Form::exists) {
        answer_ = Datum::of_bool(true);
        complete_ = true;
        break;
      }
      if (node_.form == Form::scalar && inner_.size() == 1)
        throw SqlError("21000", "more than one row returned by a subquery used as an expression");
      if (sought_) {
        add_key(query_->row());
        if (slice.is_over()) return Step::yield;
        continue;
      }
      const Datum* kept = inner_.add(query_->row());
      if (node_.form == Form::scalar) answer_ = kept[0];
      if (slice.is_over()) return Step::yield;
    }
    if (!tests()) return Step::row;
    if (sought_) {
      look_up();
      return Step::row;
    }
    for (; at_ < inner_.size(); ++at_) {
      if (decides(inner_[at_])) return Step::row;
      if (slice.is_over()) {
        ++at_;
        return Step::yield;
      }
    }
    return Step::row;
  }

  // = ANY and <> ALL of a query that is run once, by operands of one type, one of the outer row, one of the
  // inner: the rows are kept as the keys of the inner operand's values.
  void find_equality() {
    if (!tests() || !independent()) return;
    const storage::FunctionDef* function = storage::called_function(*node_.test);
    const auto wanted = node_.form == Form::any ? storage::Comparison::equal : storage::Comparison::not_equal;
    if (!function || function->comparison != wanted) return;
    const auto operands = storage::children_of(*node_.test);
    if (operands.size() != 2 || operands[0]->type().id != operands[1]->type().id) return;
    const int first = sides_of(*operands[0]);
    const int second = sides_of(*operands[1]);
    if (first == kInner && second != kInner && second != kBoth) {
      sought_ = operands[1];
      offered_ = operands[0];
    } else if (second == kInner && first != kInner && first != kBoth) {
      sought_ = operands[0];
      offered_ = operands[1];
    }
  }
  static constexpr int kInner = 2, kBoth = 3;
  int sides_of(const storage::Expression& expression) const {
    std::vector<int> columns;
    storage::collect_columns(expression, columns);
    int sides = 0;
    for (const int column : columns) sides |= column < static_cast<int>(width_) ? 1 : kInner;
    return sides;
  }
  std::string_view key_of(const storage::Expression& expression, bool& null) {
    evaluator_.forget();
    const Datum value = evaluator_.value(expression, pair_.data());
    null = value.null;
    key_.clear();
    if (!null) storage::append_key_column(expression.type(), value, key_);
    return key_.view();
  }
  void add_key(const Datum* inner) {
    for (std::size_t i = width_; i < pair_.size(); ++i) pair_[i] = inner[i - width_];
    bool null;
    const std::string_view key = key_of(*offered_, null);
    inner_any_ = true;
    if (null)
      inner_has_null_ = true;
    else
      keys_.insert(key);
  }
  void look_up() {
    const bool otherwise = node_.form == Form::all;
    answer_ = Datum::of_bool(otherwise);
    if (!inner_any_) return;
    bool null;
    const std::string_view key = key_of(*sought_, null);
    if (null)
      answer_ = Datum();
    else if (keys_.find(key))
      answer_ = Datum::of_bool(!otherwise);
    else if (inner_has_null_)
      answer_ = Datum();
  }

  // One row's vote: a true one decides ANY, a false one ALL; a null leaves the answer open.
  bool decides(const Datum* inner) {
    for (std::size_t i = width_; i < pair_.size(); ++i) pair_[i] = inner[i - width_];
    evaluator_.forget();
    const Datum vote = evaluator_.value(*node_.test, pair_.data());
    if (vote.null) {
      answer_ = Datum();
      return false;
    }
    if (vote.truth() != (node_.form == Form::any)) return false;
    answer_ = vote;
    return true;
  }

  const physical::Apply& node_;
  OperatorPtr input_, query_;
  std::size_t width_;
  RowStore inner_;    // rows of the subquery's current run
  Evaluator passed_;  // holds what the current run was given
  Evaluator evaluator_;
  // Of an equality (else null): what is looked for, and what each inner row offers.
  const storage::Expression* sought_ = nullptr;
  const storage::Expression* offered_ = nullptr;
  KeyMap keys_;
  OutBuffer key_;
  bool inner_any_ = false;
  bool inner_has_null_ = false;
  std::vector<Datum> values_, pair_;
  Datum answer_;
  std::size_t at_ = 0;     // of inner_: the next one to vote
  bool complete_ = false;  // inner_ or answer_ says all that the subquery has to say
  bool running_ = false;   // input_ stands on a row whose answer is being found
};

class ApplyRows : public Operator {
 public:
  ApplyRows(const physical::Apply& node, State& state)
      : Operator(state),
        node_(node),
        input_(make_operator(*node.inputs[0], state)),
        query_(make_operator(*node.inputs[1], state)),
        width_(node.inputs[0]->columns.size()),
        passed_(state) {
    values_.resize(width_ + node.inputs[1]->columns.size());
    row_ = values_.data();
  }

  void open() override {
    input_->open();
    running_ = false;
  }

  Step next(TimeSlice& slice) override {
    while (true) {
      if (!running_) {
        const Step step = input_->next(slice);
        if (step != Step::row) return step;
        start(input_->row());
      }
      const Step step = query_->next(slice);
      if (step == Step::row) std::copy_n(query_->row(), values_.size() - width_, values_.begin() + offset());
      if (step != Step::end) return step;
      running_ = false;
      if (slice.is_over()) return Step::yield;
    }
  }

 private:
  std::ptrdiff_t offset() const { return static_cast<std::ptrdiff_t>(width_); }
  void start(const Datum* row) {
    running_ = true;
    std::copy_n(row, width_, values_.begin());
    passed_.forget();
    for (const auto& [parameter, value] : node_.outer)
      state_.parameters[static_cast<std::size_t>(parameter)] = passed_.value(*value, row);
    query_->open();
  }

  const physical::Apply& node_;
  OperatorPtr input_, query_;
  std::size_t width_;
  Evaluator passed_;  // holds what the current run was given
  std::vector<Datum> values_;
  bool running_ = false;
};

}  // namespace

OperatorPtr make_apply(const physical::Apply& node, State& state) {
  if (node.form == Form::rows) return std::make_unique<ApplyRows>(node, state);
  return std::make_unique<Apply>(node, state);
}

}  // namespace gyre::adapter::exec
