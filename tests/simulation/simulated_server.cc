#include "tests/simulation/simulated_server.h"

namespace gyre::simulation {

using adapter::CoreMessage;

SimulatedServer::SimulatedServer(std::uint64_t seed, std::size_t shards,
                                 const reactor::SimulationFaults& faults)
    : random_(seed), mesh_(shards), holds_(shards + 1) {
  for (std::size_t core = 0; core <= shards; ++core) {
    auto backend = std::make_unique<reactor::SimulatedBackend>(random_(), faults, network_);
    cores_.push_back({backend.get(), nullptr});
    cores_.back().loop = std::make_unique<reactor::Loop>(std::move(backend));
    mesh_.set_waker(core, cores_.back().loop->waker());
  }
  // In the order of Server::start(): the oracle core has published before a shard begins to accept.
  oracle_core_ = std::make_unique<adapter::OracleCore>(
      *cores_[shards].loop, mesh_, published_, holds_, adapter::Catalog::initial(),
      adapter::OracleCore::Durable(), -1, [this] { drained_ = true; });
  for (std::size_t shard = 0; shard < shards; ++shard) {
    listeners_.push_back(cores_[shard].backend->listen());
    shards_.push_back(std::make_unique<adapter::Shard>(
        ShardId(static_cast<std::uint16_t>(shard)), *cores_[shard].loop, mesh_, published_, holds_,
        adapter::ShardOptions{},
        std::vector<adapter::Listener>{{listeners_.back(), adapter::Entrance::external}}));
  }
  oracle_core_->connect({});
  for (const auto& shard : shards_) shard->start();
}

SimulatedServer::~SimulatedServer() {
  drain();
  oracle_core_->shut_down();
  shards_.clear();
}

reactor::SimulatedPeer& SimulatedServer::connect() {
  const std::size_t shard = random_() % shards_.size();
  return cores_[shard].backend->connect(listeners_[shard]);
}

void SimulatedServer::turn() {
  cores_[random_() % cores_.size()].loop->turn(0);
}

void SimulatedServer::advance_us(std::uint64_t duration) {
  for (const Core& core : cores_) core.backend->advance_ns(duration * 1'000);
}

void SimulatedServer::tell_all(CoreMessage::Kind kind) {
  for (std::size_t core = 0; core < cores_.size(); ++core) {
    reactor::Mailbox<CoreMessage>& box = mesh_.box(mesh_.control(), core);
    box.push({kind, static_cast<std::uint32_t>(mesh_.control()), 0, 0, nullptr});
    box.publish();
  }
}

bool SimulatedServer::drain() {
  tell_all(CoreMessage::Kind::drain);
  tell_all(CoreMessage::Kind::terminate);
  for (int turns = 0; turns < 100'000 && !drained_; ++turns) turn();
  return drained_;
}

bool SimulatedServer::nothing_held() {
  // The oracle core lets go when it sweeps.
  advance_us(1'000'000);
  for (std::size_t turns = 0; turns < 50 * cores_.size(); ++turns) turn();
  for (std::size_t shard = 0; shard < shards_.size(); ++shard) holds_.idle(shard);
  const bool nothing = holds_.oldest() == kTimestampMax;
  for (std::size_t shard = 0; shard < shards_.size(); ++shard) holds_.wake(shard, published_);
  return nothing;
}

}  // namespace gyre::simulation
