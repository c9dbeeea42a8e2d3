#include "adapter/session/session_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "adapter/sql_error.h"

namespace gyre::adapter {

void SessionSurvey::gather() {
  for (auto& part : parts)
    rows.insert(rows.end(), std::make_move_iterator(part.begin()), std::make_move_iterator(part.end()));
  parts.clear();
  std::sort(rows.begin(), rows.end(), [](const storage::SessionRow& a, const storage::SessionRow& b) {
    return std::tie(a.backend_start_us, a.pid) < std::tie(b.backend_start_us, b.pid);
  });
}

SessionDirectory::SessionDirectory(std::vector<storage::SessionRow> rows, const Catalog& catalog, RoleId role)
    : rows_(std::move(rows)) {
  const Role* const own = catalog.role(role);
  const bool superuser = own != nullptr && own->superuser;
  const bool sees_all = catalog.has_privileges_of(role, "pg_read_all_stats");
  const bool signals_all = catalog.has_privileges_of(role, "pg_signal_backend");
  for (storage::SessionRow& row : rows_) {
    const auto [place, is_new] = roles_.try_emplace(row.role, Relation{});
    if (is_new) {
      const Role* const target = catalog.role(RoleId(row.role));
      const bool shares = catalog.has_privileges_of(role, RoleId(row.role));
      Right right = Right::granted;
      if (target != nullptr && target->superuser && !superuser)
        right = Right::superusers_only;
      else if (!shares && !signals_all)
        right = Right::members_only;
      place->second = {shares || sees_all, right};
    }
    row.visible = place->second.visible;
  }
}

void SessionDirectory::for_each(const std::function<void(const storage::SessionRow&)>& visit) const {
  for (const storage::SessionRow& row : rows_) visit(row);
}

const storage::SessionRow* SessionDirectory::find(std::int32_t pid) {
  const auto found = std::find_if(rows_.begin(), rows_.end(), [pid](const storage::SessionRow& row) {
    return static_cast<std::int32_t>(row.pid) == pid;
  });
  return found == rows_.end() ? nullptr : &*found;
}

void SessionDirectory::warn(std::string message) {
  pgwire::Diagnostic& warning = warnings_.emplace_back();
  warning.severity = pgwire::Severity::warning;
  warning.code = "01000";
  warning.message = std::move(message);
}

bool SessionDirectory::signal(std::int32_t pid, SessionSignal signal) {
  const storage::SessionRow* const target = find(pid);
  if (target == nullptr) {
    warn(fmt::format("PID {} is not a PostgreSQL backend process", pid));
    return false;
  }
  const bool cancels = signal == SessionSignal::cancel;
  switch (roles_.at(target->role).right) {
    case Right::superusers_only:
      throw SqlError("42501", cancels ? "must be a superuser to cancel superuser query"
                                      : "must be a superuser to terminate superuser process");
    case Right::members_only:
      throw SqlError("42501", cancels ? "must be a member of the role whose query is being canceled or member "
                                        "of pg_signal_backend"
                                      : "must be a member of the role whose process is being terminated or "
                                        "member of pg_signal_backend");
    case Right::granted:
      break;
  }
  signals_.emplace_back(target->pid, signal);
  return true;
}

bool SessionDirectory::cancel(std::int32_t pid) {
  if (const std::size_t call = calls_++; call < outcomes_.size()) return outcomes_[call];
  outcomes_.push_back(signal(pid, SessionSignal::cancel));
  return outcomes_.back();
}

bool SessionDirectory::terminate(std::int32_t pid, std::int64_t timeout_ms) {
  if (const std::size_t call = calls_++; call < outcomes_.size()) return outcomes_[call];
  const bool sent = signal(pid, SessionSignal::terminate);
  if (sent && timeout_ms > 0) {
    wait_ = {static_cast<std::uint32_t>(pid), timeout_ms};
    throw storage::SessionWait();
  }
  outcomes_.push_back(sent);
  return sent;
}

void SessionDirectory::waited(bool has_ended) {
  if (!has_ended)
    warn(fmt::format("backend with PID {} did not terminate within {} milliseconds", wait_.pid,
                     wait_.timeout_ms));
  outcomes_.push_back(has_ended);
}

}  // namespace gyre::adapter
