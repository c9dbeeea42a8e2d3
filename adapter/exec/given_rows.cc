// Rows that the caller brought along.
#include "adapter/exec/operators.h"

namespace gyre::adapter::exec {
namespace {

class GivenRowsScan : public Operator {
 public:
  GivenRowsScan(const physical::Given& node, State& state) : Operator(state), width_(node.columns.size()) {}
  void open() override { state_.context.given->taken = 0; }
  Step next(TimeSlice& slice) override {
    GivenRows& given = *state_.context.given;
    if (given.taken == given.count) return Step::end;
    if (given.taken > 0 && slice.is_over()) return Step::yield;
    row_ = given.values.data() + width_ * given.taken++;
    return Step::row;
  }

 private:
  const std::size_t width_;
};

}  // namespace

OperatorPtr make_given_rows(const physical::Given& node, State& state) {
  return std::make_unique<GivenRowsScan>(node, state);
}

}  // namespace gyre::adapter::exec
