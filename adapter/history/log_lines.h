// Lines of the server's log about sessions' statements: PostgreSQL's forms, so that what reads its logs reads
// these (the manual's chapter "Error Reporting and Logging": log_line_prefix; the fields of jsonlog).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gyre::adapter {

enum class LogFormat : std::uint8_t { stderr_lines, json };

// What is said, and by whom. Times are microseconds since 2000-01-01 UTC.
struct LogEvent {
  std::string_view severity = "LOG";
  std::string_view message;
  std::string_view detail, hint, statement, state_code;  // empty: none
  std::int64_t at_us = 0;
  std::int64_t session_start_us = 0;
  std::string_view user, database, application;
  std::string_view host;  // "[local]" for a unix socket
  int port = -1;
  std::uint32_t pid = 0;
  std::uint64_t line = 0;      // of this session, from 1
  std::uint64_t query_id = 0;  // 0: not known
  std::string_view tag;        // "SELECT"; "idle" between statements
};

// One event as lines, each with its end. Further lines of a text begin with a tab.
void append_log_lines(const LogEvent& event, std::string_view prefix, std::string& out);
// One event as one line of JSON.
void append_log_json(const LogEvent& event, std::string& out);

}  // namespace gyre::adapter
