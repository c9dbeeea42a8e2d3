#include "adapter/exec/operator.h"

#include "adapter/exec/meter.h"
#include "adapter/exec/operators.h"
#include "adapter/plan/datum_kind.h"
#include "storage/failure.h"
#include "storage/key.h"

namespace gyre::adapter::exec {

void State::account(std::size_t& before, std::size_t now) {
  if (now > before)
    memory.take(now - before);
  else
    memory.give_back(before - now);
  before = now;
}

void State::note_reads() noexcept {
  for (Operator* reader : readers) reader->note_reads();
}

Evaluator::Evaluator(State& state) {
  arena_.set_budget(state.memory);
  context_.parameters = state.parameters.data();
  context_.arena = &arena_;
  context_.style = state.context.style ? state.context.style : &state.default_style;
  context_.session = state.context.session;
  context_.transaction_us = state.context.transaction_us;
  context_.statement_us = state.context.statement_us;
  if (!state.hoisted.empty()) {
    context_.hoisted = state.hoisted.data();
    context_.hoist_arena = &state.hoist_arena;
  }
}

Datum* keep_row(std::span<const Type> types, const Datum* row, Arena& arena) {
  Datum* kept = arena.array<Datum>(types.size()).data();
  for (std::size_t i = 0; i < types.size(); ++i) {
    kept[i] = row[i];
    if (!row[i].null && is_by_reference(types[i].id)) kept[i] = Datum::of_bytes(arena.copy(row[i].bytes()));
  }
  return kept;
}

const Datum* RowStore::add(const Datum* row) {
  rows_.push_back(keep_row(types_, row, arena_));
  const std::size_t bytes = rows_.capacity() * sizeof(Datum*);
  if (bytes != accounted_) state_.account(accounted_, bytes);
  return rows_.back();
}

void RowStore::clear() {
  rows_.clear();
  arena_.reset();
  state_.account(accounted_, 0);
}

void append_row_key(std::span<const Type> types, const Datum* row, OutBuffer& key) {
  for (std::size_t i = 0; i < types.size(); ++i) storage::append_key_column(types[i], row[i], key);
}

namespace {

// Counts and times another, for EXPLAIN ANALYZE.
class Metered final : public Operator {
 public:
  Metered(ExecutionMeter::Node& meter, OperatorPtr inner, State& state)
      : Operator(state), meter_(meter), inner_(std::move(inner)) {}

  void open() override {
    const std::uint64_t begin = SpanClock::ticks();
    ++meter_.loops;
    inner_->open();
    meter_.ticks += SpanClock::ticks() - begin;
  }
  Step next(TimeSlice& slice) override {
    const std::uint64_t begin = SpanClock::ticks();
    const Step step = inner_->next(slice);
    meter_.ticks += SpanClock::ticks() - begin;
    if (step == Step::row) ++meter_.rows;
    row_ = inner_->row();
    return step;
  }

 private:
  ExecutionMeter::Node& meter_;
  OperatorPtr inner_;
};

OperatorPtr make_plain(const physical::Node& node, State& state);

}  // namespace

// (A map's values stay where they are.)
OperatorPtr make_operator(const physical::Node& node, State& state) {
  OperatorPtr made = make_plain(node, state);
  ExecutionMeter* const meter = state.context.meter;
  if (meter == nullptr) return made;
  return std::make_unique<Metered>(meter->nodes[&node], std::move(made), state);
}

namespace {

OperatorPtr make_plain(const physical::Node& node, State& state) {
  using physical::Kind;
  switch (node.kind) {
    case Kind::table_scan:
      return make_table_scan(static_cast<const physical::TableScan&>(node), state);
    case Kind::system_scan:
      return make_system_scan(static_cast<const physical::SystemScan&>(node), state);
    case Kind::series:
      return make_series(static_cast<const physical::Series&>(node), state);
    case Kind::values:
      return make_values(static_cast<const physical::Values&>(node), state);
    case Kind::given_rows:
      return make_given_rows(static_cast<const physical::Given&>(node), state);
    case Kind::filter:
      return make_filter(static_cast<const physical::Filter&>(node), state);
    case Kind::project:
      return make_project(static_cast<const physical::Project&>(node), state);
    case Kind::sort:
      return make_sort(static_cast<const physical::Sort&>(node), state);
    case Kind::limit:
      return make_limit(static_cast<const physical::Limit&>(node), state);
    case Kind::distinct:
      return make_distinct(static_cast<const physical::Distinct&>(node), state);
    case Kind::aggregate:
      return make_aggregate(static_cast<const physical::Aggregate&>(node), state);
    case Kind::nested_loop_join:
      return make_nested_loop_join(static_cast<const physical::Join&>(node), state);
    case Kind::hash_join:
      return make_hash_join(static_cast<const physical::Join&>(node), state);
    case Kind::set_operation:
      return make_set_operation(static_cast<const physical::SetOperation&>(node), state);
    case Kind::apply:
      return make_apply(static_cast<const physical::Apply&>(node), state);
    case Kind::lock_rows:
      return make_lock_rows(static_cast<const physical::LockRows&>(node), state);
    case Kind::insert:
      return make_insert(static_cast<const physical::Insert&>(node), state);
    case Kind::update:
      return make_update(static_cast<const physical::Change&>(node), state);
    case Kind::delete_:
      return make_delete(static_cast<const physical::Change&>(node), state);
    case Kind::truncate:
      break;
  }
  return make_truncate(static_cast<const physical::Truncate&>(node), state);
}

}  // namespace

}  // namespace gyre::adapter::exec
