#include "adapter/durability/checkpoints.h"

#include "adapter/catalog/codec.h"
#include "reactor/fail_point.h"

namespace gyre::adapter {

reactor::DiskResult<storage::CheckpointFigures> write_state(const DataDirectory& directory,
                                                            const storage::Database& database,
                                                            const Catalog& catalog, Timestamp timestamp,
                                                            const std::function<bool()>& go_on) {
  OutBuffer bytes;
  encode_catalog_change(Catalog(), catalog, bytes);
  const storage::CommitRecord::Section section{number_of(AdapterSection::catalog), bytes.view()};
  return storage::write_checkpoint(directory.disk(), directory.checkpoint_directory(),
                                   checkpoint_name(timestamp), database, timestamp, {&section, 1}, go_on);
}

reactor::DiskDone remove_checkpoints_but(const DataDirectory& directory, Timestamp newest, Timestamp spare) {
  const auto timestamps = directory.checkpoints();
  if (!timestamps) return std::monostate{};
  for (const Timestamp timestamp : *timestamps) {
    if (timestamp == newest || timestamp == spare) continue;
    if (reactor::fail_point("checkpoint.6_remove")) return std::monostate{};
    if (auto removed = directory.disk().remove(directory.checkpoint_path(timestamp)); !removed)
      return removed;
  }
  return directory.disk().sync_directory(directory.checkpoint_directory());
}

}  // namespace gyre::adapter
