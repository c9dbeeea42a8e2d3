// An advisory lock of a session is counted, and outlives the statement that took it. A statement that has to
// wait is run anew from its beginning; what its earlier runs have locked and unlocked is remembered in the
// call, in order, and not done a second time.
#include "adapter/coordinator/lock_functions.h"

#include <fmt/format.h>

#include <array>

#include "adapter/catalog/catalog.h"
#include "storage/failure.h"

namespace gyre::adapter {

namespace {

using storage::AdvisoryLock;

// A statement can ask for locks without end; its client is told of the first ones that it does not have.
constexpr std::size_t kMostNotices = 1000;

std::array<char, 8> bytes_of(const AdvisoryLock& lock) {
  std::array<char, 8> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(lock.key >> (56 - 8 * i));
  return bytes;
}

LockName name_of_lock(const AdvisoryLock& lock, const std::array<char, 8>& bytes) {
  return {LockKind::advisory, lock.two_keys ? 2u : 1u, {bytes.data(), bytes.size()}};
}

LockMode mode_of(const AdvisoryLock& lock) {
  return lock_mode(lock.share ? AdvisoryLockMode::share : AdvisoryLockMode::exclusive);
}

std::uint32_t half(std::string_view bytes, std::size_t from) {
  std::uint32_t value = 0;
  for (std::size_t i = from; i < from + 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

}  // namespace

// What an earlier run of the statement did in this place; null: it did not come so far.
const LockFunctions::Step* LockFunctions::step_before(Step::Kind kind, const AdvisoryLock& lock) {
  if (call_.lock_steps_seen >= call_.lock_steps.size()) return nullptr;
  const Step& step = call_.lock_steps[call_.lock_steps_seen];
  if (step.kind != kind || step.lock != lock) return nullptr;
  ++call_.lock_steps_seen;
  return &step;
}

void LockFunctions::add_step(Step::Kind kind, const AdvisoryLock& lock, bool done) {
  if (call_.lock_steps.size() >= call_.memory_limit / sizeof(Step))
    throw storage::Failure(storage::Fault::out_of_memory, "out of memory");
  call_.lock_steps.push_back({kind, lock, done});
  call_.lock_steps_seen = call_.lock_steps.size();
}

bool LockFunctions::lock(const AdvisoryLock& lock, bool wait) {
  const auto bytes = bytes_of(lock);
  const LockName name = name_of_lock(lock, bytes);
  const LockWaitPolicy policy = wait ? LockWaitPolicy::block : LockWaitPolicy::skip;
  if (lock.transaction) return statement_.lock_advisory(statement_.owner(), name, mode_of(lock), policy);
  if (step_before(Step::Kind::lock, lock) != nullptr) return true;
  const LockOwner owner = LockOwner::of(call_.backend, LockOwner::kSession);
  try {
    if (!statement_.lock_advisory(owner, name, mode_of(lock), policy)) return false;
  } catch (const LockWait&) {
    // It will have been granted when the statement runs again.
    add_step(Step::Kind::lock, lock, true);
    throw;
  }
  add_step(Step::Kind::lock, lock, true);
  return true;
}

bool LockFunctions::unlock(const AdvisoryLock& lock) {
  const auto bytes = bytes_of(lock);
  const LockOwner owner = LockOwner::of(call_.backend, LockOwner::kSession);
  bool done = false;
  if (const Step* before = step_before(Step::Kind::unlock, lock)) {
    done = before->done;
  } else {
    done = locks_.release(owner, name_of_lock(lock, bytes), mode_of(lock), granted_);
    add_step(Step::Kind::unlock, lock, done);
  }
  if (done) return true;
  if (call_.notices.size() >= kMostNotices) return false;
  pgwire::Diagnostic warning;
  warning.severity = pgwire::Severity::warning;
  warning.code = "01000";
  warning.message =
      fmt::format("you don't own a lock of type {}", name_of(LockKind::advisory, mode_of(lock)));
  call_.notices.push_back(std::move(warning));
  return false;
}

void LockFunctions::unlock_all() {
  static constexpr AdvisoryLock kAll{};
  if (step_before(Step::Kind::unlock_all, kAll) != nullptr) return;
  locks_.release_all(LockOwner::of(call_.backend, LockOwner::kSession), granted_);
  add_step(Step::Kind::unlock_all, kAll, true);
}

void LockFunctions::for_each(const std::function<void(const storage::LockRow&)>& visit) const {
  locks_.for_each([&](const LockTable::Entry& entry) {
    storage::LockRow row;
    row.pid = entry.owner.session();
    row.owner = fmt::format("{}/{}", entry.owner.session() & 0xff, locks_.number_of(entry.owner));
    row.mode = name_of(entry.name.kind, entry.mode);
    row.granted = entry.granted;
    switch (entry.name.kind) {
      case LockKind::row:
      case LockKind::key:
        row.kind = "tuple";
        row.relation = oid_of(RelationId(entry.name.relation));
        break;
      case LockKind::table:
        row.kind = "relation";
        row.relation = oid_of(RelationId(entry.name.relation));
        break;
      case LockKind::advisory:
        row.kind = "advisory";
        row.class_id = half(entry.name.bytes, 0);
        row.object_id = half(entry.name.bytes, 4);
        row.object_part = static_cast<std::int16_t>(entry.name.relation);
        break;
    }
    visit(row);
  });
}

}  // namespace gyre::adapter
