// Two checkpoints are kept, the newest and the one before it, and the log from the older one on: should the
// newest turn out to be damaged, nothing is lost.

#include "adapter/durability/checkpointer.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "adapter/durability/checkpoints.h"
#include "reactor/fail_point.h"
#include "reactor/pin.h"

namespace gyre::adapter {

namespace {

constexpr int kNiceness = 10;  // cores that serve clients come first
constexpr auto kAfterFailure = std::chrono::seconds(10);
constexpr auto kLogPoll = std::chrono::milliseconds(5);

void be_nice() {
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNiceness);
}

}  // namespace

Checkpointer::Checkpointer(DataDirectory& directory, oracle::wal::Writer& log,
                           const oracle::PublishedState& published, oracle::ReadHolds& holds,
                           std::size_t reader, Timestamp newest, CheckpointSettings settings)
    : directory_(directory),
      log_(log),
      published_(published),
      holds_(holds),
      reader_(reader),
      settings_(settings),
      newest_(newest) {
  stats_.last_timestamp = newest.value;
}

void Checkpointer::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void Checkpointer::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

std::shared_ptr<const Checkpointer::Request> Checkpointer::request() {
  auto request = std::make_shared<Request>();
  const std::lock_guard guard(lock_);
  waiting_.push_back(request);
  ++stats_.requested;
  asked_.notify_all();
  return request;
}

CheckpointOutcome Checkpointer::outcome(const Request& request) const {
  const std::lock_guard guard(lock_);
  return request.outcome_;
}

void Checkpointer::log_has(std::uint64_t bytes) {
  const std::lock_guard guard(lock_);
  log_bytes_ = bytes;
  if (log_bytes_ - log_bytes_at_ < settings_.log_bytes || stats_.requested != stats_.answered) return;
  ++stats_.requested;
  asked_.notify_all();
}

CheckpointStats Checkpointer::stats() const {
  const std::lock_guard guard(lock_);
  return stats_;
}

void Checkpointer::run(const std::stop_token& stop) {
  reactor::name_thread("gyre-checkpoint");
  be_nice();
  const auto go_on = [&] { return !stop.stop_requested(); };
  while (go_on()) {
    {
      std::unique_lock guard(lock_);
      asked_.wait_for(guard, stop, std::chrono::seconds(settings_.interval_s),
                      [&] { return stats_.requested != stats_.answered; });
    }
    if (!go_on()) return;
    write(go_on);
    std::unique_lock guard(lock_);
    // (Whoever asks by name is answered at once.)
    if (!stats_.last_error.empty())
      asked_.wait_for(guard, stop, kAfterFailure, [&] { return !waiting_.empty(); });
  }
}

void Checkpointer::write(const std::function<bool()>& go_on) {
  std::uint64_t answers = 0;
  {
    const std::lock_guard guard(lock_);
    answers = stats_.requested;
    answering_.swap(waiting_);
    log_bytes_at_ = log_bytes_;
  }
  const auto start = std::chrono::steady_clock::now();
  // The state must be loaded after the number was read: it is at least as new as all these requests.
  const oracle::Publication state = holds_.wake(reader_, published_);
  const auto& database = *static_cast<const storage::Database*>(state.database);
  // (The first publication's is above its newest commit's.)
  const Timestamp commit = database.timestamp();
  reactor::DiskResult<storage::CheckpointFigures> written = storage::CheckpointFigures{};
  const bool is_new = newest_ < commit;
  if (is_new && !wait_for_log(commit, go_on))
    written = Unexpected{reactor::DiskError{EIO, "the log does not have all that it would be ahead of"}};
  else if (is_new)
    written = write_state(directory_, database, *static_cast<const Catalog*>(state.catalog), commit, go_on);
  holds_.idle(reader_);
  if (written && is_new) tidy(commit);
  if (!written && go_on()) spdlog::error("cannot write a checkpoint: {}", written.error().message);
  const std::lock_guard guard(lock_);
  stats_.answered = answers;
  stats_.last_error = written ? std::string() : written.error().message;
  answer({true, !written && written.error().no_room(), stats_.last_error});
  if (!written) ++stats_.failed;
  if (!written || !is_new) return;
  ++stats_.written;
  stats_.last_timestamp = commit.value;
  stats_.last_rows = written->rows;
  stats_.last_bytes = written->bytes;
  stats_.last_duration_us = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start)
          .count());
  spdlog::info("checkpoint {}: {} rows of {} tables, {} bytes, {} ms", checkpoint_name(commit),
               written->rows, written->tables, written->bytes, stats_.last_duration_us / 1000);
}

// What is published may not be durable yet, where nobody waits for it. A checkpoint of it would be ahead of the
// log: after a loss of power the log went on behind it with a gap, and with that the spare would lead to a
// state that never was.
bool Checkpointer::wait_for_log(Timestamp through, const std::function<bool()>& go_on) const {
  while (!log_.is_durable_through(through)) {
    if (!go_on() || !log_.failure().empty()) return false;
    std::this_thread::sleep_for(kLogPoll);
  }
  return true;
}

// Of those who asked for the attempt that has just ended. Under the lock.
void Checkpointer::answer(const CheckpointOutcome& outcome) {
  for (const auto& request : answering_) request->outcome_ = outcome;
  answering_.clear();
}

// The new checkpoint is durable: what only older ones needed may go.
void Checkpointer::tidy(Timestamp newest) {
  const Timestamp spare = std::exchange(newest_, newest);
  (void)reactor::fail_point("checkpoint.5_durable");
  // (What is left while a backup reads goes with the next checkpoint.)
  const auto held = directory_.hold_files(std::chrono::milliseconds(0));
  if (held && *held == nullptr) return;
  if (auto removed = remove_checkpoints_but(directory_, newest, spare); !removed)
    spdlog::warn("cannot remove an old checkpoint: {}", removed.error().message);
  log_.remove_through(spare);
}

void Checkpointer::write_at_end() {
  const oracle::Publication state = published_.load();
  std::uint64_t rows = 0;
  for (const storage::TableVersion* table : static_cast<const storage::Database*>(state.database)->tables())
    if (table != nullptr) rows += table->rows.size();
  if (rows <= settings_.rows_at_end) write([] { return true; });
}

}  // namespace gyre::adapter
