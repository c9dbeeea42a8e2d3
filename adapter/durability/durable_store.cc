#include "adapter/durability/durable_store.h"

#include <spdlog/spdlog.h>

#include <fmt/format.h>

#include "oracle/timestamp_window.h"
#include "oracle/wal/sync_probe.h"
#include "reactor/fail_point.h"

namespace gyre::adapter {

namespace {

void say_what_was_recovered(const RecoveryFigures& figures, Timestamp newest) {
  spdlog::info(
      "recovered up to timestamp {}: {} rows of {} in {} ms, then {} records with {} row changes of the log "
      "in {} ms",
      newest.value, figures.checkpoint_rows, checkpoint_name(figures.checkpoint),
      figures.checkpoint_us / 1000, figures.records, figures.row_changes, figures.log_us / 1000);
}

// "fdatasync 120 us, dsync 98 us, direct does not work"
std::string what_was_measured(const oracle::wal::SyncProbe& probe) {
  std::string text;
  for (std::size_t i = 0; i < probe.median_us.size(); ++i) {
    const auto name = oracle::wal::write_through_name(static_cast<reactor::WriteThrough>(i));
    const std::string took =
        probe.median_us[i] == 0 ? "does not work" : fmt::format("{} us", probe.median_us[i]);
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ", name, took);
  }
  return text;
}

Result<std::unique_ptr<oracle::wal::Writer>, StartError> open_log(const DataDirectory& directory,
                                                                  oracle::wal::Tail tail, Timestamp newest,
                                                                  const StoreOptions& store) {
  // (A log that begins now continues the checkpoint.)
  if (tail.segment == 0) tail.timestamp = newest;
  oracle::wal::WriterOptions options;
  options.directory = directory.wal_directory();
  options.segment_size = store.log_segment_size;
  std::string why = "as --wal-sync says";
  if (store.log_through) {
    options.through = *store.log_through;
  } else {
    const auto probe = oracle::wal::probe_sync(directory.disk(), directory.path());
    if (!probe) return Unexpected{StartError{ExitStatus::disk, probe.error()}};
    options.through = probe->chosen;
    why = what_was_measured(*probe);
  }
  spdlog::info("the log is written with {} ({})", oracle::wal::write_through_name(options.through), why);
  auto log = oracle::wal::Writer::open(directory.disk(), std::move(options), tail);
  if (!log) return Unexpected{StartError{ExitStatus::disk, log.error()}};
  return std::move(*log);
}

}  // namespace

Result<std::unique_ptr<DurableStore>, StartError> DurableStore::open(reactor::Disk& disk,
                                                                     const StoreOptions& options) {
  DataDirectory directory(disk, options.directory);
  // 1: nobody else's.
  if (reactor::fail_point("recovery.1_lock"))
    return Unexpected{StartError{ExitStatus::disk, "recovery was stopped by a fail point"}};
  if (auto locked = directory.lock(); !locked) return Unexpected{locked.error()};
  if (options.reset)
    if (auto cleared = directory.clear(); !cleared) return Unexpected{cleared.error()};
  // 2 to 6.
  const RecoveryVoice voice{[](const std::string& sentence) { spdlog::info("{}", sentence); },
                            [](const std::string& sentence) { spdlog::warn("{}", sentence); }};
  auto recovered = recover(directory, Catalog::initial(), voice);
  if (!recovered) return Unexpected{recovered.error()};
  say_what_was_recovered(recovered->figures, recovered->state.timestamp);
  // 7: the log goes on.
  if (reactor::fail_point("recovery.7_log"))
    return Unexpected{StartError{ExitStatus::disk, "recovery was stopped by a fail point"}};
  auto log = open_log(directory, recovered->tail, recovered->state.timestamp, options);
  if (!log) return Unexpected{log.error()};
  recovered->state.timestamp = oracle::window_end(recovered->state.timestamp);
  return std::unique_ptr<DurableStore>(
      new DurableStore(std::move(directory), std::move(*recovered), std::move(*log), options));
}

std::unique_ptr<Checkpointer> DurableStore::make_checkpointer(const oracle::PublishedState& published,
                                                              oracle::ReadHolds& holds, std::size_t reader) {
  return std::make_unique<Checkpointer>(directory_, *log_, published, holds, reader, figures_.checkpoint,
                                        options_.checkpoints);
}

}  // namespace gyre::adapter
