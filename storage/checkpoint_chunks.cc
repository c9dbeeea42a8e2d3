#include "storage/checkpoint_chunks.h"

#include <xxhash.h>

#include <cstring>

#include "reactor/base/byte_codec.h"
#include "storage/tree.h"

namespace gyre::storage {

namespace {

constexpr std::string_view kMagic = "GYRECKPT";
constexpr std::size_t kHeaderBytes = 32;
constexpr std::size_t kChunkHeaderBytes = 24;
constexpr std::size_t kCheckedBytes = 16;  // of a chunk's header: all before the checksum
constexpr std::size_t kWriteBytes = std::size_t{1} << 20;
// Level 1 compresses rows about as well as the middle ones, at several times their speed.
constexpr int kCompressionLevel = 1;
// The longest content: a chunk ends behind the row that fills it, and what it had before is less than one.
constexpr std::size_t kContentBytesMax = kChunkBytes + kMaxKeySize + kMaxValueSize + 64;

std::uint64_t checksum(Timestamp timestamp, std::string_view head, std::string_view content) {
  char bytes[kCheckedBytes + 8];
  std::memcpy(bytes, head.data(), kCheckedBytes);
  const std::uint64_t of_content = XXH3_64bits_withSeed(content.data(), content.size(), timestamp.value);
  std::memcpy(bytes + kCheckedBytes, &of_content, sizeof of_content);
  return XXH3_64bits_withSeed(bytes, sizeof bytes, timestamp.value);
}

}  // namespace

// ---- Writing

ChunkWriter::ChunkWriter(reactor::DiskFile& file, Timestamp timestamp)
    : file_(file), timestamp_(timestamp), context_(ZSTD_createCCtx()) {}

reactor::DiskDone ChunkWriter::header() {
  ByteWriter out(buffer_);
  out.raw(kMagic);
  out.u32(kCheckpointFormat);
  out.u32(0);
  out.u64(timestamp_.value);
  out.u64(XXH3_64bits(buffer_.data(), kHeaderBytes - 8));
  return std::monostate{};
}

reactor::DiskDone ChunkWriter::chunk(ChunkKind kind, std::string_view content) {
  const std::size_t start = buffer_.size();
  const std::size_t bound = ZSTD_compressBound(content.size());
  char* head = buffer_.reserve(kChunkHeaderBytes + bound);
  char* stored = head + kChunkHeaderBytes;
  std::size_t stored_size =
      ZSTD_compressCCtx(context_.get(), stored, bound, content.data(), content.size(), kCompressionLevel);
  if (ZSTD_isError(stored_size) || stored_size >= content.size()) {
    stored_size = content.size();
    if (stored_size != 0) std::memcpy(stored, content.data(), stored_size);
  }
  ByteWriter out(buffer_);
  out.u32(static_cast<std::uint32_t>(kind));
  out.u32(chunks_++);
  out.u32(static_cast<std::uint32_t>(stored_size));
  out.u32(static_cast<std::uint32_t>(content.size()));
  out.u64(checksum(timestamp_, {buffer_.data() + start, kCheckedBytes}, {stored, stored_size}));
  buffer_.commit(stored_size);
  return buffer_.size() >= kWriteBytes ? flush() : reactor::DiskDone(std::monostate{});
}

reactor::DiskDone ChunkWriter::flush() {
  if (auto written = reactor::write_fully(file_, written_, buffer_.view()); !written) return written;
  written_ += buffer_.size();
  buffer_.clear();
  return std::monostate{};
}

// ---- Reading

ChunkReader::ChunkReader(reactor::DiskFile& file, std::string path)
    : file_(file), path_(std::move(path)), context_(ZSTD_createDCtx()) {}

Unexpected<CheckpointError> ChunkReader::damaged(std::string_view what) const {
  return Unexpected{CheckpointError{CheckpointError::Kind::damaged,
                                    "checkpoint \"" + path_ + "\" is damaged: " + std::string(what)}};
}

Unexpected<CheckpointError> ChunkReader::failed(const reactor::DiskError& error) const {
  return Unexpected{CheckpointError{CheckpointError::Kind::disk, error.message}};
}

Result<Timestamp, CheckpointError> ChunkReader::header() {
  const auto size = file_.size();
  if (!size) return failed(size.error());
  size_ = *size;
  char bytes[kHeaderBytes];
  const auto read = reactor::read_fully(file_, 0, bytes, sizeof bytes);
  if (!read) return failed(read.error());
  if (*read < kHeaderBytes || std::string_view(bytes, kMagic.size()) != kMagic)
    return damaged("it does not begin as a checkpoint does");
  ByteReader in({bytes + kMagic.size(), kHeaderBytes - kMagic.size()});
  const std::uint32_t format = in.u32();
  in.u32();
  timestamp_ = Timestamp(in.u64());
  if (in.u64() != XXH3_64bits(bytes, kHeaderBytes - 8)) return damaged("the checksum of its header is wrong");
  if (format != kCheckpointFormat)
    return Unexpected{CheckpointError{CheckpointError::Kind::unknown_format,
                                      "checkpoint \"" + path_ + "\" has format " + std::to_string(format) +
                                          ", and this version reads " + std::to_string(kCheckpointFormat)}};
  offset_ = kHeaderBytes;
  return timestamp_;
}

Result<ChunkReader::Chunk, CheckpointError> ChunkReader::next() {
  const std::string place = " at byte " + std::to_string(offset_);
  char head[kChunkHeaderBytes];
  const auto read = reactor::read_fully(file_, offset_, head, sizeof head);
  if (!read) return failed(read.error());
  if (*read < sizeof head) return damaged("it ends too early," + place);
  ByteReader in({head, sizeof head});
  const auto kind = static_cast<ChunkKind>(in.u32());
  const std::uint32_t number = in.u32(), stored_size = in.u32(), size = in.u32();
  const std::uint64_t expected = in.u64();
  if (stored_size > size_ - offset_ - sizeof head) return damaged("it ends too early, in the chunk" + place);
  stored_.clear();
  char* stored = stored_.reserve(stored_size);
  const auto got = reactor::read_fully(file_, offset_ + sizeof head, stored, stored_size);
  if (!got) return failed(got.error());
  if (*got < stored_size) return damaged("it ends too early, in the chunk" + place);
  if (checksum(timestamp_, {head, kCheckedBytes}, {stored, stored_size}) != expected)
    return damaged("the checksum of the chunk" + place + " is wrong");
  if (number != chunks_) return damaged("a chunk is missing or in a wrong place," + place);
  if (size > kContentBytesMax || stored_size > size) return damaged("impossible sizes in the chunk" + place);
  offset_ += sizeof head + stored_size;
  ++chunks_;
  if (stored_size == size) return Chunk{kind, {stored, stored_size}};
  content_.clear();
  char* content = content_.reserve(size);
  if (ZSTD_decompressDCtx(context_.get(), content, size, stored, stored_size) != size)
    return damaged("the chunk" + place + " cannot be decompressed");
  return Chunk{kind, {content, size}};
}

Result<bool, CheckpointError> ChunkReader::at_end() {
  return offset_ == size_;
}

}  // namespace gyre::storage
