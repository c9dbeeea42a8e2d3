// A client's socket and its session: carries bytes between them and holds either back when the other cannot
// keep up.
//
// Ends when both halves have let go: the session is not busy and the stream is released. The shard then frees
// it.
#pragma once

#include <cstdint>

#include "adapter/session/session.h"
#include "reactor/backend.h"
#include "reactor/loop.h"
#include "reactor/run_queue.h"
#include "reactor/timer.h"

namespace gyre::adapter {

class Connection;

class ConnectionOwner {
 public:
  virtual void on_connection_over(Connection& connection) = 0;  // may be destroyed now

 protected:
  ~ConnectionOwner() = default;
};

class Connection final : public reactor::Stream,
                         public reactor::Flushable,
                         public SessionHost,
                         private reactor::Timer {
 public:
  Connection(SessionCore& core, ConnectionOwner& owner, SessionId id, std::uint32_t secret,
             Entrance entrance);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start(int fd);
  Session& session() { return session_; }
  // Ends the connection without a word.
  void abort();

  // reactor::Stream
  void on_data(std::span<const char> bytes) override;
  void on_closed(int error) override;
  void on_sent() override;
  void on_released() override;
  // reactor::Flushable
  Outcome flush() override;
  // SessionHost
  void on_output() override { core_.loop.mark_dirty(*this); }
  void on_appetite() override;
  void on_idle() override;

 private:
  static constexpr std::size_t kKeptBuffer = 16 * 1024;  // a larger out buffer is given back once it is empty
  static constexpr std::uint64_t kLoginTimeoutUs = 60'000'000;

  void on_timer() override;  // not logged in in time
  void end_if_over();
  void sent();

  SessionCore& core_;
  ConnectionOwner& owner_;
  Session session_;
  OutBuffer sending_;  // belongs to the kernel while a send is pending
  bool started_ = false;
  bool reading_ = true;
  bool released_ = false;
  bool over_ = false;
};

}  // namespace gyre::adapter
