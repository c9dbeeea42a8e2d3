// SELECT … FOR UPDATE: each row is locked as it passes. It stands below LIMIT, so that only what is answered
// is locked, and above ORDER BY.
#include <string>

#include "adapter/exec/operators.h"
#include "adapter/exec/row_locks.h"

namespace gyre::adapter::exec {
namespace {

class LockRows : public Operator {
 public:
  LockRows(const physical::LockRows& node, State& state)
      : Operator(state), node_(node), input_(make_operator(node.input(), state)) {}
  void open() override { input_->open(); }
  Step next(TimeSlice& slice) override {
    while (true) {
      const Step step = input_->next(slice);
      if (step != Step::row) return step;
      row_ = input_->row();
      if (lock()) return Step::row;
    }
  }

 private:
  // Without a lock table nobody else has locked anything, and this statement keeps nothing.
  bool lock() {
    RowLocks* locks = state_.context.locks;
    if (locks == nullptr) return true;
    for (const auto& each : node_.locks) {
      const Datum& key = row_[each.key];
      if (!key.null && !locks->lock_row(each.table, key.bytes(), each.mode, each.policy)) return false;
    }
    return true;
  }

  const physical::LockRows& node_;
  OperatorPtr input_;
};

}  // namespace

OperatorPtr make_lock_rows(const physical::LockRows& node, State& state) {
  return std::make_unique<LockRows>(node, state);
}

}  // namespace gyre::adapter::exec
