// Exposition format 0.0.4, as metrics_page.cc has it. Histograms are in steps of powers of two from a quarter
// of a microsecond to 8 s: Materialize's begin with 8 us, too coarse for an oracle next door.
#include "adapter/http/oracle_metrics.h"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

namespace gyre::adapter {

namespace {

using oracle::Verb;
using Operation = oracle::RemoteOracleStats::Operation;

constexpr std::uint64_t kFirstStep = 256, kLastStep = std::uint64_t{1} << 33;  // nanoseconds

double seconds(std::uint64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / 1e9;
}

class Text {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    fmt::format_to(out(), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  template <class Number>
  void sample(std::string_view labels, Number value) {
    fmt::format_to(out(), "{}{} {}\n", name_, braces(labels), value);
  }
  void histogram(std::string_view labels, const Histogram& values) {
    const std::string_view comma = labels.empty() ? "" : ",";
    for (std::uint64_t ns = kFirstStep; ns <= kLastStep; ns *= 2)
      // (A power of two begins a bucket of Histogram, so the one before ends just below it.)
      fmt::format_to(out(), "{}_bucket{{{}{}le=\"{}\"}} {}\n", name_, labels, comma, seconds(ns),
                     values.count_at_most(ns - 1));
    fmt::format_to(out(), "{}_bucket{{{}{}le=\"+Inf\"}} {}\n", name_, labels, comma, values.count());
    fmt::format_to(out(), "{}_sum{} {}\n", name_, braces(labels), seconds(values.sum()));
    fmt::format_to(out(), "{}_count{} {}\n", name_, braces(labels), values.count());
  }
  template <class Number>
  void single(std::string_view name, std::string_view type, std::string_view help, Number value) {
    family(name, type, help);
    sample("", value);
  }
  template <class Value>
  void by_operation(std::string_view name, std::string_view help, const oracle::RemoteOracleStats& calls,
                    Value value) {
    family(name, "untyped", help);
    for (std::size_t verb = 0; verb < oracle::kVerbs; ++verb)
      sample(fmt::format("op=\"{}\"", oracle::verb_name(static_cast<Verb>(verb))),
             value(calls.operations[verb]));
  }
  std::string take() { return std::move(text_); }

 private:
  std::back_insert_iterator<std::string> out() { return std::back_inserter(text_); }
  static std::string braces(std::string_view labels) {
    return labels.empty() ? std::string() : fmt::format("{{{}}}", labels);
  }
  std::string text_;
  std::string_view name_;
};

void render_remote(Text& text, const oracle::RemoteOracleStats& calls) {
  text.family("mz_ts_oracle_postgres_read_ts_phase_seconds", "histogram",
              "Phases of reads from the backing server.");
  text.histogram("phase=\"get_connection\"", calls.get_connection_ns);
  text.histogram("phase=\"query_one\"", calls.query_one_ns);
  text.by_operation("mz_ts_oracle_retry_started_count", "Calls that had to be tried again.", calls,
                    [](const Operation& one) { return one.retried; });
  text.by_operation("mz_ts_oracle_retry_finished_count", "Calls that were tried again and have ended.", calls,
                    [](const Operation& one) { return one.retried_ended; });
  text.by_operation("mz_ts_oracle_retry_retries_count", "Attempts beyond the first.", calls,
                    [](const Operation& one) { return one.retries; });
  text.by_operation("mz_ts_oracle_retry_sleep_seconds", "Pauses before further attempts.", calls,
                    [](const Operation& one) { return seconds(one.retry_sleep_ns); });
  text.single("mz_ts_oracle_postgres_connpool_size", "gauge", "Connections to the backing server.",
              calls.size);
  text.single("mz_ts_oracle_postgres_connpool_available", "gauge", "Of these, idle ones.", calls.available);
  text.single("mz_ts_oracle_postgres_connpool_acquires", "untyped", "Times a connection was taken.",
              calls.acquires);
  text.single("mz_ts_oracle_postgres_connpool_acquire_seconds", "untyped", "Waits for a connection.",
              seconds(calls.acquire_ns));
  text.single("mz_ts_oracle_postgres_connpool_connections_created", "untyped", "Connections made.",
              calls.connections_created);
  text.single("mz_ts_oracle_postgres_connpool_connection_errors", "untyped",
              "Connections that failed or could not be made.", calls.connection_errors);
}

}  // namespace

std::string render_oracle_metrics(const OracleFigures& figures) {
  Text text;
  const oracle::RemoteOracleStats& calls = figures.calls;
  text.by_operation("mz_ts_oracle_started_count", "Calls to the oracle that were begun.", calls,
                    [](const Operation& one) { return one.started; });
  text.by_operation("mz_ts_oracle_succeeded_count", "Calls to the oracle that were answered.", calls,
                    [](const Operation& one) { return one.succeeded; });
  text.by_operation("mz_ts_oracle_failed_count", "Calls to the oracle that failed.", calls,
                    [](const Operation& one) { return one.failed; });
  text.by_operation("mz_ts_oracle_seconds", "Time that calls to the oracle took.", calls,
                    [](const Operation& one) { return seconds(one.ns); });
  text.family("mz_ts_oracle_batched_op_count", "untyped",
              "Statements whose timestamp came from a batched call.");
  text.sample("op=\"read_ts\"", figures.client.batched_ops);
  text.family("mz_ts_oracle_batches_count", "untyped", "Batched calls.");
  text.sample("op=\"read_ts\"", figures.client.batches);
  text.family("mz_ts_oracle_batch_wait_seconds", "histogram", "Statements' waits for their timestamp.");
  text.histogram("op=\"read_ts\"", figures.wait_ns);
  text.family("mz_ts_oracle_batch_inner_read_seconds", "histogram", "Batched calls, asked to answered.");
  text.histogram("op=\"read_ts\"", figures.client.inner_read_ns);
  using State = oracle::OracleHealth::State;
  text.single("gyre_ts_oracle_well", "gauge", "Whether the oracle answers: 0 while calls wait or fail.",
              figures.health == State::well ? 1 : 0);
  text.single("gyre_ts_oracle_fenced", "gauge", "Whether another server has taken the timeline over.",
              figures.health == State::fenced ? 1 : 0);
  if (figures.remote) render_remote(text, calls);
  return text.take();
}

}  // namespace gyre::adapter
