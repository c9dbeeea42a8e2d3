// A small HTTP/1.1 server on a reactor loop: GET only, for metrics and health checks. Answers may come later,
// when they have been collected from other cores; a client that has left meanwhile is no harm.
//
// Exists on one core, and all of it belongs to that core.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/loop.h"

namespace gyre::adapter {

class HttpConnection;
class HttpServerCore;

// The right to answer one request, once. Given up unanswered, it says 500. May outlive the client, the server
// and the loop's interest in both; to be used on the server's core.
class HttpAnswer {
 public:
  explicit HttpAnswer(std::weak_ptr<HttpConnection> connection) : connection_(std::move(connection)) {}
  HttpAnswer(HttpAnswer&& other) noexcept : connection_(std::move(other.connection_)) {
    other.connection_.reset();
  }
  HttpAnswer& operator=(HttpAnswer&&) = delete;
  ~HttpAnswer();

  // Later calls, and calls after the client has gone, do nothing.
  void operator()(int status, std::string_view content_type, std::string_view body);
  // True while someone waits for this answer.
  bool wanted() const { return !connection_.expired(); }

 private:
  std::weak_ptr<HttpConnection> connection_;
};

struct HttpHandler {
  // `path` is valid during the call. The answer may be given within the call or at any time after it.
  virtual void on_get(std::string_view path, HttpAnswer answer) = 0;

 protected:
  ~HttpHandler() = default;
};

struct HttpOptions {
  std::uint64_t request_timeout_us = 10'000'000;  // from a request's first byte to its last
  std::uint64_t idle_timeout_us = 60'000'000;     // between requests; before the first, request_timeout_us
  std::uint64_t send_timeout_us = 10'000'000;     // for a response to be taken
  std::uint64_t linger_us = 1'000'000;            // reading on after a refusal, so that it reaches the client
  std::size_t connections_most = 256;
};

struct HttpStats {
  std::uint64_t connections = 0;  // accepted
  std::uint64_t refused = 0;      // accepted and closed at once: too many
  std::uint64_t requests = 0;     // handed to the handler
  std::uint64_t rejected = 0;     // malformed, too large, not GET
  std::uint64_t timeouts = 0;
};

// Destroy it after the loop's backend, or when gone().
class HttpServer {
 public:
  // Takes the listening descriptors and closes them in the end. Accepts from the loop's next turn on.
  HttpServer(reactor::Loop& loop, std::vector<int> listen_fds, HttpHandler& handler,
             HttpOptions options = {});
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  // Accepts no more and ends all connections at once; some turns later gone() is true.
  void shut_down();
  bool gone() const;
  const HttpStats& stats() const;
  std::size_t open_connections() const;

 private:
  std::unique_ptr<HttpServerCore> core_;
};

}  // namespace gyre::adapter
