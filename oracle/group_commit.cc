// All intents of a turn become one batch: one timestamp, one log record, one publication. The numbers are
// those of docs/life-of-a-commit.md.
//
// While the log writes one batch the next ones are ordered already, each on the sealed state of the one
// before, so the oracle core and the disk work at the same time, and records that gather while the log is
// busy share its next sync. What is not durable stays invisible: batches are published and answered in order,
// each only when its own record and all before it are durable. (The exception is what does not ask for
// durability, see below.) If the log does not take a record, everything ordered since is built on what has
// not happened and is dropped with it.
//
// A batch that wrote nothing has read the sealed states before it, so its answer waits for those; when
// nothing is under way, it is given at once.
//
// A lazy batch is ready as soon as the log has room for its record. It still waits for its predecessors: what
// is published never depends on what is not. One beyond the window behind the newest durable commit
// (timestamp_window.h), as the first after some idle seconds, is not lazy: it waits, and so moves the window for
// those after it.
//
// Timestamps may come from far away (commit_timestamps.h). A batch is begun when one is in hand, so that all its
// steps up to the log run without a wait; before that only what cannot write makes one. And between "durable" and "published" the oracle is told, whose
// answer is waited for like the disk's.
//
// The number of batches under way is bounded: under load they grow as large as the log's latency asks for,
// without a timer.

#include "oracle/group_commit.h"

#include <utility>

#include "oracle/timestamp_window.h"
#include "reactor/base/check.h"
#include "reactor/fail_point.h"

namespace gyre::oracle {

using reactor::fail_point;

namespace {
// Blocks freed per turn, some hundred microseconds' worth: a large drop spreads over turns instead of holding
// up commits.
constexpr std::size_t kFreedPerTurn = 4096;
}  // namespace

GroupCommit::GroupCommit(CommitTimestamps& timestamps, CommitLog& log, PublishedState& published, ReadHolds& holds,
                         CommitSteps& steps, CommitLimits limits)
    : timestamps_(timestamps),
      log_(log),
      published_(published),
      holds_(holds),
      steps_(steps),
      limits_(limits),
      newest_(published.load().read_ts),
      window_end_(newest_) {}

bool GroupCommit::can_begin() const {
  if (arrived_.empty()) return false;
  if (writes_now() != CommitSteps::Writes::awaited) return has_room();
  return !std::all_of(arrived_.begin(), arrived_.end(), [this](const Intent* each) { return may_write(each); });
}

// (Where nobody waits for the first any longer, the oracle is away, and batches are as few as its timestamps.)
bool GroupCommit::has_room() const {
  return (in_flight_.size() < limits_.batches || in_flight_.front().intents.empty()) &&
         (unanswered_bytes_ < limits_.record_bytes || failed_);
}

// All of them; while a timestamp is on its way, those that need none.
std::vector<Intent*> GroupCommit::take_arrived() {
  if (writes_now() != CommitSteps::Writes::awaited) return std::exchange(arrived_, {});
  const auto rest =
      std::stable_partition(arrived_.begin(), arrived_.end(), [this](const Intent* each) { return !may_write(each); });
  std::vector<Intent*> taken(arrived_.begin(), rest);
  arrived_.erase(arrived_.begin(), rest);
  return taken;
}

Timestamp GroupCommit::oldest_unpublished() const {
  for (const Batch& batch : in_flight_)
    if (batch.record != 0) return batch.timestamp;
  return kTimestampMax;
}

void GroupCommit::timestamps_changed() {
  if (timestamps_.fenced() && !in_flight_.empty()) refuse_from(0, CommitSteps::Refusal::fenced);
  finish_ready();
}

void GroupCommit::disclaim_unapplied() {
  for (std::size_t position = 0; position < in_flight_.size() && in_flight_[position].ready;) {
    const Batch batch = in_flight_[position];
    if (batch.record == 0) {
      in_flight_.erase(in_flight_.begin() + static_cast<std::ptrdiff_t>(position));
      steps_.give_up(position, batch.intents);
      continue;
    }
    in_flight_[position].intents.clear();
    if (!batch.intents.empty()) steps_.disclaim(position, batch.intents);
    ++position;
  }
}

CommitSteps::Writes GroupCommit::writes_now() const {
  using Writes = CommitSteps::Writes;
  if (failed_) return Writes::refused;
  switch (timestamps_.supply()) {
    case CommitTimestamps::Supply::ready:
      return Writes::accepted;
    case CommitTimestamps::Supply::awaited:
      return Writes::awaited;
    case CommitTimestamps::Supply::refused:
      return Writes::refused;
  }
  GYRE_UNREACHABLE();
}

bool GroupCommit::turn() {
  const std::uint64_t freed = counters_.freed;
  bool worked = false;
  if (can_begin()) {
    begin_batch();
    worked = true;
  }
  free_unseen();
  return worked || counters_.freed != freed;
}

void GroupCommit::begin_batch() {
  Batch& batch = in_flight_.emplace_back();
  batch.intents = take_arrived();
  counters_.intents += batch.intents.size();
  (void)fail_point("commit.before_order");
  // 1: order, check.
  const CommitSteps::Writes writes = writes_now();
  const auto outcome = steps_.order(batch.intents, writes);
  if (outcome == CommitSteps::Outcome::nothing) {
    ++counters_.answer_only;
    in_flight_.pop_back();
    return;
  }
  if (outcome == CommitSteps::Outcome::answer) {
    ++counters_.answer_only;
    batch.ready = true;
  } else {
    GYRE_CHECK(writes == CommitSteps::Writes::accepted);
    ++counters_.batches;
    append_batch(outcome == CommitSteps::Outcome::write_lazily ? Urgency::lazy : Urgency::now);
  }
  finish_ready();
}

void GroupCommit::append_batch(Urgency urgency) {
  Batch& batch = in_flight_.back();
  // A fault that tests plant: answered before it is durable.
  if (fail_point("plant.no_sync_wait")) urgency = Urgency::lazy;
  (void)fail_point("commit.before_timestamp");
  // 2: the timestamp.
  batch.timestamp = timestamps_.take();
  GYRE_CHECK(newest_ < batch.timestamp);
  newest_ = batch.timestamp;
  if (window_end_ < batch.timestamp) urgency = Urgency::now;
  // 3: the log, which may answer within the call.
  record_.clear();
  if (log_.keeps_records()) steps_.encode(batch.timestamp, record_);
  batch.record = ++appended_;
  unanswered_.push_back({batch.timestamp, record_.size()});
  unanswered_bytes_ += record_.size();
  (void)fail_point("commit.before_log");
  appending_ = true;
  const Acceptance acceptance = log_.append(
      record_.view(), batch.timestamp, urgency,
      {[](void* self, Durability outcome) { static_cast<GroupCommit*>(self)->logged(outcome); }, this});
  appending_ = false;
  if (urgency == Urgency::lazy && acceptance == Acceptance::certain) {
    ++counters_.lazy;
    batch.ready = true;
  }
  (void)fail_point("commit.before_seal");
  // 4: seal. The log is at work meanwhile.
  steps_.seal(batch.timestamp);
  for (const Durability outcome : std::exchange(answered_while_appending_, {})) settle(outcome);
}

void GroupCommit::logged(Durability outcome) {
  if (appending_)
    answered_while_appending_.push_back(outcome);
  else
    settle(outcome);
}

// The log has answered the oldest record that it had not answered.
void GroupCommit::settle(Durability outcome) {
  GYRE_CHECK(!unanswered_.empty());
  const std::uint64_t record = appended_ - unanswered_.size() + 1;
  const Appended appended = unanswered_.front();
  unanswered_bytes_ -= appended.bytes;
  unanswered_.pop_front();
  if (outcome == Durability::failed) {
    if (std::exchange(failed_, true)) return;
    return refuse_unready(CommitSteps::Refusal::log_failed);
  }
  // Where the batch is not there any more, it was lazy and is published, or was dropped with an earlier one.
  Batch* found = nullptr;
  for (Batch& batch : in_flight_)
    if (batch.record == record && record > dropped_records_) found = &batch;
  if (outcome == Durability::no_room) {
    GYRE_CHECK(found != nullptr || record <= dropped_records_);
    if (found != nullptr) refuse_unready(CommitSteps::Refusal::no_room);
    return;
  }
  // ---- Beyond this point the batch is durable.
  window_end_ = std::max(window_end_, window_end(appended.timestamp));
  if (found == nullptr) return;
  found->ready = true;
  finish_ready();
}

void GroupCommit::finish_ready() {
  apply_ready();
  while (!in_flight_.empty() && in_flight_.front().ready &&
         (in_flight_.front().record == 0 || in_flight_.front().timestamp <= timestamps_.applied())) {
    const Batch batch = std::move(in_flight_.front());
    in_flight_.pop_front();
    if (batch.record != 0) publish(batch);
    (void)fail_point("commit.before_answer");
    // 6: answer. An answer may submit the next intent.
    const Timestamp published = published_.load().read_ts;
    GYRE_CHECK(batch.record == 0 || published == batch.timestamp);
    steps_.answer(batch.intents, published);
    // ---- Beyond this point clients know.
  }
  (void)fail_point("commit.before_free");
  // 7: free what no hold can see.
  free_unseen();
}

// One call to the oracle covers all that could be published now.
void GroupCommit::apply_ready() {
  Timestamp newest;
  for (const Batch& batch : in_flight_) {
    if (!batch.ready) break;
    if (batch.record != 0) newest = batch.timestamp;
  }
  if (newest.value != 0) timestamps_.apply(newest);
}

void GroupCommit::publish(const Batch& batch) {
  GYRE_CHECK(published_record_ < batch.record);
  published_record_ = batch.record;
  const Publication next = steps_.apply(batch.timestamp, retired_);
  GYRE_CHECK(next.read_ts == batch.timestamp && published_.load().read_ts < batch.timestamp);
  (void)fail_point("commit.before_publish");
  // 5: publish.
  published_.publish(next);
  // ---- Beyond this point readers may see it.
}

// The log has not taken a record. It answers in order, so the batches before that one are ready, and wait for the
// oracle to be told. That one and those built on it go.
void GroupCommit::refuse_unready(CommitSteps::Refusal why) {
  const auto unready = std::find_if_not(in_flight_.begin(), in_flight_.end(), [](const Batch& batch) { return batch.ready; });
  refuse_from(static_cast<std::size_t>(unready - in_flight_.begin()), why);
}

void GroupCommit::refuse_from(std::size_t position, CommitSteps::Refusal why) {
  dropped_records_ = appended_;
  steps_.drop_sealed(position);
  while (in_flight_.size() > position) {
    const auto first = in_flight_.begin() + static_cast<std::ptrdiff_t>(position);
    const Batch batch = std::move(*first);
    in_flight_.erase(first);
    if (why == CommitSteps::Refusal::no_room) ++counters_.no_room;
    steps_.refuse(position, batch.intents, why);
  }
}

void GroupCommit::free_unseen() {
  if (retired_.size() != 0) counters_.freed += retired_.free_below(holds_.oldest(), kFreedPerTurn);
}

}  // namespace gyre::oracle
