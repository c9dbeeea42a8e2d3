// The other sessions, as a statement sees them that asks (storage/scalar/session_directory.h): the answer of a
// survey, with what the asking role may see and do. Plain data once it is made, so that a statement may use it
// on its shard or on the oracle core.
//
// Signals are noted and sent by the session once the run is over. A run that has to wait for a session's end is
// abandoned, and begun anew when the outcome is known: calls are known by their order, which is the same.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "adapter/catalog/catalog.h"
#include "adapter/session/survey.h"
#include "pgwire/diagnostic.h"

namespace gyre::adapter {

class SessionDirectory final : public storage::SessionDirectory {
 public:
  // `role` asks, by the catalog as it is now.
  SessionDirectory(SessionSurvey&& survey, const Catalog& catalog, RoleId role);

  void for_each(const std::function<void(const storage::SessionRow&)>& visit) const override;
  bool cancel(std::int32_t pid) override;
  bool terminate(std::int32_t pid, std::int64_t timeout_ms) override;
  void for_each_execution(
      const std::function<void(const storage::StatementExecution&)>& visit) const override;
  void for_each_statistic(const std::function<void(const storage::StatementStatistic&)>& visit) const override;
  void forget_statistics(std::uint32_t role, std::uint32_t database, std::uint64_t query_id) override;

  // The statement runs, for the first time or anew.
  void begin_run() { calls_ = 0; }
  // What it has asked for since the last call.
  using Signal = std::pair<std::uint32_t, SessionSignal>;
  std::vector<Signal> take_signals() { return std::exchange(signals_, {}); }
  std::vector<pgwire::Diagnostic> take_warnings() { return std::exchange(warnings_, {}); }
  std::vector<ForgottenStatements> take_forgotten() { return std::exchange(forgotten_, {}); }
  // After a SessionWait: whom it waits for, and how long at most; then how that went.
  struct Wait {
    std::uint32_t pid;
    std::int64_t timeout_ms;
  };
  const Wait& wait() const { return wait_; }
  void waited(bool has_ended);

 private:
  enum class Right : std::uint8_t { granted, superusers_only, members_only };
  struct Relation {
    bool visible;
    Right right;
  };

  const storage::SessionRow* find(std::int32_t pid);
  bool signal(std::int32_t pid, SessionSignal signal);
  bool may_see(std::uint32_t role) const;
  void warn(std::string message);

  std::vector<storage::SessionRow> rows_;
  std::vector<std::string> executions_;                  // by shard: records
  std::vector<storage::StatementStatistic> statistics_;  // those of all shards, added up
  std::unordered_map<std::uint32_t, bool> visible_;      // roles of past statements, by oid
  bool superuser_ = false;
  bool sees_all_ = false;
  std::unordered_map<std::uint32_t, Relation> roles_;  // by oid
  std::vector<Signal> signals_;
  std::vector<pgwire::Diagnostic> warnings_;
  std::vector<ForgottenStatements> forgotten_;
  std::vector<bool> outcomes_;  // of the calls, by their order
  std::size_t calls_ = 0;       // of this run
  Wait wait_{};
};

}  // namespace gyre::adapter
