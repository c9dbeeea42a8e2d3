// The oracle core's dealings with a remote oracle: reads for all shards, one timestamp fetched ahead for the next
// commit, and what has been applied.
//
// A read's answer is passed on once everything that this server committed up to its timestamp is published,
// so whoever then loads the published state reads at that timestamp or above. What another server committed is not
// there, but then this one is fenced, and the answer says that instead.
//
// Owned by the oracle core, but for the backend's own thread.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "oracle/commit_timestamps.h"
#include "oracle/read_batcher.h"
#include "oracle/remote_oracle.h"
#include "reactor/base/histogram.h"

namespace gyre::oracle {

struct OracleClientStats {
  std::uint64_t batched_ops = 0, batches = 0;  // statements that batched calls covered, and these calls
  Histogram inner_read_ns;                     // a batched call, asked to answered
};

class OracleClient final : public CommitTimestamps {
 public:
  enum class Outcome : std::uint8_t { read, failed };  // why: refusal()
  class Listener {
   public:
    // The asker's statements of arrive(), up to the one of this number.
    virtual void on_batch(std::size_t asker, std::uint64_t through, Outcome outcome) = 0;
    // What ask_alone() was given.
    virtual void on_single(std::size_t asker, std::uint64_t id, Outcome outcome) = 0;
    // supply() or applied() may have changed.
    virtual void on_timestamps() = 0;

   protected:
    ~Listener() = default;
  };

  OracleClient(RemoteOracle& backend, std::size_t askers, Listener& listener)
      : backend_(backend), listener_(listener), batcher_(askers) {}
  OracleClient(const OracleClient&) = delete;
  OracleClient& operator=(const OracleClient&) = delete;

  // So many more statements of the asker want a timestamp: with the next batched call.
  void arrive(std::size_t asker, std::uint64_t statements) { batcher_.arrive(asker, statements); }
  // One statement wants a call of its own.
  void ask_alone(std::size_t asker, std::uint64_t id);
  // Sends batched calls while there is something to ask. After all arrivals of a turn.
  void send(std::size_t max_in_flight);
  // Takes in what the backend has answered.
  void deliver();
  // All that this server committed below this is published: answers are given that waited for that.
  // kTimestampMax: nothing is under way.
  void release(Timestamp oldest_unpublished);
  // Several times a second: asks for what it has not got, and keeps the timestamp in hand young.
  void tick(std::uint64_t now_ns);

  Supply supply() const override;
  std::string why_refused() const override;
  Timestamp take() override;
  void apply(Timestamp timestamp) override;
  Timestamp applied() const override { return applied_; }

  // Whether what is durable has waited for long to be applied.
  bool apply_is_late() const;
  bool fenced() const override { return fenced_; }
  bool shared() const override { return true; }
  OracleHealth health() const { return backend_.health(); }
  const OracleClientStats& stats() const { return stats_; }

 private:
  // What a call was for, in the highest byte of its tag.
  enum class Purpose : std::uint8_t { batch = 1, single, write, apply };
  struct Single {
    std::size_t asker;
    std::uint64_t id;
  };
  struct Held {
    Timestamp timestamp;
    bool batch;
    std::size_t asker;
    std::uint64_t number;
  };

  void ask(Purpose purpose, std::uint64_t number, Verb verb, Timestamp argument = {});
  void on_read(bool batch, std::size_t asker, std::uint64_t number, const OracleAnswer& answer);
  void pass_on(const Held& held, Outcome outcome);
  void fetch();

  RemoteOracle& backend_;
  Listener& listener_;
  ReadBatcher batcher_;
  std::unordered_map<std::uint64_t, Single> singles_;  // by tag's number
  std::uint64_t last_single_ = 0;
  std::vector<Held> held_;
  Timestamp oldest_unpublished_ = kTimestampMax;
  std::optional<Timestamp> in_hand_;
  std::uint64_t fetched_ns_ = 0;
  bool fetching_ = false;
  std::uint64_t now_ns_ = 0;
  Timestamp wanted_, applied_;  // applied_ <= wanted_
  std::uint64_t wanted_since_ns_ = 0;  // while they differ
  bool applying_ = false;
  bool fenced_ = false;
  std::vector<OracleAnswer> taken_;
  OracleClientStats stats_;
};

}  // namespace gyre::oracle
