// Where commits become durable: the seam between the order of commits and a disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/base/ids.h"

namespace gyre::oracle {

enum class Durability : std::uint8_t {
  durable,
  no_room,  // refused before anything of it was written: the disk is full. So is whatever was appended since,
            // until this answer was given; the next append() tries again
  failed,   // for good: the log takes no more records, and what became of this one is unknown until recovery
};

enum class Urgency : std::uint8_t {
  now,
  lazy,  // nobody waits: written soon, durable some hundred milliseconds later at most
};

enum class Acceptance : std::uint8_t {
  certain,  // there is room for it: only the log's failure, or the machine's, can lose it
  pending,  // whether there is room will be seen
};

// Called once for each record and in their order, on the oracle core: from within its own append() or later.
struct LogCompletion {
  void (*call)(void* context, Durability outcome) = nullptr;
  void* context = nullptr;
  void operator()(Durability outcome) const { call(context, outcome); }
};

class CommitLog {
 public:
  virtual ~CommitLog() = default;
  // Appends one record; it is durable when `done` says so, and all before it are, too. Timestamps ascend.
  // The record is borrowed for the call only.
  virtual Acceptance append(std::string_view record, Timestamp timestamp, Urgency urgency,
                            LogCompletion done) = 0;
  // Whether it looks at what it is given; otherwise records may as well be empty.
  virtual bool keeps_records() const { return true; }
  // Why it takes no more records, as a sentence; empty while it does.
  virtual std::string failure() const { return {}; }
};

// The log of a server without a disk (it keeps nothing, acknowledges at once), and the double of the tests.
class MemoryCommitLog final : public CommitLog {
 public:
  enum class Keep : std::uint8_t { nothing, records };
  enum class Acknowledge : std::uint8_t { at_once, when_told };
  struct Record {
    Timestamp timestamp;
    std::string bytes;
  };

  explicit MemoryCommitLog(Keep keep = Keep::nothing, Acknowledge acknowledge = Acknowledge::at_once)
      : keep_(keep), acknowledge_(acknowledge) {}

  Acceptance append(std::string_view record, Timestamp timestamp, Urgency urgency,
                    LogCompletion done) override;

  bool keeps_records() const override { return keep_ == Keep::records; }

  const std::vector<Record>& records() const { return records_; }
  std::size_t waiting() const { return waiting_.size(); }
  // Completes the oldest append that waits. Returns false where none does.
  bool complete_one(Durability outcome = Durability::durable);
  // What append() says of the records to come.
  void set_acceptance(Acceptance acceptance) { acceptance_ = acceptance; }

 private:
  Keep keep_;
  Acknowledge acknowledge_;
  Acceptance acceptance_ = Acceptance::certain;
  std::vector<Record> records_;
  std::deque<LogCompletion> waiting_;
};

}  // namespace gyre::oracle
