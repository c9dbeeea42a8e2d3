// SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), the server's side, and the form in which
// passwords are kept. No input or output: messages come in and go out as texts.
//
// A server keeps a verifier, from which the password cannot be had back:
//
//     SaltedPassword = PBKDF2-HMAC-SHA-256(SASLprep(password), salt, iterations)
//     StoredKey      = SHA-256(HMAC(SaltedPassword, "Client Key"))
//     ServerKey      = HMAC(SaltedPassword, "Server Key")
//     verifier       = "SCRAM-SHA-256$" iterations ":" base64(salt) "$" base64(StoredKey) ":"
//     base64(ServerKey)
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pgwire/diagnostic.h"
#include "reactor/base/result.h"

namespace gyre::pgwire {

inline constexpr std::string_view kScramSha256 = "SCRAM-SHA-256";
inline constexpr std::string_view kScramSha256Plus = "SCRAM-SHA-256-PLUS";
inline constexpr std::uint32_t kScramIterations = 4096;
inline constexpr std::uint32_t kMostScramIterations = 1'000'000;  // of a verifier that a client brings
inline constexpr std::size_t kScramSaltBytes = 16;
inline constexpr std::size_t kMostScramSaltBytes = 64;
inline constexpr std::size_t kScramNonceBytes = 18;  // before base64

using ScramKey = std::array<unsigned char, 32>;

struct ScramVerifier {
  std::uint32_t iterations = kScramIterations;
  std::string salt;  // raw bytes
  ScramKey stored_key{};
  ScramKey server_key{};

  std::string text() const;
};

// Null for anything that is not a whole verifier.
std::optional<ScramVerifier> parse_scram_verifier(std::string_view text);

// What an exchange for an unknown role is held against: the same salt for the same role and secret every
// time, and keys that no password has.
ScramVerifier mock_scram_verifier(std::string_view secret, std::string_view role);

// Bytes of the system's random number generator that predict nothing.
std::string random_bytes(std::size_t count);
std::string base64(std::string_view bytes);
std::optional<std::string> parse_base64(std::string_view text);  // strict: no spaces, right padding
// Takes the same time wherever the texts differ. Different lengths are different at once.
bool equal_in_constant_time(std::string_view a, std::string_view b);

// Makes a verifier of a password, some iterations at a time, as all of them take milliseconds.
class ScramHash {
 public:
  ScramHash(std::string_view password, std::string salt, std::uint32_t iterations = kScramIterations);
  ScramHash(ScramHash&&) noexcept;
  ~ScramHash();

  // True once the last iteration is done.
  bool advance(std::uint32_t iterations);
  ScramVerifier verifier() const;  // when advance() was true, as client_key()
  ScramKey client_key() const;     // what a client proves to have

 private:
  struct Mac;
  std::unique_ptr<Mac> mac_;  // keyed with the password
  std::string salt_;
  const std::uint32_t iterations_;
  std::uint32_t done_ = 0;
  ScramKey last_{};    // U(done_)
  ScramKey salted_{};  // U(1) xor … xor U(done_)
};

// One exchange:
//
//     client-first ──► on_first ──► server-first
//     client-final ──► on_final ──► server-final, and whether the proof was right
//
// Errors are FATAL, for the caller to send. An exchange that began `doomed` does the same work and fails.
class ScramServer {
 public:
  enum class Fate : std::uint8_t { honest, doomed };

  // `end_point`: the hash of the certificate that the client has seen (tls-server-end-point); empty where
  // there is none and -PLUS is thus not offered. `nonce`: printable, not to be used twice.
  ScramServer(ScramVerifier verifier, Fate fate, std::string end_point, std::string nonce);

  // `mechanism` as the client chose it.
  Result<std::string, ProtocolError> on_first(std::string_view mechanism, std::string_view message);

  struct Outcome {
    bool proven = false;
    std::string message;  // server-final, where proven
  };
  Result<Outcome, ProtocolError> on_final(std::string_view message);

 private:
  enum class Binding : char { unsupported = 'n', not_wanted = 'y', bound = 'p' };

  std::string expected_binding() const;

  const ScramVerifier verifier_;
  const Fate fate_;
  const std::string end_point_;
  const std::string nonce_;
  bool plus_ = false;
  Binding binding_ = Binding::unsupported;
  std::string whole_nonce_;        // the client's, then ours
  std::string client_first_bare_;  // what the proof is over
  std::string server_first_;
};

// The client's side, for tests and tools: tries a password.
class ScramClient {
 public:
  ScramClient(std::string password, std::string nonce, char binding_flag = 'n', std::string end_point = {});
  std::string first() const;
  std::string final_message(std::string_view server_first);
  // The ServerSignature that a server must answer with.
  const std::string& expected_server_final() const { return expected_; }

 private:
  std::string header() const;

  const std::string password_, nonce_;
  const char flag_;
  const std::string end_point_;
  std::string expected_;
};

}  // namespace gyre::pgwire
