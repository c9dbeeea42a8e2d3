// generate_series(start, stop, step).
#include "adapter/exec/operators.h"
#include "storage/failure.h"

namespace gyre::adapter::exec {
namespace {

class Series : public Operator {
 public:
  Series(const physical::Series& node, State& state) : Operator(state), node_(node), evaluator_(state) {
    row_ = &value_;
  }
  void open() override {
    const Datum start = evaluator_.value(*node_.start, nullptr);
    const Datum stop = evaluator_.value(*node_.stop, nullptr);
    const Datum step = node_.step ? evaluator_.value(*node_.step, nullptr) : Datum::of_integer(1);
    done_ = start.null || stop.null || step.null;
    if (done_) return;
    if (step.integer == 0)
      throw storage::Failure(storage::Fault::invalid_parameter_value, "step size cannot equal zero");
    at_ = start.integer;
    stop_ = stop.integer;
    step_ = step.integer;
  }
  Step next(TimeSlice& slice) override {
    if (done_ || (step_ > 0 ? at_ > stop_ : at_ < stop_)) return Step::end;
    if (slice.is_over()) return Step::yield;
    value_ = Datum::of_integer(at_);
    done_ = __builtin_add_overflow(at_, step_, &at_);
    return Step::row;
  }

 private:
  const physical::Series& node_;
  Evaluator evaluator_;
  Datum value_;
  std::int64_t at_ = 0, stop_ = 0, step_ = 1;
  bool done_ = true;
};

}  // namespace

OperatorPtr make_series(const physical::Series& node, State& state) {
  return std::make_unique<Series>(node, state);
}

}  // namespace gyre::adapter::exec
