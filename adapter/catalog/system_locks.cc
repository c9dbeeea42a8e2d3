// pg_locks: what the lock table of the oracle core holds. A row's lock says nothing of page and tuple, which
// there are none of.
#include "adapter/catalog/system_groups.h"
#include "adapter/catalog/system_rows.h"
#include "reactor/base/arena.h"
#include "storage/scalar/session_locks.h"

namespace gyre::adapter::system {

namespace {

template <typename T>
Value value_or_null(const std::optional<T>& value) {
  return value ? Value(*value) : Value(nullptr);
}

void scan_locks(SystemScan& scan) {
  if (scan.session.locks == nullptr) return;
  scan.session.locks->for_each([&](const storage::LockRow& lock) {
    emit(scan, {lock.kind, kDatabaseOid, value_or_null(lock.relation), nullptr, nullptr, nullptr, nullptr,
                value_or_null(lock.class_id), value_or_null(lock.object_id), value_or_null(lock.object_part),
                scan.arena.copy(lock.owner), lock.pid, lock.mode, lock.granted, false, nullptr});
  });
}

}  // namespace

Relations lock_relations() {
  return {{12073, "pg_catalog", "pg_locks",
           columns_of("locktype text, database oid, relation oid, page int4, tuple int2, virtualxid text, "
                      "transactionid oid, classid oid, objid oid, objsubid int2, virtualtransaction text, "
                      "pid int4, mode text, granted boolean, fastpath boolean, waitstart timestamptz"),
           scan_locks, 'v', true}};
}

}  // namespace gyre::adapter::system
