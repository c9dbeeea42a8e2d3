// Whether rows that were read from disk hold values that their types can read. A row's layout bounds every
// value (RowLayout::is_sound()); here is what types expect of the bytes within. Checksums vouch for the disk,
// this for whoever wrote.
#pragma once

#include <cstddef>
#include <vector>

#include "storage/table.h"

namespace gyre::storage {

class StoredValues {
 public:
  StoredValues() = default;
  // The layout must outlive this.
  explicit StoredValues(const TableSchema& table);
  // Of a row that is sound by its layout.
  bool are_sound(const char* row) const;

 private:
  const RowLayout* layout_ = nullptr;
  std::vector<std::size_t> numerics_;  // columns; other types can read any bytes
};

}  // namespace gyre::storage
