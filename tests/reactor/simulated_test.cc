// The simulation: a seed is a replay, another seed another story, and its clock is its own.
#include "reactor/simulated_backend.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/reactor/echo_server.h"
#include "tests/reactor/seed.h"
#include "tests/reactor/world.h"

namespace gyre::test {
namespace {

std::uint64_t story_of(std::uint64_t seed) {
  WorldOptions options;
  options.seed = seed;
  options.faults.reset = 2;
  options.faults.send_at_once = 200;
  options.faults.accept_failure = 200;
  auto world = World::create(Kernel::simulated, options);
  EchoServer server(world->loop());
  world->loop().backend().start_accept(server, world->listen_fd());
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(world->connect());
  for (int turn = 0; turn < 500; ++turn) {
    for (auto& client : clients) {
      client->write("some bytes to be sent back");
      client->read(turn % 40 + 1);
    }
    world->step();
  }
  const std::uint64_t trace = server.trace;
  server.close_all();
  for (int turn = 0; turn < 100 && !server.connections.empty(); ++turn) world->step();
  EXPECT_TRUE(server.connections.empty());
  return trace;
}

TEST(Simulation, ReplaysFromItsSeed) {
  const std::uint64_t seed = test_seed(1);
  EXPECT_EQ(story_of(seed), story_of(seed)) << seed_note(seed);
  EXPECT_NE(story_of(seed), story_of(seed + 1)) << seed_note(seed);
}

class Alarm final : public reactor::Timer {
 public:
  void on_timer() override { rung = true; }
  bool rung = false;
};

TEST(Simulation, SleepsInVirtualTime) {
  auto world = World::create(Kernel::simulated, WorldOptions{});
  Alarm alarm;
  constexpr std::uint64_t kHour = 3600ull * 1'000'000;
  world->loop().turn(0);
  world->loop().arm_timer_after_us(alarm, kHour);
  for (int i = 0; i < 3; ++i) world->loop().turn(reactor::kNever);
  EXPECT_TRUE(alarm.rung);
}

}  // namespace
}  // namespace gyre::test
