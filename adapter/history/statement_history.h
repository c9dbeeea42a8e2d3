// What one core remembers of the statements that it has run: the newest executions that were sampled, figures
// per statement (pg_stat_statements), and lines on their way to the log. Written by its own core alone;
// whoever asks for it gets a copy, by message (adapter/session/survey.h).
//
// Nothing of this is touched by a statement unless the system parameters and its session's settings ask for
// it: a core says with watches() whether any of its sessions does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "adapter/catalog/catalog.h"
#include "adapter/history/byte_throttle.h"
#include "adapter/history/log_lines.h"
#include "adapter/history/record_ring.h"
#include "adapter/history/statement_statistics.h"
#include "adapter/history/statement_watch.h"
#include "reactor/base/out_buffer.h"
#include "storage/scalar/statement_rows.h"

namespace gyre::adapter {

class StatementHistory {
 public:
  // Of executions, on each core.
  static constexpr std::size_t kRingBytes = std::size_t{4} << 20;
  // Of one text, the statement's or its parameters'.
  static constexpr std::size_t kMostText = 8 * 1024;

  struct Counters {
    std::uint64_t sampled = 0, unsampled = 0;  // executions of sessions whose rate is not 0
    std::uint64_t sampled_bytes = 0;           // of their texts: what was kept, …
    std::uint64_t all_bytes = 0;               // … and what would have been at rate 1
  };

  // The throttle's rate and credit are shared evenly by so many cores. `seed` is the sampling's.
  void set_up(std::size_t cores, std::uint64_t seed, LogFormat format);
  // The system parameters, from a catalog that is new here.
  void follow(const Catalog& catalog);

  // A session's settings have become others; a session begins with StatementWatch().
  void rewatch(const StatementWatch& before, const StatementWatch& now);
  // Whether a statement of some session here is to be looked at.
  bool watches() const { return insisting_ != 0 || (most_rate_ > 0 && sampling_ != 0); }

  // Whether a statement is among those that are kept; `rate` is set to the one that it was drawn by.
  bool draw(double session_rate, std::size_t text_bytes, double& rate);
  bool redacts() const { return redacts_; }
  // Keeps it, unless there has been too much of late.
  void keep(storage::StatementExecution& execution, std::int64_t now_us);
  storage::UuidBytes new_id(std::int64_t at_us);

  StatementStatistics statistics;
  std::string executions() const { return ring_.copy(); }
  const Counters& counters() const { return counters_; }

  void log(const LogEvent& event);
  // Writes what has been logged; each turn of the loop.
  void flush_log() {
    if (!lines_.empty()) [[unlikely]]
      write_lines();
  }
  std::string_view unwritten() const { return lines_; }

 private:
  void write_lines();
  std::uint64_t random();

  RecordRing ring_{kRingBytes};
  ByteThrottle throttle_;
  Counters counters_;
  OutBuffer record_;  // scratch
  double most_rate_ = 0;
  double share_ = 1;
  bool redacts_ = false;
  std::uint32_t insisting_ = 0, sampling_ = 0;  // sessions
  std::uint64_t throttled_ = 0;                 // since the last that was kept
  std::uint64_t ids_ = 0;
  std::uint64_t state_ = 0x9e3779b97f4a7c15;  // of random()
  LogFormat format_ = LogFormat::stderr_lines;
  std::string prefix_ = "%m [%p] ";
  std::string lines_;
};

}  // namespace gyre::adapter
