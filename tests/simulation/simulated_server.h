// A whole server on one thread: shards and oracle core as they are, each on a loop of its own over the
// simulated backend, wired by the real mailboxes. Which core has the next turn is drawn, and so is what its
// kernel does; so one seed is one run.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "adapter/durability/durable_store.h"
#include "adapter/mesh.h"
#include "adapter/oracle_core.h"
#include "adapter/shard.h"
#include "reactor/simulated_backend.h"
#include "reactor/simulated_disk.h"

namespace gyre::simulation {

struct SimulatedServerSettings {
  std::size_t shards = 1;
  reactor::SimulationFaults faults;
  reactor::SimulatedDisk* disk = nullptr;  // borrowed; null: nothing is durable
  reactor::WriteThrough log_through = reactor::WriteThrough::none;
  oracle::Clock* clock = nullptr;  // borrowed; null: the machine's
};

class SimulatedServer {
 public:
  // Recovers what the disk has; the error is recovery's.
  static Result<std::unique_ptr<SimulatedServer>, std::string> start(std::uint64_t seed,
                                                                     const SimulatedServerSettings& settings);
  SimulatedServer(const SimulatedServer&) = delete;
  SimulatedServer& operator=(const SimulatedServer&) = delete;
  ~SimulatedServer();

  // A new connection to a drawn shard, which may hand it over. Good as long as the server is.
  reactor::SimulatedPeer& connect();
  // A drawn core has a turn.
  void turn();
  // Every core's clock goes on: timers come due.
  void advance_us(std::uint64_t duration);
  // Takes no more connections, ends those that are there, and turns until none is left. False: some did not
  // end.
  bool drain();
  // Writes a checkpoint of what is published now, and gives up the log before it.
  void checkpoint();
  // Why nothing can be written any more; empty: it can.
  std::string log_failure() const;
  Timestamp published() const { return published_.load().read_ts; }
  // Whether no core holds on to anything that was replaced, once all are at rest.
  bool nothing_held();

 private:
  struct Core {
    reactor::SimulatedBackend* backend;
    std::unique_ptr<reactor::Loop> loop;
  };

  SimulatedServer(std::uint64_t seed, const SimulatedServerSettings& settings,
                  std::unique_ptr<adapter::DurableStore> store);
  void tell_all(adapter::CoreMessage::Kind kind);

  std::mt19937_64 random_;
  oracle::SystemClock machine_clock_;
  std::unique_ptr<adapter::DurableStore> store_;  // null: nothing is durable
  std::shared_ptr<reactor::SimulatedNetwork> network_ = std::make_shared<reactor::SimulatedNetwork>();
  adapter::Mesh mesh_;
  oracle::PublishedState published_;
  oracle::ReadHolds holds_;
  std::vector<Core> cores_;  // the shards', then the oracle core's
  std::vector<int> listeners_;
  std::vector<std::unique_ptr<adapter::Shard>> shards_;
  std::unique_ptr<adapter::Checkpointer> checkpointer_;
  std::unique_ptr<adapter::OracleCore> oracle_core_;
  bool drained_ = false;
};

}  // namespace gyre::simulation
