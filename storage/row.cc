#include "storage/row.h"

#include <algorithm>
#include <bit>

#include "reactor/base/check.h"
#include "storage/failure.h"

namespace gyre::storage {

// Slots are copied byte for byte.
static_assert(std::endian::native == std::endian::little);

namespace {

// Rows are addressed by u32 and sent with an i32 length.
constexpr std::size_t kRowBytesMax = (std::size_t{1} << 30) - 1;

ColumnSlot::Kind slot_kind(TypeId type) {
  using Kind = ColumnSlot::Kind;
  switch (type) {
    case TypeId::boolean:
    case TypeId::char_:
      return Kind::int8_bits;
    case TypeId::int2:
      return Kind::int16;
    case TypeId::int4:
    case TypeId::date:
    case TypeId::void_:
      return Kind::int32;
    case TypeId::int8:
    case TypeId::timestamp:
    case TypeId::timestamptz:
      return Kind::int64;
    case TypeId::oid:
    case TypeId::regclass:
    case TypeId::regtype:
      return Kind::uint32;
    case TypeId::float4:
      return Kind::real32;
    case TypeId::float8:
      return Kind::real64;
    case TypeId::uuid:
      return Kind::bytes16;
    default:
      return Kind::variable;
  }
}

std::uint32_t slot_bytes(ColumnSlot::Kind kind) {
  using Kind = ColumnSlot::Kind;
  switch (kind) {
    case Kind::int8_bits:
      return 1;
    case Kind::int16:
      return 2;
    case Kind::int32:
    case Kind::uint32:
    case Kind::real32:
      return 4;
    case Kind::int64:
    case Kind::real64:
    case Kind::variable:  // offset and size
      return 8;
    case Kind::bytes16:
      return 16;
  }
  return 0;
}

// Writes a fixed-size value; the words are little-endian, so the low bytes of a wider one are the narrower
// one.
void store_fixed(char* at, ColumnSlot::Kind kind, Datum value) {
  if (kind == ColumnSlot::Kind::real32) {
    const auto narrow = static_cast<float>(value.real);
    std::memcpy(at, &narrow, sizeof narrow);
  } else if (kind == ColumnSlot::Kind::bytes16) {
    std::memcpy(at, value.data, 16);
  } else {
    std::memcpy(at, &value.integer, slot_bytes(kind));
  }
}

}  // namespace

RowLayout::RowLayout(std::span<const Type> columns) {
  auto offset = static_cast<std::uint32_t>((columns.size() + 7) / 8);
  slots_.reserve(columns.size());
  for (const Type type : columns) {
    const ColumnSlot::Kind kind = slot_kind(type.id);
    slots_.push_back({offset, kind});
    offset += slot_bytes(kind);
  }
  tail_offset_ = offset;
}

bool RowLayout::is_sound(std::string_view row) const {
  if (row.size() < tail_offset_ || row.size() > kRowBytesMax) return false;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].kind != ColumnSlot::Kind::variable || is_null(row.data(), i)) continue;
    std::uint32_t place[2];  // offset, size
    std::memcpy(place, row.data() + slots_[i].offset, sizeof place);
    if (place[0] > row.size() || place[1] > row.size() - place[0]) return false;
  }
  return true;
}

void RowLayout::pack(std::span<const Datum> values, OutBuffer& out) const {
  GYRE_DCHECK(values.size() == slots_.size());
  std::size_t size = tail_offset_;
  for (std::size_t i = 0; i < slots_.size(); ++i)
    if (slots_[i].kind == ColumnSlot::Kind::variable && !values[i].null) size += values[i].size;
  if (size > kRowBytesMax) throw Failure(Fault::program_limit_exceeded, "row is too big");

  char* row = out.reserve(size);
  if (tail_offset_ != 0) std::memset(row, 0, tail_offset_);
  std::uint32_t tail = tail_offset_;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Datum value = values[i];
    char* at = row + slots_[i].offset;
    if (value.null) {
      row[i >> 3] = static_cast<char>(static_cast<unsigned char>(row[i >> 3]) | (1U << (i & 7)));
    } else if (slots_[i].kind != ColumnSlot::Kind::variable) {
      store_fixed(at, slots_[i].kind, value);
    } else {
      std::memcpy(at, &tail, sizeof tail);
      std::memcpy(at + 4, &value.size, sizeof value.size);
      if (value.size != 0) std::memcpy(row + tail, value.data, value.size);
      tail += value.size;
    }
  }
  out.commit(size);
}

}  // namespace gyre::storage
