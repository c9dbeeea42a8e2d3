// Who has locked what, who waits for it, and whom: rows, entries of unique indexes, tables, advisory keys.
// Modes and their conflicts are PostgreSQL's (lock_mode.h).
//
// Kept by the oracle core alone, so a call is a few look-ups and nothing in it is shared. Nothing here waits:
// a request that cannot be granted is put in a queue by enqueue(), and whoever releases is told which waiters
// have become holders.
//
// L1  Two holders of one lock from different sessions never conflict.
// L2  A waiter conflicts with a holder of another session or with an earlier waiter: it is granted in the
// call
//     that takes the last of these away.
// L3  Waiters are first come, first served: a request that conflicts with an earlier waiter waits, too,
// unless
//     its session holds the lock already and would otherwise wait for itself.
// L4  A session waits for one lock at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "adapter/coordinator/lock_mode.h"
#include "reactor/base/ids.h"

namespace gyre::adapter {

// Who holds locks: a session in the upper half, one of its transactions in the lower. Owners of one session
// never wait for each other.
struct LockOwner {
  std::uint64_t value = 0;

  static constexpr std::uint32_t kSession = 0;             // locks that last beyond transactions
  static constexpr std::uint32_t kStatement = UINT32_MAX;  // a statement outside a transaction block
  static constexpr LockOwner of(std::uint32_t session, std::uint32_t part) {
    return {(std::uint64_t{session} << 32) | part};
  }
  std::uint32_t session() const { return static_cast<std::uint32_t>(value >> 32); }
  bool operator==(const LockOwner&) const = default;
};

enum class LockKind : std::uint8_t {
  row,       // relation: the table; bytes: the row's key; none: all rows of the table
  key,       // relation: the index, the table for its primary key; bytes: as encoded there
  table,     // relation
  advisory,  // bytes: the key or keys, eight bytes; relation: how many keys, 1 or 2
};

// What can be locked. `bytes` is borrowed.
struct LockName {
  LockKind kind;
  std::uint32_t relation;
  std::string_view bytes = {};
};

// A mode of any kind, as its number there; a key has the one mode 0, which excludes itself.
using LockMode = std::uint8_t;
constexpr LockMode lock_mode(RowLockMode mode) {
  return static_cast<LockMode>(mode);
}
constexpr LockMode lock_mode(TableLockMode mode) {
  return static_cast<LockMode>(mode);
}
constexpr LockMode lock_mode(AdvisoryLockMode mode) {
  return static_cast<LockMode>(mode);
}
inline constexpr LockMode kKeyLock = 0;

// The modes that exclude `mode`, a bit each.
std::uint16_t conflicts_of(LockKind kind, LockMode mode);
// As pg_locks and error details spell it: "AccessExclusiveLock".
std::string_view name_of(LockKind kind, LockMode mode);

class LockTable {
 public:
  // Rows of one table that an owner may lock one by one; above, all rows of the table become one lock, as
  // soon as nobody else has locked any of them.
  static constexpr std::size_t kEscalation = 16'384;
  // Locks that may be held or waited for in all.
  static constexpr std::size_t kMost = 4'000'000;

  explicit LockTable(std::size_t escalation = kEscalation) : escalation_(escalation) {}
  LockTable(const LockTable&) = delete;
  LockTable& operator=(const LockTable&) = delete;

  // Nothing is locked: whoever finds this true need not ask on.
  bool empty() const { return locks_.empty(); }
  // Nor any row, or key of a unique index.
  bool has_rows_or_keys() const { return rows_and_keys_ != 0; }

  enum class Outcome : std::uint8_t { granted, busy, full };
  // Grants it at once, or leaves everything as it was. A mode that the owner's session has already, or a
  // stronger one, is granted again without a trace, except for advisory locks, which are counted.
  Outcome acquire(LockOwner owner, LockName name, LockMode mode);
  // acquire() would say busy.
  bool is_busy(LockOwner owner, LockName name, LockMode mode) const;
  enum class Wish : std::uint8_t { to_hold, to_be_woken };
  // After acquire() or is_busy() said so: waits in line, to be granted it or only to be told that it could
  // be. The session waits for nothing else.
  void enqueue(LockOwner owner, LockName name, LockMode mode, Wish wish = Wish::to_hold);
  bool waits(std::uint32_t session) const { return waiting_.contains(session); }
  // What the session waits for; nothing where it does not wait.
  std::optional<LockKind> awaited(std::uint32_t session) const {
    const auto found = waiting_.find(session);
    return found == waiting_.end() ? std::nullopt : std::optional(decode(found->second->first).kind);
  }

  // Woken waiters, in the order of being granted.
  using Granted = std::vector<LockOwner>;
  void cancel_wait(std::uint32_t session, Granted& granted);
  // One count of an advisory lock; false where the owner has none.
  bool release(LockOwner owner, LockName name, LockMode mode, Granted& granted);
  void release_all(LockOwner owner, Granted& granted);
  // A point to release back to, for savepoints.
  using Mark = std::uint64_t;
  Mark mark() const { return serial_; }
  void release_since(LockOwner owner, Mark mark, Granted& granted);

  bool holds_any(LockOwner owner) const { return owners_.contains(owner.value); }
  // The sessions that a waiting session waits for, each once; empty where it does not wait.
  std::vector<std::uint32_t> blockers(std::uint32_t session) const;

  struct Wait {
    LockOwner owner;
    LockName name;
    LockMode mode;
    LockOwner blocker;  // one that stands in its way
  };
  // Waits that form a circle through this session's, which comes first; empty where there is none.
  std::vector<Wait> find_deadlock(std::uint32_t session) const;

  struct Entry {
    LockName name;
    LockOwner owner;
    LockMode mode;
    bool granted;
  };
  void for_each(const std::function<void(const Entry&)>& visit) const;
  // A number that tells this owner from all others, small, for details of errors.
  std::uint64_t number_of(LockOwner owner) const;

  std::size_t held() const { return held_; }
  std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Holder {
    LockOwner owner;
    LockMode mode;
    std::uint32_t count;
  };
  struct Waiter {
    LockOwner owner;
    LockMode mode;
    // Woken to ask anew, not granted: it wishes so, or it wants a row and met a lock of all rows.
    bool only_woken;
  };
  struct Lock {
    std::vector<Holder> holders;
    std::deque<Waiter> waiters;
  };
  using Locks = std::unordered_map<std::string, Lock>;
  // One grant, in the order of being granted.
  struct Grant {
    Locks::value_type* lock;
    LockMode mode;
    std::uint64_t serial;
  };
  struct Owner {
    std::uint64_t number = 0;
    std::vector<Grant> grants;
    std::unordered_map<std::uint32_t, std::size_t> rows;  // locked one by one, by table
  };

  const std::string& encode(LockName name) const;
  static LockName decode(const std::string& key);
  static bool is_row_or_key(const std::string& name);
  static bool holder_blocks(const Lock& lock, LockOwner owner, std::uint16_t conflicts);
  static bool is_covered(const Lock& lock, LockOwner owner, LockKind kind, LockMode mode);
  static bool must_wait(const Lock& lock, LockOwner owner, LockKind kind, LockMode mode);
  const Locks::value_type* all_rows_lock(std::uint32_t table) const;
  // The lock at which this request has to wait; null: none. `only_woken` as Waiter has it.
  const Locks::value_type* obstacle(LockOwner owner, LockName name, LockMode mode, bool& only_woken) const;
  void grant(Locks::value_type& lock, LockOwner owner, LockMode mode, std::uint64_t serial);
  void take_back(const Grant& grant, LockOwner owner, Granted& granted);
  void wake(Locks::value_type& lock, Granted& granted);
  Locks::value_type& add(const std::string& name);
  void drop_if_unused(Locks::value_type& lock);
  void count_row(Locks::value_type& lock, int change);
  void escalate(LockOwner owner, std::uint32_t table);
  std::vector<LockOwner> blockers_at(const Locks::value_type& lock, std::size_t waiter) const;
  bool search(std::uint32_t session, std::uint32_t goal, std::vector<std::uint32_t>& seen,
              std::vector<Wait>& path) const;

  const std::size_t escalation_;
  Locks locks_;
  std::unordered_map<std::uint64_t, Owner> owners_;
  std::unordered_map<std::uint32_t, Locks::value_type*> waiting_;  // by session
  // By table: holders and waiters of its rows, whoever they are.
  std::unordered_map<std::uint32_t, std::size_t> row_users_;
  std::size_t rows_and_keys_ = 0;  // locks of rows, of all rows, and of keys
  std::size_t all_rows_locks_ = 0;
  std::size_t held_ = 0;
  std::uint64_t serial_ = 0;
  std::uint64_t numbers_ = 0;
  mutable std::string scratch_;
};

}  // namespace gyre::adapter
