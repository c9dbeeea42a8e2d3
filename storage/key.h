// Keys: byte strings whose memcmp order is SQL order, so that a tree compares without knowing any type.
//
//   key     := column*
//   column  := 0x01 value | 0x02                       value, or null (nulls last)
//   value   := by type:
//     bool, "char"                  1 byte
//     int2, int4, int8              big-endian, sign bit flipped: 2, 4, 8 bytes
//     oid, regclass, regtype        big-endian, 4 bytes
//     date, timestamp[tz]           as int4, int8
//     float4, float8                8 bytes: IEEE bits, all flipped if negative, else the sign bit; -0 is 0,
//     NaN on top uuid                          16 bytes text, varchar, name, bytea    content with 0x00 ->
//     0x00 0xFF, then 0x00 0x00 char(n)                       the same without trailing blanks numeric class,
//     exponent, digits: see append_key_numeric in types/numeric.cc
//
// No value is a proper prefix of another of its type, so columns may be strung together, and a key cut after
// some columns is a lower bound of all that continue it.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "reactor/base/out_buffer.h"
#include "storage/datum.h"
#include "storage/type.h"

namespace gyre::storage {

inline constexpr char kKeyValue = 0x01;
inline constexpr char kKeyNull = 0x02;

// One column of a key: the null marker, or the value marker and the value.
void append_key_column(Type type, Datum value, OutBuffer& key);

inline void append_null_key(OutBuffer& key) {
  key.append_byte(kKeyNull);
}
inline void append_key_int16(std::int16_t value, OutBuffer& key) {
  key.append_u16(static_cast<std::uint16_t>(static_cast<std::uint16_t>(value) ^ 0x8000U));
}
inline void append_key_int32(std::int32_t value, OutBuffer& key) {
  key.append_u32(static_cast<std::uint32_t>(value) ^ 0x80000000U);
}
inline void append_key_int64(std::int64_t value, OutBuffer& key) {
  key.append_u64(static_cast<std::uint64_t>(value) ^ (std::uint64_t{1} << 63));
}
// Total order: -Infinity … -0 = 0 … Infinity, NaN.
void append_key_double(double value, OutBuffer& key);
// Escaped and terminated, hence prefix-free.
void append_key_bytes(std::string_view bytes, OutBuffer& key);

}  // namespace gyre::storage
