// Statements of one batch run one after the other on one branch of the published database, each seeing what
// those before it did: serial execution, so nothing has to be locked or validated. A statement that fails is
// undone by the branch's change log; the others go on. A transaction block works on a branch of its own,
// taken from the snapshot that it reads, and is merged when it commits: a row that another commit changed in
// between makes it fail with 40001 (first committer wins), and so does, in a serializable block, anything
// that it has read (storage/validate.h).
//
// Two transactions that changed definitions are not merged: the second to commit fails.
#include "adapter/coordinator/coordinator.h"

#include <fmt/format.h>

#include "adapter/coordinator/definition.h"
#include "adapter/exec/executor.h"
#include "adapter/sql_error.h"
#include "reactor/base/check.h"
#include "storage/failure.h"
#include "storage/validate.h"

namespace gyre::adapter {

namespace {

constexpr const char* kRetryHint = "The transaction might succeed if retried.";

std::unique_ptr<const storage::Database> empty_database() {
  return std::make_unique<storage::Database>();
}

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
                         Catalog catalog)
    : published_(published),
      call_return_(call_return),
      database_(empty_database()),
      catalog_(std::make_shared<const Catalog>(std::move(catalog))),
      last_catalog_version_(catalog_->version),
      commits_((published.publish(publication(Timestamp(1))), oracle), log, published, holds, *this) {}

Coordinator::~Coordinator() {
  transactions_.clear();
  head_.reset();
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
  return !commits_.idle();
}

// ---- 1: order, and carry out ----

oracle::CommitSteps::Outcome Coordinator::order(std::span<oracle::Intent* const> batch) {
  batch_start_ = SpanClock::ticks();
  head_ = std::make_unique<storage::Branch>(*database_);
  next_catalog_.reset();
  for (oracle::Intent* intent : batch) carry_out_call(static_cast<CoordinatorCall&>(*intent));
  batch_writes_ = !head_->empty() || next_catalog_ != nullptr;
  if (!batch_writes_) head_.reset();
  return batch_writes_ ? Outcome::write : Outcome::answer;
}

void Coordinator::carry_out_call(CoordinatorCall& call) {
  ++metrics.coordinator_calls;
  try {
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
  } catch (...) {
    call.failure = std::current_exception();
  }
}

Coordinator::OpenTransaction& Coordinator::transaction_of(const CoordinatorCall& call) {
  auto& slot = transactions_[call.transaction.value];
  if (slot == nullptr) {
    GYRE_CHECK(call.snapshot != nullptr);
    slot = std::make_unique<OpenTransaction>(*static_cast<const storage::Database*>(call.snapshot->database),
                                             call.snapshot->catalog_version);
  }
  slot->branch.note_reads_in(call.reads);
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
  transaction.branch.note_reads_in(call.reads);
  auto& marks = transaction.marks;
  while (marks.size() > 1 && marks[marks.size() - 2].savepoint >= call.savepoint) marks.pop_back();
  if (!marks.empty() && marks.back().savepoint >= call.savepoint) {
    marks.back().savepoint = call.savepoint;
    transaction.branch.rollback_to(marks.back().branch);
    if (transaction.catalog != marks.back().catalog) retired_catalogs_.push_back(transaction.catalog);
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
  context.reads = transaction != nullptr ? call.reads : nullptr;
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
    retired_catalogs_.push_back(std::move(transaction->catalog));
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

// A server that keeps its data in memory has nothing to make durable.
void Coordinator::encode(Timestamp, OutBuffer&) {}

oracle::Publication Coordinator::apply(Timestamp timestamp, oracle::RetireList& retired) {
  storage::Branch::Sealed sealed = head_->seal(timestamp);
  sealed.retired->database = std::move(database_);
  database_ = std::move(sealed.database);
  retired.retire(timestamp, static_cast<const storage::Retired*>(sealed.retired.release()));
  if (next_catalog_ != nullptr) {
    retired.retire(timestamp, new std::shared_ptr<const Catalog>(std::move(catalog_)));
    catalog_ = std::move(next_catalog_);
  }
  head_.reset();
  return publication(timestamp);
}

void Coordinator::answer(std::span<oracle::Intent* const> batch, Timestamp) {
  if (batch_writes_) metrics.append_ns.record(span_clock.nanoseconds(batch_start_, SpanClock::ticks()));
  for (oracle::Intent* intent : batch) call_return_.give_back(static_cast<CoordinatorCall&>(*intent));
  retired_catalogs_.clear();
}

void Coordinator::log_failed(std::span<oracle::Intent* const> batch) {
  head_.reset();
  next_catalog_.reset();
  for (oracle::Intent* intent : batch) {
    auto& call = static_cast<CoordinatorCall&>(*intent);
    call.rows.clear();
    call.failure = std::make_exception_ptr(SqlError("58030",
                                                    "the commit log has failed: the outcome of this "
                                                    "statement is unknown and no more writes are accepted"));
    call_return_.give_back(call);
  }
}

}  // namespace gyre::adapter
