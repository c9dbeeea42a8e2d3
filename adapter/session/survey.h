// Asks every core who is connected to it, and what was run there where the statement asks for that: one
// message to each, then one to the oracle core, which adds what it alone knows (who waits for a lock or for
// the disk, what a transaction's changes take, what its snapshot keeps). The oracle core may be at work on
// one statement for long, and what is asked may be meant to end just that: after a while the answer is what
// the other cores know. Nothing is kept up for this while nobody asks, but what a session has at hand anyway.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapter/history/statement_statistics.h"
#include "reactor/loop.h"
#include "reactor/task.h"
#include "storage/scalar/session_directory.h"

namespace gyre::adapter {

// Lives in the asking coroutine until `answered`. Meanwhile each core writes its own part.
struct SessionSurvey {
  enum class Asks : std::uint8_t { sessions, history };

  SessionSurvey(reactor::Loop& loop, std::uint32_t session, Asks what = Asks::sessions)
      : only(session), asks(what), answered(loop) {}

  bool wants(std::uint32_t pid) const { return only == 0 || only == pid; }
  // The parts become one list, in the order of connecting.
  void gather();

  const std::uint32_t only;                             // a session's number; 0: all
  const Asks asks;                                      // history: about past statements as well
  std::vector<std::vector<storage::SessionRow>> parts;  // by shard
  std::size_t missing = 0;                              // parts; the asking shard's
  std::vector<storage::SessionRow> rows;
  // By shard: copies of their rings of executions, and of what they have counted.
  std::vector<std::string> executions;
  std::vector<std::vector<storage::StatementStatistic>> statistics;
  std::optional<ForgottenStatements> forgets;  // what each shard is to forget
  reactor::Event answered;                     // set on the asking core
};

// The last part. Lives in the asking shard until the oracle core has sent it back.
class OracleSurvey final : public reactor::Timer {
 public:
  // How long the asking session waits for it.
  static constexpr std::uint64_t kPatienceUs = 2'000'000;

  explicit OracleSurvey(SessionSurvey& asking) : rows(asking.rows), asking_(&asking) {}

  // The session goes on without it.
  void on_timer() override { std::exchange(asking_, nullptr)->answered.set(); }
  // It has come back, the timer not being armed any more.
  void answer() {
    if (asking_ == nullptr) return;
    asking_->rows = std::move(rows);
    asking_->answered.set();
  }
  bool is_late() const { return asking_ == nullptr; }

  std::vector<storage::SessionRow> rows;  // the oracle core's, until it comes back

 private:
  SessionSurvey* asking_;
};

// What one session may do to another.
enum class SessionSignal : std::uint8_t {
  cancel,     // what runs, if anything does
  terminate,  // the session
};

}  // namespace gyre::adapter
