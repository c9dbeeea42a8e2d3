// The life of a commit, as numbered steps that are the same whatever is written. What an intent says and what
// a state is, the caller's CommitSteps know.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "oracle/commit_log.h"
#include "oracle/commit_timestamps.h"
#include "oracle/published_state.h"
#include "oracle/read_holds.h"
#include "oracle/retire_list.h"
#include "reactor/base/ids.h"
#include "reactor/base/out_buffer.h"

namespace gyre::oracle {

// Something to be committed; derive from it. Not owned: lives until its answer.
struct Intent {};

// What the adapter does at each step. All calls on the oracle core. Several batches may be between order()
// and their answers; those are given in the order of order(). Intents are in order of arrival.
class CommitSteps {
 public:
  virtual ~CommitSteps() = default;

  enum class Outcome : std::uint8_t {
    write,         // something is to be made durable and visible
    write_lazily,  // the same, and all that wrote do not wait for the disk
    answer,        // nothing changed: reads, or all failed
    nothing,       // nor is there anybody to be answered: this batch is over
  };
  enum class Writes : std::uint8_t {
    accepted,
    awaited,  // a timestamp is on its way: intents that write must be undone, and submitted again. The outcome is
              // not that something was written
    refused,  // the log has failed, or there are no timestamps: intents that write must fail, and the same
  };
  // Step 1. Orders the intents on the newest sealed state, or else the published one; checks constraints and
  // conflicts, remembers each one's answer.
  virtual Outcome order(std::span<Intent* const> batch, Writes writes) = 0;
  // Whether this intent stays in line while a timestamp is on its way. Others are ordered.
  virtual bool may_write(const Intent&) const { return true; }
  // Step 3. Appends to `record` what must be durable. Not called for Outcome::answer.
  virtual void encode(Timestamp timestamp, OutBuffer& record) = 0;
  // Step 4. Makes the batch's changes a state of their own, seen by nobody but the next order(). Not called
  // for Outcome::answer.
  virtual void seal(Timestamp timestamp) = 0;
  // Step 5. The oldest sealed state, which is that of `timestamp`, becomes the published one; hands what it
  // replaced to `retired`.
  virtual Publication apply(Timestamp timestamp, RetireList& retired) = 0;
  // Step 6. Answers every intent of the oldest batch that order() has not answered itself. `timestamp` is the batch's, or the published one for
  // Outcome::answer.
  virtual void answer(std::span<Intent* const> batch, Timestamp timestamp) = 0;

  enum class Refusal : std::uint8_t {
    log_failed,  // whether the batch will be there after a recovery is unknown
    no_room,     // it has not happened
    fenced,      // another server owns the timeline: as log_failed
  };
  // Instead of 5 to 6: the log did not take a batch. The sealed states of the batches from this position on, among
  // those under way, are dropped, the newest first; then refuse() is called for each of these batches without its
  // answer, the oldest first: it is over, and the next one has its position.
  virtual void drop_sealed(std::size_t position) = 0;
  virtual void refuse(std::size_t position, std::span<Intent* const> batch, Refusal why) = 0;
  // Answers the intents of the batch at this position among those under way, of which it is not known whether they
  // will be seen; the batch itself goes its way, without intents.
  virtual void disclaim(std::size_t position, std::span<Intent* const> batch) = 0;
  // The same of a batch that writes nothing, and is over with it.
  virtual void give_up(std::size_t position, std::span<Intent* const> batch) = 0;
};

// How much may be under way between order() and its answer. What arrives beyond gathers for the next batch.
struct CommitLimits {
  std::size_t batches = 8;
  std::size_t record_bytes = 64 << 20;  // appended and not durable; one record may exceed it alone
};

// The oracle core's. Batches are ordered one on top of the other while the log writes those before them.
class GroupCommit {
 public:
  // All are borrowed; `published` holds the first state already.
  GroupCommit(CommitTimestamps& timestamps, CommitLog& log, PublishedState& published, ReadHolds& holds,
              CommitSteps& steps, CommitLimits limits = {});
  GroupCommit(const GroupCommit&) = delete;
  GroupCommit& operator=(const GroupCommit&) = delete;

  // An intent arrived. Cheap: it is only put in line.
  void submit(Intent* intent) { arrived_.push_back(intent); }
  // Takes an intent out of the line, if it is one that is `wanted` and no batch has taken it up; null: there is none.
  template <class Wanted>
  Intent* withdraw(Wanted wanted) {
    const auto found = std::find_if(arrived_.begin(), arrived_.end(), wanted);
    if (found == arrived_.end()) return nullptr;
    Intent* const withdrawn = *found;
    arrived_.erase(found);
    return withdrawn;
  }
  // Once per turn, after the mailboxes: orders what arrived, as one batch, unless too much is under way;
  // frees what no hold can see. Returns whether there was anything to do.
  bool turn();

  // supply(), applied() or fenced() of the timestamps may have changed.
  void timestamps_changed();
  // The oracle does not say that what is durable has been applied: nobody is to wait for it any longer, and who comes
  // next is let in, to be refused.
  void disclaim_unapplied();

  bool idle() const { return arrived_.empty() && in_flight_.empty(); }
  // Whether turn() would begin a batch now.
  bool can_begin() const;
  std::size_t in_flight() const { return in_flight_.size(); }
  // Below this timestamp all that was written is published; kTimestampMax: nothing is under way.
  Timestamp oldest_unpublished() const;
  bool log_has_failed() const { return failed_; }
  // What commits replaced and readers may still see.
  RetireList& retired() { return retired_; }
  const RetireList& retired() const { return retired_; }
  // Each intent that was ordered, in a batch that writes, and is not answered: it waits for the log.
  template <class Visit>
  void for_each_in_flight(Visit visit) const {
    for (const Batch& batch : in_flight_)
      for (const Intent* intent : batch.intents) visit(*intent);
  }

  // Of the batch at this position among those under way; none where nobody waits for it any longer.
  std::span<Intent* const> intents(std::size_t position) const { return in_flight_[position].intents; }

  struct Counters {
    std::uint64_t batches = 0;      // with writes
    std::uint64_t intents = 0;      // in all batches
    std::uint64_t answer_only = 0;  // batches without writes
    std::uint64_t lazy = 0;         // batches with writes that were answered without waiting for the disk
    std::uint64_t no_room = 0;      // batches refused for want of room
    std::uint64_t freed = 0;        // objects
  };
  const Counters& counters() const { return counters_; }

 private:
  // Between order() and its answer.
  struct Batch {
    std::vector<Intent*> intents;
    Timestamp timestamp;       // of what it writes
    std::uint64_t record = 0;  // its number among those appended; 0: it writes nothing
    bool ready = false;        // nothing but its predecessors, and the oracle, keeps it from being published
  };

  bool has_room() const;
  CommitSteps::Writes writes_now() const;
  bool may_write(const Intent* intent) const { return steps_.may_write(*intent); }
  void begin_batch();
  std::vector<Intent*> take_arrived();
  void append_batch(Urgency urgency);
  void logged(Durability outcome);
  void settle(Durability outcome);
  void finish_ready();
  void apply_ready();
  void publish(const Batch& batch);
  void refuse_unready(CommitSteps::Refusal why);
  void refuse_from(std::size_t position, CommitSteps::Refusal why);
  void free_unseen();

  CommitTimestamps& timestamps_;
  CommitLog& log_;
  PublishedState& published_;
  ReadHolds& holds_;
  CommitSteps& steps_;
  const CommitLimits limits_;
  RetireList retired_;
  std::vector<Intent*> arrived_;
  // G1  In the order of order(). The one behind is built on the one before.
  // G2  The first is not ready, or waits to be applied, outside of finish_ready().
  std::deque<Batch> in_flight_;
  // Records that the log has not answered yet. Their numbers end with appended_.
  struct Appended {
    Timestamp timestamp;
    std::size_t bytes;
  };
  std::deque<Appended> unanswered_;
  std::size_t unanswered_bytes_ = 0;
  std::uint64_t appended_ = 0;
  std::uint64_t published_record_ = 0;
  std::uint64_t dropped_records_ = 0;  // up to this number none is waited for
  Timestamp newest_;  // of all batches that were ordered
  // G3  What is published beyond this is durable: a recovery goes on behind it (timestamp_window.h).
  Timestamp window_end_;
  OutBuffer record_;
  bool appending_ = false;
  std::vector<Durability> answered_while_appending_;
  bool failed_ = false;
  Counters counters_;
};

}  // namespace gyre::oracle
