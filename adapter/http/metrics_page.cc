// Counters are summed over the cores and figures of a reactor are given per core, as each says something of
// its own: one busy core among idle ones is what someone looks for. A histogram's buckets must be the same in
// every scrape, so they are a fixed ladder; each step is the upper end of one of Histogram's own buckets
// (rounded to it from below), so that counts are exact and not interpolated. A histogram is written in one
// pass over both, its bounds from texts made once: the page is made on the oracle core, between commits, and
// must not hold them up (gyre_http_page_seconds tells what it takes).
//
// Names that begin with mz_, and their labels, are Materialize's. Some of its counters do not end in _total
// or end in _count, which the format leaves to histograms; they are given without a type, as the format's
// linter has nothing against that.
//
// Format: "Exposition formats", text format 0.0.4, of Prometheus' documentation.
#include "adapter/http/metrics_page.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <vector>

namespace gyre::adapter {

namespace {

constexpr std::string_view kStatementNames[] = {"select",     "insert",  "update",      "delete",
                                                "definition", "session", "transaction", "other"};
static_assert(std::size(kStatementNames) == static_cast<std::size_t>(StatementKind::count_));
constexpr std::string_view kApplicationNames[] = {
    "unspecified", "unrecognized", "psql",    "pgbench", "PostgreSQL JDBC Driver",
    "pgAdmin",     "DBeaver",      "grafana", "dbt"};
static_assert(std::size(kApplicationNames) == static_cast<std::size_t>(Application::count_));
constexpr std::string_view kIsolationNames[] = {"read committed", "repeatable read", "serializable",
                                                "strict serializable"};
static_assert(std::size(kIsolationNames) == kIsolationLevels);
constexpr std::string_view kStrategyNames[] = {"constant", "fast-path", "standard"};
static_assert(std::size(kStrategyNames) == static_cast<std::size_t>(Strategy::count_));
constexpr std::string_view kWireMessageNames[] = {"query",   "parse", "bind",  "describe",
                                                  "execute", "sync",  "close", "other"};
static_assert(std::size(kWireMessageNames) == static_cast<std::size_t>(WireMessage::count_));
constexpr std::string_view kMessageNames[] = {
    "command-startup",        "command-terminate",        "command-cancel_request", "command-execute",
    "execute-slow-path-peek", "command-catalog_transact", "command-commit",         "command-rollback",
    "command-other",          "group_commit_initiate"};
static_assert(std::size(kMessageNames) == static_cast<std::size_t>(MessageKind::count_));
constexpr std::string_view kCluster = "quickstart";  // there is one
constexpr std::string_view kEntranceNames[] = {"external", "internal"};
constexpr std::string_view kRefusalNames[] = {
    "rule",     "password",    "certificate",      "role",
    "database", "connections", "role_connections", "address_connections",
    "timeout",  "displaced",   "protocol"};
static_assert(std::size(kRefusalNames) == static_cast<std::size_t>(Refusal::count_));
constexpr std::string_view kLimitErrorNames[] = {"53200", "54000", "54001", "54011", "54023"};
static_assert(std::size(kLimitErrorNames) == static_cast<std::size_t>(LimitError::count_));
constexpr std::string_view kSessionTypes[] = {"user", "system"};
static_assert(std::size(kEntranceNames) == static_cast<std::size_t>(EntranceKind::count_));

std::uint64_t unix_time_us() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

// Dividing is rounded once: 25 ns print as 2.5e-08.
double seconds_of(std::uint64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / 1e9;
}

double microseconds(std::uint64_t us) {
  return static_cast<double>(us) / 1e6;
}

struct Step {
  std::uint64_t ns;
  std::string seconds;
};

// Ascending: steps of 25 ns up to 200, then about 1.5 times each, up to 10 s.
std::vector<Step> make_ladder() {
  std::vector<Step> ladder;
  const auto add = [&](std::uint64_t wanted) {
    const std::size_t bucket = Histogram::bucket_of(wanted);
    const std::uint64_t end = Histogram::upper_bound(bucket);
    // The bucket that holds `wanted` may reach above it; the one before ends below.
    const std::uint64_t ns = end == wanted ? end : Histogram::upper_bound(bucket - 1);
    ladder.push_back({ns, fmt::format("{}", seconds_of(ns))});
  };
  for (std::uint64_t ns = 25; ns <= 200; ns += 25) add(ns);
  for (std::uint64_t decade = 100; decade <= 1'000'000'000; decade *= 10)
    for (const std::uint64_t step : {2, 3, 5, 7, 10})
      if (decade * step > 200) add(decade * step);
  return ladder;
}

class Page {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    fmt::format_to(out(), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
    family_is_empty_ = true;
  }
  // `labels` as in the format, without braces; empty: none.
  void sample(std::string_view labels, std::uint64_t value) {
    begin_sample(labels);
    text_.append(fmt::format_int(value).c_str()).push_back('\n');
  }
  void sample(std::string_view labels, double value) {
    begin_sample(labels);
    fmt::format_to(out(), "{}\n", value);
  }
  void histogram(std::string_view labels, const Histogram& values);
  void histogram(std::string_view labels, const BitHistogram& values);
  // One of many that a family may have; left out while there is nothing in it, but for the first.
  void histogram_if_any(std::string_view labels, const Histogram& values) {
    if (values.count() != 0 || family_is_empty_) histogram(labels, values);
  }

  void counter(std::string_view name, std::string_view help, std::uint64_t value) {
    family(name, "counter", help);
    sample("", value);
  }
  // A counter whose name, which is Materialize's, does not end as counters' do.
  void untyped(std::string_view name, std::string_view help, std::uint64_t value) {
    family(name, "untyped", help);
    sample("", value);
  }
  template <class Number>
  void gauge(std::string_view name, std::string_view help, Number value) {
    family(name, "gauge", help);
    sample("", value);
  }
  std::string take() { return std::move(text_); }

 private:
  std::back_insert_iterator<std::string> out() { return std::back_inserter(text_); }
  void begin_sample(std::string_view labels) {
    family_is_empty_ = false;
    text_ += name_;
    if (!labels.empty()) text_.append("{").append(labels).append("}");
    text_ += ' ';
  }
  void bucket(std::string_view prefix, std::string_view bound, std::uint64_t count) {
    text_.append(prefix).append(bound).append("\"} ").append(fmt::format_int(count).c_str()).push_back('\n');
  }
  std::string begin_histogram(std::string_view labels) {
    family_is_empty_ = false;
    return fmt::format("{}_bucket{{{}{}le=\"", name_, labels, labels.empty() ? "" : ",");
  }
  template <class Sum>
  void end_histogram(std::string_view labels, Sum sum, std::uint64_t count) {
    const std::string braces = labels.empty() ? "" : fmt::format("{{{}}}", labels);
    fmt::format_to(out(), "{}_sum{} {}\n{}_count{} {}\n", name_, braces, sum, name_, braces, count);
  }

  std::string text_;
  std::string_view name_;  // of the family begun last
  bool family_is_empty_ = true;
};

void Page::histogram(std::string_view labels, const Histogram& values) {
  static const std::vector<Step> kLadder = make_ladder();
  const std::string prefix = begin_histogram(labels);
  auto step = kLadder.begin();
  std::uint64_t below = 0;  // values in the buckets before the one that is looked at
  const auto write_steps_below = [&](std::uint64_t ns) {
    for (; step != kLadder.end() && step->ns < ns; ++step) bucket(prefix, step->seconds, below);
  };
  values.for_each_cumulative([&](std::uint64_t upper_bound, std::uint64_t cumulative) {
    write_steps_below(upper_bound);
    below = cumulative;
  });
  write_steps_below(UINT64_MAX);
  bucket(prefix, "+Inf", values.count());
  end_histogram(labels, seconds_of(values.sum()), values.count());
}

void Page::histogram(std::string_view labels, const BitHistogram& values) {
  const std::string prefix = begin_histogram(labels);
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i + 1 < BitHistogram::kBuckets; ++i) {
    cumulative += values.bucket(i);
    bucket(prefix, fmt::format_int(BitHistogram::upper_bound(i)).c_str(), cumulative);
  }
  bucket(prefix, "+Inf", values.count());
  end_histogram(labels, values.sum(), values.count());
}

// A label's value may hold anything once these three are escaped.
std::string escaped(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n')
      text += "\\n";
    else
      text += c;
  }
  return text;
}

template <class Array>
void add(Array& sum, const Array& more) {
  for (std::size_t i = 0; i < std::size(sum); ++i) sum[i] += more[i];
}
template <class Key>
void merge(ByKey<Histogram, Key>& sum, const ByKey<Histogram, Key>& more) {
  for (std::size_t i = 0; i < sum.of.size(); ++i) sum.of[i].merge(more.of[i]);
}

}  // namespace

CoreMetrics merged(std::span<const MetricsSnapshot> cores) {
  CoreMetrics sum;
  for (const MetricsSnapshot& snapshot : cores) {
    const CoreMetrics& core = snapshot.core;
    for (std::size_t source = 0; source < kSources; ++source) add(sum.queries[source], core.queries[source]);
    add(sum.failures, core.failures);
    add(sum.cancellations, core.cancellations);
    add(sum.unready, core.unready);
    add(sum.startups, core.startups);
    add(sum.terminations, core.terminations);
    add(sum.connections_ok, core.connections_ok);
    add(sum.connections_failed, core.connections_failed);
    add(sum.sessions, core.sessions);
    add(sum.limit_errors, core.limit_errors);
    add(sum.refusals, core.refusals);
    add(sum.timestamps, core.timestamps);
    for (std::size_t level = 0; level < kIsolationLevels; ++level) {
      sum.cached_peek_ns[level].merge(core.cached_peek_ns[level]);
      merge(sum.first_row_ns[level], core.first_row_ns[level]);
    }
    for (auto histogram : {&CoreMetrics::planned_peek_ns, &CoreMetrics::read_ts_ns, &CoreMetrics::last_row_ns,
                           &CoreMetrics::parse_ns, &CoreMetrics::plan_ns, &CoreMetrics::append_ns})
      (sum.*histogram).merge(core.*histogram);
    merge(sum.wire_ns, core.wire_ns);
    merge(sum.message_ns, core.message_ns);
    sum.batch_calls.merge(core.batch_calls);
    for (auto figure : {&CoreMetrics::connections_open,
                        &CoreMetrics::copies_out,
                        &CoreMetrics::errors,
                        &CoreMetrics::rows_sent,
                        &CoreMetrics::coordinator_calls,
                        &CoreMetrics::cancels,
                        &CoreMetrics::handed_over,
                        &CoreMetrics::plan_hits,
                        &CoreMetrics::plan_shape_hits,
                        &CoreMetrics::plan_misses,
                        &CoreMetrics::plan_stale,
                        &CoreMetrics::plan_evictions,
                        &CoreMetrics::plan_bytes,
                        &CoreMetrics::plan_entries,
                        &CoreMetrics::lock_waits,
                        &CoreMetrics::deadlocks,
                        &CoreMetrics::locks_held,
                        &CoreMetrics::calls_waiting,
                        &CoreMetrics::open_transactions,
                        &CoreMetrics::read_set_bytes,
                        &CoreMetrics::retained_bytes,
                        &CoreMetrics::branch_bytes,
                        &CoreMetrics::oldest_replaced_us,
                        &CoreMetrics::tls_handshakes,
                        &CoreMetrics::tls_failures,
                        &CoreMetrics::cancels_dropped,
                        &CoreMetrics::memory_refusals,
                        &CoreMetrics::results_too_large,
                        &CoreMetrics::statements_sampled,
                        &CoreMetrics::statements_unsampled,
                        &CoreMetrics::sampled_text_bytes,
                        &CoreMetrics::all_text_bytes})
      sum.*figure += core.*figure;
  }
  return sum;
}

namespace {

void render_peeks(Page& page, const CoreMetrics& sum) {
  Histogram cached;
  for (const Histogram& level : sum.cached_peek_ns) cached.merge(level);
  // `kind` is what the label was called before.
  const auto labels = [](std::string_view method) {
    return fmt::format("method=\"{0}\",kind=\"{0}\"", method);
  };
  page.family("mz_frontend_peek_seconds", "histogram",
              "Time from a read's message to its answer, by whether its plan was cached.");
  page.histogram(labels("try_frontend_peek_cached"), cached);
  page.histogram(labels("try_frontend_peek"), sum.planned_peek_ns);
  page.family("mz_frontend_peek_read_ts_seconds", "histogram",
              "Time to choose a read timestamp; one read in 64 is measured.");
  page.histogram("", sum.read_ts_ns);
  page.family("mz_compute_peeks_total", "counter", "Reads that ran on the cores of their connections.");
  page.sample(fmt::format("instance_id=\"{}\",result=\"rows\"", kCluster),
              cached.count() + sum.planned_peek_ns.count());
  page.family("mz_compute_peek_duration_seconds", "histogram", "How long these reads took.");
  cached.merge(sum.planned_peek_ns);
  page.histogram(fmt::format("instance_id=\"{}\",result=\"rows\"", kCluster), cached);
  page.family("mz_determine_timestamp", "untyped", "Read timestamps chosen outside of the oracle core.");
  for (std::size_t level = 0; level < kIsolationLevels; ++level)
    page.sample(fmt::format("respond_immediately=\"true\",isolation_level=\"{}\",compute_instance=\"{}\"",
                            kIsolationNames[level], kCluster),
                sum.cached_peek_ns[level].count() + sum.timestamps[level]);
}

void render_first_rows(Page& page, const CoreMetrics& sum) {
  page.family("mz_time_to_first_row_seconds", "histogram",
              "Time from a statement's arrival to its first row.");
  for (std::size_t level = kIsolationLevels; level-- > 0;)
    for (const Strategy strategy : {Strategy::fast_path, Strategy::standard, Strategy::constant}) {
      Histogram values = sum.first_row_ns[level][strategy];
      if (strategy == Strategy::fast_path) values.merge(sum.cached_peek_ns[level]);
      page.histogram_if_any(
          fmt::format("instance_id=\"{}\",isolation_level=\"{}\",strategy=\"{}\"", kCluster,
                      kIsolationNames[level], kStrategyNames[static_cast<std::size_t>(strategy)]),
          values);
    }
  page.family("mz_result_rows_first_to_last_byte_seconds", "histogram",
              "Time from the first row to the last, of reads that took more than one slice of their core.");
  page.histogram("statement_type=\"select\"", sum.last_row_ns);
}

void render_queries(Page& page, const CoreMetrics& sum) {
  page.family("mz_query_total", "counter", "Statements executed.");
  for (std::size_t entrance = 0; entrance < std::size(kSessionTypes); ++entrance)
    for (std::size_t kind = 0; kind < std::size(kStatementNames); ++kind) {
      std::uint64_t all = 0;
      for (std::size_t application = 0; application < std::size(kApplicationNames); ++application)
        all += sum.queries[source_of(static_cast<EntranceKind>(entrance),
                                     static_cast<Application>(application))][kind];
      page.sample(fmt::format("session_type=\"{}\",statement_type=\"{}\"", kSessionTypes[entrance],
                              kStatementNames[kind]),
                  all);
    }
  page.family("mz_adapter_commands", "untyped", "What clients asked for, by the application that they name.");
  for (std::size_t application = 0; application < std::size(kApplicationNames); ++application) {
    std::uint64_t executed = 0, failed = 0, canceled = 0, startups = 0, terminations = 0;
    for (const EntranceKind entrance : {EntranceKind::external, EntranceKind::internal}) {
      const std::size_t source = source_of(entrance, static_cast<Application>(application));
      for (const std::uint64_t count : sum.queries[source]) executed += count;
      executed += sum.unready[source];
      failed += sum.failures[source];
      canceled += sum.cancellations[source];
      startups += sum.startups[source];
      terminations += sum.terminations[source];
    }
    if (startups == 0 && application != 0) continue;
    const auto sample = [&](std::string_view command, std::string_view status, std::uint64_t count) {
      page.sample(fmt::format("command_type=\"{}\",status=\"{}\",application_name=\"{}\"", command, status,
                              kApplicationNames[application]),
                  count);
    };
    sample("startup", "success", startups);
    sample("execute", "success", executed - std::min(executed, failed + canceled));
    sample("execute", "error", failed);
    sample("execute", "canceled", canceled);
    sample("terminate", "success", terminations);
  }
  std::uint64_t canceled = 0;
  for (const std::uint64_t count : sum.cancellations) canceled += count;
  page.counter("mz_canceled_peeks_total", "Statements that ended with a cancel request or a timeout.",
               canceled);
}

void render_statements(Page& page, const CoreMetrics& sum) {
  render_peeks(page, sum);
  render_queries(page, sum);
  render_first_rows(page, sum);
  page.family("mz_parse_seconds", "histogram", "Time to parse a text that was not in the plan cache.");
  page.histogram("", sum.parse_ns);
  page.family("gyre_plan_seconds", "histogram", "Time to plan a statement.");
  page.histogram("", sum.plan_ns);
  page.family("mz_pgwire_message_processing_seconds", "histogram",
              "Time to handle a message, until it is done or waits; reads from the plan cache apart. One in "
              "17 is measured.");
  for (std::size_t kind = 0; kind < std::size(kWireMessageNames); ++kind)
    page.histogram_if_any(fmt::format("message_type=\"{}\"", kWireMessageNames[kind]), sum.wire_ns.of[kind]);
  page.family("mz_slow_message_handling", "histogram",
              "Time to handle what is more than a read: logins and their ends, and the oracle core's work.");
  for (std::size_t kind = 0; kind < std::size(kMessageNames); ++kind)
    page.histogram(fmt::format("message_kind=\"{}\"", kMessageNames[kind]), sum.message_ns.of[kind]);
  page.family("mz_catalog_transact_seconds", "histogram",
              "Time to change definitions, roles, privileges or parameters.");
  page.histogram("method=\"catalog_transact\"", sum.message_ns[MessageKind::transact]);
  page.family("mz_coordinator_message_batch_size", "histogram",
              "Calls that the oracle core commits together.");
  page.histogram("", sum.batch_calls);
  page.family("mz_statement_logging_record_count", "untyped",
              "Statements of sessions that are logged, by whether they were drawn.");
  page.sample("sample=\"true\"", sum.statements_sampled);
  page.sample("sample=\"false\"", sum.statements_unsampled);
  page.untyped("mz_statement_logging_unsampled_bytes",
               "Bytes of statements' texts that would have been logged without sampling.",
               sum.all_text_bytes);
  page.untyped("mz_statement_logging_actual_bytes", "Bytes of statements' texts that were logged.",
               sum.sampled_text_bytes);
  page.family("mz_append_table_duration_seconds", "histogram",
              "Time of a commit that wrote tables, from its order to its answer.");
  page.histogram("", sum.append_ns);
}

void render_connections(Page& page, const CoreMetrics& sum) {
  page.family("mz_connection_status", "untyped", "Connections by how their start-up ended.");
  for (std::size_t entrance = 0; entrance < std::size(kEntranceNames); ++entrance) {
    page.sample(fmt::format("source=\"{}\",status=\"success\"", kEntranceNames[entrance]),
                sum.connections_ok[entrance]);
    page.sample(fmt::format("source=\"{}\",status=\"error\"", kEntranceNames[entrance]),
                sum.connections_failed[entrance]);
  }
  page.family("mz_active_sessions", "gauge", "Sessions that are logged in.");
  for (std::size_t entrance = 0; entrance < std::size(kSessionTypes); ++entrance)
    page.sample(fmt::format("session_type=\"{}\"", kSessionTypes[entrance]), sum.sessions[entrance]);
  page.family("mz_active_copy_tos", "gauge", "COPY TO statements under way.");
  page.sample("session_type=\"user\"", sum.copies_out);
  page.gauge("gyre_connections", "Open connections.", sum.connections_open);
  page.counter("gyre_connections_handed_over_total",
               "Connections given to a less loaded core at their start.", sum.handed_over);
  page.counter("gyre_rows_sent_total", "Rows sent to clients.", sum.rows_sent);
  page.family("gyre_logins_refused_total", "counter", "Clients that were not let in, by reason.");
  for (std::size_t reason = 0; reason < sum.refusals.size(); ++reason)
    page.sample(fmt::format("reason=\"{}\"", kRefusalNames[reason]), sum.refusals[reason]);
  page.counter("gyre_tls_handshakes_total", "TLS handshakes that succeeded.", sum.tls_handshakes);
  page.counter("gyre_tls_handshake_failures_total", "TLS handshakes that failed.", sum.tls_failures);
  page.counter("gyre_memory_refusals_total", "Statements refused because the server's memory was used up.",
               sum.memory_refusals);
  page.counter("gyre_results_too_large_total", "Statements ended because their results were too large.",
               sum.results_too_large);
  page.counter("gyre_cancels_dropped_total", "Cancel requests above their rate.", sum.cancels_dropped);
  page.counter("gyre_errors_total", "Error responses sent to clients.", sum.errors);
  page.family("gyre_limit_errors_total", "counter", "Errors that say that a limit was reached, by SQLSTATE.");
  for (std::size_t limit = 0; limit < sum.limit_errors.size(); ++limit)
    page.sample(fmt::format("sqlstate=\"{}\"", kLimitErrorNames[limit]), sum.limit_errors[limit]);
  page.counter("gyre_cancels_total", "Cancel requests that found their session.", sum.cancels);
  page.counter("gyre_coordinator_calls_total", "Statements that were handed to the oracle core.",
               sum.coordinator_calls);
}

void render_locks(Page& page, const CoreMetrics& sum) {
  page.gauge("gyre_locks_held", "Locks of rows, keys, tables and advisory locks.", sum.locks_held);
  page.gauge("gyre_lock_waiting_calls", "Statements that wait for a lock.", sum.calls_waiting);
  page.counter("gyre_lock_waits_total", "Statements that had to wait for a lock.", sum.lock_waits);
  page.counter("gyre_deadlocks_total", "Waits that were ended because they closed a circle.", sum.deadlocks);
}

void render_transactions(Page& page, const CoreMetrics& sum) {
  page.gauge("gyre_open_transactions", "Transaction blocks that are open.", sum.open_transactions);
  page.family("gyre_oldest_snapshot_age_seconds", "gauge",
              "How long ago the oldest state that someone may still read was replaced by a newer one.");
  const std::uint64_t now_us = unix_time_us();
  const bool old = sum.oldest_replaced_us != 0 && sum.oldest_replaced_us < now_us;
  page.sample("", old ? static_cast<double>(now_us - sum.oldest_replaced_us) / 1e6 : 0.0);
  page.gauge("gyre_retained_bytes", "What has been replaced and is kept for those who may still read it.",
             sum.retained_bytes);
  page.gauge("gyre_transaction_change_bytes", "What open transactions have changed, on the oracle core.",
             sum.branch_bytes);
  page.gauge("gyre_read_set_bytes", "What open transactions remember of their reads.", sum.read_set_bytes);
}

void render_plan_cache(Page& page, const CoreMetrics& sum) {
  page.counter("gyre_plan_cache_hits_total", "Statements whose text was in the plan cache.", sum.plan_hits);
  page.counter("gyre_plan_cache_shape_hits_total",
               "Statements that differed from a cached one in literals only.", sum.plan_shape_hits);
  page.counter("gyre_plan_cache_misses_total", "Statements that had to be planned.", sum.plan_misses);
  page.counter("gyre_plan_cache_stale_total", "Cached plans found to be made for an older catalog.",
               sum.plan_stale);
  page.counter("gyre_plan_cache_evictions_total", "Plans dropped for want of room.", sum.plan_evictions);
  page.gauge("gyre_plan_cache_bytes", "Bytes that cached plans take, estimated.", sum.plan_bytes);
  page.gauge("gyre_plan_cache_entries", "Cached plans.", sum.plan_entries);
}

// One family with a sample per core.
class PerCore {
 public:
  PerCore(Page& page, std::span<const MetricsSnapshot> cores) : page_(page), cores_(cores) {
    for (const MetricsSnapshot& core : cores)
      labels_.push_back(
          fmt::format("core=\"{}\",role=\"{}\"", core.processor, core.oracle ? "oracle" : "shard"));
  }
  template <class Figure>
  void operator()(std::string_view name, std::string_view type, std::string_view help, Figure figure) {
    page_.family(name, type, help);
    for (std::size_t i = 0; i < cores_.size(); ++i) page_.sample(labels_[i], figure(cores_[i]));
  }
  template <class Figure>
  void histograms(std::string_view name, std::string_view help, Figure figure) {
    page_.family(name, "histogram", help);
    for (std::size_t i = 0; i < cores_.size(); ++i) page_.histogram(labels_[i], figure(cores_[i]));
  }
  void count(std::string_view name, std::string_view help, std::uint64_t reactor::LoopStats::*figure) {
    (*this)(name, "counter", help, [&](const MetricsSnapshot& core) { return core.loop.*figure; });
  }
  void count(std::string_view name, std::string_view help, std::uint64_t reactor::BackendStats::*figure) {
    (*this)(name, "counter", help, [&](const MetricsSnapshot& core) { return core.backend.*figure; });
  }
  void seconds(std::string_view name, std::string_view type, std::string_view help,
               std::uint64_t reactor::LoopStats::*nanoseconds) {
    (*this)(name, type, help,
            [&](const MetricsSnapshot& core) { return seconds_of(core.loop.*nanoseconds); });
  }

 private:
  Page& page_;
  std::span<const MetricsSnapshot> cores_;
  std::vector<std::string> labels_;
};

void render_reactor(Page& page, std::span<const MetricsSnapshot> cores) {
  using reactor::BackendStats;
  using reactor::LoopStats;
  PerCore per_core(page, cores);
  per_core.count("gyre_reactor_turns_total", "Turns of the event loop.", &LoopStats::turns);
  per_core.seconds("gyre_reactor_busy_seconds_total", "counter", "Time spent in turns.", &LoopStats::busy_ns);
  per_core.seconds("gyre_reactor_idle_seconds_total", "counter", "Time spent blocked or spinning.",
                   &LoopStats::idle_ns);
  per_core.seconds("gyre_reactor_longest_turn_seconds", "gauge", "The longest turn since start.",
                   &LoopStats::longest_turn_ns);
  per_core.histograms("gyre_reactor_turn_seconds", "Busy time of a turn.",
                      [](const MetricsSnapshot& core) -> const Histogram& { return core.loop.turn_ns; });
  per_core.histograms(
      "gyre_reactor_turn_completions", "Outcomes of operations that a turn collected.",
      [](const MetricsSnapshot& core) -> const BitHistogram& { return core.loop.turn_completions; });
  per_core("gyre_reactor_mailbox_depth", "gauge", "Messages of other cores that wait.",
           [](const MetricsSnapshot& core) { return core.mailbox_depth; });
  per_core("gyre_reactor_mailbox_most_messages", "gauge", "The most messages that one turn has taken.",
           [](const MetricsSnapshot& core) { return core.loop.most_messages; });
  per_core("gyre_reactor_syscalls_total", "counter", "System calls for input and output, waiting and waking.",
           [](const MetricsSnapshot& core) {
             return core.backend.enters + core.backend.transfers + core.loop.wakeups_sent;
           });
  per_core.count("gyre_reactor_tasks_total", "Tasks run.", &LoopStats::tasks);
  per_core.count("gyre_reactor_flushes_total", "Output buffers flushed.", &LoopStats::flushes);
  per_core.count("gyre_reactor_timers_total", "Timers fired.", &LoopStats::timers);
  per_core.count("gyre_reactor_mailbox_messages_total", "Messages received from other cores.",
                 &LoopStats::messages);
  per_core.count("gyre_reactor_wakeups_sent_total", "Sleeping cores woken by this one.",
                 &LoopStats::wakeups_sent);
  per_core.count("gyre_reactor_wakeups_received_total", "Times this core was woken by another.",
                 &LoopStats::wakeups_received);
  per_core.count("gyre_reactor_sleeps_total", "Times the core blocked.", &LoopStats::sleeps);
  per_core.count("gyre_reactor_spins_total", "Times the core looked for work before it would block.",
                 &LoopStats::spins);
  per_core.count("gyre_reactor_spins_won_total", "Spins that found work in time.", &LoopStats::spins_won);
  per_core.count("gyre_reactor_submissions_total", "Operations handed to the kernel.",
                 &BackendStats::submissions);
  per_core.count("gyre_reactor_completions_total", "Outcomes of operations collected.",
                 &BackendStats::completions);
  per_core.count("gyre_reactor_enters_total", "System calls that submit or wait.", &BackendStats::enters);
  per_core.count("gyre_reactor_starved_receives_total", "Receives that found no free buffer.",
                 &BackendStats::starved_receives);
  per_core.count("gyre_reactor_overflows_total", "Overflows of the completion queue.",
                 &BackendStats::overflows);
  per_core.count("gyre_reactor_accept_pauses_total",
                 "Times accepting paused for want of descriptors or memory.", &BackendStats::accept_pauses);
  per_core("gyre_reactor_open_streams", "gauge", "Connections that the backend serves.",
           [](const MetricsSnapshot& core) { return core.backend.open_streams; });
}

void render_log(Page& page, const oracle::wal::WriterStats& log) {
  page.counter("gyre_wal_records_total", "Records written to the log, one for each group commit.",
               log.records);
  page.counter("gyre_wal_bytes_total", "Bytes of records written to the log.", log.bytes);
  page.counter("gyre_wal_writes_total", "Write calls for the log.", log.writes);
  page.counter("gyre_wal_syncs_total", "Times the log was made durable.", log.syncs);
  page.family("gyre_wal_sync_seconds", "histogram", "From a write of the log to its being durable.");
  page.histogram("", log.sync_ns);
  page.gauge("gyre_wal_segments", "Segments of the log in use.", log.segments);
  page.gauge("gyre_wal_segment_bytes", "Bytes of all segments, with the one made ready.", log.segment_bytes);
  page.counter("gyre_wal_segments_made_total", "Segments that were allocated.", log.segments_made);
  page.counter("gyre_wal_segments_reused_total", "Old segments that were used again.", log.segments_reused);
  page.counter("gyre_wal_refused_total", "Records refused because the disk is full.", log.refused);
  page.gauge("gyre_wal_failed", "Whether the log has failed: 1 while nothing can be written.",
             std::uint64_t{log.failed ? 1u : 0u});
}

void render_checkpoints(Page& page, const CheckpointStats& checkpoints) {
  page.counter("gyre_checkpoints_total", "Checkpoints that became durable.", checkpoints.written);
  page.counter("gyre_checkpoint_failures_total", "Checkpoints that could not be written.",
               checkpoints.failed);
  page.gauge("gyre_checkpoint_timestamp_seconds", "The newest durable checkpoint: seconds since the epoch.",
             microseconds(checkpoints.last_timestamp));
  page.gauge("gyre_checkpoint_rows", "Rows in the last checkpoint written.", checkpoints.last_rows);
  page.gauge("gyre_checkpoint_bytes", "Bytes of the last checkpoint written.", checkpoints.last_bytes);
  page.gauge("gyre_checkpoint_duration_seconds", "How long the last checkpoint took.",
             microseconds(checkpoints.last_duration_us));
}

void render_recovery(Page& page, const RecoveryFigures& recovery) {
  page.gauge("gyre_recovery_checkpoint_rows", "Rows that recovery read from a checkpoint.",
             recovery.checkpoint_rows);
  page.gauge("gyre_recovery_checkpoint_duration_seconds", "How long reading the checkpoint took.",
             microseconds(recovery.checkpoint_us));
  page.gauge("gyre_recovery_records", "Records of the log that recovery did once more.", recovery.records);
  page.gauge("gyre_recovery_row_changes", "Row changes in these records.", recovery.row_changes);
  page.gauge("gyre_recovery_log_duration_seconds", "How long these records took.",
             microseconds(recovery.log_us));
}

void render_process(Page& page, const ProcessFacts& process) {
  page.family("gyre_build_info", "gauge", "What is running; always 1.");
  page.sample(
      fmt::format("version=\"{}\",backend=\"{}\"", escaped(process.version), escaped(process.backend)),
      std::uint64_t{1});
  if (process.page_ns != nullptr) {
    page.family("gyre_http_page_seconds", "histogram",
                "Time that the oracle core took to write a page of figures.");
    page.histogram("", *process.page_ns);
  }
  if (process.resident_bytes != 0)
    page.gauge("process_resident_memory_bytes", "Resident memory size in bytes.", process.resident_bytes);
  if (process.start_time_seconds != 0) {
    page.family("process_start_time_seconds", "gauge",
                "Start of the process since the Unix epoch in seconds.");
    page.sample("", process.start_time_seconds);
  }
}

// Seconds since the epoch at which the machine booted; 0 where /proc does not tell.
double boot_time_seconds() {
  std::ifstream stat("/proc/stat");
  for (std::string word; stat >> word;) {
    double value = 0;
    if (word == "btime" && stat >> value) return value;
  }
  return 0;
}

}  // namespace

ProcessFacts read_process_facts() {
  ProcessFacts facts;
  std::uint64_t total_pages = 0, resident_pages = 0;
  if (std::ifstream("/proc/self/statm") >> total_pages >> resident_pages)
    facts.resident_bytes = resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::ifstream stat("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), std::istreambuf_iterator<char>());
  // The second field, the program's name in parentheses, may hold blanks; what follows it is numbers.
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return facts;
  constexpr int kStartTimeField = 22, kFirstAfterName = 3;
  std::size_t at = name_end + 2;
  for (int field = kFirstAfterName; field < kStartTimeField && at != 0; ++field) at = text.find(' ', at) + 1;
  unsigned long long ticks = 0;
  const double boot = boot_time_seconds();
  if (at != 0 && boot != 0 && std::sscanf(text.c_str() + at, "%llu", &ticks) == 1)
    facts.start_time_seconds =
        boot + static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return facts;
}

std::string render_metrics(std::span<const MetricsSnapshot> cores, const ProcessFacts& process) {
  Page page;
  const CoreMetrics sum = merged(cores);
  render_statements(page, sum);
  render_connections(page, sum);
  render_locks(page, sum);
  render_transactions(page, sum);
  render_plan_cache(page, sum);
  render_reactor(page, cores);
  if (process.log != nullptr) render_log(page, *process.log);
  if (process.checkpoints != nullptr) render_checkpoints(page, *process.checkpoints);
  if (process.recovery != nullptr) render_recovery(page, *process.recovery);
  render_process(page, process);
  return page.take();
}

}  // namespace gyre::adapter
