#include "adapter/coordinator/statement_locks.h"

#include <fmt/format.h>

#include "adapter/catalog/catalog.h"
#include "reactor/fail_point.h"
#include "storage/failure.h"

namespace gyre::adapter {

bool StatementLocks::lock(LockName name, LockMode mode, LockWaitPolicy policy) {
  if (rule_ != Rule::respect) return keep(owner_, name, mode, policy);
  return !locks_.is_busy(owner_, name, mode) || wait(owner_, name, mode, policy);
}

bool StatementLocks::keep(LockOwner owner, LockName name, LockMode mode, LockWaitPolicy policy) {
  // (A fault that tests plant: everybody gets every lock.)
  switch (reactor::fail_point("plant.no_row_locks") ? LockTable::Outcome::granted
                                                    : locks_.acquire(owner, name, mode)) {
    case LockTable::Outcome::granted:
      return true;
    case LockTable::Outcome::full:
      throw SqlError("53200", "out of shared memory").with_hint("Too many locks are held.");
    case LockTable::Outcome::busy:
      break;
  }
  return wait(owner, name, mode, policy);
}

bool StatementLocks::wait(LockOwner owner, LockName name, LockMode mode, LockWaitPolicy policy) {
  if (policy == LockWaitPolicy::skip) return false;
  if (policy == LockWaitPolicy::error) not_available(name);
  wanted_kind_ = name.kind;
  wanted_relation_ = name.relation;
  wanted_bytes_ = name.bytes;
  wanted_mode_ = mode;
  wanted_owner_ = owner;
  throw LockWait{};
}

bool StatementLocks::lock_advisory(LockOwner owner, LockName name, LockMode mode, LockWaitPolicy policy) {
  return keep(owner, name, mode, policy);
}

void StatementLocks::not_available(LockName name) const {
  const storage::TableVersion* table = newest_.table(RelationId(name.relation));
  const std::string_view shown = table != nullptr ? std::string_view(table->schema->name) : "?";
  throw SqlError("55P03", fmt::format("could not obtain lock on {}relation \"{}\"",
                                      name.kind == LockKind::row ? "row in " : "", shown));
}

bool StatementLocks::lock_row(RelationId table, std::string_view key, RowLockMode mode,
                              LockWaitPolicy policy) {
  if (!lock({LockKind::row, table.value, key}, lock_mode(mode), policy)) return false;
  if (seen_ == nullptr) return true;
  const auto contents = [&](const storage::Database& database) {
    std::string_view row;
    const storage::TableVersion* version = database.table(table);
    return version != nullptr && version->rows.get(key, row) ? row : std::string_view();
  };
  if (contents(*seen_) != contents(newest_))
    throw storage::Failure(storage::Fault::serialization_failure,
                           "could not serialize access due to concurrent update");
  return true;
}

void StatementLocks::lock_changed_row(RelationId table, std::string_view key, RowLockMode mode) {
  if (locks_changes()) lock({LockKind::row, table.value, key}, lock_mode(mode), LockWaitPolicy::block);
}

void StatementLocks::lock_key(RelationId index, std::string_view key) {
  if (locks_changes()) lock({LockKind::key, index.value, key}, kKeyLock, LockWaitPolicy::block);
}

void StatementLocks::await_key(RelationId index, std::string_view key) {
  const LockName name{LockKind::key, index.value, key};
  if (!locks_changes() || !locks_.is_busy(owner_, name, kKeyLock)) return;
  wish_ = LockTable::Wish::to_be_woken;
  wait(owner_, name, kKeyLock, LockWaitPolicy::block);
}

bool StatementLocks::lock_table(RelationId table, TableLockMode mode, LockWaitPolicy policy) {
  return lock({LockKind::table, table.value}, lock_mode(mode), policy);
}

// ---- the words of a deadlock ----

namespace {

std::string description(const LockTable::Wait& wait, const LockTable& locks) {
  const auto half = [&](std::size_t from) {
    std::uint32_t value = 0;
    for (std::size_t i = from; i < from + 4; ++i)
      value = value << 8 | static_cast<unsigned char>(wait.name.bytes[i]);
    return value;
  };
  switch (wait.name.kind) {
    case LockKind::row:
    case LockKind::key:
      return fmt::format("ShareLock on transaction {}", locks.number_of(wait.blocker));
    case LockKind::table:
      return fmt::format("{} on relation {} of database 1", name_of(wait.name.kind, wait.mode),
                         oid_of(RelationId(wait.name.relation)));
    case LockKind::advisory:
      return fmt::format("{} on advisory lock [1,{},{},{}]", name_of(wait.name.kind, wait.mode), half(0),
                         half(4), wait.name.relation);
  }
  return {};
}

}  // namespace

SqlError deadlock_error(const std::vector<LockTable::Wait>& circle, const LockTable& locks) {
  SqlError error("40P01", "deadlock detected");
  for (const LockTable::Wait& wait : circle) {
    if (!error.detail.empty()) error.detail += '\n';
    error.detail += fmt::format("Process {} waits for {}; blocked by process {}.", wait.owner.session(),
                                description(wait, locks), wait.blocker.session());
  }
  error.hint = "See server log for query details.";
  return error;
}

}  // namespace gyre::adapter
