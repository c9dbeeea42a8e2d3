// A segment is allocated and filled with zeros, and its name is durable, before the first record goes into
// it: then a commit overwrites blocks that are there, which needs neither room nor a change of the file's
// size, and cannot find the disk full. Filling is done in parts between commits, so that none waits for all
// of it; each part is synced, so that no later sync has much to carry. Where a record waits for the segment
// all the same, because it is large, the parts are as well.
//
// Opening writes the last segment once more. What was read may have come from the page cache alone: a process
// that died before its sync, or one whose sync failed, leaves pages there that the disk does not have.

#include "oracle/wal/segments.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "reactor/base/check.h"
#include "reactor/fail_point.h"

namespace gyre::oracle::wal {

using reactor::Disk;
using reactor::disk_error;
using reactor::DiskDone;
using reactor::DiskError;
using reactor::DiskResult;
using reactor::fail_point;

namespace {

constexpr std::uint64_t kFillBytes = 256 << 10;         // of one write
constexpr std::uint64_t kFillBytesWaitedFor = 16 << 20;  // of a part that is waited for
constexpr std::uint64_t kUnknown = UINT64_MAX;

std::uint64_t draw_log_id() {
  std::uint64_t id = 0;
  GYRE_CHECK(::getrandom(&id, sizeof id, 0) == sizeof id);
  return id;
}

// Stops at the first step that fails.
template <class... Steps>
DiskDone in_turn(Steps... steps) {
  DiskDone done = std::monostate{};
  (void)((done = steps(), done.has_value()) && ...);
  return done;
}

}  // namespace

Segments::Segments(Disk& disk, std::string directory, std::uint64_t size, reactor::WriteThrough through)
    : disk_(disk),
      directory_(std::move(directory)),
      segment_size_(size),
      through_(through),
      mark_(disk, directory_) {
  GYRE_CHECK(size % reactor::kDirectAlignment == 0 && size >= reactor::kDirectAlignment);
}

SegmentHeader Segments::header_of(const Known& segment, std::uint64_t first_sequence,
                                  std::uint64_t previous_checksum) const {
  SegmentHeader header{};
  header.magic = kMagic;
  header.version = kFormatVersion;
  header.header_size = sizeof header;
  header.log_id = log_id_;
  header.number = segment.number;
  header.size = segment.size;
  header.first_sequence = first_sequence;
  header.previous_checksum = previous_checksum;
  header.previous_timestamp = segment.previous_timestamp;
  header.checksum = header_checksum(header);
  return header;
}

// ---- Opening

DiskDone Segments::open(const Tail& tail) {
  GYRE_CHECK(!tail.refused);
  return tail.segment == 0 ? begin_log(tail.timestamp) : continue_log(tail);
}

// Until the mark names the first segment there is no log, and what is left of an attempt is removed.
DiskDone Segments::begin_log(Timestamp previous_timestamp) {
  log_id_ = draw_log_id();
  const std::size_t slash = directory_.rfind('/');
  return in_turn(
      [&] { return disk_.make_directory(directory_); },
      [&] {
        return slash == std::string::npos || slash == 0 ? DiskDone(std::monostate{})
                                                        : disk_.sync_directory(directory_.substr(0, slash));
      },
      [&] { return open_mark(); }, [&] { return remove_above(0); }, [&] { return make_room(0); },
      [&]() -> DiskDone {
        const SegmentHeader header = enter(1, 0, previous_timestamp.value);
        // (Opened anew: this write is not aligned.)
        auto file = disk_.open(path(current_.number), Disk::Open::write);
        if (!file) return Unexpected{file.error()};
        return in_turn(
            [&] {
              return write_fully(**file, 0, {reinterpret_cast<const char*>(&header), sizeof header});
            },
            [&] { return (*file)->sync(); }, [&] { return mark(0); });
      });
}

DiskDone Segments::continue_log(const Tail& tail) {
  log_id_ = tail.log_id;
  return in_turn([&] { return remove_above(tail.segment); }, [&] { return find_older(tail.segment); },
                 [&] { return repair(tail); }, [&] { return mark_.open(); },
                 [&] { return mark(tail.sequence); },
                 [&]() -> DiskDone {
                   auto file = disk_.open(path(tail.segment), Disk::Open::write, through_);
                   if (!file) return Unexpected{file.error()};
                   current_.file = std::move(*file);
                   return std::monostate{};
                 });
}

DiskDone Segments::open_mark() {
  const auto there = read_mark(disk_, directory_);
  if (!there) return Unexpected{there.error()};
  if (there->state != MarkReading::State::good)
    if (auto first = write_first_mark(disk_, directory_); !first) return first;
  return mark_.open();
}

DiskDone Segments::mark(std::uint64_t sequence) {
  if (is_marked() && mark_.sequence() == sequence) return std::monostate{};
  return mark_.write(log_id_, current_.number, sequence);
}

// Before the tail's segment is written to: its new records may have the sequence numbers of those that are
// removed here.
DiskDone Segments::remove_above(std::uint64_t number) {
  const auto names = disk_.list(directory_);
  if (!names) return Unexpected{names.error()};
  bool removed = false;
  for (const std::string& name : *names) {
    if (segment_number(name) <= number) continue;
    if (auto done = disk_.remove(directory_ + "/" + name); !done) return done;
    removed = true;
  }
  return removed ? disk_.sync_directory(directory_) : DiskDone(std::monostate{});
}

// Those below the last. One with a bad header is not needed, or the log would have been refused: it goes
// together with its successor.
DiskDone Segments::find_older(std::uint64_t last) {
  const auto names = disk_.list(directory_);
  if (!names) return Unexpected{names.error()};
  std::vector<Known> found;
  for (const std::string& name : *names) {
    const std::uint64_t number = segment_number(name);
    if (number == 0) continue;
    const auto file = disk_.open(directory_ + "/" + name, Disk::Open::read);
    if (!file) return Unexpected{file.error()};
    SegmentHeader header{};
    const auto got = read_fully(**file, 0, reinterpret_cast<char*>(&header), sizeof header);
    if (!got) return Unexpected{got.error()};
    const bool good = header.checksum == header_checksum(header);
    found.push_back({number, good ? header.size : 0, good ? header.previous_timestamp : kUnknown});
  }
  GYRE_CHECK(!found.empty() && found.back().number == last);
  for (std::size_t i = found.size() - 1; i-- > 0;)
    if (found[i].previous_timestamp == kUnknown)
      found[i].previous_timestamp = found[i + 1].previous_timestamp;
  static_cast<Known&>(current_) = found.back();
  older_.assign(found.begin(), found.end() - 1);
  return std::monostate{};
}

// Writes what is there once more, and zeros behind the tail.
DiskDone Segments::repair(const Tail& tail) {
  auto bytes = reactor::read_file(disk_, path(tail.segment));
  if (!bytes) return Unexpected{bytes.error()};
  bytes->resize(tail.offset);
  bytes->resize(tail.segment_size);
  auto file = disk_.open(path(tail.segment), Disk::Open::write);
  if (!file) return Unexpected{file.error()};
  return in_turn([&] { return (*file)->allocate(0, tail.segment_size); },
                 [&] { return write_fully(**file, 0, *bytes); }, [&] { return (*file)->sync(); },
                 [&] { return disk_.sync_directory(directory_); });
}

// ---- The next segment

DiskResult<bool> Segments::prepare_some() {
  if (prepared_.ready) return false;
  if (prepared_.file == nullptr) {
    if (auto begun = begin_preparing(segment_size_); !begun) return Unexpected{begun.error()};
  }
  auto filled = fill_some(kFillBytes);
  if (!filled) {
    if (filled.error().no_room()) abandon_preparing();
    return Unexpected{filled.error()};
  }
  return !prepared_.ready;
}

DiskDone Segments::begin_preparing(std::uint64_t size) {
  const std::string name = path(current_.number + 1);
  auto file = disk_.open(name, Disk::Open::truncate);
  if (!file) return Unexpected{file.error()};
  prepared_ = {};
  prepared_.file = std::move(*file);
  prepared_.size = size;
  auto allocated = prepared_.file->allocate(0, size);
  if (!allocated && allocated.error().no_room()) abandon_preparing();
  return allocated;
}

DiskDone Segments::fill_some(std::uint64_t part) {
  if (fail_point("wal.prepare")) return Unexpected{disk_error(EIO, "write", path(current_.number + 1))};
  const std::uint64_t end = std::min(prepared_.filled + part, prepared_.size);
  const std::string zeros(std::min(kFillBytes, end - prepared_.filled), '\0');
  const auto write_zeros = [&] {
    DiskDone done = std::monostate{};
    for (std::uint64_t at = prepared_.filled; done && at < end; at += zeros.size())
      done = write_fully(*prepared_.file, at, std::string_view(zeros).substr(0, end - at));
    return done;
  };
  return in_turn(write_zeros, [&] { return prepared_.file->sync(); },
                 [&]() -> DiskDone {
                   prepared_.filled = end;
                   if (prepared_.filled < prepared_.size) return std::monostate{};
                   auto named = disk_.sync_directory(directory_);
                   if (named) {
                     prepared_.ready = true;
                     ++made_;
                   }
                   return named;
                 });
}

// What is left of the file is overwritten by the next attempt; it costs room until then, so it goes if it
// can.
void Segments::abandon_preparing() {
  prepared_ = {};
  (void)disk_.remove(path(current_.number + 1));
}

DiskDone Segments::make_room(std::uint64_t room) {
  const std::uint64_t alignment = reactor::kDirectAlignment;
  const std::uint64_t needed =
      std::max(segment_size_, (room + sizeof(SegmentHeader) + alignment - 1) / alignment * alignment);
  if (prepared_.file != nullptr && prepared_.size < needed) {
    if (auto grown = prepared_.file->allocate(0, needed); !grown) return grown;
    prepared_.size = needed;
    prepared_.ready = false;
  }
  if (prepared_.file == nullptr)
    if (auto begun = begin_preparing(needed); !begun) return begun;
  while (!prepared_.ready) {
    auto filled = fill_some(kFillBytesWaitedFor);
    if (filled) continue;
    if (filled.error().no_room()) abandon_preparing();
    return filled;
  }
  if (through_ == reactor::WriteThrough::none) return std::monostate{};
  auto file = disk_.open(path(current_.number + 1), Disk::Open::write, through_);
  if (!file) return Unexpected{file.error()};
  prepared_.file = std::move(*file);
  return std::monostate{};
}

SegmentHeader Segments::enter(std::uint64_t first_sequence, std::uint64_t previous_checksum,
                              std::uint64_t previous_timestamp) {
  GYRE_CHECK(prepared_.ready);
  if (current_.number != 0) older_.push_back(current_);
  current_.number += 1;
  current_.size = prepared_.size;
  current_.previous_timestamp = previous_timestamp;
  current_.file = std::move(prepared_.file);
  prepared_ = {};
  return header_of(current_, first_sequence, previous_checksum);
}

// ---- Old segments

DiskDone Segments::remove_through(Timestamp timestamp) {
  bool changed = false;
  while (!older_.empty()) {
    const std::uint64_t end = older_.size() > 1 ? older_[1].previous_timestamp : current_.previous_timestamp;
    if (timestamp < Timestamp(end)) break;
    const Known old = older_.front();
    if (fail_point("wal.remove_segment")) return Unexpected{disk_error(EIO, "remove", path(old.number))};
    const bool wanted = prepared_.file == nullptr && old.size == segment_size_;
    auto done = wanted ? reuse(old) : disk_.remove(path(old.number));
    if (!done) return done;
    older_.pop_front();
    changed = true;
  }
  return changed ? disk_.sync_directory(directory_) : DiskDone(std::monostate{});
}

// Its blocks are there already. The header still has the old number, by which readers know that it is not in
// use; the records have old sequence numbers.
DiskDone Segments::reuse(const Known& old) {
  const std::string name = path(current_.number + 1);
  return in_turn([&] { return disk_.rename(path(old.number), name); },
                 [&] { return disk_.sync_directory(directory_); },
                 [&]() -> DiskDone {
                   auto file = disk_.open(name, Disk::Open::write);
                   if (!file) return Unexpected{file.error()};
                   prepared_ = {std::move(*file), old.size, old.size, true};
                   ++reused_;
                   return std::monostate{};
                 });
}

std::uint64_t Segments::bytes() const {
  std::uint64_t sum = current_.size + prepared_.size;
  for (const Known& segment : older_) sum += segment.size;
  return sum;
}

}  // namespace gyre::oracle::wal
