// Histograms are given bucket by bucket, since the server started: whoever looks keeps the last answer and
// takes the difference, so that several can look at their own pace and nothing is kept for them here.
#include "adapter/http/console_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "reactor/base/json_writer.h"

namespace gyre::adapter {

namespace {

std::uint64_t unix_time_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

// [upper bound, count, upper bound, count, …] of the buckets that hold something.
void write_histogram(JsonWriter& json, std::string_view name, const Histogram& values) {
  json.open(name, '[');
  std::uint64_t before = 0;
  values.for_each_cumulative([&](std::uint64_t upper_bound, std::uint64_t cumulative) {
    json.value(std::min(upper_bound, values.max()));
    json.value(cumulative - before);
    before = cumulative;
  });
  json.close(']');
}

enum class Oracle : bool { local, remote };

void write_phases(JsonWriter& json, const MetricsSnapshot& core, Oracle oracle) {
  Histogram cached, first_row;
  for (std::size_t level = 0; level < kIsolationLevels; ++level) {
    cached.merge(core.core.cached_peek_ns[level]);
    for (const Histogram& strategy : core.core.first_row_ns[level].of) first_row.merge(strategy);
  }
  first_row.merge(cached);
  json.open("phases_ns", '{');
  write_histogram(json, "read_timestamp", core.core.read_ts_ns);
  if (oracle == Oracle::remote) write_histogram(json, "oracle_wait", core.oracle_wait_ns);
  write_histogram(json, "parse", core.core.parse_ns);
  write_histogram(json, "plan", core.core.plan_ns);
  write_histogram(json, "cached_read", cached);
  write_histogram(json, "executed_read", core.core.planned_peek_ns);
  write_histogram(json, "first_row", first_row);
  write_histogram(json, "commit", core.core.append_ns);
  write_histogram(json, "login", core.core.message_ns[MessageKind::startup]);
  write_histogram(json, "turn", core.loop.turn_ns);
  json.close('}');
}

void write_core(JsonWriter& json, const MetricsSnapshot& core, Oracle oracle) {
  std::uint64_t queries = 0;
  for (const auto& source : core.core.queries)
    for (const std::uint64_t count : source) queries += count;
  json.open('{');
  json.field("core", std::max(core.processor, 0));
  json.field("role", core.oracle ? "oracle" : "shard");
  json.field("queries", queries);
  json.field("rows", core.core.rows_sent);
  json.field("errors", core.core.errors);
  json.field("connections", core.core.connections_open);
  json.field("sessions", core.core.sessions[0] + core.core.sessions[1]);
  json.field("busy_ns", core.loop.busy_ns);
  json.field("idle_ns", core.loop.idle_ns);
  json.field("turns", core.loop.turns);
  json.field("longest_turn_ns", core.loop.longest_turn_ns);
  json.field("completions", core.backend.completions);
  json.field("syscalls", core.backend.enters + core.backend.transfers + core.loop.wakeups_sent);
  json.field("sleeps", core.loop.sleeps);
  json.field("wakeups_received", core.loop.wakeups_received);
  json.field("messages", core.loop.messages);
  json.field("mailbox_depth", core.mailbox_depth);
  write_phases(json, core, oracle);
  json.close('}');
}

void write_oracle(JsonWriter& json, const CoreMetrics& sum, const ProcessFacts& process) {
  std::uint64_t timestamps = 0;
  for (std::size_t level = 0; level < kIsolationLevels; ++level)
    timestamps += sum.timestamps[level] + sum.cached_peek_ns[level].count();
  json.open("oracle", '{');
  json.field("read_timestamps", timestamps);
  json.field("calls", sum.coordinator_calls);
  json.field("batches", sum.batch_calls.count());
  json.field("batched_calls", sum.batch_calls.sum());
  json.field("commits", sum.append_ns.count());
  json.field("open_transactions", sum.open_transactions);
  json.field("locks_held", sum.locks_held);
  json.field("calls_waiting", sum.calls_waiting);
  json.field("lock_waits", sum.lock_waits);
  json.field("deadlocks", sum.deadlocks);
  json.field("retained_bytes", sum.retained_bytes);
  if (process.log != nullptr) {
    json.field("log_bytes", process.log->bytes);
    json.field("log_syncs", process.log->syncs);
  }
  json.close('}');
}

std::string_view state_of(oracle::OracleHealth::State state) {
  using State = oracle::OracleHealth::State;
  switch (state) {
    case State::opening:
      return "not reached yet";
    case State::well:
      return "well";
    case State::unreachable:
      return "unreachable";
    case State::refused:
      return "refused";
    case State::fenced:
      return "fenced";
  }
  return {};
}

void write_timestamp_oracle(JsonWriter& json, const OracleFigures& figures) {
  const oracle::RemoteOracleStats& calls = figures.calls;
  json.open("timestamp_oracle", '{');
  json.field("state", state_of(figures.health));
  json.open("verbs", '[');
  for (std::size_t verb = 0; verb < oracle::kVerbs; ++verb) {
    const auto& one = calls.operations[verb];
    json.open('{');
    json.field("name", oracle::verb_name(static_cast<oracle::Verb>(verb)));
    json.field("started", one.started);
    json.field("succeeded", one.succeeded);
    json.field("failed", one.failed);
    json.field("retries", one.retries);
    json.field("took_ns", one.ns);
    json.close('}');
  }
  json.close(']');
  json.field("batches", figures.client.batches);
  json.field("batched_statements", figures.client.batched_ops);
  write_histogram(json, "batch_ns", figures.client.inner_read_ns);
  json.field("connections", calls.size);
  json.field("connections_idle", calls.available);
  json.field("connections_made", calls.connections_created);
  json.field("connection_errors", calls.connection_errors);
  json.close('}');
}

void write_plan_cache(JsonWriter& json, const CoreMetrics& sum) {
  json.open("plan_cache", '{');
  json.field("hits", sum.plan_hits);
  json.field("shape_hits", sum.plan_shape_hits);
  json.field("misses", sum.plan_misses);
  json.field("stale", sum.plan_stale);
  json.field("evictions", sum.plan_evictions);
  json.field("entries", sum.plan_entries);
  json.field("bytes", sum.plan_bytes);
  json.close('}');
}

std::uint64_t since(std::int64_t now_us, std::int64_t then_us) {
  return then_us == 0 || then_us > now_us ? 0 : static_cast<std::uint64_t>(now_us - then_us);
}

void write_session(JsonWriter& json, const storage::SessionRow& row, std::size_t core, std::int64_t now_us) {
  json.open('{');
  json.field("pid", row.pid);
  json.field("shard", core);
  json.field("role", row.role_name);
  json.field("application", row.application);
  json.field("client", row.client_address.empty()
                           ? std::string("local")
                           : fmt::format("{}:{}", row.client_address, row.client_port));
  json.field("state", row.state);
  json.field("wait", row.wait_event);
  json.field("query", row.query);
  json.field("connected_us", since(now_us, row.backend_start_us));
  json.field("query_us", since(now_us, row.query_start_us));
  json.field("state_us", since(now_us, row.state_change_us));
  json.close('}');
}

void write_sessions(JsonWriter& json, std::span<const Activity> cores) {
  json.open("sessions", '[');
  for (std::size_t core = 0; core < cores.size(); ++core)
    for (const storage::SessionRow& row : cores[core].sessions)
      write_session(json, row, core, cores[core].wall_us);
  json.close(']');
}

void write_plans(JsonWriter& json, std::span<const Activity> cores) {
  json.open("plans", '[');
  for (std::size_t core = 0; core < cores.size(); ++core)
    for (const PlanRow& plan : cores[core].plans) {
      json.open('{');
      json.field("shard", core);
      json.field("text", plan.text);
      json.field("kind", plan.by_shape ? "shape" : "text");
      json.field("uses", plan.uses);
      json.field("bytes", plan.bytes);
      json.close('}');
    }
  json.close(']');
}

void write_slowest(JsonWriter& json, std::span<const Activity> cores) {
  json.open("slowest", '[');
  for (std::size_t core = 0; core < cores.size(); ++core)
    for (const SlowStatement& statement : cores[core].slow) {
      json.open('{');
      json.field("shard", core);
      json.field("text", statement.text);
      json.field("longest_ns", statement.longest_ns);
      json.field("times", statement.times);
      json.field("ago_us", cores[core].now_us - std::min(cores[core].now_us, statement.last_us));
      json.close('}');
    }
  json.close(']');
}

std::uint64_t nanoseconds(double milliseconds) {
  return static_cast<std::uint64_t>(milliseconds * 1e6);
}

void write_costs(JsonWriter& json, std::span<const StatementCost> costs) {
  json.open("costs", '[');
  for (const auto& [role, statement] : costs) {
    json.open('{');
    json.field("text", statement.text);
    json.field("role", role);
    json.field("calls", statement.calls);
    json.field("rows", statement.rows);
    json.field("total_ns", nanoseconds(statement.total_ms));
    json.field("mean_ns", nanoseconds(statement.mean_ms));
    json.field("longest_ns", nanoseconds(statement.most_ms));
    json.close('}');
  }
  json.close(']');
}

}  // namespace

std::string render_console(std::span<const MetricsSnapshot> cores, const ProcessFacts& process,
                           const OracleFigures* oracle) {
  const CoreMetrics sum = merged(cores);
  JsonWriter json;
  json.open('{');
  json.field("version", process.version);
  json.field("backend", process.backend);
  json.field("now_ms", unix_time_ms());
  json.field("start_s", static_cast<std::uint64_t>(process.start_time_seconds));
  json.field("resident_bytes", process.resident_bytes);
  json.open("cores", '[');
  for (const MetricsSnapshot& core : cores)
    write_core(json, core, oracle == nullptr ? Oracle::local : Oracle::remote);
  json.close(']');
  write_oracle(json, sum, process);
  if (oracle != nullptr) write_timestamp_oracle(json, *oracle);
  write_plan_cache(json, sum);
  json.close('}');
  return json.take();
}

std::string render_activity(std::span<const Activity> cores, std::span<const StatementCost> costs) {
  std::uint64_t sessions = 0;
  for (const Activity& core : cores) sessions += core.session_count;
  JsonWriter json;
  json.open('{');
  json.field("session_count", sessions);
  write_sessions(json, cores);
  write_plans(json, cores);
  write_slowest(json, cores);
  write_costs(json, costs);
  json.close('}');
  return json.take();
}

}  // namespace gyre::adapter
