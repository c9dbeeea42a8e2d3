// What one statement on the oracle core locks, and under which rules: the lock table as that statement sees
// it.
//
// A statement outside a transaction block runs alone on the newest state and keeps no locks: it only meets
// those of others. A block that is validated at COMMIT locks what it asks for by itself (FOR UPDATE, LOCK
// TABLE) and leaves its changes to the validation. A `read committed` block locks both.
#pragma once

#include <string>
#include <string_view>

#include "adapter/coordinator/lock_table.h"
#include "adapter/exec/row_locks.h"
#include "adapter/sql_error.h"
#include "storage/database.h"

namespace gyre::adapter {

class StatementLocks final : public RowLocks {
 public:
  enum class Rule : std::uint8_t {
    respect,    // outside a block
    validated,  // its changes are checked at COMMIT
    lock,       // its changes are locked
  };
  // `newest` is what explicit row locks are compared with where `seen`, the snapshot of a validated block, is
  // not null. All are borrowed.
  StatementLocks(LockTable& locks, LockOwner owner, Rule rule, const storage::Database& newest,
                 const storage::Database* seen)
      : locks_(locks), owner_(owner), rule_(rule), newest_(newest), seen_(seen) {}

  bool lock_row(RelationId table, std::string_view key, RowLockMode mode, LockWaitPolicy policy) override;
  bool locks_changes() const override { return rule_ != Rule::validated; }
  void lock_changed_row(RelationId table, std::string_view key, RowLockMode mode) override;
  void lock_key(RelationId index, std::string_view key) override;
  void await_key(RelationId index, std::string_view key) override;

  // An advisory lock, kept whatever the rule is.
  bool lock_advisory(LockOwner owner, LockName name, LockMode mode, LockWaitPolicy policy);
  // False where `policy` is skip and the lock is not to be had. The other policies throw, as RowLocks has it.
  bool lock_table(RelationId table, TableLockMode mode, LockWaitPolicy policy = LockWaitPolicy::block);

  // From here on it keeps nothing that it asks for, as outside a block: for what a COMMIT has to respect.
  void respect_only() { rule_ = Rule::respect; }

  // What the statement has to wait for, after LockWait was thrown.
  LockName wanted() const { return {wanted_kind_, wanted_relation_, wanted_bytes_}; }
  LockMode wanted_mode() const { return wanted_mode_; }
  LockOwner wanted_owner() const { return wanted_owner_; }
  LockTable::Wish wish() const { return wish_; }
  LockOwner owner() const { return owner_; }

 private:
  bool lock(LockName name, LockMode mode, LockWaitPolicy policy);
  bool keep(LockOwner owner, LockName name, LockMode mode, LockWaitPolicy policy);
  bool wait(LockOwner owner, LockName name, LockMode mode, LockWaitPolicy policy);
  [[noreturn]] void not_available(LockName name) const;

  LockTable& locks_;
  const LockOwner owner_;
  Rule rule_;
  const storage::Database& newest_;
  const storage::Database* const seen_;
  LockKind wanted_kind_ = LockKind::row;
  std::uint32_t wanted_relation_ = 0;
  std::string wanted_bytes_;
  LockMode wanted_mode_ = 0;
  LockOwner wanted_owner_;
  LockTable::Wish wish_ = LockTable::Wish::to_hold;
};

// 40P01 with who waits for whom.
SqlError deadlock_error(const std::vector<LockTable::Wait>& circle, const LockTable& locks);

}  // namespace gyre::adapter
