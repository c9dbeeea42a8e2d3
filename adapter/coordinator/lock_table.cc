// A hash table from names to holders and a queue. Everything is done by scanning a lock's holders and
// waiters: they are few, and a lock with many waiters costs its own users only.
//
// Deadlocks are looked for when a call begins to wait: a circle can only close then. The search follows each
// waiting session to those that it waits for; the one whose request closed the circle fails, as it is the one
// that can be told at once. (PostgreSQL waits for deadlock_timeout first, because there a search stops
// everyone.)
#include "adapter/coordinator/lock_table.h"

#include <algorithm>
#include <array>

#include "reactor/base/check.h"

namespace gyre::adapter {

namespace {

constexpr std::uint16_t bits(std::initializer_list<int> modes) {
  std::uint16_t mask = 0;
  for (const int mode : modes) mask = static_cast<std::uint16_t>(mask | (1 << mode));
  return mask;
}

// PostgreSQL's manual, table 13.3.
constexpr std::array<std::uint16_t, 4> kRowConflicts = {
    bits({3}),
    bits({2, 3}),
    bits({1, 2, 3}),
    bits({0, 1, 2, 3}),
};
// Table 13.2.
constexpr std::array<std::uint16_t, 8> kTableConflicts = {
    bits({7}),                       // ACCESS SHARE
    bits({6, 7}),                    // ROW SHARE
    bits({4, 5, 6, 7}),              // ROW EXCLUSIVE
    bits({3, 4, 5, 6, 7}),           // SHARE UPDATE EXCLUSIVE
    bits({2, 3, 5, 6, 7}),           // SHARE
    bits({2, 3, 4, 5, 6, 7}),        // SHARE ROW EXCLUSIVE
    bits({1, 2, 3, 4, 5, 6, 7}),     // EXCLUSIVE
    bits({0, 1, 2, 3, 4, 5, 6, 7}),  // ACCESS EXCLUSIVE
};
constexpr std::array<std::uint16_t, 2> kAdvisoryConflicts = {bits({1}), bits({0, 1})};

bool conflict(LockKind kind, LockMode a, LockMode b) {
  return (conflicts_of(kind, a) >> b & 1) != 0;
}

}  // namespace

std::uint16_t conflicts_of(LockKind kind, LockMode mode) {
  switch (kind) {
    case LockKind::row:
      return kRowConflicts[mode];
    case LockKind::key:
      return 1;
    case LockKind::table:
      return kTableConflicts[mode];
    case LockKind::advisory:
      return kAdvisoryConflicts[mode];
  }
  GYRE_UNREACHABLE();
}

std::string_view name_of(LockKind kind, LockMode mode) {
  static constexpr std::array<std::string_view, 8> kTable = {
      "AccessShareLock", "RowShareLock",          "RowExclusiveLock", "ShareUpdateExclusiveLock",
      "ShareLock",       "ShareRowExclusiveLock", "ExclusiveLock",    "AccessExclusiveLock"};
  // What PostgreSQL takes on a tuple for each.
  static constexpr std::array<std::string_view, 4> kRow = {"AccessShareLock", "RowShareLock", "ExclusiveLock",
                                                           "AccessExclusiveLock"};
  switch (kind) {
    case LockKind::row:
      return kRow[mode];
    case LockKind::key:
      return "ExclusiveLock";
    case LockKind::table:
      return kTable[mode];
    case LockKind::advisory:
      return mode == 0 ? "ShareLock" : "ExclusiveLock";
  }
  GYRE_UNREACHABLE();
}

// ---- names: kind, relation, bytes ----

const std::string& LockTable::encode(LockName name) const {
  scratch_.clear();
  scratch_.push_back(static_cast<char>(name.kind));
  for (int shift = 24; shift >= 0; shift -= 8) scratch_.push_back(static_cast<char>(name.relation >> shift));
  scratch_.append(name.bytes);
  return scratch_;
}

LockName LockTable::decode(const std::string& key) {
  std::uint32_t relation = 0;
  for (std::size_t i = 1; i < 5; ++i) relation = relation << 8 | static_cast<unsigned char>(key[i]);
  return {static_cast<LockKind>(key[0]), relation, std::string_view(key).substr(5)};
}

// ---- may it be granted? ----

bool LockTable::holder_blocks(const Lock& lock, LockOwner owner, std::uint16_t conflicts) {
  return std::any_of(lock.holders.begin(), lock.holders.end(), [&](const Holder& holder) {
    return (conflicts >> holder.mode & 1) != 0 && holder.owner.session() != owner.session();
  });
}

bool LockTable::is_covered(const Lock& lock, LockOwner owner, LockKind kind, LockMode mode) {
  const std::uint16_t wanted = conflicts_of(kind, mode);
  return std::any_of(lock.holders.begin(), lock.holders.end(), [&](const Holder& holder) {
    return holder.owner == owner && (wanted & ~conflicts_of(kind, holder.mode)) == 0;
  });
}

bool LockTable::must_wait(const Lock& lock, LockOwner owner, LockKind kind, LockMode mode) {
  const std::uint16_t conflicts = conflicts_of(kind, mode);
  if (holder_blocks(lock, owner, conflicts)) return true;
  const auto own = [&](const auto& user) { return user.owner.session() == owner.session(); };
  if (std::any_of(lock.holders.begin(), lock.holders.end(), own)) return false;
  return std::any_of(lock.waiters.begin(), lock.waiters.end(), [&](const Waiter& waiter) {
    return (conflicts >> waiter.mode & 1) != 0 && !own(waiter);
  });
}

const LockTable::Locks::value_type* LockTable::all_rows_lock(std::uint32_t table) const {
  if (all_rows_locks_ == 0) return nullptr;
  const auto found = locks_.find(encode({LockKind::row, table}));
  return found == locks_.end() ? nullptr : &*found;
}

const LockTable::Locks::value_type* LockTable::obstacle(LockOwner owner, LockName name, LockMode mode,
                                                        bool& only_woken) const {
  only_woken = false;
  if (name.kind == LockKind::row && !name.bytes.empty()) {
    const Locks::value_type* all = all_rows_lock(name.relation);
    if (all != nullptr && must_wait(all->second, owner, name.kind, mode)) {
      only_woken = true;
      return all;
    }
  }
  const auto found = locks_.find(encode(name));
  return found != locks_.end() && must_wait(found->second, owner, name.kind, mode) ? &*found : nullptr;
}

bool LockTable::is_busy(LockOwner owner, LockName name, LockMode mode) const {
  bool only_woken;
  return obstacle(owner, name, mode, only_woken) != nullptr;
}

LockTable::Outcome LockTable::acquire(LockOwner owner, LockName name, LockMode mode) {
  const bool row = name.kind == LockKind::row;
  if (row && !name.bytes.empty()) {
    const Locks::value_type* all = all_rows_lock(name.relation);
    if (all != nullptr && is_covered(all->second, owner, name.kind, mode)) return Outcome::granted;
    if (all != nullptr && must_wait(all->second, owner, name.kind, mode)) return Outcome::busy;
  }
  auto found = locks_.find(encode(name));
  if (found != locks_.end()) {
    const bool covered = is_covered(found->second, owner, name.kind, mode);
    if (covered && name.kind != LockKind::advisory) return Outcome::granted;
    if (must_wait(found->second, owner, name.kind, mode)) return Outcome::busy;
  }
  if (held_ + waiting_.size() >= kMost) return Outcome::full;
  grant(found == locks_.end() ? add(scratch_) : *found, owner, mode, ++serial_);
  if (row && !name.bytes.empty()) {
    const std::size_t rows = owners_[owner.value].rows[name.relation];
    if (rows >= escalation_ && rows % escalation_ == 0) escalate(owner, name.relation);
  }
  return Outcome::granted;
}

void LockTable::enqueue(LockOwner owner, LockName name, LockMode mode, Wish wish) {
  GYRE_CHECK(!waits(owner.session()));
  bool only_woken;
  auto* lock = const_cast<Locks::value_type*>(obstacle(owner, name, mode, only_woken));
  GYRE_CHECK(lock != nullptr);
  auto& waiters = lock->second.waiters;
  auto place = waiters.end();
  // Whoever holds the lock already goes before those that wait for it to let go.
  for (const Holder& holder : lock->second.holders) {
    if (holder.owner.session() != owner.session()) continue;
    const auto waits_for_us = [&](const Waiter& waiter) {
      return conflict(name.kind, holder.mode, waiter.mode);
    };
    place = std::min(place, std::find_if(waiters.begin(), waiters.end(), waits_for_us));
  }
  waiters.insert(place, {owner, mode, only_woken || wish == Wish::to_be_woken});
  waiting_.emplace(owner.session(), lock);
  count_row(*lock, 1);
}

// ---- granting and taking back ----

void LockTable::count_row(Locks::value_type& lock, int change) {
  const LockName name = decode(lock.first);
  if (name.kind != LockKind::row) return;
  std::size_t& users = row_users_[name.relation];
  users += static_cast<std::size_t>(change);
  if (users == 0) row_users_.erase(name.relation);
}

void LockTable::grant(Locks::value_type& lock, LockOwner owner, LockMode mode, std::uint64_t serial) {
  auto& holders = lock.second.holders;
  const auto same = std::find_if(holders.begin(), holders.end(), [&](const Holder& holder) {
    return holder.owner == owner && holder.mode == mode;
  });
  if (same != holders.end()) {  // an advisory lock once more
    ++same->count;
    return;
  }
  holders.push_back({owner, mode, 1});
  ++held_;
  Owner& own = owners_[owner.value];
  if (own.number == 0) own.number = ++numbers_;
  own.grants.push_back({&lock, mode, serial});
  const LockName name = decode(lock.first);
  if (name.kind != LockKind::row) return;
  count_row(lock, 1);
  if (name.bytes.empty())
    ++all_rows_locks_;
  else
    ++own.rows[name.relation];
}

// The grant itself stays in the owner's list.
void LockTable::take_back(const Grant& grant, LockOwner owner, Granted& granted) {
  auto& holders = grant.lock->second.holders;
  const auto ours = std::find_if(holders.begin(), holders.end(), [&](const Holder& holder) {
    return holder.owner == owner && holder.mode == grant.mode;
  });
  GYRE_CHECK(ours != holders.end());
  *ours = holders.back();
  holders.pop_back();
  --held_;
  const LockName name = decode(grant.lock->first);
  if (name.kind == LockKind::row) {
    count_row(*grant.lock, -1);
    if (name.bytes.empty())
      --all_rows_locks_;
    else
      --owners_[owner.value].rows[name.relation];
  }
  wake(*grant.lock, granted);
  drop_if_unused(*grant.lock);
}

bool LockTable::is_row_or_key(const std::string& name) {
  const LockKind kind = static_cast<LockKind>(name[0]);
  return kind == LockKind::row || kind == LockKind::key;
}

LockTable::Locks::value_type& LockTable::add(const std::string& name) {
  const auto [added, anew] = locks_.try_emplace(name);
  if (anew && is_row_or_key(name)) ++rows_and_keys_;
  return *added;
}

void LockTable::drop_if_unused(Locks::value_type& lock) {
  if (!lock.second.holders.empty() || !lock.second.waiters.empty()) return;
  if (is_row_or_key(lock.first)) --rows_and_keys_;
  locks_.erase(locks_.find(lock.first));
}

void LockTable::wake(Locks::value_type& lock, Granted& granted) {
  auto& waiters = lock.second.waiters;
  const LockKind kind = static_cast<LockKind>(lock.first[0]);
  std::uint16_t waiting_modes = 0;
  for (auto waiter = waiters.begin(); waiter != waiters.end();) {
    const std::uint16_t conflicts = conflicts_of(kind, waiter->mode);
    if ((conflicts & waiting_modes) != 0 || holder_blocks(lock.second, waiter->owner, conflicts)) {
      waiting_modes = static_cast<std::uint16_t>(waiting_modes | 1 << waiter->mode);
      ++waiter;
      continue;
    }
    const Waiter woken = *waiter;
    waiter = waiters.erase(waiter);
    waiting_.erase(woken.owner.session());
    count_row(lock, -1);
    if (!woken.only_woken) grant(lock, woken.owner, woken.mode, ++serial_);
    granted.push_back(woken.owner);
  }
}

void LockTable::cancel_wait(std::uint32_t session, Granted& granted) {
  const auto found = waiting_.find(session);
  if (found == waiting_.end()) return;
  Locks::value_type& lock = *found->second;
  waiting_.erase(found);
  auto& waiters = lock.second.waiters;
  waiters.erase(std::find_if(waiters.begin(), waiters.end(),
                             [&](const Waiter& waiter) { return waiter.owner.session() == session; }));
  count_row(lock, -1);
  wake(lock, granted);
  drop_if_unused(lock);
}

bool LockTable::release(LockOwner owner, LockName name, LockMode mode, Granted& granted) {
  const auto found = locks_.find(encode(name));
  if (found == locks_.end()) return false;
  auto& holders = found->second.holders;
  const auto ours = std::find_if(holders.begin(), holders.end(), [&](const Holder& holder) {
    return holder.owner == owner && holder.mode == mode;
  });
  if (ours == holders.end()) return false;
  if (--ours->count != 0) return true;
  Owner& own = owners_.at(owner.value);
  const auto at = std::find_if(own.grants.begin(), own.grants.end(), [&](const Grant& grant) {
    return grant.lock == &*found && grant.mode == mode;
  });
  const Grant grant = *at;
  own.grants.erase(at);
  take_back(grant, owner, granted);
  if (own.grants.empty()) owners_.erase(owner.value);
  return true;
}

void LockTable::release_all(LockOwner owner, Granted& granted) {
  release_since(owner, 0, granted);
}

void LockTable::release_since(LockOwner owner, Mark mark, Granted& granted) {
  const auto found = owners_.find(owner.value);
  if (found == owners_.end()) return;
  std::vector<Grant> given_back;
  auto& grants = found->second.grants;
  const auto stays = [mark](const Grant& grant) { return grant.serial <= mark; };
  const auto middle = std::stable_partition(grants.begin(), grants.end(), stays);
  given_back.assign(middle, grants.end());
  grants.erase(middle, grants.end());
  for (const Grant& grant : given_back) take_back(grant, owner, granted);
  if (const auto again = owners_.find(owner.value); again->second.grants.empty()) owners_.erase(again);
}

// One lock of all rows for this owner's many, once nobody else uses any. It counts as taken with the first of
// them, so that going back to a savepoint in between keeps it.
void LockTable::escalate(LockOwner owner, std::uint32_t table) {
  Owner& own = owners_.at(owner.value);
  const auto is_row = [table](const Grant& grant) {
    const LockName name = decode(grant.lock->first);
    return name.kind == LockKind::row && name.relation == table && !name.bytes.empty();
  };
  const auto first = std::find_if(own.grants.begin(), own.grants.end(), is_row);
  if (row_users_[table] != own.rows[table]) return;
  LockMode strongest = 0;
  for (const Grant& grant : own.grants)
    if (is_row(grant)) strongest = std::max(strongest, grant.mode);
  const std::uint64_t serial = first->serial;
  const auto middle = std::stable_partition(own.grants.begin(), own.grants.end(),
                                            [&](const Grant& grant) { return !is_row(grant); });
  const std::vector<Grant> single(middle, own.grants.end());
  own.grants.erase(middle, own.grants.end());
  grant(add(encode({LockKind::row, table})), owner, strongest, serial);
  Granted nobody;
  for (const Grant& each : single) take_back(each, owner, nobody);
  GYRE_CHECK(nobody.empty());
}

// ---- who waits for whom ----

std::vector<LockOwner> LockTable::blockers_at(const Locks::value_type& lock, std::size_t waiter) const {
  const Waiter& own = lock.second.waiters[waiter];
  const std::uint16_t conflicts = conflicts_of(static_cast<LockKind>(lock.first[0]), own.mode);
  std::vector<LockOwner> found;
  const auto add = [&](LockOwner owner, LockMode mode) {
    if ((conflicts >> mode & 1) == 0 || owner.session() == own.owner.session()) return;
    const auto same = [&](LockOwner other) { return other.session() == owner.session(); };
    if (std::none_of(found.begin(), found.end(), same)) found.push_back(owner);
  };
  for (const Holder& holder : lock.second.holders) add(holder.owner, holder.mode);
  for (std::size_t i = 0; i < waiter; ++i) add(lock.second.waiters[i].owner, lock.second.waiters[i].mode);
  return found;
}

namespace {

template <typename Waiters>
std::size_t place_of(const Waiters& waiters, std::uint32_t session) {
  std::size_t at = 0;
  while (waiters[at].owner.session() != session) ++at;
  return at;
}

}  // namespace

std::vector<std::uint32_t> LockTable::blockers(std::uint32_t session) const {
  std::vector<std::uint32_t> sessions;
  const auto found = waiting_.find(session);
  if (found == waiting_.end()) return sessions;
  for (const LockOwner owner : blockers_at(*found->second, place_of(found->second->second.waiters, session)))
    sessions.push_back(owner.session());
  return sessions;
}

bool LockTable::search(std::uint32_t session, std::uint32_t goal, std::vector<std::uint32_t>& seen,
                       std::vector<Wait>& path) const {
  const auto found = waiting_.find(session);
  if (found == waiting_.end()) return false;
  const std::size_t place = place_of(found->second->second.waiters, session);
  const Waiter& waiter = found->second->second.waiters[place];
  for (const LockOwner blocker : blockers_at(*found->second, place)) {
    path.push_back({waiter.owner, decode(found->second->first), waiter.mode, blocker});
    if (blocker.session() == goal) return true;
    if (std::find(seen.begin(), seen.end(), blocker.session()) == seen.end()) {
      seen.push_back(blocker.session());
      if (search(blocker.session(), goal, seen, path)) return true;
    }
    path.pop_back();
  }
  return false;
}

std::vector<LockTable::Wait> LockTable::find_deadlock(std::uint32_t session) const {
  std::vector<std::uint32_t> seen{session};
  std::vector<Wait> path;
  search(session, session, seen, path);
  return path;
}

void LockTable::for_each(const std::function<void(const Entry&)>& visit) const {
  for (const auto& [key, lock] : locks_) {
    for (const Holder& holder : lock.holders) visit({decode(key), holder.owner, holder.mode, true});
    for (const Waiter& waiter : lock.waiters) visit({decode(key), waiter.owner, waiter.mode, false});
  }
}

std::uint64_t LockTable::number_of(LockOwner owner) const {
  const auto found = owners_.find(owner.value);
  return found == owners_.end() ? 0 : found->second.number;
}

}  // namespace gyre::adapter
