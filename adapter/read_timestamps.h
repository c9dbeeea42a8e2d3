// Statements of one shard that wait for the oracle to say at which timestamp they may read.
//
// Those that have gathered by the end of a turn go to the oracle core as one number, and one message answers all
// of them that a call served. Sending is what fixes the order: a statement is counted only after its
// message had arrived here, and a call covers only what was counted when it was sent (oracle/read_batcher.h).
// `direct` instead sends each statement by itself, for a call of its own, to show what that costs.
//
// Owned by its shard.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>

#include "adapter/metrics.h"
#include "reactor/intrusive_list.h"
#include "reactor/loop.h"
#include "reactor/run_queue.h"
#include "reactor/task.h"

namespace gyre::adapter {

// ts_oracle_read_mode
enum class ReadMode : std::uint8_t {
  published,  // the newest published state is the newest there is: nobody is asked
  batched,
  direct,
};

// One statement's wait; lives in its coroutine.
class OracleTicket : public reactor::ListHook<OracleTicket> {
 public:
  explicit OracleTicket(reactor::Loop& loop) : answered(loop) {}
  reactor::Event answered;
  std::string failure;  // a sentence; empty: it may read what is published now

 private:
  friend class ReadTimestamps;
  std::uint64_t number_ = 0;  // of `batched`: how many had asked, this one included
  std::uint32_t id_ = 0;      // of `direct`; 0: batched
  std::uint64_t since_ = 0;   // ticks
};

class ReadTimestamps final : private reactor::Task {
 public:
  // To the oracle core: so many more statements wait; or one does, and wants a call of its own.
  struct Way {
    std::function<void(std::uint32_t statements)> batch;
    std::function<void(std::uint32_t id)> single;
  };
  ReadTimestamps(reactor::Loop& loop, const SpanClock& clock, Way way)
      : loop_(loop), clock_(clock), way_(std::move(way)) {}
  ReadTimestamps(const ReadTimestamps&) = delete;
  ReadTimestamps& operator=(const ReadTimestamps&) = delete;

  void wait(OracleTicket& ticket, ReadMode mode);
  // It does not wait any more, if it still did.
  void forget(OracleTicket& ticket);
  // From the oracle core. A failure is a sentence; empty: none.
  void on_batch(std::uint64_t through, const std::string& failure);
  void on_single(std::uint32_t id, const std::string& failure);

  const Histogram& wait_ns() const { return wait_ns_; }

 private:
  void run() override;  // at the end of the turn
  void answer(OracleTicket& ticket, const std::string& failure);

  reactor::Loop& loop_;
  const SpanClock& clock_;
  const Way way_;
  reactor::IntrusiveList<OracleTicket> waiting_;  // batched, by number
  std::unordered_map<std::uint32_t, OracleTicket*> singles_;
  std::uint64_t asked_ = 0;
  std::uint32_t unsent_ = 0;
  std::uint32_t last_id_ = 0;
  Histogram wait_ns_;
};

}  // namespace gyre::adapter
