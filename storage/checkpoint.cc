// A tree is walked in key order and written in runs of about 256 KiB, so memory stays small whatever the
// table; reading appends the same runs to new trees, without a search per entry.
//
// The entries of indexes are written, not made again from the rows: that would mean encoding and sorting
// them.

#include "storage/checkpoint.h"

#include <cerrno>

#include "reactor/base/archive.h"
#include "reactor/fail_point.h"
#include "storage/branch.h"
#include "storage/checkpoint_chunks.h"
#include "storage/schema_codec.h"
#include "storage/stored_values.h"

namespace gyre::storage {

using reactor::DiskDone;
using reactor::DiskError;
using reactor::DiskResult;

std::string_view Checkpoint::section(CommitSection kind) const {
  for (const Section& section : sections)
    if (section.kind == kind) return section.bytes;
  return {};
}

// ---- Writing

namespace {

class CheckpointWriter {
 public:
  CheckpointWriter(reactor::DiskFile& file, Timestamp timestamp, const std::function<bool()>& go_on)
      : chunks_(file, timestamp), go_on_(go_on) {}

  DiskDone write(const Database& database, std::span<const CommitRecord::Section> sections) {
    if (auto done = chunks_.header(); !done) return done;
    for (const CommitRecord::Section& section : sections) {
      ByteWriter(content_).u8(static_cast<std::uint8_t>(section.kind));
      content_.append(section.bytes);
      if (auto done = finish_chunk(ChunkKind::section); !done) return done;
    }
    for (const TableVersion* table : database.tables()) {
      if (table == nullptr) continue;
      if (auto done = write_table(*table); !done) return done;
    }
    Encoder encoder(content_);
    encoder(figures_.tables, figures_.rows, chunks_.chunks());
    if (auto done = finish_chunk(ChunkKind::end); !done) return done;
    return chunks_.flush();
  }
  CheckpointFigures figures() const {
    CheckpointFigures figures = figures_;
    figures.bytes = chunks_.bytes();
    return figures;
  }

 private:
  DiskDone finish_chunk(ChunkKind kind) {
    if (!go_on_()) return Unexpected{DiskError{ECANCELED, "the checkpoint was called off"}};
    if (reactor::fail_point("checkpoint.2_chunk"))
      return Unexpected{DiskError{EIO, "fail point checkpoint.2_chunk"}};
    auto done = chunks_.chunk(kind, content_.view());
    content_.clear();
    return done;
  }

  DiskDone write_tree(const Tree& tree, ChunkKind kind) {
    ByteWriter out(content_);
    Cursor cursor(tree);
    for (cursor.seek_first(); cursor.valid(); cursor.next()) {
      out.text(cursor.key());
      out.text(cursor.value());
      if (content_.size() < kChunkBytes) continue;
      if (auto done = finish_chunk(kind); !done) return done;
    }
    return content_.empty() ? DiskDone(std::monostate{}) : finish_chunk(kind);
  }

  DiskDone write_table(const TableVersion& table) {
    ++figures_.tables;
    figures_.rows += table.rows.size();
    Encoder encoder(content_);
    encoder(table.schema, table.next_row_id, table.rows.size());
    if (auto done = finish_chunk(ChunkKind::table); !done) return done;
    if (auto done = write_tree(table.rows, ChunkKind::rows); !done) return done;
    for (const Tree& index : table.indexes)
      if (auto done = write_tree(index, ChunkKind::index); !done) return done;
    return std::monostate{};
  }

  ChunkWriter chunks_;
  const std::function<bool()>& go_on_;
  OutBuffer content_;
  CheckpointFigures figures_;
};

DiskError at_fail_point(const char* name) {
  return {EIO, std::string("fail point ") + name};
}

}  // namespace

DiskResult<CheckpointFigures> write_checkpoint(reactor::Disk& disk, const std::string& directory,
                                               const std::string& name, const Database& database,
                                               Timestamp timestamp,
                                               std::span<const CommitRecord::Section> sections,
                                               const std::function<bool()>& go_on) {
  const std::string path = directory + "/" + name;
  const std::string unfinished = path + ".tmp";
  if (reactor::fail_point("checkpoint.1_open")) return Unexpected{at_fail_point("checkpoint.1_open")};
  // 1: a file under a name that recovery does not look at.
  auto file = disk.open(unfinished, reactor::Disk::Open::truncate);
  if (!file) return Unexpected{file.error()};
  // 2: everything into it.
  CheckpointWriter writer(**file, timestamp, go_on);
  if (auto done = writer.write(database, sections); !done) return Unexpected{done.error()};
  // 3: on the disk with it, before it gets its name.
  if (reactor::fail_point("checkpoint.3_sync")) return Unexpected{at_fail_point("checkpoint.3_sync")};
  if (auto done = (*file)->sync(); !done) return Unexpected{done.error()};
  // 4: its name, all at once.
  if (reactor::fail_point("checkpoint.4_rename")) return Unexpected{at_fail_point("checkpoint.4_rename")};
  if (auto done = disk.rename(unfinished, path); !done) return Unexpected{done.error()};
  // 5: the name on the disk.
  if (reactor::fail_point("checkpoint.5_sync_directory"))
    return Unexpected{at_fail_point("checkpoint.5_sync_directory")};
  if (auto done = disk.sync_directory(directory); !done) return Unexpected{done.error()};
  // ---- Beyond this point the checkpoint is durable.
  return writer.figures();
}

// ---- Reading

namespace {

// Builds a database from the chunks, and trusts none of them to be in order.
class CheckpointReader {
 public:
  CheckpointReader(ChunkReader& chunks, const std::function<void(std::uint64_t)>& progress)
      : chunks_(chunks), progress_(progress), branch_(empty_) {}

  using Error = CheckpointError;
  using Done = Result<std::monostate, Error>;

  Result<Checkpoint, Error> read() {
    const auto timestamp = chunks_.header();
    if (!timestamp) return Unexpected{timestamp.error()};
    for (bool ended = false; !ended;) {
      const auto chunk = chunks_.next();
      if (!chunk) return Unexpected{chunk.error()};
      ended = chunk->kind == ChunkKind::end;
      if (const Done done = take(*chunk); !done) return Unexpected{done.error()};
      if (progress_) progress_(checkpoint_.figures.rows);
    }
    const auto at_end = chunks_.at_end();
    if (!at_end) return Unexpected{at_end.error()};
    if (!*at_end) return chunks_.damaged("something follows its end");
    checkpoint_.timestamp = *timestamp;
    checkpoint_.figures.bytes = chunks_.bytes();
    checkpoint_.database = branch_.seal(*timestamp);
    branch_.release();
    return std::move(checkpoint_);
  }

 private:
  Done take(const ChunkReader::Chunk& chunk) {
    switch (chunk.kind) {
      case ChunkKind::section:
        return take_section(chunk.content);
      case ChunkKind::table:
        return take_table(chunk.content);
      case ChunkKind::rows:
        return take_rows(chunk.content);
      case ChunkKind::index:
        return take_index(chunk.content);
      case ChunkKind::end:
        return take_end(chunk.content);
    }
    return chunks_.damaged("a chunk of unknown kind");
  }

  Done take_section(std::string_view content) {
    if (content.empty()) return chunks_.damaged("a section without a kind");
    checkpoint_.sections.push_back({static_cast<CommitSection>(content[0]), std::string(content.substr(1))});
    return std::monostate{};
  }

  Done take_table(std::string_view content) {
    if (!table_is_complete()) return chunks_.damaged("a table is not complete");
    Decoder in(content);
    std::uint64_t next_row_id = 0;
    in(schema_, next_row_id, rows_left_);
    if (!in.reader().finished() || branch_.view().table(schema_->id) != nullptr)
      return chunks_.damaged("a table's definition is wrong");
    values_ = StoredValues(*schema_);
    row_count_ = rows_left_;
    index_ = 0;
    entries_left_ = row_count_;
    last_key_.clear();
    branch_.create_table(schema_);
    branch_.replay_row_id(schema_->id, next_row_id);
    ++checkpoint_.figures.tables;
    return std::monostate{};
  }

  // Keys ascend from one call to the next, within one tree.
  bool ascends(std::string_view key) {
    if (!last_key_.empty() && key <= std::string_view(last_key_)) return false;
    last_key_.assign(key);
    return true;
  }

  Done take_rows(std::string_view content) {
    ByteReader in(content);
    while (!in.at_end()) {
      const std::string_view key = in.text();
      const std::string_view row = in.text();
      if (!in.ok() || rows_left_ == 0 || !is_sound(key, row)) return chunks_.damaged("a row is wrong");
      --rows_left_;
      branch_.load_row(schema_->id, key, row);
      ++checkpoint_.figures.rows;
    }
    if (rows_left_ == 0) last_key_.clear();
    return std::monostate{};
  }
  bool is_sound(std::string_view key, std::string_view row) {
    if (key.empty() || key.size() > kMaxKeySize || !ascends(key)) return false;
    if (schema_->has_row_id() && key.size() != sizeof(std::uint64_t)) return false;
    return schema_->layout.is_sound(row) && values_.are_sound(row.data());
  }

  Done take_index(std::string_view content) {
    ByteReader in(content);
    while (!in.at_end()) {
      const std::string_view key = in.text();
      const std::string_view primary_key = in.text();
      if (!in.ok() || schema_ == nullptr || rows_left_ != 0 || index_ == schema_->indexes.size() ||
          key.empty() || key.size() > kMaxKeySize || primary_key.size() > kMaxKeySize || !ascends(key))
        return chunks_.damaged("an entry of an index is wrong");
      branch_.load_index_entry(schema_->id, index_, key, primary_key);
      if (--entries_left_ != 0) continue;
      ++index_;
      entries_left_ = row_count_;
      last_key_.clear();
    }
    return std::monostate{};
  }

  bool table_is_complete() const {
    return schema_ == nullptr || (rows_left_ == 0 && (row_count_ == 0 || index_ == schema_->indexes.size()));
  }

  Done take_end(std::string_view content) {
    Decoder in(content);
    std::uint64_t tables = 0, rows = 0, chunks = 0;
    in(tables, rows, chunks);
    if (!in.reader().finished() || !table_is_complete() || tables != checkpoint_.figures.tables ||
        rows != checkpoint_.figures.rows || chunks + 1 != chunks_.chunks())
      return chunks_.damaged("it does not have all that its end counts");
    return std::monostate{};
  }

  ChunkReader& chunks_;
  const std::function<void(std::uint64_t)>& progress_;
  const Database empty_;
  Branch branch_;
  Checkpoint checkpoint_;
  // The table that is being filled.
  std::shared_ptr<const TableSchema> schema_;
  StoredValues values_;
  std::uint64_t row_count_ = 0;
  std::uint64_t rows_left_ = 0;
  std::size_t index_ = 0;           // the index whose entries come next
  std::uint64_t entries_left_ = 0;  // of it
  std::string last_key_;
};

}  // namespace

Result<Checkpoint, CheckpointError> read_checkpoint(reactor::Disk& disk, const std::string& path,
                                                    const std::function<void(std::uint64_t)>& progress) {
  auto file = disk.open(path, reactor::Disk::Open::read);
  if (!file) return Unexpected{CheckpointError{CheckpointError::Kind::disk, file.error().message}};
  ChunkReader chunks(**file, path);
  return CheckpointReader(chunks, progress).read();
}

}  // namespace gyre::storage
