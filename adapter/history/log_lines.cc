#include "adapter/history/log_lines.h"

#include <fmt/format.h>
#include <unistd.h>

#include <ctime>

#include "reactor/base/json_writer.h"
#include "storage/types/calendar.h"

namespace gyre::adapter {

namespace {

// "2026-01-01 00:00:00.000 UTC"
std::string time_text(std::int64_t at_us, bool with_milliseconds) {
  const std::int64_t unix_us = at_us + storage::kEpochUnixUs;
  const std::time_t seconds = unix_us / 1'000'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::string text = fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                                 parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  if (with_milliseconds) text += fmt::format(".{:03}", unix_us / 1000 % 1000);
  return text + " UTC";
}

std::string session_id(const LogEvent& event) {
  return fmt::format("{:x}.{:x}", (event.session_start_us + storage::kEpochUnixUs) / 1'000'000, event.pid);
}

// What one escape of log_line_prefix stands for.
std::string escape(char letter, const LogEvent& event) {
  const auto or_unknown = [](std::string_view name) {
    return std::string(name.empty() ? std::string_view("[unknown]") : name);
  };
  switch (letter) {
    case 'a':
      return or_unknown(event.application);
    case 'u':
      return or_unknown(event.user);
    case 'd':
      return or_unknown(event.database);
    case 'r':
      return event.port < 0 ? std::string(event.host) : fmt::format("{}({})", event.host, event.port);
    case 'h':
      return std::string(event.host);
    case 'b':
      return "client backend";
    case 'p':
      return std::to_string(event.pid);
    case 't':
      return time_text(event.at_us, false);
    case 'm':
      return time_text(event.at_us, true);
    case 'n': {
      const std::int64_t unix_us = event.at_us + storage::kEpochUnixUs;
      return fmt::format("{}.{:03}", unix_us / 1'000'000, unix_us / 1000 % 1000);
    }
    case 'i':
      return std::string(event.tag);
    case 'e':
      return event.state_code.empty() ? "00000" : std::string(event.state_code);
    case 'c':
      return session_id(event);
    case 'l':
      return std::to_string(event.line);
    case 's':
      return time_text(event.session_start_us, false);
    case 'x':
      return "0";
    case 'Q':
      return std::to_string(static_cast<std::int64_t>(event.query_id));
    case '%':
      return "%";
    default:
      return {};  // %q, and %P and %v, which say nothing of these sessions
  }
}

// An escape may have a width: "%-10u" fills up behind, "%10u" before.
std::string prefix_text(std::string_view prefix, const LogEvent& event) {
  std::string out;
  for (std::size_t at = 0; at < prefix.size(); ++at) {
    if (prefix[at] != '%') {
      out += prefix[at];
      continue;
    }
    const bool fill_behind = at + 1 < prefix.size() && prefix[at + 1] == '-';
    if (fill_behind) ++at;
    std::size_t width = 0;
    while (at + 1 < prefix.size() && prefix[at + 1] >= '0' && prefix[at + 1] <= '9' && width < 1000)
      width = width * 10 + static_cast<std::size_t>(prefix[++at] - '0');
    if (++at >= prefix.size()) break;
    const std::string text = escape(prefix[at], event);
    const std::string fill(text.size() < width ? width - text.size() : 0, ' ');
    out += fill_behind ? text + fill : fill + text;
  }
  return out;
}

void append_line(std::string_view prefix, std::string_view label, std::string_view text, std::string& out) {
  if (text.empty()) return;
  out.append(prefix).append(label).append(":  ");
  for (const char c : text) {
    out += c;
    if (c == '\n') out += '\t';
  }
  out += '\n';
}

}  // namespace

void append_log_lines(const LogEvent& event, std::string_view prefix, std::string& out) {
  const std::string begin = prefix_text(prefix, event);
  append_line(begin, event.severity, event.message.empty() ? std::string_view(" ") : event.message, out);
  append_line(begin, "DETAIL", event.detail, out);
  append_line(begin, "HINT", event.hint, out);
  append_line(begin, "STATEMENT", event.statement, out);
}

void append_log_json(const LogEvent& event, std::string& out) {
  JsonWriter json;
  const auto text = [&json](std::string_view name, std::string_view value) {
    if (!value.empty()) json.field(name, value);
  };
  json.open('{');
  text("timestamp", time_text(event.at_us, true));
  text("user", event.user);
  text("dbname", event.database);
  json.field("pid", event.pid);
  text("remote_host", event.host);
  if (event.port >= 0) json.field("remote_port", event.port);
  text("session_id", session_id(event));
  json.field("line_num", event.line);
  text("ps", event.tag);
  text("session_start", time_text(event.session_start_us, false));
  text("error_severity", event.severity);
  text("state_code", event.state_code);
  text("message", event.message);
  text("detail", event.detail);
  text("hint", event.hint);
  text("statement", event.statement);
  text("application_name", event.application);
  text("backend_type", "client backend");
  json.field("query_id", static_cast<std::int64_t>(event.query_id));
  json.close('}');
  out.append(json.take()).append(1, '\n');
}

}  // namespace gyre::adapter
