// UNION, INTERSECT and EXCEPT. The latter two count the right rows first; ALL pairs left rows off against
// these counts, without ALL every row comes once.
#include "adapter/exec/key_set.h"
#include "adapter/exec/operators.h"

namespace gyre::adapter::exec {
namespace {

using logical::SetKind;

class SetOperation : public Operator {
 public:
  SetOperation(const physical::SetOperation& node, State& state)
      : Operator(state),
        node_(node),
        left_(make_operator(*node.inputs[0], state)),
        right_(make_operator(*node.inputs[1], state)),
        counts_(state),
        seen_(state) {
    key_.set_limit(state.memory.limit());
  }

  void open() override {
    left_->open();
    right_->open();
    counts_.clear();
    seen_.clear();
    counted_ = node_.set == SetKind::union_;
    left_ended_ = false;
  }

  Step next(TimeSlice& slice) override {
    while (!counted_) {
      const Step step = right_->next(slice);
      if (step == Step::yield) return step;
      if (step == Step::end) {
        counted_ = true;
        break;
      }
      bool added;
      ++counts_.at(key_of(right_->row()), 0, added);
      if (slice.is_over()) return Step::yield;
    }
    while (true) {
      Operator& input = left_ended_ ? *right_ : *left_;
      const Step step = input.next(slice);
      if (step == Step::yield) return step;
      if (step == Step::end) {
        if (left_ended_ || node_.set != SetKind::union_) return Step::end;
        left_ended_ = true;
        continue;
      }
      row_ = input.row();
      if (passes()) return Step::row;
      if (slice.is_over()) return Step::yield;
    }
  }

 private:
  std::string_view key_of(const Datum* row) {
    key_.clear();
    append_row_key(node_.columns, row, key_);
    return key_.view();
  }

  bool passes() {
    if (node_.set == SetKind::union_) return node_.all || seen_.insert(key_of(row_));
    std::int64_t* count = counts_.find(key_of(row_));
    const bool wanted = (count != nullptr && *count > 0) == (node_.set == SetKind::intersect);
    if (node_.all) {
      if (count && *count > 0) --*count;
      return wanted;
    }
    return wanted && seen_.insert(key_.view());
  }

  const physical::SetOperation& node_;
  OperatorPtr left_, right_;
  KeyMap counts_;  // how often the right side has each row (ALL: has left of it)
  KeyMap seen_;    // rows already answered
  OutBuffer key_;
  bool counted_ = false;
  bool left_ended_ = false;
};

}  // namespace

OperatorPtr make_set_operation(const physical::SetOperation& node, State& state) {
  return std::make_unique<SetOperation>(node, state);
}

}  // namespace gyre::adapter::exec
