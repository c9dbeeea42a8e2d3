#include "storage/schema_codec.h"

#include <algorithm>

namespace gyre::storage {

namespace {

bool are_columns(const std::vector<std::uint16_t>& positions, const TableSchema& table) {
  return std::all_of(positions.begin(), positions.end(),
                     [&](std::uint16_t at) { return at < table.columns.size(); });
}

}  // namespace

bool is_sound(const TableSchema& table) {
  if (table.id.value > kMaxRelationId || !are_columns(table.primary_key, table)) return false;
  return std::all_of(table.indexes.begin(), table.indexes.end(), [&](const IndexSchema& index) {
    return index.id.value <= kMaxRelationId && are_columns(index.columns, table);
  });
}

}  // namespace gyre::storage
