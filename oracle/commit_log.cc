#include "oracle/commit_log.h"

namespace gyre::oracle {

Acceptance MemoryCommitLog::append(std::string_view record, Timestamp timestamp, Urgency,
                                   LogCompletion done) {
  if (keep_ == Keep::records) records_.push_back({timestamp, std::string(record)});
  if (acknowledge_ == Acknowledge::at_once)
    done(Durability::durable);
  else
    waiting_.push_back(done);
  return acceptance_;
}

bool MemoryCommitLog::complete_one(Durability outcome) {
  if (waiting_.empty()) return false;
  const LogCompletion done = waiting_.front();
  waiting_.pop_front();
  done(outcome);
  return true;
}

}  // namespace gyre::oracle
