// What was shown is never given again: a server with a disk is killed or loses power again and again, in the
// middle of commits of which some wait for the disk and some do not, and before each start the wall clock is
// set anywhere. The twin is the set of all timestamps that were ever published.
//
//   timestamps [--seeds N] [--from SEED]
#include <spdlog/spdlog.h>

#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>
#include <string>

#include "oracle/timestamp_window.h"
#include "tests/simulation/simulated_client.h"
#include "tests/simulation/simulated_server.h"

namespace gyre::simulation {

namespace {

constexpr int kLives = 5;
constexpr std::uint64_t kSecond = 1'000'000;  // microseconds

class WrongClock final : public oracle::Clock {
 public:
  std::uint64_t now_us() override { return now; }
  std::uint64_t now = 0;
};

struct Tally {
  std::uint64_t passed = 0, failed = 0;
  std::uint64_t shown = 0;  // timestamps
  std::uint64_t taken = 0;  // crashes that took a commit whose timestamp had been shown
};

// One disk and the servers that come and go on it.
class Lives {
 public:
  explicit Lives(std::uint64_t seed) : random_(seed), disk_(random_()), client_(random_()) {
    static constexpr reactor::WriteThrough kThrough[] = {
        reactor::WriteThrough::none, reactor::WriteThrough::dsync, reactor::WriteThrough::direct};
    settings_.shards = 1 + pick(2);
    settings_.disk = &disk_;
    settings_.clock = &clock_;
    settings_.log_through = kThrough[pick(3)];
  }

  // Empty: all was well.
  std::string run(Tally& tally) {
    for (int life = 0; life < kLives && failure_.empty(); ++life) {
      clock_.now = 1'000 * kSecond + pick(3'600) * kSecond;
      live(tally);
      disk_.power_on();
    }
    tally.shown += shown_.size();
    return failure_;
  }

 private:
  std::uint64_t pick(std::uint64_t bound) { return random_() % bound; }

  void live(Tally& tally) {
    auto started = SimulatedServer::start(random_(), settings_);
    if (!started) return void(failure_ = "no start: " + started.error());
    SimulatedServer& server = **started;
    const Timestamp begun = server.published();
    if (!shown_.empty()) {
      if (begun < *shown_.rbegin())
        return void(failure_ = "reads went back to " + std::to_string(begun.value));
      if (begun < oracle::window_end(given_)) ++tally.taken;
    }
    shown_.insert(begun);
    made_ = false;
    client_.connect(server.connect());
    for (std::uint64_t turns = 500 + pick(3'000); turns > 0 && failure_.empty(); --turns) {
      server.turn();
      look(server);
      disturb(server);
      if (client_.look()) client_.ask(next_statement());
    }
    if (pick(2) == 0)
      disk_.kill();
    else
      disk_.power_off();
    client_.die();
    if (!server.drain() && failure_.empty()) failure_ = "connections do not end after a crash";
  }

  // A turn publishes in order, and of what it publishes the newest is seen.
  void look(const SimulatedServer& server) {
    const Timestamp now = server.published();
    if (now == *shown_.rbegin()) return;
    if (now < *shown_.rbegin() || !shown_.insert(now).second)
      failure_ = "timestamp " + std::to_string(now.value) + " is given, and " +
                 std::to_string(shown_.rbegin()->value) + " had been shown";
    given_ = now;
  }

  void disturb(SimulatedServer& server) {
    switch (pick(1'000)) {
      case 0:
        clock_.now -= pick(60 * kSecond);
        break;
      case 1:
        clock_.now += pick(60 * kSecond);
        break;
      case 2:
        server.checkpoint();
        break;
      case 3:
      case 4:
        server.advance_us(pick(kSecond));
        break;
      default:
        clock_.now += pick(1'000);
    }
  }

  std::string next_statement() {
    if (!made_) {
      made_ = true;
      return "CREATE TABLE IF NOT EXISTS t (a int4)";
    }
    switch (pick(20)) {
      case 0:
        return "SET synchronous_commit = on";
      case 1:
      case 2:
        return "SET synchronous_commit = off";
      default:
        return "INSERT INTO t VALUES (1)";
    }
  }

  std::mt19937_64 random_;
  reactor::SimulatedDisk disk_;
  SimulatedClient client_;
  WrongClock clock_;
  SimulatedServerSettings settings_;
  bool made_ = false;  // the table
  std::set<Timestamp> shown_;
  Timestamp given_;  // to the newest commit
  std::string failure_;
};

}  // namespace

int timestamps(std::uint64_t from, std::uint64_t seeds) {
  Tally tally;
  for (std::uint64_t seed = from; seed < from + seeds; ++seed) {
    const std::string failure = Lives(seed).run(tally);
    ++(failure.empty() ? tally.passed : tally.failed);
    if (!failure.empty())
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), failure.c_str());
  }
  std::printf("%llu timestamps were shown; %llu crashes took some of their commits\n",
              static_cast<unsigned long long>(tally.shown), static_cast<unsigned long long>(tally.taken));
  std::printf("%llu passed, %llu failed\n", static_cast<unsigned long long>(tally.passed),
              static_cast<unsigned long long>(tally.failed));
  return tally.failed == 0 && tally.taken != 0 ? 0 : 1;
}

}  // namespace gyre::simulation

int main(int argc, char** argv) {
  std::uint64_t from = 1, seeds = 100;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::string(argv[i]) == "--from") from = std::strtoull(argv[i + 1], nullptr, 10);
    if (std::string(argv[i]) == "--seeds") seeds = std::strtoull(argv[i + 1], nullptr, 10);
  }
  spdlog::set_level(spdlog::level::off);  // servers say much when they begin
  return gyre::simulation::timestamps(from, seeds);
}
