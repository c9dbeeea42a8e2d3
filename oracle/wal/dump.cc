#include "oracle/wal/dump.h"

#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <utility>

#include "oracle/timestamp_window.h"
#include "oracle/wal/format.h"
#include "oracle/wal/mark.h"
#include "oracle/wal/reader.h"

namespace gyre::oracle::wal {

namespace {

using Print = std::function<void(std::string_view)>;

[[gnu::format(printf, 1, 2)]] std::string line(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return text;
}

void print_segment(const std::string& name, const SegmentHeader& header, const Print& print) {
  print(line("segment %s: number %" PRIu64 ", %" PRIu64 " bytes, log %016" PRIx64 ", first sequence %" PRIu64
             ", after timestamp %" PRIu64 "\n",
             name.c_str(), header.number, header.size, header.log_id, header.first_sequence,
             header.previous_timestamp));
}

void print_record(std::uint64_t offset, std::uint64_t sequence, std::uint64_t timestamp, std::uint64_t length,
                  const char* state, const Print& print) {
  print(line("  record %" PRIu64 " at %" PRIu64 ": timestamp %" PRIu64 ", %" PRIu64 " bytes, checksum %s\n",
             sequence, offset, timestamp, length, state));
}

void print_mark(reactor::Disk& disk, const std::string& directory, const Print& print) {
  const auto reading = read_mark(disk, directory);
  if (!reading) return print(reading.error().message + "\n");
  if (reading->state != MarkReading::State::good) return print(reading->message + "\n");
  const Mark& mark = reading->mark;
  print(line("mark: log %016" PRIx64 ", segment %" PRIu64 ", durable up to sequence %" PRIu64 "\n",
             mark.log_id, mark.segment, mark.sequence));
}

// Of a file alone: headers as they come, whatever their checksums.
bool dump_file(reactor::Disk& disk, const std::string& path, const DescribeBody& describe,
               const Print& print) {
  const auto bytes = reactor::read_file(disk, path);
  if (!bytes) {
    print(bytes.error().message + "\n");
    return false;
  }
  SegmentHeader segment{};
  std::memcpy(&segment, bytes->data(), std::min(bytes->size(), sizeof segment));
  if (segment.magic == 0) {
    print("segment " + path + ": not in use yet\n");
    return true;
  }
  if (bytes->size() < sizeof segment || segment.magic != kMagic) {
    print("segment " + path + ": this is no segment of a log\n");
    return false;
  }
  print_segment(path, segment, print);
  const bool header_ok = segment.checksum == header_checksum(segment);
  if (!header_ok) print("  the header's checksum is wrong\n");
  for (std::size_t at = sizeof segment; at + sizeof(RecordHeader) <= bytes->size();) {
    RecordHeader record;
    std::memcpy(&record, bytes->data() + at, sizeof record);
    if (record.checksum == 0 && record.length == 0 && record.sequence == 0) {
      print(line("  end at %zu\n", at));
      return header_ok;
    }
    const std::uint64_t left = bytes->size() - at - sizeof record;
    const bool fits = record.length <= left;
    const bool ok =
        fits && record.checksum == record_checksum(bytes->data() + at, record.length, segment.log_id);
    print_record(at, record.sequence, record.timestamp, record.length,
                 ok     ? "ok"
                 : fits ? "wrong"
                        : "unknown",
                 print);
    if (ok && describe) print(describe({bytes->data() + at + sizeof record, record.length}));
    if (!ok) return false;
    at += record_size(record.length);
  }
  print("  full\n");
  return header_ok;
}

bool dump_directory(reactor::Disk& disk, const std::string& path, Timestamp after,
                    const DescribeBody& describe, const Print& print) {
  Reader reader(disk, path, after);
  Record record;
  std::uint64_t segment = 0;
  while (reader.next(record)) {
    if (std::exchange(segment, record.segment) != record.segment)
      print("segment " + segment_name(segment) + "\n");
    print_record(record.offset, record.sequence, record.timestamp.value, record.body.size(), "ok", print);
    if (describe) print(describe(record.body));
  }
  const Tail& tail = reader.tail();
  print_mark(disk, path, print);
  if (tail.segment == 0 && tail.stop == Tail::Stop::clean) {
    print("no log\n");
    return true;
  }
  print(line("%s in %s at %" PRIu64 ", behind sequence %" PRIu64 ", timestamp %" PRIu64 "\n",
             std::string(stop_name(tail.stop)).c_str(), segment_name(tail.segment).c_str(), tail.offset,
             tail.sequence, tail.timestamp.value));
  print(line("timestamps up to %" PRIu64 " may have been shown\n", window_end(tail.timestamp).value));
  if (!tail.message.empty()) print(tail.message + "\n");
  if (tail.refused) print("records that were durable are missing: recovery refuses this log\n");
  return !tail.refused;
}

// The oldest timestamp from which the directory can be read.
Timestamp oldest(reactor::Disk& disk, const std::string& directory, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (segment_number(name) == 0) continue;
    const auto file = disk.open(directory + "/" + name, reactor::Disk::Open::read);
    SegmentHeader header{};
    if (!file || !read_fully(**file, 0, reinterpret_cast<char*>(&header), sizeof header)) continue;
    if (header.checksum == header_checksum(header) && header.number == segment_number(name))
      return Timestamp(header.previous_timestamp);
  }
  return Timestamp(0);
}

}  // namespace

bool dump(reactor::Disk& disk, const std::string& path, const DescribeBody& describe, const Print& print) {
  if (const auto names = disk.list(path))
    return dump_directory(disk, path, oldest(disk, path, *names), describe, print);
  return dump_file(disk, path, describe, print);
}

}  // namespace gyre::oracle::wal
