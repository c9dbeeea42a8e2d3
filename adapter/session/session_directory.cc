#include "adapter/session/session_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "adapter/catalog/system_rows.h"
#include "adapter/history/execution_record.h"
#include "adapter/history/record_ring.h"
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

namespace {

// What the shards have counted, as one.
std::vector<storage::StatementStatistic> total(std::vector<std::vector<storage::StatementStatistic>> parts) {
  std::map<std::pair<std::uint32_t, std::uint64_t>, storage::StatementStatistic> by_key;
  for (auto& part : parts)
    for (storage::StatementStatistic& row : part) {
      const auto [place, is_new] = by_key.try_emplace({row.role, row.query_id});
      if (is_new)
        place->second = std::move(row);
      else
        merge(row, place->second);
    }
  std::vector<storage::StatementStatistic> rows;
  for (auto& [key, row] : by_key) rows.push_back(std::move(row));
  return rows;
}

}  // namespace

SessionDirectory::SessionDirectory(SessionSurvey&& survey, const Catalog& catalog, RoleId role)
    : rows_(std::move(survey.rows)),
      executions_(std::move(survey.executions)),
      statistics_(total(std::move(survey.statistics))) {
  const Role* const own = catalog.role(role);
  const bool superuser = superuser_ = own != nullptr && own->superuser;
  const bool sees_all = sees_all_ = catalog.has_privileges_of(role, "pg_read_all_stats");
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
  const auto look_at = [&](std::uint32_t whose) {
    const auto [place, is_new] = visible_.try_emplace(whose, false);
    if (is_new) place->second = sees_all || catalog.has_privileges_of(role, RoleId(whose));
    return place->second;
  };
  for (storage::StatementStatistic& row : statistics_) row.visible = look_at(row.role);
  std::string_view record;
  for (const std::string& part : executions_)
    for (std::string_view left = part; next_record(left, record);) look_at(read_execution(record).figures.role);
}

bool SessionDirectory::may_see(std::uint32_t role) const {
  const auto found = visible_.find(role);
  return found != visible_.end() && found->second;
}

void SessionDirectory::for_each_execution(
    const std::function<void(const storage::StatementExecution&)>& visit) const {
  std::string_view record;
  for (const std::string& part : executions_)
    for (std::string_view left = part; next_record(left, record);) {
      storage::StatementExecution execution = read_execution(record);
      execution.visible = may_see(execution.figures.role);
      visit(execution);
    }
}

void SessionDirectory::for_each_statistic(
    const std::function<void(const storage::StatementStatistic&)>& visit) const {
  for (const storage::StatementStatistic& row : statistics_) visit(row);
}

void SessionDirectory::forget_statistics(std::uint32_t role, std::uint32_t database, std::uint64_t query_id) {
  if (!superuser_) throw SqlError("42501", "permission denied for function pg_stat_statements_reset");
  if (database == 0 || database == system::kDatabaseOid) forgotten_.push_back({role, query_id});
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
