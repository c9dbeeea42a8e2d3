// A server that sends back what it receives, with backpressure: the smallest user of everything a backend
// offers.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "reactor/loop.h"

namespace gyre::test {

class EchoServer;

class EchoConnection final : public reactor::Stream, public reactor::Flushable {
 public:
  EchoConnection(EchoServer& server, std::uint64_t id) : server_(server), id_(id) {}

  void on_data(std::span<const char> bytes) override;
  void on_closed(int error) override;
  void on_sent() override;
  void on_released() override;
  Outcome flush() override;

  std::size_t held() const { return pending_.size() + sending_bytes_.size(); }
  bool paused() const { return paused_; }
  // The server's own idea to end the connection.
  void hang_up(bool when_sent);

 private:
  void sent();

  EchoServer& server_;
  const std::uint64_t id_;
  std::string pending_;        // to be sent next
  std::string sending_bytes_;  // being sent: must stay put
  bool paused_ = false;
  bool peer_done_ = false;
  bool told_error_ = false;
};

class EchoServer final : public reactor::AcceptHandler {
 public:
  static constexpr std::size_t kHighWater = 64 * 1024;
  static constexpr std::size_t kLowWater = 16 * 1024;

  explicit EchoServer(reactor::Loop& server_loop) : loop(server_loop) {}

  void on_accept(int fd) override;
  void on_accept_error(int error) override { accept_errors.push_back(error); }
  void on_accept_refused(int fd) override;
  void on_accept_stopped() override { stopped = true; }

  void close_all() {
    for (auto& [id, connection] : connections) connection->hang_up(false);
  }

  reactor::Loop& loop;
  std::map<std::uint64_t, std::unique_ptr<EchoConnection>> connections;  // by order of acceptance
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;
  std::uint64_t released = 0;
  std::uint64_t ended = 0;   // on_closed(0)
  std::uint64_t failed = 0;  // on_closed(errno)
  std::size_t largest_held = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t trace = 14695981039346656037u;  // a hash of all that happened, in order
  std::vector<int> accept_errors;
  bool stopped = false;

  void note(std::uint64_t what) { trace = (trace ^ what) * 1099511628211u; }
};

}  // namespace gyre::test
