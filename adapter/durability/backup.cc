// The files themselves allow a copy while they are written: a checkpoint has its name only when it is
// complete, and a log can be read up to some record while more are appended. So the state is read as recovery
// would read it, and written as one checkpoint of a directory of its own: the copy is verified by being made,
// and is as small as can be.
//
// A running server removes nothing while a backup holds the directory's files, however long reading takes.
// What it was about to remove when the backup came may still go: then the reading fails, and is tried again.

#include "adapter/durability/backup.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>

#include "adapter/durability/checkpoints.h"
#include "adapter/durability/data_directory.h"
#include "adapter/durability/recovery.h"

namespace gyre::adapter {

namespace {

constexpr int kAttempts = 5;
constexpr std::chrono::seconds kPatience(10);  // longer than old files take to be removed

int fail(const StartError& error) {
  fmt::print(stderr, "gyre: {}\n", error.message);
  return static_cast<int>(error.status);
}

Result<Recovered, StartError> read_while_it_is_written(const DataDirectory& directory) {
  const RecoveryVoice silent{[](const std::string&) {}, [](const std::string&) {}};
  for (int attempt = 1;; ++attempt) {
    auto read = read_state(directory, silent);
    if (read || attempt == kAttempts) return read;
  }
}

}  // namespace

int back_up(reactor::Disk& disk, const std::string& from, const std::string& to) {
  DataDirectory source(disk, from);
  const auto content = source.look();
  if (!content) return fail(content.error());
  if (*content == DataDirectory::Content::none)
    return fail({ExitStatus::missing, fmt::format("\"{}\" has no data of Gyre", from)});
  // (Who may not write there can still read, at the risk of an attempt too many.)
  const auto held = source.hold_files(kPatience);
  if (held && *held == nullptr)
    return fail({ExitStatus::in_use, fmt::format("another backup of \"{}\" is being made", from)});
  DataDirectory target(disk, to);
  if (auto locked = target.lock(); !locked) return fail(locked.error());
  const auto there = target.look();
  if (!there) return fail(there.error());
  if (*there != DataDirectory::Content::none)
    return fail({ExitStatus::cannot_make, fmt::format("\"{}\" has data already", to)});
  auto read = read_while_it_is_written(source);
  if (!read) return fail(read.error());
  const InitialState& state = read->state;
  if (auto begun = target.begin(); !begun) return fail(begun.error());
  const auto written =
      write_state(target, *state.database, state.catalog, state.timestamp, [] { return true; });
  if (!written) return fail(from_disk(written.error()));
  if (auto finished = target.finish(); !finished) return fail(finished.error());
  fmt::print("backup of \"{}\" in \"{}\": {} tables, {} rows, up to timestamp {}\n", from, to,
             written->tables, written->rows, state.timestamp.value);
  return 0;
}

}  // namespace gyre::adapter
