// Joins keep their right input in memory and pass over the left one. The nested loop tries every pair; the
// hash join only those whose keys are equal. Rows of an outer side that found no partner come out with nulls
// in the other's place: a left row when its candidates are used up, right rows at the very end.
#include "adapter/exec/key_set.h"
#include "adapter/exec/operators.h"

namespace gyre::adapter::exec {
namespace {

constexpr std::int64_t kNone = -1;

class Join : public Operator {
 public:
  Join(const physical::Join& node, State& state)
      : Operator(state),
        node_(node),
        left_(make_operator(*node.inputs[0], state)),
        right_(make_operator(*node.inputs[1], state)),
        left_width_(node.inputs[0]->columns.size()),
        rows_(state, node.inputs[1]->columns),
        heads_(state),
        evaluator_(state) {
    key_.set_limit(state.memory.limit());
    values_.resize(node.columns.size());
    row_ = values_.data();
    for (const logical::ExpressionPtr& key : node.left_keys) key_types_.push_back(key->type());
  }

  void open() override {
    left_->open();
    right_->open();
    rows_.clear();
    heads_.clear();
    next_.clear();
    matched_.clear();
    phase_ = Phase::collect;
    at_ = kNone;
    has_left_ = false;
  }

  Step next(TimeSlice& slice) override {
    while (true) {
      const Step step = advance(slice);
      if (step != Step::row || emitted_) return step;
      if (slice.is_over()) return Step::yield;
    }
  }

 private:
  enum class Phase : std::uint8_t { collect, pairs, rest, done };

  bool hashed() const { return !key_types_.empty(); }
  bool keeps_left() const {
    return node_.join == logical::JoinKind::left || node_.join == logical::JoinKind::full;
  }
  bool keeps_right() const {
    return node_.join == logical::JoinKind::right || node_.join == logical::JoinKind::full;
  }

  // One step of work: emitted_ says whether it made a row.
  Step advance(TimeSlice& slice) {
    emitted_ = false;
    switch (phase_) {
      case Phase::collect:
        return collect(slice);
      case Phase::pairs:
        return has_left_ ? try_pair() : next_left(slice);
      case Phase::rest:
        return unmatched_right();
      case Phase::done:
        break;
    }
    return Step::end;
  }

  Step collect(TimeSlice& slice) {
    const Step step = right_->next(slice);
    if (step == Step::yield) return step;
    if (step == Step::end) {
      phase_ = Phase::pairs;
      return Step::row;
    }
    const auto index = static_cast<std::int64_t>(rows_.size());
    rows_.add(right_->row());
    if (keeps_right()) matched_.push_back(false);
    if (!hashed()) return Step::row;
    next_.push_back(kNone);
    if (!make_key(node_.right_keys, right_->row())) return Step::row;
    bool added;
    std::int64_t& head = heads_.at(key_.view(), index, added);
    if (!added) {
      // Behind the first, so that only the head moves.
      next_.back() = next_[static_cast<std::size_t>(head)];
      next_[static_cast<std::size_t>(head)] = index;
    }
    return Step::row;
  }

  // False if a key is null: such a row equals none.
  bool make_key(const std::vector<logical::ExpressionPtr>& keys, const Datum* row) {
    evaluator_.forget();
    key_.clear();
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const Datum value = evaluator_.value(*keys[i], row);
      if (value.null) return false;
      append_row_key({&key_types_[i], 1}, &value, key_);
    }
    return true;
  }

  Step next_left(TimeSlice& slice) {
    const Step step = left_->next(slice);
    if (step == Step::yield) return step;
    if (step == Step::end) {
      phase_ = keeps_right() ? Phase::rest : Phase::done;
      at_ = 0;
      return Step::row;
    }
    for (std::size_t i = 0; i < left_width_; ++i) values_[i] = left_->row()[i];
    has_left_ = true;
    left_matched_ = false;
    at_ = rows_.size() == 0 ? kNone : 0;
    if (hashed()) {
      const std::int64_t* head = make_key(node_.left_keys, left_->row()) ? heads_.find(key_.view()) : nullptr;
      at_ = head ? *head : kNone;
    }
    return Step::row;
  }

  // The current left row with the current candidate; without one the left row is finished.
  Step try_pair() {
    if (at_ == kNone) {
      has_left_ = false;
      if (!left_matched_ && keeps_left()) {
        for (std::size_t i = left_width_; i < values_.size(); ++i) values_[i] = Datum();
        emitted_ = true;
      }
      return Step::row;
    }
    const auto candidate = static_cast<std::size_t>(at_);
    const Datum* right = rows_[candidate];
    for (std::size_t i = left_width_; i < values_.size(); ++i) values_[i] = right[i - left_width_];
    if (hashed()) {
      at_ = next_[candidate];
    } else if (static_cast<std::size_t>(++at_) == rows_.size()) {
      at_ = kNone;
    }
    evaluator_.forget();
    if (!evaluator_.all_true(node_.conditions, row_)) return Step::row;
    left_matched_ = true;
    if (keeps_right()) matched_[candidate] = true;
    emitted_ = true;
    return Step::row;
  }

  Step unmatched_right() {
    const auto candidate = static_cast<std::size_t>(at_);
    if (candidate == rows_.size()) {
      phase_ = Phase::done;
      return Step::end;
    }
    ++at_;
    if (matched_[candidate]) return Step::row;
    for (std::size_t i = 0; i < left_width_; ++i) values_[i] = Datum();
    for (std::size_t i = left_width_; i < values_.size(); ++i) values_[i] = rows_[candidate][i - left_width_];
    emitted_ = true;
    return Step::row;
  }

  const physical::Join& node_;
  OperatorPtr left_, right_;
  std::size_t left_width_;
  RowStore rows_;                   // the right input
  KeyMap heads_;                    // hash join: key → first row
  std::vector<std::int64_t> next_;  // … and from row to row of the same key
  std::vector<bool> matched_;       // right rows, for right and full joins
  Evaluator evaluator_;
  std::vector<Type> key_types_;
  std::vector<Datum> values_;
  OutBuffer key_;
  Phase phase_ = Phase::done;
  std::int64_t at_ = kNone;  // the candidate in rows_
  bool has_left_ = false;
  bool left_matched_ = false;
  bool emitted_ = false;
};

}  // namespace

OperatorPtr make_nested_loop_join(const physical::Join& node, State& state) {
  return std::make_unique<Join>(node, state);
}
OperatorPtr make_hash_join(const physical::Join& node, State& state) {
  return std::make_unique<Join>(node, state);
}

}  // namespace gyre::adapter::exec
