#include "adapter/exec/executor.h"

#include <time.h>

#include "adapter/exec/operator.h"
#include "storage/failure.h"

namespace gyre::adapter {
namespace {

std::int64_t monotonic_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

class Running : public Execution {
 public:
  Running(const Plan& plan, const ExecutionContext& context) {
    state_.context = context;
    state_.memory.set_limit(context.memory_limit);
    state_.hoist_arena.set_budget(state_.memory);
    state_.parameters.assign(context.parameters.begin(), context.parameters.end());
    const std::size_t given = plan.parameter_types.size() + plan.literal_types.size();
    state_.parameters.resize(given + static_cast<std::size_t>(plan.root->extra_parameters));
    state_.hoisted.resize(static_cast<std::size_t>(plan.hoisted_places));
    root_ = exec::make_operator(*plan.root, state_);
  }

  Step next(TimeSlice& slice, const storage::Datum*& values) override {
    try {
      return advance(slice, values);
    } catch (const OverBudget& refused) {
      throw storage::Failure(storage::Fault::out_of_memory, "out of memory", refused.detail());
    }
  }
  std::uint64_t affected() const override { return state_.affected; }
  void note_reads() noexcept override { state_.note_reads(); }

 private:
  Step advance(TimeSlice& slice, const storage::Datum*& values) {
    if (!opened_) root_->open();
    opened_ = true;
    if (ended_) return Step::end;
    const Step step = root_->next(slice);
    if (step == Step::row) values = root_->row();
    if (step == Step::end) ended_ = true;
    return step;
  }
  exec::State state_;
  exec::OperatorPtr root_;
  bool opened_ = false;
  bool ended_ = false;
};

}  // namespace

TimeSlice TimeSlice::of_us(std::int64_t slice_us) {
  return TimeSlice(monotonic_ns() + slice_us * 1000);
}

bool TimeSlice::clock_says_over() const {
  return monotonic_ns() >= deadline_ns_;
}

std::unique_ptr<Execution> execute(const Plan& plan, const ExecutionContext& context) {
  return std::make_unique<Running>(plan, context);
}

}  // namespace gyre::adapter
