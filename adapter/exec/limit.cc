#include "adapter/exec/operators.h"
#include "adapter/sql_error.h"

namespace gyre::adapter::exec {

RowCounts row_counts(const storage::Expression* limit, const storage::Expression* offset,
                     Evaluator& evaluator) {
  RowCounts counts;
  if (offset) {
    const Datum value = evaluator.value(*offset, nullptr);
    if (!value.null) counts.offset = value.integer;
    if (counts.offset < 0) throw SqlError("2201X", "OFFSET must not be negative");
  }
  if (limit) {
    const Datum value = evaluator.value(*limit, nullptr);
    if (!value.null && value.integer < 0) throw SqlError("2201W", "LIMIT must not be negative");
    if (!value.null) counts.limit = value.integer;
  }
  return counts;
}

namespace {

class Limit : public Operator {
 public:
  Limit(const physical::Limit& node, State& state)
      : Operator(state), node_(node), input_(make_operator(node.input(), state)), evaluator_(state) {}
  void open() override {
    counts_ = row_counts(node_.limit.get(), node_.offset.get(), evaluator_);
    passed_ = 0;
    skipped_ = 0;
    input_->open();
  }
  Step next(TimeSlice& slice) override {
    while (counts_.limit < 0 || passed_ < counts_.limit) {
      const Step step = input_->next(slice);
      if (step != Step::row) return step;
      if (skipped_ == counts_.offset) {
        ++passed_;
        row_ = input_->row();
        return Step::row;
      }
      ++skipped_;
      if (slice.is_over()) return Step::yield;
    }
    return Step::end;
  }

 private:
  const physical::Limit& node_;
  OperatorPtr input_;
  Evaluator evaluator_;
  RowCounts counts_;
  std::int64_t passed_ = 0, skipped_ = 0;
};

}  // namespace

OperatorPtr make_limit(const physical::Limit& node, State& state) {
  return std::make_unique<Limit>(node, state);
}

}  // namespace gyre::adapter::exec
