// The lock table against a slow twin: every lock in one list, every conflict looked up in PostgreSQL's tables
// as the manual prints them.
#include "adapter/coordinator/lock_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <set>
#include <string>
#include <tuple>

#include "tests/adapter/world.h"

namespace gyre::test {
namespace {

using namespace gyre::adapter;

// The manual's tables 13.2 and 13.3: X where the modes exclude each other, in the order of the enums.
constexpr std::array<std::string_view, 8> kTables = {".......X", "......XX", "....XXXX", "...XXXXX",
                                                     "..XX.XXX", "..XXXXXX", ".XXXXXXX", "XXXXXXXX"};
constexpr std::array<std::string_view, 4> kRows = {"...X", "..XX", ".XXX", "XXXX"};
constexpr std::array<std::string_view, 2> kAdvisory = {".X", "XX"};

bool excludes(LockKind kind, LockMode a, LockMode b) {
  switch (kind) {
    case LockKind::row:
      return kRows[a][b] == 'X';
    case LockKind::table:
      return kTables[a][b] == 'X';
    case LockKind::advisory:
      return kAdvisory[a][b] == 'X';
    case LockKind::key:
      return true;
  }
  return true;
}

int modes_of(LockKind kind) {
  return kind == LockKind::row ? 4 : kind == LockKind::table ? 8 : kind == LockKind::advisory ? 2 : 1;
}

TEST(LockTable, ConflictsAreThoseOfTheManual) {
  for (const LockKind kind : {LockKind::row, LockKind::key, LockKind::table, LockKind::advisory})
    for (int a = 0; a < modes_of(kind); ++a)
      for (int b = 0; b < modes_of(kind); ++b) {
        const auto first = static_cast<LockMode>(a), second = static_cast<LockMode>(b);
        LockTable locks;
        const LockName name{kind, 7, "k"};
        ASSERT_EQ(locks.acquire(LockOwner::of(1, 1), name, first), LockTable::Outcome::granted);
        const bool busy = excludes(kind, first, second);
        EXPECT_EQ(locks.is_busy(LockOwner::of(2, 1), name, second), busy) << a << ' ' << b;
        EXPECT_EQ(locks.acquire(LockOwner::of(2, 1), name, second),
                  busy ? LockTable::Outcome::busy : LockTable::Outcome::granted);
        // One's own locks are never in the way.
        EXPECT_EQ(locks.acquire(LockOwner::of(1, 1), name, first), LockTable::Outcome::granted);
      }
}

// ---- the twin ----

struct TwinLock {
  std::string name;  // kind, relation, bytes
  LockKind kind;
  LockOwner owner;
  LockMode mode;
  int count;
  std::uint64_t serial;
  bool only_woken = false;
};

class Twin {
 public:
  bool blocked(const std::string& name, LockKind kind, LockOwner owner, LockMode mode) const {
    for (const TwinLock& held : held_)
      if (held.name == name && held.owner.session() != owner.session() && excludes(kind, held.mode, mode))
        return true;
    for (const TwinLock& held : held_)
      if (held.name == name && held.owner.session() == owner.session()) return false;
    for (const TwinLock& waiter : waiting_)
      if (waiter.name == name && waiter.owner.session() != owner.session() &&
          excludes(kind, waiter.mode, mode))
        return true;
    return false;
  }
  bool acquire(const TwinLock& wanted) {
    for (TwinLock& held : held_)
      if (held.name == wanted.name && held.owner == wanted.owner && held.mode == wanted.mode &&
          wanted.kind == LockKind::advisory) {
        if (blocked(wanted.name, wanted.kind, wanted.owner, wanted.mode)) return false;
        ++held.count;
        return true;
      }
    if (wanted.kind != LockKind::advisory && covered(wanted)) return true;
    if (blocked(wanted.name, wanted.kind, wanted.owner, wanted.mode)) return false;
    held_.push_back(wanted);
    return true;
  }
  bool covered(const TwinLock& wanted) const {
    for (const TwinLock& held : held_) {
      if (held.name != wanted.name || !(held.owner == wanted.owner)) continue;
      bool all = true;
      for (int mode = 0; mode < modes_of(wanted.kind); ++mode)
        if (excludes(wanted.kind, wanted.mode, static_cast<LockMode>(mode)) &&
            !excludes(wanted.kind, held.mode, static_cast<LockMode>(mode)))
          all = false;
      if (all) return true;
    }
    return false;
  }
  void enqueue(const TwinLock& wanted) {
    auto place = waiting_.end();
    for (auto at = waiting_.begin(); at != waiting_.end() && place == waiting_.end(); ++at) {
      if (at->name != wanted.name) continue;
      for (const TwinLock& held : held_)
        if (held.name == wanted.name && held.owner.session() == wanted.owner.session() &&
            excludes(wanted.kind, held.mode, at->mode))
          place = at;
    }
    waiting_.insert(place, wanted);
  }
  bool waits(std::uint32_t session) const {
    return std::any_of(waiting_.begin(), waiting_.end(),
                       [&](const TwinLock& waiter) { return waiter.owner.session() == session; });
  }
  void cancel(std::uint32_t session) {
    std::erase_if(waiting_, [&](const TwinLock& waiter) { return waiter.owner.session() == session; });
  }
  void release_since(LockOwner owner, std::uint64_t mark) {
    std::erase_if(held_, [&](const TwinLock& held) { return held.owner == owner && held.serial > mark; });
  }
  bool release_one(const std::string& name, LockOwner owner, LockMode mode) {
    for (std::size_t i = 0; i < held_.size(); ++i) {
      if (held_[i].name != name || !(held_[i].owner == owner) || held_[i].mode != mode) continue;
      if (--held_[i].count == 0) held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
      return true;
    }
    return false;
  }
  // Grants waiters, first come first served, until nothing moves; returns who was granted.
  std::multiset<std::uint64_t> settle(std::uint64_t serial) {
    std::multiset<std::uint64_t> granted;
    for (std::size_t i = 0; i < waiting_.size();) {
      TwinLock waiter = waiting_[i];
      bool stays = false;
      for (const TwinLock& held : held_)
        if (held.name == waiter.name && held.owner.session() != waiter.owner.session() &&
            excludes(waiter.kind, held.mode, waiter.mode))
          stays = true;
      for (std::size_t j = 0; j < i; ++j)
        if (waiting_[j].name == waiter.name && excludes(waiter.kind, waiting_[j].mode, waiter.mode))
          stays = true;
      if (stays) {
        ++i;
        continue;
      }
      waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
      granted.insert(waiter.owner.value);
      if (waiter.only_woken) continue;
      waiter.serial = serial;
      const auto same = std::find_if(held_.begin(), held_.end(), [&](const TwinLock& held) {
        return held.name == waiter.name && held.owner == waiter.owner && held.mode == waiter.mode;
      });
      if (same == held_.end())
        held_.push_back(waiter);
      else
        ++same->count;
    }
    return granted;
  }
  // Sessions reachable from this one's wait, by brute force.
  bool deadlocked(std::uint32_t session) const {
    std::set<std::uint32_t> reached;
    std::vector<std::uint32_t> todo{session};
    while (!todo.empty()) {
      const std::uint32_t at = todo.back();
      todo.pop_back();
      for (const std::uint32_t next : blockers(at)) {
        if (next == session) return true;
        if (reached.insert(next).second) todo.push_back(next);
      }
    }
    return false;
  }
  std::set<std::uint32_t> blockers(std::uint32_t session) const {
    std::set<std::uint32_t> found;
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      if (waiting_[i].owner.session() != session) continue;
      const auto add = [&](const TwinLock& other) {
        if (other.name == waiting_[i].name && other.owner.session() != session &&
            excludes(other.kind, waiting_[i].mode, other.mode))
          found.insert(other.owner.session());
      };
      for (const TwinLock& held : held_) add(held);
      for (std::size_t j = 0; j < i; ++j) add(waiting_[j]);
    }
    return found;
  }
  using Shown = std::multiset<std::tuple<std::string, std::uint64_t, int, bool>>;
  Shown shown() const {
    Shown all;
    for (const TwinLock& held : held_) all.insert({held.name, held.owner.value, held.mode, true});
    for (const TwinLock& waiter : waiting_) all.insert({waiter.name, waiter.owner.value, waiter.mode, false});
    return all;
  }

 private:
  std::vector<TwinLock> held_, waiting_;
};

std::string text_of(LockName name) {
  return std::to_string(static_cast<int>(name.kind)) + '/' + std::to_string(name.relation) + '/' +
         std::string(name.bytes);
}

Twin::Shown shown(const LockTable& locks) {
  Twin::Shown all;
  locks.for_each([&](const LockTable::Entry& entry) {
    all.insert({text_of(entry.name), entry.owner.value, entry.mode, entry.granted});
  });
  return all;
}

TEST(LockTable, DoesWhatItsTwinDoes) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("GYRE_TEST_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t bound) { return static_cast<std::uint32_t>(random() % bound); };
  LockTable locks;
  Twin twin;
  static constexpr std::array<std::string_view, 3> kKeys = {"a", "b", "c"};
  int granted_later = 0, circles = 0;
  std::vector<LockTable::Mark> marks{0};  // after each step
  for (int step = 0; step < 40'000; ++step) {
    const std::uint32_t session = 1 + below(6);
    const LockOwner owner = LockOwner::of(session, below(4) == 0 ? LockOwner::kSession : 1);
    const auto kind = static_cast<LockKind>(below(4));
    const LockName name{kind, 1, kKeys[below(kKeys.size())]};
    const auto mode = static_cast<LockMode>(below(static_cast<std::uint64_t>(modes_of(kind))));
    const TwinLock wanted{text_of(name), kind, owner, mode, 1, UINT64_MAX};
    LockTable::Granted granted;
    const std::uint32_t what = below(16);
    if (locks.waits(session)) {
      ASSERT_TRUE(twin.waits(session));
      if (what >= 4) continue;
      locks.cancel_wait(session, granted);
      twin.cancel(session);
    } else if (what < 11) {
      const bool busy = twin.blocked(wanted.name, kind, owner, mode) &&
                        (kind == LockKind::advisory || !twin.covered(wanted));
      TwinLock now = wanted;
      now.serial = locks.mark() + 1;
      const auto outcome = locks.acquire(owner, name, mode);
      ASSERT_EQ(outcome, busy ? LockTable::Outcome::busy : LockTable::Outcome::granted) << step;
      ASSERT_EQ(twin.acquire(now), !busy);
      if (busy && what < 9) {
        const bool only_woken = below(4) == 0;
        locks.enqueue(owner, name, mode, only_woken ? LockTable::Wish::to_be_woken : LockTable::Wish::to_hold);
        TwinLock waiter = wanted;
        waiter.only_woken = only_woken;
        twin.enqueue(waiter);
        const auto circle = locks.find_deadlock(session);
        ASSERT_EQ(!circle.empty(), twin.deadlocked(session));
        if (!circle.empty()) {
          ++circles;
          ASSERT_EQ(circle.front().owner.session(), session);
          ASSERT_EQ(circle.back().blocker.session(), session);
          for (const auto& wait : circle)
            ASSERT_TRUE(twin.blockers(wait.owner.session()).contains(wait.blocker.session()));
          locks.cancel_wait(session, granted);
          twin.cancel(session);
        }
      }
    } else if (what < 13) {
      ASSERT_EQ(locks.release(owner, name, mode, granted), twin.release_one(wanted.name, owner, mode));
    } else if (what < 14) {
      const std::uint64_t mark = marks[marks.size() - 1 - std::min<std::size_t>(marks.size() - 1, below(20))];
      locks.release_since(owner, mark, granted);
      twin.release_since(owner, mark);
    } else {
      locks.release_all(owner, granted);
      twin.release_since(owner, 0);
    }
    std::multiset<std::uint64_t> woken;
    for (const LockOwner each : granted) woken.insert(each.value);
    granted_later += static_cast<int>(woken.size());
    ASSERT_EQ(woken, twin.settle(locks.mark())) << step;
    marks.push_back(locks.mark());
    ASSERT_EQ(shown(locks), twin.shown()) << step;
    for (std::uint32_t each = 1; each <= 6; ++each) {
      const auto ours = locks.blockers(each);
      ASSERT_EQ(std::set<std::uint32_t>(ours.begin(), ours.end()), twin.blockers(each));
    }
  }
  EXPECT_GT(granted_later, 100);
  EXPECT_GT(circles, 10);
}

TEST(LockTable, ManyRowsBecomeOneLock) {
  LockTable locks(100);
  const LockOwner many = LockOwner::of(1, 1), other = LockOwner::of(2, 1);
  const LockMode update = lock_mode(RowLockMode::for_no_key_update);
  const auto row = [](const std::string& key) { return LockName{LockKind::row, 5, key}; };
  const auto before = locks.mark();
  for (int i = 0; i < 1000; ++i)
    ASSERT_EQ(locks.acquire(many, row(std::to_string(i)), update), LockTable::Outcome::granted);
  EXPECT_EQ(locks.held(), 1u);
  EXPECT_EQ(locks.acquire(other, row("unlocked so far"), update), LockTable::Outcome::busy);
  EXPECT_EQ(locks.acquire(other, row("3"), lock_mode(RowLockMode::for_key_share)),
            LockTable::Outcome::granted);
  EXPECT_EQ(locks.acquire(other, {LockKind::row, 6, "3"}, update), LockTable::Outcome::granted);
  locks.enqueue(other, row("4"), update);
  LockTable::Granted granted;
  locks.release_since(many, before, granted);
  // It was woken to ask anew: what it waited for is not its own row's lock.
  ASSERT_EQ(granted.size(), 1u);
  EXPECT_EQ(locks.acquire(other, row("4"), update), LockTable::Outcome::granted);
  locks.release_all(other, granted);
  EXPECT_TRUE(locks.empty());
}

TEST(LockTable, RowsSharedWithOthersStayApart) {
  LockTable locks(100);
  const LockMode share = lock_mode(RowLockMode::for_share);
  ASSERT_EQ(locks.acquire(LockOwner::of(2, 1), {LockKind::row, 5, "x"}, share), LockTable::Outcome::granted);
  for (int i = 0; i < 150; ++i)
    ASSERT_EQ(locks.acquire(LockOwner::of(1, 1), {LockKind::row, 5, std::to_string(i)}, share),
              LockTable::Outcome::granted);
  EXPECT_EQ(locks.held(), 151u);
}

}  // namespace
}  // namespace gyre::test
