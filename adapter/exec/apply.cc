// Runs a subquery for each row of its input and adds the answer as a column. A subquery that reads nothing of
// the row is run once: its value is remembered, or, for ANY and ALL, its rows.
#include "adapter/exec/operators.h"
#include "adapter/sql_error.h"

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
        evaluator_(state) {
    values_.resize(width_ + 1);
    pair_.resize(width_ + node.inputs[1]->columns.size());
    row_ = values_.data();
  }

  void open() override {
    input_->open();
    inner_.clear();
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
      const Datum* kept = inner_.add(query_->row());
      if (node_.form == Form::scalar) answer_ = kept[0];
      if (slice.is_over()) return Step::yield;
    }
    if (!tests()) return Step::row;
    for (; at_ < inner_.size(); ++at_) {
      if (decides(inner_[at_])) return Step::row;
      if (slice.is_over()) {
        ++at_;
        return Step::yield;
      }
    }
    return Step::row;
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
  std::vector<Datum> values_, pair_;
  Datum answer_;
  std::size_t at_ = 0;     // of inner_: the next one to vote
  bool complete_ = false;  // inner_ or answer_ says all that the subquery has to say
  bool running_ = false;   // input_ stands on a row whose answer is being found
};

}  // namespace

OperatorPtr make_apply(const physical::Apply& node, State& state) {
  return std::make_unique<Apply>(node, state);
}

}  // namespace gyre::adapter::exec
