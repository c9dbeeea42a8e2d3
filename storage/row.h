// The packed row: how the columns of a table lie in one run of bytes.
//
//   row  := nulls slots tail
//   nulls: one bit per column, 1 is null; ceil(columns / 8) bytes
//   slots: one per column in order, at an offset fixed by the layout: the value itself, little-endian, for
//   the
//          fixed-size types (1, 2, 4, 8 or 16 bytes); {u32 offset from the row's start, u32 size} for the
//          others
//   tail:  the bytes of the variable-size values
//
// Any column is read without touching the others. Rows are not aligned; every access is a memcpy of the slot.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "reactor/base/arena.h"
#include "reactor/base/out_buffer.h"
#include "storage/datum.h"
#include "storage/type.h"

namespace gyre::storage {

// How one column is found and read; constant after the table's creation.
struct ColumnSlot {
  enum class Kind : std::uint8_t {
    int8_bits,
    int16,
    int32,
    int64,
    uint32,
    real32,
    real64,
    bytes16,
    variable
  };
  std::uint32_t offset;  // of the slot, from the row's start
  Kind kind;
};

class RowLayout {
 public:
  RowLayout() = default;
  explicit RowLayout(std::span<const Type> columns);

  std::size_t column_count() const { return slots_.size(); }
  const ColumnSlot& slot(std::size_t column) const { return slots_[column]; }

  static bool is_null(const char* row, std::size_t column) {
    return (static_cast<unsigned char>(row[column >> 3]) >> (column & 7)) & 1;
  }
  // The column's value; bytes are borrowed from the row.
  Datum get(const char* row, std::size_t column) const;

  // Whether the bytes can be read as a row of this layout: every column lies within them.
  bool is_sound(std::string_view row) const;

  // Appends the packed row; values.size() == column_count(). Throws Failure (program_limit_exceeded) above 1
  // GiB - 1.
  void pack(std::span<const Datum> values, OutBuffer& out) const;

 private:
  std::vector<ColumnSlot> slots_;
  std::uint32_t tail_offset_ = 0;  // where the variable-size values begin
};

inline Datum RowLayout::get(const char* row, std::size_t column) const {
  if (is_null(row, column)) return {};
  const ColumnSlot slot = slots_[column];
  const char* at = row + slot.offset;
  const auto load = [at](auto word) {
    std::memcpy(&word, at, sizeof word);
    return word;
  };
  switch (slot.kind) {
    case ColumnSlot::Kind::int8_bits:
      return Datum::of_integer(load(std::int8_t{}));
    case ColumnSlot::Kind::int16:
      return Datum::of_integer(load(std::int16_t{}));
    case ColumnSlot::Kind::int32:
      return Datum::of_integer(load(std::int32_t{}));
    case ColumnSlot::Kind::int64:
      return Datum::of_integer(load(std::int64_t{}));
    case ColumnSlot::Kind::uint32:
      return Datum::of_integer(load(std::uint32_t{}));
    case ColumnSlot::Kind::real32:
      return Datum::of_real(static_cast<double>(load(float{})));
    case ColumnSlot::Kind::real64:
      return Datum::of_real(load(double{}));
    case ColumnSlot::Kind::bytes16:
      return Datum::of_bytes({at, 16});
    case ColumnSlot::Kind::variable: {
      const auto offset = load(std::uint32_t{});
      std::uint32_t size;
      std::memcpy(&size, at + 4, sizeof size);
      return Datum::of_bytes({row + offset, size});
    }
  }
  return {};
}

}  // namespace gyre::storage
