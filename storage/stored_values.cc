#include "storage/stored_values.h"

#include <algorithm>

namespace gyre::storage {

namespace {

// As storage/types/numeric.h draws it.
bool is_numeric(std::string_view bytes) {
  enum Kind : unsigned char { positive, negative, nan, infinity, minus_infinity };
  constexpr std::size_t kHeaderBytes = 3;
  constexpr unsigned kScaleMax = 16383;
  if (bytes.size() < kHeaderBytes) return false;
  const auto byte = [bytes](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
  const bool has_digits = bytes.size() > kHeaderBytes;
  if (byte(0) > negative) return byte(0) <= minus_infinity && !has_digits;
  if ((byte(1) | unsigned{byte(2)} << 8) > kScaleMax) return false;
  return has_digits ? bytes.back() != 0 : byte(0) == positive;
}

}  // namespace

StoredValues::StoredValues(const TableSchema& table) : layout_(&table.layout) {
  for (std::size_t i = 0; i < table.columns.size(); ++i)
    if (table.columns[i].type.id == TypeId::numeric) numerics_.push_back(i);
}

bool StoredValues::are_sound(const char* row) const {
  return std::all_of(numerics_.begin(), numerics_.end(), [&](std::size_t column) {
    const Datum value = layout_->get(row, column);
    return value.null || is_numeric(value.bytes());
  });
}

}  // namespace gyre::storage
