// OpenSSL reads and writes through a BIO. Ours (TlsPipe) has no memory: it reads from the bytes of the feed()
// under way and writes to the engine's out buffer, so nothing is copied on the way and an idle connection
// keeps no buffers (SSL_MODE_RELEASE_BUFFERS gives back the library's own).
//
// What is off: compression, renegotiation, session tickets and resumption (a login asks for a round trip
// more, and no ticket key has to be kept and turned), everything below TLS 1.2, ciphers without forward
// secrecy or AEAD.
#include "pgwire/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "pgwire/utf8.h"
#include "reactor/base/check.h"

namespace gyre::pgwire {

namespace {

constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM";  // of TLS 1.2
constexpr std::size_t kReadPiece = 16 * 1024;                               // a record's most
constexpr long kLongestChain = 64 * 1024;  // bytes of a client's certificates

// The newest error of the library, and forgets the others.
std::string library_error() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "unknown error";
  if (const char* const reason = ERR_reason_error_string(code)) return reason;
  return "error " + std::to_string(code);
}

// A key that others may read is no secret. As in PostgreSQL, one of root's may be readable for a group.
std::string check_key_file(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0)
    return "private key file \"" + path + "\" cannot be read: " + std::strerror(errno);
  if (!S_ISREG(facts.st_mode)) return "private key file \"" + path + "\" is not a regular file";
  if (facts.st_uid != ::geteuid() && facts.st_uid != 0)
    return "private key file \"" + path + "\" must be owned by the server's user or root";
  const mode_t forbidden =
      facts.st_uid == ::geteuid() && facts.st_uid != 0 ? S_IRWXG | S_IRWXO : S_IWGRP | S_IXGRP | S_IRWXO;
  if ((facts.st_mode & forbidden) != 0)
    return "private key file \"" + path +
           "\" has group or world access: it needs the mode 0600, or 0640 if root owns it";
  return {};
}

// A server cannot be asked for a key's password.
int no_password(char*, int, int, void*) {
  return -1;
}

// The certificate's own signature says which hash; weak ones are replaced by SHA-256 (RFC 5929, 4.1).
std::string end_point_of(const X509* certificate) {
  int digest = NID_undef;
  if (X509_get_signature_info(const_cast<X509*>(certificate), &digest, nullptr, nullptr, nullptr) != 1 ||
      digest == NID_undef)
    return {};
  if (digest == NID_md5 || digest == NID_sha1) digest = NID_sha256;
  const EVP_MD* const algorithm = EVP_get_digestbynid(digest);
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (algorithm == nullptr || X509_digest(certificate, algorithm, hash, &size) != 1) return {};
  return {reinterpret_cast<const char*>(hash), size};
}

// A client that names protocols must name ours; one that names none is judged after the handshake.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned offered_size, void*) {
  std::string_view rest(reinterpret_cast<const char*>(offered), offered_size);
  while (!rest.empty()) {
    const auto size = static_cast<unsigned char>(rest.front());
    const std::string_view name = rest.substr(1, size);
    if (name == kAlpnPostgresql) {
      *chosen = reinterpret_cast<const unsigned char*>(name.data());
      *chosen_size = size;
      return SSL_TLSEXT_ERR_OK;
    }
    rest.remove_prefix(std::min<std::size_t>(1 + std::size_t{size}, rest.size()));
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

// The BIO's methods.
struct TlsPipe {
  static TlsEngine& engine(BIO* bio) { return *static_cast<TlsEngine*>(BIO_get_data(bio)); }
  static int read(BIO* bio, char* to, int size) {
    std::span<const char>& input = engine(bio).input_;
    BIO_clear_retry_flags(bio);
    if (input.empty()) {
      BIO_set_retry_read(bio);
      return -1;
    }
    const std::size_t taken = std::min(input.size(), static_cast<std::size_t>(size));
    std::memcpy(to, input.data(), taken);
    input = input.subspan(taken);
    return static_cast<int>(taken);
  }
  static int write(BIO* bio, const char* from, int size) {
    BIO_clear_retry_flags(bio);
    engine(bio).output_.append(from, static_cast<std::size_t>(size));
    return size;
  }
  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static const BIO_METHOD* method() {
    static const BIO_METHOD* const made = [] {
      BIO_METHOD* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "pipe");
      BIO_meth_set_read(method, read);
      BIO_meth_set_write(method, write);
      BIO_meth_set_ctrl(method, control);
      return method;
    }();
    return made;
  }
};

// ---- the context ----

Result<std::unique_ptr<TlsContext>, std::string> TlsContext::load(const TlsFiles& files) {
  const auto failed = [](const std::string& what) { return Unexpected{what + ": " + library_error()}; };
  ERR_clear_error();
  std::unique_ptr<TlsContext> out(new TlsContext(SSL_CTX_new(TLS_server_method())));
  SSL_CTX* const context = out->context_;
  if (context == nullptr) return failed("TLS cannot be set up");
  SSL_CTX_set_min_proto_version(context,
                                files.least == TlsVersion::tls_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_max_cert_list(context, kLongestChain);
  SSL_CTX_set_default_passwd_cb(context, no_password);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  if (SSL_CTX_set_cipher_list(context, kCiphers) != 1) return failed("TLS ciphers cannot be set");

  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1)
    return failed("certificate file \"" + files.certificate + "\" cannot be loaded");
  if (std::string error = check_key_file(files.key); !error.empty()) return Unexpected{std::move(error)};
  if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    return failed("private key file \"" + files.key + "\" cannot be loaded");
  if (SSL_CTX_check_private_key(context) != 1)
    return failed("private key file \"" + files.key + "\" does not fit the certificate");
  if (!files.authorities.empty()) {
    STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(files.authorities.c_str());
    if (names == nullptr || SSL_CTX_load_verify_locations(context, files.authorities.c_str(), nullptr) != 1)
      return failed("certificate authorities' file \"" + files.authorities + "\" cannot be loaded");
    SSL_CTX_set_client_CA_list(context, names);
    // Asked for, not insisted on: which connections need one, the access rules say.
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, nullptr);
  }
  out->end_point_ = end_point_of(SSL_CTX_get0_certificate(context));
  return out;
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

// ---- a connection ----

TlsEngine::TlsEngine(const TlsContext& context, Start start)
    : ssl_(SSL_new(context.native())), start_(start) {
  GYRE_CHECK(ssl_ != nullptr);
  BIO* const pipe = BIO_new(TlsPipe::method());
  BIO_set_data(pipe, this);
  BIO_set_init(pipe, 1);
  SSL_set_bio(ssl_, pipe, pipe);
  SSL_set_accept_state(ssl_);
}

TlsEngine::~TlsEngine() {
  SSL_free(ssl_);
}

void TlsEngine::fail(std::string_view doing) {
  state_ = State::failed;
  error_ = std::string(doing) + ": " + library_error();
}

void TlsEngine::shake_hands() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  if (result != 1) {
    if (const int why = SSL_get_error(ssl_, result); why != SSL_ERROR_WANT_READ) fail("TLS handshake");
    return;
  }
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &protocol, &size);
  if (start_ == Start::direct && size == 0) {
    state_ = State::failed;
    error_ = "direct TLS connection without ALPN protocol negotiation extension";
    return;
  }
  state_ = State::open;
}

void TlsEngine::feed(std::span<const char> bytes, Reader& reader) {
  input_ = bytes;
  if (state_ == State::handshake) shake_hands();
  if (state_ == State::open) read_all(reader);
  input_ = {};
}

void TlsEngine::read_all(Reader& reader) {
  char piece[kReadPiece];
  while (true) {
    ERR_clear_error();
    std::size_t size = 0;
    if (SSL_read_ex(ssl_, piece, sizeof piece, &size) == 1) {
      if (!reader.on_clear({piece, size})) return;
      continue;
    }
    switch (SSL_get_error(ssl_, 0)) {
      case SSL_ERROR_WANT_READ:
        return;
      case SSL_ERROR_ZERO_RETURN:
        state_ = State::closed;
        return;
      default:
        fail("TLS record");
        return;
    }
  }
}

void TlsEngine::write(std::string_view clear) {
  if (state_ != State::open || clear.empty()) return;
  ERR_clear_error();
  std::size_t written = 0;
  if (SSL_write_ex(ssl_, clear.data(), clear.size(), &written) != 1 || written != clear.size())
    fail("TLS record");
}

void TlsEngine::close() {
  if (state_ != State::open) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

std::optional<std::string> TlsEngine::client_name() const {
  X509* const certificate = SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr || SSL_get_verify_result(ssl_) != X509_V_OK) return std::nullopt;
  X509_NAME* const subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return std::string();
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (size < 0) return std::string();
  std::string name(reinterpret_cast<char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  // A zero byte within would make other readers see another name.
  if (!is_valid_utf8(name)) name.clear();
  return name;
}

std::string TlsEngine::version() const {
  return SSL_get_version(ssl_);
}
std::string TlsEngine::cipher() const {
  return SSL_get_cipher_name(ssl_);
}
int TlsEngine::bits() const {
  return SSL_get_cipher_bits(ssl_, nullptr);
}

}  // namespace gyre::pgwire
