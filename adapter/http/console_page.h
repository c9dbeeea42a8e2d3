// What the console page asks for each second: the figures of every core as the metrics have them, and who is
// connected, which plans are kept, which statements were slow and which cost the most. As JSON; numbers are
// integers, their units in the names.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/http/metrics_page.h"
#include "adapter/http/oracle_metrics.h"
#include "adapter/session/slow_statements.h"
#include "storage/scalar/session_directory.h"
#include "storage/scalar/statement_rows.h"

namespace gyre::adapter {

inline constexpr std::string_view kJsonContentType = "application/json; charset=utf-8";

// A cached plan, as it is shown.
struct PlanRow {
  std::string text;
  std::uint64_t uses = 0, bytes = 0;
  bool by_shape = false;
};

// One core's part, filled on that core. There may be thousands of sessions and plans; a page shows some.
struct Activity {
  static constexpr std::size_t kMostSessions = 100;
  static constexpr std::size_t kMostPlans = 50;    // those used last
  static constexpr std::size_t kMostTexts = 1000;  // plans among which a session's is looked for
  static constexpr std::size_t kMostCosts = 50;    // by either measure
  static constexpr std::size_t kCostText = 1000;   // bytes

  std::vector<storage::SessionRow> sessions;
  std::uint64_t session_count = 0;
  std::vector<PlanRow> plans;
  std::vector<SlowStatement> slow;
  std::vector<storage::StatementStatistic> costs;  // of pg_stat_statements
  std::uint64_t now_us = 0;  // by the loop's clock, as in `slow`
  std::int64_t wall_us = 0;  // since 2000-01-01, as in `sessions`
};

// A statement of all cores, with the name of the role whose it is.
struct StatementCost {
  std::string role;
  storage::StatementStatistic figures;
};

// `oracle`: null where timestamps are made here.
std::string render_console(std::span<const MetricsSnapshot> cores, const ProcessFacts& process,
                           const OracleFigures* oracle);
std::string render_activity(std::span<const Activity> cores, std::span<const StatementCost> costs);

}  // namespace gyre::adapter
