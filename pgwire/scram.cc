// A server that keeps verifiers never hashes a password to let someone in: a login costs it three HMACs. The
// 4096 iterations are the client's, and once the server's own, when a password is set (ScramHash).
//
// What the parser accepts is exactly the RFC's grammar, read from left to right with one position; each
// message is at most kilobytes, since the framer bounds it. An unknown role differs from a known one in
// nothing but the outcome: same messages, same work, the proof is compared and then ignored.
#include "pgwire/scram.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <charconv>

#include "pgwire/sasl_prep.h"
#include "reactor/base/check.h"

namespace gyre::pgwire {

namespace {

constexpr std::string_view kEndPointHeader = "p=tls-server-end-point,,";

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
std::string_view view_of(const ScramKey& key) {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

EVP_MAC* hmac_algorithm() {
  static EVP_MAC* const algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  return algorithm;
}

ScramKey sha256(std::string_view text) {
  ScramKey out;
  GYRE_CHECK(EVP_Digest(text.data(), text.size(), out.data(), nullptr, EVP_sha256(), nullptr) == 1);
  return out;
}

// HMAC-SHA-256 under one key, any number of times.
class Hmac {
 public:
  explicit Hmac(std::string_view key) : context_(EVP_MAC_CTX_new(hmac_algorithm())) {
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                     OSSL_PARAM_construct_end()};
    // A null key would mean "the key before".
    GYRE_CHECK(EVP_MAC_init(context_, bytes_of(key.empty() ? std::string_view("") : key), key.size(),
                            parameters) == 1);
  }
  Hmac(const Hmac&) = delete;
  Hmac& operator=(const Hmac&) = delete;
  ~Hmac() { EVP_MAC_CTX_free(context_); }

  Hmac& add(std::string_view text) {
    GYRE_CHECK(EVP_MAC_update(context_, bytes_of(text), text.size()) == 1);
    return *this;
  }
  // The sum of what was added since the last one.
  ScramKey take() {
    ScramKey out;
    std::size_t size = 0;
    GYRE_CHECK(EVP_MAC_final(context_, out.data(), &size, out.size()) == 1 && size == out.size());
    GYRE_CHECK(EVP_MAC_init(context_, nullptr, 0, nullptr) == 1);
    return out;
  }

 private:
  EVP_MAC_CTX* const context_;
};

ScramKey hmac(std::string_view key, std::string_view text) {
  return Hmac(key).add(text).take();
}

ScramKey exclusive_or(const ScramKey& a, const ScramKey& b) {
  ScramKey out;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = a[i] ^ b[i];
  return out;
}

Unexpected<ProtocolError> refuse(SqlState code, std::string message, std::string detail = {}) {
  ProtocolError error;
  error.severity = Severity::fatal;
  error.code = code;
  error.message = std::move(message);
  error.detail = std::move(detail);
  return {std::move(error)};
}

Unexpected<ProtocolError> malformed(std::string detail) {
  return refuse(sql_state::kProtocolViolation, "malformed SCRAM message", std::move(detail));
}

// A byte of the client's, fit to be shown.
std::string shown(std::string_view rest) {
  if (rest.empty()) return "end of message";
  const auto byte = static_cast<unsigned char>(rest.front());
  if (byte > ' ' && byte <= '~') return std::string(1, rest.front());
  constexpr std::string_view kDigits = "0123456789abcdef";
  return {'0', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~' && c != ','; });
}

// "x=value" up to the next comma or the end; the comma goes, too.
Result<std::string_view, ProtocolError> take_attribute(std::string_view& rest, char name) {
  if (rest.empty() || rest.front() != name)
    return malformed(std::string("Expected attribute \"") + name + "\" but found \"" + shown(rest) + "\".");
  if (rest.size() < 2 || rest[1] != '=')
    return malformed(std::string("Expected character \"=\" for attribute \"") + name + "\".");
  const std::size_t end = std::min(rest.find(','), rest.size());
  const std::string_view value = rest.substr(2, end - 2);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return value;
}

// The letters of a base64 text that is a key.
bool parse_key(std::string_view text, ScramKey& key) {
  const auto raw = parse_base64(text);
  if (!raw || raw->size() != key.size()) return false;
  std::copy(raw->begin(), raw->end(), key.begin());
  return true;
}

}  // namespace

// ---- texts ----

std::string random_bytes(std::size_t count) {
  std::string out(count, '\0');
  GYRE_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(count)) == 1);
  return out;
}

std::string base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');  // the library adds a zero byte
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(bytes),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::optional<std::string> parse_base64(std::string_view text) {
  const std::size_t data_end = std::min(text.find('='), text.size());
  const std::size_t padding = text.size() - data_end;
  if (text.size() % 4 != 0 || padding > 2) return std::nullopt;
  for (const char c : text.substr(0, data_end))
    if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/'))
      return std::nullopt;
  std::string out(text.size() / 4 * 3, '\0');
  if (EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(text),
                      static_cast<int>(text.size())) < 0)
    return std::nullopt;
  out.resize(out.size() - padding);
  // One text per value: bits behind the last byte must be zero.
  if (base64(out) != text) return std::nullopt;
  return out;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

// ---- verifiers ----

std::string ScramVerifier::text() const {
  return std::string(kScramSha256) + '$' + std::to_string(iterations) + ':' + base64(salt) + '$' +
         base64(view_of(stored_key)) + ':' + base64(view_of(server_key));
}

std::optional<ScramVerifier> parse_scram_verifier(std::string_view text) {
  const auto take = [&](char end) {
    const std::size_t at = text.find(end);
    if (at == std::string_view::npos) return std::optional<std::string_view>();
    const std::string_view word = text.substr(0, at);
    text.remove_prefix(at + 1);
    return std::optional(word);
  };
  const auto scheme = take('$');
  const auto iterations = take(':');
  const auto salt = take('$');
  const auto stored_key = take(':');
  if (!scheme || *scheme != kScramSha256 || !iterations || !salt || !stored_key) return std::nullopt;
  ScramVerifier out;
  const auto [stop, error] =
      std::from_chars(iterations->data(), iterations->data() + iterations->size(), out.iterations);
  if (error != std::errc() || stop != iterations->data() + iterations->size() || out.iterations == 0 ||
      out.iterations > kMostScramIterations)
    return std::nullopt;
  auto raw_salt = parse_base64(*salt);
  if (!raw_salt || raw_salt->empty() || raw_salt->size() > kMostScramSaltBytes) return std::nullopt;
  out.salt = std::move(*raw_salt);
  if (!parse_key(*stored_key, out.stored_key) || !parse_key(text, out.server_key)) return std::nullopt;
  return out;
}

ScramVerifier mock_scram_verifier(std::string_view secret, std::string_view role) {
  ScramVerifier out;
  const ScramKey digest = hmac(secret, role);
  out.salt = std::string(view_of(digest).substr(0, kScramSaltBytes));
  return out;
}

struct ScramHash::Mac {
  explicit Mac(std::string_view key) : hmac(key) {}
  Hmac hmac;
};

ScramHash::ScramHash(std::string_view password, std::string salt, std::uint32_t iterations)
    : mac_(std::make_unique<Mac>(sasl_prep(password))), salt_(std::move(salt)), iterations_(iterations) {
  constexpr std::string_view kFirstBlock("\0\0\0\1", 4);
  last_ = salted_ = mac_->hmac.add(salt_).add(kFirstBlock).take();
  done_ = 1;
}
ScramHash::ScramHash(ScramHash&&) noexcept = default;
ScramHash::~ScramHash() = default;

bool ScramHash::advance(std::uint32_t iterations) {
  const std::uint32_t end = std::min(iterations_, done_ + std::min(iterations, iterations_ - done_));
  for (; done_ < end; ++done_) {
    last_ = mac_->hmac.add(view_of(last_)).take();
    salted_ = exclusive_or(salted_, last_);
  }
  return done_ >= iterations_;
}

ScramKey ScramHash::client_key() const {
  return hmac(view_of(salted_), "Client Key");
}

ScramVerifier ScramHash::verifier() const {
  ScramVerifier out;
  out.iterations = iterations_;
  out.salt = salt_;
  out.stored_key = sha256(view_of(client_key()));
  out.server_key = hmac(view_of(salted_), "Server Key");
  return out;
}

// ---- the exchange ----

ScramServer::ScramServer(ScramVerifier verifier, Fate fate, std::string end_point, std::string nonce)
    : verifier_(std::move(verifier)),
      fate_(fate),
      end_point_(std::move(end_point)),
      nonce_(std::move(nonce)) {}

Result<std::string, ProtocolError> ScramServer::on_first(std::string_view mechanism,
                                                         std::string_view message) {
  if (mechanism == kScramSha256Plus && !end_point_.empty())
    plus_ = true;
  else if (mechanism != kScramSha256)
    return refuse(sql_state::kProtocolViolation, "client selected an invalid SASL authentication mechanism");
  if (message.empty()) return malformed("The message is empty.");
  if (message.find('\0') != std::string_view::npos)
    return malformed("Message length does not match input length.");

  std::string_view rest = message;
  switch (rest.front()) {
    case 'n':
    case 'y':
      if (plus_)
        return malformed(
            "The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding "
            "data.");
      // The client could bind and heard of no offer, but there was one: someone on the way took it out.
      if (rest.front() == 'y' && !end_point_.empty())
        return refuse(sql_state::kInvalidAuthorizationSpecification,
                      "SCRAM channel binding negotiation error",
                      "The client supports SCRAM channel binding but thinks the server does not.  "
                      "However, this server does support channel binding.");
      binding_ = rest.front() == 'y' ? Binding::not_wanted : Binding::unsupported;
      rest.remove_prefix(1);
      if (rest.empty() || rest.front() != ',')
        return malformed("Comma expected, but found character \"" + shown(rest) + "\".");
      rest.remove_prefix(1);
      break;
    case 'p': {
      if (!plus_)
        return malformed(
            "The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes "
            "channel "
            "binding data.");
      const auto type = take_attribute(rest, 'p');
      if (!type) return Unexpected{type.error()};
      if (*type != "tls-server-end-point")
        return refuse(sql_state::kProtocolViolation, "unsupported SCRAM channel-binding type");
      binding_ = Binding::bound;
      break;
    }
    default:
      return malformed("Unexpected channel-binding flag \"" + shown(rest) + "\".");
  }
  if (rest.empty()) return malformed("Unexpected attribute \"end of message\" in client-first-message.");
  if (rest.front() == 'a')
    return refuse(sql_state::kFeatureNotSupported,
                  "client uses authorization identity, but it is not supported");
  if (rest.front() != ',')
    return malformed("Unexpected attribute \"" + shown(rest) + "\" in client-first-message.");
  rest.remove_prefix(1);

  client_first_bare_ = rest;
  if (rest.starts_with('m'))
    return refuse(sql_state::kFeatureNotSupported, "client requires an unsupported SCRAM extension");
  // The name is not looked at: the start-up packet has said who this is.
  if (const auto name = take_attribute(rest, 'n'); !name) return Unexpected{name.error()};
  const auto nonce = take_attribute(rest, 'r');
  if (!nonce) return Unexpected{nonce.error()};
  if (nonce->empty() || !is_printable(*nonce))
    return refuse(sql_state::kProtocolViolation, "non-printable characters in SCRAM nonce");
  // What follows are extensions, which need not be understood.

  whole_nonce_ = std::string(*nonce) + nonce_;
  server_first_ =
      "r=" + whole_nonce_ + ",s=" + base64(verifier_.salt) + ",i=" + std::to_string(verifier_.iterations);
  return server_first_;
}

// What the client must have seen of the connection, as base64.
std::string ScramServer::expected_binding() const {
  if (binding_ == Binding::bound) return base64(std::string(kEndPointHeader) + end_point_);
  return base64(std::string(1, static_cast<char>(binding_)) + ",,");
}

Result<ScramServer::Outcome, ProtocolError> ScramServer::on_final(std::string_view message) {
  if (message.empty()) return malformed("The message is empty.");
  if (message.find('\0') != std::string_view::npos)
    return malformed("Message length does not match input length.");
  std::string_view rest = message;
  const auto binding = take_attribute(rest, 'c');
  if (!binding) return Unexpected{binding.error()};
  if (!equal_in_constant_time(*binding, expected_binding())) {
    if (binding_ == Binding::bound)
      return refuse(sql_state::kInvalidAuthorizationSpecification, "SCRAM channel binding check failed");
    return refuse(sql_state::kProtocolViolation,
                  "unexpected SCRAM channel-binding attribute in client-final-message");
  }
  const auto nonce = take_attribute(rest, 'r');
  if (!nonce) return Unexpected{nonce.error()};
  if (!equal_in_constant_time(*nonce, whole_nonce_))
    return refuse(sql_state::kProtocolViolation, "invalid SCRAM response", "Nonce does not match.");
  // Extensions may stand before the proof, and nothing behind it.
  while (true) {
    if (rest.empty()) return malformed("Expected attribute \"p\" but found \"end of message\".");
    if (rest.starts_with("p=")) break;
    const auto skipped = take_attribute(rest, rest.front());
    if (!skipped) return Unexpected{skipped.error()};
  }
  const std::string_view without_proof = message.substr(0, message.size() - rest.size() - 1);
  if (rest.find(',') != std::string_view::npos)
    return malformed("Garbage found at the end of client-final-message.");
  ScramKey proof;
  if (!parse_key(rest.substr(2), proof)) return malformed("Malformed proof in client-final-message.");

  const std::string signed_text = client_first_bare_ + ',' + server_first_ + ',' + std::string(without_proof);
  const ScramKey client_key = exclusive_or(proof, hmac(view_of(verifier_.stored_key), signed_text));
  const bool right = CRYPTO_memcmp(sha256(view_of(client_key)).data(), verifier_.stored_key.data(),
                                   verifier_.stored_key.size()) == 0;
  Outcome outcome;
  outcome.message = "v=" + base64(view_of(hmac(view_of(verifier_.server_key), signed_text)));
  outcome.proven = right && fate_ == Fate::honest;
  if (!outcome.proven) outcome.message.clear();
  return outcome;
}

// ---- the client ----

ScramClient::ScramClient(std::string password, std::string nonce, char binding_flag, std::string end_point)
    : password_(std::move(password)),
      nonce_(std::move(nonce)),
      flag_(binding_flag),
      end_point_(std::move(end_point)) {}

std::string ScramClient::header() const {
  return flag_ == 'p' ? std::string(kEndPointHeader) : std::string(1, flag_) + ",,";
}

std::string ScramClient::first() const {
  return header() + "n=,r=" + nonce_;
}

std::string ScramClient::final_message(std::string_view server_first) {
  std::string_view rest = server_first;
  const auto nonce = take_attribute(rest, 'r');
  const auto salt = take_attribute(rest, 's');
  const auto count = take_attribute(rest, 'i');
  if (!nonce || !salt || !count) return {};
  std::uint32_t iterations = 0;
  std::from_chars(count->data(), count->data() + count->size(), iterations);
  const auto raw_salt = parse_base64(*salt);
  if (!raw_salt || iterations == 0 || iterations > kMostScramIterations) return {};
  ScramHash hash(password_, *raw_salt, iterations);
  hash.advance(iterations);
  const std::string without_proof =
      "c=" + base64(header() + (flag_ == 'p' ? end_point_ : "")) + ",r=" + std::string(*nonce);
  const std::string signed_text = "n=,r=" + nonce_ + ',' + std::string(server_first) + ',' + without_proof;
  const ScramKey client_key = hash.client_key();
  const ScramKey proof = exclusive_or(client_key, hmac(view_of(hash.verifier().stored_key), signed_text));
  expected_ = "v=" + base64(view_of(hmac(view_of(hash.verifier().server_key), signed_text)));
  return without_proof + ",p=" + base64(view_of(proof));
}

}  // namespace gyre::pgwire
