#include "storage/commit_record.h"

#include <algorithm>

#include "reactor/base/archive.h"
#include "reactor/base/check.h"
#include "storage/failure.h"
#include "storage/schema_codec.h"
#include "storage/stored_values.h"

namespace gyre::storage {

namespace {

using Kind = SchemaOperation::Kind;

// The numbers are the format; a retired one is not used again.
enum class Step : std::uint8_t {
  rows = 1,
  create_table = 2,
  drop_table = 3,
  truncate = 4,
  create_index = 5,
  drop_index = 6,
  replace_schema = 7
};

Step step_of(Kind kind) {
  switch (kind) {
    case Kind::create_table:
      return Step::create_table;
    case Kind::drop_table:
      return Step::drop_table;
    case Kind::truncate:
      return Step::truncate;
    case Kind::create_index:
      return Step::create_index;
    case Kind::drop_index:
      return Step::drop_index;
    case Kind::replace_schema:
      return Step::replace_schema;
  }
  GYRE_UNREACHABLE();
}

void write_row(const Change& change, ByteWriter& out) {
  out.text(change.key);
  out.varint(change.after ? change.after->size() + 1 : 0);
  if (change.after) out.raw(*change.after);
}

// The net changes [from, to), one step per table. How many rows a step has is known when the next one begins; so
// its count is a varint of full width that is written then.
class RowSteps {
 public:
  RowSteps(const Branch& branch, ByteWriter& out) : branch_(branch), out_(out) {}

  void write(std::size_t from, std::size_t to) {
    branch_.changes().for_each_net(from, to, [this](const Change& change) {
      if (count_ == 0 || change.relation != table_) {
        finish();
        begin(change.relation);
      }
      ++count_;
      write_row(change, out_);
    });
    finish();
  }

 private:
  static constexpr std::size_t kCountBytes = 5;

  void begin(RelationId table) {
    table_ = table;
    const TableVersion* version = branch_.view().table(table);
    out_.u8(static_cast<std::uint8_t>(Step::rows));
    out_.varint(table.value);
    out_.varint(version != nullptr && version->schema->has_row_id() ? version->next_row_id : 0);
    count_at_ = out_.buffer().size();
    out_.buffer().reserve(kCountBytes);
    out_.buffer().commit(kCountBytes);
  }
  void finish() {
    if (count_ == 0) return;
    GYRE_CHECK(count_ >> (7 * kCountBytes) == 0);
    for (std::size_t i = 0; i < kCountBytes; ++i) {
      const std::uint64_t more = i + 1 < kCountBytes ? 0x80 : 0;
      out_.buffer().data()[count_at_ + i] = static_cast<char>(((count_ >> (7 * i)) & 0x7f) | more);
    }
    count_ = 0;
  }

  const Branch& branch_;
  ByteWriter& out_;
  RelationId table_;
  std::size_t count_at_ = 0;
  std::uint64_t count_ = 0;
};

// The index that `before` has and `after` has not.
RelationId dropped_index(const TableSchema& before, const TableSchema& after) {
  for (const IndexSchema& index : before.indexes)
    if (after.index_position(index.id) < 0) return index.id;
  GYRE_UNREACHABLE();
}

void write_operation(const SchemaOperation& operation, ByteWriter& out) {
  out.u8(static_cast<std::uint8_t>(step_of(operation.kind)));
  if (operation.kind == Kind::drop_table || operation.kind == Kind::truncate)
    return out.varint(operation.relation.value);
  if (operation.kind == Kind::drop_index)
    out.varint(dropped_index(*operation.before, *operation.after).value);
  Encoder(out.buffer())(*operation.after);
}

}  // namespace

// ---- Writing

CommitRecordWriter::CommitRecordWriter(OutBuffer& out) : out_(out) {
  out_.varint(kCommitRecordFormat);
}

void CommitRecordWriter::begin(CommitSection kind) {
  out_.u8(static_cast<std::uint8_t>(kind));
  size_at_ = out_.buffer().size();
  out_.u32(0);
}

void CommitRecordWriter::end() {
  const std::size_t size = out_.buffer().size() - size_at_ - sizeof(std::uint32_t);
  GYRE_CHECK(size <= UINT32_MAX);
  const auto word = static_cast<std::uint32_t>(size);
  std::memcpy(out_.buffer().data() + size_at_, &word, sizeof word);
}

void CommitRecordWriter::changes(const Branch& branch) {
  begin(CommitSection::changes);
  RowSteps rows(branch, out_);
  std::size_t done = 0;
  for (const SchemaOperation& operation : branch.operations()) {
    rows.write(done, operation.position);
    done = operation.position;
    write_operation(operation, out_);
  }
  rows.write(done, branch.changes().size());
  end();
}

// ---- Reading

std::string_view CommitRecord::section(CommitSection kind) const {
  const auto found = std::find_if(sections.begin(), sections.end(),
                                  [&](const Section& section) { return section.kind == kind; });
  return found == sections.end() ? std::string_view() : found->bytes;
}

Decoding read_commit_record(std::string_view bytes, CommitRecord& record) {
  record.sections.clear();
  ByteReader in(bytes);
  const std::uint64_t format = in.varint();
  if (!in.ok()) return Decoding::malformed;
  if (format != kCommitRecordFormat) return Decoding::unknown_format;
  while (in.ok() && !in.at_end()) {
    const auto kind = static_cast<CommitSection>(in.u8());
    const std::string_view content = in.raw(in.u32());
    if (!record.sections.empty() && record.sections.back().kind >= kind) return Decoding::malformed;
    record.sections.push_back({kind, content});
  }
  return in.ok() ? Decoding::ok : Decoding::malformed;
}

namespace {

RelationId read_relation(ByteReader& in) {
  const std::uint64_t id = in.varint();
  if (id > kMaxRelationId) in.fail();
  return RelationId(static_cast<std::uint32_t>(id));
}

bool read_rows(ByteReader& in, CommitVisitor& visitor) {
  const RelationId table = read_relation(in);
  const std::uint64_t next_row_id = in.varint();
  const std::uint64_t count = in.varint();
  if (!in.ok() || !visitor.rows(table, next_row_id, count)) return false;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view key = in.text();
    const std::uint64_t size = in.varint();
    const std::string_view contents = in.raw(size == 0 ? 0 : size - 1);
    if (!in.ok() || key.empty() || key.size() > kMaxKeySize) return false;
    if (!visitor.row(key, size == 0 ? std::nullopt : std::optional(contents))) return false;
  }
  return true;
}

bool read_operation(Kind kind, ByteReader& in, CommitVisitor& visitor) {
  RelationId table, index;
  std::shared_ptr<const TableSchema> schema;
  if (kind == Kind::drop_table || kind == Kind::truncate) {
    table = read_relation(in);
  } else {
    if (kind == Kind::drop_index) index = read_relation(in);
    Decoder decoder(in);
    decoder(schema);
    in = decoder.reader();
    table = schema->id;
  }
  return in.ok() && visitor.operation(kind, table, index, std::move(schema));
}

bool read_step(ByteReader& in, CommitVisitor& visitor) {
  switch (static_cast<Step>(in.u8())) {
    case Step::rows:
      return read_rows(in, visitor);
    case Step::create_table:
      return read_operation(Kind::create_table, in, visitor);
    case Step::drop_table:
      return read_operation(Kind::drop_table, in, visitor);
    case Step::truncate:
      return read_operation(Kind::truncate, in, visitor);
    case Step::create_index:
      return read_operation(Kind::create_index, in, visitor);
    case Step::drop_index:
      return read_operation(Kind::drop_index, in, visitor);
    case Step::replace_schema:
      return read_operation(Kind::replace_schema, in, visitor);
  }
  return false;
}

}  // namespace

Decoding read_changes(std::string_view section, CommitVisitor& visitor) {
  ByteReader in(section);
  while (!in.at_end())
    if (!read_step(in, visitor)) return Decoding::malformed;
  return in.ok() ? Decoding::ok : Decoding::malformed;
}

// ---- Doing it once more

namespace {

constexpr std::uint64_t kRowsBetweenProgress = 1024;

// Does each step to a branch, after having made sure that it can be done.
class Replay final : public CommitVisitor {
 public:
  Replay(Branch& branch, std::uint64_t& rows, const std::function<void()>& progress)
      : branch_(branch), rows_(rows), progress_(progress) {}

  bool rows(RelationId table, std::uint64_t next_row_id, std::uint64_t) override {
    const TableVersion* version = branch_.view().table(table);
    if (version == nullptr) return false;
    table_ = table;
    schema_ = version->schema;
    values_ = StoredValues(*schema_);
    if (schema_->has_row_id()) branch_.replay_row_id(table, next_row_id);
    return true;
  }

  bool row(std::string_view key, std::optional<std::string_view> contents) override {
    if (contents && !(schema_->layout.is_sound(*contents) && values_.are_sound(contents->data()))) return false;
    if (schema_->has_row_id() && key.size() != sizeof(std::uint64_t)) return false;
    branch_.replay_row(table_, key, contents);
    if (++rows_ % kRowsBetweenProgress == 0 && progress_) progress_();
    return true;
  }

  bool operation(SchemaOperation::Kind kind, RelationId table, RelationId index,
                 std::shared_ptr<const TableSchema> schema) override {
    const TableVersion* version = branch_.view().table(table);
    if (kind == Kind::create_table) {
      if (version != nullptr) return false;
      branch_.create_table(std::move(schema));
      return true;
    }
    if (version == nullptr) return false;
    // An empty table may become any other: its rows come behind, written anew (ALTER TABLE).
    const bool rewritten = kind == Kind::replace_schema && version->rows.size() == 0;
    if (schema != nullptr && !rewritten && !follows(kind, index, *version->schema, *schema)) return false;
    switch (kind) {
      case Kind::drop_table:
        branch_.drop_table(table);
        break;
      case Kind::truncate:
        branch_.truncate(table);
        break;
      case Kind::create_index:
        branch_.create_index(std::move(schema));
        break;
      case Kind::drop_index:
        branch_.drop_index(index, std::move(schema));
        break;
      case Kind::replace_schema:
        branch_.replace_schema(std::move(schema));
        break;
      case Kind::create_table:
        break;
    }
    return true;
  }

 private:
  // Whether the operation can lead from one definition to the other: the rows stay as they are, and the
  // indexes differ by the one that it is about.
  static bool follows(Kind kind, RelationId index, const TableSchema& before, const TableSchema& after) {
    if (before.columns.size() != after.columns.size() || before.primary_key != after.primary_key)
      return false;
    for (std::size_t i = 0; i < before.columns.size(); ++i)
      if (before.columns[i].type.id != after.columns[i].type.id) return false;
    std::vector<RelationId> expected, found;
    for (const IndexSchema& each : before.indexes)
      if (kind != Kind::drop_index || each.id != index) expected.push_back(each.id);
    for (const IndexSchema& each : after.indexes) found.push_back(each.id);
    if (kind == Kind::drop_index && expected.size() + 1 != before.indexes.size()) return false;
    if (kind == Kind::create_index && !found.empty()) expected.push_back(found.back());
    return expected == found;
  }

  Branch& branch_;
  std::uint64_t& rows_;
  const std::function<void()>& progress_;
  RelationId table_;
  std::shared_ptr<const TableSchema> schema_;
  StoredValues values_;
};

}  // namespace

Decoding replay_changes(std::string_view section, Branch& branch, std::uint64_t& rows,
                        const std::function<void()>& progress) {
  Replay replay(branch, rows, progress);
  try {
    return read_changes(section, replay);
  } catch (const Failure&) {  // a unique index over rows that are not
    return Decoding::malformed;
  }
}

}  // namespace gyre::storage
