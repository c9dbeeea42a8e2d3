// What the oracle core adds to a survey of the sessions: what they wait for here, what their transactions'
// changes take, and what their snapshots keep from being freed.
#include <algorithm>
#include <unordered_map>

#include "adapter/coordinator/coordinator.h"

namespace gyre::adapter {

namespace {

struct WaitName {
  std::string_view type, event;
};

// A row's lock is a transaction's, for those who wait for it.
WaitName wait_for(LockKind kind) {
  switch (kind) {
    case LockKind::row:
    case LockKind::key:
      return {"Lock", "transactionid"};
    case LockKind::table:
      return {"Lock", "relation"};
    case LockKind::advisory:
      break;
  }
  return {"Lock", "advisory"};
}

}  // namespace

void Coordinator::complete(std::span<storage::SessionRow> rows) const {
  std::unordered_map<std::uint32_t, WaitName> waits;
  commits_.for_each_in_flight([&](const oracle::Intent& intent) {
    // (Those that a batch has passed over may be gone.)
    const auto answers = [&intent](const Batch& batch) { return batch.answers(&intent); };
    if (!std::all_of(batches_.begin(), batches_.end(), answers)) return;
    waits.try_emplace(static_cast<const CoordinatorCall&>(intent).backend, WaitName{"IO", "WALSync"});
  });
  for (const auto& [backend, waiting] : waiting_)
    if (const auto kind = locks_.awaited(backend)) waits.insert_or_assign(backend, wait_for(*kind));
  for (storage::SessionRow& row : rows) {
    if (const auto wait = waits.find(row.pid); wait != waits.end()) {
      row.wait_event_type = wait->second.type;
      row.wait_event = wait->second.event;
    }
    if (const auto found = transactions_.find(row.transaction); found != transactions_.end()) {
      const OpenTransaction& transaction = *found->second;
      row.branch_bytes = transaction.branch.footprint();
      // In `read committed` this core holds what the last statement saw.
      if (transaction.base && (row.snapshot == 0 || transaction.base->read_ts.value < row.snapshot)) {
        row.snapshot = transaction.base->read_ts.value;
        row.snapshot_us = row.query_start_us;
      }
    }
    if (row.snapshot != 0) row.retained_bytes = commits_.retired().bytes_kept_by(Timestamp(row.snapshot));
  }
}

void Coordinator::measure(CoreMetrics& out) const {
  out.locks_held = locks_.held();
  out.calls_waiting = locks_.waiting();
  out.retained_bytes = commits_.retired().bytes();
  for (const auto& [number, transaction] : transactions_) out.branch_bytes += transaction->branch.footprint();
  out.oldest_replaced_us = commits_.retired().first_replaced_after(holds_.oldest()).value;
}

}  // namespace gyre::adapter
