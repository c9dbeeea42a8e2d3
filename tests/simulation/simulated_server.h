// A whole server on one thread: shards and oracle core as they are, each on a loop of its own over the
// simulated backend, wired by the real mailboxes. Which core has the next turn is drawn, and so is what its
// kernel does; so one seed is one run.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "adapter/mesh.h"
#include "adapter/oracle_core.h"
#include "adapter/shard.h"
#include "reactor/simulated_backend.h"

namespace gyre::simulation {

class SimulatedServer {
 public:
  SimulatedServer(std::uint64_t seed, std::size_t shards, const reactor::SimulationFaults& faults);
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
  // Whether no core holds on to anything that was replaced, once all are at rest.
  bool nothing_held();

 private:
  struct Core {
    reactor::SimulatedBackend* backend;
    std::unique_ptr<reactor::Loop> loop;
  };

  void tell_all(adapter::CoreMessage::Kind kind);

  std::mt19937_64 random_;
  std::shared_ptr<reactor::SimulatedNetwork> network_ = std::make_shared<reactor::SimulatedNetwork>();
  adapter::Mesh mesh_;
  oracle::PublishedState published_;
  oracle::ReadHolds holds_;
  std::vector<Core> cores_;  // the shards', then the oracle core's
  std::vector<int> listeners_;
  std::vector<std::unique_ptr<adapter::Shard>> shards_;
  std::unique_ptr<adapter::OracleCore> oracle_core_;
  bool drained_ = false;
};

}  // namespace gyre::simulation
