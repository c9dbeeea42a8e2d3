// A whole state as a checkpoint file of a data directory, and which of these files may go.
#pragma once

#include <functional>

#include "adapter/catalog/catalog.h"
#include "adapter/durability/commit_sections.h"
#include "adapter/durability/data_directory.h"
#include "storage/checkpoint.h"

namespace gyre::adapter {

// Writes the checkpoint of a state, durably. Blocks; see storage::write_checkpoint.
reactor::DiskResult<storage::CheckpointFigures> write_state(const DataDirectory& directory,
                                                            const storage::Database& database,
                                                            const Catalog& catalog, Timestamp timestamp,
                                                            const std::function<bool()>& go_on);

// Removes all checkpoints but these two. A file that cannot be removed is left for the next time.
reactor::DiskDone remove_checkpoints_but(const DataDirectory& directory, Timestamp newest, Timestamp spare);

}  // namespace gyre::adapter
