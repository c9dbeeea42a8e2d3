// A client's socket and its session: carries bytes between them and holds either back when the other cannot
// keep up.
//
// With TLS the bytes go through an engine on their way, both ways. Handshakes cost up to a millisecond of the
// core each and are done as tasks, which a turn's budget bounds; everything else happens where the bytes
// arrive.
//
// Ends when both halves have let go: the session is not busy and the stream is released. The shard then frees
// it.
#pragma once

#include <cstdint>
#include <memory>

#include "adapter/access/peer.h"
#include "adapter/session/session.h"
#include "pgwire/tls.h"
#include "reactor/backend.h"
#include "reactor/loop.h"
#include "reactor/run_queue.h"
#include "reactor/timer.h"

namespace gyre::adapter {

class Connection;

class ConnectionOwner {
 public:
  virtual void on_connection_over(Connection& connection) = 0;  // may be destroyed now
  virtual void on_logged_in(Connection& connection) = 0;

 protected:
  ~ConnectionOwner() = default;
};

class Connection final : public reactor::Stream,
                         public reactor::Flushable,
                         public SessionHost,
                         private pgwire::TlsEngine::Reader,
                         private reactor::Timer {
 public:
  Connection(SessionCore& core, ConnectionOwner& owner, SessionId id, std::uint32_t secret, Entrance entrance,
             Peer peer);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start(int fd);
  Session& session() { return session_; }
  // Ends the connection without a word.
  void abort();

  // Its place in the order of arrival, until it is logged in.
  class Pending final : public reactor::ListHook<Pending> {
   public:
    explicit Pending(Connection& owner) : connection(owner) {}
    Connection& connection;
  };
  Pending& pending() { return pending_; }

  // reactor::Stream
  void on_data(std::span<const char> bytes) override;
  void on_data_ahead(std::span<const char> bytes) override {
    if (input_ == Input::clear && session_.foresees()) session_.foresee(bytes);
  }
  void on_closed(int error) override;
  void on_sent() override;
  void on_released() override;
  // reactor::Flushable
  Outcome flush() override;
  // SessionHost
  void on_output() override { core_.loop.mark_dirty(*this); }
  void on_appetite() override;
  void on_idle() override;
  void on_logged_in() override;
  const Peer& peer() const override { return peer_; }
  bool can_encrypt() const override { return tls_ == nullptr && core_.access->tls != nullptr; }
  void begin_encryption() override;

 private:
  static constexpr std::size_t kKeptBuffer = 16 * 1024;  // a larger out buffer is given back once it is empty

  static constexpr std::size_t kMostHandshakeInput =
      128 * 1024;                                               // bytes; a chain of certificates is the most
  static constexpr std::size_t kMostUnaskedOutput = 64 * 1024;  // answers to key updates that are not taken

  // The first bytes say whether there are more to come in clear.
  enum class Input : std::uint8_t { fresh, clear, encrypted };
  class Handshake final : public reactor::Task {
   public:
    explicit Handshake(Connection& connection) : connection_(connection) {}
    void run() override { connection_.shake_hands(); }

   private:
    Connection& connection_;
  };

  void on_timer() override;  // not logged in in time
  void on_unusual_data(std::span<const char> bytes);
  void begin_encryption(pgwire::TlsEngine::Start start);
  void shake_hands();
  void decrypt(std::span<const char> bytes);
  bool on_clear(std::span<const char> bytes) override;
  void learn_of_peer();
  Outcome flush_encrypted();
  void end_if_over();
  void sent();

  SessionCore& core_;
  ConnectionOwner& owner_;
  Peer peer_;
  Session session_;
  Pending pending_{*this};
  OutBuffer sending_;                       // belongs to the kernel while a send is pending
  std::unique_ptr<pgwire::TlsEngine> tls_;  // null: in clear
  OutBuffer handshake_input_;
  Handshake handshake_{*this};
  Input input_ = Input::fresh;
  bool started_ = false;
  bool reading_ = true;
  bool released_ = false;
  bool over_ = false;
};

}  // namespace gyre::adapter
