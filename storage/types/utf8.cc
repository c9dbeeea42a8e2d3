#include "storage/types/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

#include "storage/failure.h"

namespace gyre::storage {

namespace {

unsigned byte_at(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

// Length of the valid character at the front, 0 if there is none. text is not empty.
std::size_t valid_character(std::string_view text) {
  const unsigned lead = byte_at(text, 0);
  if (lead < 0x80) return lead == 0 ? 0 : 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const std::size_t length = utf8_length(text[0]);
  if (text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte_at(text, i) & 0xC0) != 0x80) return 0;
  const unsigned second = byte_at(text, 1);
  if (lead == 0xE0 && second < 0xA0) return 0;  // longer than need be
  if (lead == 0xED && second > 0x9F) return 0;  // surrogate
  if (lead == 0xF0 && second < 0x90) return 0;  // longer than need be
  if (lead == 0xF4 && second > 0x8F) return 0;  // above U+10FFFF
  return length;
}

[[noreturn]] void fail(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  // A lone continuation byte or a NUL stands alone; a lead byte shows what it should have led.
  const unsigned lead = byte_at(text, 0);
  const std::size_t claimed = lead < 0xC0 || lead >= 0xF8 ? 1 : utf8_length(text[0]);
  const std::size_t shown = std::min(claimed, text.size());
  std::string message = "invalid byte sequence for encoding \"UTF8\":";
  for (std::size_t i = 0; i < shown; ++i)
    message.append(" 0x").append({kHex[byte_at(text, i) >> 4], kHex[byte_at(text, i) & 15]});
  throw Failure(Fault::character_not_in_repertoire, std::move(message));
}

// True if eight bytes from `at` are all ASCII and none is NUL.
bool plain_word(const char* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  constexpr std::uint64_t kHigh = 0x8080808080808080;
  constexpr std::uint64_t kLow = 0x0101010101010101;
  return (word & kHigh) == 0 && ((word - kLow) & ~word & kHigh) == 0;
}

}  // namespace

void check_utf8(std::string_view text) {
  while (!text.empty()) {
    if (text.size() >= 8 && plain_word(text.data())) {
      text.remove_prefix(8);
      continue;
    }
    const std::size_t length = valid_character(text);
    if (length == 0) fail(text);
    text.remove_prefix(length);
  }
}

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::size_t prefix_bytes(std::string_view text, std::size_t characters) {
  std::size_t at = 0;
  while (characters-- > 0 && at < text.size()) at += utf8_length(text[at]);
  return std::min(at, text.size());
}

std::string_view clip_bytes(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

}  // namespace gyre::storage
