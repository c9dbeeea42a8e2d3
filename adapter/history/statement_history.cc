#include "adapter/history/statement_history.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "adapter/history/execution_record.h"
#include "adapter/session/settings.h"
#include "storage/types/calendar.h"

namespace gyre::adapter {

namespace {

// A reader of the log that is too slow holds up the core, once so much is waiting.
constexpr std::size_t kMostLines = 64 * 1024;

std::string parameter(const Catalog& catalog, std::string_view name) {
  const auto found = catalog.system_parameters.find(std::string(name));
  if (found != catalog.system_parameters.end()) return found->second;
  return std::string(setting_definitions()[static_cast<std::size_t>(find_setting(name))].initial);
}

double number(const Catalog& catalog, std::string_view name) {
  return std::strtod(parameter(catalog, name).c_str(), nullptr);
}

}  // namespace

void StatementHistory::set_up(std::size_t cores, std::uint64_t seed, LogFormat format) {
  share_ = 1.0 / static_cast<double>(cores);
  state_ += seed | 1;
  format_ = format;
}

void StatementHistory::follow(const Catalog& catalog) {
  most_rate_ = number(catalog, "statement_logging_max_sample_rate");
  throttle_.set(share_ * static_cast<double>(setting_bytes(parameter(catalog, "statement_logging_target_data_rate"))),
                share_ * static_cast<double>(setting_bytes(parameter(catalog, "statement_logging_max_data_credit"))));
  redacts_ = parameter(catalog, "statement_logging_redaction") == "on";
  statistics.set_most(static_cast<std::size_t>(number(catalog, "pg_stat_statements.max")));
  prefix_ = parameter(catalog, "log_line_prefix");
}

void StatementHistory::rewatch(const StatementWatch& before, const StatementWatch& now) {
  insisting_ = insisting_ - (before.insists() ? 1 : 0) + (now.insists() ? 1 : 0);
  sampling_ = sampling_ - (before.sample_rate > 0 ? 1 : 0) + (now.sample_rate > 0 ? 1 : 0);
}

// xorshift64*: no more than which statements are kept hangs on it.
std::uint64_t StatementHistory::random() {
  state_ ^= state_ >> 12;
  state_ ^= state_ << 25;
  state_ ^= state_ >> 27;
  return state_ * 0x2545f4914f6cdd1d;
}

bool StatementHistory::draw(double session_rate, std::size_t text_bytes, double& rate) {
  rate = std::min(most_rate_, session_rate);
  if (rate <= 0) return false;
  counters_.all_bytes += text_bytes;
  const bool drawn = rate >= 1 || static_cast<double>(random() >> 11) * 0x1.0p-53 < rate;
  ++(drawn ? counters_.sampled : counters_.unsampled);
  return drawn;
}

void StatementHistory::keep(storage::StatementExecution& execution, std::int64_t now_us) {
  execution.figures.throttled = throttled_;
  record_.clear();
  write_execution(execution, record_);
  if (!throttle_.take(record_.size(), now_us) || !ring_.append(record_.view())) {
    ++throttled_;
    return;
  }
  throttled_ = 0;
  counters_.sampled_bytes += execution.sql.size();
}

// Version 7: milliseconds since 1970 in front, so that ids are in the order of time.
storage::UuidBytes StatementHistory::new_id(std::int64_t at_us) {
  const auto milliseconds = static_cast<std::uint64_t>((at_us + storage::kEpochUnixUs) / 1000);
  const std::uint64_t high = __builtin_bswap64(milliseconds << 16 | 0x7000 | (++ids_ & 0xfff));
  const std::uint64_t low = __builtin_bswap64((random() & 0x3fffffffffffffff) | 0x8000000000000000);
  storage::UuidBytes id;
  std::memcpy(id.data(), &high, sizeof high);
  std::memcpy(id.data() + sizeof high, &low, sizeof low);
  return id;
}

void StatementHistory::log(const LogEvent& event) {
  if (format_ == LogFormat::json)
    append_log_json(event, lines_);
  else
    append_log_lines(event, prefix_, lines_);
  if (lines_.size() >= kMostLines) write_lines();
}

// Whole lines in one call, so that those of other threads do not come between.
void StatementHistory::write_lines() {
  for (std::size_t at = 0; at < lines_.size();) {
    const ssize_t written = ::write(STDERR_FILENO, lines_.data() + at, lines_.size() - at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) break;  // nobody reads it
    at += static_cast<std::size_t>(written);
  }
  lines_.clear();
}

}  // namespace gyre::adapter
