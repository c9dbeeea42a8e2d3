// Who is connected and what that keeps in memory, as a survey of all cores has answered before the scan.
#include "adapter/catalog/system_groups.h"
#include "adapter/catalog/system_rows.h"
#include "storage/scalar/session_directory.h"

namespace gyre::adapter::system {

namespace {

using storage::SessionRow;

// Within a statement that did not ask (the definition of a table, say) there are no sessions to be seen.
void for_each_session(const SystemScan& scan, const std::function<void(const SessionRow&)>& visit) {
  if (scan.session.sessions != nullptr) scan.session.sessions->for_each(visit);
}

Value time_or_null(std::int64_t time_us) {
  return time_us == 0 ? Value(nullptr) : Value(time_us);
}

// What PostgreSQL shows to those who share the session's role, or may read all statistics.
void scan_activity(SystemScan& scan) {
  for_each_session(scan, [&](const SessionRow& row) {
    const auto shown = [&row](Value value) { return row.visible ? value : Value(nullptr); };
    emit(scan, {kDatabaseOid,
                row.database,
                row.pid,
                nullptr,
                row.role,
                row.role_name,
                row.application,
                shown(text_or_null(row.client_address)),
                nullptr,
                shown(row.client_port),
                shown(time_or_null(row.backend_start_us)),
                shown(time_or_null(row.transaction_start_us)),
                shown(time_or_null(row.query_start_us)),
                shown(time_or_null(row.state_change_us)),
                shown(text_or_null(row.wait_event_type)),
                shown(text_or_null(row.wait_event)),
                shown(text_or_null(row.state)),
                nullptr,
                nullptr,
                nullptr,
                row.visible ? Value(row.query) : Value("<insufficient privilege>"),
                row.visible ? Value("client backend") : Value(nullptr)});
  });
}

// Sessions in a transaction, or that read a snapshot.
void scan_transactions(SystemScan& scan) {
  const std::int64_t now_us = scan.now_us;
  for_each_session(scan, [&](const SessionRow& row) {
    if (!row.in_transaction && row.snapshot == 0) return;
    const auto shown = [&row](Value value) { return row.visible ? value : Value(nullptr); };
    const auto snapshot = [&row](Value value) { return row.snapshot == 0 ? Value(nullptr) : value; };
    const double age = static_cast<double>(std::max<std::int64_t>(0, now_us - row.snapshot_us)) / 1e6;
    emit(scan, {row.pid, row.role_name, shown(row.application), shown(text_or_null(row.state)),
                shown(text_or_null(row.isolation)), shown(row.in_transaction ? Value(row.read_only) : Value(nullptr)),
                shown(time_or_null(row.transaction_start_us)), snapshot(row.snapshot), snapshot(age),
                row.retained_bytes, row.branch_bytes, row.read_set_bytes});
  });
}

SystemRelation asking(SystemRelation relation) {
  relation.needs_sessions = true;
  return relation;
}

}  // namespace

Relations session_relations() {
  return {
      asking({12222, "pg_catalog", "pg_stat_activity",
              columns_of("datid oid, datname name, pid int4, leader_pid int4, usesysid oid, usename name, "
                         "application_name text, client_addr text, client_hostname text, "
                         "client_port int4, backend_start timestamptz, xact_start timestamptz, "
                         "query_start timestamptz, state_change timestamptz, wait_event_type text, "
                         "wait_event text, state text, backend_xid oid, backend_xmin oid, query_id int8, "
                         "query text, backend_type text"),
              scan_activity, 'v'}),
      asking({12223, "pg_catalog", "gyre_transactions",
              columns_of("pid int4, usename name, application_name text, state text, isolation text, "
                         "read_only boolean, xact_start timestamptz, snapshot int8, snapshot_age float8, "
                         "retained_bytes int8, change_bytes int8, read_set_bytes int8"),
              scan_transactions, 'v'}),
  };
}

}  // namespace gyre::adapter::system
