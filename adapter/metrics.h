// What a core counts about its statements and connections: plain integers that this core alone writes. A
// scrape asks each core for a copy and merges the copies, so counting costs neither an atomic nor a shared
// line.
#pragma once

#include <array>
#include <cstdint>

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
enum class PeekKind : std::uint8_t {
  cached,
  planned,
  count_
};  // try_frontend_peek_cached, try_frontend_peek
enum class EntranceKind : std::uint8_t { external, internal, count_ };
// Why a client was not let in.
enum class Refusal : std::uint8_t {
  rule,                 // no access rule, or one that rejects
  password,             // wrong, or the role has none
  certificate,
  role,                 // does not exist, may not log in, not on this port
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

struct CoreMetrics {
  // External and internal sessions' statements, by kind.
  std::array<std::array<std::uint64_t, static_cast<std::size_t>(StatementKind::count_)>,
             static_cast<std::size_t>(EntranceKind::count_)>
      queries{};
  std::array<Histogram, static_cast<std::size_t>(PeekKind::count_)>
      peek_ns;             // whole statement, message to answer bytes
  Histogram read_ts_ns;    // choosing the read timestamp; sampled: one peek in 64
  Histogram first_row_ns;  // statement received to first row encoded
  Histogram append_ns;     // a commit that wrote tables, order to answer; the oracle core's
  std::uint64_t connections_ok[static_cast<std::size_t>(EntranceKind::count_)] = {};
  std::uint64_t connections_failed[static_cast<std::size_t>(EntranceKind::count_)] = {};
  std::uint64_t connections_open = 0;  // a gauge
  std::array<std::uint64_t, static_cast<std::size_t>(Refusal::count_)> refusals{};
  std::uint64_t tls_handshakes = 0, tls_failures = 0;
  std::uint64_t memory_refusals = 0;   // statements refused because the server's memory was used up
  std::uint64_t results_too_large = 0;
  std::uint64_t cancels_dropped = 0;  // cancel requests above their rate
  std::uint64_t errors = 0;            // ErrorResponses sent
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
};

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

}  // namespace gyre::adapter
