// Two places take turns, each in a block of its own: one that is being written when the power goes leaves the
// other intact, and what that says is true, too, only older. The file has its size from the beginning, so
// writing needs no room.

#include "oracle/wal/mark.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "reactor/fail_point.h"

namespace gyre::oracle::wal {

using reactor::Disk;
using reactor::disk_error;
using reactor::DiskDone;
using reactor::DiskResult;
using reactor::fail_point;

namespace {

bool is_intact(const Mark& mark) {
  return mark.magic == kMarkMagic && mark.size == sizeof(Mark) && mark.version == kFormatVersion &&
         mark.checksum == mark_checksum(mark);
}

std::string what_is_wrong(const Mark& mark) {
  if (mark.magic != kMarkMagic || mark.version == kFormatVersion)
    return "is damaged, which says up to where the log was durable";
  return "is of format version " + std::to_string(mark.version) + ", this server reads " +
         std::to_string(kFormatVersion);
}

Mark make_mark(std::uint64_t log_id, std::uint64_t generation, std::uint64_t segment,
               std::uint64_t sequence) {
  Mark mark{};
  mark.magic = kMarkMagic;
  mark.version = kFormatVersion;
  mark.size = sizeof mark;
  mark.log_id = log_id;
  mark.generation = generation;
  mark.segment = segment;
  mark.sequence = sequence;
  mark.checksum = mark_checksum(mark);
  return mark;
}

std::uint64_t place_of(std::uint64_t generation) {
  return generation % kMarkPlaces * kMarkPlaceBytes;
}

std::string_view bytes_of(const Mark& mark) {
  return {reinterpret_cast<const char*>(&mark), sizeof mark};
}

}  // namespace

DiskResult<MarkReading> read_mark(Disk& disk, const std::string& directory) {
  const std::string path = directory + "/" + kMarkName;
  MarkReading reading;
  const auto file = disk.open(path, Disk::Open::read);
  if (!file && file.error().code != ENOENT) return Unexpected{file.error()};
  if (!file) {
    reading.message = "file \"" + path + "\" is missing, which says up to where the log was durable";
    return reading;
  }
  for (std::uint64_t place = 0; place < kMarkPlaces; ++place) {
    Mark mark{};
    const auto got = read_fully(**file, place_of(place), reinterpret_cast<char*>(&mark), sizeof mark);
    if (!got) return Unexpected{got.error()};
    const bool found = reading.state == MarkReading::State::good;
    if (is_intact(mark) && (!found || mark.generation > reading.mark.generation)) {
      reading = {MarkReading::State::good, mark, {}};
    } else if (!found) {
      reading.state = MarkReading::State::damaged;
      if (place == 0 || mark.magic == kMarkMagic)
        reading.message = "file \"" + path + "\" " + what_is_wrong(mark);
    }
  }
  return reading;
}

DiskDone write_first_mark(Disk& disk, const std::string& directory) {
  const auto file = disk.open(directory + "/" + kMarkName, Disk::Open::truncate);
  if (!file) return Unexpected{file.error()};
  std::string bytes(kMarkPlaces * kMarkPlaceBytes, '\0');
  const Mark none = make_mark(0, 0, 0, 0);
  std::memcpy(bytes.data() + place_of(none.generation), &none, sizeof none);
  if (auto written = write_fully(**file, 0, bytes); !written) return written;
  if (auto synced = (*file)->sync(); !synced) return synced;
  return disk.sync_directory(directory);
}

DiskDone MarkFile::open() {
  const auto there = read_mark(disk_, path_.substr(0, path_.rfind('/')));
  if (!there) return Unexpected{there.error()};
  if (there->state != MarkReading::State::good) return Unexpected{disk_error(EIO, "use", path_)};
  generation_ = there->mark.generation;
  auto file = disk_.open(path_, Disk::Open::write);
  if (!file) return Unexpected{file.error()};
  file_ = std::move(*file);
  return std::monostate{};
}

DiskDone MarkFile::write(std::uint64_t log_id, std::uint64_t segment, std::uint64_t sequence) {
  if (fail_point("wal.before_mark")) return Unexpected{disk_error(EIO, "write", path_)};
  const Mark mark = make_mark(log_id, ++generation_, segment, sequence);
  if (auto written = write_fully(*file_, place_of(mark.generation), bytes_of(mark)); !written) return written;
  if (auto synced = file_->sync(); !synced) return synced;
  segment_ = segment;
  sequence_ = sequence;
  (void)fail_point("wal.after_mark");
  return std::monostate{};
}

}  // namespace gyre::oracle::wal
