// The write-ahead log as a CommitLog. The oracle core appends, which copies the record and returns; the log
// thread writes all that has gathered in one go, makes it durable in one go, and the answers come back in the
// order of the records. The format: format.h.
//
// A write or sync that fails or is short ends writing for good; a sync is never asked for twice. A full disk
// is no failure: a record is only written into room that is allocated, and one for which there is none is
// refused as a whole.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "oracle/commit_log.h"
#include "oracle/wal/segments.h"
#include "reactor/base/histogram.h"
#include "reactor/base/out_buffer.h"
#include "reactor/disk.h"
#include "reactor/mailbox.h"

namespace gyre::oracle::wal {

struct WriterOptions {
  std::string directory;                  // of the segments; made if it is not there
  std::uint64_t segment_size = 16 << 20;  // bytes; larger ones are made for larger records
  reactor::WriteThrough through = reactor::WriteThrough::none;  // none: fdatasync after the write
  std::uint64_t lazy_us_max = 200'000;                          // until a lazy record is durable
  std::uint64_t lazy_bytes_max = 4 << 20;                       // of lazy records that are not durable
};

struct WriterStats {
  std::uint64_t records = 0;  // written
  std::uint64_t bytes = 0;    // of them, with headers
  std::uint64_t writes = 0;
  std::uint64_t syncs = 0;     // with Options::through each write is one
  Histogram sync_ns;           // write and sync of a group
  std::uint64_t segments = 0;  // now
  std::uint64_t segment_bytes = 0;
  std::uint64_t segments_made = 0;
  std::uint64_t segments_reused = 0;
  std::uint64_t refused = 0;  // records without room
  std::uint64_t durable_sequence = 0;
  bool failed = false;
};

class Writer final : public CommitLog {
 public:
  // Goes on where a Reader has found the end, which must not be refused. The disk is borrowed. Blocks. An
  // error is a sentence.
  static Result<std::unique_ptr<Writer>, std::string> open(reactor::Disk& disk, WriterOptions options,
                                                           const Tail& tail);
  ~Writer() override;

  // ---- The oracle core's.
  Acceptance append(std::string_view record, Timestamp timestamp, Urgency urgency,
                    LogCompletion done) override;
  // Calls the completions of what has been answered; how many.
  std::size_t deliver(std::size_t bound = SIZE_MAX);
  bool has_answers() const { return !answers_.empty(); }

  // ---- Any thread's.
  std::string failure() const override;
  WriterStats stats() const;
  // Whether everything that was appended up to the timestamp is durable.
  bool is_durable_through(Timestamp timestamp) const;
  // The segments whose records are all at or below the timestamp are not needed any more: a checkpoint of it
  // is durable. Done by the log thread soon.
  void remove_through(Timestamp timestamp);

  // ---- The log thread's (thread.h), or whoever drives the log in its place.
  // Writes what has gathered. Returns when it must be called again though nothing is appended: a time in
  // microseconds of the caller's clock, UINT64_MAX for never. Answers may be there.
  std::uint64_t step(std::uint64_t now_us);
  // Writes everything and makes it durable, also what is lazy.
  void flush();
  // Blocks until there is something for step(), or the time comes, or interrupt() was called.
  void wait_us(std::uint64_t at_most_us);
  void interrupt();

 private:
  // A record on its way to the log thread: in a queue's bytes stand its header's room, body and padding.
  struct Entry {
    std::size_t at = 0;
    std::uint64_t length = 0;
    Timestamp timestamp;
    Urgency urgency = Urgency::now;
    std::uint64_t attempt = 0;
  };
  struct Queue {
    OutBuffer bytes;
    std::vector<Entry> entries;
    bool urgent = false;  // someone waits for one of them
  };
  struct Answer {
    Durability outcome;
    std::uint64_t attempt;  // of a record without room
  };
  // Room that is surely there for records to come.
  struct Room {
    std::uint64_t current = 0;
    std::uint64_t prepared = 0;
    bool exceeded = false;
    bool take(std::uint64_t size);
  };
  class Block;  // memory for one write

  Writer(reactor::Disk& disk, WriterOptions options);
  reactor::DiskDone begin(reactor::Disk& disk, const Tail& tail);

  bool take_queue();
  void write_queue();
  bool place(const Entry& entry);
  bool enter_segment(const Entry& entry);
  void put(const Entry& entry);
  void refuse(const Entry& entry);
  void write_block();
  void sync();
  bool mark();
  bool fail(std::string reason);
  void remove_segments(Timestamp through);
  std::uint64_t tidy();
  void end_step();

  const WriterOptions options_;
  Segments segments_;

  // ---- The oracle core's.
  std::deque<LogCompletion> completions_;
  reactor::Mailbox<Answer> answers_;  // to it from the log thread

  // ---- Shared.
  mutable std::mutex lock_;
  std::condition_variable arrived_;
  Queue queue_;
  Timestamp appended_;         // of the newest record
  Timestamp durable_through_;  // durable_timestamp_, as of the last step
  std::uint64_t queued_since_us_ = 0;  // set by step() when it leaves lazy records there
  std::uint64_t attempt_ = 0;          // grows when the oracle core has seen that there was no room
  Room room_;
  Timestamp remove_through_;
  bool remove_requested_ = false;
  bool interrupted_ = false;
  std::string failure_;
  WriterStats stats_;

  // ---- The log thread's.
  Queue taken_;
  std::unique_ptr<Block> block_;  // what is to be written next
  // In the current segment: behind the last record that was put, and that was written.
  std::uint64_t offset_ = 0;
  std::uint64_t written_ = 0;
  // Of the last record that was put.
  std::uint64_t sequence_ = 0;
  std::uint64_t checksum_ = 0;
  Timestamp timestamp_;
  std::uint64_t durable_sequence_ = 0;
  Timestamp durable_timestamp_;
  std::uint64_t unanswered_ = 0;         // records that were put, or came after the log's failure
  std::uint64_t unsynced_bytes_ = 0;     // put, not durable
  std::uint64_t unsynced_since_us_ = 0;  // 0: all that was put is durable
  std::uint64_t now_us_ = 1;
  std::uint64_t first_attempt_ = 0;     // records of earlier ones have no room
  std::uint64_t prepare_after_us_ = 0;  // there was no room for the next segment
  std::uint64_t group_started_ns_ = 0;  // 0: nothing was written since the last sync
  WriterStats counted_;                 // becomes stats_ with every step
  bool failed_ = false;
};

}  // namespace gyre::oracle::wal
