// Nearly all text is ASCII, so eight bytes are judged by one word operation: with every byte in 1..127,
// neither the word nor the word minus 01..01 has a top bit set; a byte above has it itself, a zero byte has
// it by borrowing. The rest is the table of RFC 3629, section 4, sequence by sequence.
#include "pgwire/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace gyre::pgwire {

namespace {

constexpr std::uint64_t kOnes = 0x0101010101010101u;
constexpr std::uint64_t kTopBits = 0x8080808080808080u;
constexpr std::size_t kWord = sizeof(std::uint64_t);
constexpr std::size_t kBytesShown = 8;

unsigned char byte_at(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

bool plain_ascii(const char* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return ((word | (word - kOnes)) & kTopBits) == 0;
}

bool continues(unsigned char byte) {
  return (byte & 0xc0) == 0x80;
}

// How long the sequence that begins with this byte says it is; 1 for bytes that cannot begin one.
std::size_t announced_length(unsigned char lead) {
  if ((lead & 0xe0) == 0xc0) return 2;
  if ((lead & 0xf0) == 0xe0) return 3;
  if ((lead & 0xf8) == 0xf0) return 4;
  return 1;
}

// The range of the second byte is what excludes overlong forms, surrogates and what lies above U+10FFFF.
bool second_byte_fits(unsigned char lead, unsigned char second) {
  switch (lead) {
    case 0xe0:
      return second >= 0xa0 && second <= 0xbf;
    case 0xed:
      return second >= 0x80 && second <= 0x9f;
    case 0xf0:
      return second >= 0x90 && second <= 0xbf;
    case 0xf4:
      return second >= 0x80 && second <= 0x8f;
    default:
      return continues(second);
  }
}

// Bytes of the valid sequence at `at`, or 0.
std::size_t valid_sequence(std::string_view text, std::size_t at) {
  const unsigned char lead = byte_at(text, at);
  if (lead == 0) return 0;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const std::size_t length = announced_length(lead);
  if (text.size() - at < length || !second_byte_fits(lead, byte_at(text, at + 1))) return 0;
  for (std::size_t i = 2; i < length; ++i)
    if (!continues(byte_at(text, at + i))) return 0;
  return length;
}

}  // namespace

std::size_t find_invalid_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (text.size() - at >= kWord && plain_ascii(text.data() + at)) {
      at += kWord;
      continue;
    }
    // The last few bytes are judged together with some before them, which were good already.
    if (text.size() - at < kWord && text.size() >= kWord && plain_ascii(text.data() + text.size() - kWord))
      break;
    const std::size_t length = valid_sequence(text, at);
    if (length == 0) return at;
    at += length;
  }
  return kUtf8Valid;
}

std::string invalid_utf8_bytes(std::string_view text, std::size_t offset) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const std::size_t shown =
      std::min({announced_length(byte_at(text, offset)), text.size() - offset, kBytesShown});
  std::string out;
  for (std::size_t i = 0; i < shown; ++i) {
    const unsigned char byte = byte_at(text, offset + i);
    if (i > 0) out += ' ';
    out += "0x";
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

ProtocolError invalid_utf8_error(std::string_view text, std::size_t offset) {
  ProtocolError error;
  error.code = sql_state::kCharacterNotInRepertoire;
  error.message = "invalid byte sequence for encoding \"UTF8\": " + invalid_utf8_bytes(text, offset);
  return error;
}

}  // namespace gyre::pgwire
