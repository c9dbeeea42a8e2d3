// What a client says, appended to a buffer: for the load generator, the tests and the fuzz seeds.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "pgwire/frontend_messages.h"
#include "reactor/base/out_buffer.h"

namespace gyre::pgwire::client {

using StartupParameter = std::pair<std::string_view, std::string_view>;
using OptionalValue = std::optional<std::string_view>;  // none: NULL

void startup(OutBuffer& out, std::span<const StartupParameter> parameters, std::uint32_t version = 3u << 16);
void startup(OutBuffer& out, std::string_view user, std::string_view database);
void ssl_request(OutBuffer& out);
void gss_enc_request(OutBuffer& out);
void cancel_request(OutBuffer& out, std::uint32_t process_id, std::uint32_t secret_key);

void password(OutBuffer& out, std::string_view password);
void sasl_initial_response(OutBuffer& out, std::string_view mechanism, std::string_view data);
void sasl_response(OutBuffer& out, std::string_view data);

void query(OutBuffer& out, std::string_view text);
void parse(OutBuffer& out, std::string_view statement, std::string_view text,
           std::span<const std::uint32_t> parameter_types = {});
void bind(OutBuffer& out, std::string_view portal, std::string_view statement,
          std::span<const OptionalValue> values = {}, std::span<const Format> parameter_formats = {},
          std::span<const Format> result_formats = {});
void describe(OutBuffer& out, TargetKind kind, std::string_view name);
void execute(OutBuffer& out, std::string_view portal, std::int32_t row_limit = 0);
void close(OutBuffer& out, TargetKind kind, std::string_view name);
void flush(OutBuffer& out);
void sync(OutBuffer& out);
void terminate(OutBuffer& out);

void copy_data(OutBuffer& out, std::string_view bytes);
void copy_done(OutBuffer& out);
void copy_fail(OutBuffer& out, std::string_view reason);

}  // namespace gyre::pgwire::client
