#include "adapter/read_timestamps.h"

#include <utility>

namespace gyre::adapter {

void ReadTimestamps::wait(OracleTicket& ticket, ReadMode mode) {
  ticket.since_ = SpanClock::ticks();
  if (mode == ReadMode::direct) {
    if (++last_id_ == 0) ++last_id_;
    ticket.id_ = last_id_;
    singles_.emplace(ticket.id_, &ticket);
    return way_.single(ticket.id_);
  }
  ticket.number_ = ++asked_;
  waiting_.push_back(ticket);
  if (unsent_++ == 0) loop_.post(*this);
}

void ReadTimestamps::run() {
  if (unsent_ != 0) way_.batch(std::exchange(unsent_, 0));
}

void ReadTimestamps::forget(OracleTicket& ticket) {
  if (ticket.linked()) ticket.unlink();
  if (ticket.id_ != 0) singles_.erase(ticket.id_);
}

void ReadTimestamps::on_batch(std::uint64_t through, const std::string& failure) {
  while (!waiting_.empty() && waiting_.front().number_ <= through) {
    OracleTicket& ticket = waiting_.front();
    ticket.unlink();
    answer(ticket, failure);
  }
}

void ReadTimestamps::on_single(std::uint32_t id, const std::string& failure) {
  const auto found = singles_.find(id);
  if (found == singles_.end()) return;  // canceled meanwhile
  OracleTicket& ticket = *found->second;
  singles_.erase(found);
  answer(ticket, failure);
}

void ReadTimestamps::answer(OracleTicket& ticket, const std::string& failure) {
  wait_ns_.record(clock_.nanoseconds(ticket.since_, SpanClock::ticks()));
  ticket.failure = failure;
  ticket.answered.set();
}

}  // namespace gyre::adapter
