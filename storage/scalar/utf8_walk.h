// Walking text by characters. All text is valid UTF-8 (checked where it enters).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "reactor/base/arena.h"
#include "storage/datum.h"
#include "storage/types/utf8.h"

namespace gyre::storage {

// The first character of non-empty text, and the rest left in `text`.
inline std::string_view take_character(std::string_view& text) {
  const std::size_t size = std::min(utf8_length(text.front()), text.size());
  const std::string_view character = text.substr(0, size);
  text.remove_prefix(size);
  return character;
}

inline std::string_view skip_characters(std::string_view text, std::size_t count) {
  return text.substr(prefix_bytes(text, count));
}

// The code point of one character.
inline char32_t code_point(std::string_view character) {
  const auto byte = [character](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  switch (character.size()) {
    case 1:
      return byte(0);
    case 2:
      return ((byte(0) & 0x1Fu) << 6) | (byte(1) & 0x3Fu);
    case 3:
      return ((byte(0) & 0x0Fu) << 12) | ((byte(1) & 0x3Fu) << 6) | (byte(2) & 0x3Fu);
    default:
      return ((byte(0) & 0x07u) << 18) | ((byte(1) & 0x3Fu) << 12) | ((byte(2) & 0x3Fu) << 6) |
             (byte(3) & 0x3Fu);
  }
}

// Writes a code point's bytes to out (room for 4) and returns how many.
inline std::size_t encode_character(char32_t code, char* out) {
  if (code < 0x80) {
    out[0] = static_cast<char>(code);
    return 1;
  }
  const std::size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (std::size_t i = size - 1; i > 0; --i) {
    out[i] = static_cast<char>(0x80 | (code & 0x3F));
    code >>= 6;
  }
  constexpr unsigned char kLead[] = {0, 0, 0xC0, 0xE0, 0xF0};
  out[0] = static_cast<char>(kLead[size] | code);
  return size;
}

// The text in lower case, as lower() gives it.
Datum lower_case(std::string_view text, Arena& arena);

}  // namespace gyre::storage
