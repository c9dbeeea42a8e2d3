// Sessions without sockets: clients that feed sessions of several shards from memory, and one coordinator,
// all on one loop. Calls to the oracle core and its answers travel as long as the seed wants, so every order
// of events between cores that the real mailboxes allow can happen here, and happens again with the same
// seed.
#pragma once

#include <deque>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/coordinator/coordinator.h"
#include "adapter/session/session.h"
#include "oracle/commit_log.h"
#include "oracle/local_oracle.h"
#include "pgwire/client_messages.h"
#include "reactor/simulated_backend.h"

namespace gyre::test {

class World;

// One client and its session.
class Client final : public adapter::SessionHost {
 public:
  Client(World& world, adapter::SessionCore& core, adapter::SessionId id);

  void say(const OutBuffer& bytes) { session.receive({bytes.data(), bytes.size()}); }
  void query(std::string_view text);
  // What came since the last call, in short: "T D(1,a) C(SELECT 1) Z(I)"; also T and errors: "E(42P01)".
  std::string heard();
  // query(), then as many steps of the world as it takes to answer.
  std::string ask(std::string_view text);

  void on_output() override {}
  void on_appetite() override {}
  void on_idle() override {}

  bool reads = true;  // false: the answers stay where they are
  World& world;
  adapter::Session session;

 private:
  friend class World;
  OutBuffer received_;
};

class World final : private adapter::CallReturn, private reactor::LoopObserver {
 public:
  explicit World(std::uint64_t seed, std::size_t shards = 1,
                 adapter::InitialState initial = adapter::Catalog::initial());
  ~World();

  Client& connect(std::size_t shard = 0);  // logged in as materialize
  void close(Client& client);              // its connection is lost
  // One thing happens: a call or an answer arrives, the oracle core or the loop has a turn.
  void step();
  void settle();  // until nothing is on its way
  void run_slices(int turns);
  bool quiet() const;
  std::size_t open_transactions() const { return coordinator_->open_transactions(); }
  adapter::SessionCore& core(std::size_t shard) { return *cores_[shard]; }
  adapter::Coordinator& coordinator() { return *coordinator_; }
  void set_memory_short(bool is_short);
  // Whether nobody holds anything once the cores are asleep.
  bool nothing_pinned();
  std::mt19937_64& random() { return random_; }
  // The records of all commits so far, and the state they lead to.
  const oracle::MemoryCommitLog& log() const { return log_; }
  oracle::Publication published() const { return published_.load(); }
  std::vector<std::unique_ptr<Client>> clients;
  bool log_works = true;  // false: nothing becomes durable

 private:
  friend class Client;
  class Services;
  void give_back(adapter::CoordinatorCall& call) override { answers_.push_back(&call); }
  void on_turn_start() override;
  void take_output();

  std::mt19937_64 random_;
  reactor::Loop loop_;
  oracle::PublishedState published_;
  oracle::ReadHolds holds_;
  oracle::SystemClock clock_;
  oracle::LocalOracle oracle_;
  // Answers when a step says so: batches are ordered on states that are not durable yet.
  oracle::MemoryCommitLog log_{oracle::MemoryCommitLog::Keep::records,
                               oracle::MemoryCommitLog::Acknowledge::when_told};
  std::unique_ptr<adapter::Coordinator> coordinator_;
  std::vector<std::unique_ptr<Services>> services_;
  std::vector<std::unique_ptr<adapter::SessionCore>> cores_;
  std::deque<adapter::CoordinatorCall*> calls_, answers_;
  std::uint32_t next_id_ = 1;
};

// GYRE_TEST_SEED, or a new one; printed when a test fails.
std::uint64_t test_seed();

}  // namespace gyre::test
