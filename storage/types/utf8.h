// UTF-8 as PostgreSQL means it: up to U+10FFFF, shortest forms only, no surrogates, no NUL.
#pragma once

#include <cstddef>
#include <string_view>

namespace gyre::storage {

// Bytes of the character that begins with `lead`, by the lead byte alone.
constexpr std::size_t utf8_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

// Throws Failure (character_not_in_repertoire) that shows the first bad bytes.
void check_utf8(std::string_view text);

// Characters in valid UTF-8.
std::size_t count_characters(std::string_view text);

// Bytes of the first `characters` characters, or text.size() if there are fewer.
std::size_t prefix_bytes(std::string_view text, std::size_t characters);

// The longest prefix of at most `bytes` bytes that ends between characters.
std::string_view clip_bytes(std::string_view text, std::size_t bytes);

}  // namespace gyre::storage
