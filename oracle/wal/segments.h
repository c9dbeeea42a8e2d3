// The files of a log: the one being written, the next one made ready ahead of need, old ones that a
// checkpoint has made superfluous. The log thread's alone.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "oracle/wal/format.h"
#include "oracle/wal/mark.h"
#include "oracle/wal/reader.h"
#include "reactor/disk.h"

namespace gyre::oracle::wal {

class Segments {
 public:
  // `size`: of new segments, a multiple of reactor::kDirectAlignment.
  Segments(reactor::Disk& disk, std::string directory, std::uint64_t size, reactor::WriteThrough through);

  // Where the log's tail is. Begins a new log if there is none; otherwise makes what is in the last segment
  // durable and removes what is behind the tail, durably.
  reactor::DiskDone open(const Tail& tail);

  reactor::DiskFile& file() { return *current_.file; }
  std::uint64_t size() const { return current_.size; }
  // What every segment says of the log and of what comes before it.
  std::uint64_t log_id() const { return log_id_; }

  // The room of the next segment, ready to be entered; 0: it is not ready.
  std::uint64_t prepared_room() const { return prepared_.ready ? prepared_.size - sizeof(SegmentHeader) : 0; }
  // Does a part of making the next one ready: some hundred kilobytes. Whether something is left to do.
  reactor::DiskResult<bool> prepare_some();
  bool preparing() const { return prepared_.file != nullptr && !prepared_.ready; }
  // Makes the next segment ready for a record of `room` bytes, if it is not. On failure for want of room
  // nothing has changed.
  reactor::DiskDone make_room(std::uint64_t room);
  // The next segment, which is ready, becomes the current one; returns its header, to be written by the
  // caller.
  SegmentHeader enter(std::uint64_t first_sequence, std::uint64_t previous_checksum,
                      std::uint64_t previous_timestamp);

  // Says durably that the records up to this one are, and the current segment's header (mark.h). Does nothing
  // where the mark says so already.
  reactor::DiskDone mark(std::uint64_t sequence);
  // Whether the mark names the current segment. No older one may go before.
  bool is_marked() const { return mark_.segment() == current_.number; }

  // Gives up the segments whose records are all at or below the timestamp; one is kept for use as the next.
  reactor::DiskDone remove_through(Timestamp timestamp);

  std::size_t count() const { return older_.size() + 1; }
  std::uint64_t bytes() const;  // of all files
  std::uint64_t made() const { return made_; }
  std::uint64_t reused() const { return reused_; }

 private:
  struct Known {
    std::uint64_t number = 0;
    std::uint64_t size = 0;
    std::uint64_t previous_timestamp = 0;
  };
  struct Current : Known {
    std::unique_ptr<reactor::DiskFile> file;
  };
  struct Prepared {
    std::unique_ptr<reactor::DiskFile> file;
    std::uint64_t size = 0;
    std::uint64_t filled = 0;  // with zeros
    bool ready = false;
  };

  reactor::DiskDone begin_log(Timestamp previous_timestamp);
  reactor::DiskDone open_mark();
  reactor::DiskDone continue_log(const Tail& tail);
  reactor::DiskDone find_older(std::uint64_t number);
  reactor::DiskDone remove_above(std::uint64_t number);
  reactor::DiskDone repair(const Tail& tail);
  reactor::DiskDone begin_preparing(std::uint64_t size);
  reactor::DiskDone fill_some(std::uint64_t part);
  void abandon_preparing();
  reactor::DiskDone reuse(const Known& old);
  SegmentHeader header_of(const Known& segment, std::uint64_t first_sequence,
                          std::uint64_t previous_checksum) const;
  std::string path(std::uint64_t number) const { return directory_ + "/" + segment_name(number); }

  reactor::Disk& disk_;
  const std::string directory_;
  const std::uint64_t segment_size_;
  const reactor::WriteThrough through_;
  MarkFile mark_;
  std::uint64_t log_id_ = 0;
  std::deque<Known> older_;  // ascending
  Current current_;
  Prepared prepared_;  // its number is one above the current's
  std::uint64_t made_ = 0;
  std::uint64_t reused_ = 0;
};

}  // namespace gyre::oracle::wal
