// What a core counts about its statements and connections: plain integers that this core alone writes. A
// scrape asks each core for a copy and merges the copies, so counting costs neither an atomic nor a shared
// line.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "adapter/coordinator/isolation_level.h"
#include "reactor/base/bit_histogram.h"
#include "reactor/base/histogram.h"

namespace gyre::adapter {

enum class StatementKind : std::uint8_t {
  select,
  insert,
  update,
  delete_,
  definition,
  session,
  transaction,
  other,
  count_
};
// Clients that say who they are by application_name, as far as they are told apart.
enum class Application : std::uint8_t {
  unspecified,
  unrecognized,
  psql,
  pgbench,
  jdbc,
  pgadmin,
  dbeaver,
  grafana,
  dbt,
  count_
};
Application application_of(std::string_view name);
// What the cores do beyond answering reads at once; see kMessageNames in http/metrics_page.cc.
enum class MessageKind : std::uint8_t {
  startup,    // a login, from its first packet to ReadyForQuery
  terminate,  // a session that had logged in ends
  cancel_request,
  execute,         // on the oracle core: a plan that writes
  slow_path_peek,  // ... one that only reads
  transact,        // ... a definition, a role, a privilege, a parameter
  commit,
  rollback,      // also to a savepoint
  other,         // ... what else sessions ask of it
  group_commit,  // ordering and running all calls of a batch
  count_
};
// The messages of a client that are timed, one in kMessagesPerSample.
enum class WireMessage : std::uint8_t { query, parse, bind, describe, execute, sync, close, other, count_ };
// How the first row of an answer came about.
enum class Strategy : std::uint8_t { constant, fast_path, standard, count_ };
enum class EntranceKind : std::uint8_t { external, internal, count_ };
// Why a client was not let in.
enum class Refusal : std::uint8_t {
  rule,      // no access rule, or one that rejects
  password,  // wrong, or the role has none
  certificate,
  role,  // does not exist, may not log in, not on this port
  database,
  connections,          // max_connections
  role_connections,     // the role's CONNECTION LIMIT
  address_connections,  // max_connections_per_address
  timeout,              // authentication_timeout
  displaced,            // made room for newer connections that were not logged in either
  protocol,
  count_
};

// By SQLSTATE.
enum class LimitError : std::uint8_t {
  out_of_memory,       // 53200: of a statement, or in all
  limit_exceeded,      // 54000: a result or value is too large
  too_complex,         // 54001: too deep
  too_many_columns,    // 54011
  too_many_arguments,  // 54023
  count_
};

inline constexpr std::size_t kIsolationLevels =
    static_cast<std::size_t>(IsolationLevel::strict_serializable) + 1;
inline constexpr std::size_t kSources =
    static_cast<std::size_t>(EntranceKind::count_) * static_cast<std::size_t>(Application::count_);
// A prime: clients send their messages in regular sequences.
inline constexpr std::uint32_t kMessagesPerSample = 17;

// One figure for each enumerator.
template <class T, class Key>
struct ByKey {
  std::array<T, static_cast<std::size_t>(Key::count_)> of{};
  T& operator[](Key key) { return of[static_cast<std::size_t>(key)]; }
  const T& operator[](Key key) const { return of[static_cast<std::size_t>(key)]; }
};

struct CoreMetrics {
  // Statements by where their session came from and by kind. A session knows its place in the first
  // dimension, so that a cached read counts with one increment.
  std::array<std::array<std::uint64_t, static_cast<std::size_t>(StatementKind::count_)>, kSources> queries{};
  // What failed and what was ended early: of these, and `unready`, which failed before they were among them.
  std::array<std::uint64_t, kSources> failures{}, cancellations{}, unready{};
  std::array<std::uint64_t, kSources> startups{}, terminations{};
  // Cached reads that were answered at once, message to answer bytes: each has its whole answer made with its
  // first row, so these are its time to the first row as well.
  std::array<Histogram, kIsolationLevels> cached_peek_ns;
  Histogram planned_peek_ns;  // the same of reads that took the general way, and ended within a slice
  Histogram read_ts_ns;       // choosing the read timestamp; sampled: one peek in 64
  // Statement received to first row encoded, of all others.
  std::array<ByKey<Histogram, Strategy>, kIsolationLevels> first_row_ns;
  Histogram last_row_ns;  // first row to last, of reads that took more than one slice
  Histogram parse_ns, plan_ns;
  std::array<std::uint64_t, kIsolationLevels> timestamps{};  // chosen, cached reads apart
  ByKey<Histogram, WireMessage> wire_ns;                     // sampled
  ByKey<Histogram, MessageKind> message_ns;
  BitHistogram batch_calls;  // calls in a batch of the oracle core
  std::uint64_t sessions[static_cast<std::size_t>(EntranceKind::count_)] = {};  // a gauge: logged in
  std::uint64_t copies_out = 0;                                                 // a gauge: COPY TO under way
  Histogram append_ns;  // a commit that wrote tables, order to answer; the oracle core's
  std::uint64_t connections_ok[static_cast<std::size_t>(EntranceKind::count_)] = {};
  std::uint64_t connections_failed[static_cast<std::size_t>(EntranceKind::count_)] = {};
  std::uint64_t connections_open = 0;  // a gauge
  std::array<std::uint64_t, static_cast<std::size_t>(Refusal::count_)> refusals{};
  std::uint64_t tls_handshakes = 0, tls_failures = 0;
  std::uint64_t memory_refusals = 0;  // statements refused because the server's memory was used up
  std::uint64_t results_too_large = 0;
  std::uint64_t cancels_dropped = 0;  // cancel requests above their rate
  std::uint64_t errors = 0;           // ErrorResponses sent
  std::uint64_t rows_sent = 0;
  std::uint64_t coordinator_calls = 0;
  std::uint64_t cancels = 0;
  std::uint64_t lock_waits = 0, deadlocks = 0;      // the oracle core's
  std::uint64_t locks_held = 0, calls_waiting = 0;  // gauges
  // Gauges of what open transactions keep: the shards' …
  std::uint64_t open_transactions = 0, read_set_bytes = 0;
  // … and the oracle core's. Microseconds since 1970; 0: nothing that has been replaced is still read.
  std::uint64_t retained_bytes = 0, branch_bytes = 0, oldest_replaced_us = 0;
  // Errors that say that a limit was reached, see LimitError.
  std::array<std::uint64_t, static_cast<std::size_t>(LimitError::count_)> limit_errors{};
  std::uint64_t handed_over = 0;  // connections given to a less loaded core before their first byte
  std::uint64_t plan_hits = 0, plan_shape_hits = 0, plan_misses = 0, plan_stale = 0, plan_evictions = 0;
  std::uint64_t plan_bytes = 0, plan_entries = 0;
  // Statement logging: executions that were drawn and that were not, bytes of their texts.
  std::uint64_t statements_sampled = 0, statements_unsampled = 0;
  std::uint64_t sampled_text_bytes = 0, all_text_bytes = 0;
};

// A session's place in CoreMetrics::queries.
constexpr std::size_t source_of(EntranceKind entrance, Application application) {
  return static_cast<std::size_t>(entrance) * static_cast<std::size_t>(Application::count_) +
         static_cast<std::size_t>(application);
}

// A cheap clock for measuring spans on one core: the processor's time stamp counter, made nanoseconds by a
// factor measured at start. Not related to any other clock.
class SpanClock {
 public:
  static std::uint64_t ticks() {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    std::uint64_t value;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(value));
    return value;
#endif
  }
  // Measures for some milliseconds; once, at start.
  static SpanClock calibrate();
  std::uint64_t nanoseconds(std::uint64_t from, std::uint64_t to) const {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(to - from) * factor_) >> 32);
  }

 private:
  std::uint64_t factor_ = std::uint64_t{1} << 32;  // nanoseconds per tick, times 2^32
};

// One more in a gauge, as long as its scope lasts.
class Counted {
 public:
  explicit Counted(std::uint64_t& gauge) : gauge_(gauge) { ++gauge_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --gauge_; }

 private:
  std::uint64_t& gauge_;
};

// Records how long its scope takes.
class Measured {
 public:
  Measured(const SpanClock& clock, Histogram& histogram) : clock_(clock), histogram_(histogram) {}
  Measured(const Measured&) = delete;
  Measured& operator=(const Measured&) = delete;
  ~Measured() { histogram_.record(clock_.nanoseconds(start_, SpanClock::ticks())); }

 private:
  const SpanClock& clock_;
  Histogram& histogram_;
  const std::uint64_t start_ = SpanClock::ticks();
};

}  // namespace gyre::adapter
