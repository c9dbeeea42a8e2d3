// Integers as text: read with one pass and no copy, written two digits at a time.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>

#include "reactor/base/out_buffer.h"
#include "storage/types/input.h"

namespace gyre::storage {

// "00" "01" … "99" in a row.
struct DigitPairs {
  char digits[200];
  constexpr DigitPairs() : digits() {
    for (int i = 0; i < 100; ++i) {
      digits[2 * i] = static_cast<char>('0' + i / 10);
      digits[2 * i + 1] = static_cast<char>('0' + i % 10);
    }
  }
};
inline constexpr DigitPairs kDigitPairs;

constexpr int count_digits(std::uint64_t value) {
  int digits = 1;
  for (;;) {
    if (value < 10) return digits;
    if (value < 100) return digits + 1;
    if (value < 1000) return digits + 2;
    if (value < 10000) return digits + 3;
    value /= 10000;
    digits += 4;
  }
}

// Writes exactly `digits` digits at `at`, with leading zeros if value has fewer.
inline void write_digits(char* at, std::uint64_t value, int digits) {
  char* end = at + digits;
  while (end - at >= 2) {
    end -= 2;
    std::memcpy(end, kDigitPairs.digits + 2 * (value % 100), 2);
    value /= 100;
  }
  if (end != at) *at = static_cast<char>('0' + value % 10);
}

inline void print_uint64(std::uint64_t value, OutBuffer& out) {
  const int digits = count_digits(value);
  write_digits(out.reserve(20), value, digits);
  out.commit(static_cast<std::size_t>(digits));
}

inline void print_int64(std::int64_t value, OutBuffer& out) {
  char* at = out.reserve(21);
  const bool negative = value < 0;
  const std::uint64_t magnitude =
      negative ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  *at = '-';
  const int digits = count_digits(magnitude);
  write_digits(at + negative, magnitude, digits);
  out.commit(static_cast<std::size_t>(digits) + negative);
}

// Blanks, a sign, digits, blanks; throws Failure in the words of `type`.
template <class Word>
Word parse_integer(std::string_view text, std::string_view type) {
  const char* at = text.data();
  const char* end = at + text.size();
  while (at != end && is_blank(*at)) ++at;
  bool negative = false;
  if (at != end && (*at == '-' || *at == '+')) negative = *at++ == '-';
  if (at == end || !is_digit(*at)) fail_syntax(type, text);
  Word value = 0;  // kept negative, where the range is larger by one
  for (; at != end && is_digit(*at); ++at) {
    if (__builtin_mul_overflow(value, Word{10}, &value) ||
        __builtin_sub_overflow(value, static_cast<Word>(*at - '0'), &value))
      fail_range(type, text);
  }
  while (at != end && is_blank(*at)) ++at;
  if (at != end) fail_syntax(type, text);
  if (negative) return value;
  if (value == std::numeric_limits<Word>::min()) fail_range(type, text);
  return static_cast<Word>(-value);
}

}  // namespace gyre::storage
