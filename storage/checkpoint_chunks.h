// The outer layer of a checkpoint: a file as a header and numbered, checksummed, compressed chunks. What the
// chunks say, storage/checkpoint.cc knows; the bytes are drawn in storage/checkpoint.h.
#pragma once

#include <zstd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "reactor/base/ids.h"
#include "reactor/base/out_buffer.h"
#include "reactor/base/result.h"
#include "reactor/disk.h"
#include "storage/checkpoint.h"

namespace gyre::storage {

// The numbers are the format; a retired one is not used again.
enum class ChunkKind : std::uint32_t { section = 1, table = 2, rows = 3, index = 4, end = 5 };

// Rows are gathered until they have this many bytes, before compression.
inline constexpr std::size_t kChunkBytes = std::size_t{256} << 10;

// Writes header and chunks to a file, from its beginning. Blocks.
class ChunkWriter {
 public:
  ChunkWriter(reactor::DiskFile& file, Timestamp timestamp);
  reactor::DiskDone header();
  reactor::DiskDone chunk(ChunkKind kind, std::string_view content);
  // What is still in memory, to the file; not yet to the disk.
  reactor::DiskDone flush();
  std::uint64_t chunks() const { return chunks_; }
  std::uint64_t bytes() const { return written_ + buffer_.size(); }

 private:
  struct FreeContext {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  reactor::DiskFile& file_;
  const Timestamp timestamp_;
  std::unique_ptr<ZSTD_CCtx, FreeContext> context_;
  OutBuffer buffer_;
  std::uint64_t written_ = 0;
  std::uint32_t chunks_ = 0;
};

// Reads them back. Every error is a sentence with the file's name.
class ChunkReader {
 public:
  ChunkReader(reactor::DiskFile& file, std::string path);
  using Error = CheckpointError;

  Result<Timestamp, Error> header();
  struct Chunk {
    ChunkKind kind;
    std::string_view content;  // until the next call
  };
  // The next chunk; one that is not there is an error, as the file is to say where it ends.
  Result<Chunk, Error> next();
  std::uint64_t chunks() const { return chunks_; }
  std::uint64_t bytes() const { return offset_; }
  // Whether the file ends here.
  Result<bool, Error> at_end();
  Unexpected<Error> damaged(std::string_view what) const;

 private:
  struct FreeContext {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  Unexpected<Error> failed(const reactor::DiskError& error) const;

  reactor::DiskFile& file_;
  const std::string path_;
  Timestamp timestamp_;
  std::unique_ptr<ZSTD_DCtx, FreeContext> context_;
  OutBuffer stored_, content_;
  std::uint64_t size_ = 0;  // of the file
  std::uint64_t offset_ = 0;
  std::uint32_t chunks_ = 0;
};

}  // namespace gyre::storage
