// A connection goes round:
//
//   reading ──request──► answering ──HttpAnswer──► sending ──keep-alive──► reading
//      │                                              └──otherwise──► close, when sent
//      └──malformed, not GET──► refusing: the refusal is sent, input is read and thrown away for a moment
//                               (closing with unread input would reset the connection and lose the refusal)
//
// One request at a time: what a client sends ahead waits in the input buffer, and reading pauses when that is
// full. A timer bounds every state but answering, which the handler bounds.
//
// A connection is owned by the server's table until the backend has released it; answers hold it weakly, so
// that they expire with it.
#include "adapter/http/http_server.h"

#include <unistd.h>

#include <ctime>
#include <unordered_map>

#include "adapter/http/http_request.h"
#include "reactor/base/check.h"

namespace gyre::adapter {

namespace {

constexpr std::string_view kPlainText = "text/plain; charset=utf-8";

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

}  // namespace

// What connections and listeners share.
class HttpServerCore {
 public:
  HttpServerCore(reactor::Loop& loop, HttpHandler& handler, const HttpOptions& options)
      : loop_(loop), handler_(handler), options_(options) {}

  void listen(int fd);
  void accept(int fd);
  void release(HttpConnection& connection);
  void shut_down();
  bool gone() const { return listening_ == 0 && connections_.empty(); }

  reactor::Loop& loop() { return loop_; }
  reactor::Backend& backend() { return loop_.backend(); }
  HttpHandler& handler() { return handler_; }
  const HttpOptions& options() const { return options_; }
  HttpStats& stats() { return stats_; }
  std::size_t open_connections() const { return connections_.size(); }
  bool ending() const { return ending_; }
  void listener_stopped() { --listening_; }

 private:
  class Listener final : public reactor::AcceptHandler {
   public:
    Listener(HttpServerCore& core, int fd) : core_(core), fd_(fd) {}
    ~Listener() { close_descriptor(); }
    void on_accept(int fd) override { core_.accept(fd); }
    void on_accept_stopped() override {
      close_descriptor();
      core_.listener_stopped();
    }

   private:
    void close_descriptor() {
      if (fd_ >= 0) ::close(fd_);
      fd_ = -1;
    }
    HttpServerCore& core_;
    int fd_;
  };

  reactor::Loop& loop_;
  HttpHandler& handler_;
  const HttpOptions options_;
  HttpStats stats_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::size_t listening_ = 0;  // listeners that have not stopped
  std::unordered_map<HttpConnection*, std::shared_ptr<HttpConnection>> connections_;
  bool ending_ = false;
};

class HttpConnection final : public reactor::Stream,
                             private reactor::Timer,
                             public std::enable_shared_from_this<HttpConnection> {
 public:
  explicit HttpConnection(HttpServerCore& core) : core_(core), loop_(core.loop()), options_(core.options()) {}

  void start(int fd) {
    loop_.backend().start(*this, fd);
    wait_for_request();
  }
  void end() {
    loop_.cancel_timer(*this);
    state_ = State::closing;
    loop_.backend().close(*this);
  }
  void answer(int status, std::string_view content_type, std::string_view body);

 private:
  enum class State : std::uint8_t { reading, answering, sending, refusing, closing };

  void on_data(std::span<const char> bytes) override;
  void on_closed(int error) override;
  void on_sent() override;
  void on_released() override {
    loop_.cancel_timer(*this);
    core_.release(*this);  // destroys this
  }
  void on_timer() override;

  void wait_for_request();
  void serve_input();
  void refuse(int status);
  void sent();

  HttpServerCore& core_;
  reactor::Loop& loop_;
  const HttpOptions& options_;

  State state_ = State::reading;
  bool serving_ = false;     // serve_input() is on the stack
  bool served_ = false;      // at least one request
  bool keep_alive_ = false;  // after the response under way
  bool peer_ended_ = false;  // no more input will come
  std::string input_;        // not yet parsed; at most kLargestHttpRequest and what one receive brings
  std::string output_;       // the response under way
};

void HttpConnection::on_data(std::span<const char> bytes) {
  if (state_ == State::refusing || state_ == State::closing) return;
  const bool first = input_.empty();
  input_.append(bytes.data(), bytes.size());
  if (state_ == State::reading && first) loop_.arm_timer_after_us(*this, options_.request_timeout_us);
  serve_input();
  if (state_ != State::reading && state_ != State::closing && input_.size() >= kLargestHttpRequest)
    loop_.backend().pause_reading(*this);
}

void HttpConnection::on_closed(int error) {
  peer_ended_ = true;
  // An orderly end lets the client still read what it asked for, or why it was refused.
  if (error != 0 || state_ == State::reading) end();
  if (state_ == State::refusing) loop_.backend().close_when_sent(*this);
}

void HttpConnection::on_timer() {
  if (state_ != State::refusing) ++core_.stats().timeouts;
  end();
}

void HttpConnection::wait_for_request() {
  state_ = State::reading;
  loop_.arm_timer_after_us(*this, served_ ? options_.idle_timeout_us : options_.request_timeout_us);
}

// Parses and serves until a request has to wait or the input is used up. A handler that answers at once comes
// back here through sent(), hence the flag instead of recursion.
void HttpConnection::serve_input() {
  if (serving_) return;
  serving_ = true;
  while (state_ == State::reading && !input_.empty()) {
    const HttpParse parsed = parse_http_request(input_);
    if (parsed.status == 0) break;
    if (parsed.status != 200) {
      refuse(parsed.status);
      break;
    }
    if (parsed.request.method != "GET") {
      refuse(405);
      break;
    }
    const std::string path(parsed.request.path);
    keep_alive_ = parsed.request.keep_alive;
    input_.erase(0, parsed.consumed);
    ++core_.stats().requests;
    served_ = true;
    state_ = State::answering;
    loop_.cancel_timer(*this);
    core_.handler().on_get(path, HttpAnswer(weak_from_this()));
  }
  serving_ = false;
}

void HttpConnection::refuse(int status) {
  ++core_.stats().rejected;
  keep_alive_ = false;
  input_.clear();
  state_ = State::refusing;
  output_ =
      format_http_response(status, kPlainText, std::string(http_reason(status)) + "\n", false, http_date());
  loop_.arm_timer_after_us(*this, options_.linger_us);
  loop_.backend().send(*this, output_.data(), output_.size());
  if (peer_ended_) loop_.backend().close_when_sent(*this);
}

void HttpConnection::answer(int status, std::string_view content_type, std::string_view body) {
  if (state_ != State::answering) return;
  if (peer_ended_) keep_alive_ = keep_alive_ && !input_.empty();  // requests that came before the end count
  output_ = format_http_response(status, content_type, body, keep_alive_, http_date());
  state_ = State::sending;
  loop_.arm_timer_after_us(*this, options_.send_timeout_us);
  if (loop_.backend().send(*this, output_.data(), output_.size()) == reactor::SendStatus::done) sent();
}

void HttpConnection::on_sent() {
  if (state_ == State::sending) sent();
}

void HttpConnection::sent() {
  if (!keep_alive_) {
    end();
    return;
  }
  wait_for_request();
  loop_.backend().resume_reading(*this);
  serve_input();
  if (peer_ended_ && state_ == State::reading && !serving_) end();
}

void HttpServerCore::listen(int fd) {
  listeners_.push_back(std::make_unique<Listener>(*this, fd));
  ++listening_;
  backend().start_accept(*listeners_.back(), fd);
}

void HttpServerCore::accept(int fd) {
  if (ending_ || connections_.size() >= options_.connections_most) {
    ++stats_.refused;
    ::close(fd);
    return;
  }
  ++stats_.connections;
  auto connection = std::make_shared<HttpConnection>(*this);
  connections_.emplace(connection.get(), connection);
  connection->start(fd);
}

void HttpServerCore::release(HttpConnection& connection) {
  connections_.erase(&connection);
}

void HttpServerCore::shut_down() {
  if (ending_) return;
  ending_ = true;
  for (const auto& listener : listeners_) backend().stop_accept(*listener);
  // end() leaves the table alone: releasing happens in the backend's next turn.
  for (const auto& [connection, owner] : connections_) connection->end();
}

HttpServer::HttpServer(reactor::Loop& loop, std::vector<int> listen_fds, HttpHandler& handler,
                       HttpOptions options)
    : core_(std::make_unique<HttpServerCore>(loop, handler, options)) {
  for (const int fd : listen_fds) core_->listen(fd);
}

HttpServer::~HttpServer() = default;

void HttpServer::shut_down() {
  core_->shut_down();
}
bool HttpServer::gone() const {
  return core_->gone();
}
const HttpStats& HttpServer::stats() const {
  return core_->stats();
}
std::size_t HttpServer::open_connections() const {
  return core_->open_connections();
}

HttpAnswer::~HttpAnswer() {
  if (wanted()) (*this)(500, kPlainText, "no answer\n");
}

void HttpAnswer::operator()(int status, std::string_view content_type, std::string_view body) {
  const std::shared_ptr<HttpConnection> connection = connection_.lock();
  connection_.reset();
  if (connection) connection->answer(status, content_type, body);
}

}  // namespace gyre::adapter
