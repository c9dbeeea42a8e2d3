// Input: one byte that says how many files there are, then their contents, in equal parts. With a mark that
// says that the first one was begun it is read as a log twice, once from a later timestamp: the second
// reading is the end of the first. Then, with the first record's body as it is, a log is made that must come
// back.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "oracle/wal/reader.h"
#include "oracle/wal/writer.h"
#include "reactor/base/check.h"
#include "reactor/simulated_disk.h"

namespace {

using gyre::Timestamp;
using gyre::oracle::wal::Reader;
using gyre::oracle::wal::Record;
using gyre::oracle::wal::Tail;
using gyre::oracle::wal::Writer;
using gyre::oracle::wal::WriterOptions;
using gyre::reactor::SimulatedDisk;

struct Seen {
  std::vector<std::pair<std::uint64_t, std::string>> records;
  Tail tail;
};

Seen read(SimulatedDisk& disk, Timestamp after) {
  Seen seen;
  Reader reader(disk, "wal", after);
  Record record;
  std::uint64_t sequence = 0;
  Timestamp timestamp = after;
  while (reader.next(record)) {
    GYRE_CHECK(timestamp < record.timestamp && (sequence == 0 || record.sequence == sequence + 1));
    sequence = record.sequence;
    timestamp = record.timestamp;
    seen.records.emplace_back(record.timestamp.value, record.body);
  }
  seen.tail = reader.tail();
  GYRE_CHECK(seen.tail.stop == Tail::Stop::clean || !seen.tail.message.empty());
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t files = 1 + data[0] % 3;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  SimulatedDisk disk(1);
  (void)disk.make_directory("wal");
  for (std::size_t i = 0; i < files; ++i)
    disk.set_content("wal/" + gyre::oracle::wal::segment_name(i + 1),
                     bytes.substr(bytes.size() * i / files, bytes.size() / files));
  gyre::oracle::wal::SegmentHeader first{};
  std::memcpy(&first, bytes.data(), std::min(bytes.size(), sizeof first));
  GYRE_CHECK(gyre::oracle::wal::write_first_mark(disk, "wal").has_value());
  gyre::oracle::wal::MarkFile mark(disk, "wal");
  GYRE_CHECK(mark.open().has_value() && mark.write(first.log_id, 1, 0).has_value());
  const Seen all = read(disk, Timestamp(0));
  if (!all.records.empty()) {
    const std::size_t half = all.records.size() / 2;
    const Seen rest = read(disk, Timestamp(all.records[half].first));
    GYRE_CHECK(rest.records.size() == all.records.size() - half - 1);
  }
  // What is not refused, and has sensible sizes, can be written to; it is then a log with a clean end.
  if (all.tail.refused || all.tail.segment_size > bytes.size() || all.tail.segment_size % 4096 != 0 ||
      all.tail.timestamp == gyre::kTimestampMax)
    return 0;
  WriterOptions options;
  options.directory = "wal";
  options.segment_size = 8192;
  auto writer = Writer::open(disk, options, all.tail);
  GYRE_CHECK(writer.has_value());
  (*writer)->append("more", Timestamp(all.tail.timestamp.value + 1), gyre::oracle::Urgency::now,
                    {[](void*, gyre::oracle::Durability outcome) {
                       GYRE_CHECK(outcome == gyre::oracle::Durability::durable);
                     },
                     nullptr});
  (*writer)->step(0);
  (*writer)->deliver();
  const Seen again = read(disk, Timestamp(0));
  GYRE_CHECK(again.tail.stop == Tail::Stop::clean && again.records.size() == all.records.size() + 1);
  return 0;
}
