// What one core has in common for its sessions. Owned by the shard (adapter/shard.h), or by a test that feeds
// a session from memory. One thread only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/access/access.h"
#include "adapter/coordinator/call.h"
#include "adapter/history/statement_history.h"
#include "adapter/metrics.h"
#include "adapter/plan_cache.h"
#include "adapter/read_timestamps.h"
#include "adapter/session/foresight.h"
#include "adapter/session/slow_statements.h"
#include "adapter/session/survey.h"
#include "oracle/published_state.h"
#include "oracle/read_holds.h"
#include "reactor/base/arena.h"
#include "reactor/base/ids.h"
#include "reactor/loop.h"

namespace gyre::adapter {

// Number that a session is known by outside: BackendKeyData, pg_backend_pid(), cancel requests. The low byte
// is the shard.
using SessionId = StrongId<struct SessionTag, std::uint32_t>;

enum class Admission : std::uint8_t {
  admitted,
  full,       // max_connections
  role_full,  // the role's CONNECTION LIMIT
};

// What sessions need of their shard beyond the core's own state.
class SessionServices : public CoordinatorLink {
 public:
  // A cancel request came in for some session of some core.
  virtual void cancel(SessionId session, std::uint32_t secret) = 0;
  // Whether one more session of the role may log in; counts it if so. Superusers have a reserve.
  virtual Admission admit(const Role& role) = 0;
  virtual void dismiss(RoleId role) = 0;  // an admitted session has ended
  // Asks all cores; sets survey.answered. Nobody is known where nobody can be asked.
  virtual void survey(SessionSurvey& survey) { survey.answered.set(); }
  // Sets ticket.answered once the oracle has said what may be read. Until then, or until it is forgotten, the
  // ticket must live.
  virtual void read_timestamp(OracleTicket& ticket, ReadMode mode) { ticket.answered.set(); }
  virtual void forget(OracleTicket& ticket) {}
  // To a session of any core; none of that number is no error.
  virtual void signal(SessionId session, SessionSignal signal) {}
  // A login has failed: to be logged. Returns how long the client is to wait for the answer.
  virtual std::uint64_t on_refused(const Peer& peer, std::string_view user, std::string_view message,
                                   Refusal why) {
    return 0;
  }
};

class Checkpointer;

struct SessionCore {
  SessionCore(reactor::Loop& event_loop, const oracle::PublishedState& state, oracle::ReadHolds& read_holds,
              std::size_t hold, ShardId id, SessionServices& shard_services, std::size_t plan_bytes)
      : loop(event_loop),
        published(state),
        holds(read_holds),
        reader(hold),
        shard(id),
        services(shard_services),
        plans(plan_bytes) {
    arena.set_budget(memory);
  }

  reactor::Loop& loop;
  const oracle::PublishedState& published;
  oracle::ReadHolds& holds;
  const std::size_t reader;  // this core's number among the holds
  const ShardId shard;
  SessionServices& services;
  PlanCache plans;
  CoreMetrics metrics;
  SlowStatements slow;
  StatementHistory history;
  const Access* access = &default_access();  // in force for new connections
  Checkpointer* checkpointer = nullptr;      // null: nothing is durable
  SpanClock span_clock;
  std::size_t statement_memory = SIZE_MAX;  // bytes one statement may keep
  void limit_statement_memory(std::size_t bytes) {
    statement_memory = bytes;
    memory.set_limit(bytes);
  }
  // Of one row, or of an answer that is made as a whole.
  std::size_t most_answer_bytes() const { return std::min(statement_memory, kMostMessage); }
  bool memory_short = false;  // the process has more memory than --memory-limit allows
  std::uint32_t max_message_bytes = 64 * 1024 * 1024;  // of a message after the login
  std::uint64_t login_timeout_us = 60'000'000;  // from the connection's start to AuthenticationOk
  std::uint32_t slice_us = 300;  // how long a statement may keep the core before others get their turn

  // Wall clock, microseconds since 2000-01-01 UTC: the loop's time of this turn plus an offset that is set
  // each second.
  std::int64_t wall_offset_us = 0;
  std::int64_t wall_us() const { return static_cast<std::int64_t>(loop.now_us()) + wall_offset_us; }
  void set_wall_offset();

  // Whether another server may own the timeline by now: then the published state may be older than the newest,
  // and ts_oracle_read_mode is never `published`.
  bool shared_timeline = false;

  std::uint64_t peeks = 0;  // tried; of each 64 the choice of a timestamp is timed
  std::uint32_t messages_to_sample = kMessagesPerSample;  // until the next that is timed

  // Scratch of a statement that runs to its end at once.
  MemoryBudget memory;
  Arena arena;
  OutBuffer key;
  std::vector<storage::Datum> datums;
  Foresight foresight;

  // System parameters, as the published catalog has them. enable_frontend_peek_sequencing:
  bool reads_run_here(const oracle::Publication& now) {
    if (now.catalog_version != switch_version_) [[unlikely]]
      read_switches(now);
    return reads_run_here_;
  }
  // ts_oracle_read_mode:
  ReadMode read_mode(const oracle::Publication& now) {
    if (now.catalog_version != switch_version_) [[unlikely]]
      read_switches(now);
    return read_mode_;
  }
  // How a cached read is answered: at once; at once, while its session is looked at (StatementWatch); or not
  // here.
  enum class PeekMode : std::uint8_t { plain, watched, elsewhere };
  PeekMode peek_mode(const oracle::Publication& now) {
    if (now.catalog_version != switch_version_) [[unlikely]]
      read_switches(now);
    return peek_mode_;
  }
  // A session's settings ask for something else.
  void rewatch(const StatementWatch& before, const StatementWatch& after) {
    history.rewatch(before, after);
    set_peek_mode();
  }

 private:
  static constexpr std::size_t kMostMessage = std::size_t{1} << 30;  // its length is a signed number

  void read_switches(const oracle::Publication& now);
  void set_peek_mode() {
    peek_mode_ = !reads_run_at_once_   ? PeekMode::elsewhere
                 : history.watches() ? PeekMode::watched
                                     : PeekMode::plain;
  }
  std::uint64_t switch_version_ = 0;
  bool reads_run_here_ = true;
  bool reads_run_at_once_ = true;  // here, and at the published state
  ReadMode read_mode_ = ReadMode::published;
  PeekMode peek_mode_ = PeekMode::plain;
};

}  // namespace gyre::adapter
