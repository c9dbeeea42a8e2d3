// Reads a write-ahead log from a timestamp to its end, and says what that end is. For start-up, backups and
// tools; a log that is being written can be read, too, up to some record of that moment.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "oracle/wal/format.h"
#include "oracle/wal/mark.h"
#include "reactor/base/ids.h"
#include "reactor/disk.h"

namespace gyre::oracle::wal {

struct Record {
  std::uint64_t sequence = 0;
  Timestamp timestamp;
  std::string_view body;      // valid until the next call of the reader
  std::uint64_t segment = 0;  // where it is
  std::uint64_t offset = 0;
};

// Where a log ends, and so where writing goes on.
struct Tail {
  enum class Stop : std::uint8_t {
    clean,       // nothing was begun behind the last record
    torn,        // the last record is not there as a whole
    checksum,    // its bytes are not those that were written
    gap,         // a record or a segment does not follow the one before
    bad_header,  // a segment's header is none
    unreadable,  // the disk failed
  };
  Stop stop = Stop::clean;
  // Records that were durable are missing or damaged: the log must not be used. Otherwise what is behind
  // the tail was never acknowledged, and is cut off before writing goes on.
  bool refused = false;
  std::string message;  // what is wrong, where: names file and offset; empty for Stop::clean
  bool marked = false;  // there is a mark, so that a log that is gone would be missed

  std::uint64_t segment = 0;  // 0: there is no log yet
  std::uint64_t offset = 0;   // in it, behind the last record
  std::uint64_t segment_size = 0;
  std::uint64_t log_id = 0;
  // Of the last record, or of what the log continues.
  std::uint64_t sequence = 0;
  std::uint64_t checksum = 0;
  Timestamp timestamp;
};

class Reader {
 public:
  // Reads what is in `directory` above the timestamp. Both are borrowed.
  Reader(reactor::Disk& disk, std::string directory, Timestamp after);

  // The next record; false at the end, which tail() then explains. All records were checked, those at or
  // below `after` in the first segment that is needed, too.
  bool next(Record& record);
  // Once next() has returned false.
  const Tail& tail() const { return tail_; }

 private:
  enum class Use : std::uint8_t { used, unused, bad, other_version };
  struct Segment {
    Use use = Use::bad;
    SegmentHeader header{};
    std::string fault;  // why it is bad
  };

  bool open();
  bool read_next(Record& record);
  // Reads the current segment once more, and what the next one says of itself: whether there is more than before,
  // as there is in a log that is being written (a backup reads one).
  bool look_again();
  Segment look_at(const std::string& name, std::uint64_t number);
  reactor::DiskResult<std::string> content_of(std::uint64_t number);
  bool load(std::uint64_t number);
  bool enter_next_segment();
  bool open_segments();
  bool end(Tail::Stop stop, const std::string& what);
  bool refuse(Tail::Stop stop, const std::string& what);
  bool finish(Tail::Stop stop, const std::string& what);
  // Whether a record behind the tail says that one that is missing was durable; where.
  bool find_durable_successor(std::string& where);
  bool search(std::string_view bytes, std::size_t from, std::size_t& found) const;
  std::string path(std::uint64_t number) const;
  std::string place() const;
  std::string what_mark_says() const;

  reactor::Disk& disk_;
  const std::string directory_;
  const Timestamp after_;
  Mark mark_{};                                // as it was when reading began
  std::map<std::uint64_t, Segment> segments_;  // by number
  std::string bytes_;                          // of the segment tail_.segment
  Tail tail_;
  bool opened_ = false;
  bool ended_ = false;
  bool again_ = false;  // there is more to read after all
};

// "torn record" and the like.
std::string_view stop_name(Tail::Stop stop);

}  // namespace gyre::oracle::wal
