#include "pgwire/utf8.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>

#include "tests/pgwire/seed.h"

namespace gyre::pgwire {
namespace {

// The twin: decode each sequence to its code point, then judge the number.
std::size_t twin_find_invalid(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    std::size_t length = 1;
    std::uint32_t point = lead;
    if (lead >= 0x80) {
      length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
      if (lead < 0xc0 || lead > 0xf7 || at + length > text.size()) return at;
      point = lead & (0xffu >> (length + 1));
      for (std::size_t i = 1; i < length; ++i) {
        const auto byte = static_cast<unsigned char>(text[at + i]);
        if (byte >> 6 != 2) return at;
        point = point << 6 | (byte & 0x3f);
      }
    }
    const std::uint32_t least[] = {0, 1, 0x80, 0x800, 0x10000};
    if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return at;
    at += length;
  }
  return kUtf8Valid;
}

TEST(Utf8, TakesAndRefuses) {
  EXPECT_TRUE(is_valid_utf8(""));
  EXPECT_TRUE(is_valid_utf8("plain text that is longer than one word"));
  EXPECT_TRUE(is_valid_utf8("h\u00e9llo \u4e16\u754c \U0001f600"));
  EXPECT_EQ(find_invalid_utf8("12345678\xff"), 8u);
  EXPECT_EQ(find_invalid_utf8(std::string_view("1234567\0", 8)), 7u);
  EXPECT_EQ(find_invalid_utf8("a\xc0\x80"), 1u);          // overlong
  EXPECT_EQ(find_invalid_utf8("a\xed\xa0\x80"), 1u);      // surrogate
  EXPECT_EQ(find_invalid_utf8("a\xf4\x90\x80\x80"), 1u);  // above U+10FFFF
  EXPECT_EQ(find_invalid_utf8("a\xe2\x82"), 1u);          // cut short
}

TEST(Utf8, WritesBytesAsPostgres) {
  EXPECT_EQ(invalid_utf8_bytes("\xff", 0), "0xff");
  EXPECT_EQ(invalid_utf8_bytes("ab\xe2\x28\xa1", 2), "0xe2 0x28 0xa1");
  EXPECT_EQ(invalid_utf8_bytes("\xe2\x82", 0), "0xe2 0x82");
  EXPECT_EQ(invalid_utf8_bytes("\xf0\x28\x8c\x28x", 0), "0xf0 0x28 0x8c 0x28");
  EXPECT_EQ(invalid_utf8_bytes(std::string_view("\0x", 2), 0), "0x00");
  const ProtocolError error = invalid_utf8_error("\xc3(", 0);
  EXPECT_EQ(error.code, sql_state::kCharacterNotInRepertoire);
  EXPECT_EQ(error.message, "invalid byte sequence for encoding \"UTF8\": 0xc3 0x28");
}

TEST(Utf8, EverySequenceOfUpToThreeBytes) {
  for (std::uint32_t word = 0; word < 1u << 24; word += 1) {
    // The middle of the continuation range behaves alike; skip it to keep the test short.
    if ((word & 0x3f) > 1 && (word & 0x3f) < 0x3e) continue;
    const char bytes[] = {static_cast<char>(word >> 16), static_cast<char>(word >> 8),
                          static_cast<char>(word)};
    const std::string_view text(bytes, sizeof bytes);
    ASSERT_EQ(find_invalid_utf8(text), twin_find_invalid(text)) << std::hex << word;
  }
}

TEST(Utf8, RandomTextsAgainstTheTwin) {
  const std::uint64_t seed = test::test_seed();
  SCOPED_TRACE(test::seed_note(seed));
  std::mt19937_64 random(seed);
  const std::string_view pieces[] = {"a",          "bcdefghi", "\u00e9", "\u20ac",
                                     "\U0001f600", "\x80",     "\xed",   "\xf4\x8f"};
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (std::size_t i = test::below(random, 12); i > 0; --i) {
      const bool rare = test::below(random, 20) == 0;
      text += pieces[rare ? 5 + test::below(random, 3) : test::below(random, 5)];
    }
    if (test::below(random, 4) == 0 && !text.empty())
      text[test::below(random, text.size())] = static_cast<char>(random());
    ASSERT_EQ(find_invalid_utf8(text), twin_find_invalid(text));
  }
}

}  // namespace
}  // namespace gyre::pgwire
