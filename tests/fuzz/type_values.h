// What the targets of types' input share: a value as text, as wire bytes and as a key.
#pragma once

#include <string>
#include <string_view>

#include "reactor/base/check.h"
#include "storage/failure.h"
#include "storage/type.h"

namespace gyre::fuzz {

using storage::Datum;
using storage::TextStyle;
using storage::TypeId;
using storage::TypeTraits;

// Each conversion of a number of a hundred thousand digits takes a second with all that is checked here.
// (tests/types has them.)
inline bool is_slow(const TypeTraits& type, Datum value) {
  constexpr std::size_t kLongNumberBytes = 1000;
  return type.id == TypeId::numeric && value.size > kLongNumberBytes;
}

inline std::string text_of(const TypeTraits& type, Datum value, const TextStyle& style) {
  OutBuffer out;
  type.print(value, style, out);
  return std::string(out.view());
}
inline std::string wire_of(const TypeTraits& type, Datum value) {
  OutBuffer out;
  type.send(value, out);
  return std::string(out.view());
}
inline std::string key_of(const TypeTraits& type, Datum value) {
  OutBuffer out;
  type.append_key(value, out);
  return std::string(out.view());
}

// Equal by the type's own order, hence with equal keys.
inline void check_equal(const TypeTraits& type, Datum left, Datum right) {
  GYRE_CHECK(type.compare(left, right) == 0 && type.compare(right, left) == 0);
  GYRE_CHECK(key_of(type, left) == key_of(type, right));
}

// What is sent can be received, and is then the same value.
inline void check_binary_round_trip(const TypeTraits& type, Datum value, Arena& arena) {
  const std::string wire = wire_of(type, value);
  const Datum back = type.receive(wire, arena);
  check_equal(type, value, back);
  GYRE_CHECK(wire_of(type, back) == wire);
}

// A modifier that a definition can have, if not the longest text.
inline std::int32_t modifier_from(const TypeTraits& type, std::uint32_t choice) {
  constexpr std::uint32_t kHeader = 4;
  if (type.category == 'D') return static_cast<std::int32_t>(choice % 7);
  const std::uint32_t size = 1 + choice % 1000;
  if (type.id != TypeId::numeric) return static_cast<std::int32_t>(size + kHeader);
  const std::uint32_t scale =
      (choice / 1000 % 2001 + 0x800 - 1000) & 0x7ff;  // from -1000 to 1000, in 11 bits
  return static_cast<std::int32_t>((size << 16 | scale) + kHeader);
}

// A value that fits to a modifier fits to it as it is.
inline void check_modifier(const TypeTraits& type, Datum value, std::uint32_t choice, bool explicit_cast,
                           Arena& arena) {
  if (type.apply_typmod == nullptr) return;
  const std::int32_t typmod = modifier_from(type, choice);
  Datum fitted;
  try {
    fitted = type.apply_typmod(value, typmod, explicit_cast, arena);
  } catch (const storage::Failure&) {
    return;
  }
  const Datum again = type.apply_typmod(fitted, typmod, explicit_cast, arena);
  check_equal(type, fitted, again);
  GYRE_CHECK(text_of(type, fitted, {}) == text_of(type, again, {}));
}

}  // namespace gyre::fuzz
