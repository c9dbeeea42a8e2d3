// TLS 1.2 and 1.3, the server's side, as bytes in and bytes out: no socket, no waiting. OpenSSL does the
// work.
//
//     wire bytes ──feed──► TlsEngine ──on_clear──► clear bytes
//     wire bytes ◄─output── TlsEngine ◄──write──── clear bytes
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "reactor/base/out_buffer.h"
#include "reactor/base/result.h"

struct ssl_ctx_st;
struct ssl_st;

namespace gyre::pgwire {

inline constexpr std::string_view kAlpnPostgresql = "postgresql";
// The first byte of a TLS record with a ClientHello: no start-up packet of a bearable length begins with it.
inline constexpr char kTlsHandshakeByte = 0x16;

enum class TlsVersion : std::uint8_t { tls_1_2, tls_1_3 };

struct TlsFiles {
  std::string certificate;  // PEM: ours, then those in between
  std::string key;          // PEM, without a password
  std::string authorities;  // PEM: who vouches for clients; empty: clients are not asked for certificates
  TlsVersion least = TlsVersion::tls_1_2;
};

// Certificate, key and rules; immutable, may be used by all cores. Must outlive its engines.
class TlsContext {
 public:
  // An error is a sentence that names the file.
  static Result<std::unique_ptr<TlsContext>, std::string> load(const TlsFiles& files);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext();

  // The certificate's hash as channel binding wants it (RFC 5929, tls-server-end-point); empty where the
  // certificate's signature has no hash of its own.
  const std::string& end_point() const { return end_point_; }
  ssl_ctx_st* native() const { return context_; }

 private:
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}

  ssl_ctx_st* const context_;
  std::string end_point_;
};

// One connection. One core only.
class TlsEngine {
 public:
  // A `direct` one began without an SSLRequest and must name the protocol by ALPN.
  enum class Start : std::uint8_t { requested, direct };
  enum class State : std::uint8_t {
    handshake,
    open,
    closed,  // the peer has said goodbye
    failed,  // see error()
  };
  // Where clear bytes go; they are valid during the call only. False: no more, please.
  class Reader {
   public:
    virtual bool on_clear(std::span<const char> bytes) = 0;

   protected:
    ~Reader() = default;
  };

  TlsEngine(const TlsContext& context, Start start);
  TlsEngine(const TlsEngine&) = delete;
  TlsEngine& operator=(const TlsEngine&) = delete;
  ~TlsEngine();

  // Takes all of `bytes`: a handshake goes on, then clear bytes are handed to `reader`.
  void feed(std::span<const char> bytes, Reader& reader);
  // Encrypts into output(). Only when open.
  void write(std::string_view clear);
  // Says goodbye, into output().
  void close();

  State state() const { return state_; }
  const std::string& error() const { return error_; }  // why it failed, for the log
  // What the peer is to be sent; the owner takes it off by swapping or clearing.
  OutBuffer& output() { return output_; }

  // Once open: the verified client certificate's common name. Null without a certificate; empty where the
  // name is missing or not to be trusted.
  std::optional<std::string> client_name() const;
  std::string version() const;  // "TLSv1.3"
  std::string cipher() const;
  int bits() const;

 private:
  friend struct TlsPipe;

  void shake_hands();
  void read_all(Reader& reader);
  void fail(std::string_view doing);

  ssl_st* ssl_;
  const Start start_;
  State state_ = State::handshake;
  std::span<const char> input_;  // of the feed() under way, not yet taken
  OutBuffer output_;
  std::string error_;
};

}  // namespace gyre::pgwire
