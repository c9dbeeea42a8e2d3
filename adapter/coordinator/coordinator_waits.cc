// Calls that wait for a lock. A statement that meets another's lock is undone as a whole and put aside; its
// session stands in the lock's queue. When the lock has been granted, the call is submitted again and its
// statement runs anew, on what is newest then. That is at least as strict as what PostgreSQL does in `read
// committed`, which looks again at the rows it waited for only, and never mixes two states in one statement.
//
// A call that waits belongs to no batch: the one in which it began to wait passes over it. Until it
// is granted it can be canceled, by its shard (a cancel request, statement_timeout, a client that went away)
// or by lock_timeout. Such a message may cross the answer, or arrive before the call waits at all; so it
// names the call by its number, and the number is remembered for a call that is still to run.
//
// A call waits, too, until there is a timestamp for its batch, or until the log has caught up. Nothing of it has
// happened then, and it is taken out of the line. One that has read waits until what it saw is published; that it leaves,
// too. What it did to advisory locks has happened.
#include "adapter/catalog/denied.h"
#include "adapter/coordinator/coordinator.h"

#include "adapter/plan/physical.h"

namespace gyre::adapter {

StatementLocks Coordinator::locks_of(const CoordinatorCall& call) const {
  using Rule = StatementLocks::Rule;
  if (call.transaction.value == 0)
    return {locks_, LockOwner::of(call.backend, LockOwner::kStatement), Rule::respect, base_database(),
            nullptr};
  const LockOwner owner{call.transaction.value};
  if (reads_anew(call.level)) return {locks_, owner, Rule::lock, base_database(), nullptr};
  const auto* seen =
      call.snapshot == nullptr ? nullptr : static_cast<const storage::Database*>(call.snapshot->database);
  return {locks_, owner, Rule::validated, base_database(), seen};
}

// ---- what is locked beside rows ----

void Coordinator::lock_tables(const Plan& plan, StatementLocks& locks) {
  const RelationId* target = nullptr;
  RelationId changed;
  using Kind = Plan::Kind;
  if (plan.kind == Kind::insert || plan.kind == Kind::update || plan.kind == Kind::delete_) {
    changed = static_cast<const physical::Change&>(*plan.root).table->id();
    target = &changed;
  }
  for (const RelationId table : plan.relations) {
    if (plan.kind == Kind::truncate)
      locks.lock_table(table, TableLockMode::access_exclusive);
    else
      locks.lock_table(table, target != nullptr && table == *target ? TableLockMode::row_exclusive
                              : plan.locks_rows                     ? TableLockMode::row_share
                                                                    : TableLockMode::access_share);
  }
}

// A definition has been carried out on the branch; what it touched tells which tables it needs for itself.
// Where one is not to be had, it is undone with the branch.
void Coordinator::lock_redefined(const storage::Branch& branch, storage::Branch::Mark since,
                                 StatementLocks& locks) {
  for (const storage::SchemaOperation& operation : branch.operations(since))
    locks.lock_table(operation.relation, operation.kind == storage::SchemaOperation::Kind::create_index
                                             ? TableLockMode::share
                                             : TableLockMode::access_exclusive);
}

// LOCK TABLE. The weakest mode takes the right to read, others one to write, as in PostgreSQL 15.
void Coordinator::lock_named_tables(const ast::LockTableStatement& statement, const Catalog& catalog,
                                    CoordinatorCall& call, StatementLocks& locks) {
  const PlanContext context{catalog, call.search_path, call.role, *call.style, *call.session};
  for (const ast::QualifiedName& name : statement.tables) {
    const auto table = resolve_table(name, context);
    PrivilegeSet rights = bit(Privilege::update) | bit(Privilege::delete_) | bit(Privilege::truncate);
    if (statement.mode == TableLockMode::row_exclusive) rights |= bit(Privilege::insert);
    if (statement.mode == TableLockMode::access_share) rights = bit(Privilege::select);
    const bool allowed = [&] {
      for (PrivilegeSet one = 1; one <= rights; one = static_cast<PrivilegeSet>(one << 1))
        if ((rights & one) != 0 && catalog.allows(call.role, *table, one)) return true;
      return false;
    }();
    if (!allowed) throw permission_denied(ObjectKind::table, table->name());
    locks.lock_table(table->id(), statement.mode,
                     statement.no_wait ? LockWaitPolicy::error : LockWaitPolicy::block);
  }
  call.tag = "LOCK TABLE";
}

// A block that is validated at COMMIT waits for those who have locked what it changed.
void Coordinator::check_changed_rows(const storage::Branch& branch, StatementLocks& locks,
                                     const reactor::StopFlag& stop) {
  locks.respect_only();
  branch.changes().for_each_net(0, branch.changes().size(), [&](const storage::Change& change) {
    stop.check();
    const storage::TableVersion* table = branch.view().table(change.relation);
    // Dropped, or written anew in another layout: with a lock on the table.
    if (table == nullptr || branch.first_change_in_layout(change.relation) > 0) return;
    lock_change(locks, *table->schema,
                {change.before ? change.key : std::string_view(), change.before, change.after, change.key});
  });
}

// ---- waiting ----

// False where it is not to wait: it would wait for itself, or was canceled meanwhile.
bool Coordinator::wait(CoordinatorCall& call, const StatementLocks& locks) {
  locks_.enqueue(locks.wanted_owner(), locks.wanted(), locks.wanted_mode(), locks.wish());
  ++metrics.lock_waits;
  if (const auto circle = locks_.find_deadlock(call.backend); !circle.empty()) {
    ++metrics.deadlocks;
    call.failure = std::make_exception_ptr(deadlock_error(circle, locks_));
  }
  const auto cancel = cancels_.find(call.backend);
  if (cancel != cancels_.end() && cancel->second == call.sequence) call.canceled = true;
  if (call.failure != nullptr || call.canceled) {
    LockTable::Granted granted;
    locks_.cancel_wait(call.backend, granted);
    resume(granted);
    return false;
  }
  waiting_.emplace(call.backend,
                   WaitingCall{&call, call.lock_timeout_us == 0 ? kNever : now_us() + call.lock_timeout_us});
  return true;
}

void Coordinator::resume(const LockTable::Granted& granted) {
  for (const LockOwner owner : granted) {
    const auto found = waiting_.find(owner.session());
    if (found == waiting_.end()) continue;
    commits_.submit(found->second.call);
    waiting_.erase(found);
  }
}

void Coordinator::stop_waiting(std::uint32_t backend) {
  const auto found = waiting_.find(backend);
  CoordinatorCall& call = *found->second.call;
  waiting_.erase(found);
  call.canceled = true;
  LockTable::Granted granted;
  locks_.cancel_wait(backend, granted);
  resume(granted);
  after_failure(call);
  hand_back(call);
}

// What ends a transaction or a session is to be done, and stays. What a block has locked goes with its ROLLBACK.
bool Coordinator::withdraw(std::uint32_t backend, std::uint32_t sequence) {
  using Kind = CoordinatorCall::Kind;
  oracle::Intent* const intent = commits_.withdraw([&](const oracle::Intent* each) {
    const auto& call = static_cast<const CoordinatorCall&>(*each);
    return call.backend == backend && call.sequence == sequence &&
           (call.kind == Kind::run_plan || call.kind == Kind::utility || call.kind == Kind::commit);
  });
  if (intent == nullptr) return false;
  auto& call = static_cast<CoordinatorCall&>(*intent);
  call.canceled = true;
  if (call.kind == Kind::commit)
    rollback(call);
  else if (call.transaction.value == 0)
    release_all(LockOwner::of(call.backend, LockOwner::kStatement));
  hand_back(call);
  return true;
}

// What a batch has written is in the log, and cannot be taken back.
bool Coordinator::leave_batch(std::uint32_t backend, std::uint32_t sequence) {
  for (std::size_t position = 0; position < batches_.size(); ++position) {
    Batch& batch = batches_[position];
    if (batch.branch != nullptr) continue;
    for (oracle::Intent* intent : commits_.intents(position)) {
      if (!batch.answers(intent)) continue;  // it may be gone
      auto& call = static_cast<CoordinatorCall&>(*intent);
      if (call.backend != backend || call.sequence != sequence || call.kind != CoordinatorCall::Kind::run_plan) continue;
      call.rows.clear();
      call.notices.clear();
      call.canceled = true;
      batch.passed_over.insert(std::upper_bound(batch.passed_over.begin(), batch.passed_over.end(), intent), intent);
      after_failure(call);
      hand_back(call);
      return true;
    }
  }
  return false;
}

void Coordinator::cancel_wait(std::uint32_t backend, std::uint32_t sequence) {
  if (commits_.idle()) cancels_.clear();
  const auto found = waiting_.find(backend);
  if (found != waiting_.end()) {
    if (found->second.call->sequence == sequence) stop_waiting(backend);
  } else if (!withdraw(backend, sequence) && !leave_batch(backend, sequence)) {
    cancels_[backend] = sequence;
  }
}

std::uint64_t Coordinator::expire_waits(std::uint64_t now) {
  std::uint64_t next = kNever;
  std::vector<std::uint32_t> expired;
  for (const auto& [backend, waiting] : waiting_) {
    if (waiting.deadline_us <= now)
      expired.push_back(backend);
    else
      next = std::min(next, waiting.deadline_us);
  }
  for (const std::uint32_t backend : expired) {
    const auto found = waiting_.find(backend);
    if (found == waiting_.end()) continue;  // granted by one that expired before
    found->second.call->lock_timed_out = true;
    stop_waiting(backend);
  }
  return next;
}

// ---- letting go ----

void Coordinator::release_all(LockOwner owner) {
  if (!locks_.holds_any(owner)) return;
  LockTable::Granted granted;
  locks_.release_all(owner, granted);
  resume(granted);
}

// A statement that fails aborts its block, up to the innermost savepoint: others need not wait for the
// ROLLBACK.
void Coordinator::after_failure(const CoordinatorCall& call) {
  if (call.kind == CoordinatorCall::Kind::commit) return rollback(call);
  if (call.transaction.value == 0) return release_all(LockOwner::of(call.backend, LockOwner::kStatement));
  const auto found = transactions_.find(call.transaction.value);
  const bool in_savepoint = found != transactions_.end() && !found->second->marks.empty();
  LockTable::Granted granted;
  locks_.release_since(LockOwner{call.transaction.value},
                       in_savepoint ? found->second->marks.back().locks : 0, granted);
  resume(granted);
}

}  // namespace gyre::adapter
