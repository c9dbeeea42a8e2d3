// An oracle in another process: the four verbs as calls that are answered later, in any order.
//
// A timeline has one owner at a time. Opening it raises its epoch, and from then on the backend refuses the
// verbs of every earlier epoch: that server is fenced, for good. Every read carries the epoch back as well, so
// a server that has been fenced finds out with its next read, before anything is answered from it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "reactor/base/histogram.h"
#include "reactor/base/ids.h"

namespace gyre::oracle {

enum class Verb : std::uint8_t { write_ts, peek_write_ts, read_ts, apply_write, count_ };
inline constexpr std::size_t kVerbs = static_cast<std::size_t>(Verb::count_);
const char* verb_name(Verb verb);  // "write_ts"

struct OracleCall {
  std::uint64_t tag = 0;  // the asker's, given back with the answer
  Verb verb = Verb::read_ts;
  Timestamp argument;  // of apply_write
};

struct OracleAnswer {
  enum class Status : std::uint8_t {
    ok,
    failed,  // health() says why; nothing happened, or it is not known what
    fenced,  // another server has taken the timeline over
  };
  std::uint64_t tag = 0;
  Verb verb = Verb::read_ts;
  Status status = Status::ok;
  Timestamp timestamp;          // of apply_write: its argument
  std::uint64_t took_ns = 0;  // from ask() to the answer, retries included
};

struct OracleHealth {
  enum class State : std::uint8_t {
    opening,      // not reached yet
    well,
    unreachable,  // calls wait, and are tried again
    refused,      // the backend can be talked to and does not do what is asked: calls fail until it does
    fenced,       // calls fail for good
  };
  State state = State::opening;
  std::uint64_t since_ns = 0;  // steady clock
  std::string sentence;        // why, where it is not well
};

struct RemoteOracleStats {
  struct Operation {
    std::uint64_t started = 0, succeeded = 0, failed = 0;  // calls
    std::uint64_t ns = 0;                                  // of all that have ended
    std::uint64_t retried = 0;        // calls that needed another attempt
    std::uint64_t retried_ended = 0;  // of these, calls that have ended
    std::uint64_t retries = 0;        // attempts beyond the first
    std::uint64_t retry_sleep_ns = 0;
  };
  std::array<Operation, kVerbs> operations;
  Histogram get_connection_ns, query_one_ns;  // phases of read_ts
  // The pool.
  std::uint64_t size = 0, available = 0;  // gauges
  std::uint64_t acquires = 0, acquire_ns = 0, connections_created = 0, connection_errors = 0;
};

class RemoteOracle {
 public:
  virtual ~RemoteOracle() = default;

  // Any thread. Cheap: it is only put in line.
  virtual void ask(const OracleCall& call) = 0;
  // The asker's.
  virtual bool has_answers() const = 0;
  virtual void take_answers(std::vector<OracleAnswer>& into) = 0;  // appends
  // Any thread.
  virtual OracleHealth health() const = 0;
  virtual RemoteOracleStats stats() const = 0;
  // The timeline's read timestamp when it was opened; 0: it has not been yet.
  virtual Timestamp opened_at() const = 0;
};

}  // namespace gyre::oracle
