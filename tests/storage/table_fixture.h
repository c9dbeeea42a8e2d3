// Tables and rows in short form for the storage tests.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reactor/base/out_buffer.h"
#include "storage/branch.h"
#include "storage/database.h"
#include "storage/table.h"

namespace gyre::test {

struct IndexShape {
  std::string name;
  std::vector<std::uint16_t> columns;
  bool unique;
};

inline std::shared_ptr<const storage::TableSchema> make_schema(std::uint32_t id, std::string name,
                                                               std::vector<storage::ColumnDef> columns,
                                                               std::vector<std::uint16_t> primary_key,
                                                               const std::vector<IndexShape>& indexes = {}) {
  auto schema = std::make_shared<storage::TableSchema>();
  schema->id = RelationId(id);
  schema->name = std::move(name);
  schema->columns = std::move(columns);
  schema->layout = storage::layout_of(schema->columns);
  schema->primary_key = std::move(primary_key);
  if (!schema->primary_key.empty()) schema->primary_key_name = schema->name + "_pkey";
  std::uint32_t next = id * 100;
  for (const IndexShape& index : indexes)
    schema->indexes.push_back({RelationId(++next), index.name, index.columns, index.unique, false});
  return schema;
}

// The same table with one more index, or without one.
inline std::shared_ptr<const storage::TableSchema> with_index(const storage::TableSchema& schema,
                                                              std::uint32_t id, const IndexShape& index) {
  auto changed = std::make_shared<storage::TableSchema>(schema);
  changed->indexes.push_back({RelationId(id), index.name, index.columns, index.unique, false});
  return changed;
}
inline std::shared_ptr<const storage::TableSchema> without_index(const storage::TableSchema& schema,
                                                                 std::size_t position) {
  auto changed = std::make_shared<storage::TableSchema>(schema);
  changed->indexes.erase(changed->indexes.begin() + static_cast<std::ptrdiff_t>(position));
  return changed;
}

inline storage::Datum integer(std::int64_t value) {
  return storage::Datum::of_integer(value);
}
inline storage::Datum text(std::string_view value) {
  return storage::Datum::of_bytes(value);
}

inline std::string primary_key_of(const storage::TableSchema& schema,
                                  const std::vector<storage::Datum>& row) {
  OutBuffer key;
  storage::append_primary_key(schema, row, key);
  return std::string(key.view());
}

// Owns the newest database, as the oracle core does.
class Store {
 public:
  Store() : database_(std::make_unique<storage::Database>()) {}
  ~Store() { storage::free_database(std::move(database_)); }

  const storage::Database& database() const { return *database_; }
  // Makes the branch the newest database and frees what that replaced, or keeps it for the caller.
  std::unique_ptr<storage::Retired> commit(storage::Branch& branch) {
    return publish(branch, branch.seal(Timestamp(++commits_)));
  }
  // The same for a branch that is sealed.
  std::unique_ptr<storage::Retired> publish(storage::Branch& branch,
                                            std::unique_ptr<const storage::Database> sealed) {
    auto retired = branch.release();
    retired->database = std::exchange(database_, std::move(sealed));
    return retired;
  }

 private:
  std::unique_ptr<const storage::Database> database_;
  std::uint64_t commits_ = 0;
};

}  // namespace gyre::test
