// Numbers and texts as bytes, for what is kept on disk. Fixed-size integers are little-endian; a varint has
// seven bits to a byte, least significant first, and its last byte below 0x80; a text is its length as a
// varint and its bytes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "reactor/base/out_buffer.h"

namespace gyre {

static_assert(std::endian::native == std::endian::little, "fixed-size integers are copied as they are");

// What reading bytes from disk can come to.
enum class Decoding : std::uint8_t {
  ok,
  unknown_format,  // written by another version
  malformed,       // not what the writer writes; what was read so far is to be dropped
};

// Appends to a borrowed buffer.
class ByteWriter {
 public:
  explicit ByteWriter(OutBuffer& out) : out_(out) {}

  void u8(std::uint8_t value) { fixed(value); }
  void u16(std::uint16_t value) { fixed(value); }
  void u32(std::uint32_t value) { fixed(value); }
  void u64(std::uint64_t value) { fixed(value); }
  void varint(std::uint64_t value) {
    char* at = out_.reserve(10);
    std::size_t size = 0;
    for (; value >= 0x80; value >>= 7) at[size++] = static_cast<char>(value | 0x80);
    at[size++] = static_cast<char>(value);
    out_.commit(size);
  }
  void text(std::string_view bytes) {
    varint(bytes.size());
    out_.append(bytes);
  }
  void raw(std::string_view bytes) { out_.append(bytes); }
  OutBuffer& buffer() { return out_; }

 private:
  template <class Word>
  void fixed(Word value) {
    std::memcpy(out_.reserve(sizeof value), &value, sizeof value);
    out_.commit(sizeof value);
  }
  OutBuffer& out_;
};

// Reads what ByteWriter wrote, and trusts none of it: what does not fit into the bytes that are left makes
// the reader fail, for good. A failed reader gives zeros and empty texts. Texts are borrowed from the bytes.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool ok() const { return ok_; }
  // Everything was read and nothing was wrong.
  bool finished() const { return ok_ && at_ == end_; }
  bool at_end() const { return at_ == end_; }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  void fail() {
    ok_ = false;
    at_ = end_;
  }

  std::uint8_t u8() { return fixed<std::uint8_t>(); }
  std::uint16_t u16() { return fixed<std::uint16_t>(); }
  std::uint32_t u32() { return fixed<std::uint32_t>(); }
  std::uint64_t u64() { return fixed<std::uint64_t>(); }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint8_t byte = u8();
      const std::uint64_t bits = byte & 0x7f;
      if (shift == 63 && bits > 1) break;
      value |= bits << shift;
      if (byte < 0x80) return value;
    }
    fail();
    return 0;
  }
  std::string_view text() { return raw(varint()); }
  std::string_view raw(std::uint64_t size) {
    if (size > left()) {
      fail();
      return {};
    }
    const std::string_view bytes(at_, static_cast<std::size_t>(size));
    at_ += size;
    return bytes;
  }

 private:
  template <class Word>
  Word fixed() {
    Word value{};
    if (left() < sizeof value) {
      fail();
      return 0;
    }
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  const char* at_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace gyre
