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
// Definitions are merged as well, entry by entry (adapter/catalog/merge.h).
#include "adapter/coordinator/coordinator.h"

#include <fmt/format.h>

#include <algorithm>

#include "adapter/catalog/catalog_oids.h"
#include "adapter/catalog/merge.h"
#include "adapter/coordinator/deferred_keys.h"
#include "adapter/coordinator/definition.h"
#include "adapter/coordinator/failure_details.h"
#include "adapter/coordinator/lock_functions.h"
#include "adapter/durability/commit_sections.h"
#include "adapter/exec/executor.h"
#include "adapter/exec/meter.h"
#include "adapter/plan/physical.h"
#include "adapter/plan/relations.h"
#include "adapter/sql_error.h"
#include "reactor/base/check.h"
#include "reactor/fail_point.h"
#include "storage/failure.h"
#include "storage/retirement.h"
#include "storage/validate.h"

namespace gyre::adapter {

namespace {

// How often a statement that runs for long looks whether there is still memory.
constexpr std::int64_t kLookUs = 2'000;

constexpr const char* kRetryHint = "The transaction might succeed if retried.";

// Not owned: the snapshot is pinned for as long as the transaction is open.
std::shared_ptr<const Catalog> pinned_catalog(const oracle::Publication& snapshot) {
  return {std::shared_ptr<const Catalog>(), static_cast<const Catalog*>(snapshot.catalog)};
}

storage::Failure definition_conflict() {
  return {storage::Fault::serialization_failure,
          "could not serialize access due to a concurrent change of definitions", {}, kRetryHint};
}

// What was defined by a right that is gone meanwhile is for the next try to refuse.
Catalog merged_catalog(const Catalog& base, const Catalog& mine, const Catalog& theirs) {
  auto merged = merge_catalogs(base, mine, theirs);
  if (!merged || has_lost_powers(base, theirs)) throw definition_conflict();
  return std::move(*merged);
}

// A record of the log counts its bytes in 32 bits. (What is encoded is hardly more than what is kept here.)
void check_record_size(const storage::Branch& head) {
  constexpr std::size_t kMost = std::size_t{3} << 30;
  if (head.changes().bytes() > kMost || reactor::fail_point("plant.large_record"))
    throw storage::Failure(
        storage::Fault::program_limit_exceeded, "the changes are too large for one commit",
        fmt::format("A record of the log takes {} bytes of changes.", kMost),
        "Make them in several transactions.");
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
[[noreturn]] void throw_lost() {
  throw storage::Failure(storage::Fault::serialization_failure,
                         "could not serialize access: what the transaction has seen could not be written", {},
                         kRetryHint);
}

pgwire::Diagnostic notice(std::string message) {
  pgwire::Diagnostic diagnostic;
  diagnostic.severity = pgwire::Severity::notice;
  diagnostic.code = pgwire::SqlState("00000");
  diagnostic.message = std::move(message);
  return diagnostic;
}

// The session's style and facts, but with the catalog and the sequences as they are here.
struct OracleStyle {
  OracleStyle(const CoordinatorCall& call, CallSurroundings& here) {
    if (call.style != nullptr) style = *call.style;
    if (call.session != nullptr) session = *call.session;
    style.relations = &here;
    session.surroundings = &here;
  }
  storage::TextStyle style;
  storage::SessionFacts session;
};

storage::EvalContext evaluation(const CoordinatorCall& call, const OracleStyle& at_oracle, Arena& arena) {
  storage::EvalContext eval;
  eval.arena = &arena;
  eval.style = &at_oracle.style;
  eval.session = &at_oracle.session;
  eval.transaction_us = call.transaction_us;
  eval.statement_us = call.statement_us;
  return eval;
}

}  // namespace

Coordinator::Coordinator(oracle::CommitTimestamps& timestamps, oracle::CommitLog& log,
                         oracle::PublishedState& published, oracle::ReadHolds& holds, std::size_t reader,
                         CallReturn& call_return, InitialState initial)
    : timestamps_(timestamps),
      published_(published),
      holds_(holds),
      reader_(reader),
      call_return_(call_return),
      database_(std::move(initial.database)),
      catalog_(std::make_shared<const Catalog>(std::move(initial.catalog))),
      last_catalog_version_(catalog_->version),
      next_oid_(catalog_->next_oid),
      commits_((published.publish(publication(initial.timestamp)), timestamps), log, published, holds, *this) {}

Coordinator::~Coordinator() {
  transactions_.clear();
  head_.reset();
  Coordinator::drop_sealed(0);
  storage::free_database(std::move(database_));
}

oracle::Publication Coordinator::publication(Timestamp timestamp) const {
  return {timestamp, database_.get(), catalog_.get(), catalog_->version};
}

void Coordinator::submit(CoordinatorCall& call) {
  if (!carry_out_at_once(call)) commits_.submit(&call);
}

bool Coordinator::turn() {
  holds_.idle(reader_);  // lets go what blocks that have ended had pinned
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

namespace {
MessageKind message_kind_of(const CoordinatorCall& call) {
  switch (call.kind) {
    case CoordinatorCall::Kind::run_plan:
      return call.plan->reads_only() ? MessageKind::slow_path_peek : MessageKind::execute;
    case CoordinatorCall::Kind::utility:
      return MessageKind::transact;
    case CoordinatorCall::Kind::commit:
      return MessageKind::commit;
    case CoordinatorCall::Kind::rollback:
    case CoordinatorCall::Kind::rollback_to:
      return MessageKind::rollback;
    case CoordinatorCall::Kind::renew:
    case CoordinatorCall::Kind::end_session:
      return MessageKind::other;
  }
  return MessageKind::other;
}
}  // namespace

oracle::CommitSteps::Outcome Coordinator::order(std::span<oracle::Intent* const> batch, Writes writes) {
  const Measured measured(span_clock, metrics.message_ns[MessageKind::group_commit]);
  metrics.batch_calls.record(batch.size());
  head_ = std::make_unique<storage::Branch>(base_database());
  next_catalog_.reset();
  batches_.emplace_back().start = SpanClock::ticks();
  sequences_.hold(writes == Writes::awaited);
  auto& passed_over = batches_.back().passed_over;
  bool lazy = true;
  // Blocks' statements run on branches of their own, taken from what was newest before this batch: they come
  // first, so that none misses what a call before it did to the head. All calls of a batch are concurrent, so
  // they may be put in any order.
  calls_.clear();
  for (oracle::Intent* intent : batch) calls_.push_back(static_cast<CoordinatorCall*>(intent));
  std::stable_partition(calls_.begin(), calls_.end(), [](const CoordinatorCall* call) {
    return call->transaction.value != 0 && call->kind != CoordinatorCall::Kind::commit;
  });
  for (CoordinatorCall* call : calls_) {
    const storage::Branch::Mark mark = head_->mark();
    const Catalog* const catalog = next_catalog_.get();
    const bool waits = !carry_out_call(*call, writes);
    const bool wrote = !head_->unchanged_since(mark) || next_catalog_.get() != catalog;
    if (wrote && call->urgency == oracle::Urgency::now) lazy = false;
    const bool at_once = !waits && !wrote && reveals_nothing(*call);
    if (waits || at_once) passed_over.push_back(call);
    if (at_once) hand_back(*call);
  }
  std::sort(passed_over.begin(), passed_over.end());
  if (head_->empty() && next_catalog_ == nullptr) {
    head_.reset();
    if (passed_over.size() != batch.size() || !batches_.back().retired_catalogs.empty()) return Outcome::answer;
    batches_.pop_back();
    return Outcome::nothing;
  }
  return lazy ? Outcome::write_lazily : Outcome::write;
}

// Whether a statement of a block, which has written nothing to the head, may be answered before the states that
// it was ordered on are durable. With one snapshot it has seen nothing of them. In `read committed` it has: but
// what changes rows and returns none says no more of them than how many there were, LOCK TABLE no more than that there
// is such a table, and its block cannot commit unless they are made durable, since its record comes after theirs. So nobody holds a row's lock for
// as long as the disk takes (DeWitt et al., "Implementation techniques for main memory database systems",
// 1984: pre-committed transactions). Outside of blocks that goes for what takes or releases locks and reads nothing.
bool Coordinator::reveals_nothing(const CoordinatorCall& call) {
  if (call.failure != nullptr || call.canceled || call.stale || !call.notices.empty()) return false;
  if (call.transaction.value == 0) return call.kind == CoordinatorCall::Kind::run_plan && call.has_seen_nothing;
  switch (call.kind) {
    case CoordinatorCall::Kind::run_plan:
      return !reads_anew(call.level) || (!call.plan->reads_only() && call.plan->columns.empty());
    case CoordinatorCall::Kind::utility:
      return !reads_anew(call.level) || call.transaction_catalog == nullptr;
    case CoordinatorCall::Kind::commit:
      return !reads_anew(call.level);
    default:
      return false;
  }
}

// What lets go of things neither writes nor says anything of states: it stands in no line, and waits for no disk and no
// oracle.
bool Coordinator::carry_out_at_once(CoordinatorCall& call) {
  using Kind = CoordinatorCall::Kind;
  if (call.kind != Kind::rollback && call.kind != Kind::rollback_to && call.kind != Kind::end_session) return false;
  const Measured measured(span_clock, metrics.message_ns[message_kind_of(call)]);
  std::shared_ptr<Catalog> replaced;  // its session looks at it until it is answered
  if (call.kind == Kind::rollback)
    rollback(call);
  else if (call.kind == Kind::rollback_to)
    replaced = rollback_to(call);
  else
    release_all(LockOwner::of(call.backend, LockOwner::kSession));
  hand_back(call);
  return true;
}

// What a block writes stays in its branch until it commits; but the sequences that it moves do not, which shows when it
// runs.
bool Coordinator::may_write(const oracle::Intent& intent) const {
  using Kind = CoordinatorCall::Kind;
  const auto& call = static_cast<const CoordinatorCall&>(intent);
  if (call.needs_timestamp) return true;
  if (call.kind == Kind::commit) {
    const auto found = transactions_.find(call.transaction.value);
    return found != transactions_.end() && (!found->second->branch.empty() || found->second->catalog != nullptr);
  }
  const bool in_block = call.transaction.value != 0;
  return !in_block && (call.kind != Kind::run_plan || !call.plan->changes_nothing());
}

// False: it waits, for a lock or for a timestamp.
bool Coordinator::carry_out_call(CoordinatorCall& call, Writes writes) {
  if (call.canceled) return true;  // while it waited
  const Measured measured(span_clock, metrics.message_ns[message_kind_of(call)]);
  const storage::Branch::Mark mark = head_->mark();
  const std::shared_ptr<const Catalog> catalog = next_catalog_;
  StatementLocks locks = locks_of(call);
  try {
    dispatch(call, locks);
    check_record_size(*head_);
    const bool changed = !head_->unchanged_since(mark) || next_catalog_ != catalog || sequences_.moved();
    if (writes == Writes::refused && changed) throw_no_writes();
    if (writes == Writes::awaited && changed) throw NeedsTimestamp();
  } catch (const NeedsTimestamp&) {
    head_->rollback_to(mark);
    next_catalog_ = catalog;
    sequences_.forget();
    call.needs_timestamp = true;
    commits_.submit(&call);
    return false;
  } catch (const LockWait&) {
    settle_sequences(writes);
    if (wait(call, locks)) return false;
  } catch (const reactor::Stopped&) {
    head_->rollback_to(mark);
    next_catalog_ = catalog;
    call.rows.clear();
    call.canceled = true;
  } catch (...) {
    head_->rollback_to(mark);
    next_catalog_ = catalog;
    call.rows.clear();
    const auto block = transactions_.find(call.transaction.value);
    const bool redefined = block != transactions_.end() && block->second->catalog != nullptr;
    call.failure = with_visible_details(std::current_exception(),
                                        redefined ? *block->second->catalog : head_catalog(), call.role);
  }
  settle_sequences(writes);
  if ((call.failure != nullptr || call.canceled) && call.kind == CoordinatorCall::Kind::commit) {
    rollback(call);
    return true;
  }
  if (locks_.empty()) return true;
  if (call.failure != nullptr || call.canceled) after_failure(call);
  if (call.transaction.value == 0) release_all(LockOwner::of(call.backend, LockOwner::kStatement));
  return true;
}

void Coordinator::throw_no_writes() const {
  if (commits_.log_has_failed())
    throw SqlError("58030", "cannot write: the commit log has failed")
        .with_hint("Reading goes on. Restart the server once its disk is in order.");
  throw SqlError("58000", fmt::format("cannot write: {}", timestamps_.why_refused()));
}

// Whatever became of the call: values of sequences that it took are taken.
void Coordinator::settle_sequences(Writes writes) {
  if (writes == Writes::accepted)
    sequences_.settle(*head_);
  else
    sequences_.forget();
}

void Coordinator::dispatch(CoordinatorCall& call, StatementLocks& locks) {
  switch (call.kind) {
    case CoordinatorCall::Kind::run_plan:
      return run_plan(call, locks);
    case CoordinatorCall::Kind::utility:
      return run_utility(call, locks);
    case CoordinatorCall::Kind::commit:
      return commit(call, locks);
    case CoordinatorCall::Kind::renew:
      try {
        transaction_of(call);
      } catch (const storage::Failure&) {
        // Whatever comes next is told.
      }
      return;
    case CoordinatorCall::Kind::rollback:
    case CoordinatorCall::Kind::rollback_to:
    case CoordinatorCall::Kind::end_session:
      GYRE_UNREACHABLE();  // they are in no batch
  }
}

// In `read committed` each statement runs on what is newest: the branch is rebased onto it.
Coordinator::OpenTransaction& Coordinator::transaction_of(CoordinatorCall& call) {
  call.transaction_catalog = nullptr;
  call.catalog_base = base_catalog()->version;
  if (lost_.contains(call.transaction.value)) throw_lost();
  auto& slot = transactions_[call.transaction.value];
  const bool anew = reads_anew(call.level);
  GYRE_CHECK(anew || call.snapshot != nullptr);
  const storage::Database& newest = base_database();
  if (slot == nullptr && anew)
    slot = std::make_unique<OpenTransaction>(newest, base_catalog(), ++transactions_made_);
  else if (slot == nullptr)
    slot = std::make_unique<OpenTransaction>(*static_cast<const storage::Database*>(call.snapshot->database),
                                             pinned_catalog(*call.snapshot), ++transactions_made_);
  call.transaction_catalog = slot->catalog.get();
  if (anew) {
    check_exclusive_tables(*slot, newest);
    const auto catalogs = rebased_catalogs(*slot);
    const storage::Branch::Stoppable stoppable(slot->branch, call.stop);
    slot->branch.rebase(newest);
    // This core frees, so nothing goes between announcing and pinning.
    holds_.announce(reader_, newest.timestamp());
    slot->base = SnapshotPin(holds_, reader_,
                             {newest.timestamp(), &newest, base_catalog().get(), base_catalog()->version});
    holds_.idle(reader_);
    replace_catalogs(*slot, catalogs);
    slot->base_catalog = base_catalog();
    call.transaction_catalog = slot->catalog.get();
  }
  slot->branch.note_reads_in(validates_reads(call.level) ? call.reads : nullptr);
  mark_savepoint(*slot, call.savepoint);
  return *slot;
}

// The block's definitions, and those that its savepoints go back to, on top of the newest ones, by what they
// are now; none where they have that base already.
Coordinator::CatalogsAnew Coordinator::rebased_catalogs(const OpenTransaction& transaction) {
  CatalogsAnew anew;
  const Catalog& base = *transaction.base_catalog;
  const Catalog& newest = *base_catalog();
  if (transaction.catalog == nullptr || base.version == newest.version) return anew;
  const auto rebase = [&](const std::shared_ptr<Catalog>& catalog) {
    if (catalog == nullptr || anew.contains(catalog)) return;
    auto rebased = std::make_shared<Catalog>(merged_catalog(base, *catalog, newest));
    rebased->version = ++last_catalog_version_;
    anew.emplace(catalog, std::move(rebased));
  };
  for (const OpenTransaction::Mark& mark : transaction.marks) rebase(mark.catalog);
  rebase(transaction.catalog);
  return anew;
}

void Coordinator::replace_catalogs(OpenTransaction& transaction, const CatalogsAnew& anew) {
  if (anew.empty()) return;
  // Its session looks at it until it is answered.
  batches_.back().retired_catalogs.push_back(transaction.catalog);
  for (OpenTransaction::Mark& mark : transaction.marks)
    if (mark.catalog != nullptr) mark.catalog = anew.at(mark.catalog);
  transaction.catalog = anew.at(transaction.catalog);
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
    marks.push_back(
        {alive, transaction.branch.mark(), locks_.mark(), transaction.catalog, transaction.exclusive});
}

// Returns the definitions that are replaced, if any.
std::shared_ptr<Catalog> Coordinator::rollback_to(CoordinatorCall& call) {
  const auto found = transactions_.find(call.transaction.value);
  if (found == transactions_.end()) return nullptr;
  std::shared_ptr<Catalog> replaced;
  OpenTransaction& transaction = *found->second;
  transaction.branch.note_reads_in(validates_reads(call.level) ? call.reads : nullptr);
  auto& marks = transaction.marks;
  while (marks.size() > 1 && marks[marks.size() - 2].savepoint >= call.savepoint) marks.pop_back();
  if (!marks.empty() && marks.back().savepoint >= call.savepoint) {
    marks.back().savepoint = call.savepoint;
    transaction.branch.rollback_to(marks.back().branch);
    LockTable::Granted granted;
    locks_.release_since(LockOwner{call.transaction.value}, marks.back().locks, granted);
    resume(granted);
    replaced = std::exchange(transaction.catalog, marks.back().catalog);
    // What a validated block has looked at, it has looked at.
    if (reads_anew(call.level)) transaction.exclusive = marks.back().exclusive;
  }
  call.transaction_catalog = transaction.catalog.get();
  call.catalog_base = transaction.base_catalog->version;
  return replaced;
}

const Catalog& Coordinator::catalog_of(const CoordinatorCall& call,
                                       const OpenTransaction* transaction) const {
  if (transaction == nullptr) return head_catalog();
  if (transaction->catalog != nullptr) return *transaction->catalog;
  return reads_anew(call.level) ? *base_catalog() : *static_cast<const Catalog*>(call.snapshot->catalog);
}

// What was revoked since a block began is gone for it all the same, but for what it has granted itself.
void Coordinator::check_still_allowed(const CoordinatorCall& call, const OpenTransaction& transaction,
                                      const Catalog& planned) const {
  check_rights_are_left(*call.plan, call.role,
                        transaction.catalog != nullptr ? *transaction.base_catalog : planned, head_catalog());
}

void Coordinator::run_plan(CoordinatorCall& call, StatementLocks& locks) {
  call.stop.check();
  OpenTransaction* transaction = call.transaction.value != 0 ? &transaction_of(call) : nullptr;
  storage::Branch& branch = transaction != nullptr ? transaction->branch : *head_;
  const Catalog* catalog = &catalog_of(call, transaction);
  if (call.catalog_version != catalog->version) {
    call.stale = true;
    return;
  }
  if (transaction != nullptr) check_still_allowed(call, *transaction, *catalog);
  const bool locking = transaction != nullptr || !locks_.empty();
  if (locking) lock_tables(*call.plan, locks);
  const storage::Branch::Stoppable stoppable(branch, call.stop);
  const storage::Branch::Mark mark = branch.mark();
  CallSurroundings here(call, *catalog, sequences_, *head_, transaction != nullptr ? &branch : nullptr);
  if (transaction != nullptr && transaction->catalog == nullptr) here.ask_also(head_catalog());
  OracleStyle at_oracle(call, here);
  ExecutionContext context;
  context.database = &branch.view();
  context.catalog = catalog;
  context.branch = &branch;
  if (transaction != nullptr) context.key_reads = call.reads;
  if (transaction != nullptr && validates_reads(call.level)) context.reads = call.reads;
  context.locks = locking ? &locks : nullptr;
  context.parameters = call.parameters;
  context.given = call.given;
  context.meter = call.meter;
  if (call.meter != nullptr) call.meter->clear();
  context.style = &at_oracle.style;
  context.session = &at_oracle.session;
  // Functions about locks find them by way of the session.
  LockTable::Granted woken;
  LockFunctions functions(locks_, locks, call, woken);
  if (call.plan->needs_locks) {
    at_oracle.session.locks = &functions;
    call.lock_steps_seen = 0;
  }
  context.transaction_us = call.transaction_us;
  context.statement_us = call.statement_us;
  context.memory_limit = call.memory_limit;
  try {
    if (call.plan->kind == Plan::Kind::truncate && transaction != nullptr) {
      Arena arena;
      storage::EvalContext eval = evaluation(call, at_oracle, arena);
      for (const RelationId table : static_cast<const physical::Truncate&>(*call.plan->root).tables)
        check_no_pending_checks({*catalog, branch, eval, nullptr, nullptr, &call.stop},
                                transaction->constraint_modes, table, "TRUNCATE");
    }
    for (const std::string& text : call.plan->notices) call.notices.push_back(notice(text));
    const MeteredRun metered(call.meter);
    const auto execution = execute(*call.plan, context);
    const ReadNotes notes(*execution);
    TimeSlice slice = TimeSlice::of_us(kLookUs);
    const storage::Datum* values = nullptr;
    for (;;) {
      call.stop.check();
      const Step step = execution->next(slice, values);
      if (step == Step::end) break;
      if (step == Step::yield) {
        check_memory(*call.plan);
        slice = TimeSlice::of_us(kLookUs);
        continue;
      }
      metered.encode([&] { call.encoder->encode(values, at_oracle.style, call.rows); });
      if (call.rows.size() > call.most_result_bytes) {
        call.result_too_large = true;
        throw result_too_large(call.most_result_bytes);
      }
    }
    call.affected = execution->affected();
    call.has_seen_nothing = has_no_relations(*call.plan) && !here.has_read() && catalog->version == catalog_->version;
    if (!call.plan->reads_only()) {
      Arena arena;
      storage::EvalContext eval = evaluation(call, at_oracle, arena);
      static const ConstraintModes kImmediate(false);
      const ConstraintContext constraints{*catalog,      branch, eval, locking ? &locks : nullptr,
                                          context.reads, &call.stop};
      const ConstraintModes& modes = transaction != nullptr ? transaction->constraint_modes : kImmediate;
      enforce_foreign_keys(constraints, mark, modes);
      check_deferred_keys(constraints, mark, &modes);
    }
    if (!call.plan->reads_only()) check_memory(*call.plan);
    if (transaction != nullptr && !reads_anew(call.level) && branch.is_overtaken(mark, head_->view()))
      throw storage::Failure(storage::Fault::serialization_failure,
                             "could not serialize access due to concurrent update", {}, kRetryHint);
    resume(woken);
  } catch (...) {
    branch.rollback_to(mark);
    resume(woken);
    call.rows.clear();
    call.notices.clear();
    throw;
  }
}

// Changes are data: what bounds them is the memory of the server. What makes room goes on.
void Coordinator::check_memory(const Plan& plan) {
  if (plan.kind == Plan::Kind::delete_ || plan.kind == Plan::Kind::truncate || !memory_short()) return;
  ++metrics.memory_refusals;
  throw storage::Failure(storage::Fault::out_of_memory, "out of memory",
                         "The server has used up the memory that it may use.");
}

void Coordinator::run_utility(CoordinatorCall& call, StatementLocks& locks) {
  call.stop.check();
  if (std::holds_alternative<ast::SetConstraintsStatement>(call.tree->node)) return set_constraints(call, locks);
  OpenTransaction* transaction = call.transaction.value != 0 ? &transaction_of(call) : nullptr;
  storage::Branch& branch = transaction != nullptr ? transaction->branch : *head_;
  const Catalog* before = &catalog_of(call, transaction);
  if (const auto* statement = std::get_if<ast::LockTableStatement>(&call.tree->node)) {
    lock_named_tables(*statement, *before, call, locks);
    return;
  }
  const storage::Branch::Stoppable stoppable(branch, call.stop);
  auto changed = std::make_shared<Catalog>(*before);
  // Relation ids must not be given out twice, whatever becomes of this transaction.
  changed->next_oid = std::max(changed->next_oid, next_oid_);
  CallSurroundings here(call, *changed, sequences_, *head_, transaction != nullptr ? &branch : nullptr);
  OracleStyle at_oracle(call, here);
  at_oracle.style.now_us = call.transaction_us;
  const PlanContext context{*changed, call.search_path, call.role, at_oracle.style, at_oracle.session};
  std::set<RelationId> unused;
  Definition definition{*changed, branch, context, call.notices,
                        transaction != nullptr ? transaction->exclusive : unused,
                        transaction != nullptr || !locks_.empty() ? &locks : nullptr, call.stop,
                        transaction != nullptr ? &transaction->constraint_modes : nullptr, call.memory_limit,
                        timestamps_.shared()};
  const storage::Branch::Mark mark = branch.mark();
  try {
    call.tag = adapter::carry_out(*call.tree, definition);
    if (transaction != nullptr || !locks_.empty()) lock_redefined(branch, mark, locks);
  } catch (...) {
    branch.rollback_to(mark);
    call.notices.clear();
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

void Coordinator::rollback(const CoordinatorCall& call) {
  transactions_.erase(call.transaction.value);
  lost_.erase(call.transaction.value);
  release_all(LockOwner{call.transaction.value});
}

// The locks go at once: whoever gets them runs in the next batch, on what this one made, and is not answered
// before this one is durable.
void Coordinator::commit(CoordinatorCall& call, StatementLocks& locks) {
  if (lost_.erase(call.transaction.value) != 0) throw_lost();
  const auto found = transactions_.find(call.transaction.value);
  if (found == transactions_.end()) return;
  check_before_merge(call, *found->second, locks);
  // Beyond this point it waits for nobody. It can be canceled until its changes are all on the head.
  const storage::Branch::Stoppable stoppable(*head_, call.stop);
  const std::unique_ptr<OpenTransaction> transaction = std::move(found->second);
  transactions_.erase(found);
  release_all(locks.owner());
  std::shared_ptr<Catalog> catalog;
  if (transaction->catalog != nullptr) {
    catalog = std::make_shared<Catalog>(
        merged_catalog(*transaction->base_catalog, *transaction->catalog, head_catalog()));
  }
  const bool writes = !transaction->branch.empty() || transaction->catalog != nullptr;
  if (writes && call.reads != nullptr && validates_reads_ &&
      !storage::is_unchanged(*call.reads, transaction->branch.base(), head_->view(), call.stop))
    throw storage::Failure(storage::Fault::serialization_failure,
                           "could not serialize access due to read/write dependencies among transactions", {},
                           kRetryHint);
  if (reactor::fail_point("plant.lose_answered_write")) return;
  merge(call, *transaction, catalog != nullptr ? *catalog : head_catalog());
  if (catalog == nullptr) return;
  catalog->version = ++last_catalog_version_;
  next_catalog_ = std::move(catalog);
}

// What may have to wait: the deferred checks, as of what is newest in `read committed`, and for a validated block
// whatever others have locked of what it changed or relies on.
void Coordinator::check_before_merge(CoordinatorCall& call, OpenTransaction& transaction, StatementLocks& locks) {
  const bool validated = !reads_anew(call.level);
  const bool waits = validated && locks_.has_rows_or_keys();
  if (waits) check_changed_rows(transaction.branch, locks, call.stop);
  const auto catalog = [&]() -> const Catalog& {
    return transaction.catalog != nullptr ? *transaction.catalog : *transaction.base_catalog;
  };
  const bool deferrable = changes_deferrable_constraints(catalog(), transaction.branch);
  if (!deferrable && !waits) return;
  if (!validated) transaction_of(call);
  CallSurroundings here(call, catalog(), sequences_, *head_, &transaction.branch);
  const OracleStyle at_oracle(call, here);
  Arena arena;
  storage::EvalContext eval = evaluation(call, at_oracle, arena);
  const ConstraintContext context{catalog(), transaction.branch, eval, waits || !validated ? &locks : nullptr,
                                  nullptr,   &call.stop};
  check_foreign_keys(context, {}, waits ? KeysToCheck::all : KeysToCheck::deferrable);
  check_deferred_keys(context, {}, nullptr);
}

// A block that looked at all rows of a table, or wrote them anew, has not seen those that came since.
void Coordinator::check_exclusive_tables(const OpenTransaction& transaction,
                                         const storage::Database& newest) const {
  for (const RelationId table : transaction.exclusive)
    if (newest.table(table) != transaction.branch.base().table(table)) throw definition_conflict();
}

// A block that changed rows under constraints that are others now may have broken them unnoticed; one that
// emptied a table has not seen who refers to it since.
void Coordinator::check_still_mergeable(const OpenTransaction& transaction, const Catalog& seen) const {
  check_exclusive_tables(transaction, head_->view());
  if (seen.version == head_catalog().version) return;
  for (const storage::SchemaOperation& operation : transaction.branch.operations())
    if (operation.kind == storage::SchemaOperation::Kind::truncate &&
        !has_same_referrers(seen, head_catalog(), operation.relation))
      throw definition_conflict();
  const storage::ChangeSet& changes = transaction.branch.changes();
  RelationId last(UINT32_MAX);
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const RelationId relation = changes[i].relation;
    if (relation == last) continue;
    last = relation;
    const auto before = seen.table(relation);
    const auto now = head_catalog().table(relation);
    if (before == nullptr || now == nullptr || before == now) continue;
    const auto same_check = [](const CheckConstraint& a, const CheckConstraint& b) { return a.oid == b.oid; };
    if (!std::equal(before->checks.begin(), before->checks.end(), now->checks.begin(), now->checks.end(),
                    same_check))
      throw definition_conflict();
  }
}

// Foreign keys are asked once more on the head, where rows that others committed meanwhile are to be seen.
void Coordinator::merge(CoordinatorCall& call, OpenTransaction& transaction, const Catalog& merged) {
  const Catalog& seen = *transaction.base_catalog;
  const Catalog& own = transaction.catalog != nullptr ? *transaction.catalog : seen;
  CallSurroundings here(call, own, sequences_, *head_, &transaction.branch);
  const OracleStyle at_oracle(call, here);
  Arena arena;
  storage::EvalContext eval = evaluation(call, at_oracle, arena);
  check_still_mergeable(transaction, seen);
  const storage::Branch::Mark mark = head_->mark();
  head_->merge(transaction.branch);
  try {
    const ConstraintContext context{merged, *head_, eval, nullptr, nullptr, &call.stop};
    check_foreign_keys(context, mark, KeysToCheck::all);
    check_deferred_keys(context, mark, nullptr);
  } catch (const storage::Failure& failure) {
    head_->rollback_to(mark);
    if (reads_anew(call.level) || failure.fault == storage::Fault::unique_violation) throw;
    throw storage::Failure(storage::Fault::serialization_failure,
                           "could not serialize access due to concurrent update", {},
                           kRetryHint);
  }
}

void Coordinator::set_constraints(CoordinatorCall& call, StatementLocks& locks) {
  call.tag = "SET CONSTRAINTS";
  OpenTransaction* const block = call.transaction.value != 0 ? &transaction_of(call) : nullptr;
  const auto& statement = std::get<ast::SetConstraintsStatement>(call.tree->node);
  const Catalog& catalog = catalog_of(call, block);
  ConstraintModes modes = block != nullptr ? block->constraint_modes : ConstraintModes();
  if (statement.names.empty()) {
    modes.deferred.clear();
    modes.all_deferred = statement.deferred;
  }
  for (const ast::QualifiedName& name : statement.names) {
    bool found = false;
    const auto set = [&](std::uint32_t oid, bool deferrable) {
      if (!deferrable) throw SqlError("42809", fmt::format("constraint \"{}\" is not deferrable", name.name));
      modes.deferred[oid] = statement.deferred;
      found = true;
    };
    for (const auto& [key, table] : catalog.tables()) {
      if (!name.schema.empty() && name.schema != table->schema_name) continue;
      for (const ForeignKey& constraint : table->foreign_keys)
        if (constraint.name == name.name) set(constraint.oid, constraint.deferrable);
      for (const storage::IndexSchema& index : table->schema->indexes)
        if (index.constraint && index.name == name.name) set(oid_of(index.id), index.deferrable);
      const storage::TableSchema& schema = *table->schema;
      if (!schema.primary_key.empty() && schema.primary_key_name == name.name)
        set(primary_key_oid(oid_of(schema.id)), false);
    }
    if (!found) throw SqlError("42704", fmt::format("constraint \"{}\" does not exist", name.name));
  }
  if (block == nullptr) return;
  OpenTransaction& transaction = *block;
  // What is immediate from now on must hold now.
  if (!statement.deferred) {
    CallSurroundings here(call, catalog, sequences_, *head_, &transaction.branch);
    const OracleStyle at_oracle(call, here);
    Arena arena;
    storage::EvalContext eval = evaluation(call, at_oracle, arena);
    const ConstraintContext context{catalog, transaction.branch, eval,
                                    locks.locks_changes() ? &locks : nullptr,
                                    validates_reads(call.level) ? call.reads : nullptr, &call.stop};
    check_foreign_keys(context, {}, KeysToCheck::deferrable);
    check_deferred_keys(context, {}, nullptr);
  }
  transaction.constraint_modes = std::move(modes);
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
  const std::uint64_t bytes = replaced->bytes;
  retired.retire(
      timestamp,
      [](void* object, std::size_t limit) {
        auto* const retirement = static_cast<storage::Retirement*>(object);
        const std::size_t freed = retirement->free_some(limit);
        if (freed < limit) delete retirement;
        return freed;
      },
      new storage::Retirement(std::move(replaced)), bytes);
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
  for (oracle::Intent* intent : batch)
    if (done.answers(intent)) hand_back(static_cast<CoordinatorCall&>(*intent));
  batches_.pop_front();
}

void Coordinator::hand_back(CoordinatorCall& call) {
  if (!transactions_.contains(call.transaction.value)) call.transaction_catalog = nullptr;
  call.holds_session_locks = locks_.holds_any(LockOwner::of(call.backend, LockOwner::kSession));
  call_return_.give_back(call);
}

void Coordinator::drop_sealed(std::size_t position) {
  Timestamp kept = database_->timestamp();
  for (std::size_t i = 0; i < position; ++i)
    if (batches_[i].database != nullptr) kept = batches_[i].database->timestamp();
  // Blocks that stand on what is dropped go with it.
  for (auto at = transactions_.begin(); at != transactions_.end();) {
    const bool lost = at->second->branch.base().timestamp() > kept;
    if (lost) lost_.insert(at->first);
    at = lost ? transactions_.erase(at) : std::next(at);
  }
  for (std::size_t i = batches_.size(); i > position; --i) {
    Batch& batch = batches_[i - 1];
    batch.branch.reset();
    batch.database.reset();
    batch.catalog.reset();
  }
}

// Also reads get the error: they may have seen what is dropped.
void Coordinator::refuse(std::size_t position, std::span<oracle::Intent* const> batch, Refusal why) {
  SqlError error("58030", "the commit log has failed: whether this statement took effect is unknown");
  if (why == Refusal::no_room)
    error = SqlError("53100", "could not extend the commit log: no space left on device")
                .with_hint("Check free disk space.");
  else if (why == Refusal::fenced)
    error = SqlError("58000", fmt::format("{}; whether this statement took effect is unknown",
                                          timestamps_.why_refused()));
  fail_all(batches_[position], batch, std::make_exception_ptr(std::move(error)));
  batches_.erase(batches_.begin() + static_cast<std::ptrdiff_t>(position));
}

void Coordinator::fail_all(const Batch& batch, std::span<oracle::Intent* const> intents,
                           const std::exception_ptr& failure) {
  for (oracle::Intent* intent : intents) {
    if (!batch.answers(intent)) continue;
    auto& call = static_cast<CoordinatorCall&>(*intent);
    call.rows.clear();
    call.failure = failure;
    hand_back(call);
  }
}

// It is durable, and will be seen once the oracle has been told; unless this server is fenced before.
void Coordinator::disclaim(std::size_t position, std::span<oracle::Intent* const> batch) {
  SqlError error("40003", "the timestamp oracle does not answer: whether this statement takes effect is unknown");
  fail_all(batches_[position], batch, std::make_exception_ptr(std::move(error)));
}

// What was read may be of a state that is not published, and is not told.
void Coordinator::give_up(std::size_t position, std::span<oracle::Intent* const> batch) {
  SqlError error("58000", timestamps_.why_refused());
  fail_all(batches_[position], batch, std::make_exception_ptr(std::move(error)));
  batches_.erase(batches_.begin() + static_cast<std::ptrdiff_t>(position));
}

}  // namespace gyre::adapter
