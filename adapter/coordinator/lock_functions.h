// The functions about locks (storage/scalar/session_locks.h), for one call to the oracle core.
#pragma once

#include <string>

#include "adapter/coordinator/call.h"
#include "adapter/coordinator/statement_locks.h"
#include "storage/scalar/session_locks.h"

namespace gyre::adapter {

class LockFunctions final : public storage::SessionLocks {
 public:
  // All are borrowed; `granted` collects the waiters that an unlocking wakes.
  LockFunctions(LockTable& locks, StatementLocks& statement, CoordinatorCall& call,
                LockTable::Granted& granted)
      : locks_(locks), statement_(statement), call_(call), granted_(granted) {}

  bool lock(const storage::AdvisoryLock& lock, bool wait) override;
  bool unlock(const storage::AdvisoryLock& lock) override;
  void unlock_all() override;
  std::vector<std::uint32_t> blockers(std::uint32_t pid) const override { return locks_.blockers(pid); }
  void for_each(const std::function<void(const storage::LockRow&)>& visit) const override;

 private:
  using Step = CoordinatorCall::LockStep;
  const Step* step_before(Step::Kind kind, const storage::AdvisoryLock& lock);
  void add_step(Step::Kind kind, const storage::AdvisoryLock& lock, bool done);

  LockTable& locks_;
  StatementLocks& statement_;
  CoordinatorCall& call_;
  LockTable::Granted& granted_;
};

}  // namespace gyre::adapter
