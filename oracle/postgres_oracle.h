// The timestamp oracle that keeps a timeline in a row of a PostgreSQL- or CockroachDB-compatible server.
//
// Linearizable as far as that server is: one primary, no reads from replicas (it only connects to one that takes
// writes), nothing acknowledged is lost when it fails over. A timeline that comes back with an earlier time than
// it has shown is refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "oracle/local_oracle.h"
#include "oracle/remote_oracle.h"

namespace gyre::oracle {

// Why libpq cannot make sense of a connection string, as a sentence; empty: it can.
std::string why_not_postgres_url(const std::string& url);

struct PostgresOracleOptions {
  std::string url;  // postgres://…, or any connection string that libpq takes
  std::string timeline = "gyre";
  Timestamp initially;  // the timeline is at least so far from now on
  std::size_t connections = 8;
  std::uint64_t call_timeout_ms = 5'000;  // then the connection is given up and the call made again
  std::uint64_t connect_timeout_ms = 5'000;
  std::uint64_t most_backoff_ms = 1'000;
};

// Owns a thread, which has libpq and its connections to itself.
class PostgresOracle final : public RemoteOracle {
 public:
  // Opens the timeline in the background, as often as it takes. `on_answer` is called on the thread when there
  // is something to be taken, or the health has changed. The clock is used there.
  PostgresOracle(PostgresOracleOptions options, Clock& clock, std::function<void()> on_answer);
  // Ends the thread; calls that are under way stay unanswered.
  ~PostgresOracle() override;

  void ask(const OracleCall& call) override;
  bool has_answers() const override;
  void take_answers(std::vector<OracleAnswer>& into) override;
  OracleHealth health() const override;
  RemoteOracleStats stats() const override;
  Timestamp opened_at() const override;

 private:
  struct Shared;
  class Worker;
  const std::shared_ptr<Shared> shared_;
  std::unique_ptr<Worker> worker_;
};

}  // namespace gyre::oracle
