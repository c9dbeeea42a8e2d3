// The first row of each set of rows that agree in some columns: by a set of keys, or, over sorted input, by
// the key of the row before.
#include <string>

#include "adapter/exec/key_set.h"
#include "adapter/exec/operators.h"
#include "storage/key.h"

namespace gyre::adapter::exec {
namespace {

class Distinct : public Operator {
 public:
  Distinct(const physical::Distinct& node, State& state)
      : Operator(state), node_(node), input_(make_operator(node.input(), state)), seen_(state) {
    key_.set_limit(state.memory.limit());
  }
  void open() override {
    input_->open();
    seen_.clear();
    any_ = false;
  }
  Step next(TimeSlice& slice) override {
    while (true) {
      const Step step = input_->next(slice);
      if (step != Step::row) return step;
      row_ = input_->row();
      if (is_new()) return Step::row;
      if (slice.is_over()) return Step::yield;
    }
  }

 private:
  bool is_new() {
    key_.clear();
    for (const int column : node_.by) {
      const auto at = static_cast<std::size_t>(column);
      storage::append_key_column(node_.columns[at], row_[at], key_);
    }
    if (!node_.sorted) return seen_.insert(key_.view());
    if (any_ && key_.view() == previous_) return false;
    any_ = true;
    previous_.assign(key_.view());
    return true;
  }

  const physical::Distinct& node_;
  OperatorPtr input_;
  KeyMap seen_;
  OutBuffer key_;
  std::string previous_;
  bool any_ = false;
};

}  // namespace

OperatorPtr make_distinct(const physical::Distinct& node, State& state) {
  return std::make_unique<Distinct>(node, state);
}

}  // namespace gyre::adapter::exec
