// From a data directory to a state that a server can go on from, in numbered steps:
//
//   1  lock the directory: a second server is refused
//   2  look whose it is, and of which format; a new one is begun: its first checkpoint is written
//   3  remove files that never got their names
//   4  read the newest checkpoint that is good; a bad one is named, and the one before it is tried
//   5  do the log's records after it once more, up to the log's end; a torn one was never acknowledged
//   6  bind the catalog's expressions
//
// and then, in the server: 7  the log goes on behind its tail; 8  timestamps go on above all that was
// recovered; 9  the state is published; 10  the server listens.
//
// Whatever cannot be right ends it with an error. Nothing is made up, and nothing but unfinished files and
// the torn end of the log is ever removed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "adapter/durability/data_directory.h"
#include "adapter/durability/initial_state.h"
#include "adapter/durability/start_error.h"
#include "oracle/wal/reader.h"
#include "reactor/base/result.h"

namespace gyre::adapter {

struct RecoveryFigures {
  Timestamp checkpoint;  // what was begun with
  std::uint64_t checkpoint_rows = 0;
  std::uint64_t checkpoint_bytes = 0;
  std::uint64_t records = 0;      // of the log
  std::uint64_t row_changes = 0;  // in them
  std::uint64_t checkpoint_us = 0;
  std::uint64_t log_us = 0;
};

struct Recovered {
  InitialState state;
  oracle::wal::Tail tail;  // where the log goes on
  RecoveryFigures figures;
};

// What recovery has to say while it works: one sentence each, progress at most once a second.
struct RecoveryVoice {
  std::function<void(const std::string&)> inform;
  std::function<void(const std::string&)> warn;
};

// Steps 2 to 6 for a server that has locked the directory. `fresh` is what a new directory begins with.
Result<Recovered, StartError> recover(DataDirectory& directory, Catalog fresh, const RecoveryVoice& voice);

// Steps 4 to 6 alone: changes nothing.
Result<Recovered, StartError> read_state(const DataDirectory& directory, const RecoveryVoice& voice);

}  // namespace gyre::adapter
