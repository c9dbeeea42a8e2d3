// Past statements, as a survey of all cores has answered before the scan: what Materialize's mz_internal and
// PostgreSQL's extension pg_stat_statements show. Columns that mean nothing here are null or 0.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cmath>
#include <cstring>
#include <map>

#include "adapter/catalog/system_groups.h"
#include "adapter/catalog/system_rows.h"
#include "storage/scalar/session_directory.h"

namespace gyre::adapter::system {

namespace {

using storage::StatementExecution;
using storage::StatementStatistic;
using storage::UuidBytes;

constexpr std::string_view kHidden = "<insufficient privilege>";
constexpr std::string_view kClusterId = "u1";
constexpr std::string_view kCluster = "quickstart";

void for_each_execution(const SystemScan& scan, const std::function<void(const StatementExecution&)>& visit) {
  if (scan.session.sessions != nullptr) scan.session.sessions->for_each_execution(visit);
}

std::string_view bytes_of(SystemScan& scan, const UuidBytes& id) {
  return scan.arena.copy({id.data(), id.size()});
}

Value count_or_null(std::int64_t count) {
  return count < 0 ? Value(nullptr) : Value(count);
}

std::int64_t finished_us(const StatementExecution& execution) {
  return execution.figures.began_us + execution.figures.finished_ns / 1000;
}

// A value of a statement that the asking role may look into.
Value shown(const StatementExecution& execution, Value value) {
  return execution.visible ? value : Value(nullptr);
}
Value shown_text(const StatementExecution& execution, std::string_view text) {
  return execution.visible ? text_or_null(text) : Value(nullptr);
}
Value statement_text(const StatementExecution& execution) {
  return execution.visible ? execution.sql : kHidden;
}

// A digest of the text that says no more of it than whether it is the same.
Value text_hash(SystemScan& scan, const StatementExecution& execution) {
  const XXH128_hash_t hash = XXH3_128bits(execution.sql.data(), execution.sql.size());
  char bytes[sizeof hash];
  std::memcpy(bytes, &hash, sizeof hash);
  return shown(execution, scan.arena.copy({bytes, sizeof bytes}));
}

// The session's search path as an array.
Value path_array(SystemScan& scan, const StatementExecution& execution) {
  std::vector<std::string> names;
  std::string_view left = execution.search_path;
  while (!left.empty()) {
    const std::size_t comma = std::min(left.find(','), left.size());
    std::string_view name = left.substr(0, comma);
    while (name.starts_with(' ')) name.remove_prefix(1);
    if (name.size() >= 2 && name.starts_with('"') && name.ends_with('"')) name = name.substr(1, name.size() - 2);
    names.emplace_back(name);
    left.remove_prefix(std::min(comma + 1, left.size()));
  }
  return text_array(scan, names);
}

void scan_prepared(SystemScan& scan) {
  std::map<UuidBytes, bool> seen;
  for_each_execution(scan, [&](const StatementExecution& execution) {
    const StatementExecution::Figures& figures = execution.figures;
    if (!seen.emplace(figures.prepared_id, true).second) return;
    emit(scan, {bytes_of(scan, figures.prepared_id), bytes_of(scan, figures.session_id),
                shown(execution, execution.prepared_name), statement_text(execution), figures.prepared_us});
  });
}

void scan_executions(SystemScan& scan) {
  for_each_execution(scan, [&](const StatementExecution& execution) {
    const StatementExecution::Figures& figures = execution.figures;
    emit(scan, {bytes_of(scan, figures.id), bytes_of(scan, figures.prepared_id), figures.sample_rate,
                shown_text(execution, execution.parameters), figures.began_us, finished_us(execution),
                execution.status, shown_text(execution, execution.error), count_or_null(figures.result_bytes),
                count_or_null(figures.rows), text_or_null(execution.strategy)});
  });
}

void scan_lifecycle(SystemScan& scan) {
  for_each_execution(scan, [&](const StatementExecution& execution) {
    const StatementExecution::Figures& figures = execution.figures;
    const auto event = [&](std::string_view name, std::int64_t after_ns) {
      if (after_ns >= 0)
        emit(scan, {bytes_of(scan, figures.id), name, figures.began_us + after_ns / 1000});
    };
    event("execution-began", 0);
    event("optimization-finished", figures.ready_ns);
    event("storage-dependencies-finished", figures.snapshot_ns);
    event("compute-dependencies-finished", figures.snapshot_ns);
    event("first-row", figures.first_row_ns);
    event("execution-finished", figures.finished_ns);
  });
}

void scan_activity(SystemScan& scan) {
  for_each_execution(scan, [&](const StatementExecution& execution) {
    const StatementExecution::Figures& figures = execution.figures;
    emit(scan, {bytes_of(scan, figures.id),
                figures.sample_rate,
                kClusterId,
                execution.application,
                kCluster,
                execution.database,
                path_array(scan, execution),
                execution.isolation,
                figures.timestamp == 0 ? Value(nullptr) : Value(figures.timestamp),
                nullptr,
                shown_text(execution, execution.parameters),
                scan.session.version_text,
                figures.began_us,
                finished_us(execution),
                execution.status,
                shown_text(execution, execution.error),
                count_or_null(figures.result_bytes),
                count_or_null(figures.rows),
                text_or_null(execution.strategy),
                figures.transaction,
                bytes_of(scan, figures.prepared_id),
                text_hash(scan, execution),
                shown(execution, execution.prepared_name),
                bytes_of(scan, figures.session_id),
                figures.prepared_us,
                text_or_null(execution.type),
                figures.throttled,
                figures.connected_us,
                execution.first_application,
                execution.user,
                statement_text(execution)});
  });
}

void scan_statistics(SystemScan& scan) {
  if (scan.session.sessions == nullptr) return;
  scan.session.sessions->for_each_statistic([&](const StatementStatistic& row) {
    const double deviation = row.calls == 0 ? 0 : std::sqrt(row.squares / static_cast<double>(row.calls));
    emit(scan, {row.role,
                kDatabaseOid,
                true,
                row.visible ? Value(row.query_id) : Value(nullptr),
                row.visible ? std::string_view(row.text) : kHidden,
                0, 0.0, 0.0, 0.0, 0.0, 0.0,  // plans
                row.calls,
                row.total_ms,
                row.least_ms,
                row.most_ms,
                row.mean_ms,
                deviation,
                row.rows,
                0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  // blocks
                0.0, 0.0, 0.0, 0.0,
                0, 0, 0,                            // the log
                0, 0.0, 0, 0.0, 0, 0.0, 0, 0.0});  // JIT
  });
}

SystemRelation asking(SystemRelation relation) {
  relation.needs_sessions = relation.needs_history = true;
  return relation;
}

}  // namespace

Relations statement_relations() {
  return {
      asking({14010, "mz_internal", "mz_prepared_statement_history",
              columns_of("id uuid, session_id uuid, name text, sql text, prepared_at timestamptz"), scan_prepared,
              'v'}),
      asking({14011, "mz_internal", "mz_statement_execution_history",
              columns_of("id uuid, prepared_statement_id uuid, sample_rate float8, params text[], "
                         "began_at timestamptz, finished_at timestamptz, finished_status text, "
                         "error_message text, result_size int8, rows_returned int8, execution_strategy text"),
              scan_executions, 'v'}),
      asking({14012, "mz_internal", "mz_statement_lifecycle_history",
              columns_of("statement_id uuid, event_type text, occurred_at timestamptz"), scan_lifecycle, 'v'}),
      asking({14013, "mz_internal", "mz_recent_activity_log",
              columns_of("execution_id uuid, sample_rate float8, cluster_id text, application_name text, "
                         "cluster_name text, database_name text, search_path text[], "
                         "transaction_isolation text, execution_timestamp int8, transient_index_id text, "
                         "params text[], mz_version text, began_at timestamptz, finished_at timestamptz, "
                         "finished_status text, error_message text, result_size int8, rows_returned int8, "
                         "execution_strategy text, transaction_id int8, prepared_statement_id uuid, "
                         "sql_hash bytea, prepared_statement_name text, session_id uuid, "
                         "prepared_at timestamptz, statement_type text, throttled_count int8, "
                         "connected_at timestamptz, initial_application_name text, authenticated_user text, "
                         "sql text"),
              scan_activity, 'v'}),
      asking({14014, "pg_catalog", "pg_stat_statements",
              columns_of("userid oid, dbid oid, toplevel boolean, queryid int8, query text, plans int8, "
                         "total_plan_time float8, min_plan_time float8, max_plan_time float8, "
                         "mean_plan_time float8, stddev_plan_time float8, calls int8, "
                         "total_exec_time float8, min_exec_time float8, max_exec_time float8, "
                         "mean_exec_time float8, stddev_exec_time float8, rows int8, shared_blks_hit int8, "
                         "shared_blks_read int8, shared_blks_dirtied int8, shared_blks_written int8, "
                         "local_blks_hit int8, local_blks_read int8, local_blks_dirtied int8, "
                         "local_blks_written int8, temp_blks_read int8, temp_blks_written int8, "
                         "blk_read_time float8, blk_write_time float8, temp_blk_read_time float8, "
                         "temp_blk_write_time float8, wal_records int8, wal_fpi int8, wal_bytes int8, "
                         "jit_functions int8, jit_generation_time float8, jit_inlining_count int8, "
                         "jit_inlining_time float8, jit_optimization_count int8, "
                         "jit_optimization_time float8, jit_emission_count int8, jit_emission_time float8"),
              scan_statistics, 'v'}),
  };
}

}  // namespace gyre::adapter::system
