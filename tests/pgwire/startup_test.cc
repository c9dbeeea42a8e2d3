#include "pgwire/startup.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "pgwire/backend_messages.h"
#include "pgwire/client_messages.h"

namespace gyre::pgwire {
namespace {

using Settings = std::vector<NameValue>;

std::string body_of(std::vector<client::StartupParameter> parameters, std::uint32_t version = kProtocol30) {
  OutBuffer out;
  client::startup(out, parameters, version);
  return std::string(out.view().substr(4));
}

StartupMessage parsed(const std::string& body) {
  auto result = parse_startup_message(body);
  EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().message);
  return result ? *result : StartupMessage{};
}

ProtocolError refused(std::string_view body) {
  auto result = parse_startup_message(body);
  EXPECT_FALSE(result.has_value());
  return result ? ProtocolError{} : result.error();
}

TEST(Startup, Parameters) {
  const StartupMessage message = parsed(body_of(
      {{"user", "alice"}, {"database", "db"}, {"application_name", "psql"}, {"client_encoding", "'utf-8'"}}));
  EXPECT_EQ(message.user, "alice");
  EXPECT_EQ(message.database, "db");
  EXPECT_EQ(message.settings, (Settings{{"application_name", "psql"}, {"client_encoding", "'utf-8'"}}));
  EXPECT_FALSE(message.needs_negotiation());
  EXPECT_TRUE(message.replication.empty());
}

TEST(Startup, DatabaseDefaultsToTheUser) {
  EXPECT_EQ(parsed(body_of({{"user", "bob"}})).database, "bob");
  EXPECT_EQ(parsed(body_of({{"user", "bob"}, {"database", ""}})).database, "bob");
}

TEST(Startup, LongNamesAreCut) {
  EXPECT_EQ(parsed(body_of({{"user", std::string(100, 'u')}})).user, std::string(63, 'u'));
}

TEST(Startup, OptionsComeBeforeOtherParameters) {
  const StartupMessage message =
      parsed(body_of({{"user", "u"}, {"a", "1"}, {"options", "-c b=2"}, {"replication", "database"}}));
  EXPECT_EQ(message.settings, (Settings{{"b", "2"}, {"a", "1"}}));
  EXPECT_EQ(message.replication, "database");
}

TEST(Startup, GreaseIsNegotiated) {
  const StartupMessage message = parsed(body_of({{"user", "u"}, {"_pq_.x", "1"}}, 3u << 16 | 9999));
  EXPECT_EQ(message.minor, 9999);
  EXPECT_TRUE(message.needs_negotiation());
  EXPECT_EQ(message.unsupported_options, std::vector<std::string>{"_pq_.x"});
  EXPECT_TRUE(message.settings.empty());
  OutBuffer out;
  negotiate_protocol_version(out, kProtocol30, message.unsupported_options);
  EXPECT_EQ(out.view(), std::string_view("v\0\0\0\x13\0\3\0\0\0\0\0\1_pq_.x\0", 20));
  EXPECT_TRUE(parsed(body_of({{"user", "u"}}, 3u << 16 | 2)).needs_negotiation());
}

TEST(Startup, Refusals) {
  ProtocolError error = refused(body_of({{"user", "u"}}, 2u << 16));
  EXPECT_EQ(error.code, sql_state::kFeatureNotSupported);
  EXPECT_EQ(error.severity, Severity::fatal);
  EXPECT_EQ(error.message, "unsupported frontend protocol 2.0: server supports 3.0 to 3.0");
  EXPECT_EQ(refused(body_of({{"user", "u"}}, 4u << 16)).message,
            "unsupported frontend protocol 4.0: server supports 3.0 to 3.0");
  for (const std::string& body : {body_of({}), body_of({{"database", "d"}}), body_of({{"user", ""}})}) {
    error = refused(body);
    EXPECT_EQ(error.code, sql_state::kInvalidAuthorizationSpecification);
    EXPECT_EQ(error.message, "no PostgreSQL user name specified in startup packet");
  }
}

TEST(Startup, EveryTruncationIsRefused) {
  const std::string body = body_of({{"user", "alice"}, {"database", "db"}});
  for (std::size_t size = 0; size < body.size(); ++size) {
    const std::vector<char> cut(body.begin(), body.begin() + static_cast<std::ptrdiff_t>(size));
    const ProtocolError error = refused({cut.data(), cut.size()});
    EXPECT_EQ(error.code, sql_state::kProtocolViolation);
    EXPECT_EQ(error.message, "invalid startup packet layout: expected terminator as last byte");
  }
  EXPECT_EQ(refused(body + "x").code, sql_state::kProtocolViolation);
}

TEST(Options, Forms) {
  const auto settings = [](std::string_view options) {
    auto result = parse_options(options);
    EXPECT_TRUE(result.has_value()) << options;
    return result ? *result : Settings{};
  };
  EXPECT_EQ(settings(""), Settings{});
  EXPECT_EQ(settings(" \t\n"), Settings{});
  EXPECT_EQ(settings(" -c datestyle=ISO -c extra_float_digits=3"),
            (Settings{{"datestyle", "ISO"}, {"extra_float_digits", "3"}}));
  EXPECT_EQ(settings("-cgeqo=off --statement-timeout=5min"),
            (Settings{{"geqo", "off"}, {"statement_timeout", "5min"}}));
  EXPECT_EQ(settings("-c a=b=c"), (Settings{{"a", "b=c"}}));
  EXPECT_EQ(settings("-c a="), (Settings{{"a", ""}}));
  EXPECT_EQ(settings("-c search\\_path=x\\ y\\\\z"), (Settings{{"search_path", "x y\\z"}}));
  EXPECT_EQ(settings("-c a=b\\"), (Settings{{"a", "b"}}));
  EXPECT_EQ(settings("-c \\-x-y=1-2"), (Settings{{"_x_y", "1-2"}}));
}

TEST(Options, Refusals) {
  const auto message = [](std::string_view options) {
    auto result = parse_options(options);
    EXPECT_FALSE(result.has_value()) << options;
    EXPECT_EQ(result.error().code, sql_state::kSyntaxError);
    EXPECT_EQ(result.error().severity, Severity::fatal);
    return result.error().message;
  };
  EXPECT_EQ(message("-c geqo"), "-c geqo requires a value");
  EXPECT_EQ(message("--geqo"), "--geqo requires a value");
  EXPECT_EQ(message("-x"), "invalid command-line argument for server process: -x");
  EXPECT_EQ(message("word"), "invalid command-line argument for server process: word");
  EXPECT_EQ(message("-c"), "invalid command-line argument for server process: -c");
  EXPECT_EQ(message("--"), "invalid command-line argument for server process: --");
}

std::string request(void (*append)(OutBuffer&)) {
  OutBuffer out;
  append(out);
  return std::string(out.view().substr(4));
}

TEST(StartupMachine, EncryptionIsAskedForOnceEach) {
  const std::string ssl = request(client::ssl_request);
  const std::string gss = request(client::gss_enc_request);
  for (const bool ssl_first : {true, false}) {
    StartupMachine machine;
    const auto is_no = [&](const std::string& body) {
      const StartupDecision decision = machine.on_packet(body);
      const auto* reply = std::get_if<ReplyByte>(&decision);
      return reply != nullptr && reply->byte == 'N';
    };
    EXPECT_TRUE(is_no(ssl_first ? ssl : gss));
    EXPECT_TRUE(is_no(ssl_first ? gss : ssl));
    const StartupDecision again = machine.on_packet(ssl);
    ASSERT_TRUE(std::holds_alternative<Reject>(again));
    EXPECT_EQ(std::get<Reject>(again).error.message,
              "unsupported frontend protocol 1234.5679: server supports 3.0 to 3.0");
    EXPECT_TRUE(std::holds_alternative<Start>(machine.on_packet(body_of({{"user", "u"}}))));
  }
}

TEST(StartupMachine, Cancel) {
  OutBuffer out;
  client::cancel_request(out, 7, 0xfffffff0u);
  StartupMachine machine;
  StartupDecision decision = machine.on_packet(out.view().substr(4));
  ASSERT_TRUE(std::holds_alternative<Cancel>(decision));
  EXPECT_EQ(std::get<Cancel>(decision).request.process_id, 7u);
  EXPECT_EQ(std::get<Cancel>(decision).request.secret_key, 0xfffffff0u);
  decision = machine.on_packet(out.view().substr(4, 11));
  EXPECT_TRUE(std::holds_alternative<CloseSilently>(decision));
}

TEST(StartupMachine, NothingMayFollowARequestThatIsGranted) {
  EXPECT_TRUE(check_nothing_follows(Encryption::ssl, 0).has_value());
  auto refusal = check_nothing_follows(Encryption::ssl, 1);
  ASSERT_FALSE(refusal.has_value());
  EXPECT_EQ(refusal.error().message, "received unencrypted data after SSL request");
  EXPECT_EQ(check_nothing_follows(Encryption::gss, 8).error().message,
            "received unencrypted data after GSSAPI encryption request");
}

}  // namespace
}  // namespace gyre::pgwire
