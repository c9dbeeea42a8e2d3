// The oracle core: its loop, the coordinator, and the HTTP pages, for which it asks each shard for a copy of
// its figures.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "adapter/coordinator/coordinator.h"
#include "adapter/durability/checkpointer.h"
#include "adapter/durability/recovery.h"
#include "adapter/http/console_page.h"
#include "adapter/http/http_server.h"
#include "adapter/http/metrics_page.h"
#include "adapter/http/oracle_metrics.h"
#include "adapter/mesh.h"
#include "adapter/process_memory.h"
#include "oracle/commit_log.h"
#include "oracle/local_oracle.h"
#include "oracle/oracle_client.h"
#include "oracle/wal/thread.h"

namespace gyre::adapter {

class OracleCore final : private CallReturn,
                         private MeshPort::Handler,
                         private HttpHandler,
                         private oracle::OracleClient::Listener {
 public:
  enum class LogDriver : std::uint8_t {
    thread,  // the log has one of its own
    caller,  // whoever made the oracle core calls Writer::step(): simulations
  };
  // Where commits go to be durable; null: nowhere. Borrowed.
  struct Durable {
    oracle::wal::Writer* log = nullptr;
    Checkpointer* checkpointer = nullptr;
    const RecoveryFigures* recovery = nullptr;
    LogDriver driver = LogDriver::thread;
  };
  // On the oracle core's thread, as everything below. `on_drained` is called once all shards have no
  // connection left. `clock` is borrowed. `remote`: the oracle that servers share, borrowed, which wakes the loop when it has
  // answered; null: timestamps are this core's own.
  OracleCore(reactor::Loop& loop, Mesh& mesh, oracle::PublishedState& published, oracle::ReadHolds& holds,
             oracle::Clock& clock, InitialState initial, Durable durable, int processor,
             std::function<void()> on_drained, oracle::RemoteOracle* remote = nullptr);
  OracleCore(const OracleCore&) = delete;
  OracleCore& operator=(const OracleCore&) = delete;
  ~OracleCore();

  // Once every core has told the mesh its waker.
  void connect(std::vector<int> http_listeners);
  // Resident memory of the process above which statements are refused; 0: none.
  void limit_memory(std::uint64_t bytes);
  // After the loop has stopped: ends the HTTP connections, turning the loop by hand.
  void shut_down();

 private:
  // Runs the batch of what the turn's mailboxes brought.
  class CommitTask final : public reactor::Task {
   public:
    explicit CommitTask(OracleCore& core) : core_(core) {}
    void run() override { core_.commit(); }

   private:
    OracleCore& core_;
  };
  // Frees what readers let go of while nothing is written.
  class Sweep final : public reactor::Timer {
   public:
    explicit Sweep(OracleCore& core) : core_(core) {}
    void on_timer() override { core_.sweep(); }

   private:
    OracleCore& core_;
  };
  // The next lock_timeout of a call that waits.
  class LockTimeout final : public reactor::Timer {
   public:
    explicit LockTimeout(OracleCore& core) : core_(core) {}
    void on_timer() override { core_.expire_waits(); }

   private:
    OracleCore& core_;
  };
  // Hands the log's answers to the commits that wait for them.
  class LogAnswers final : public reactor::MailboxDrain {
   public:
    explicit LogAnswers(OracleCore& core) : core_(core) {}
    std::size_t drain(std::size_t bound) override;
    bool has_messages() const override { return core_.durable_.log->has_answers(); }

   private:
    OracleCore& core_;
  };
  // Takes in what the remote oracle has answered.
  class OracleAnswers final : public reactor::MailboxDrain {
   public:
    explicit OracleAnswers(OracleCore& core) : core_(core) {}
    std::size_t drain(std::size_t bound) override;
    bool has_messages() const override { return core_.remote_->has_answers(); }

   private:
    OracleCore& core_;
  };
  // Asks the oracle for the reads of the turn.
  class ReadTask final : public reactor::Task {
   public:
    explicit ReadTask(OracleCore& core) : core_(core) {}
    void run() override { core_.client_->send(core_.max_read_batches()); }

   private:
    OracleCore& core_;
  };
  // A page of figures that waits for the shards' copies.
  struct Scrape {
    std::vector<MetricsSnapshot> snapshots;  // shards, then this core
    std::size_t missing = 0;
    std::vector<HttpAnswer> pages, consoles;  // who waits, for which form
    bool idle() const { return pages.empty() && consoles.empty(); }
  };
  // The same of what goes on.
  struct Look {
    std::vector<StatementCost> costs(const Catalog& catalog) const;

    std::vector<Activity> parts;
    std::size_t missing = 0;
    std::vector<HttpAnswer> waiting;
  };

  void give_back(CoordinatorCall& call) override;
  void on_message(const CoreMessage& message) override;
  void on_get(std::string_view path, HttpAnswer answer) override;
  void on_batch(std::size_t asker, std::uint64_t through, oracle::OracleClient::Outcome outcome) override;
  void on_single(std::size_t asker, std::uint64_t id, oracle::OracleClient::Outcome outcome) override;
  void on_timestamps() override;
  void on_reads(std::size_t asker, std::uint32_t statements);
  void on_read_alone(std::size_t asker, std::uint32_t id);
  std::string* why_not(oracle::OracleClient::Outcome outcome) const;
  std::size_t max_read_batches();
  void watch_oracle();
  std::string why_not_ready() const;
  OracleFigures oracle_figures() const;
  void commit();
  void sweep();
  void expire_waits();
  void join_scrape(std::vector<HttpAnswer>& waiting, HttpAnswer answer);
  void begin_scrape();
  void finish_scrape();
  ProcessFacts facts();
  void answer_all(std::vector<HttpAnswer>& waiting, std::string_view content_type, const std::string& page);
  void begin_look();
  void finish_look();

  reactor::Loop& loop_;
  Mesh& mesh_;
  const int processor_;
  const std::function<void()> on_drained_;
  oracle::LocalOracle oracle_;
  oracle::RemoteOracle* const remote_;                // null: oracle_ is used
  std::unique_ptr<oracle::OracleClient> client_;      // of remote_
  const oracle::PublishedState& published_;
  const Durable durable_;
  oracle::MemoryCommitLog memory_log_;  // used where there is no other
  std::unique_ptr<ProcessMemory> memory_;  // null: no limit
  Coordinator coordinator_;
  LogAnswers log_answers_{*this};
  OracleAnswers oracle_answers_{*this};
  ReadTask read_task_{*this};
  // Where timestamps are this core's own: statements of each shard that were answered, and the figures of it.
  std::vector<std::uint64_t> reads_answered_;
  OracleFigures local_figures_;
  std::uint64_t batches_version_ = 0;  // of the catalog that max_batches_ is of
  std::size_t max_batches_ = 0;
  oracle::OracleHealth last_health_;  // as the server's log has it
  std::unique_ptr<oracle::wal::LogThread> log_thread_;
  std::unique_ptr<MeshPort> port_;
  std::unique_ptr<HttpServer> http_;
  Scrape scrape_;
  Look look_;
  oracle::wal::WriterStats log_stats_;  // copies, while a page is written
  CheckpointStats checkpoint_stats_;
  Histogram page_ns_;  // what pages took to write
  CommitTask commit_task_{*this};
  Sweep sweep_{*this};
  LockTimeout lock_timeout_{*this};
  std::size_t drained_ = 0;
  bool draining_ = false;
};

}  // namespace gyre::adapter
