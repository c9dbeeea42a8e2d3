// A data directory in use: locked, recovered, with a log that takes commits. What `main` opens before it
// starts a server, and what the server then works with.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "adapter/durability/checkpointer.h"
#include "adapter/durability/data_directory.h"
#include "adapter/durability/initial_state.h"
#include "adapter/durability/recovery.h"
#include "oracle/wal/writer.h"
#include "reactor/disk.h"

namespace gyre::adapter {

struct StoreOptions {
  std::string directory;
  bool reset = false;  // begin anew, whatever data of Gyre's are there
  CheckpointSettings checkpoints;
  std::uint64_t log_segment_size = oracle::wal::WriterOptions().segment_size;  // bytes
  std::optional<reactor::WriteThrough> log_through;  // none: what a probe of the disk finds best
};

class DurableStore {
 public:
  // Steps 1 to 7 of recovery.h; says what it does in the server's log. Blocks, perhaps for long. The disk is
  // borrowed.
  static Result<std::unique_ptr<DurableStore>, StartError> open(reactor::Disk& disk,
                                                                const StoreOptions& options);

  // What the coordinator begins with: the newest commit's state, at a timestamp that no server has shown more than.
  // Once.
  InitialState take_state() { return std::move(state_); }
  oracle::wal::Writer& log() { return *log_; }
  DataDirectory& directory() { return directory_; }
  const RecoveryFigures& recovery() const { return figures_; }

  // The thread that writes checkpoints, reading through line `reader` of the holds. Not started.
  std::unique_ptr<Checkpointer> make_checkpointer(const oracle::PublishedState& published,
                                                  oracle::ReadHolds& holds, std::size_t reader);

 private:
  DurableStore(DataDirectory directory, Recovered recovered, std::unique_ptr<oracle::wal::Writer> log,
               const StoreOptions& options)
      : options_(options),
        directory_(std::move(directory)),
        state_(std::move(recovered.state)),
        figures_(recovered.figures),
        log_(std::move(log)) {}

  const StoreOptions options_;
  DataDirectory directory_;
  InitialState state_;
  const RecoveryFigures figures_;
  std::unique_ptr<oracle::wal::Writer> log_;
};

}  // namespace gyre::adapter
