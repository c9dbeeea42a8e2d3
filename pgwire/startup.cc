// A startup packet is not framed like the messages after it, and what it says decides what the connection is:
// a session, a wish to cancel another one, or first a question about encryption. The order in which codes are
// told apart is PostgreSQL's: a second SSLRequest, for instance, is no longer one, but an unknown protocol
// 1234.5679.
#include "pgwire/startup.h"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "pgwire/framer.h"

namespace gyre::pgwire {

namespace {

constexpr std::size_t kLongestName =
    63;  // bytes of an identifier; longer ones are cut, as everywhere in PostgreSQL
constexpr std::string_view kProtocolOptionPrefix = "_pq_.";

ProtocolError fatal(SqlState code, std::string message) {
  ProtocolError error;
  error.code = code;
  error.message = std::move(message);
  error.severity = Severity::fatal;
  return error;
}

Unexpected<ProtocolError> bad_layout() {
  return {fatal(sql_state::kProtocolViolation,
                "invalid startup packet layout: expected terminator as last byte")};
}

// A zero-terminated string taken off `rest`, or nothing when the terminator is missing.
std::optional<std::string_view> take_string(std::string_view& rest) {
  const std::size_t end = rest.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view text = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return text;
}

bool is_space(char byte) {
  return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

std::vector<std::string> split_words(std::string_view options) {
  std::vector<std::string> words;
  std::size_t at = 0;
  while (true) {
    while (at < options.size() && is_space(options[at])) ++at;
    if (at == options.size()) return words;
    std::string& word = words.emplace_back();
    for (; at < options.size() && !is_space(options[at]); ++at) {
      if (options[at] == '\\' && ++at == options.size()) break;
      word += options[at];
    }
  }
}

// "name=value"; `switch_text` is how the word was introduced, for the message.
Result<NameValue, ProtocolError> parse_assignment(std::string_view text, std::string_view switch_text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos)
    return Unexpected{
        fatal(sql_state::kSyntaxError, std::string(switch_text) + std::string(text) + " requires a value")};
  NameValue out(text.substr(0, equals), text.substr(equals + 1));
  std::replace(out.first.begin(), out.first.end(), '-', '_');
  return out;
}

void cut_name(std::string& name) {
  if (name.size() > kLongestName) name.resize(kLongestName);
}

// Parameters in the order they came; `options` is set aside, as its settings take effect first.
void place_parameter(StartupMessage& message, std::string& options, std::string_view name,
                     std::string_view value) {
  if (name == "user")
    message.user = value;
  else if (name == "database")
    message.database = value;
  else if (name == "options")
    options = value;
  else if (name == "replication")
    message.replication = value;
  else if (name.starts_with(kProtocolOptionPrefix))
    message.unsupported_options.emplace_back(name);
  else
    message.settings.emplace_back(name, value);
}

}  // namespace

Result<std::vector<NameValue>, ProtocolError> parse_options(std::string_view options) {
  std::vector<NameValue> settings;
  const std::vector<std::string> words = split_words(options);
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string_view word = words[i];
    std::string_view switch_text;
    if (word.starts_with("--") && word.size() > 2) {
      switch_text = "--";
      word.remove_prefix(2);
    } else if (word.starts_with("-c") && (word.size() > 2 || i + 1 < words.size())) {
      switch_text = "-c ";
      word = word.size() > 2 ? word.substr(2) : std::string_view(words[++i]);
    } else {
      return Unexpected{
          fatal(sql_state::kSyntaxError, "invalid command-line argument for server process: " + words[i])};
    }
    Result<NameValue, ProtocolError> setting = parse_assignment(word, switch_text);
    if (!setting) return Unexpected{std::move(setting.error())};
    settings.push_back(std::move(*setting));
  }
  return settings;
}

Result<StartupMessage, ProtocolError> parse_startup_message(std::string_view body) {
  if (body.size() < 4) return bad_layout();
  StartupMessage message;
  const std::uint32_t version = detail::load_u32(body.data());
  message.major = static_cast<std::uint16_t>(version >> 16);
  message.minor = static_cast<std::uint16_t>(version & 0xffff);
  if (message.major != 3)
    return Unexpected{fatal(sql_state::kFeatureNotSupported,
                            "unsupported frontend protocol " + std::to_string(message.major) + '.' +
                                std::to_string(message.minor) + ": server supports 3.0 to 3.0")};

  std::string options;
  std::string_view rest = body.substr(4);
  while (true) {
    const std::optional<std::string_view> name = take_string(rest);
    if (!name) return bad_layout();
    if (name->empty()) break;
    const std::optional<std::string_view> value = take_string(rest);
    if (!value) return bad_layout();
    place_parameter(message, options, *name, *value);
  }
  if (!rest.empty()) return bad_layout();

  Result<std::vector<NameValue>, ProtocolError> first = parse_options(options);
  if (!first) return Unexpected{std::move(first.error())};
  message.settings.insert(message.settings.begin(), first->begin(), first->end());
  if (message.user.empty())
    return Unexpected{fatal(sql_state::kInvalidAuthorizationSpecification,
                            "no PostgreSQL user name specified in startup packet")};
  if (message.database.empty()) message.database = message.user;
  cut_name(message.user);
  cut_name(message.database);
  return message;
}

Result<std::monostate, ProtocolError> check_nothing_follows(Encryption requested,
                                                            std::size_t buffered_bytes) {
  if (buffered_bytes == 0) return std::monostate{};
  ProtocolError error =
      fatal(sql_state::kProtocolViolation, requested == Encryption::ssl
                                               ? "received unencrypted data after SSL request"
                                               : "received unencrypted data after GSSAPI encryption request");
  error.detail = "The client has a bug, or someone on the way is inserting data into the connection.";
  return Unexpected{std::move(error)};
}

StartupDecision StartupMachine::on_packet(std::string_view body) {
  if (body.size() < 4) return CloseSilently{"invalid length of startup packet"};
  const std::uint32_t code = detail::load_u32(body.data());
  if (code == kCancelRequestCode) {
    if (body.size() != 12) return CloseSilently{"invalid length of cancel request packet"};
    return Cancel{{detail::load_u32(body.data() + 4), detail::load_u32(body.data() + 8)}};
  }
  if (code == kSslRequestCode && !ssl_asked_) {
    ssl_asked_ = true;
    return ReplyByte{'N', Encryption::ssl};
  }
  if (code == kGssEncRequestCode && !gss_asked_) {
    gss_asked_ = true;
    return ReplyByte{'N', Encryption::gss};
  }
  Result<StartupMessage, ProtocolError> message = parse_startup_message(body);
  if (!message) return Reject{std::move(message.error())};
  return Start{std::move(*message)};
}

}  // namespace gyre::pgwire
