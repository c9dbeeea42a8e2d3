// Is this valid UTF-8, as PostgreSQL understands it? (RFC 3629: no overlong forms, no surrogates, at most
// U+10FFFF; and no zero byte, since SQL strings cannot hold one.)
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "pgwire/diagnostic.h"

namespace gyre::pgwire {

inline constexpr std::size_t kUtf8Valid = static_cast<std::size_t>(-1);

// The offset of the first byte of the first invalid sequence, or kUtf8Valid. ASCII goes 8 bytes at a time.
std::size_t find_invalid_utf8(std::string_view text);

inline bool is_valid_utf8(std::string_view text) {
  return find_invalid_utf8(text) == kUtf8Valid;
}

// The bad sequence at `offset` as PostgreSQL writes it: "0xe2 0x28 0xa1".
std::string invalid_utf8_bytes(std::string_view text, std::size_t offset);

// 22021 'invalid byte sequence for encoding "UTF8": 0x...'
ProtocolError invalid_utf8_error(std::string_view text, std::size_t offset);

}  // namespace gyre::pgwire
