// What the functions about locks (pg_advisory_lock, pg_blocking_pids, …) and pg_locks ask of the lock table,
// as the execution that calls them brings it. They run where the lock table is: on the oracle core.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gyre::storage {

// A lock that means what its users agree on; for a session or a transaction.
struct AdvisoryLock {
  std::uint64_t key;  // one number, or two: the first in the upper half
  bool two_keys;
  bool share;
  bool transaction;
  bool operator==(const AdvisoryLock&) const = default;
};

// One row of pg_locks; what does not apply is absent.
struct LockRow {
  std::string_view kind;
  std::optional<std::uint32_t> relation, class_id, object_id;
  std::optional<std::int16_t> object_part;
  std::string owner;
  std::uint32_t pid;
  std::string_view mode;
  bool granted;
};

class SessionLocks {
 public:
  // Waits, that is, ends the statement to run it again, or returns false where `wait` is false.
  virtual bool lock(const AdvisoryLock& lock, bool wait) = 0;
  // False, with a warning to the client, where the session does not hold it.
  virtual bool unlock(const AdvisoryLock& lock) = 0;
  virtual void unlock_all() = 0;
  // Whom a session waits for.
  virtual std::vector<std::uint32_t> blockers(std::uint32_t pid) const = 0;
  virtual void for_each(const std::function<void(const LockRow&)>& visit) const = 0;

 protected:
  ~SessionLocks() = default;
};

}  // namespace gyre::storage
