// What a session's settings ask to be remembered, counted or logged of its statements.
#pragma once

#include <cstdint>

namespace gyre::adapter {

struct StatementWatch {
  enum class Log : std::uint8_t { none, definitions, changes, all };

  double sample_rate = 0;         // statement_logging_sample_rate
  std::int64_t log_from_us = -1;  // log_min_duration_statement; -1: none
  Log log = Log::none;            // log_statement
  bool log_errors = false;        // log_min_error_statement
  bool counts = false;            // pg_stat_statements.track
  bool operator==(const StatementWatch&) const = default;

  // Whether it asks for anything that no system parameter holds back.
  bool insists() const { return log_from_us >= 0 || log != Log::none || log_errors || counts; }
  bool asks() const { return insists() || sample_rate > 0; }
};

}  // namespace gyre::adapter
