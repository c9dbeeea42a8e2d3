// Grouping by hash: one state per group and aggregate, in an arena that lives as long as the groups. Groups
// come out in the order in which they were first met.
#include <algorithm>

#include "adapter/exec/key_set.h"
#include "adapter/exec/operators.h"
#include "storage/key.h"

namespace gyre::adapter::exec {
namespace {

class Aggregate : public Operator {
 public:
  Aggregate(const physical::Aggregate& node, State& state)
      : Operator(state),
        node_(node),
        input_(make_operator(node.input(), state)),
        evaluator_(state),
        finisher_(state),
        groups_by_key_(state),
        seen_(state) {
    arena_.set_budget(state.memory);
    key_bytes_.set_limit(state.memory.limit());
    for (const logical::ExpressionPtr& key : node.keys) key_types_.push_back(key->type());
    key_.resize(key_types_.size());
    values_.resize(node.columns.size());
    row_ = values_.data();
    for (const logical::AggregateCall& call : node.calls) any_ordered_ = any_ordered_ || !call.order.empty();
  }
  ~Aggregate() override { state_.account(accounted_, 0); }

  void open() override {
    input_->open();
    groups_by_key_.clear();
    seen_.clear();
    groups_.clear();
    lists_.clear();
    arena_.reset();
    state_.account(accounted_, 0);
    collected_ = false;
    next_ = 0;
    if (node_.keys.empty()) groups_.push_back(make_group());
  }

  Step next(TimeSlice& slice) override {
    while (!collected_) {
      const Step step = input_->next(slice);
      if (step == Step::yield) return step;
      if (step == Step::end) {
        collected_ = true;
        break;
      }
      fold(input_->row());
      if (slice.is_over()) return Step::yield;
    }
    if (next_ == groups_.size()) return Step::end;
    const Group& group = groups_[next_++];
    finisher_.forget();
    for (std::size_t i = 0; i < key_types_.size(); ++i) values_[i] = group.keys[i];
    if (any_ordered_) fold_ordered(next_ - 1);
    for (std::size_t i = 0; i < node_.calls.size(); ++i)
      values_[key_types_.size() + i] = node_.calls[i].function->finish(group.states[i], finisher_.arena());
    return Step::row;
  }

 private:
  struct Group {
    const Datum* keys;
    void** states;
  };

  Group make_group() {
    Group group{};
    group.keys = keep_row(key_types_, key_.data(), arena_);
    group.states = arena_.array<void*>(node_.calls.size()).data();
    for (std::size_t i = 0; i < node_.calls.size(); ++i) {
      const storage::AggregateDef& function = *node_.calls[i].function;
      group.states[i] = arena_.allocate(function.state_size, function.state_alignment);
      function.init(group.states[i]);
    }
    return group;
  }

  Group& group_of(const Datum* row) {
    if (key_types_.empty()) return groups_.front();
    for (std::size_t i = 0; i < key_.size(); ++i) key_[i] = evaluator_.value(*node_.keys[i], row);
    key_bytes_.clear();
    append_row_key(key_types_, key_.data(), key_bytes_);
    bool added;
    const std::int64_t at =
        groups_by_key_.at(key_bytes_.view(), static_cast<std::int64_t>(groups_.size()), added);
    if (added) groups_.push_back(make_group());
    last_ = static_cast<std::size_t>(at);
    return groups_[last_];
  }

  void fold(const Datum* row) {
    evaluator_.forget();
    last_ = 0;
    Group& group = group_of(row);
    for (std::size_t i = 0; i < node_.calls.size(); ++i) {
      const logical::AggregateCall& call = node_.calls[i];
      if (call.filter && !evaluator_.value(*call.filter, row).truth()) continue;
      arguments_.clear();
      for (const logical::ExpressionPtr& argument : call.arguments)
        arguments_.push_back(evaluator_.value(*argument, row));
      if (call.distinct && !is_first(i, call)) continue;
      if (!call.order.empty()) {
        keep(i, call);
        continue;
      }
      call.function->step(group.states[i], arguments_.data(), arena_);
    }
    const std::size_t bytes = groups_.capacity() * sizeof(Group) + kept_ * 2 * sizeof(Datum*);
    if (bytes != accounted_) state_.account(accounted_, bytes);
  }

  // Of a call with an order, the arguments wait until all are there.
  void keep(std::size_t call_number, const logical::AggregateCall& call) {
    argument_types_.clear();
    for (const logical::ExpressionPtr& argument : call.arguments) argument_types_.push_back(argument->type());
    if (lists_.size() < groups_.size()) lists_.resize(groups_.size());
    auto& lists = lists_[last_];
    if (lists.empty()) lists.resize(node_.calls.size());
    lists[call_number].push_back(keep_row(argument_types_, arguments_.data(), arena_));
    ++kept_;
  }

  void fold_ordered(std::size_t group) {
    if (group >= lists_.size() || lists_[group].empty()) return;
    for (std::size_t i = 0; i < node_.calls.size(); ++i) {
      const logical::AggregateCall& call = node_.calls[i];
      std::vector<Datum*>& rows = lists_[group][i];
      std::stable_sort(rows.begin(), rows.end(), [&](const Datum* a, const Datum* b) {
        for (const logical::SortKey& key : call.order) {
          const auto column = static_cast<std::size_t>(key.column);
          const int order = compare_for_sort(key, call.arguments[column]->type(), a[column], b[column]);
          if (order != 0) return order < 0;
        }
        return false;
      });
      for (const Datum* row : rows) call.function->step(groups_[group].states[i], row, arena_);
      rows.clear();
    }
  }

  // Whether these arguments are new to this aggregate of this group.
  bool is_first(std::size_t call_number, const logical::AggregateCall& call) {
    key_bytes_.clear();
    key_bytes_.append_u64(last_);
    key_bytes_.append_u32(static_cast<std::uint32_t>(call_number));
    for (std::size_t i = 0; i < arguments_.size(); ++i)
      storage::append_key_column(call.arguments[i]->type(), arguments_[i], key_bytes_);
    return seen_.insert(key_bytes_.view());
  }

  const physical::Aggregate& node_;
  OperatorPtr input_;
  Evaluator evaluator_;  // per input row
  Evaluator finisher_;   // per group answered
  std::vector<Type> key_types_;
  std::vector<Datum> key_, values_, arguments_;
  OutBuffer key_bytes_;
  KeyMap groups_by_key_;
  KeyMap seen_;  // (group, call, arguments) of DISTINCT aggregates
  Arena arena_;  // states and keys
  std::vector<Group> groups_;
  // Rows of calls with an order, per group and call, until the group is answered; in arena_.
  std::vector<std::vector<std::vector<Datum*>>> lists_;
  std::vector<Type> argument_types_;
  std::size_t kept_ = 0;
  bool any_ordered_ = false;
  std::size_t accounted_ = 0;
  std::size_t last_ = 0;  // the group of the current row
  std::size_t next_ = 0;
  bool collected_ = false;
};

}  // namespace

OperatorPtr make_aggregate(const physical::Aggregate& node, State& state) {
  return std::make_unique<Aggregate>(node, state);
}

}  // namespace gyre::adapter::exec
