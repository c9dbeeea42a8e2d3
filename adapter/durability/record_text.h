// What a commit's record says, as text for people: which rows of which tables, which definitions. For
// tools/wal_dump.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "adapter/catalog/catalog.h"
#include "storage/commit_record.h"

namespace gyre::adapter {

// Is shown the records of one log in order, and learns from them what relations are called.
class RecordText {
 public:
  // `rows` is how many of each table's rows are shown, of each record.
  explicit RecordText(std::size_t rows) : rows_(rows) {}

  // What was there before the first record, as a checkpoint has it.
  void begin_with(Catalog catalog);
  // Lines that are indented and end with a newline each. What cannot be read is said so.
  std::string describe(std::string_view record);

 private:
  class Changes;
  void describe_changes(std::string_view section, std::string& out);
  void describe_catalog(std::string_view section, std::string& out);
  std::string name_of(RelationId table) const;

  const std::size_t rows_;
  Catalog catalog_;
  // Newer than the catalog's: a record's rows come before its catalog.
  std::map<RelationId, std::shared_ptr<const storage::TableSchema>> schemas_;
};

}  // namespace gyre::adapter
