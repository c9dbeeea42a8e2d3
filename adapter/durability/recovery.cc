#include "adapter/durability/recovery.h"

#include <fmt/format.h>

#include <chrono>

#include "adapter/catalog/codec.h"
#include "adapter/durability/checkpoints.h"
#include "adapter/durability/replayer.h"
#include "reactor/fail_point.h"
#include "storage/checkpoint.h"

namespace gyre::adapter {

namespace {

using Clock = std::chrono::steady_clock;

std::uint64_t microseconds_since(Clock::time_point start) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count());
}

// Says how far it is once a second, from the first second on.
class Progress {
 public:
  explicit Progress(const RecoveryVoice& voice) : voice_(voice) {}
  template <class Sentence>
  void tell(Sentence sentence) {
    const auto now = Clock::now();
    if (now - last_ < std::chrono::seconds(1)) return;
    last_ = now;
    voice_.inform(sentence());
  }

 private:
  const RecoveryVoice& voice_;
  Clock::time_point last_ = Clock::now();
};

Unexpected<StartError> stopped() {
  return Unexpected{StartError{ExitStatus::disk, "recovery was stopped by a fail point"}};
}

Result<InitialState, StartError> state_of(storage::Checkpoint checkpoint, const std::string& path) {
  InitialState state(Catalog(), std::move(checkpoint.database), checkpoint.timestamp);
  switch (apply_catalog_change(checkpoint.section(number_of(AdapterSection::catalog)), state.catalog)) {
    case Decoding::ok:
      return state;
    case Decoding::unknown_format:
      return Unexpected{
          StartError{ExitStatus::not_ours,
                     fmt::format("the catalog in checkpoint \"{}\" is of format {}, of another version of "
                                 "Gyre; this one reads {}",
                                 path, catalog_format(checkpoint.section(number_of(AdapterSection::catalog))),
                                 kCatalogFormat)}};
    case Decoding::malformed:
      break;
  }
  return Unexpected{
      StartError{ExitStatus::damaged, fmt::format("the catalog in checkpoint \"{}\" cannot be read", path)}};
}

// Step 4.
Result<InitialState, StartError> read_newest_checkpoint(const DataDirectory& directory,
                                                        const RecoveryVoice& voice,
                                                        RecoveryFigures& figures) {
  const auto start = Clock::now();
  const auto timestamps = directory.checkpoints();
  if (!timestamps) return Unexpected{timestamps.error()};
  if (timestamps->empty())
    return Unexpected{StartError{ExitStatus::damaged,
                                 fmt::format("data directory \"{}\" has no checkpoint", directory.path())}};
  std::string problems;
  for (const Timestamp timestamp : *timestamps) {
    const std::string path = directory.checkpoint_path(timestamp);
    Progress progress(voice);
    auto read = storage::read_checkpoint(directory.disk(), path, [&](std::uint64_t rows) {
      (void)reactor::fail_point("recovery.4_rows");
      progress.tell([&] { return fmt::format("reading checkpoint \"{}\": {} rows so far", path, rows); });
    });
    if (!read && read.error().kind == storage::CheckpointError::Kind::unknown_format)
      return Unexpected{StartError{ExitStatus::not_ours, read.error().message}};
    if (read && read->timestamp != timestamp) {
      storage::free_database(std::move(read->database));
      read = Unexpected{
          storage::CheckpointError{storage::CheckpointError::Kind::damaged,
                                   fmt::format("checkpoint \"{}\" has the name of another one", path)}};
    }
    if (!read) {
      voice.warn(read.error().message);
      problems += (problems.empty() ? "" : "; ") + read.error().message;
      continue;
    }
    figures.checkpoint = timestamp;
    figures.checkpoint_rows = read->figures.rows;
    figures.checkpoint_bytes = read->figures.bytes;
    figures.checkpoint_us = microseconds_since(start);
    return state_of(std::move(*read), path);
  }
  return Unexpected{StartError{ExitStatus::damaged, "no checkpoint can be read: " + problems}};
}

// Step 5.
DataDirectory::Done replay_log(const DataDirectory& directory, Replayer& replayer, const RecoveryVoice& voice,
                               oracle::wal::Tail& tail) {
  Progress progress(voice);
  const auto tell = [&] {
    progress.tell([&] {
      return fmt::format("replaying the log: {} records with {} row changes so far", replayer.records(),
                         replayer.rows());
    });
  };
  replayer.set_progress([&tell] {
    (void)reactor::fail_point("recovery.5_rows");
    tell();
  });
  oracle::wal::Reader reader(directory.disk(), directory.wal_directory(), replayer.timestamp());
  oracle::wal::Record record;
  while (reader.next(record)) {
    if (reactor::fail_point("recovery.5_record")) return stopped();
    if (const auto done = replayer.apply(record.timestamp, record.body); !done)
      return Unexpected{StartError{
          ExitStatus::damaged,
          fmt::format("log segment {} of \"{}\", byte {}: {}", oracle::wal::segment_name(record.segment),
                      directory.wal_directory(), record.offset, done.error())}};
    tell();
  }
  replayer.set_progress({});
  tail = reader.tail();
  if (tail.refused) return Unexpected{StartError{ExitStatus::damaged, tail.message}};
  // (It is made before the directory is finished.)
  if (!tail.marked)
    return Unexpected{StartError{
        ExitStatus::damaged,
        fmt::format("the log in \"{}\" is gone: \"{}/{}\" is missing or damaged", directory.wal_directory(),
                    directory.wal_directory(), oracle::wal::kMarkName)}};
  if (tail.stop != oracle::wal::Tail::Stop::clean)
    voice.warn(tail.message + "; what is behind it was never acknowledged");
  return std::monostate{};
}

// Step 2, for a directory that has nothing yet.
DataDirectory::Done begin_directory(DataDirectory& directory, const Catalog& fresh) {
  if (auto begun = directory.begin(); !begun) return begun;
  if (reactor::fail_point("recovery.2_begun")) return stopped();
  const InitialState first(fresh);
  const auto written =
      write_state(directory, *first.database, first.catalog, first.timestamp, [] { return true; });
  if (!written) return Unexpected{from_disk(written.error())};
  if (reactor::fail_point("recovery.2_first_checkpoint")) return stopped();
  return directory.finish();
}

}  // namespace

Result<Recovered, StartError> read_state(const DataDirectory& directory, const RecoveryVoice& voice) {
  // 4: the newest checkpoint that is good.
  RecoveryFigures figures;
  if (reactor::fail_point("recovery.4_checkpoint")) return stopped();
  auto begin = read_newest_checkpoint(directory, voice, figures);
  if (!begin) return Unexpected{begin.error()};
  // 5: the log behind it.
  const auto start = Clock::now();
  if (reactor::fail_point("recovery.5_log")) return stopped();
  Replayer replayer(std::move(*begin));
  oracle::wal::Tail tail;
  if (auto done = replay_log(directory, replayer, voice, tail); !done) return Unexpected{done.error()};
  figures.records = replayer.records();
  figures.row_changes = replayer.rows();
  figures.log_us = microseconds_since(start);
  // 6: expressions.
  if (reactor::fail_point("recovery.6_bind")) return stopped();
  auto state = replayer.finish();
  if (!state) return Unexpected{StartError{ExitStatus::damaged, state.error()}};
  return Recovered{std::move(*state), std::move(tail), figures};
}

Result<Recovered, StartError> recover(DataDirectory& directory, Catalog fresh, const RecoveryVoice& voice) {
  // 2: whose it is.
  const auto content = directory.look();
  if (!content) return Unexpected{content.error()};
  if (*content == DataDirectory::Content::none) {
    voice.inform(fmt::format("making a new data directory in \"{}\"", directory.path()));
    if (auto begun = begin_directory(directory, fresh); !begun) return Unexpected{begun.error()};
  }
  // 3: what was never finished.
  if (reactor::fail_point("recovery.3_unfinished")) return stopped();
  if (auto removed = directory.remove_unfinished(); !removed) return Unexpected{removed.error()};
  return read_state(directory, voice);
}

}  // namespace gyre::adapter
