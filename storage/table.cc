#include "storage/table.h"

#include <cstring>

#include "reactor/base/check.h"
#include "storage/key.h"

namespace gyre::storage {

int TableSchema::index_position(RelationId index) const {
  for (std::size_t i = 0; i < indexes.size(); ++i)
    if (indexes[i].id == index) return static_cast<int>(i);
  return -1;
}

const IndexSchema* TableSchema::deferrable_primary_key() const {
  for (const IndexSchema& index : indexes)
    if (index.primary) return &index;
  return nullptr;
}

RowLayout layout_of(std::span<const ColumnDef> columns) {
  std::vector<Type> types;
  types.reserve(columns.size());
  for (const ColumnDef& column : columns) types.push_back(column.type);
  return RowLayout(types);
}

void append_primary_key(const TableSchema& table, std::span<const Datum> row, OutBuffer& key) {
  for (const std::uint16_t column : table.primary_key)
    append_key_column(table.columns[column].type, row[column], key);
}

void append_primary_key(const TableSchema& table, const char* packed, OutBuffer& key) {
  for (const std::uint16_t column : table.primary_key)
    append_key_column(table.columns[column].type, table.layout.get(packed, column), key);
}

void append_row_id(std::uint64_t row_id, OutBuffer& key) {
  key.append_u64(row_id);
}

std::uint64_t row_id_of(std::string_view key) {
  std::uint64_t word;
  GYRE_DCHECK(key.size() == sizeof word);
  std::memcpy(&word, key.data(), sizeof word);
  return __builtin_bswap64(word);
}

bool append_index_key(const TableSchema& table, const IndexSchema& index, const char* packed,
                      std::string_view primary_key, OutBuffer& key) {
  bool alone = index.unique;
  for (const std::uint16_t column : index.columns) {
    const Datum value = table.layout.get(packed, column);
    alone = alone && !value.null;
    append_key_column(table.columns[column].type, value, key);
  }
  if (!alone) key.append(primary_key);
  return alone;
}

void append_key_prefix(const TableSchema& table, std::span<const std::uint16_t> columns,
                       std::span<const Datum> values, OutBuffer& key) {
  for (std::size_t i = 0; i < values.size(); ++i)
    append_key_column(table.columns[columns[i]].type, values[i], key);
}

bool make_prefix_end(OutBuffer& prefix) {
  while (!prefix.empty()) {
    char& last = prefix.data()[prefix.size() - 1];
    if (last != '\xff') {
      ++last;
      return true;
    }
    prefix.truncate(prefix.size() - 1);
  }
  return false;
}

namespace {

bool any_null(std::span<const Datum> equal, const ScanBound& from, const ScanBound& to) {
  for (const Datum& value : equal)
    if (value.null) return true;
  return (from.kind != ScanBound::Kind::none && from.value.null) ||
         (to.kind != ScanBound::Kind::none && to.value.null);
}

}  // namespace

void make_key_range(const TableSchema& table, std::span<const std::uint16_t> columns,
                    std::span<const Datum> equal, ScanBound from, ScanBound to, OutBuffer& lower,
                    OutBuffer& upper) {
  lower.clear();
  upper.clear();
  if (any_null(equal, from, to)) {  // a comparison with null is never true
    lower.append_byte('\0');
    upper.append_byte('\0');
    return;
  }
  append_key_prefix(table, columns, equal, lower);
  upper.append(lower.view());
  if (from.kind == ScanBound::Kind::none && to.kind == ScanBound::Kind::none) {
    make_prefix_end(upper);
    return;
  }
  const Type type = table.columns[columns[equal.size()]].type;
  if (from.kind != ScanBound::Kind::none) append_key_column(type, from.value, lower);
  if (from.kind == ScanBound::Kind::exclusive) make_prefix_end(lower);
  if (to.kind == ScanBound::Kind::none)
    append_null_key(upper);  // nulls come last and match no range
  else
    append_key_column(type, to.value, upper);
  if (to.kind == ScanBound::Kind::inclusive) make_prefix_end(upper);
}

}  // namespace gyre::storage
