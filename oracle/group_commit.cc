// All intents of a turn become one batch: one timestamp, one log record, one publication. The numbers are
// those of the life of a commit in ARCHITECTURE.md.
//
// One batch is under way at a time. Under load the next one gathers meanwhile, so batches grow just as large
// as the log's latency asks for, without a timer; a second batch in flight would have to be built on a state
// that may yet fail.

#include "oracle/group_commit.h"

#include <utility>

#include "reactor/base/check.h"

namespace gyre::oracle {

namespace {
// Objects freed per turn: a large drop spreads over turns instead of holding up commits.
constexpr std::size_t kFreedPerTurn = 256;
}  // namespace

GroupCommit::GroupCommit(TimestampOracle& oracle, CommitLog& log, PublishedState& published, ReadHolds& holds,
                         CommitSteps& steps)
    : oracle_(oracle), log_(log), published_(published), holds_(holds), steps_(steps) {}

bool GroupCommit::turn() {
  const std::uint64_t freed = counters_.freed;
  bool worked = false;
  if (!in_flight() && !arrived_.empty()) {
    begin_batch();
    worked = true;
  }
  free_unseen();
  return worked || counters_.freed != freed;
}

void GroupCommit::begin_batch() {
  GYRE_DCHECK(batch_.empty());
  batch_.swap(arrived_);
  counters_.intents += batch_.size();
  if (failed_) {
    steps_.log_failed(batch_);
    batch_.clear();
    return;
  }
  // 1: order, check.
  if (steps_.order(batch_) == CommitSteps::Outcome::answer) {
    ++counters_.answer_only;
    steps_.answer(batch_, published_.load().read_ts);
    batch_.clear();
    return;
  }
  ++counters_.batches;
  // 2: the timestamp.
  batch_ts_ = oracle_.write_ts();
  // 3: the log. The state changes first: the log may complete within the call.
  record_.clear();
  steps_.encode(batch_ts_, record_);
  state_ = State::logging;
  log_.append(
      record_.view(), batch_ts_,
      {[](void* self, Durability outcome) { static_cast<GroupCommit*>(self)->logged(outcome); }, this});
}

void GroupCommit::logged(Durability outcome) {
  GYRE_CHECK(in_flight());
  state_ = State::gathering;
  if (outcome == Durability::failed) {
    failed_ = true;
    steps_.log_failed(batch_);
    batch_.clear();
    return;
  }
  // ---- Beyond this point the batch is durable.
  finish_batch();
}

void GroupCommit::finish_batch() {
  // 4: apply.
  const Publication next = steps_.apply(batch_ts_, retired_);
  GYRE_CHECK(next.read_ts == batch_ts_);
  oracle_.apply_write(batch_ts_);
  // 5: publish.
  published_.publish(next);
  // ---- Beyond this point readers may see it.
  // 6: answer. An answer may submit the next intent.
  std::vector<Intent*> answered = std::move(batch_);
  batch_.clear();
  steps_.answer(answered, batch_ts_);
  // ---- Beyond this point clients know.
  // 7: free what no hold can see.
  free_unseen();
}

void GroupCommit::free_unseen() {
  if (retired_.size() != 0) counters_.freed += retired_.free_below(holds_.oldest(), kFreedPerTurn);
}

}  // namespace gyre::oracle
