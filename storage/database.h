// The database as one immutable value: for each relation a version of its table. A commit makes another
// Database that shares every table it did not change.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "reactor/base/ids.h"
#include "storage/table.h"
#include "storage/tree.h"

namespace gyre::storage {

// One state of one table. Immutable once its Database is published.
struct TableVersion {
  std::shared_ptr<const TableSchema> schema;
  Tree rows;                      // primary key → packed row
  std::vector<Tree> indexes;      // as schema->indexes; index key → primary key
  std::uint64_t next_row_id = 1;  // for tables without a primary key
};

// May be read by any core that holds its timestamp. Does not own what it points to: Branch::seal says what
// each commit replaces, and free_database() ends the last one.
class Database {
 public:
  Database() = default;

  // The relation's table; nullptr where there is none. A load and a compare.
  const TableVersion* table(RelationId id) const {
    return id.value < tables_.size() ? tables_[id.value] : nullptr;
  }
  // The commit that made this value; readers at or after it may read it.
  Timestamp timestamp() const { return timestamp_; }
  // All slots by relation id; empty ones are nullptr.
  std::span<const TableVersion* const> tables() const { return tables_; }
  // The newest batch whose nodes are reachable; a successor's batch is above it.
  std::uint64_t last_batch() const { return last_batch_; }

 private:
  friend class Branch;
  std::vector<const TableVersion*> tables_;
  Timestamp timestamp_;
  std::uint64_t last_batch_ = 0;
};

// What a commit took out of the database: freed by the destructor, which therefore runs only when no reader
// can hold a timestamp below the commit's.
class Retired {
 public:
  Retired() = default;
  Retired(const Retired&) = delete;
  Retired& operator=(const Retired&) = delete;
  ~Retired();

  std::unique_ptr<const Database> database;  // the predecessor, where the caller put it here to go along
  std::vector<tree::Block*> blocks;
  std::vector<const TableVersion*> versions;
  std::vector<Tree> trees;  // dropped or truncated, whole
  std::uint64_t bytes = 0;  // what all this takes, roughly
};

// Frees a database with all its tables, at the end of the process or of a test.
void free_database(std::unique_ptr<const Database> database);

}  // namespace gyre::storage
