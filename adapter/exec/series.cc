// generate_series(start, stop, step), unnest(array) and aclexplode(list).
#include "adapter/catalog/acl_rows.h"
#include "adapter/exec/operators.h"
#include "storage/failure.h"
#include "storage/types/array_text.h"

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

class Unnest : public Operator {
 public:
  Unnest(const physical::Series& node, State& state)
      : Operator(state), node_(node), evaluator_(state), parser_(state) {
    row_ = &value_;
  }
  void open() override {
    evaluator_.forget();
    const Datum array = evaluator_.value(*node_.array, nullptr);
    elements_.clear();
    if (!array.null) elements_ = storage::parse_text_array(array.bytes());
    next_ = 0;
  }
  Step next(TimeSlice& slice) override {
    if (next_ == elements_.size()) return Step::end;
    if (slice.is_over()) return Step::yield;
    parser_.forget();
    const auto& text = elements_[next_++];
    value_ = text ? storage::traits(node_.columns.front()).parse(*text, state_.default_style, parser_.arena())
                  : Datum();
    return Step::row;
  }

 private:
  const physical::Series& node_;
  Evaluator evaluator_;
  Evaluator parser_;
  storage::TextArray elements_;
  Datum value_;
  std::size_t next_ = 0;
};

class Privileges : public Operator {
 public:
  Privileges(const physical::Series& node, State& state) : Operator(state), node_(node), evaluator_(state) {
    row_ = values_;
  }
  void open() override {
    evaluator_.forget();
    const Datum list = evaluator_.value(*node_.acl, nullptr);
    rows_.clear();
    if (!list.null) rows_ = acl_rows(list.bytes(), *state_.context.catalog);
    next_ = 0;
  }
  Step next(TimeSlice& slice) override {
    if (next_ == rows_.size()) return Step::end;
    if (slice.is_over()) return Step::yield;
    const AclRow& row = rows_[next_++];
    values_[0] = Datum::of_integer(row.grantor.value);
    values_[1] = Datum::of_integer(row.grantee.value);
    values_[2] = Datum::of_bytes(row.privilege);
    values_[3] = Datum::of_bool(row.grantable);
    return Step::row;
  }

 private:
  const physical::Series& node_;
  Evaluator evaluator_;
  std::vector<AclRow> rows_;
  Datum values_[4];
  std::size_t next_ = 0;
};

}  // namespace

OperatorPtr make_series(const physical::Series& node, State& state) {
  if (node.acl) return std::make_unique<Privileges>(node, state);
  if (node.array) return std::make_unique<Unnest>(node, state);
  return std::make_unique<Series>(node, state);
}

}  // namespace gyre::adapter::exec
