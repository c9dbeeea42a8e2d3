// What the page of figures says about the timestamp oracle, under the names that dashboards for Materialize ask
// for (mz_ts_oracle_…).
#pragma once

#include <string>

#include "oracle/oracle_client.h"
#include "oracle/remote_oracle.h"
#include "reactor/base/histogram.h"

namespace gyre::adapter {

struct OracleFigures {
  oracle::RemoteOracleStats calls;
  oracle::OracleClientStats client;
  oracle::OracleHealth::State health = oracle::OracleHealth::State::well;
  bool remote = false;  // there is a pool of connections
  Histogram wait_ns;    // of statements, until their batch was answered

  // A read that the local oracle answered, which takes no time.
  void count_local_read() {
    auto& reads = calls.operations[static_cast<std::size_t>(oracle::Verb::read_ts)];
    ++reads.started;
    ++reads.succeeded;
  }
};

std::string render_oracle_metrics(const OracleFigures& figures);

}  // namespace gyre::adapter
