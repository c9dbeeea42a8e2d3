// What the relations about past statements show (mz_recent_activity_log and its kin, pg_stat_statements), as
// all cores have answered just before the statement that asks. Texts lie in what the asker holds.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace gyre::storage {

using UuidBytes = std::array<char, 16>;

// One execution. Times are microseconds since 2000-01-01 UTC.
struct StatementExecution {
  // As they are; kept byte by byte (adapter/history/execution_record.cc).
  struct Figures {
    UuidBytes id, prepared_id, session_id;
    double sample_rate = 1;
    std::int64_t connected_us = 0, prepared_us = 0, began_us = 0;
    // Nanoseconds after began_us; -1: it did not come so far.
    std::int64_t ready_ns = -1;      // its plan was there
    std::int64_t snapshot_ns = -1;   // what it reads was chosen
    std::int64_t first_row_ns = -1;  // its first row was made
    std::int64_t finished_ns = 0;
    std::int64_t rows = -1, result_bytes = -1;  // -1: it returns none
    std::uint64_t timestamp = 0;                // of what it read; 0: nothing here
    std::uint64_t transaction = 0;              // within its session
    std::uint64_t throttled = 0;  // executions that were dropped since the last one that was kept
    std::uint32_t role = 0;       // who logged in, by oid
  } figures;
  std::string_view sql, prepared_name, type, status, strategy, error;
  std::string_view parameters;  // a text array; empty: none
  std::string_view user, database, application, first_application, search_path, isolation;
  bool visible = false;  // to whoever asks
};

// All executions of statements that are alike but for their constants. Times in milliseconds.
struct StatementStatistic {
  std::uint32_t role = 0;
  std::uint64_t query_id = 0;
  std::string text;  // with $1 … for constants
  std::uint64_t calls = 0, rows = 0;
  double total_ms = 0, least_ms = 0, most_ms = 0, mean_ms = 0;
  double squares = 0;  // sum of (time - mean)²
  bool visible = false;
};

}  // namespace gyre::storage
