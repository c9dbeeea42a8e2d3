// One cursor reads a body from left to right and remembers the first thing that was wrong; a decoder is then
// the list of its fields joined by &&. Words are put together only once something failed.
#include "pgwire/frontend_messages.h"

#include <cstring>
#include <string>
#include <utility>

#include "pgwire/utf8.h"

namespace gyre::pgwire {

namespace {

ProtocolError violation(std::string message) {
  ProtocolError error;
  error.message = std::move(message);
  return error;
}

class BodyReader {
 public:
  explicit BodyReader(std::string_view body) : rest_(body) {}

  bool byte(char& out) {
    if (rest_.empty()) return fail("no data left in message");
    out = rest_[0];
    rest_.remove_prefix(1);
    return true;
  }
  bool u16(std::uint16_t& out) {
    if (rest_.size() < 2) return fail("insufficient data left in message");
    out = detail::load_u16(rest_.data());
    rest_.remove_prefix(2);
    return true;
  }
  bool u32(std::uint32_t& out) {
    if (rest_.size() < 4) return fail("insufficient data left in message");
    out = detail::load_u32(rest_.data());
    rest_.remove_prefix(4);
    return true;
  }
  bool i32(std::int32_t& out) {
    std::uint32_t word = 0;
    if (!u32(word)) return false;
    out = static_cast<std::int32_t>(word);
    return true;
  }
  bool bytes(std::size_t count, std::string_view& out) {
    if (rest_.size() < count) return fail("insufficient data left in message");
    out = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return true;
  }
  bool sized_bytes(std::int32_t length, std::string_view& out) {
    if (length < 0) return fail("insufficient data left in message");
    return bytes(static_cast<std::size_t>(length), out);
  }
  // Up to a zero byte, which is taken too.
  bool string(std::string_view& out) {
    if (!rest_.empty() && rest_[0] == '\0') {  // unnamed statements and portals
      out = rest_.substr(0, 0);
      rest_.remove_prefix(1);
      return true;
    }
    const void* end = rest_.empty() ? nullptr : std::memchr(rest_.data(), 0, rest_.size());
    if (end == nullptr) return fail("invalid string in message");
    out = rest_.substr(0, static_cast<std::size_t>(static_cast<const char*>(end) - rest_.data()));
    rest_.remove_prefix(out.size() + 1);
    return valid_text(out);
  }
  bool valid_text(std::string_view text) {
    const std::size_t offset = find_invalid_utf8(text);
    if (offset == kUtf8Valid) [[likely]]
      return true;
    bad_text_ = text;
    bad_offset_ = offset;
    return fail("");
  }
  bool format_list(FormatList& out) {
    std::uint16_t count = 0;
    std::string_view codes;
    if (!u16(count) || !bytes(std::size_t{count} * 2, codes)) return false;
    out = FormatList(codes.data(), count);
    for (std::size_t i = 0; i < count; ++i)
      if (!known_format(detail::load_u16(codes.data() + 2 * i))) return false;
    return true;
  }
  bool known_format(std::uint16_t code) {
    if (code <= 1) [[likely]]
      return true;
    unknown_format_ = code;
    return fail("");
  }
  // `count` values, of which those in text format must be valid text.
  bool value_list(std::uint16_t count, FormatList formats, ParameterValues& out) {
    const char* first = rest_.data();
    for (std::size_t i = 0; i < count; ++i) {
      std::int32_t length = 0;
      std::string_view value;
      if (!i32(length)) return false;
      if (length == -1) continue;
      if (!sized_bytes(length, value)) return false;
      if (formats.of(i) == Format::text && !valid_text(value)) return false;
    }
    out = ParameterValues(first, count);
    return true;
  }
  std::string_view rest() const { return rest_; }
  bool at_end() { return rest_.empty() || fail("invalid message format"); }

  // What went wrong; call only after one of the above said false.
  Unexpected<ProtocolError> failure() const {
    if (bad_text_.data() != nullptr) return {invalid_utf8_error(bad_text_, bad_offset_)};
    if (unknown_format_ != 0) {
      ProtocolError error =
          violation("unsupported format code: " + std::to_string(static_cast<std::int16_t>(unknown_format_)));
      error.code = sql_state::kInvalidParameterValue;
      return {std::move(error)};
    }
    return {violation(problem_)};
  }

 private:
  bool fail(const char* problem) {
    problem_ = problem;
    return false;
  }

  std::string_view rest_;
  const char* problem_ = "";
  std::string_view bad_text_;  // not null: the problem is its byte at bad_offset_
  std::size_t bad_offset_ = 0;
  std::uint16_t unknown_format_ = 0;  // not 0: the problem is this code
};

std::string count_mismatch(const char* message, const char* formats, std::size_t format_count,
                           const char* values, std::size_t value_count) {
  return std::string(message) + ' ' + std::to_string(format_count) + ' ' + formats + " but " +
         std::to_string(value_count) + ' ' + values;
}

bool too_many_or_few(FormatList formats, std::uint16_t values) {
  return formats.size() > 1 && formats.size() != values;
}

// Describe and Close: what kind of thing, and its name.
template <class Message>
Decoded<Message> decode_target(std::string_view body, const char* message_name) {
  BodyReader reader(body);
  char kind = 0;
  Message message;
  if (!reader.byte(kind) || !reader.string(message.name) || !reader.at_end()) return reader.failure();
  if (kind != 'S' && kind != 'P')
    return Unexpected{violation("invalid " + std::string(message_name) + " message subtype " +
                                std::to_string(static_cast<unsigned char>(kind)))};
  message.kind = static_cast<TargetKind>(kind);
  return message;
}

template <class Message>
Decoded<Message> decode_empty(std::string_view body) {
  BodyReader reader(body);
  if (!reader.at_end()) return reader.failure();
  return Message{};
}

}  // namespace

// Valid text has no zero byte, so one look at the text and one at the last byte say that all is well; only
// what is not well is read again, to tell why.
Decoded<Query> decode_query(std::string_view body) {
  if (!body.empty() && body.back() == '\0') [[likely]] {
    const std::string_view text = body.substr(0, body.size() - 1);
    if (is_valid_utf8(text)) [[likely]]
      return Query{text};
  }
  BodyReader reader(body);
  Query message;
  if (!reader.string(message.text) || !reader.at_end()) return reader.failure();
  return message;
}

Decoded<Parse> decode_parse(std::string_view body) {
  BodyReader reader(body);
  Parse message;
  std::uint16_t count = 0;
  std::string_view oids;
  if (!reader.string(message.statement_name) || !reader.string(message.text) || !reader.u16(count) ||
      !reader.bytes(std::size_t{count} * 4, oids) || !reader.at_end())
    return reader.failure();
  message.parameter_types = OidList(oids.data(), count);
  return message;
}

Decoded<Bind> decode_bind(std::string_view body) {
  BodyReader reader(body);
  Bind message;
  std::uint16_t count = 0;
  if (!reader.string(message.portal_name) || !reader.string(message.statement_name) ||
      !reader.format_list(message.parameter_formats) || !reader.u16(count))
    return reader.failure();
  if (too_many_or_few(message.parameter_formats, count))
    return Unexpected{violation(count_mismatch("bind message has", "parameter formats",
                                               message.parameter_formats.size(), "parameters", count))};
  if (!reader.value_list(count, message.parameter_formats, message.values) ||
      !reader.format_list(message.result_formats) || !reader.at_end())
    return reader.failure();
  return message;
}

Decoded<Describe> decode_describe(std::string_view body) {
  return decode_target<Describe>(body, "DESCRIBE");
}

Decoded<Close> decode_close(std::string_view body) {
  return decode_target<Close>(body, "CLOSE");
}

Decoded<Execute> decode_execute(std::string_view body) {
  BodyReader reader(body);
  Execute message;
  if (!reader.string(message.portal_name) || !reader.i32(message.row_limit) || !reader.at_end())
    return reader.failure();
  return message;
}

Decoded<Flush> decode_flush(std::string_view body) {
  return decode_empty<Flush>(body);
}

Decoded<Sync> decode_sync(std::string_view body) {
  return decode_empty<Sync>(body);
}

// A body is forgiven here, as PostgreSQL does: there is nobody left to tell.
Decoded<Terminate> decode_terminate(std::string_view) {
  return Terminate{};
}

Decoded<FunctionCall> decode_function_call(std::string_view body) {
  BodyReader reader(body);
  FunctionCall message;
  std::uint16_t count = 0;
  std::uint16_t result_format = 0;
  if (!reader.u32(message.function_oid) || !reader.format_list(message.argument_formats) ||
      !reader.u16(count))
    return reader.failure();
  if (too_many_or_few(message.argument_formats, count))
    return Unexpected{violation(count_mismatch("function call message contains", "argument formats",
                                               message.argument_formats.size(), "arguments", count))};
  if (!reader.value_list(count, message.argument_formats, message.arguments) || !reader.u16(result_format) ||
      !reader.known_format(result_format) || !reader.at_end())
    return reader.failure();
  message.result_format = static_cast<Format>(result_format);
  return message;
}

// Not checked as text: lines may be cut anywhere, even within a character.
Decoded<CopyData> decode_copy_data(std::string_view body) {
  return CopyData{body};
}

Decoded<CopyDone> decode_copy_done(std::string_view) {
  return CopyDone{};
}

Decoded<CopyFail> decode_copy_fail(std::string_view body) {
  BodyReader reader(body);
  CopyFail message;
  if (!reader.string(message.reason) || !reader.at_end()) return reader.failure();
  return message;
}

Decoded<Password> decode_password(std::string_view body) {
  const std::size_t end = body.find('\0');
  if (end == std::string_view::npos || end + 1 != body.size())
    return Unexpected{violation("invalid password packet size")};
  if (end == 0) {
    ProtocolError error = violation("empty password returned by client");
    error.code = sql_state::kInvalidPassword;
    return Unexpected{std::move(error)};
  }
  return Password{body.substr(0, end)};
}

Decoded<SaslInitialResponse> decode_sasl_initial_response(std::string_view body) {
  BodyReader reader(body);
  SaslInitialResponse message;
  std::int32_t length = 0;
  if (!reader.string(message.mechanism) || !reader.i32(length)) return reader.failure();
  if (length != -1) {
    message.has_data = true;
    if (!reader.sized_bytes(length, message.data)) return reader.failure();
  }
  if (!reader.at_end()) return reader.failure();
  return message;
}

Decoded<SaslResponse> decode_sasl_response(std::string_view body) {
  return SaslResponse{body};
}

ProtocolError bind_parameter_count_error(std::size_t supplied, std::string_view statement_name,
                                         std::size_t required) {
  return violation("bind message supplies " + std::to_string(supplied) +
                   " parameters, but prepared statement \"" + std::string(statement_name) + "\" requires " +
                   std::to_string(required));
}

ProtocolError bind_result_format_count_error(std::size_t formats, std::size_t columns) {
  return violation("bind message has " + std::to_string(formats) + " result formats but query has " +
                   std::to_string(columns) + " columns");
}

}  // namespace gyre::pgwire
