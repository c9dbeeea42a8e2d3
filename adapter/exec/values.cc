#include "adapter/exec/operators.h"

namespace gyre::adapter::exec {
namespace {

class Values : public Operator {
 public:
  Values(const physical::Values& node, State& state) : Operator(state), node_(node), evaluator_(state) {
    values_.resize(node.columns.size());
    row_ = values_.data();
  }
  void open() override { next_ = 0; }
  Step next(TimeSlice& slice) override {
    if (next_ == node_.rows.size()) return Step::end;
    if (next_ > 0 && slice.is_over()) return Step::yield;
    evaluator_.forget();
    const auto& expressions = node_.rows[next_++];
    for (std::size_t i = 0; i < expressions.size(); ++i)
      values_[i] = evaluator_.value(*expressions[i], nullptr);
    return Step::row;
  }

 private:
  const physical::Values& node_;
  Evaluator evaluator_;
  std::vector<Datum> values_;
  std::size_t next_ = 0;
};

}  // namespace

OperatorPtr make_values(const physical::Values& node, State& state) {
  return std::make_unique<Values>(node, state);
}

}  // namespace gyre::adapter::exec
