// Everything that is shown is bounded: values are cut, rows beyond some are counted only. Bytes are printed
// as text only where they were read as what the table's definition says; others as numbers.

#include "adapter/durability/record_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "adapter/catalog/codec.h"
#include "adapter/durability/commit_sections.h"
#include "reactor/base/out_buffer.h"
#include "storage/table.h"

namespace gyre::adapter {

namespace {

using storage::SchemaOperation;
using storage::TableSchema;
using Kind = SchemaOperation::Kind;

constexpr std::size_t kValueMax = 60;  // characters of a value
constexpr std::size_t kKeyMax = 32;    // bytes of a key
constexpr std::size_t kColumnsMax = 50;

std::string hexadecimal(std::string_view bytes) {
  std::string text;
  for (const char c : bytes.substr(0, kKeyMax)) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return bytes.size() > kKeyMax ? text + "..." : text;
}

// As it stands in a line: quoted, without control characters, cut.
std::string quoted(std::string_view value) {
  std::string text = "'";
  for (const char c : value.substr(0, kValueMax)) text += c == '\'' ? "''" : std::string(1, c);
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '.';
  return text + (value.size() > kValueMax ? "'..." : "'");
}

std::string row_text(const TableSchema& schema, std::string_view packed) {
  if (!schema.layout.is_sound(packed)) return "bytes that are no row of this table";
  static const storage::TextStyle kStyle;
  std::string text = "(";
  OutBuffer value;
  for (std::size_t i = 0; i < std::min(schema.columns.size(), kColumnsMax); ++i) {
    const storage::Datum datum = schema.layout.get(packed.data(), i);
    if (i != 0) text += ", ";
    if (datum.null) {
      text += "NULL";
      continue;
    }
    value.clear();
    traits(schema.columns[i].type).print(datum, kStyle, value);
    text += quoted(value.view());
  }
  return text + (schema.columns.size() > kColumnsMax ? ", ...)" : ")");
}

std::string_view action_name(Kind kind) {
  switch (kind) {
    case Kind::create_table:
      return "create table";
    case Kind::drop_table:
      return "drop table";
    case Kind::truncate:
      return "truncate";
    case Kind::create_index:
      return "create index";
    case Kind::drop_index:
      return "drop index";
    case Kind::replace_schema:
      return "new definition of";
  }
  return "";
}

std::string columns_text(const TableSchema& schema) {
  std::string text;
  for (std::size_t i = 0; i < std::min(schema.columns.size(), kColumnsMax); ++i)
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ", schema.columns[i].name,
                        traits(schema.columns[i].type).short_name);
  return text + (schema.columns.size() > kColumnsMax ? ", ..." : "");
}

// Lines for entries of two maps that are not the same.
template <class Map, class Name>
void compare(std::string_view what, const Map& before, const Map& after, Name name, std::string& out) {
  for (const auto& [key, entry] : after) {
    const auto old = before.find(key);
    if (old == before.end())
      out += fmt::format("      {} {} is new\n", what, name(key, entry));
    else if (!(old->second == entry))
      out += fmt::format("      {} {} is another now\n", what, name(key, entry));
  }
  for (const auto& [key, entry] : before)
    if (after.find(key) == after.end()) out += fmt::format("      {} {} is gone\n", what, name(key, entry));
}

std::string_view noun_of_entry(const TableEntry& entry) {
  return entry.is_sequence() ? "sequence" : "table";
}

}  // namespace

// Writes a record's changes down.
class RecordText::Changes final : public storage::CommitVisitor {
 public:
  Changes(RecordText& text, std::string& out) : text_(text), out_(out) {}

  bool rows(RelationId table, std::uint64_t next_row_id, std::uint64_t count) override {
    finish_rows();
    const auto found = text_.schemas_.find(table);
    schema_ = found == text_.schemas_.end() ? nullptr : found->second;
    shown_ = hidden_ = 0;
    out_ += fmt::format("    {}: {} rows, next hidden id {}\n", text_.name_of(table), count, next_row_id);
    return true;
  }
  bool row(std::string_view key, std::optional<std::string_view> contents) override {
    if (shown_ == text_.rows_) {
      ++hidden_;
      return true;
    }
    ++shown_;
    const std::string what = !contents            ? "is gone"
                             : schema_ == nullptr ? fmt::format("{} bytes", contents->size())
                                                  : row_text(*schema_, *contents);
    out_ += fmt::format("      key {}: {}\n", hexadecimal(key), what);
    return true;
  }
  bool operation(Kind kind, RelationId table, RelationId index,
                 std::shared_ptr<const TableSchema> schema) override {
    finish_rows();
    if (schema != nullptr) text_.schemas_[table] = schema;
    out_ += fmt::format("    {} {}", action_name(kind), text_.name_of(table));
    if (kind == Kind::create_table || kind == Kind::replace_schema)
      out_ += fmt::format(" ({})", columns_text(*schema));
    if (kind == Kind::create_index && !schema->indexes.empty())
      out_ += fmt::format(", index {}", quoted(schema->indexes.back().name));
    if (kind == Kind::drop_index) out_ += fmt::format(", index of id {}", index.value);
    out_ += "\n";
    return true;
  }
  void finish_rows() {
    if (hidden_ != 0) out_ += fmt::format("      and {} more\n", hidden_);
    hidden_ = 0;
  }

 private:
  RecordText& text_;
  std::string& out_;
  std::shared_ptr<const TableSchema> schema_;
  std::size_t shown_ = 0;
  std::uint64_t hidden_ = 0;
};

void RecordText::begin_with(Catalog catalog) {
  catalog_ = std::move(catalog);
  for (const auto& [name, entry] : catalog_.tables()) schemas_[entry->id()] = entry->schema;
}

std::string RecordText::name_of(RelationId table) const {
  const auto entry = catalog_.table(table);
  if (entry != nullptr)
    return fmt::format("{} {}.{} (id {})", noun_of_entry(*entry), entry->schema_name, entry->name(),
                       table.value);
  const auto schema = schemas_.find(table);
  if (schema != schemas_.end()) return fmt::format("relation {} (id {})", schema->second->name, table.value);
  return fmt::format("relation of id {}", table.value);
}

std::string RecordText::describe(std::string_view bytes) {
  std::string out;
  storage::CommitRecord record;
  const Decoding read = storage::read_commit_record(bytes, record);
  if (read == Decoding::unknown_format) return "    the record is of another version\n";
  if (read != Decoding::ok) return "    the record is broken: it is not what a commit writes\n";
  for (const storage::CommitRecord::Section& section : record.sections) {
    if (section.kind == storage::CommitSection::changes)
      describe_changes(section.bytes, out);
    else if (section.kind == number_of(AdapterSection::catalog))
      describe_catalog(section.bytes, out);
    else
      out += fmt::format("    section {}: {} bytes, of another version\n",
                         static_cast<unsigned>(section.kind), section.bytes.size());
  }
  return out.empty() ? "    nothing\n" : out;
}

void RecordText::describe_changes(std::string_view section, std::string& out) {
  Changes changes(*this, out);
  if (storage::read_changes(section, changes) != Decoding::ok)
    out += "    the record is broken: what follows cannot be read\n";
  changes.finish_rows();
}

void RecordText::describe_catalog(std::string_view section, std::string& out) {
  Catalog next = catalog_;
  switch (apply_catalog_change(section, next)) {
    case Decoding::ok:
      break;
    case Decoding::unknown_format:
      out += fmt::format("    a catalog of format {}, another version's\n", catalog_format(section));
      return;
    case Decoding::malformed:
      out += fmt::format("    definitions: {} bytes, broken or older than what is known\n", section.size());
      return;
  }
  if (next.version <= catalog_.version) {
    out += fmt::format("    definitions, version {}: older than what is known\n", next.version);
    return;
  }
  const Catalog before = std::exchange(catalog_, std::move(next));
  out += fmt::format("    definitions, version {}\n", catalog_.version);
  compare(
      "relation", before.tables(), catalog_.tables(),
      [](const auto& name, const auto& entry) {
        return fmt::format("{}.{} (id {})", name.first, name.second, entry->id().value);
      },
      out);
  for (const auto& [id, role] : catalog_.roles())
    if (before.role(id) == nullptr) out += fmt::format("      role {} is new\n", role.name);
  for (const auto& [id, role] : before.roles())
    if (catalog_.role(id) == nullptr) out += fmt::format("      role {} is gone\n", role.name);
  compare(
      "system parameter", before.system_parameters, catalog_.system_parameters,
      [](const auto& name, const auto&) { return name; }, out);
  for (const auto& [name, entry] : catalog_.tables()) schemas_[entry->id()] = entry->schema;
}

}  // namespace gyre::adapter
