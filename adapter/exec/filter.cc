#include "adapter/exec/operators.h"

namespace gyre::adapter::exec {
namespace {

class Filter : public Operator {
 public:
  Filter(const physical::Filter& node, State& state)
      : Operator(state), node_(node), input_(make_operator(node.input(), state)), evaluator_(state) {}
  void open() override { input_->open(); }
  Step next(TimeSlice& slice) override {
    while (true) {
      const Step step = input_->next(slice);
      if (step != Step::row) return step;
      row_ = input_->row();
      evaluator_.forget();
      if (evaluator_.all_true(node_.conditions, row_)) return Step::row;
      if (slice.is_over()) return Step::yield;
    }
  }

 private:
  const physical::Filter& node_;
  OperatorPtr input_;
  Evaluator evaluator_;
};

}  // namespace

OperatorPtr make_filter(const physical::Filter& node, State& state) {
  return std::make_unique<Filter>(node, state);
}

}  // namespace gyre::adapter::exec
