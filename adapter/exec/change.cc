// INSERT, UPDATE, DELETE, TRUNCATE. The whole change is evaluated first, against the snapshot as it was; then
// it is applied to the branch, which checks the constraints; then RETURNING is answered from the kept rows.
// An INSERT that does not read its own table has nothing to wait for, and keeps no rows. The applying is not
// sliced: nobody may see or touch the branch in between. It ends early only when the statement is canceled.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <unordered_set>

#include "adapter/exec/operators.h"
#include "adapter/exec/row_checks.h"
#include "adapter/exec/row_locks.h"
#include "adapter/exec/upsert.h"
#include "storage/branch.h"

namespace gyre::adapter::exec {
namespace {

// Whether inserting a row can meet a duplicate.
bool has_unique_keys(const storage::TableSchema& schema) {
  return !schema.has_row_id() || std::any_of(schema.indexes.begin(), schema.indexes.end(),
                                             [](const auto& index) { return index.unique; });
}

class Change : public Operator {
 public:
  Change(const physical::Change& node, State& state)
      : Operator(state),
        node_(node),
        input_(make_operator(node.input(), state)),
        rows_(state, node.input().columns),
        evaluator_(state) {
    values_.resize(node.returning.size());
  }
  void open() override {
    input_->open();
    rows_.clear();
    applied_ = false;
    next_ = 0;
  }
  Step next(TimeSlice& slice) override {
    if (!applied_) {
      const Step step = collect(slice);
      if (step != Step::end) return step;
      // Beyond this point nothing is read from the snapshot any more.
      state_.note_reads();
      state_.readers.clear();  // what they stand on is about to change
      apply();
      applied_ = true;
    }
    if (node_.returning.empty() || next_ == rows_.size()) return Step::end;
    evaluator_.forget();
    const Datum* row = rows_[next_++];
    for (std::size_t i = 0; i < values_.size(); ++i) values_[i] = evaluator_.value(*node_.returning[i], row);
    row_ = values_.data();
    return Step::row;
  }

 protected:
  virtual void apply() = 0;
  virtual bool wants(const Datum*) { return true; }
  storage::Branch& branch() { return *state_.context.branch; }
  // Null where changes are not locked.
  RowLocks* locks() const {
    RowLocks* locks = state_.context.locks;
    return locks != nullptr && locks->locks_changes() ? locks : nullptr;
  }
  const storage::TableSchema& schema() const { return *node_.table->schema; }
  // The row of the target under `key` is about to become `row` (empty: to go). No key: it is inserted.
  void lock_change(std::string_view key, std::span<const Datum> row) {
    branch().check_stopped();
    adapter::lock_change(*locks(), branch(), node_.table->id(), key, row);
  }
  // CHECK constraints, of a row that is about to be written.
  void check(std::span<const Datum> row) {
    if (node_.table->checks.empty()) return;
    branch().check_stopped();
    check_row(*node_.table, row, evaluator_.context());
    evaluator_.forget();
  }

  const physical::Change& node_;
  OperatorPtr input_;
  RowStore rows_;

 private:
  Step collect(TimeSlice& slice) {
    while (true) {
      const Step step = input_->next(slice);
      if (step != Step::row) return step;
      if (wants(input_->row())) rows_.add(input_->row());
      if (slice.is_over()) return Step::yield;
    }
  }

  Evaluator evaluator_;
  std::vector<Datum> values_;
  bool applied_ = false;
  std::size_t next_ = 0;
};

class Insert : public Change {
 public:
  Insert(const physical::Insert& node, State& state) : Change(node, state), insert_(node) {}

  Step next(TimeSlice& slice) override {
    if (!insert_.streams) return Change::next(slice);
    while (true) {
      const Step step = input_->next(slice);
      if (step != Step::row) return step;
      insert(input_->row());
      if (slice.is_over()) return Step::yield;
    }
  }

 private:
  void insert(const Datum* row) {
    const std::span<const Datum> values(row, node_.table->schema->columns.size());
    check(values);
    if (locks() != nullptr && has_unique_keys(schema())) lock_change({}, values);
    branch().insert(node_.table->id(), values);
    ++state_.affected;
  }

  void apply() override {
    if (insert_.on_conflict) return upsert();
    for (std::size_t i = 0; i < rows_.size(); ++i) insert(rows_[i]);
  }

  // Leaves the rows that were inserted or updated, as they are now.
  void upsert() {
    Upsert& upsert = upsert_.emplace(insert_, state_, rows_.size());
    std::size_t kept = 0;
    for (Datum* proposed : rows_.rows())
      if (Datum* row = upsert.apply(proposed)) rows_.rows()[kept++] = row;
    rows_.rows().resize(kept);
    state_.affected = kept;
  }

  const physical::Insert& insert_;
  std::optional<Upsert> upsert_;  // keeps the rows for RETURNING
};

// Rows of a target, each once, with its key behind the columns.
class ChangeByKey : public Change {
 public:
  using Change::Change;

 protected:
  std::size_t width() const { return node_.table->schema->columns.size(); }
  std::string_view key_of(std::size_t row) const { return rows_[row][width()].bytes(); }

 private:
  bool wants(const Datum* row) override { return seen_.insert(std::string(row[width()].bytes())).second; }
  std::unordered_set<std::string> seen_;  // a join may offer a row several times: the first one counts
};

class Update : public ChangeByKey {
 public:
  using ChangeByKey::ChangeByKey;

 private:
  void apply() override {
    std::vector<storage::RowUpdate> updates;
    for (std::size_t i = 0; i < rows_.size(); ++i) check({rows_[i], width()});
    if (locks() != nullptr)
      for (std::size_t i = 0; i < rows_.size(); ++i) lock_change(key_of(i), {rows_[i], width()});
    for (std::size_t i = 0; i < rows_.size(); ++i) updates.push_back({key_of(i), {rows_[i], width()}});
    if (!updates.empty()) branch().apply_update_set(node_.table->id(), updates);
    state_.affected = updates.size();
  }
};

class Delete : public ChangeByKey {
 public:
  using ChangeByKey::ChangeByKey;

 private:
  void apply() override {
    if (locks() != nullptr)
      for (std::size_t i = 0; i < rows_.size(); ++i) lock_change(key_of(i), {});
    for (std::size_t i = 0; i < rows_.size(); ++i)
      if (branch().erase(node_.table->id(), key_of(i))) ++state_.affected;
  }
};

class Truncate : public Operator {
 public:
  Truncate(const physical::Truncate& node, State& state) : Operator(state), node_(node) {}
  void open() override {}
  Step next(TimeSlice&) override {
    storage::Branch& branch = *state_.context.branch;
    for (const RelationId table : node_.tables) branch.truncate(table);
    for (const auto& [sequence, start] : node_.restarts) {
      branch.truncate(sequence);
      branch.insert(sequence, std::array{Datum::of_integer(start), Datum::of_integer(0), Datum::of_bool(false)});
    }
    return Step::end;
  }

 private:
  const physical::Truncate& node_;
};

}  // namespace

OperatorPtr make_insert(const physical::Insert& node, State& state) {
  return std::make_unique<Insert>(node, state);
}
OperatorPtr make_update(const physical::Change& node, State& state) {
  return std::make_unique<Update>(node, state);
}
OperatorPtr make_delete(const physical::Change& node, State& state) {
  return std::make_unique<Delete>(node, state);
}
OperatorPtr make_truncate(const physical::Truncate& node, State& state) {
  return std::make_unique<Truncate>(node, state);
}

}  // namespace gyre::adapter::exec
