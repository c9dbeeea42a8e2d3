// Input: what arrives on a fresh connection of a server with TLS, whose first byte says how it is cut into
// pieces. What a connection does with it: a start-up packet, an SSLRequest that is granted, or a handshake at
// once.
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "pgwire/framer.h"
#include "pgwire/startup.h"
#include "pgwire/tls.h"
#include "reactor/base/check.h"

namespace {

using namespace gyre::pgwire;  // NOLINT: a test of exactly these names

const TlsContext& context() {
  static const std::unique_ptr<TlsContext> made = [] {
    EVP_PKEY* const key = EVP_EC_gen("P-256");
    X509* const certificate = X509_new();
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_sign(certificate, key, EVP_sha256());
    char name[] = "/tmp/gyre-fuzz-XXXXXX";
    const int fd = ::mkstemp(name);
    std::FILE* const file = ::fdopen(fd, "w");
    PEM_write_X509(file, certificate);
    PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
    auto loaded = TlsContext::load({name, name, "", TlsVersion::tls_1_2});
    ::unlink(name);
    GYRE_CHECK(loaded.has_value());
    return std::move(*loaded);
  }();
  return *made;
}

// A connection's beginning, as adapter/connection.cc and adapter/session/login.cc have it.
class Beginning final : public TlsEngine::Reader {
 public:
  void on_data(std::span<const char> bytes) {
    if (over_) return;
    if (fresh_ && !bytes.empty() && bytes.front() == kTlsHandshakeByte) {
      engine_.emplace(context(), TlsEngine::Start::direct);
      machine_.on_encrypted();
    }
    fresh_ = false;
    if (!engine_) return on_clear_bytes(bytes);
    engine_->feed(bytes, *this);
    over_ = engine_->state() == TlsEngine::State::failed || engine_->state() == TlsEngine::State::closed;
    GYRE_CHECK(engine_->state() != TlsEngine::State::failed || !engine_->error().empty());
    GYRE_CHECK(engine_->output().size() < 64 * 1024);
    engine_->output().clear();
  }
  bool on_clear(std::span<const char> bytes) override {
    on_clear_bytes(bytes);
    return !over_;
  }

 private:
  void on_clear_bytes(std::span<const char> bytes) {
    input_.feed(bytes);
    while (!over_) {
      const FrameResult result = input_.next();
      if (result.status == FrameStatus::need_more) return;
      if (result.status == FrameStatus::error) break;
      const StartupDecision decision = machine_.on_packet(result.frame.body);
      const auto* const reply = std::get_if<ReplyByte>(&decision);
      if (reply == nullptr) break;
      GYRE_CHECK(!engine_);  // within TLS nobody is offered any
      if (reply->asked != Encryption::ssl) continue;
      if (!check_nothing_follows(reply->asked, input_.buffered())) break;
      machine_.on_encrypted();
      engine_.emplace(context(), TlsEngine::Start::requested);
      return;
    }
    over_ = true;
  }

  InputAssembler input_;
  StartupMachine machine_;
  std::optional<TlsEngine> engine_;
  bool fresh_ = true;
  bool over_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t piece = data[0] + 1u;
  std::span<const char> rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  Beginning beginning;
  while (!rest.empty()) {
    const std::span<const char> part = rest.first(std::min(piece, rest.size()));
    beginning.on_data(part);
    rest = rest.subspan(part.size());
  }
  return 0;
}
