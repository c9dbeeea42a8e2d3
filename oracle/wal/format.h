// The bytes of the write-ahead log, as docs/wal-format.md draws them: the same names there and here.
//
//   log      = segment*                                    ; files "%016x.wal" of ascending numbers, no gap
//   segment  = header record* end                          ; `header.size` bytes, allocated before it is used
//   record   = header body padding                         ; padding: zeros up to the next multiple of 8
//   end      = 48 zero bytes, or fewer bytes than that left
//
// What is behind the end is zeros, or whatever an earlier use of the file has left.
//
//   mark     = place place                                 ; file "mark": up to where the log was durable
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace gyre::oracle::wal {

static_assert(std::endian::native == std::endian::little, "the structures below are the file's bytes");

inline constexpr std::uint64_t kMagic = 0x0a4c'4157'4552'5947;  // "GYREWAL\n"
inline constexpr std::uint32_t kFormatVersion = 1;

struct SegmentHeader {
  std::uint64_t magic;
  std::uint64_t checksum;            // XXH3 (64 bits, no seed) of the header's bytes behind this field
  std::uint32_t version;             // kFormatVersion
  std::uint32_t header_size;         // where the first record begins
  std::uint64_t log_id;              // drawn when the log began, the same in all its segments
  std::uint64_t number;              // as the file's name; another one: a file that waits to be used again
  std::uint64_t size;                // of the file, in bytes
  std::uint64_t first_sequence;      // of its first record
  std::uint64_t previous_checksum;   // of the last record before the segment; 0 at the log's beginning
  std::uint64_t previous_timestamp;  // likewise; at the log's beginning what it continues
};

struct RecordHeader {
  std::uint64_t checksum;  // XXH3 (64 bits, seed log_id) of the header behind this field, and the body
  std::uint64_t length;    // of the body, in bytes
  std::uint64_t previous_checksum;  // of the record before; what does not follow it is not the next record
  std::uint64_t sequence;           // one more than that of the record before
  std::uint64_t timestamp;          // above that of the record before
  // All records up to this one were durable before this one was written. So a record that cannot be read
  // was durable if a later one says so, and otherwise may be the torn end.
  std::uint64_t durable_sequence;
};

inline constexpr const char* kMarkName = "mark";
inline constexpr std::uint64_t kMarkMagic = 0x0a4b'524d'4552'5947;  // "GYREMRK\n"
inline constexpr std::uint64_t kMarkPlaces = 2;
inline constexpr std::uint64_t kMarkPlaceBytes = 4096;  // a mark at the beginning, then zeros

// The place whose generation is the higher counts; mark.h says when it is written.
struct Mark {
  std::uint64_t magic;
  std::uint64_t checksum;  // XXH3 (64 bits, no seed) of the bytes behind this field
  std::uint32_t version;   // kFormatVersion
  std::uint32_t size;      // of this structure
  std::uint64_t log_id;
  std::uint64_t generation;  // one more with each writing; its place is that modulo 2
  std::uint64_t segment;     // the newest one with a durable header; 0: the log was not begun
  std::uint64_t sequence;    // all records up to this one were durable
};

static_assert(sizeof(Mark) == 56 && std::is_trivially_copyable_v<Mark>);
static_assert(sizeof(SegmentHeader) == 72 && std::is_trivially_copyable_v<SegmentHeader>);
static_assert(sizeof(RecordHeader) == 48 && std::is_trivially_copyable_v<RecordHeader>);

// Bytes that a record with a body of this length takes.
constexpr std::uint64_t record_size(std::uint64_t length) {
  return sizeof(RecordHeader) + (length + 7) / 8 * 8;
}

// Of a complete header; `checksum` itself does not count.
std::uint64_t header_checksum(const SegmentHeader& header);
std::uint64_t mark_checksum(const Mark& mark);
// `record` points to a header with its body behind it.
std::uint64_t record_checksum(const char* record, std::uint64_t length, std::uint64_t log_id);

std::string segment_name(std::uint64_t number);
// 0 for names of other files.
std::uint64_t segment_number(std::string_view name);

}  // namespace gyre::oracle::wal
