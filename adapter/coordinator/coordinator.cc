// Statements of one batch run one after the other on one branch of the published database, each seeing what
// those before it did: serial execution, so nothing has to be locked or validated. A statement that fails is
// undone by the branch's change log; the others go on. A transaction block works on a branch of its own,
// taken from the snapshot that it reads, and is merged when it commits: a row that another commit changed in
// between makes it fail with 40001 (first committer wins), and so does, in a serializable block, anything
// that it has read (storage/validate.h).
//
// A batch is ordered on the state of the one before, which may not be durable yet (oracle/group_commit.cc).
// Its branch then lives on, sealed, until the state is published; if it never will be, the branch frees what
// it made. No call can find out about a state that is not published: its answer waits for that.
//
// Two transactions that changed definitions are not merged: the second to commit fails.
#include "adapter/coordinator/coordinator.h"

#include <fmt/format.h>

#include "adapter/coordinator/definition.h"
#include "adapter/durability/commit_sections.h"
#include "adapter/exec/executor.h"
#include "adapter/sql_error.h"
#include "reactor/base/check.h"
#include "storage/failure.h"
#include "storage/validate.h"

namespace gyre::adapter {

namespace {

constexpr const char* kRetryHint = "The transaction might succeed if retried.";

// Notes an execution's reads, however it ends.
class ReadNotes {
 public:
  explicit ReadNotes(Execution& execution) : execution_(execution) {}
  ReadNotes(const ReadNotes&) = delete;
  ReadNotes& operator=(const ReadNotes&) = delete;
  ~ReadNotes() { execution_.note_reads(); }

 private:
  Execution& execution_;
};

}  // namespace

Coordinator::Coordinator(oracle::TimestampOracle& oracle, oracle::CommitLog& log,
                         oracle::PublishedState& published, oracle::ReadHolds& holds, CallReturn& call_return,
                         InitialState initial)
    : published_(published),
      call_return_(call_return),
      database_(std::move(initial.database)),
      catalog_(std::make_shared<const Catalog>(std::move(initial.catalog))),
      last_catalog_version_(catalog_->version),
      next_oid_(catalog_->next_oid),
      commits_((published.publish(publication(initial.timestamp)), oracle), log, published, holds, *this) {}

Coordinator::~Coordinator() {
  transactions_.clear();
  head_.reset();
  Coordinator::drop_sealed();
  storage::free_database(std::move(database_));
}

oracle::Publication Coordinator::publication(Timestamp timestamp) const {
  return {timestamp, database_.get(), catalog_.get(), catalog_->version};
}

void Coordinator::submit(CoordinatorCall& call) {
  commits_.submit(&call);
}

bool Coordinator::turn() {
  commits_.turn();
  return commits_.can_begin();
}

const storage::Database& Coordinator::base_database() const {
  for (auto batch = batches_.rbegin(); batch != batches_.rend(); ++batch)
    if (batch->database != nullptr) return *batch->database;
  return *database_;
}

const std::shared_ptr<const Catalog>& Coordinator::base_catalog() const {
  for (auto batch = batches_.rbegin(); batch != batches_.rend(); ++batch)
    if (batch->catalog != nullptr) return batch->catalog;
  return catalog_;
}

// ---- 1: order, and carry out ----

oracle::CommitSteps::Outcome Coordinator::order(std::span<oracle::Intent* const> batch, Writes writes) {
  head_ = std::make_unique<storage::Branch>(base_database());
  next_catalog_.reset();
  batches_.emplace_back().start = SpanClock::ticks();
  bool lazy = true;
  for (oracle::Intent* intent : batch) {
    auto& call = static_cast<CoordinatorCall&>(*intent);
    const storage::Branch::Mark mark = head_->mark();
    const Catalog* const catalog = next_catalog_.get();
    carry_out_call(call, writes);
    const bool wrote = !head_->unchanged_since(mark) || next_catalog_.get() != catalog;
    if (wrote && call.urgency == oracle::Urgency::now) lazy = false;
  }
  if (head_->empty() && next_catalog_ == nullptr) {
    head_.reset();
    return Outcome::answer;
  }
  return lazy ? Outcome::write_lazily : Outcome::write;
}

void Coordinator::carry_out_call(CoordinatorCall& call, Writes writes) {
  ++metrics.coordinator_calls;
  const storage::Branch::Mark mark = head_->mark();
  const std::shared_ptr<const Catalog> catalog = next_catalog_;
  try {
    dispatch(call);
    if (writes == Writes::accepted || (head_->unchanged_since(mark) && next_catalog_ == catalog)) return;
    throw SqlError("58030", "cannot write: the commit log has failed")
        .with_hint("Reading goes on. Restart the server once its disk is in order.");
  } catch (...) {
    head_->rollback_to(mark);
    next_catalog_ = catalog;
    call.rows.clear();
    call.failure = std::current_exception();
  }
}

void Coordinator::dispatch(CoordinatorCall& call) {
  switch (call.kind) {
    case CoordinatorCall::Kind::run_plan:
      return run_plan(call);
    case CoordinatorCall::Kind::utility:
      return run_utility(call);
    case CoordinatorCall::Kind::commit:
      return commit(call);
    case CoordinatorCall::Kind::rollback:
      transactions_.erase(call.transaction.value);
      return;
    case CoordinatorCall::Kind::rollback_to:
      return rollback_to(call);
  }
}

Coordinator::OpenTransaction& Coordinator::transaction_of(const CoordinatorCall& call) {
  auto& slot = transactions_[call.transaction.value];
  if (slot == nullptr) {
    GYRE_CHECK(call.snapshot != nullptr);
    slot = std::make_unique<OpenTransaction>(*static_cast<const storage::Database*>(call.snapshot->database),
                                             call.snapshot->catalog_version);
  }
  slot->branch.note_reads_in(validates_reads(call.level) ? call.reads : nullptr);
  mark_savepoint(*slot, call.savepoint);
  return *slot;
}

// Marks of savepoints that are not alive any more serve the innermost one that is, if it has none of its own.
void Coordinator::mark_savepoint(OpenTransaction& transaction, std::uint32_t alive) {
  auto& marks = transaction.marks;
  while (!marks.empty() && marks.back().savepoint > alive) {
    const bool serves = alive != 0 && (marks.size() == 1 || marks[marks.size() - 2].savepoint < alive);
    if (serves) {
      marks.back().savepoint = alive;
      break;
    }
    marks.pop_back();
  }
  if (alive != 0 && (marks.empty() || marks.back().savepoint < alive))
    marks.push_back({alive, transaction.branch.mark(), transaction.catalog});
}

void Coordinator::rollback_to(CoordinatorCall& call) {
  const auto found = transactions_.find(call.transaction.value);
  if (found == transactions_.end()) return;
  OpenTransaction& transaction = *found->second;
  transaction.branch.note_reads_in(validates_reads(call.level) ? call.reads : nullptr);
  auto& marks = transaction.marks;
  while (marks.size() > 1 && marks[marks.size() - 2].savepoint >= call.savepoint) marks.pop_back();
  if (!marks.empty() && marks.back().savepoint >= call.savepoint) {
    marks.back().savepoint = call.savepoint;
    transaction.branch.rollback_to(marks.back().branch);
    if (transaction.catalog != marks.back().catalog)
      batches_.back().retired_catalogs.push_back(transaction.catalog);
    transaction.catalog = marks.back().catalog;
  }
  call.transaction_catalog = transaction.catalog.get();
}

void Coordinator::run_plan(CoordinatorCall& call) {
  OpenTransaction* transaction = call.transaction.value != 0 ? &transaction_of(call) : nullptr;
  storage::Branch& branch = transaction != nullptr ? transaction->branch : *head_;
  const Catalog* catalog = &head_catalog();
  if (transaction != nullptr)
    catalog = transaction->catalog != nullptr ? transaction->catalog.get()
                                              : static_cast<const Catalog*>(call.snapshot->catalog);
  if (call.catalog_version != catalog->version) {
    call.stale = true;
    return;
  }
  const storage::Branch::Mark mark = branch.mark();
  ExecutionContext context;
  context.database = &branch.view();
  context.catalog = catalog;
  context.branch = &branch;
  if (transaction != nullptr) context.key_reads = call.reads;
  if (transaction != nullptr && validates_reads(call.level)) context.reads = call.reads;
  context.parameters = call.parameters;
  context.style = call.style;
  context.session = call.session;
  context.transaction_us = call.transaction_us;
  context.statement_us = call.statement_us;
  context.memory_limit = call.memory_limit;
  try {
    const auto execution = execute(*call.plan, context);
    const ReadNotes notes(*execution);
    TimeSlice slice = TimeSlice::unlimited();
    const storage::Datum* values = nullptr;
    while (execution->next(slice, values) == Step::row) {
      call.encoder->encode(values, *call.style, call.rows);
      ++call.row_count;
      if (call.rows.size() > call.memory_limit)
        throw storage::Failure(
            storage::Fault::out_of_memory, "out of memory",
            fmt::format("The result is larger than the limit of {} bytes.", call.memory_limit));
    }
    call.affected = execution->affected();
    if (transaction != nullptr && !reads_anew(call.level) && branch.is_overtaken(mark, head_->view()))
      throw storage::Failure(storage::Fault::serialization_failure,
                             "could not serialize access due to concurrent update", {}, kRetryHint);
  } catch (...) {
    branch.rollback_to(mark);
    call.rows.clear();
    throw;
  }
}

void Coordinator::run_utility(CoordinatorCall& call) {
  OpenTransaction* transaction = call.transaction.value != 0 ? &transaction_of(call) : nullptr;
  storage::Branch& branch = transaction != nullptr ? transaction->branch : *head_;
  const Catalog* before = &head_catalog();
  if (transaction != nullptr)
    before = transaction->catalog != nullptr ? transaction->catalog.get()
                                             : static_cast<const Catalog*>(call.snapshot->catalog);
  auto changed = std::make_shared<Catalog>(*before);
  // Relation ids must not be given out twice, whatever becomes of this transaction.
  changed->next_oid = std::max(changed->next_oid, next_oid_);
  const PlanContext context{*changed, call.search_path, call.role, *call.style, *call.session};
  Definition definition{*changed, branch, context, call.notices};
  const storage::Branch::Mark mark = branch.mark();
  try {
    call.tag = carry_out(*call.tree, definition);
  } catch (...) {
    branch.rollback_to(mark);
    throw;
  }
  next_oid_ = changed->next_oid;
  changed->version = ++last_catalog_version_;
  if (transaction != nullptr) {
    batches_.back().retired_catalogs.push_back(std::move(transaction->catalog));
    transaction->catalog = std::move(changed);
    call.transaction_catalog = transaction->catalog.get();
  } else {
    next_catalog_ = std::move(changed);
  }
}

void Coordinator::commit(CoordinatorCall& call) {
  const auto found = transactions_.find(call.transaction.value);
  if (found == transactions_.end()) return;
  const std::unique_ptr<OpenTransaction> transaction = std::move(found->second);
  transactions_.erase(found);
  if (transaction->catalog != nullptr && transaction->base_catalog_version != head_catalog().version)
    throw storage::Failure(storage::Fault::serialization_failure,
                           "could not serialize access due to a concurrent change of definitions", {},
                           kRetryHint);
  const bool writes = !transaction->branch.empty() || transaction->catalog != nullptr;
  if (writes && call.reads != nullptr && validates_reads_ &&
      !storage::is_unchanged(*call.reads, transaction->branch.base(), head_->view()))
    throw storage::Failure(storage::Fault::serialization_failure,
                           "could not serialize access due to read/write dependencies among transactions", {},
                           kRetryHint);
  head_->merge(transaction->branch);
  if (transaction->catalog == nullptr) return;
  auto merged = std::make_shared<Catalog>(*transaction->catalog);
  merged->version = ++last_catalog_version_;
  next_catalog_ = std::move(merged);
}

// ---- 3 to 6 ----

void Coordinator::encode(Timestamp, OutBuffer& record) {
  encode_commit(*head_, *base_catalog(), next_catalog_.get(), record);
}

void Coordinator::seal(Timestamp timestamp) {
  Batch& batch = batches_.back();
  batch.database = head_->seal(timestamp);
  batch.branch = std::move(head_);
  batch.catalog = std::move(next_catalog_);
}

oracle::Publication Coordinator::apply(Timestamp timestamp, oracle::RetireList& retired) {
  Batch& batch = batches_.front();
  std::unique_ptr<storage::Retired> replaced = batch.branch->release();
  replaced->database = std::move(database_);
  database_ = std::move(batch.database);
  retired.retire(timestamp, static_cast<const storage::Retired*>(replaced.release()));
  if (batch.catalog != nullptr) {
    retired.retire(timestamp, new std::shared_ptr<const Catalog>(std::move(catalog_)));
    catalog_ = std::move(batch.catalog);
  }
  return publication(timestamp);
}

void Coordinator::answer(std::span<oracle::Intent* const> batch, Timestamp) {
  const Batch& done = batches_.front();
  if (done.branch != nullptr)
    metrics.append_ns.record(span_clock.nanoseconds(done.start, SpanClock::ticks()));
  for (oracle::Intent* intent : batch) call_return_.give_back(static_cast<CoordinatorCall&>(*intent));
  batches_.pop_front();
}

void Coordinator::drop_sealed() {
  for (auto batch = batches_.rbegin(); batch != batches_.rend(); ++batch) {
    batch->branch.reset();
    batch->database.reset();
    batch->catalog.reset();
  }
}

// Also reads get the error: they may have seen what is dropped. A rollback has happened.
void Coordinator::refuse(std::span<oracle::Intent* const> batch, Refusal why) {
  SqlError error =
      why == Refusal::no_room
          ? SqlError("53100", "could not extend the commit log: no space left on device")
                .with_hint("Check free disk space.")
          : SqlError("58030", "the commit log has failed: whether this statement took effect is unknown");
  const auto failure = std::make_exception_ptr(std::move(error));
  for (oracle::Intent* intent : batch) {
    auto& call = static_cast<CoordinatorCall&>(*intent);
    if (call.kind != CoordinatorCall::Kind::rollback) {
      call.rows.clear();
      call.failure = failure;
    }
    call_return_.give_back(call);
  }
  batches_.pop_front();
}

}  // namespace gyre::adapter
