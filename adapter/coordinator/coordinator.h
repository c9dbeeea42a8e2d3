// The oracle core's half of the adapter: runs what writes, changes definitions, keeps the branches of open
// transactions, and publishes each new database value. One batch per turn of its loop, in the numbered steps
// of oracle/group_commit.h.
//
// Owned by the oracle core; nothing here is touched by another.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "adapter/catalog/catalog.h"
#include "adapter/coordinator/call.h"
#include "adapter/coordinator/foreign_keys.h"
#include "adapter/coordinator/sequences.h"
#include "adapter/coordinator/lock_table.h"
#include "adapter/coordinator/statement_locks.h"
#include "adapter/durability/initial_state.h"
#include "adapter/metrics.h"
#include "adapter/session/snapshot_pin.h"
#include "oracle/group_commit.h"
#include "storage/branch.h"
#include "storage/database.h"
#include "storage/scalar/session_directory.h"

namespace gyre::adapter {

// Takes answered calls back to the cores that asked.
class CallReturn {
 public:
  virtual void give_back(CoordinatorCall& call) = 0;

 protected:
  ~CallReturn() = default;
};

class Coordinator final : public oracle::CommitSteps {
 public:
  // Publishes the initial state at once. All references are borrowed; `reader` is the oracle core's own
  // number among the holds.
  Coordinator(oracle::CommitTimestamps& timestamps, oracle::CommitLog& log, oracle::PublishedState& published,
              oracle::ReadHolds& holds, std::size_t reader, CallReturn& call_return, InitialState initial);
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;
  ~Coordinator() override;

  // A call arrived; it is answered at once, in this turn, or in a later one.
  void submit(CoordinatorCall& call);
  // Once per turn, after the mailboxes, and after the log has answered. Returns whether there is more to do
  // at once.
  bool turn();
  // The timestamps for commits, or what has been applied, may have changed.
  void timestamps_changed() { commits_.timestamps_changed(); }
  void disclaim_unapplied() { commits_.disclaim_unapplied(); }
  bool idle() const { return commits_.idle(); }
  const oracle::GroupCommit& commits() const { return commits_; }
  std::size_t open_transactions() const { return transactions_.size(); }
  // Whether COMMIT validates what was read. Off only to show that a checker of histories notices.
  void set_validation(bool on) { validates_reads_ = on; }

  // The session's call of this number is answered as canceled where it waits for a lock, to be ordered, or with what it
  // has read for what was written before; now or when it begins to wait.
  void cancel_wait(std::uint32_t backend, std::uint32_t sequence);
  // Answers those whose lock_timeout has passed; returns when to ask again, kNever while there is no need to.
  static constexpr std::uint64_t kNever = UINT64_MAX;
  std::uint64_t expire_waits(std::uint64_t now_us);
  const LockTable& locks() const { return locks_; }

  // Of each session that is surveyed: what is known here.
  void complete(std::span<storage::SessionRow> rows) const;
  // The gauges.
  void measure(CoreMetrics& out) const;

  CoreMetrics metrics;
  SpanClock span_clock;
  std::function<bool()> memory_short = [] { return false; };  // the process has more than it may
  std::function<std::uint64_t()> now_us = [] { return std::uint64_t{0}; };  // for lock_timeout; any origin

 private:
  // A block that has written or locked: its own database and, after DDL, its own catalog. The snapshot it
  // started from is pinned by the shard until the transaction has ended; in `read committed` the base moves
  // with each statement and is pinned here.
  struct OpenTransaction {
    OpenTransaction(const storage::Database& database, std::shared_ptr<const Catalog> definitions,
                    std::uint64_t number)
        : base_catalog(std::move(definitions)), branch(database, storage::Branch::ForTransaction{number}) {}
    SnapshotPin base;
    std::shared_ptr<const Catalog> base_catalog;  // what `catalog` was made from
    storage::Branch branch;
    std::shared_ptr<Catalog> catalog;  // null: as the snapshot's
    // What to go back to at ROLLBACK TO, by ascending numbers of savepoints. Nothing was done between a
    // savepoint without a mark and the next one that has one. The branch's part counts the entries of its
    // logs, so it holds for any branch on which the whole logs were replayed.
    struct Mark {
      std::uint32_t savepoint;
      storage::Branch::Mark branch;
      LockTable::Mark locks;  // those since then go with a failed statement, too
      std::shared_ptr<Catalog> catalog;
      std::set<RelationId> exclusive;
    };
    std::vector<Mark> marks;
    ConstraintModes constraint_modes;
    std::set<RelationId> exclusive;  // see Definition
  };
  struct WaitingCall {
    CoordinatorCall* call;
    std::uint64_t deadline_us;
  };

  // oracle::CommitSteps
  Outcome order(std::span<oracle::Intent* const> batch, Writes writes) override;
  bool may_write(const oracle::Intent& intent) const override;
  void encode(Timestamp timestamp, OutBuffer& record) override;
  void seal(Timestamp timestamp) override;
  oracle::Publication apply(Timestamp timestamp, oracle::RetireList& retired) override;
  void answer(std::span<oracle::Intent* const> batch, Timestamp timestamp) override;
  void drop_sealed(std::size_t position) override;
  void refuse(std::size_t position, std::span<oracle::Intent* const> batch, Refusal why) override;
  void disclaim(std::size_t position, std::span<oracle::Intent* const> batch) override;
  void give_up(std::size_t position, std::span<oracle::Intent* const> batch) override;

  // A batch between order() and its answer.
  struct Batch {
    std::uint64_t start = 0;  // ticks
    // Calls that are not its to answer, by address, sorted once it is ordered: they wait for a lock and are
    // answered with the batch in which they run, or were answered at once. They may be gone.
    std::vector<const oracle::Intent*> passed_over;
    bool answers(const oracle::Intent* call) const {
      return !std::binary_search(passed_over.begin(), passed_over.end(), call);
    }
    // Once sealed, if it writes.
    std::unique_ptr<storage::Branch> branch;
    std::unique_ptr<const storage::Database> database;
    std::shared_ptr<const Catalog> catalog;  // null: its predecessor's
    // Transactions' catalogs that its statements replaced; their sessions look at them until they are
    // answered.
    std::vector<std::shared_ptr<Catalog>> retired_catalogs;
  };

  void fail_all(const Batch& batch, std::span<oracle::Intent* const> intents, const std::exception_ptr& failure);
  bool carry_out_at_once(CoordinatorCall& call);
  bool carry_out_call(CoordinatorCall& call, Writes writes);
  static bool reveals_nothing(const CoordinatorCall& call);
  void dispatch(CoordinatorCall& call, StatementLocks& locks);
  void run_plan(CoordinatorCall& call, StatementLocks& locks);
  void check_still_allowed(const CoordinatorCall& call, const OpenTransaction& transaction,
                           const Catalog& planned) const;
  void check_memory(const Plan& plan);
  void run_utility(CoordinatorCall& call, StatementLocks& locks);
  void commit(CoordinatorCall& call, StatementLocks& locks);
  void rollback(const CoordinatorCall& call);
  std::shared_ptr<Catalog> rollback_to(CoordinatorCall& call);
  void mark_savepoint(OpenTransaction& transaction, std::uint32_t alive);
  const Catalog& catalog_of(const CoordinatorCall& call, const OpenTransaction* transaction) const;

  // Locks and waiting (coordinator_waits.cc).
  StatementLocks locks_of(const CoordinatorCall& call) const;
  static void lock_tables(const Plan& plan, StatementLocks& locks);
  static void lock_redefined(const storage::Branch& branch, storage::Branch::Mark since,
                             StatementLocks& locks);
  static void lock_named_tables(const ast::LockTableStatement& statement, const Catalog& catalog,
                                CoordinatorCall& call, StatementLocks& locks);
  static void check_changed_rows(const storage::Branch& branch, StatementLocks& locks,
                                 const reactor::StopFlag& stop);
  void hand_back(CoordinatorCall& call);
  bool wait(CoordinatorCall& call, const StatementLocks& locks);
  void stop_waiting(std::uint32_t backend);
  bool withdraw(std::uint32_t backend, std::uint32_t sequence);
  bool leave_batch(std::uint32_t backend, std::uint32_t sequence);
  void after_failure(const CoordinatorCall& call);
  void release_all(LockOwner owner);
  void resume(const LockTable::Granted& granted);

  // Constraints and sequences.
  void set_constraints(CoordinatorCall& call, StatementLocks& locks);
  // `merged`: the definitions as they will be.
  void merge(CoordinatorCall& call, OpenTransaction& transaction, const Catalog& merged);
  void check_before_merge(CoordinatorCall& call, OpenTransaction& transaction, StatementLocks& locks);
  void check_exclusive_tables(const OpenTransaction& transaction, const storage::Database& newest) const;
  void check_still_mergeable(const OpenTransaction& transaction, const Catalog& seen) const;
  void settle_sequences(Writes writes);
  OpenTransaction& transaction_of(CoordinatorCall& call);
  [[noreturn]] void throw_no_writes() const;
  using CatalogsAnew = std::map<std::shared_ptr<Catalog>, std::shared_ptr<Catalog>>;
  CatalogsAnew rebased_catalogs(const OpenTransaction& transaction);
  void replace_catalogs(OpenTransaction& transaction, const CatalogsAnew& anew);
  // The newest state that is sealed, or else published: what the next batch is ordered on.
  const storage::Database& base_database() const;
  const std::shared_ptr<const Catalog>& base_catalog() const;
  // As the batch that is being ordered has changed it.
  const Catalog& head_catalog() const { return next_catalog_ != nullptr ? *next_catalog_ : *base_catalog(); }
  oracle::Publication publication(Timestamp timestamp) const;

  oracle::CommitTimestamps& timestamps_;
  oracle::PublishedState& published_;
  oracle::ReadHolds& holds_;
  const std::size_t reader_;
  CallReturn& call_return_;
  std::unique_ptr<const storage::Database> database_;  // as published
  std::shared_ptr<const Catalog> catalog_;             // as published
  std::uint64_t last_catalog_version_;                 // of any catalog made, published or not
  std::uint32_t next_oid_;                             // not given out yet by any catalog
  std::unordered_map<std::uint64_t, std::unique_ptr<OpenTransaction>> transactions_;
  std::uint64_t transactions_made_ = 0;
  std::deque<Batch> batches_;  // as GroupCommit has them under way; the last may be being ordered
  // Blocks whose base was dropped: they cannot go on.
  std::unordered_set<std::uint64_t> lost_;
  mutable LockTable locks_;
  std::unordered_map<std::uint32_t, WaitingCall> waiting_;  // by session
  // Calls that were to be canceled and did not wait when that arrived: number by session.
  std::unordered_map<std::uint32_t, std::uint32_t> cancels_;

  // The batch that is being ordered, until it is sealed.
  std::unique_ptr<storage::Branch> head_;
  std::shared_ptr<const Catalog> next_catalog_;  // null: unchanged
  std::vector<CoordinatorCall*> calls_;          // in the order in which they are carried out
  bool validates_reads_ = true;
  SequenceValues sequences_;

  oracle::GroupCommit commits_;
};

}  // namespace gyre::adapter
