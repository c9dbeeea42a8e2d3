// A checkpoint: one database value and what the adapter has to say about it, in a file of its own.
//
//   checkpoint := header chunk* end
//   header     := "GYRECKPT", u32 format, u32 zero, u64 timestamp, u64 checksum      32 bytes
//   chunk      := u32 kind, u32 number, u32 stored_size, u32 size, u64 checksum, byte[stored_size]
//   end        := the last chunk, behind which the file ends
//
// A checksum is XXH3: of the header's first 24 bytes; of a chunk's first 16 bytes followed by the XXH3 of its
// content as stored, both seeded with the timestamp, so that a chunk of another file does not fit. Numbers
// count chunks from 0. The content is `size` bytes, compressed with zstd where stored_size is less. By kind:
//
//   section   u8 kind, byte[]                         the adapter's, as in a commit record
//   table     schema, next_row_id, row_count          begins a table, storage/schema_codec.h; varints
//   rows      (text key, text row)*                   in key order, packed as in storage/row.h
//   index     (text key, text primary_key)*           of the table's indexes, one after the other
//   end       varint tables, varint rows, varint chunks before this one
//
// Integers are little-endian. Each table's rows are followed by the entries of its indexes in the schema's
// order, as many of each as there are rows.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/base/ids.h"
#include "reactor/base/result.h"
#include "reactor/disk.h"
#include "storage/commit_record.h"
#include "storage/database.h"

namespace gyre::storage {

inline constexpr std::uint32_t kCheckpointFormat = 1;

struct CheckpointFigures {
  std::uint64_t tables = 0;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;  // of the file
};

// Writes `path` by way of `path`.tmp, which takes its name once it is on the disk whole; a file that is there
// under its own name is complete. Blocks, for a background thread; the caller keeps the database alive.
// `sections` are the adapter's. `go_on` is asked between chunks; false ends the writing with ECANCELED. A
// failure leaves no file under `path`, and a .tmp that the next start removes.
reactor::DiskResult<CheckpointFigures> write_checkpoint(reactor::Disk& disk, const std::string& directory,
                                                        const std::string& name, const Database& database,
                                                        Timestamp timestamp,
                                                        std::span<const CommitRecord::Section> sections,
                                                        const std::function<bool()>& go_on);

struct CheckpointError {
  enum class Kind : std::uint8_t {
    disk,            // it could not be read
    unknown_format,  // another version wrote it
    damaged,         // it is not what was written
  };
  Kind kind;
  std::string message;  // a sentence with the file's name
};

struct Checkpoint {
  struct Section {
    CommitSection kind;
    std::string bytes;
  };
  // Free with free_database(); null where only the bytes were verified.
  std::unique_ptr<const Database> database;
  Timestamp timestamp;
  std::vector<Section> sections;
  CheckpointFigures figures;

  std::string_view section(CommitSection kind) const;
};

// Reads a checkpoint and builds its trees. `progress` is told now and then how many rows there are so far.
Result<Checkpoint, CheckpointError> read_checkpoint(reactor::Disk& disk, const std::string& path,
                                                    const std::function<void(std::uint64_t rows)>& progress);

}  // namespace gyre::storage
