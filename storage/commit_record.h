// What a commit writes to the log, and how it is done once more at recovery.
//
//   commit_record := format section*
//   format        := varint, kCommitRecordFormat
//   section       := u8 kind, u32 size, byte[size]       kinds below; each at most once, ascending
//
//   changes       := step*                               what the commit did, in order
//   step          := u8 kind, by kind:
//     rows            relation, next_row_id, varint count, row[count]
//     create_table    schema
//     drop_table      relation
//     truncate        relation
//     create_index    schema                             the table's, the new index last
//     drop_index      index, schema                      the table's, without it
//     replace_schema  schema                             of an empty table: any other
//   row           := text key, contents
//   contents      := varint 0                            the row is gone
//                  | varint size + 1, byte[size]         its packed form, storage/row.h
//   relation, index, next_row_id := varint
//   schema        := storage/schema_codec.h
//
// Rows are net changes between two definitions: one for each row, ordered by relation and key, so a row that
// a batch changed a hundred times is written once. What a row was before is not written: recovery has it.
// A checksum, a length and the timestamp are the log's to add (oracle/wal).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "reactor/base/byte_codec.h"
#include "reactor/base/out_buffer.h"
#include "storage/branch.h"

namespace gyre::storage {

inline constexpr std::uint32_t kCommitRecordFormat = 1;

// `changes` is storage's own; the numbers from `first_of_adapter` on are given out by whoever writes the
// record, and storage does not look into them.
enum class CommitSection : std::uint8_t { changes = 1, first_of_adapter = 16 };

// Appends one record to a buffer.
class CommitRecordWriter {
 public:
  explicit CommitRecordWriter(OutBuffer& out);
  // What the branch did since its base.
  void changes(const Branch& branch);
  // Another section: what is appended to the buffer between the two calls.
  void begin(CommitSection kind);
  void end();

 private:
  ByteWriter out_;
  std::size_t size_at_ = 0;  // where the open section's size stands
};

// A record taken apart. Borrows the bytes.
struct CommitRecord {
  struct Section {
    CommitSection kind;
    std::string_view bytes;
  };
  std::vector<Section> sections;

  // Empty where there is none.
  std::string_view section(CommitSection kind) const;
};
Decoding read_commit_record(std::string_view bytes, CommitRecord& record);

// What a reader of the section `changes` is told, in order. All borrowed from the section.
class CommitVisitor {
 public:
  virtual ~CommitVisitor() = default;
  // Each returns whether it can be so; false ends the reading as malformed.
  virtual bool rows(RelationId table, std::uint64_t next_row_id, std::uint64_t count) = 0;
  virtual bool row(std::string_view key, std::optional<std::string_view> contents) = 0;
  // `schema` is null for drop_table and truncate; `index` is drop_index's.
  virtual bool operation(SchemaOperation::Kind kind, RelationId table, RelationId index,
                         std::shared_ptr<const TableSchema> schema) = 0;
};
Decoding read_changes(std::string_view section, CommitVisitor& visitor);

// Does to the branch what the section says. Every relation must be there, rows must have their table's form:
// otherwise the result is `malformed`, and the branch is to be dropped. `rows` counts the row changes;
// `progress`, if there is one, is called after each thousand of them or so.
Decoding replay_changes(std::string_view section, Branch& branch, std::uint64_t& rows,
                        const std::function<void()>& progress = {});

}  // namespace gyre::storage
