// What a shard asks of the oracle core, and what it is answered: a plan to run where the writes are ordered,
// a definition to change, a transaction to end. Lives in the asking coroutine; only its address travels
// through the mailboxes, so between submit() and the answer it belongs to the oracle core, together with all
// that it points to.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "adapter/coordinator/isolation_level.h"
#include "adapter/exec/executor.h"
#include "adapter/plan/plan.h"
#include "adapter/row_encoder.h"
#include "adapter/sql/ast.h"
#include "oracle/group_commit.h"
#include "pgwire/diagnostic.h"
#include "reactor/base/ids.h"
#include "reactor/base/out_buffer.h"
#include "reactor/stop_flag.h"
#include "reactor/task.h"
#include "storage/read_set.h"
#include "storage/scalar/session_locks.h"

namespace gyre::adapter {

// A transaction that the oracle core keeps a branch for; 0: none, the statement is a transaction of its own.
using TransactionId = StrongId<struct TransactionTag, std::uint64_t>;

struct CoordinatorCall : oracle::Intent {
  enum class Kind : std::uint8_t {
    run_plan,     // `plan` with `parameters`
    utility,      // `tree`: a definition, a role, a privilege, a system parameter
    commit,       // `transaction`
    rollback,     // `transaction`; cannot fail, and is answered at once
    rollback_to,  // `savepoint` of `transaction`; the same
    renew,        // `transaction`'s own definitions, on top of the newest; where they do not fit, nothing
    end_session,  // what the session has locked beyond transactions is released; the same
  };

  explicit CoordinatorCall(reactor::Loop& loop, ShardId asker) : shard(asker), answered(loop) {}

  // The question.
  Kind kind = Kind::run_plan;
  ShardId shard;
  TransactionId transaction;
  IsolationLevel level = IsolationLevel::strict_serializable;
  std::uint32_t backend = 0;          // the session, as its process id
  std::uint32_t sequence = 0;         // tells the session's calls apart
  std::uint64_t lock_timeout_us = 0;  // 0: none
  // What the transaction reads, pinned by the asker until it has ended; null outside transactions and in
  // `read committed`.
  const oracle::Publication* snapshot = nullptr;
  // What the transaction has read, which this call adds to, and which a commit validates; null where nothing
  // is validated.
  storage::ReadSet* reads = nullptr;
  // The innermost savepoint that is alive, by its number within the transaction, which grows; 0: none. Of
  // rollback_to: the one to go back to.
  std::uint32_t savepoint = 0;
  const Plan* plan = nullptr;
  std::span<const storage::Datum> parameters;
  GivenRows* given = nullptr;  // of a COPY
  ExecutionMeter* meter = nullptr;  // of EXPLAIN ANALYZE
  const RowEncoder* encoder = nullptr;
  const ast::Statement* tree = nullptr;
  std::uint64_t catalog_version = 0;  // what the plan was made against
  std::vector<std::string> search_path;  // its own: the statement may change the session's (set_config)
  RoleId role;
  const storage::TextStyle* style = nullptr;
  const storage::SessionFacts* session = nullptr;
  std::int64_t transaction_us = 0;
  std::int64_t statement_us = 0;
  std::size_t memory_limit = SIZE_MAX;
  std::uint64_t most_result_bytes = UINT64_MAX;  // max_query_result_size
  oracle::Urgency urgency = oracle::Urgency::now;  // of what it writes: synchronous_commit
  // Raised by the asking core, at any time, when the statement is to end: heeded by run_plan and utility.
  reactor::StopFlag stop;

  // The answer.
  OutBuffer rows;               // DataRow messages
  std::uint64_t affected = 0;   // rows inserted, updated or deleted
  std::string tag;              // of a utility statement
  std::exception_ptr failure;   // SqlError or storage::Failure; null: it went well
  std::vector<pgwire::Diagnostic> notices;
  // It was stopped, or while it waited the shard asked for it, or for a lock and `lock_timeout_us` has passed.
  bool canceled = false;
  bool lock_timed_out = false;
  bool holds_session_locks = false;  // the session holds advisory locks beyond the transaction
  bool result_too_large = false;     // `failure` says so
  bool stale = false;                // the catalog has moved on: plan again and ask again
  // The open transaction's own catalog, while it differs from the published one; lives until the transaction
  // ends. At first as the session has it.
  const Catalog* transaction_catalog = nullptr;
  std::uint64_t catalog_base = 0;  // the version that it stands on, or does not fit
  reactor::Event answered;  // set on the asking core

  // The coordinator's own.
  // What the statement has done to the session's advisory locks, in all its runs; and how much of that this
  // run has come by.
  struct LockStep {
    enum class Kind : std::uint8_t { lock, unlock, unlock_all } kind;
    storage::AdvisoryLock lock;
    bool done;  // the function's answer
  };
  std::vector<LockStep> lock_steps;
  std::size_t lock_steps_seen = 0;
  bool has_seen_nothing = false;  // neither data nor definitions that are not published
  bool needs_timestamp = false;   // it has tried to do without
};

// The way to the oracle core and back, as a session sees it.
class CoordinatorLink {
 public:
  virtual ~CoordinatorLink() = default;
  virtual void submit(CoordinatorCall& call) = 0;
  // A call that may be waiting, for a lock or to be ordered, is to be answered, as canceled, if it still waits when
  // this arrives.
  virtual void cancel_wait(std::uint32_t backend, std::uint32_t sequence) = 0;
};

}  // namespace gyre::adapter
