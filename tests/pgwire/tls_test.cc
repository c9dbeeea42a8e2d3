// TLS as bytes: an OpenSSL client and our engine talk through two strings, in pieces of every size.
#include "pgwire/tls.h"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace gyre::pgwire {
namespace {

using Start = TlsEngine::Start;
using State = TlsEngine::State;

struct Identity {
  X509* certificate = nullptr;
  EVP_PKEY* key = nullptr;
};

// A certificate signed by `issuer`, or by itself.
Identity make_identity(const std::string& name, const Identity* issuer = nullptr, bool authority = false) {
  Identity made;
  made.key = EVP_EC_gen("P-256");
  made.certificate = X509_new();
  X509_set_version(made.certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.certificate), issuer == nullptr ? 1 : 2);
  X509_gmtime_adj(X509_getm_notBefore(made.certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(made.certificate), 3600);
  X509_set_pubkey(made.certificate, made.key);
  X509_NAME* const subject = X509_get_subject_name(made.certificate);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.data()),
                             static_cast<int>(name.size()), -1, 0);
  X509_set_issuer_name(made.certificate,
                       issuer == nullptr ? subject : X509_get_subject_name(issuer->certificate));
  if (authority) {
    X509_EXTENSION* const basic =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "critical,CA:TRUE");
    X509_add_ext(made.certificate, basic, -1);
    X509_EXTENSION_free(basic);
  }
  X509_sign(made.certificate, issuer == nullptr ? made.key : issuer->key, EVP_sha256());
  return made;
}

class Tls : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    authority = make_identity("authority", nullptr, true);
    server = make_identity("localhost", &authority);
    alice = make_identity("alice", &authority);
    stranger = make_identity("mallory");
    char name[] = "/tmp/gyre-tls-XXXXXX";
    directory = ::mkdtemp(name);
    write("ca.pem", authority, nullptr);
    write("cert.pem", server, nullptr);
    write("key.pem", {}, server.key);
    write("other.pem", {}, alice.key);
  }
  static void TearDownTestSuite() {
    for (const char* file : {"ca.pem", "cert.pem", "key.pem", "other.pem"}) ::unlink(path(file).c_str());
    ::rmdir(directory.c_str());
    for (Identity* identity : {&authority, &server, &alice, &stranger}) {
      X509_free(identity->certificate);
      EVP_PKEY_free(identity->key);
    }
  }
  static std::string path(const std::string& name) { return directory + "/" + name; }
  static void write(const std::string& name, const Identity& identity, EVP_PKEY* key) {
    std::FILE* const file = std::fopen(path(name).c_str(), "w");
    if (identity.certificate != nullptr) PEM_write_X509(file, identity.certificate);
    if (key != nullptr) PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    ::chmod(path(name).c_str(), 0600);
  }
  static TlsFiles files() { return {path("cert.pem"), path("key.pem"), path("ca.pem"), TlsVersion::tls_1_2}; }
  static std::unique_ptr<TlsContext> context(const TlsFiles& from = files()) {
    auto loaded = TlsContext::load(from);
    EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error());
    return loaded ? std::move(*loaded) : nullptr;
  }
  static std::string error(const TlsFiles& from) {
    auto loaded = TlsContext::load(from);
    return loaded ? "" : loaded.error();
  }

  static inline Identity authority, server, alice, stranger;
  static inline std::string directory;
};

// The other end: OpenSSL with memory BIOs, on purpose not our code.
class TlsClient {
 public:
  explicit TlsClient(const Identity* identity = nullptr, bool alpn = true, int newest = TLS1_3_VERSION) {
    context_ = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(context_, 0);  // so that old versions can be tried
    SSL_CTX_set_max_proto_version(context_, newest);
    if (identity != nullptr) {
      SSL_CTX_use_certificate(context_, identity->certificate);
      SSL_CTX_use_PrivateKey(context_, identity->key);
    }
    ssl_ = SSL_new(context_);
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_, in_, out_);
    if (alpn) offer("postgresql");
    SSL_set_connect_state(ssl_);
  }
  ~TlsClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  void offer(const std::string& protocol) {
    const std::string list = std::string(1, static_cast<char>(protocol.size())) + protocol;
    SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(list.data()),
                        static_cast<unsigned>(list.size()));
  }
  void step() { SSL_do_handshake(ssl_); }
  bool done() const { return SSL_is_init_finished(ssl_) == 1; }
  void hear(std::string_view bytes) { BIO_write(in_, bytes.data(), static_cast<int>(bytes.size())); }
  std::string speak() {
    std::string out(static_cast<std::size_t>(BIO_pending(out_)), '\0');
    if (!out.empty()) BIO_read(out_, out.data(), static_cast<int>(out.size()));
    return out;
  }
  void write(std::string_view text) { SSL_write(ssl_, text.data(), static_cast<int>(text.size())); }
  std::string read() {
    std::string out;
    char piece[4096];
    for (int size; (size = SSL_read(ssl_, piece, sizeof piece)) > 0;)
      out.append(piece, static_cast<std::size_t>(size));
    return out;
  }
  void close() { SSL_shutdown(ssl_); }
  void update_key() { SSL_key_update(ssl_, SSL_KEY_UPDATE_REQUESTED); }
  SSL* native() { return ssl_; }

 private:
  SSL_CTX* context_;
  SSL* ssl_;
  BIO *in_, *out_;
};

class Collector final : public TlsEngine::Reader {
 public:
  bool on_clear(std::span<const char> bytes) override {
    text.append(bytes.data(), bytes.size());
    return true;
  }
  std::string text;
};

std::string take(TlsEngine& engine) {
  std::string out(engine.output().view());
  engine.output().clear();
  return out;
}

// Lets both talk until neither has anything to say; `piece` bytes at a time reach the engine.
void talk(TlsClient& client, TlsEngine& engine, Collector& heard, std::size_t piece = SIZE_MAX) {
  for (int round = 0; round < 10; ++round) {
    client.step();
    const std::string spoken = client.speak();
    for (std::size_t at = 0; at < spoken.size(); at += std::min(piece, spoken.size() - at))
      engine.feed(std::span(spoken).subspan(at, std::min(piece, spoken.size() - at)), heard);
    const std::string answer = take(engine);
    client.hear(answer);
    if (spoken.empty() && answer.empty()) return;
  }
}

TEST_F(Tls, BytesGoBothWaysInPiecesOfAnySize) {
  const auto tls = context();
  for (const std::size_t piece : {std::size_t{1}, std::size_t{5}, std::size_t{100}, SIZE_MAX}) {
    TlsClient client;
    TlsEngine engine(*tls, Start::requested);
    Collector heard;
    talk(client, engine, heard, piece);
    ASSERT_EQ(engine.state(), State::open) << engine.error();
    ASSERT_TRUE(client.done());
    EXPECT_EQ(engine.version(), "TLSv1.3");
    EXPECT_GE(engine.bits(), 128);
    const std::string long_text(100'000, 'x');
    client.write("hello ");
    client.write(long_text);
    talk(client, engine, heard, piece);
    EXPECT_EQ(heard.text, "hello " + long_text);
    engine.write(long_text);
    engine.write("!");
    client.hear(take(engine));
    EXPECT_EQ(client.read(), long_text + "!");
  }
}

TEST_F(Tls, OldVersionsAreRefused) {
  const auto tls = context();
  TlsFiles newest = files();
  newest.least = TlsVersion::tls_1_3;
  const auto strict = context(newest);
  for (const auto& [made, version, state] : {std::tuple(tls.get(), TLS1_3_VERSION, State::open),
                                             std::tuple(tls.get(), TLS1_2_VERSION, State::open),
                                             std::tuple(tls.get(), TLS1_1_VERSION, State::failed),
                                             std::tuple(strict.get(), TLS1_2_VERSION, State::failed)}) {
    TlsClient client(nullptr, true, version);
    TlsEngine engine(*made, Start::requested);
    Collector heard;
    talk(client, engine, heard);
    EXPECT_EQ(engine.state(), state) << version;
  }
}

TEST_F(Tls, DirectConnectionsMustNameTheProtocol) {
  const auto tls = context();
  const auto state = [&](Start start, const char* protocol) {
    TlsClient client(nullptr, false);
    if (protocol != nullptr) client.offer(protocol);
    TlsEngine engine(*tls, start);
    Collector heard;
    talk(client, engine, heard);
    return engine.state();
  };
  EXPECT_EQ(state(Start::direct, "postgresql"), State::open);
  EXPECT_EQ(state(Start::direct, nullptr), State::failed);
  EXPECT_EQ(state(Start::direct, "http/1.1"), State::failed);
  EXPECT_EQ(state(Start::requested, nullptr), State::open);
  EXPECT_EQ(state(Start::requested, "http/1.1"), State::failed);
}

TEST_F(Tls, ClientsMayShowCertificates) {
  const auto tls = context();
  const auto name = [&](const Identity* identity) -> std::pair<State, std::optional<std::string>> {
    TlsClient client(identity);
    TlsEngine engine(*tls, Start::requested);
    Collector heard;
    talk(client, engine, heard);
    return {engine.state(), engine.state() == State::open ? engine.client_name() : std::nullopt};
  };
  EXPECT_EQ(name(&alice), std::pair(State::open, std::optional<std::string>("alice")));
  EXPECT_EQ(name(nullptr), std::pair(State::open, std::optional<std::string>()));
  EXPECT_EQ(name(&stranger).first, State::failed);
}

TEST_F(Tls, AnEndIsToldFromACut) {
  const auto tls = context();
  TlsClient client;
  TlsEngine engine(*tls, Start::requested);
  Collector heard;
  talk(client, engine, heard);
  client.close();
  talk(client, engine, heard);
  EXPECT_EQ(engine.state(), State::closed);

  TlsClient other;
  TlsEngine second(*tls, Start::requested);
  talk(other, second, heard);
  second.close();
  other.hear(take(second));
  other.read();
  EXPECT_EQ(SSL_get_shutdown(other.native()), SSL_RECEIVED_SHUTDOWN);
}

TEST_F(Tls, ForeignBytesEndIt) {
  const auto tls = context();
  for (const std::string_view bytes :
       {std::string_view("\0\0\0\x08\x04\xd2\x16\x2f", 8), std::string_view("GET / HTTP/1.1\r\n")}) {
    TlsEngine engine(*tls, Start::requested);
    Collector heard;
    engine.feed(bytes, heard);
    EXPECT_EQ(engine.state(), State::failed);
    EXPECT_NE(engine.error(), "");
  }
  // A record that was changed on the way.
  TlsClient client;
  TlsEngine engine(*tls, Start::requested);
  Collector heard;
  talk(client, engine, heard);
  client.write("attack at dawn");
  std::string record = client.speak();
  record.back() = static_cast<char>(record.back() ^ 1);
  engine.feed(record, heard);
  EXPECT_EQ(engine.state(), State::failed);
  EXPECT_EQ(heard.text, "");
}

TEST_F(Tls, TheEndPointIsTheCertificatesHash) {
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  X509_digest(server.certificate, EVP_sha256(), hash, &size);
  EXPECT_EQ(context()->end_point(), std::string(reinterpret_cast<char*>(hash), size));
}

TEST_F(Tls, FilesAreChecked) {
  EXPECT_EQ(error(files()), "");
  TlsFiles wrong = files();
  wrong.certificate = path("missing.pem");
  EXPECT_NE(error(wrong).find("certificate file \"" + wrong.certificate + "\" cannot be loaded"),
            std::string::npos);
  wrong = files();
  wrong.key = path("missing.pem");
  EXPECT_NE(error(wrong).find("private key file \"" + wrong.key + "\" cannot be read"), std::string::npos);
  wrong.key = path("cert.pem");
  EXPECT_NE(error(wrong).find("cannot be loaded"), std::string::npos);
  wrong.key = path("other.pem");
  EXPECT_NE(error(wrong).find("private key file"), std::string::npos);
  wrong = files();
  wrong.authorities = path("key.pem");
  EXPECT_NE(error(wrong).find("certificate authorities' file"), std::string::npos);
  wrong = files();
  wrong.key = "/";
  EXPECT_NE(error(wrong).find("is not a regular file"), std::string::npos);
}

TEST_F(Tls, AKeyThatOthersMayReadIsRefused) {
  const std::string key = path("key.pem");
  for (const mode_t mode : {0644u, 0604u, 0602u, 0620u, 0601u}) {
    ::chmod(key.c_str(), mode);
    EXPECT_NE(error(files()).find("has group or world access"), std::string::npos) << mode;
  }
  ::chmod(key.c_str(), 0640);
  EXPECT_EQ(error(files()).empty(), ::geteuid() == 0);
  ::chmod(key.c_str(), 0400);
  EXPECT_EQ(error(files()), "");
  ::chmod(key.c_str(), 0600);
}

}  // namespace
}  // namespace gyre::pgwire
