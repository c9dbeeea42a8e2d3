// The server over a simulated kernel with faults, over epoll and over io_uring, on loopback sockets.
#include "adapter/http/http_server.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <deque>
#include <optional>

#include "tests/reactor/seed.h"
#include "tests/reactor/world.h"

namespace gyre::test {
namespace {

using adapter::HttpAnswer;
using adapter::HttpOptions;
using adapter::HttpServer;

// Answers /now at once and /later when told to; forgets /never; 404 otherwise.
class Pages final : public adapter::HttpHandler {
 public:
  void on_get(std::string_view path, HttpAnswer answer) override {
    seen.emplace_back(path);
    if (path == "/now") {
      answer(200, "text/plain", "now");
      answer(200, "text/plain", "twice");
    } else if (path == "/large") {
      answer(200, "text/plain", std::string(300'000, 'x'));
    } else if (path == "/later") {
      waiting.push_back(std::move(answer));
    } else if (path != "/never") {
      answer(404, "text/plain", "nothing here");
    }
  }
  std::vector<std::string> seen;
  std::deque<HttpAnswer> waiting;
};

class HttpServerTest : public ::testing::TestWithParam<Kernel> {
 protected:
  void SetUp() override {
    WorldOptions options;
    options.seed = test_seed(11);
    SCOPED_TRACE(seed_note(options.seed));
    world_ = World::create(GetParam(), options);
    if (!world_) GTEST_SKIP() << kernel_name(GetParam()) << " is not available";
  }
  void TearDown() override {
    if (!server_) return;
    server_->shut_down();
    turn_until([&] { return server_->gone(); });
    EXPECT_TRUE(server_->gone());
    EXPECT_EQ(server_->open_connections(), 0u);
  }

  void serve(HttpOptions options = {}) {
    // The server closes what it listens on, as does the world.
    const int fd = GetParam() == Kernel::simulated ? world_->listen_fd() : ::dup(world_->listen_fd());
    server_ = std::make_unique<HttpServer>(world_->loop(), std::vector<int>{fd}, pages_, options);
  }
  template <class Condition>
  void turn_until(Condition condition) {
    for (int i = 0; i < 200'000 && !condition(); ++i) world_->step();
  }
  std::string read_until(Client& client, std::string_view end) {
    std::string text;
    turn_until([&] {
      text += client.read(1 << 20);
      return text.ends_with(end) || client.ended();
    });
    return text;
  }
  std::string ask(Client& client, std::string_view request, std::string_view end) {
    client.write(request);
    return read_until(client, end);
  }
  // Reads to the end of the connection.
  std::string read_all(Client& client) { return read_until(client, "\x01 never"); }

  Pages pages_;
  std::unique_ptr<World> world_;
  std::unique_ptr<HttpServer> server_;
};

constexpr const char* kNow = "GET /now HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr const char* kLater = "GET /later HTTP/1.1\r\nHost: a\r\n\r\n";

TEST_P(HttpServerTest, AnswersAndKeepsTheConnection) {
  serve();
  auto client = world_->connect();
  for (int i = 0; i < 3; ++i) {
    const std::string text = ask(*client, kNow, "\r\n\r\nnow");
    EXPECT_TRUE(text.starts_with("HTTP/1.1 200 OK\r\n")) << text;
    EXPECT_NE(text.find("Connection: keep-alive"), std::string::npos);
    EXPECT_NE(text.find("Content-Length: 3\r\n"), std::string::npos);
  }
  EXPECT_FALSE(client->ended());
  EXPECT_EQ(server_->stats().connections, 1u);
  EXPECT_EQ(server_->stats().requests, 3u);
  const std::string missing = ask(*client, "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", "nothing here");
  EXPECT_TRUE(missing.starts_with("HTTP/1.1 404 Not Found\r\n")) << missing;
}

TEST_P(HttpServerTest, ClosesWhenAskedTo) {
  serve();
  auto client = world_->connect();
  client->write("GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string text = read_all(*client);
  EXPECT_TRUE(client->ended());
  EXPECT_NE(text.find("Connection: close\r\n"), std::string::npos);
  EXPECT_EQ(text.size() - text.find("\r\n\r\n"), 300'004u);
}

TEST_P(HttpServerTest, RequestsAheadAreServedInTurn) {
  serve();
  auto client = world_->connect();
  client->write(std::string(kNow) + kLater + kNow + "GET /last HTTP/1.0\r\n\r\n");
  turn_until([&] { return !pages_.waiting.empty(); });
  ASSERT_EQ(pages_.waiting.size(), 1u);
  EXPECT_EQ(pages_.seen, (std::vector<std::string>{"/now", "/later"}));
  pages_.waiting.front()(200, "text/plain", "later");
  const std::string text = read_all(*client);
  EXPECT_EQ(pages_.seen, (std::vector<std::string>{"/now", "/later", "/now", "/last"}));
  EXPECT_LT(text.find("later"), text.rfind("\r\n\r\nnow"));
  EXPECT_TRUE(client->ended());
}

// Whoever says nothing more, as `printf … | nc`, is told all the same.
TEST_P(HttpServerTest, ARefusalReachesAClientThatSaysNoMore) {
  serve();
  for (int i = 0; i < 40; ++i) {
    auto client = world_->connect();
    client->write(std::string(i % 2 == 0 ? "" : kNow) + "nonsense\r\n\r\n");
    client->shutdown();
    const std::string text = read_all(*client);
    const std::size_t refusal = text.rfind("HTTP/1.1 400 Bad Request\r\n");
    ASSERT_NE(refusal, std::string::npos) << text;
    EXPECT_NE(text.find("\r\n\r\nBad Request\n", refusal), std::string::npos) << text;
  }
}

TEST_P(HttpServerTest, RefusesWhatItDoesNotServe) {
  serve({.linger_us = 1000});
  const std::pair<const char*, const char*> cases[] = {
      {"HTTP/1.1 400", "nonsense\r\n\r\n"},
      {"HTTP/1.1 405", "POST /now HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"},
      {"HTTP/1.1 405", "HEAD /now HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"HTTP/1.1 505", "GET /now HTTP/3.0\r\n\r\n"}};
  for (const auto& [status, request] : cases) {
    auto client = world_->connect();
    client->write(request);
    const std::string text = read_all(*client);
    EXPECT_TRUE(text.starts_with(status)) << request << text;
    EXPECT_TRUE(client->ended()) << request;
  }
  auto client = world_->connect();
  client->write("GET /" + std::string(9000, 'x'));
  EXPECT_TRUE(read_all(*client).starts_with("HTTP/1.1 431"));
  EXPECT_EQ(server_->stats().rejected, 5u);
  EXPECT_TRUE(pages_.seen.empty());
}

TEST_P(HttpServerTest, UnansweredRequestsSaySo) {
  serve();
  auto client = world_->connect();
  const std::string text = ask(*client, "GET /never HTTP/1.1\r\nHost: a\r\n\r\n", "no answer\n");
  EXPECT_TRUE(text.starts_with("HTTP/1.1 500")) << text;
}

TEST_P(HttpServerTest, AnswersAfterTheClientHasGoneDoNothing) {
  serve();
  auto client = world_->connect();
  client->write(kLater);
  turn_until([&] { return !pages_.waiting.empty(); });
  ASSERT_EQ(pages_.waiting.size(), 1u);
  EXPECT_TRUE(pages_.waiting.front().wanted());
  client->reset();
  turn_until([&] { return server_->open_connections() == 0; });
  EXPECT_EQ(server_->open_connections(), 0u);
  EXPECT_FALSE(pages_.waiting.front().wanted());
  pages_.waiting.front()(200, "text/plain", "too late");
}

TEST_P(HttpServerTest, AnswersMayOutliveTheServer) {
  serve();
  auto client = world_->connect();
  client->write(kLater);
  turn_until([&] { return !pages_.waiting.empty(); });
  server_->shut_down();
  turn_until([&] { return server_->gone(); });
  ASSERT_TRUE(server_->gone());
  server_.reset();
  ASSERT_EQ(pages_.waiting.size(), 1u);
  pages_.waiting.front()(200, "text/plain", "too late");
  EXPECT_TRUE((read_all(*client), client->ended()));
}

TEST_P(HttpServerTest, HalfClosedClientsGetTheirAnswer) {
  serve();
  auto client = world_->connect();
  client->write(kLater);
  client->shutdown();
  turn_until([&] { return !pages_.waiting.empty(); });
  ASSERT_EQ(pages_.waiting.size(), 1u);
  for (int i = 0; i < 100; ++i) world_->step();  // the end of input arrives, or not
  pages_.waiting.front()(200, "text/plain", "later");
  EXPECT_TRUE(read_all(*client).ends_with("later"));
  EXPECT_TRUE(client->ended());
}

TEST_P(HttpServerTest, TooManyConnectionsAreClosed) {
  serve({.connections_most = 2});
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(world_->connect());
  turn_until([&] { return server_->stats().connections + server_->stats().refused == 3; });
  EXPECT_EQ(server_->open_connections(), 2u);
  EXPECT_EQ(server_->stats().refused, 1u);
}

INSTANTIATE_TEST_SUITE_P(Kernels, HttpServerTest,
                         ::testing::Values(Kernel::simulated, Kernel::epoll, Kernel::io_uring),
                         [](const auto& tested) { return kernel_name(tested.param); });

// Slow clients, under the virtual clock.
class HttpTimeouts : public HttpServerTest {
 protected:
  void wait_seconds(std::uint64_t seconds) {
    for (std::uint64_t i = 0; i < seconds * 10; ++i) {
      static_cast<reactor::SimulatedBackend&>(world_->loop().backend()).advance_ns(100'000'000);
      world_->step();
    }
  }
};

TEST_P(HttpTimeouts, DripFedRequestsEnd) {
  serve();
  auto client = world_->connect();
  client->write("GET /now HTTP/1.1\r\n");
  wait_seconds(5);
  EXPECT_EQ(server_->open_connections(), 1u);
  client->write("Host: a\r\n");
  wait_seconds(6);
  EXPECT_EQ(server_->open_connections(), 0u);
  EXPECT_EQ(server_->stats().timeouts, 1u);
}

TEST_P(HttpTimeouts, SilentConnectionsEndSoonerBeforeTheirFirstRequest) {
  serve();
  auto silent = world_->connect();
  auto idle = world_->connect();
  ask(*idle, kNow, "now");
  wait_seconds(12);
  EXPECT_EQ(server_->open_connections(), 1u);
  wait_seconds(60);
  EXPECT_EQ(server_->open_connections(), 0u);
}

TEST_P(HttpTimeouts, HandlersMayTakeTheirTime) {
  serve();
  auto client = world_->connect();
  client->write(kLater);
  wait_seconds(100);
  ASSERT_EQ(pages_.waiting.size(), 1u);
  pages_.waiting.front()(200, "text/plain", "later");
  EXPECT_TRUE(read_until(*client, "later").ends_with("later"));
}

TEST_P(HttpTimeouts, ClientsThatDoNotReadEnd) {
  serve();
  auto client = world_->connect();
  client->write("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  wait_seconds(30);
  EXPECT_EQ(server_->open_connections(), 0u);
  EXPECT_EQ(server_->stats().timeouts, 1u);
}

INSTANTIATE_TEST_SUITE_P(Kernels, HttpTimeouts, ::testing::Values(Kernel::simulated),
                         [](const auto& tested) { return kernel_name(tested.param); });

}  // namespace
}  // namespace gyre::test
