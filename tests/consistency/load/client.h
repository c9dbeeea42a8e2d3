// One client of a server under test: a connection by libpq that is lost and made again, and transactions
// whose outcome it tells apart: happened, certainly not, unknown.
#pragma once

#include <libpq-fe.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/consistency/history.h"

namespace gyre::consistency {

struct LoadSettings {
  std::string conninfo;
  std::string isolation = "serializable";
  int clients = 8;
  std::size_t transactions = 10'000;  // by all clients
  double seconds = 60;                // at most
  std::uint64_t seed = 1;
  unsigned resets_per_mille = 0;  // statements upon which the client resets its connection

  // The level keeps what a transaction read from changing before it commits.
  bool serializable() const { return isolation == "serializable" || isolation == "strict serializable"; }
  bool snapshot() const { return serializable() || isolation == "repeatable read"; }
};

// An ErrorResponse.
struct StatementFailed : std::runtime_error {
  StatementFailed(std::string code, const std::string& message)
      : runtime_error(code + ": " + message), sqlstate(std::move(code)) {}
  std::string sqlstate;
};

struct ConnectionLost : std::runtime_error {
  using runtime_error::runtime_error;
};

using Row = std::vector<std::optional<std::string>>;

struct Answer {
  std::vector<Row> rows;
  std::string tag;
  std::int64_t affected = 0;
};

class Client {
 public:
  Client(const LoadSettings& settings, int index);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  // One statement, by the simple or the extended protocol as the dice fall. Throws StatementFailed or
  // ConnectionLost.
  Answer run(const std::string& sql, const std::vector<std::string>& parameters = {});
  // A block at the settings' isolation level; `body` runs statements and may throw what they throw. With
  // `alone` the body is one statement and goes without a block.
  Outcome transact(bool alone, const std::function<void()>& body);
  // Until the server lets us in, or `give_up_ns` passes. False: it did not.
  bool connect(std::int64_t give_up_ns);
  bool connected() const { return connection_ != nullptr; }
  void disconnect();

  std::uint64_t dice(std::uint64_t sides) { return random_() % sides; }
  int index() const { return index_; }
  const LoadSettings& settings() const { return settings_; }
  // SQLSTATEs, or "lost", and how often.
  const std::map<std::string, std::size_t>& errors() const { return errors_; }
  // The last failure that no load should meet (a constraint, a syntax error, an internal one); empty: none.
  const std::string& unexpected() const { return unexpected_; }

 private:
  PGresult* ask(const std::string& sql, const std::vector<std::string>& parameters);
  void reset_upon(const std::string& sql);
  [[noreturn]] void lost(const std::string& why);
  std::string begin();
  Outcome judge(const StatementFailed& failure, bool committing);

  const LoadSettings& settings_;
  const int index_;
  std::mt19937_64 random_;
  PGconn* connection_ = nullptr;
  std::map<std::string, std::size_t> errors_;
  std::string unexpected_;
};

std::int64_t now_ns();  // monotonic
std::int64_t integer(const std::optional<std::string>& value);

}  // namespace gyre::consistency
