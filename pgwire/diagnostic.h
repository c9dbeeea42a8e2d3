// What the server tells a client that went wrong, or that is worth a notice: the content of ErrorResponse and
// NoticeResponse before it is turned into bytes.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "pgwire/sql_state.h"

namespace gyre::pgwire {

// `fatal` ends the connection after the message was sent, `panic` the server. The rest up to `log` are
// notices.
enum class Severity : std::uint8_t { error, fatal, panic, warning, notice, debug, info, log };

std::string_view severity_text(Severity severity);  // "ERROR", "FATAL", ...

// Empty strings and zero positions are not sent.
struct Diagnostic {
  Severity severity = Severity::error;
  SqlState code = sql_state::kInternalError;
  std::string message;
  std::string detail;
  std::string hint;
  std::uint32_t position = 0;           // 1-based, in characters (not bytes) of the client's query text
  std::uint32_t internal_position = 0;  // the same within internal_query
  std::string internal_query;
  std::string where;
  std::string schema_name;
  std::string table_name;
  std::string column_name;
  std::string data_type_name;
  std::string constraint_name;
  std::string file;  // source location; left out unless someone sets it
  std::uint32_t line = 0;
  std::string routine;
};

// A message that breaks the protocol, in PostgreSQL's words. `fatal`: the byte stream can no longer be
// trusted.
struct ProtocolError {
  SqlState code = sql_state::kProtocolViolation;
  std::string message;
  std::string detail;
  std::string hint;
  Severity severity = Severity::error;

  Diagnostic diagnostic() const {
    Diagnostic out;
    out.severity = severity;
    out.code = code;
    out.message = message;
    out.detail = detail;
    out.hint = hint;
    return out;
  }
};

}  // namespace gyre::pgwire
