#include "oracle/wal/format.h"

#include <xxhash.h>

#include <charconv>
#include <cstdio>

namespace gyre::oracle::wal {

std::uint64_t header_checksum(const SegmentHeader& header) {
  const char* const bytes = reinterpret_cast<const char*>(&header);
  constexpr std::size_t kBegin = offsetof(SegmentHeader, version);
  return XXH3_64bits(bytes + kBegin, sizeof header - kBegin);
}

std::uint64_t mark_checksum(const Mark& mark) {
  const char* const bytes = reinterpret_cast<const char*>(&mark);
  constexpr std::size_t kBegin = offsetof(Mark, version);
  return XXH3_64bits(bytes + kBegin, sizeof mark - kBegin);
}

std::uint64_t record_checksum(const char* record, std::uint64_t length, std::uint64_t log_id) {
  constexpr std::size_t kBegin = offsetof(RecordHeader, length);
  return XXH3_64bits_withSeed(record + kBegin, sizeof(RecordHeader) - kBegin + length, log_id);
}

std::string segment_name(std::uint64_t number) {
  char name[24];
  std::snprintf(name, sizeof name, "%016llx.wal", static_cast<unsigned long long>(number));
  return name;
}

std::uint64_t segment_number(std::string_view name) {
  constexpr std::size_t kDigits = 16;
  if (name.size() != kDigits + 4 || name.substr(kDigits) != ".wal") return 0;
  std::uint64_t number = 0;
  const auto [stop, error] = std::from_chars(name.data(), name.data() + kDigits, number, 16);
  return error == std::errc() && stop == name.data() + kDigits && segment_name(number) == name ? number : 0;
}

}  // namespace gyre::oracle::wal
