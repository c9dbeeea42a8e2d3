// The same conversations over io_uring, epoll and the simulation: whatever the chunks, the order and the
// manner of parting, every client gets its own bytes back, in order, and every connection is released exactly
// once.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/reactor/echo_server.h"
#include "tests/reactor/seed.h"
#include "tests/reactor/world.h"

namespace gyre::test {
namespace {

constexpr int kPatience = 2'000'000;  // turns until a test gives up

class BackendTest : public testing::TestWithParam<Kernel> {
 protected:
  void open(WorldOptions options = {}) {
    world_ = World::create(GetParam(), options);
    if (world_ == nullptr) GTEST_SKIP() << "no io_uring here";
    server_ = std::make_unique<EchoServer>(world_->loop());
    world_->loop().backend().start_accept(*server_, world_->listen_fd());
  }
  template <class Condition>
  bool step_until(Condition&& condition) {
    for (int i = 0; i < kPatience; ++i) {
      if (condition()) return true;
      world_->step();
    }
    return condition();
  }
  void TearDown() override {
    if (world_ == nullptr) return;
    server_->close_all();
    world_->loop().backend().stop_accept(*server_);
    EXPECT_TRUE(step_until([&] { return server_->connections.empty() && server_->stopped; }));
    EXPECT_EQ(server_->released, server_->accepted);
    EXPECT_EQ(world_->loop().backend().stats().open_streams, 0u);
  }

  std::unique_ptr<World> world_;
  std::unique_ptr<EchoServer> server_;
};

// A client with a text to send and the same text to expect.
struct Talker {
  std::unique_ptr<Client> client;
  std::string text;
  std::size_t written = 0;
  std::string heard;
  bool shut = false;
  bool gone = false;  // left, or was thrown out: what it hears is a prefix

  Talker(std::unique_ptr<Client> its_client, std::string its_text)
      : client(std::move(its_client)), text(std::move(its_text)) {}

  void act(std::mt19937_64& random) {
    const std::size_t chunk = 1 + random() % (random() % 4 == 0 ? 40'000 : 200);
    if (written < text.size()) {
      written += client->write(std::string_view(text).substr(written, chunk));
    } else if (!shut) {
      client->shutdown();
      shut = true;
    }
    heard += client->read(1 + random() % 30'000);
  }
  bool finished() const { return client->ended(); }
};

std::string random_text(std::mt19937_64& random, std::size_t longest) {
  std::string text(random() % (longest + 1), 0);
  for (char& c : text) c = static_cast<char>('a' + random() % 26);
  return text;
}

TEST_P(BackendTest, EchoesManyConnectionsInRandomChunks) {
  const std::uint64_t seed = test_seed(20'261'121);
  SCOPED_TRACE(seed_note(seed));
  std::mt19937_64 random(seed);
  WorldOptions options;
  options.seed = seed;
  options.faults.send_at_once = 300;
  options.faults.accept_failure = 100;
  options.faults.largest_receive = 5000;
  open(options);
  if (IsSkipped()) return;
  std::vector<Talker> talkers;
  for (int i = 0; i < 60; ++i)
    talkers.emplace_back(world_->connect(), random_text(random, i % 10 == 0 ? 400'000 : 3000));
  const bool done = step_until([&] {
    bool all = true;
    for (Talker& talker : talkers) {
      if (talker.finished()) continue;
      all = false;
      if (random() % 2 == 0) talker.act(random);
    }
    return all;
  });
  EXPECT_TRUE(done);
  for (const Talker& talker : talkers)
    EXPECT_TRUE(talker.heard == talker.text) << talker.heard.size() << " of " << talker.text.size();
  EXPECT_TRUE(step_until([&] { return server_->released == 60; }));
  EXPECT_EQ(server_->ended, 60u);
  EXPECT_EQ(server_->failed, 0u);
}

TEST_P(BackendTest, SurvivesEveryMannerOfParting) {
  const std::uint64_t seed = test_seed(4711);
  SCOPED_TRACE(seed_note(seed));
  std::mt19937_64 random(seed);
  WorldOptions options;
  options.seed = seed;
  options.faults.reset = 1;
  options.client_receive_buffer = 4096;
  open(options);
  if (IsSkipped()) return;
  const std::size_t before = open_descriptors();
  for (int round = 0; round < 15; ++round) {
    std::vector<Talker> talkers;
    for (int i = 0; i < 30; ++i) talkers.emplace_back(world_->connect(), random_text(random, 100'000));
    const bool done = step_until([&] {
      bool all = true;
      for (Talker& talker : talkers) {
        if (talker.gone || talker.finished()) continue;
        all = false;
        talker.act(random);
        if (random() % 200 != 0) continue;
        talker.gone = true;
        if (random() % 2 == 0) talker.client->reset();
      }
      if (random() % 20 == 0 && !server_->connections.empty()) {
        auto victim = server_->connections.begin();
        std::advance(victim, static_cast<std::ptrdiff_t>(random() % server_->connections.size()));
        victim->second->hang_up(random() % 2 == 0);
      }
      return all;
    });
    EXPECT_TRUE(done);
    for (const Talker& talker : talkers) EXPECT_TRUE(talker.text.starts_with(talker.heard));
    talkers.clear();  // those still there leave now
    if (GetParam() == Kernel::simulated) server_->close_all();
    EXPECT_TRUE(step_until([&] { return server_->connections.empty(); }));
  }
  EXPECT_EQ(server_->released, server_->accepted);
  EXPECT_EQ(open_descriptors(), before);
}

TEST_P(BackendTest, HoldsBackAClientThatDoesNotRead) {
  WorldOptions options;
  options.client_receive_buffer = 4096;
  open(options);
  if (IsSkipped()) return;
  std::mt19937_64 random(1);
  Talker greedy(world_->connect(), std::string());
  greedy.text.assign(20'000'000, 'x');
  for (std::size_t i = 0; i < greedy.text.size(); i += 7) greedy.text[i] = static_cast<char>('a' + i % 26);
  // Writes without reading until the way is blocked from end to end.
  int refusals = 0;
  const bool blocked = step_until([&] {
    const std::size_t written =
        greedy.client->write(std::string_view(greedy.text).substr(greedy.written, 65'536));
    greedy.written += written;
    refusals = written == 0 ? refusals + 1 : 0;
    return refusals > 2000;
  });
  EXPECT_TRUE(blocked);
  EXPECT_LT(greedy.written, greedy.text.size());
  // A pause lets through what the kernel had already received: bounded, whatever the client sends.
  EXPECT_LT(server_->largest_held, EchoServer::kHighWater + 1'000'000);

  // Others are served meanwhile.
  Talker other(world_->connect(), random_text(random, 5000) + "end");
  EXPECT_TRUE(step_until([&] {
    other.act(random);
    return other.finished();
  }));
  EXPECT_EQ(other.heard, other.text);

  // Once it reads, all is there.
  EXPECT_TRUE(step_until([&] {
    greedy.act(random);
    greedy.heard += greedy.client->read(1 << 20);
    return greedy.finished();
  }));
  EXPECT_TRUE(greedy.heard == greedy.text);
}

TEST_P(BackendTest, SendsAllBeforeItClosesWhenSent) {
  WorldOptions options;
  options.client_receive_buffer = 4096;
  open(options);
  if (IsSkipped()) return;
  Talker talker(world_->connect(), std::string(50'000, 'q'));
  EXPECT_TRUE(step_until([&] {
    talker.written += talker.client->write(std::string_view(talker.text).substr(talker.written));
    return server_->received_bytes == talker.text.size();
  }));
  // What has been handed to send() arrives, although the connection is to end.
  EchoConnection& connection = *server_->connections.begin()->second;
  connection.hang_up(true);
  EXPECT_TRUE(step_until([&] {
    talker.heard += talker.client->read(100'000);
    return talker.finished();
  }));
  EXPECT_TRUE(talker.text.starts_with(talker.heard));
  EXPECT_TRUE(step_until([&] { return server_->connections.empty(); }));
}

TEST_P(BackendTest, ClosesWhileASendIsBlocked) {
  WorldOptions options;
  options.client_receive_buffer = 4096;
  options.faults.socket_buffer = 1000;
  open(options);
  if (IsSkipped()) return;
  Talker talker(world_->connect(), std::string(8'000'000, 'q'));
  EXPECT_TRUE(step_until([&] {
    talker.written += talker.client->write(std::string_view(talker.text).substr(talker.written, 65'536));
    return !server_->connections.empty() && server_->connections.begin()->second->paused();
  }));
  for (int i = 0; i < 100; ++i) world_->step();
  EXPECT_EQ(server_->connections.size(), 1u);
  server_->connections.begin()->second->hang_up(false);
  EXPECT_TRUE(step_until([&] { return server_->connections.empty(); }));
}

TEST_P(BackendTest, StopsAccepting) {
  open();
  if (IsSkipped()) return;
  auto first = world_->connect();
  EXPECT_TRUE(step_until([&] { return server_->accepted == 1; }));
  world_->loop().backend().stop_accept(*server_);
  EXPECT_TRUE(step_until([&] { return server_->stopped; }));
  auto second = world_->connect();
  for (int i = 0; i < 100; ++i) world_->step();
  EXPECT_EQ(server_->accepted, 1u);
  server_->stopped = false;
  world_->loop().backend().start_accept(*server_, world_->listen_fd());
  EXPECT_TRUE(step_until([&] { return server_->accepted == 2; }));
}

class CountingPoll final : public reactor::PollHandler {
 public:
  void on_ready(std::uint32_t events) override { seen |= events, ++calls; }
  void on_poll_stopped() override { stopped = true; }
  std::uint32_t seen = 0;
  int calls = 0;
  bool stopped = false;
};

TEST_P(BackendTest, WatchesADescriptor) {
  open();
  if (IsSkipped() || GetParam() == Kernel::simulated) return;
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  CountingPoll poll;
  world_->loop().backend().watch(poll, fd, POLLIN);
  for (int i = 0; i < 50; ++i) world_->step();
  EXPECT_EQ(poll.calls, 0);
  for (int round = 1; round <= 3; ++round) {
    // Never read from: each write is an edge of its own.
    ASSERT_EQ(::eventfd_write(fd, 1), 0);
    EXPECT_TRUE(step_until([&] { return poll.calls >= round; }));
  }
  EXPECT_NE(poll.seen & POLLIN, 0u);
  world_->loop().backend().unwatch(poll);
  EXPECT_TRUE(step_until([&] { return poll.stopped; }));
  const int calls = poll.calls;
  ASSERT_EQ(::eventfd_write(fd, 1), 0);
  for (int i = 0; i < 50; ++i) world_->step();
  EXPECT_EQ(poll.calls, calls);
  ::close(fd);
}

TEST_P(BackendTest, RefusesPolitelyWhenDescriptorsRunOut) {
  if (GetParam() == Kernel::simulated) GTEST_SKIP() << "has no descriptors";
  open();
  if (IsSkipped()) return;
  reactor::Backend& backend = world_->loop().backend();
  backend.stop_accept(*server_);
  ASSERT_TRUE(step_until([&] { return server_->stopped; }));

  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(world_->connect());
  const int next_fd = ::dup(0);
  ::close(next_fd);
  rlimit saved{};
  ::getrlimit(RLIMIT_NOFILE, &saved);
  rlimit low = saved;
  low.rlim_cur = static_cast<rlim_t>(next_fd) + 5;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  server_->stopped = false;
  backend.start_accept(*server_, world_->listen_fd());
  EXPECT_TRUE(step_until([&] { return server_->accepted + server_->refused == 20; }));
  EXPECT_GT(server_->accepted, 0u);
  EXPECT_GT(server_->refused, 0u);
  EXPECT_FALSE(server_->accept_errors.empty());
  int farewells = 0;
  for (auto& client : clients) farewells += client->read(100) == "no room";
  EXPECT_EQ(farewells, static_cast<int>(server_->refused));

  // At rest it does not spin.
  const std::uint64_t enters = backend.stats().submissions;
  for (int i = 0; i < 1000; ++i) world_->step();
  EXPECT_LT(backend.stats().submissions - enters, 100u);

  // Where some leave, others find room.
  const std::uint64_t accepted = server_->accepted;
  const std::uint64_t released = server_->released;
  clients.clear();
  EXPECT_TRUE(step_until([&] { return server_->released >= released + accepted; }));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &saved), 0);
  auto late = world_->connect();
  EXPECT_TRUE(step_until([&] { return server_->accepted > accepted; }));
}

INSTANTIATE_TEST_SUITE_P(All, BackendTest,
                         testing::Values(Kernel::io_uring, Kernel::epoll, Kernel::simulated),
                         [](const auto& one) { return kernel_name(one.param); });

class StarvationTest : public BackendTest {
 protected:
  // Forty clients that each want their own words back.
  void talk(const WorldOptions& options) {
    const std::uint64_t seed = test_seed(99);
    SCOPED_TRACE(seed_note(seed));
    std::mt19937_64 random(seed);
    open(options);
    if (IsSkipped()) return;
    std::vector<Talker> talkers;
    for (int i = 0; i < 40; ++i) talkers.emplace_back(world_->connect(), random_text(random, 20'000));
    EXPECT_TRUE(step_until([&] {
      bool all = true;
      for (Talker& talker : talkers) {
        if (talker.finished()) continue;
        all = false;
        talker.act(random);
      }
      return all;
    }));
    for (const Talker& talker : talkers) EXPECT_TRUE(talker.heard == talker.text);
  }
};

TEST_P(StarvationTest, TwoSmallReceiveBuffersServeManyConnections) {
  WorldOptions options;
  options.uring.receive_buffer_count = 2;
  options.uring.receive_buffer_size = 64;
  options.uring.submission_entries = 4;  // the submission queue runs full as well
  options.uring.completion_entries = 8;  // and completions overflow
  talk(options);
  if (IsSkipped()) return;
  EXPECT_GT(world_->loop().backend().stats().starved_receives, 0u);
}

TEST_P(StarvationTest, SingleShotReceives) {
  WorldOptions options;
  options.uring.multishot_receive = false;
  talk(options);
}

TEST_P(StarvationTest, CompletionsThatInterrupt) {
  WorldOptions options;
  options.uring.deferred_completions = false;
  talk(options);
}

TEST_P(StarvationTest, OneEnterPerTurn) {
  WorldOptions options;
  options.uring.completions_per_turn = options.uring.completions_per_turn_local = 1;
  talk(options);
}

TEST_P(StarvationTest, EntersUntilTheTurnIsFull) {
  WorldOptions options;
  options.uring.completions_per_turn = options.uring.completions_per_turn_local = 256;
  talk(options);
}

TEST_P(StarvationTest, RegisteredFilesAndOthersBesideThem) {
  WorldOptions options;
  options.uring.registered_files = 48;  // some descriptors are below, some above
  talk(options);
}

TEST_P(StarvationTest, DirectSends) {
  WorldOptions options;
  options.uring.direct_sends = true;
  talk(options);
}

TEST_P(StarvationTest, SendsOfAFewBytes) {
  WorldOptions options;
  options.uring.most_sent_at_once = 61;
  talk(options);
}

INSTANTIATE_TEST_SUITE_P(Ring, StarvationTest, testing::Values(Kernel::io_uring),
                         [](const auto& one) { return kernel_name(one.param); });

}  // namespace
}  // namespace gyre::test
