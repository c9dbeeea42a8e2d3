// What the targets of checkpoints and commit records share: a database can be walked, and what was read from
// bytes comes back from a checkpoint as it was.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "reactor/base/check.h"
#include "reactor/simulated_disk.h"
#include "storage/checkpoint.h"
#include "storage/tree.h"

namespace gyre::fuzz {

inline void check_trees(const storage::Database& database) {
  for (const storage::TableVersion* table : database.tables()) {
    if (table == nullptr) continue;
    storage::check_tree(table->rows);
    for (const storage::Tree& index : table->indexes) storage::check_tree(index);
  }
}

// Owns its database, nodes and all.
class ReadCheckpoint {
 public:
  explicit ReadCheckpoint(storage::Checkpoint checkpoint) : checkpoint_(std::move(checkpoint)) {}
  ReadCheckpoint(ReadCheckpoint&&) = default;
  ~ReadCheckpoint() {
    if (checkpoint_.database != nullptr) storage::free_database(std::move(checkpoint_.database));
  }
  const storage::Checkpoint& operator*() const { return checkpoint_; }

 private:
  storage::Checkpoint checkpoint_;
};

inline std::optional<ReadCheckpoint> read_checkpoint(const std::string& bytes) {
  reactor::SimulatedDisk disk(1);
  (void)disk.make_directory("d");
  disk.set_content("d/c", bytes);
  auto read = storage::read_checkpoint(disk, "d/c", {});
  if (!read) {
    GYRE_CHECK(read.error().message.find("d/c") != std::string::npos);
    return std::nullopt;
  }
  return ReadCheckpoint(std::move(*read));
}

inline std::string written_checkpoint(const storage::Database& database, Timestamp timestamp,
                                      std::span<const storage::Checkpoint::Section> sections) {
  reactor::SimulatedDisk disk(1);
  (void)disk.make_directory("d");
  std::vector<storage::CommitRecord::Section> borrowed;
  for (const auto& section : sections) borrowed.push_back({section.kind, section.bytes});
  GYRE_CHECK(storage::write_checkpoint(disk, "d", "c", database, timestamp, borrowed, [] { return true; }));
  return disk.content("d/c");
}

// Written, read and written again it is the same file.
inline void check_checkpoint_round_trip(const storage::Database& database, Timestamp timestamp,
                                        std::span<const storage::Checkpoint::Section> sections) {
  const std::string bytes = written_checkpoint(database, timestamp, sections);
  const auto back = read_checkpoint(bytes);
  GYRE_CHECK(back.has_value());
  check_trees(*(**back).database);
  GYRE_CHECK(written_checkpoint(*(**back).database, (**back).timestamp, (**back).sections) == bytes);
}

}  // namespace gyre::fuzz
