// What all operators share. An operator is the state of one physical node in one execution: open() puts it at
// the start (again), next() goes to the next row, or says that there is none or that the slice is over. A
// yield is passed up by every parent, which keeps its place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "adapter/exec/executor.h"
#include "adapter/plan/physical.h"
#include "reactor/base/arena.h"
#include "storage/datum.h"
#include "storage/scalar/hoist.h"
#include "storage/type.h"

namespace gyre::adapter::exec {

using storage::Datum;
using storage::Type;

class Operator;

// Of one execution, shared by its operators.
struct State {
  ExecutionContext context;
  MemoryBudget memory;  // what the operators may keep, and make
  std::vector<storage::Hoisted> hoisted;  // what expressions remember for the whole execution
  Arena hoist_arena;
  std::vector<Datum> parameters;  // the caller's, and behind them what Apply passes; never resized
  storage::TextStyle default_style;
  std::uint64_t affected = 0;
  std::vector<Operator*> readers;  // operators that have something for the read set

  // Adds to the read set what the readers have read so far.
  void note_reads() noexcept;
  // `now` instead of `before` bytes are kept beside what arenas have; throws OverBudget above the limit. Sets
  // before = now.
  void account(std::size_t& before, std::size_t now);
};

class Operator {
 public:
  explicit Operator(State& state) : state_(state) {}
  virtual ~Operator() = default;
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;

  virtual void open() = 0;
  virtual Step next(TimeSlice& slice) = 0;
  // Of a reader (State::readers). May be called again and again.
  virtual void note_reads() noexcept {}
  // After Step::row: the row, valid until the next call of next() or open().
  const Datum* row() const { return row_; }

 protected:
  State& state_;
  const Datum* row_ = nullptr;
};
using OperatorPtr = std::unique_ptr<Operator>;

OperatorPtr make_operator(const physical::Node& node, State& state);

// Evaluates expressions over one row at a time; what they allocate lasts until forget().
class Evaluator {
 public:
  explicit Evaluator(State& state);

  Datum value(const storage::Expression& expression, const Datum* row) {
    context_.columns = row;
    return expression.evaluate(context_);
  }
  bool all_true(const std::vector<storage::ExpressionPtr>& conditions, const Datum* row) {
    context_.columns = row;
    for (const storage::ExpressionPtr& condition : conditions)
      if (!condition->evaluate(context_).truth()) return false;
    return true;
  }
  void forget() { arena_.reset(); }
  storage::EvalContext& context() { return context_; }
  Arena& arena() { return arena_; }

 private:
  Arena arena_;
  storage::EvalContext context_;
};

// A copy of the row, bytes and all, in the arena.
Datum* keep_row(std::span<const Type> types, const Datum* row, Arena& arena);

// Rows kept in memory, counted against the statement's limit.
class RowStore {
 public:
  RowStore(State& state, std::vector<Type> types) : state_(state), types_(std::move(types)) {
    arena_.set_budget(state.memory);
  }
  ~RowStore() { clear(); }
  RowStore(const RowStore&) = delete;
  RowStore& operator=(const RowStore&) = delete;

  const Datum* add(const Datum* row);
  void clear();
  std::size_t size() const { return rows_.size(); }
  const Datum* operator[](std::size_t i) const { return rows_[i]; }
  std::vector<Datum*>& rows() { return rows_; }
  std::span<const Type> types() const { return types_; }

 private:
  State& state_;
  std::vector<Type> types_;
  Arena arena_;
  std::vector<Datum*> rows_;
  std::size_t accounted_ = 0;
};

// <0, 0, >0: which of two values of a type comes first by the key.
inline int compare_for_sort(const physical::SortKey& key, Type type, const Datum& a, const Datum& b) {
  if (a.null || b.null) {
    if (a.null && b.null) return 0;
    return a.null == key.nulls_first ? -1 : 1;
  }
  const int order = storage::traits(type).compare(a, b);
  return order == 0 ? 0 : (order < 0) != key.descending ? -1 : 1;
}

// The bytes by which rows are equal: nulls equal each other.
void append_row_key(std::span<const Type> types, const Datum* row, OutBuffer& key);

}  // namespace gyre::adapter::exec
