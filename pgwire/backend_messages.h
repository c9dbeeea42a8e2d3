// What the server says, appended to a connection's out buffer. (PostgreSQL manual, "Message Formats".)
//
//     message = type:byte length:ub32 body
//
// The length is patched in when the message ends, so encoders write straight into the buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "pgwire/diagnostic.h"
#include "pgwire/frontend_messages.h"
#include "reactor/base/out_buffer.h"

namespace gyre::pgwire {

enum class TransactionStatus : char { idle = 'I', in_transaction = 'T', failed = 'E' };

// One column of a RowDescription.
struct Field {
  std::string_view name;
  std::uint32_t table_oid = 0;  // 0: not a plain column of a table
  std::int16_t attnum = 0;      // 0 likewise
  std::uint32_t type_oid = 0;
  std::int16_t type_size = -1;  // -1: varying
  std::int32_t typmod = -1;     // -1: none
  Format format = Format::text;
};

// ---- any message ----

// Returns where the message starts; hand it to end_message().
inline std::size_t begin_message(OutBuffer& out, char type) {
  const std::size_t start = out.size();
  char* at = out.reserve(5);
  at[0] = type;
  out.commit(5);
  return start;
}
inline void end_message(OutBuffer& out, std::size_t start) {
  out.patch_u32(start + 1, static_cast<std::uint32_t>(out.size() - start - 1));
}

// ---- rows: the hot path ----

// A DataRow of `columns` values, each of which is added by append_null(), append_value() or
// begin_value()/end_value().
inline std::size_t begin_data_row(OutBuffer& out, std::uint16_t columns) {
  const std::size_t start = out.size();
  char* at = out.reserve(7);
  at[0] = 'D';
  const std::uint16_t count = __builtin_bswap16(columns);
  std::memcpy(at + 5, &count, sizeof count);
  out.commit(7);
  return start;
}
inline void end_data_row(OutBuffer& out, std::size_t start) {
  end_message(out, start);
}

inline void append_null(OutBuffer& out) {
  out.append_u32(0xffffffffu);
}
inline void append_value(OutBuffer& out, std::string_view bytes) {
  char* at = out.reserve(4 + bytes.size());
  const std::uint32_t length = __builtin_bswap32(static_cast<std::uint32_t>(bytes.size()));
  std::memcpy(at, &length, sizeof length);
  if (!bytes.empty()) std::memcpy(at + 4, bytes.data(), bytes.size());
  out.commit(4 + bytes.size());
}
// For an encoder that appends its bytes itself.
inline std::size_t begin_value(OutBuffer& out) {
  const std::size_t start = out.size();
  out.reserve(4);
  out.commit(4);
  return start;
}
inline void end_value(OutBuffer& out, std::size_t start) {
  out.patch_u32(start, static_cast<std::uint32_t>(out.size() - start - 4));
}

inline void ready_for_query(OutBuffer& out, TransactionStatus status) {
  static constexpr char kBytes[] = {'Z', 0, 0, 0, 5};
  char* const at = out.reserve(sizeof kBytes + 1);
  std::memcpy(at, kBytes, sizeof kBytes);
  at[sizeof kBytes] = static_cast<char>(status);
  out.commit(sizeof kBytes + 1);
}

void command_complete(OutBuffer& out, std::string_view tag);
void command_complete_select(OutBuffer& out, std::uint64_t rows);  // "SELECT n"
void command_complete_count(OutBuffer& out, std::string_view verb,
                            std::uint64_t rows);  // "<verb> n"; verb "INSERT 0"

void row_description(OutBuffer& out, std::span<const Field> fields);
void parameter_description(OutBuffer& out, std::span<const std::uint32_t> type_oids);

// ---- answers without content ----

void empty_query_response(OutBuffer& out);
void parse_complete(OutBuffer& out);
void bind_complete(OutBuffer& out);
void close_complete(OutBuffer& out);
void no_data(OutBuffer& out);
void portal_suspended(OutBuffer& out);

// ---- start of a session ----

void authentication_ok(OutBuffer& out);
void authentication_cleartext_password(OutBuffer& out);
void authentication_sasl(OutBuffer& out, std::span<const std::string_view> mechanisms);
void authentication_sasl_continue(OutBuffer& out, std::string_view data);
void authentication_sasl_final(OutBuffer& out, std::string_view data);
void parameter_status(OutBuffer& out, std::string_view name, std::string_view value);
void backend_key_data(OutBuffer& out, std::uint32_t process_id, std::uint32_t secret_key);
// `version` is the newest protocol version we speak (kProtocol30), as PostgreSQL sends it: major << 16 |
// minor.
void negotiate_protocol_version(OutBuffer& out, std::uint32_t version,
                                std::span<const std::string> unsupported);

// ---- errors, notices, notifications ----

void error_response(OutBuffer& out, const Diagnostic& diagnostic);
void notice_response(OutBuffer& out, const Diagnostic& diagnostic);
void notification_response(OutBuffer& out, std::uint32_t process_id, std::string_view channel,
                           std::string_view payload);

// ---- copy ----

// `column_formats` has one entry per column; `overall` is binary only for COPY BINARY.
void copy_in_response(OutBuffer& out, Format overall, std::span<const Format> column_formats);
void copy_out_response(OutBuffer& out, Format overall, std::span<const Format> column_formats);
void copy_both_response(OutBuffer& out, Format overall, std::span<const Format> column_formats);
void copy_data(OutBuffer& out, std::string_view bytes);
void copy_done(OutBuffer& out);

// ---- function call ----

void function_call_response(OutBuffer& out, std::string_view value);
void function_call_response_null(OutBuffer& out);

}  // namespace gyre::pgwire
