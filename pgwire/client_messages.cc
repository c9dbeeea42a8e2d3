#include "pgwire/client_messages.h"

#include <cstddef>

#include "pgwire/backend_messages.h"
#include "pgwire/startup.h"

namespace gyre::pgwire::client {

namespace {

void append_string(OutBuffer& out, std::string_view text) {
  out.append(text);
  out.append_byte('\0');
}

void append_formats(OutBuffer& out, std::span<const Format> formats) {
  out.append_u16(static_cast<std::uint16_t>(formats.size()));
  for (Format format : formats) out.append_u16(static_cast<std::uint16_t>(format));
}

// Messages whose body is one string of bytes, as it is.
void raw_message(OutBuffer& out, char type, std::string_view body) {
  const std::size_t start = begin_message(out, type);
  out.append(body);
  end_message(out, start);
}

void string_message(OutBuffer& out, char type, std::string_view text) {
  const std::size_t start = begin_message(out, type);
  append_string(out, text);
  end_message(out, start);
}

void target_message(OutBuffer& out, char type, TargetKind kind, std::string_view name) {
  const std::size_t start = begin_message(out, type);
  out.append_byte(static_cast<char>(kind));
  append_string(out, name);
  end_message(out, start);
}

}  // namespace

void startup(OutBuffer& out, std::span<const StartupParameter> parameters, std::uint32_t version) {
  const std::size_t start = out.size();
  out.append_u32(0);
  out.append_u32(version);
  for (const auto& [name, value] : parameters) {
    append_string(out, name);
    append_string(out, value);
  }
  out.append_byte('\0');
  out.patch_u32(start, static_cast<std::uint32_t>(out.size() - start));
}

void startup(OutBuffer& out, std::string_view user, std::string_view database) {
  const StartupParameter parameters[] = {{"user", user}, {"database", database}};
  startup(out, parameters);
}

void ssl_request(OutBuffer& out) {
  out.append_u32(8);
  out.append_u32(kSslRequestCode);
}

void gss_enc_request(OutBuffer& out) {
  out.append_u32(8);
  out.append_u32(kGssEncRequestCode);
}

void cancel_request(OutBuffer& out, std::uint32_t process_id, std::uint32_t secret_key) {
  out.append_u32(16);
  out.append_u32(kCancelRequestCode);
  out.append_u32(process_id);
  out.append_u32(secret_key);
}

void password(OutBuffer& out, std::string_view password) {
  string_message(out, 'p', password);
}

void sasl_initial_response(OutBuffer& out, std::string_view mechanism, std::string_view data) {
  const std::size_t start = begin_message(out, 'p');
  append_string(out, mechanism);
  append_value(out, data);
  end_message(out, start);
}

void sasl_response(OutBuffer& out, std::string_view data) {
  raw_message(out, 'p', data);
}

void query(OutBuffer& out, std::string_view text) {
  string_message(out, 'Q', text);
}

void parse(OutBuffer& out, std::string_view statement, std::string_view text,
           std::span<const std::uint32_t> parameter_types) {
  const std::size_t start = begin_message(out, 'P');
  append_string(out, statement);
  append_string(out, text);
  out.append_u16(static_cast<std::uint16_t>(parameter_types.size()));
  for (std::uint32_t oid : parameter_types) out.append_u32(oid);
  end_message(out, start);
}

void bind(OutBuffer& out, std::string_view portal, std::string_view statement,
          std::span<const OptionalValue> values, std::span<const Format> parameter_formats,
          std::span<const Format> result_formats) {
  const std::size_t start = begin_message(out, 'B');
  append_string(out, portal);
  append_string(out, statement);
  append_formats(out, parameter_formats);
  out.append_u16(static_cast<std::uint16_t>(values.size()));
  for (const OptionalValue& value : values) {
    if (value)
      append_value(out, *value);
    else
      append_null(out);
  }
  append_formats(out, result_formats);
  end_message(out, start);
}

void describe(OutBuffer& out, TargetKind kind, std::string_view name) {
  target_message(out, 'D', kind, name);
}

void execute(OutBuffer& out, std::string_view portal, std::int32_t row_limit) {
  const std::size_t start = begin_message(out, 'E');
  append_string(out, portal);
  out.append_u32(static_cast<std::uint32_t>(row_limit));
  end_message(out, start);
}

void close(OutBuffer& out, TargetKind kind, std::string_view name) {
  target_message(out, 'C', kind, name);
}

void flush(OutBuffer& out) {
  raw_message(out, 'H', {});
}

void sync(OutBuffer& out) {
  raw_message(out, 'S', {});
}

void terminate(OutBuffer& out) {
  raw_message(out, 'X', {});
}

void copy_data(OutBuffer& out, std::string_view bytes) {
  raw_message(out, 'd', bytes);
}

void copy_done(OutBuffer& out) {
  raw_message(out, 'c', {});
}

void copy_fail(OutBuffer& out, std::string_view reason) {
  string_message(out, 'f', reason);
}

}  // namespace gyre::pgwire::client
