#include "oracle/oracle_client.h"

#include <algorithm>
#include <utility>

#include "reactor/base/check.h"

namespace gyre::oracle {

namespace {
constexpr int kPurposeShift = 56;
constexpr std::uint64_t kNumberMask = (std::uint64_t{1} << kPurposeShift) - 1;
// How long what writes waits for an oracle that cannot be reached before it is refused.
constexpr std::uint64_t kPatienceNs = 3'000'000'000;
// A timestamp in hand that is older is replaced: timestamps are to be near the wall clock.
constexpr std::uint64_t kYoungNs = 1'000'000'000;
}  // namespace

void OracleClient::ask(Purpose purpose, std::uint64_t number, Verb verb, Timestamp argument) {
  OracleCall call;
  call.tag = (static_cast<std::uint64_t>(purpose) << kPurposeShift) | number;
  call.verb = verb;
  call.argument = argument;
  backend_.ask(call);
}

// ---- reads ----

void OracleClient::ask_alone(std::size_t asker, std::uint64_t id) {
  singles_.emplace(++last_single_, Single{asker, id});
  ask(Purpose::single, last_single_, Verb::read_ts);
}

void OracleClient::send(std::size_t max_in_flight) {
  while (const auto call = batcher_.next(max_in_flight)) {
    ++stats_.batches;
    stats_.batched_ops += call->statements;
    ask(Purpose::batch, call->tag, Verb::read_ts);
  }
}

void OracleClient::deliver() {
  taken_.clear();
  backend_.take_answers(taken_);
  bool timestamps = false;
  for (const OracleAnswer& answer : taken_) {
    if (answer.status == OracleAnswer::Status::fenced) fenced_ = timestamps = true;
    const std::uint64_t number = answer.tag & kNumberMask;
    switch (static_cast<Purpose>(answer.tag >> kPurposeShift)) {
      case Purpose::batch:
        stats_.inner_read_ns.record(answer.took_ns);
        batcher_.end(number, [&](std::size_t asker, std::uint64_t through) { on_read(true, asker, through, answer); });
        break;
      case Purpose::single: {
        const auto found = singles_.find(number);
        GYRE_CHECK(found != singles_.end());
        const Single single = found->second;
        singles_.erase(found);
        on_read(false, single.asker, single.id, answer);
        break;
      }
      case Purpose::write:
        fetching_ = false;
        if (answer.status == OracleAnswer::Status::ok) {
          in_hand_ = std::max(in_hand_.value_or(Timestamp()), answer.timestamp);
          fetched_ns_ = now_ns_;
        }
        timestamps = true;
        break;
      case Purpose::apply:
        applying_ = false;
        if (answer.status == OracleAnswer::Status::ok) {
          applied_ = std::max(applied_, answer.timestamp);
          wanted_since_ns_ = now_ns_;
        }
        timestamps = true;
        break;
    }
  }
  if (timestamps) listener_.on_timestamps();
}

void OracleClient::on_read(bool batch, std::size_t asker, std::uint64_t number, const OracleAnswer& answer) {
  const Held held{answer.timestamp, batch, asker, number};
  if (answer.status != OracleAnswer::Status::ok) return pass_on(held, Outcome::failed);
  if (answer.timestamp < oldest_unpublished_) return pass_on(held, Outcome::read);
  held_.push_back(held);
}

void OracleClient::pass_on(const Held& held, Outcome outcome) {
  if (held.batch)
    listener_.on_batch(held.asker, held.number, outcome);
  else
    listener_.on_single(held.asker, held.number, outcome);
}

void OracleClient::release(Timestamp oldest_unpublished) {
  oldest_unpublished_ = oldest_unpublished;
  if (held_.empty()) return;
  const auto waits = [&](const Held& held) { return held.timestamp >= oldest_unpublished; };
  const auto due = std::stable_partition(held_.begin(), held_.end(), waits);
  const std::vector<Held> released(due, held_.end());
  held_.erase(due, held_.end());
  for (const Held& held : released) pass_on(held, fenced_ ? Outcome::failed : Outcome::read);
}

// ---- commits ----

CommitTimestamps::Supply OracleClient::supply() const {
  if (fenced_) return Supply::refused;
  if (in_hand_) return Supply::ready;
  const OracleHealth health = backend_.health();
  using State = OracleHealth::State;
  if (health.state == State::refused || health.state == State::fenced) return Supply::refused;
  const bool away = health.state == State::unreachable || health.state == State::opening;
  return away && now_ns_ > health.since_ns + kPatienceNs ? Supply::refused : Supply::awaited;
}

std::string OracleClient::why_refused() const {
  const OracleHealth health = backend_.health();
  using State = OracleHealth::State;
  switch (health.state) {
    case State::fenced:
      return "this server is fenced: " + health.sentence;
    case State::unreachable:
    case State::opening:
      return "the timestamp oracle cannot be reached" + (health.sentence.empty() ? "" : ": " + health.sentence);
    case State::refused:
      return "the timestamp oracle cannot be used: " + health.sentence;
    case State::well:
      return "the timestamp oracle did not answer";
  }
  GYRE_UNREACHABLE();
}

Timestamp OracleClient::take() {
  GYRE_CHECK(in_hand_.has_value());
  const Timestamp taken = *in_hand_;
  in_hand_.reset();
  // (One that is on its way already was asked for when `taken` was here, so it is above it.)
  fetch();
  return taken;
}

void OracleClient::fetch() {
  if (fetching_ || fenced_) return;
  fetching_ = true;
  ask(Purpose::write, 0, Verb::write_ts);
}

bool OracleClient::apply_is_late() const {
  return applied_ < wanted_ && now_ns_ > wanted_since_ns_ + kPatienceNs;
}

void OracleClient::apply(Timestamp timestamp) {
  if (wanted_ <= applied_) wanted_since_ns_ = now_ns_;
  wanted_ = std::max(wanted_, timestamp);
  if (applying_ || fenced_ || wanted_ <= applied_) return;
  applying_ = true;
  ask(Purpose::apply, 0, Verb::apply_write, wanted_);
}

void OracleClient::tick(std::uint64_t now_ns) {
  now_ns_ = now_ns;
  if (!in_hand_ || now_ns > fetched_ns_ + kYoungNs) fetch();
  apply(wanted_);
}

}  // namespace gyre::oracle
