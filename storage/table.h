// What a table is: its columns, its keys, its indexes; and how a row becomes the keys under which the trees
// hold it.
//
//   rows tree:   primary key → packed row
//   index tree:  index key → primary key
//   primary key := encoded columns | u64 row id, big-endian (a table without a primary key)
//   index key   := encoded columns                   a unique index, no column null
//                | encoded columns, primary key      otherwise
//
// Encoded columns (storage/key.h) are prefix-free, so the columns of an index key end where its schema says.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/base/ids.h"
#include "reactor/base/out_buffer.h"
#include "storage/datum.h"
#include "storage/row.h"
#include "storage/type.h"

namespace gyre::storage {

struct ColumnDef {
  std::string name;
  Type type;
  bool not_null = false;
};

struct IndexSchema {
  RelationId id;
  std::string name;
  std::vector<std::uint16_t> columns;  // positions in the table
  bool unique = false;      // holds no key twice
  bool constraint = false;  // made by a constraint of the same name, UNIQUE or PRIMARY KEY
  // A DEFERRABLE constraint's index may hold a key twice, so it is not `unique`; who changes rows checks it when
  // it is due.
  bool deferrable = false;
  bool deferred = false;  // INITIALLY DEFERRED
  bool primary = false;   // of a PRIMARY KEY that is DEFERRABLE; others are the order of the table's tree
};

// Immutable once shared; a change of the table's definition makes another.
struct TableSchema {
  RelationId id;
  std::string name;
  std::vector<ColumnDef> columns;
  RowLayout layout;
  std::vector<std::uint16_t> primary_key;  // positions; empty: the rows have hidden ids
  std::string primary_key_name;            // "t_pkey"; empty without a primary key
  std::vector<IndexSchema> indexes;  // beside the primary key, in the order of TableVersion::indexes

  bool has_row_id() const { return primary_key.empty(); }
  // The index that stands for a PRIMARY KEY which is DEFERRABLE; null where there is none.
  const IndexSchema* deferrable_primary_key() const;
  bool has_primary_key() const { return !primary_key.empty() || deferrable_primary_key() != nullptr; }
  // The index's position; -1 where it is none of this table's.
  int index_position(RelationId index) const;
};

// The layout that these columns give.
RowLayout layout_of(std::span<const ColumnDef> columns);

// Appends the key of a row. Tables without a primary key: append_row_id instead.
void append_primary_key(const TableSchema& table, std::span<const Datum> row, OutBuffer& key);
void append_primary_key(const TableSchema& table, const char* packed, OutBuffer& key);
void append_row_id(std::uint64_t row_id, OutBuffer& key);
std::uint64_t row_id_of(std::string_view key);
// Hidden ids from here on are those of rows that an open transaction inserted; a commit gives them others.
inline constexpr std::uint64_t kTransactionRowIds = std::uint64_t{1} << 62;

// Appends the key under which an index holds a row. Returns whether the key alone makes a second such row a
// duplicate (a unique index and no null among its columns).
bool append_index_key(const TableSchema& table, const IndexSchema& index, const char* packed,
                      std::string_view primary_key, OutBuffer& key);

// Appends the encoded leading columns that `values` gives: the prefix of every key that is equal in them.
// Works for the primary key (columns = table.primary_key) and for indexes (index.columns).
void append_key_prefix(const TableSchema& table, std::span<const std::uint16_t> columns,
                       std::span<const Datum> values, OutBuffer& key);
// Turns a prefix into the least key above all that begin with it. Returns false, leaving the buffer empty,
// where there is none (nothing but 0xff).
bool make_prefix_end(OutBuffer& prefix);

struct ScanBound {
  enum class Kind : std::uint8_t { none, inclusive, exclusive };
  Kind kind = Kind::none;
  Datum value;
};
// The keys [lower, upper) of the entries whose leading columns equal `equal` and whose next column, if
// bounded at all, lies between the bounds (nulls excluded then). A null among the values makes the range
// empty, as comparing with null is never true. Buffers are overwritten; an empty upper means no bound (as
// TreeRange has it).
void make_key_range(const TableSchema& table, std::span<const std::uint16_t> columns,
                    std::span<const Datum> equal, ScanBound from, ScanBound to, OutBuffer& lower,
                    OutBuffer& upper);

}  // namespace gyre::storage
