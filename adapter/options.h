// What can be said to the server when it is started: flags, GYRE_… environment variables, a configuration
// file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapter/durability/checkpointer.h"
#include "adapter/experiments.h"
#include "reactor/disk.h"

namespace gyre::adapter {

struct Options {
  std::string data_directory;  // never empty after parse_options, unless ephemeral
  bool ephemeral = false;
  CheckpointSettings checkpoints;
  std::optional<reactor::WriteThrough> wal_sync;  // none: what a probe of the disk finds best
  std::string check_data;                         // verify this directory instead of serving; empty: serve
  std::string backup_to;  // copy data_directory there instead of serving; empty: serve
  bool reset = false;
  std::string timestamp_oracle_url;  // where timestamps are kept; empty: here
  std::string timeline = "gyre";     // which of those kept there
  std::vector<int> shard_cores;  // kernel processor numbers, one shard each; never empty after parse_options
  int oracle_core = 0;
  std::string sql_address = "localhost:6875";
  std::string internal_sql_address = "localhost:6877";
  std::string internal_http_address = "localhost:6878";
  std::string unix_socket_directory;  // empty: none
  std::uint32_t spin_us = 0;
  std::uint32_t max_connections = 5000;
  std::string hba_file;                                   // empty: the built-in rules
  std::string tls_certificate, tls_key, tls_authorities;  // empty: none
  std::string tls_least = "TLSv1.2";
  bool insecure = false;  // strangers may be let in without TLS or passwords
  std::uint32_t authentication_timeout_s = 60;
  std::uint32_t max_pending_logins = 4096;
  std::uint32_t max_connections_per_address = 0;  // 0: no limit
  std::uint32_t login_delay_ms = 2000;            // the longest; 0: none
  std::uint32_t cancels_per_second = 1000;
  std::uint64_t statement_memory = 1024ull * 1024 * 1024;  // bytes one statement may keep
  std::uint64_t memory_limit = 0;                          // bytes of the whole process; 0: unknown, no limit
  std::uint64_t max_message_bytes = 64ull * 1024 * 1024;
  std::vector<std::pair<std::string, std::string>> system_parameters;
  std::string log_level = "info";
  std::string log_format = "stderr";  // stderr, json
  std::string io_backend = "auto";  // auto, uring, epoll
  std::string huge_pages = "try";   // try, off
  Experiments experiments;
};

// Parses the command line. Ends the process for --help and --version (status 0), and, with one line on stderr
// and status 64, for anything that is wrong.
Options parse_options(int argc, char** argv);

}  // namespace gyre::adapter
