#include "pgwire/backend_messages.h"

#include <charconv>
#include <string>

namespace gyre::pgwire {

namespace {

// A zero byte would end the string early on the other side and make nonsense of the rest: it ends here.
void append_string(OutBuffer& out, std::string_view text) {
  out.append(text.substr(0, text.find('\0')));
  out.append_byte('\0');
}

void empty_message(OutBuffer& out, char type) {
  const char bytes[5] = {type, 0, 0, 0, 4};
  out.append(bytes, sizeof bytes);
}

void append_field(OutBuffer& out, char code, std::string_view text) {
  if (text.empty()) return;
  out.append_byte(code);
  append_string(out, text);
}

void append_number_field(OutBuffer& out, char code, std::uint32_t number) {
  if (number != 0) append_field(out, code, std::to_string(number));
}

// The order of the fields is PostgreSQL's.
void diagnostic_message(OutBuffer& out, char type, const Diagnostic& diagnostic) {
  const std::size_t start = begin_message(out, type);
  append_field(out, 'S', severity_text(diagnostic.severity));
  append_field(out, 'V', severity_text(diagnostic.severity));
  append_field(out, 'C', diagnostic.code.text());
  out.append_byte('M');  // always there, even when empty
  append_string(out, diagnostic.message);
  append_field(out, 'D', diagnostic.detail);
  append_field(out, 'H', diagnostic.hint);
  append_number_field(out, 'P', diagnostic.position);
  append_number_field(out, 'p', diagnostic.internal_position);
  append_field(out, 'q', diagnostic.internal_query);
  append_field(out, 'W', diagnostic.where);
  append_field(out, 's', diagnostic.schema_name);
  append_field(out, 't', diagnostic.table_name);
  append_field(out, 'c', diagnostic.column_name);
  append_field(out, 'd', diagnostic.data_type_name);
  append_field(out, 'n', diagnostic.constraint_name);
  append_field(out, 'F', diagnostic.file);
  append_number_field(out, 'L', diagnostic.line);
  append_field(out, 'R', diagnostic.routine);
  out.append_byte('\0');
  end_message(out, start);
}

void authentication(OutBuffer& out, std::uint32_t code, std::string_view data) {
  const std::size_t start = begin_message(out, 'R');
  out.append_u32(code);
  out.append(data);
  end_message(out, start);
}

void copy_response(OutBuffer& out, char type, Format overall, std::span<const Format> column_formats) {
  const std::size_t start = begin_message(out, type);
  out.append_byte(static_cast<char>(overall));
  out.append_u16(static_cast<std::uint16_t>(column_formats.size()));
  for (Format format : column_formats) out.append_u16(static_cast<std::uint16_t>(format));
  end_message(out, start);
}

}  // namespace

void command_complete(OutBuffer& out, std::string_view tag) {
  const std::size_t start = begin_message(out, 'C');
  append_string(out, tag);
  end_message(out, start);
}

void command_complete_count(OutBuffer& out, std::string_view verb, std::uint64_t rows) {
  constexpr std::size_t kMostDigits = 20;
  char* const at = out.reserve(5 + verb.size() + 1 + kMostDigits + 1);
  at[0] = 'C';
  char* text = at + 5;
  if (!verb.empty()) std::memcpy(text, verb.data(), verb.size());
  text += verb.size();
  *text++ = ' ';
  text = std::to_chars(text, text + kMostDigits, rows).ptr;
  *text++ = '\0';
  const auto total = static_cast<std::size_t>(text - at);
  const std::uint32_t length = __builtin_bswap32(static_cast<std::uint32_t>(total - 1));
  std::memcpy(at + 1, &length, sizeof length);
  out.commit(total);
}

void command_complete_select(OutBuffer& out, std::uint64_t rows) {
  if (rows > 9) return command_complete_count(out, "SELECT", rows);
  // Most answers have one row or none.
  static constexpr char kMessage[] = {'C', 0, 0, 0, 13, 'S', 'E', 'L', 'E', 'C', 'T', ' ', '0', 0};
  char* const at = out.reserve(sizeof kMessage);
  std::memcpy(at, kMessage, sizeof kMessage);
  at[sizeof kMessage - 2] = static_cast<char>('0' + rows);
  out.commit(sizeof kMessage);
}

void row_description(OutBuffer& out, std::span<const Field> fields) {
  const std::size_t start = begin_message(out, 'T');
  out.append_u16(static_cast<std::uint16_t>(fields.size()));
  for (const Field& field : fields) {
    append_string(out, field.name);
    out.append_u32(field.table_oid);
    out.append_u16(static_cast<std::uint16_t>(field.attnum));
    out.append_u32(field.type_oid);
    out.append_u16(static_cast<std::uint16_t>(field.type_size));
    out.append_u32(static_cast<std::uint32_t>(field.typmod));
    out.append_u16(static_cast<std::uint16_t>(field.format));
  }
  end_message(out, start);
}

void parameter_description(OutBuffer& out, std::span<const std::uint32_t> type_oids) {
  const std::size_t start = begin_message(out, 't');
  out.append_u16(static_cast<std::uint16_t>(type_oids.size()));
  for (std::uint32_t oid : type_oids) out.append_u32(oid);
  end_message(out, start);
}

void empty_query_response(OutBuffer& out) {
  empty_message(out, 'I');
}

void parse_complete(OutBuffer& out) {
  empty_message(out, '1');
}

void bind_complete(OutBuffer& out) {
  empty_message(out, '2');
}

void close_complete(OutBuffer& out) {
  empty_message(out, '3');
}

void no_data(OutBuffer& out) {
  empty_message(out, 'n');
}

void portal_suspended(OutBuffer& out) {
  empty_message(out, 's');
}

void authentication_ok(OutBuffer& out) {
  authentication(out, 0, {});
}

void authentication_cleartext_password(OutBuffer& out) {
  authentication(out, 3, {});
}

void authentication_sasl(OutBuffer& out, std::span<const std::string_view> mechanisms) {
  const std::size_t start = begin_message(out, 'R');
  out.append_u32(10);
  for (std::string_view mechanism : mechanisms) append_string(out, mechanism);
  out.append_byte('\0');
  end_message(out, start);
}

void authentication_sasl_continue(OutBuffer& out, std::string_view data) {
  authentication(out, 11, data);
}

void authentication_sasl_final(OutBuffer& out, std::string_view data) {
  authentication(out, 12, data);
}

void parameter_status(OutBuffer& out, std::string_view name, std::string_view value) {
  const std::size_t start = begin_message(out, 'S');
  append_string(out, name);
  append_string(out, value);
  end_message(out, start);
}

void backend_key_data(OutBuffer& out, std::uint32_t process_id, std::uint32_t secret_key) {
  const std::size_t start = begin_message(out, 'K');
  out.append_u32(process_id);
  out.append_u32(secret_key);
  end_message(out, start);
}

void negotiate_protocol_version(OutBuffer& out, std::uint32_t version,
                                std::span<const std::string> unsupported) {
  const std::size_t start = begin_message(out, 'v');
  out.append_u32(version);
  out.append_u32(static_cast<std::uint32_t>(unsupported.size()));
  for (const std::string& option : unsupported) append_string(out, option);
  end_message(out, start);
}

void error_response(OutBuffer& out, const Diagnostic& diagnostic) {
  diagnostic_message(out, 'E', diagnostic);
}

void notice_response(OutBuffer& out, const Diagnostic& diagnostic) {
  diagnostic_message(out, 'N', diagnostic);
}

void notification_response(OutBuffer& out, std::uint32_t process_id, std::string_view channel,
                           std::string_view payload) {
  const std::size_t start = begin_message(out, 'A');
  out.append_u32(process_id);
  append_string(out, channel);
  append_string(out, payload);
  end_message(out, start);
}

void copy_in_response(OutBuffer& out, Format overall, std::span<const Format> column_formats) {
  copy_response(out, 'G', overall, column_formats);
}

void copy_out_response(OutBuffer& out, Format overall, std::span<const Format> column_formats) {
  copy_response(out, 'H', overall, column_formats);
}

void copy_both_response(OutBuffer& out, Format overall, std::span<const Format> column_formats) {
  copy_response(out, 'W', overall, column_formats);
}

void copy_data(OutBuffer& out, std::string_view bytes) {
  const std::size_t start = begin_message(out, 'd');
  out.append(bytes);
  end_message(out, start);
}

void copy_done(OutBuffer& out) {
  empty_message(out, 'c');
}

void function_call_response(OutBuffer& out, std::string_view value) {
  const std::size_t start = begin_message(out, 'V');
  append_value(out, value);
  end_message(out, start);
}

void function_call_response_null(OutBuffer& out) {
  const std::size_t start = begin_message(out, 'V');
  append_null(out);
  end_message(out, start);
}

}  // namespace gyre::pgwire
