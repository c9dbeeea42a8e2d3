// The life of a commit, as numbered steps that are the same whatever is written. What an intent says and what
// a state is, the caller's CommitSteps know.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "oracle/commit_log.h"
#include "oracle/published_state.h"
#include "oracle/read_holds.h"
#include "oracle/retire_list.h"
#include "oracle/timestamp_oracle.h"
#include "reactor/base/ids.h"
#include "reactor/base/out_buffer.h"

namespace gyre::oracle {

// Something to be committed; derive from it. Not owned: lives until its answer.
struct Intent {};

// What the adapter does at each step. All calls on the oracle core; one batch is between order() and its
// answer at a time. Intents are in order of arrival.
class CommitSteps {
 public:
  virtual ~CommitSteps() = default;

  enum class Outcome : std::uint8_t {
    write,   // something is to be made durable and visible
    answer,  // nothing changed: reads, or all failed; the batch is answered with what is published
  };
  // Step 1. Orders the intents, checks constraints and conflicts, remembers each one's answer.
  virtual Outcome order(std::span<Intent* const> batch) = 0;
  // Step 3. Appends to `record` what must be durable. Not called for Outcome::answer.
  virtual void encode(Timestamp timestamp, OutBuffer& record) = 0;
  // Step 4. Finishes the state of `timestamp` and returns it for publication; hands what it replaced to
  // `retired`.
  virtual Publication apply(Timestamp timestamp, RetireList& retired) = 0;
  // Step 6. Answers every intent of the batch. `timestamp` is the batch's, or the published one for
  // Outcome::answer.
  virtual void answer(std::span<Intent* const> batch, Timestamp timestamp) = 0;
  // Instead of 4 to 6 where the log failed: the batch's state must be dropped, its clients told that the
  // outcome is unknown. No batch follows that writes; later ones come here without order() having been
  // called.
  virtual void log_failed(std::span<Intent* const> batch) = 0;
};

// The oracle core's. Intents that arrive while a batch waits for the log gather for the next one.
class GroupCommit {
 public:
  // All are borrowed; `published` holds the first state already.
  GroupCommit(TimestampOracle& oracle, CommitLog& log, PublishedState& published, ReadHolds& holds,
              CommitSteps& steps);
  GroupCommit(const GroupCommit&) = delete;
  GroupCommit& operator=(const GroupCommit&) = delete;

  // An intent arrived. Cheap: it is only put in line.
  void submit(Intent* intent) { arrived_.push_back(intent); }
  // Once per turn, after the mailboxes: commits what arrived, as one batch, unless one is under way; frees
  // what no hold can see. Returns whether there was anything to do.
  bool turn();

  bool idle() const { return arrived_.empty() && !in_flight(); }
  bool in_flight() const { return state_ == State::logging; }
  bool log_has_failed() const { return failed_; }
  // What commits replaced and readers may still see.
  RetireList& retired() { return retired_; }

  struct Counters {
    std::uint64_t batches = 0;      // with writes
    std::uint64_t intents = 0;      // in all batches
    std::uint64_t answer_only = 0;  // batches without writes
    std::uint64_t freed = 0;        // objects
  };
  const Counters& counters() const { return counters_; }

 private:
  enum class State : std::uint8_t { gathering, logging };

  void begin_batch();
  void logged(Durability outcome);
  void finish_batch();
  void free_unseen();

  TimestampOracle& oracle_;
  CommitLog& log_;
  PublishedState& published_;
  ReadHolds& holds_;
  CommitSteps& steps_;
  RetireList retired_;
  std::vector<Intent*> arrived_;
  std::vector<Intent*> batch_;  // between step 1 and its answer
  Timestamp batch_ts_;
  OutBuffer record_;
  State state_ = State::gathering;
  bool failed_ = false;
  Counters counters_;
};

}  // namespace gyre::oracle
