#include "tests/simulation/simulated_server.h"

namespace gyre::simulation {

using adapter::CoreMessage;

namespace {
// Small, so that a run sees segments end and be used again.
constexpr std::uint64_t kSegmentSize = 64 * 1024;
}  // namespace

Result<std::unique_ptr<SimulatedServer>, std::string> SimulatedServer::start(
    std::uint64_t seed, const SimulatedServerSettings& settings) {
  std::unique_ptr<adapter::DurableStore> store;
  if (settings.disk != nullptr) {
    adapter::StoreOptions options;
    options.directory = "/data";
    options.log_segment_size = kSegmentSize;
    options.log_through = settings.log_through;
    auto opened = adapter::DurableStore::open(*settings.disk, options);
    if (!opened) return Unexpected{opened.error().message};
    store = std::move(*opened);
  }
  return std::unique_ptr<SimulatedServer>(new SimulatedServer(seed, settings, std::move(store)));
}

SimulatedServer::SimulatedServer(std::uint64_t seed, const SimulatedServerSettings& settings,
                                 std::unique_ptr<adapter::DurableStore> store)
    : random_(seed), store_(std::move(store)), mesh_(settings.shards), holds_(settings.shards + 2) {
  const std::size_t shards = settings.shards;
  for (std::size_t core = 0; core <= shards; ++core) {
    auto backend = std::make_unique<reactor::SimulatedBackend>(random_(), settings.faults, network_);
    cores_.push_back({backend.get(), nullptr});
    cores_.back().loop = std::make_unique<reactor::Loop>(std::move(backend));
    mesh_.set_waker(core, cores_.back().loop->waker());
  }
  // In the order of Server::start(): the oracle core has published before a shard begins to accept.
  adapter::OracleCore::Durable durable;
  if (store_ != nullptr) {
    checkpointer_ = store_->make_checkpointer(published_, holds_, shards + 1);
    durable = {&store_->log(), checkpointer_.get(), &store_->recovery(),
               adapter::OracleCore::LogDriver::caller};
  }
  oracle_core_ = std::make_unique<adapter::OracleCore>(
      *cores_[shards].loop, mesh_, published_, holds_,
      settings.clock != nullptr ? *settings.clock : static_cast<oracle::Clock&>(machine_clock_),
      store_ != nullptr ? store_->take_state() : adapter::InitialState(adapter::Catalog::initial()), durable,
      -1, [this] { drained_ = true; });
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
  const std::size_t who = random_() % (cores_.size() + (store_ != nullptr ? 1 : 0));
  if (who < cores_.size())
    cores_[who].loop->turn(0);
  else
    store_->log().step(cores_.back().backend->now_ns() / 1'000);
}

void SimulatedServer::checkpoint() {
  if (checkpointer_ == nullptr) return;
  store_->log().flush();  // the checkpointer waits for what another thread would write
  checkpointer_->write_at_end();
}

std::string SimulatedServer::log_failure() const {
  return store_ != nullptr ? store_->log().failure() : std::string();
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
