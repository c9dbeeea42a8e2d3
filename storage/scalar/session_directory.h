// What pg_stat_activity, gyre_transactions and the functions that signal sessions ask: who is connected, as the
// cores have answered just before the statement runs; and what was run (storage/scalar/statement_rows.h).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "storage/scalar/statement_rows.h"

namespace gyre::storage {

// One session. Times are microseconds since 2000-01-01 UTC; 0: there is none.
struct SessionRow {
  std::uint32_t pid = 0;
  std::uint32_t role = 0;  // who logged in, by oid
  std::string role_name, database, application;
  std::string client_address;  // empty: a unix socket
  std::int32_t client_port = -1;
  std::int64_t backend_start_us = 0, transaction_start_us = 0, query_start_us = 0, state_change_us = 0;
  std::string_view state, wait_event_type, wait_event;  // static; empty: none
  std::string query;  // cut; without what might be a password
  bool visible = false;  // to whoever asks: its own, or with the right to see all

  // What it keeps others' changes alive for.
  bool in_transaction = false;
  std::string isolation;
  bool read_only = false;
  std::uint64_t snapshot = 0;    // the oldest that it may read, as a timestamp; 0: none is held
  std::int64_t snapshot_us = 0;  // since when it does
  std::uint64_t read_set_bytes = 0;
  // The oracle core's.
  std::uint64_t transaction = 0;  // its number there; 0: it is not known there
  std::uint64_t branch_bytes = 0;
  std::uint64_t retained_bytes = 0;
};

// A call of pg_terminate_backend() has to wait: the statement is run anew once the wait is over, and finds out
// then.
struct SessionWait {};

class SessionDirectory {
 public:
  virtual void for_each(const std::function<void(const SessionRow&)>& visit) const = 0;
  // Cancels what the session does. False, with a warning to the client, where there is none of this number.
  // Throws where the role may not.
  virtual bool cancel(std::int32_t pid) = 0;
  // Ends the session. With a timeout: whether it has ended within that time. Throws SessionWait.
  virtual bool terminate(std::int32_t pid, std::int64_t timeout_ms) = 0;
  // Past executions, those of each core in the order of their ends; and their figures, by role and statement.
  virtual void for_each_execution(const std::function<void(const StatementExecution&)>& visit) const = 0;
  virtual void for_each_statistic(const std::function<void(const StatementStatistic&)>& visit) const = 0;
  // Forgets figures once the statement is done; 0: any.
  virtual void forget_statistics(std::uint32_t role, std::uint32_t database, std::uint64_t query_id) = 0;

 protected:
  ~SessionDirectory() = default;
};

}  // namespace gyre::storage
