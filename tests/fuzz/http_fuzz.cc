// The HTTP parser on any bytes: what it returns must lie in its input, must not depend on what follows the
// request, and a request that is complete must not have been complete, or refused, earlier.
//
// Then the server on the same bytes, in pieces that a simulated kernel draws: it must answer what the parser,
// request by request, says is to be answered, each answer whole, and end the connection.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "adapter/http/console_assets.h"
#include "adapter/http/http_request.h"
#include "adapter/http/http_server.h"
#include "reactor/base/check.h"
#include "reactor/loop.h"
#include "reactor/simulated_backend.h"

namespace {

bool lies_in(std::string_view part, std::string_view whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

void check_complete(std::string_view bytes, const gyre::adapter::HttpParse& parse) {
  GYRE_CHECK(parse.consumed > 0 && parse.consumed <= bytes.size());
  GYRE_CHECK(parse.consumed <= gyre::adapter::kLargestHttpRequest);
  GYRE_CHECK(lies_in(parse.request.method, bytes) && !parse.request.method.empty());
  if (parse.request.method == "GET") GYRE_CHECK(parse.request.path.starts_with('/'));
  const gyre::adapter::HttpParse alone = gyre::adapter::parse_http_request(bytes.substr(0, parse.consumed));
  GYRE_CHECK(alone.status == 200 && alone.consumed == parse.consumed);
  GYRE_CHECK(gyre::adapter::parse_http_request(bytes.substr(0, parse.consumed - 1)).status == 0);
}

// The server's paths: figures come later, from other cores; all else is answered at once.
class Pages final : public gyre::adapter::HttpHandler {
 public:
  static int status_of(std::string_view path) {
    if (is_gathered(path) || path == "/healthz" || gyre::adapter::find_console_asset(path) != nullptr)
      return 200;
    return path == "/readyz" ? 503 : 404;
  }
  void on_get(std::string_view path, gyre::adapter::HttpAnswer answer) override {
    if (is_gathered(path))
      waiting_.push_back(std::move(answer));
    else
      answer(status_of(path), "text/plain", path);
  }
  void gather() {
    if (waiting_.empty()) return;
    waiting_.front()(200, "text/plain", std::string(3'000, 'x'));
    waiting_.pop_front();
  }

 private:
  static bool is_gathered(std::string_view path) {
    return path == "/metrics" || path == "/api/console" || path == "/api/activity";
  }
  std::deque<gyre::adapter::HttpAnswer> waiting_;
};

// What is to be answered; `bytes` are all that the client sends.
std::vector<int> statuses_of(std::string_view bytes) {
  std::vector<int> statuses;
  while (!bytes.empty()) {
    const gyre::adapter::HttpParse parse = gyre::adapter::parse_http_request(bytes);
    if (parse.status == 0) break;
    const bool is_get = parse.status == 200 && parse.request.method == "GET";
    statuses.push_back(is_get                ? Pages::status_of(parse.request.path)
                       : parse.status == 200 ? 405
                                             : parse.status);
    if (!is_get || !parse.request.keep_alive) break;
    bytes.remove_prefix(parse.consumed);
  }
  return statuses;
}

// What has been answered.
std::vector<int> read_statuses(std::string_view answers) {
  constexpr std::string_view kLength = "\r\nContent-Length: ";
  std::vector<int> statuses;
  while (!answers.empty()) {
    GYRE_CHECK(answers.starts_with("HTTP/1.1 "));
    statuses.push_back(std::stoi(std::string(answers.substr(9, 3))));
    const std::size_t end = answers.find("\r\n\r\n"), length = answers.find(kLength);
    GYRE_CHECK(end != std::string_view::npos && length < end);
    const std::size_t body = std::stoul(std::string(answers.substr(length + kLength.size(), 10)));
    GYRE_CHECK(answers.size() >= end + 4 + body);
    answers.remove_prefix(end + 4 + body);
  }
  return statuses;
}

void check_server(std::string_view bytes) {
  std::uint64_t seed = bytes.size();
  for (const char c : bytes) seed = seed * 31 + static_cast<unsigned char>(c);
  gyre::reactor::SimulationFaults faults;
  faults.largest_receive = seed % 3 == 0 ? 16 * 1024 : 256;
  faults.send_at_once = seed % 5 == 0 ? 500 : 0;
  faults.socket_buffer = 1024;
  auto backend = std::make_unique<gyre::reactor::SimulatedBackend>(seed, faults);
  const int listener = backend->listen();
  gyre::reactor::SimulatedPeer& client = backend->connect(listener);
  gyre::reactor::Loop loop(std::move(backend));
  Pages pages;
  gyre::adapter::HttpServer server(loop, {listener}, pages);
  client.write(bytes);
  client.shutdown();
  std::string answers;
  const auto turn = [&] {
    loop.turn(0);
    pages.gather();
    answers += client.read();
  };
  for (int turns = 0; !client.closed_by_server() || !client.to_peer.empty(); ++turns) {
    GYRE_CHECK(turns < 1'000'000);
    turn();
  }
  GYRE_CHECK(read_statuses(answers) == statuses_of(bytes));
  server.shut_down();
  while (!server.gone()) turn();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  for (std::string_view bytes = all; !bytes.empty();) {
    const gyre::adapter::HttpParse parse = gyre::adapter::parse_http_request(bytes);
    if (parse.status == 0) GYRE_CHECK(bytes.size() < gyre::adapter::kLargestHttpRequest);
    if (parse.status != 200) break;
    check_complete(bytes, parse);
    bytes.remove_prefix(parse.consumed);
  }
  check_server(all);
  return 0;
}
