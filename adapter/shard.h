// One core's share of the server: its loop, its listeners, its connections and what their sessions have in
// common.
//
// A connection lives on one shard from its first byte to its last. A shard that has more connections than
// another hands a new one over before it has read anything of it.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "adapter/connection.h"
#include "adapter/http/metrics_page.h"
#include "adapter/mesh.h"
#include "adapter/session/core.h"

namespace gyre::adapter {

struct ShardOptions {
  std::size_t plan_cache_bytes = 32 * 1024 * 1024;
  std::size_t statement_memory = SIZE_MAX;
  std::uint32_t max_connections = 5000;
  int processor = -1;  // kernel number; -1: not pinned
};

struct Listener {
  int fd;
  Entrance entrance;
};

class Shard final : public SessionServices,
                    private ConnectionOwner,
                    private MeshPort::Handler,
                    private reactor::LoopObserver {
 public:
  // On the shard's own thread, as everything below.
  Shard(ShardId id, reactor::Loop& loop, Mesh& mesh, const oracle::PublishedState& published,
        oracle::ReadHolds& holds, const ShardOptions& options, std::vector<Listener> listeners);
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;
  ~Shard() override;

  void start();  // begins to accept

  // SessionServices
  void submit(CoordinatorCall& call) override;
  void cancel_wait(std::uint32_t backend, std::uint32_t sequence) override;
  void cancel(SessionId session, std::uint32_t secret) override;
  bool admit(bool superuser) override;
  void dismiss() override;

 private:
  // Accepts on one listening socket.
  class Acceptor final : public reactor::AcceptHandler {
   public:
    Acceptor(Shard& shard, Listener listener) : shard_(shard), listener_(listener) {}
    const Listener& listener() const { return listener_; }
    void on_accept(int fd) override { shard_.on_accept(fd, listener_.entrance); }
    void on_accept_refused(int fd) override;
    void on_accept_stopped() override { stopped = true; }
    bool stopped = false;

   private:
    Shard& shard_;
    const Listener listener_;
  };
  class EachSecond final : public reactor::Timer {
   public:
    explicit EachSecond(Shard& shard) : shard_(shard) {}
    void on_timer() override { shard_.on_second(); }

   private:
    Shard& shard_;
  };

  void on_message(const CoreMessage& message) override;
  void on_connection_over(Connection& connection) override;
  void on_turn_start() override;
  void on_before_sleep() override;
  void on_second();
  void on_accept(int fd, Entrance entrance);
  void adopt(int fd, Entrance entrance);
  void tell_count();
  void drain();
  void hurry();
  void end_if_drained();
  void fill(MetricsSnapshot& snapshot);
  Connection* find(SessionId session);
  SessionId next_session_id();

  const ShardId id_;
  reactor::Loop& loop_;
  Mesh& mesh_;
  const ShardOptions options_;
  MeshPort port_;
  SessionCore core_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  std::unordered_map<std::uint32_t, std::unique_ptr<Connection>> connections_;  // by session id
  std::vector<std::uint32_t> counts_;    // connections of each shard, as far as known
  std::vector<std::uint32_t> admitted_;  // of which logged in
  std::mt19937_64 random_;
  std::uint32_t next_session_ = 1;
  EachSecond each_second_{*this};
  bool asleep_ = true;  // the hold is idle
  bool draining_ = false;
  bool told_drained_ = false;
};

}  // namespace gyre::adapter
