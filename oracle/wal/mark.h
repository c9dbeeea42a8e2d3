// The log's mark: a small file that says up to where the log was durable at some time. What is at the end of
// a log cannot be missed by what is before it: were its newest files removed, the rest would look like a
// whole log. The mark says that there was more.
//
// It is written when a segment has its first durable records, before these are answered; when a checkpoint
// lets old segments go; and when the log ends or is opened. So it always names the newest segment that
// answered commits are in, and may lag behind the newest record.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "oracle/wal/format.h"
#include "reactor/disk.h"

namespace gyre::oracle::wal {

struct MarkReading {
  enum class State : std::uint8_t {
    missing,  // there is no such file
    damaged,  // neither of its places is intact
    good,
  };
  State state = State::missing;
  Mark mark{};          // if it is good
  std::string message;  // if it is not: a sentence with the file's name
};

// The newer of the two places that is intact. An error is the disk's.
reactor::DiskResult<MarkReading> read_mark(reactor::Disk& disk, const std::string& directory);

// Writes the mark of a log that is not begun yet, durably: whatever segments there may be until it is, nobody
// was told of what is in them.
reactor::DiskDone write_first_mark(reactor::Disk& disk, const std::string& directory);

// The mark of a log that is written. The log thread's.
class MarkFile {
 public:
  MarkFile(reactor::Disk& disk, const std::string& directory)
      : disk_(disk), path_(directory + "/" + kMarkName) {}

  // Goes on behind what is there.
  reactor::DiskDone open();
  // Durable when it returns.
  reactor::DiskDone write(std::uint64_t log_id, std::uint64_t segment, std::uint64_t sequence);

  // As last written.
  std::uint64_t segment() const { return segment_; }
  std::uint64_t sequence() const { return sequence_; }

 private:
  reactor::Disk& disk_;
  const std::string path_;
  std::unique_ptr<reactor::DiskFile> file_;
  std::uint64_t generation_ = 0;
  std::uint64_t segment_ = 0;
  std::uint64_t sequence_ = 0;
};

}  // namespace gyre::oracle::wal
