// The data directory: what lies where, whose it is, and that one server has it.
//
//   DIR/                 mode 0700
//     gyre-data          "gyre data directory, format 2\n": written last when a directory is made
//     lock               held with flock while a server runs
//     backup             held with flock while a backup reads: nothing is removed meanwhile
//     checkpoints/       <timestamp, 16 hex digits>.checkpoint      storage/checkpoint.h
//     wal/               <number, 16 hex digits>.wal, mark          oracle/wal/format.h
//
// Names that end in .tmp are unfinished and removed at the next start. There is always a checkpoint: the
// first is written when the directory is made. So is the log's mark (oracle/wal/mark.h): a log that is gone
// is missed.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/durability/start_error.h"
#include "reactor/base/ids.h"
#include "reactor/base/result.h"
#include "reactor/disk.h"

namespace gyre::adapter {

inline constexpr std::uint32_t kDataFormat = 2;

std::string checkpoint_name(Timestamp timestamp);
// Nothing for names of other files.
std::optional<Timestamp> checkpoint_timestamp(std::string_view name);

class DataDirectory {
 public:
  using Done = Result<std::monostate, StartError>;
  // Names only; touches nothing. `disk` is borrowed.
  DataDirectory(reactor::Disk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}

  // Makes the directory if need be, and keeps it from other servers until this object ends. Waits a little
  // for a server that is about to end: one that was killed holds its lock until the kernel has cleared it
  // away.
  Done lock(std::chrono::milliseconds patience = std::chrono::milliseconds(1500));
  enum class Content : std::uint8_t {
    none,  // it is new, or was never finished: to be begun
    data,  // a data directory of this format
  };
  // Whose it is. Anything else than the two is an error.
  Result<Content, StartError> look();
  // Makes the folders of a new directory, and forgets what an attempt before has left.
  Done begin();
  // Removes all data, if they are Gyre's: the directory is as if new. Of another version, too.
  Done clear();
  // Says that it is a data directory: everything that there must be is there, durably.
  Done finish();

  // Checkpoints that have their names, newest first.
  Result<std::vector<Timestamp>, StartError> checkpoints() const;
  // Keeps checkpoints and log as they are for whoever holds it: a backup that reads them, or whoever removes
  // what is old. Null: another holds it, and did so all the time.
  Result<std::unique_ptr<reactor::DiskLock>, StartError> hold_files(std::chrono::milliseconds patience) const;
  // Removes files that never got their names.
  Done remove_unfinished();

  reactor::Disk& disk() const { return disk_; }
  const std::string& path() const { return path_; }
  std::string checkpoint_directory() const { return path_ + "/checkpoints"; }
  std::string checkpoint_path(Timestamp timestamp) const {
    return checkpoint_directory() + "/" + checkpoint_name(timestamp);
  }
  std::string wal_directory() const { return path_ + "/wal"; }

 private:
  Result<std::unique_ptr<reactor::DiskLock>, StartError> try_lock(const std::string& path,
                                                                  std::chrono::milliseconds patience) const;
  Result<std::vector<std::string>, StartError> names_in(const std::string& directory) const;
  std::string version_path() const { return path_ + "/gyre-data"; }

  reactor::Disk& disk_;
  const std::string path_;
  std::unique_ptr<reactor::DiskLock> lock_;
};

}  // namespace gyre::adapter
