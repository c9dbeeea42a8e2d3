#include "adapter/exec/operators.h"

namespace gyre::adapter::exec {
namespace {

class Project : public Operator {
 public:
  Project(const physical::Project& node, State& state)
      : Operator(state), node_(node), input_(make_operator(node.input(), state)), evaluator_(state) {
    values_.resize(node.columns.size());
    row_ = values_.data();
  }
  void open() override { input_->open(); }
  Step next(TimeSlice& slice) override {
    const Step step = input_->next(slice);
    if (step != Step::row) return step;
    evaluator_.forget();
    for (std::size_t i = 0; i < values_.size(); ++i)
      values_[i] = evaluator_.value(*node_.expressions[i], input_->row());
    return Step::row;
  }

 private:
  const physical::Project& node_;
  OperatorPtr input_;
  Evaluator evaluator_;
  std::vector<Datum> values_;
};

}  // namespace

OperatorPtr make_project(const physical::Project& node, State& state) {
  return std::make_unique<Project>(node, state);
}

}  // namespace gyre::adapter::exec
