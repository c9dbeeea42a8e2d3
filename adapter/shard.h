// One core's share of the server: its loop, its listeners, its connections and what their sessions have in
// common.
//
// A connection lives on one shard from its first byte to its last. A shard that has more connections than
// another hands a new one over before it has read anything of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "adapter/access/login_throttle.h"
#include "adapter/access/tally.h"
#include "adapter/connection.h"
#include "adapter/http/console_page.h"
#include "adapter/http/metrics_page.h"
#include "adapter/mesh.h"
#include "adapter/process_memory.h"
#include "adapter/session/core.h"
#include "adapter/session/survey.h"

namespace gyre::adapter {

struct ShardOptions {
  const Access* access = nullptr;        // at start; lives until the end
  Checkpointer* checkpointer = nullptr;  // null: nothing is durable
  std::uint64_t login_timeout_us = 60'000'000;
  std::uint32_t max_pending_logins = 4096;        // on this shard
  std::uint32_t max_connections_per_address = 0;  // over all shards; 0: no limit
  std::uint32_t cancels_per_second = 1000;        // on this shard
  std::uint64_t most_login_delay_us = 2'000'000;  // of a failed login's answer; 0: none
  std::uint64_t address_seed = 0;                 // the same on all shards
  LogFormat log_format = LogFormat::stderr_lines;
  std::size_t plan_cache_bytes = 32 * 1024 * 1024;
  std::size_t statement_memory = SIZE_MAX;
  std::uint64_t memory_limit = 0;  // of the whole process; 0: none
  bool shared_timeline = false;    // other servers may take the timeline over
  std::uint32_t max_message_bytes = 64 * 1024 * 1024;
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
  Admission admit(const Role& role) override;
  void dismiss(RoleId role) override;
  void survey(SessionSurvey& survey) override;
  void signal(SessionId session, SessionSignal signal) override;
  void read_timestamp(OracleTicket& ticket, ReadMode mode) override { read_timestamps_.wait(ticket, mode); }
  void forget(OracleTicket& ticket) override { read_timestamps_.forget(ticket); }
  std::uint64_t on_refused(const Peer& peer, std::string_view user, std::string_view message,
                           Refusal why) override;

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
  // Connections that have ended. Whoever says so is a member of one: it goes when the stack is clear, or with
  // the shard, whose last turn may be over by then.
  class ConnectionsOver final : public reactor::Task {
   public:
    explicit ConnectionsOver(reactor::Loop& loop) : loop_(loop) {}
    void add(std::unique_ptr<Connection> body) {
      bodies_.push_back(std::move(body));
      loop_.post(*this);
    }
    void run() override;
    void clear() { bodies_.clear(); }

   private:
    reactor::Loop& loop_;
    std::vector<std::unique_ptr<Connection>> bodies_;
  };

  void on_message(const CoreMessage& message) override;
  void on_connection_over(Connection& connection) override;
  void on_logged_in(Connection& connection) override;
  void on_turn_start() override;
  void on_before_sleep() override;
  void on_second();
  void on_accept(int fd, Entrance entrance);
  void adopt(int fd, Entrance entrance);
  void tell_count();
  void tell(CoreMessage::Kind kind, std::uint32_t key, std::uint32_t count);
  bool has_room_for(const Peer& peer);
  void count_address(const Peer& peer, int change);
  std::uint32_t address_key(const Peer& peer) const;
  void make_room();
  bool cancel_allowed();
  void pass_cancel(SessionId session, std::uint32_t secret);
  void put_in_force(const Access& access);
  void drain();
  void hurry();
  void end_if_drained();
  void fill(MetricsSnapshot& snapshot);
  void fill(Activity& activity);
  void describe_sessions(SessionSurvey& survey);
  void on_surveyed(SessionSurvey& survey);
  void ask_oracle_core(SessionSurvey& survey);
  void on_completed(OracleSurvey& survey);
  Connection* find(SessionId session);
  SessionId next_session_id();

  const ShardId id_;
  reactor::Loop& loop_;
  Mesh& mesh_;
  const ShardOptions options_;
  MeshPort port_;
  SessionCore core_;
  ReadTimestamps read_timestamps_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  std::unordered_map<std::uint32_t, std::unique_ptr<Connection>> connections_;  // by session id
  ConnectionsOver over_{loop_};
  std::vector<std::unique_ptr<OracleSurvey>> surveys_;  // with the oracle core
  std::vector<std::uint32_t> counts_;    // connections of each shard, as far as known
  std::vector<std::uint32_t> admitted_;  // of which logged in
  Tally roles_, addresses_;
  reactor::IntrusiveList<Connection::Pending> pending_;  // not logged in, in order of arrival
  std::uint32_t pending_count_ = 0;
  LoginThrottle throttle_;
  ProcessMemory memory_;
  std::uint32_t cancels_left_ = 0;    // of this second
  std::uint32_t log_lines_left_ = 0;  // of this second, about refused logins
  std::uint64_t unlogged_ = 0;        // refused logins that found none left
  std::uint32_t next_session_ = 1;
  EachSecond each_second_{*this};
  bool asleep_ = true;  // the hold is idle
  bool draining_ = false;
  bool told_drained_ = false;
};

}  // namespace gyre::adapter
