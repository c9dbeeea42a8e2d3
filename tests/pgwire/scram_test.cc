// SCRAM: the RFC's own example, every way for a client to be wrong, and that unknown roles look like known
// ones.
#include "pgwire/scram.h"

#include <gtest/gtest.h>

#include <string>

#include "pgwire/sasl_prep.h"

namespace gyre::pgwire {
namespace {

using Fate = ScramServer::Fate;

constexpr std::string_view kNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr std::string_view kSalt = "W22ZaJ0SNY7soEsUEjb6gQ==";

ScramVerifier verifier_of(std::string_view password, std::uint32_t iterations = 4096) {
  ScramHash hash(password, *parse_base64(kSalt), iterations);
  while (!hash.advance(100)) {
  }
  return hash.verifier();
}

ScramServer server(Fate fate = Fate::honest, std::string end_point = {}) {
  static const ScramVerifier pencil = verifier_of("pencil");
  return ScramServer(pencil, fate, std::move(end_point), std::string(kNonce));
}

// RFC 7677, section 3.
constexpr std::string_view kFirst = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
constexpr std::string_view kServerFirst =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
constexpr std::string_view kFinal =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
constexpr std::string_view kServerFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

std::string error_of(const auto& result) {
  return result ? "" : result.error().message + "|" + result.error().detail;
}

TEST(Scram, TheExampleOfTheRfc) {
  ScramServer exchange = server();
  const auto first = exchange.on_first(kScramSha256, kFirst);
  ASSERT_TRUE(first) << error_of(first);
  EXPECT_EQ(*first, kServerFirst);
  const auto last = exchange.on_final(kFinal);
  ASSERT_TRUE(last) << error_of(last);
  EXPECT_TRUE(last->proven);
  EXPECT_EQ(last->message, kServerFinal);
}

TEST(Scram, OurClientAgreesWithOurServer) {
  for (const char flag : {'n', 'y', 'p'}) {
    const std::string end_point = flag == 'p' ? std::string("\1\2\0\3", 4) : "";
    ScramClient client("pencil", "abc", flag, end_point);
    ScramServer exchange = server(Fate::honest, end_point);
    const auto first = exchange.on_first(flag == 'p' ? kScramSha256Plus : kScramSha256, client.first());
    ASSERT_TRUE(first) << flag << error_of(first);
    const auto last = exchange.on_final(client.final_message(*first));
    ASSERT_TRUE(last) << flag << error_of(last);
    EXPECT_TRUE(last->proven);
    EXPECT_EQ(last->message, client.expected_server_final());
  }
}

ScramServer::Outcome try_password(ScramServer exchange, std::string password) {
  ScramClient client(std::move(password), "abc");
  const auto first = exchange.on_first(kScramSha256, client.first());
  EXPECT_TRUE(first);
  const auto last = exchange.on_final(client.final_message(*first));
  EXPECT_TRUE(last);
  return last ? *last : ScramServer::Outcome{};
}

TEST(Scram, WrongPasswordsAndDoomedExchangesFailAlike) {
  EXPECT_TRUE(try_password(server(), "pencil").proven);
  for (const auto& outcome : {try_password(server(), "pencils"), try_password(server(), ""),
                              try_password(server(Fate::doomed), "pencil")}) {
    EXPECT_FALSE(outcome.proven);
    EXPECT_EQ(outcome.message, "");
  }
}

TEST(Scram, EveryBitOfTheProofCounts) {
  std::string proof = *parse_base64(kFinal.substr(kFinal.find("p=") + 2));
  const std::string without = std::string(kFinal.substr(0, kFinal.find("p=")));
  for (std::size_t bit = 0; bit < proof.size() * 8; ++bit) {
    std::string changed = proof;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    ScramServer exchange = server();
    ASSERT_TRUE(exchange.on_first(kScramSha256, kFirst));
    const auto last = exchange.on_final(without + "p=" + base64(changed));
    ASSERT_TRUE(last);
    EXPECT_FALSE(last->proven) << bit;
  }
}

TEST(Scram, MalformedFirstMessages) {
  const auto first = [](std::string_view message, std::string_view mechanism = kScramSha256,
                        std::string end_point = {}) {
    ScramServer exchange = server(Fate::honest, std::move(end_point));
    return error_of(exchange.on_first(mechanism, message));
  };
  EXPECT_EQ(first(kFirst, "SCRAM-SHA-1"), "client selected an invalid SASL authentication mechanism|");
  // Nobody offered it.
  EXPECT_EQ(first(kFirst, kScramSha256Plus), "client selected an invalid SASL authentication mechanism|");
  EXPECT_EQ(first(""), "malformed SCRAM message|The message is empty.");
  EXPECT_EQ(first(std::string_view("n,,n=,r=a\0b", 11)),
            "malformed SCRAM message|Message length does not match input length.");
  EXPECT_EQ(first("x,,n=,r=a"), "malformed SCRAM message|Unexpected channel-binding flag \"x\".");
  EXPECT_EQ(first("n"), "malformed SCRAM message|Comma expected, but found character \"end of message\".");
  EXPECT_EQ(first("n,a=bob,n=,r=a"), "client uses authorization identity, but it is not supported|");
  EXPECT_EQ(first("n,b"), "malformed SCRAM message|Unexpected attribute \"b\" in client-first-message.");
  EXPECT_EQ(first("n,,m=x,n=,r=a"), "client requires an unsupported SCRAM extension|");
  EXPECT_EQ(first("n,,r=a"), "malformed SCRAM message|Expected attribute \"n\" but found \"r\".");
  EXPECT_EQ(first("n,,n"), "malformed SCRAM message|Expected character \"=\" for attribute \"n\".");
  EXPECT_EQ(first("n,,n="), "malformed SCRAM message|Expected attribute \"r\" but found \"end of message\".");
  EXPECT_EQ(first("n,,n=,r="), "non-printable characters in SCRAM nonce|");
  EXPECT_EQ(first("n,,n=,r=a\x7f"), "non-printable characters in SCRAM nonce|");
  EXPECT_EQ(first("n,,n=,r=a,e=xyz"), "");
  EXPECT_EQ(first("p=tls-server-end-point,,n=,r=a").substr(0, 24), "malformed SCRAM message|");
  EXPECT_EQ(first("p=tls-unique,,n=,r=a", kScramSha256Plus, "hash"),
            "unsupported SCRAM channel-binding type|");
  EXPECT_EQ(first("n,,n=,r=a", kScramSha256Plus, "hash").substr(0, 24), "malformed SCRAM message|");
}

// Someone between client and server who takes -PLUS out of the list is found out.
TEST(Scram, ADowngradeIsNoticed) {
  ScramServer exchange = server(Fate::honest, "hash");
  const auto result = exchange.on_first(kScramSha256, "y,,n=,r=a");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "SCRAM channel binding negotiation error");
  EXPECT_EQ(result.error().code, sql_state::kInvalidAuthorizationSpecification);
}

TEST(Scram, ChannelBindingIsChecked) {
  ScramClient client("pencil", "abc", 'p', "other certificate");
  ScramServer exchange = server(Fate::honest, "certificate");
  const auto first = exchange.on_first(kScramSha256Plus, client.first());
  ASSERT_TRUE(first);
  EXPECT_EQ(error_of(exchange.on_final(client.final_message(*first))), "SCRAM channel binding check failed|");
}

TEST(Scram, MalformedFinalMessages) {
  const auto last = [](std::string_view message) {
    ScramServer exchange = server();
    EXPECT_TRUE(exchange.on_first(kScramSha256, kFirst));
    return error_of(exchange.on_final(message));
  };
  const std::string nonce = "r=rOprNGfwEbeRWgbNEkqO" + std::string(kNonce);
  EXPECT_EQ(last(""), "malformed SCRAM message|The message is empty.");
  EXPECT_EQ(last("c=eSws," + nonce), "unexpected SCRAM channel-binding attribute in client-final-message|");
  EXPECT_EQ(last("c=biws"), "malformed SCRAM message|Expected attribute \"r\" but found \"end of message\".");
  EXPECT_EQ(last("c=biws,r=other,p="), "invalid SCRAM response|Nonce does not match.");
  EXPECT_EQ(last("c=biws," + nonce),
            "malformed SCRAM message|Expected attribute \"p\" but found \"end of message\".");
  EXPECT_EQ(last("c=biws," + nonce + ",p=abcd"),
            "malformed SCRAM message|Malformed proof in client-final-message.");
  EXPECT_EQ(last("c=biws," + nonce + ",p=="),
            "malformed SCRAM message|Malformed proof in client-final-message.");
  EXPECT_EQ(last(std::string(kFinal) + ",x=y"),
            "malformed SCRAM message|Garbage found at the end of client-final-message.");
  EXPECT_EQ(last("c=biws," + nonce + ",,,p="),
            "malformed SCRAM message|Expected character \"=\" for attribute \",\".");
}

TEST(Scram, VerifiersAreTextsAndBack) {
  const ScramVerifier verifier = verifier_of("pencil");
  const std::string text = verifier.text();
  EXPECT_EQ(text,
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
            "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
  const auto parsed = parse_scram_verifier(text);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->text(), text);
  EXPECT_EQ(parsed->iterations, 4096u);
  // Each character matters: what differs is none, or another one.
  for (std::size_t at = 0; at < text.size(); ++at)
    for (const char c : {'\0', '!', '$', ':', 'A', '9'}) {
      std::string changed = text;
      changed[at] = c;
      const auto other = parse_scram_verifier(changed);
      EXPECT_TRUE(!other || other->text() == changed) << changed;
    }
  for (std::size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(parse_scram_verifier(text.substr(0, size))) << size;
  EXPECT_FALSE(parse_scram_verifier(text + "A"));
  EXPECT_FALSE(parse_scram_verifier("md5d41d8cd98f00b204e9800998ecf8427e"));
}

TEST(Scram, IterationsOfAVerifierAreBounded) {
  const auto with = [](std::string_view count) {
    return "SCRAM-SHA-256$" + std::string(count) +
           ":W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
           "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
  };
  EXPECT_TRUE(parse_scram_verifier(with("1000000")));
  for (const char* count : {"0", "1000001", "-1", "4294967297", "", "4096x"})
    EXPECT_FALSE(parse_scram_verifier(with(count))) << count;
}

TEST(Scram, MocksAreStablePerRoleAndSecret) {
  const auto salt = [](std::string_view secret, std::string_view role) {
    return mock_scram_verifier(secret, role).salt;
  };
  EXPECT_EQ(salt("secret", "alice"), salt("secret", "alice"));
  EXPECT_NE(salt("secret", "alice"), salt("secret", "bob"));
  EXPECT_NE(salt("secret", "alice"), salt("other", "alice"));
  EXPECT_EQ(salt("secret", "alice").size(), kScramSaltBytes);
  EXPECT_EQ(mock_scram_verifier("secret", "alice").iterations, kScramIterations);
  EXPECT_TRUE(parse_scram_verifier(mock_scram_verifier("secret", "alice").text()));
}

TEST(Scram, HashingInSlicesIsHashingAtOnce) {
  ScramHash whole("pencil", *parse_base64(kSalt)), sliced("pencil", *parse_base64(kSalt));
  EXPECT_TRUE(whole.advance(1u << 31));
  int slices = 1;
  while (!sliced.advance(7)) ++slices;
  EXPECT_EQ(slices, 585);  // the first iteration is done when it is made
  EXPECT_EQ(whole.verifier().text(), sliced.verifier().text());
}

TEST(Scram, Base64IsStrict) {
  for (const std::string& bytes :
       {std::string(), std::string("a"), std::string("ab"), std::string("abc"), std::string("\0\xff", 2)})
    EXPECT_EQ(parse_base64(base64(bytes)), bytes);
  for (const char* text : {"a", "ab", "abc", "abc=d", "====", "=", "ab==\n", " abc", "abcd ", "YR==", "ab=c"})
    EXPECT_FALSE(parse_base64(text)) << text;
}

TEST(Scram, ConstantTimeComparison) {
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_in_constant_time("abc", "ab"));
  EXPECT_TRUE(equal_in_constant_time("", ""));
}

// RFC 4013, section 3.
TEST(SaslPrep, TheExamplesOfTheRfc) {
  EXPECT_EQ(sasl_prep("I\xC2\xADX"), "IX");
  EXPECT_EQ(sasl_prep("user"), "user");
  EXPECT_EQ(sasl_prep("USER"), "USER");
  EXPECT_EQ(sasl_prep("\xC2\xAA"), "a");
  EXPECT_EQ(sasl_prep("\xE2\x85\xA8"), "IX");
}

TEST(SaslPrep, WhatItForbidsStaysAsItIs) {
  for (const std::string& password :
       {std::string("\x07"), std::string("\xD8\xA7\x31"), std::string("\xff\xfe"), std::string("a\0b", 3),
        std::string("\xC2\xAD"), std::string("\xE2\x82")})
    EXPECT_EQ(sasl_prep(password), password);
}

}  // namespace
}  // namespace gyre::pgwire
