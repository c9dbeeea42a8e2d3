// Reading PostgreSQL's binary format: big-endian words at the front of a run of bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace gyre::storage {

[[noreturn]] void fail_binary_too_short();
[[noreturn]] void fail_binary_content(const char* message);

class BinaryReader {
 public:
  explicit BinaryReader(std::string_view wire) : rest_(wire) {}

  std::uint8_t read_u8() { return static_cast<std::uint8_t>(take(1).front()); }
  std::uint16_t read_u16() { return __builtin_bswap16(load<std::uint16_t>()); }
  std::uint32_t read_u32() { return __builtin_bswap32(load<std::uint32_t>()); }
  std::uint64_t read_u64() { return __builtin_bswap64(load<std::uint64_t>()); }
  std::string_view take(std::size_t count) {
    if (rest_.size() < count) fail_binary_too_short();
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  // The value must end here.
  void finish() const {
    if (!rest_.empty()) fail_binary_content("incorrect binary data format");
  }

 private:
  template <class Word>
  Word load() {
    Word word;
    std::memcpy(&word, take(sizeof word).data(), sizeof word);
    return word;
  }
  std::string_view rest_;
};

}  // namespace gyre::storage
