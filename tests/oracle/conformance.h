// What any oracle owes its clients, as a checker that watches reads and writes from several threads:
//
//   a read's timestamp is at least that of every write answered before the read arrived;
//   it is never below one that any read had returned before it arrived;
//   a write is visible as soon as it is answered (the first rule, for the writer itself at once).
//
// The checker notes before each call what had been answered and seen by then, and compares afterwards.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "reactor/base/ids.h"

namespace gyre::test {

// A client's view of an oracle: both calls return when the answer is there.
struct OracleClient {
  std::function<Timestamp()> read;
  std::function<Timestamp()> write;
};

class OracleChecker {
 public:
  // Each does one call and checks its answer. Any thread.
  void read(const OracleClient& client) {
    const std::uint64_t answered = answered_.load();
    const std::uint64_t seen = seen_.load();
    const std::uint64_t timestamp = client.read().value;
    if (timestamp < answered) fault("a read missed an answered write");
    if (timestamp < seen) fault("a read went back in time");
    raise(seen_, timestamp);
  }
  void write(const OracleClient& client) {
    const std::uint64_t answered = answered_.load();
    const std::uint64_t seen = seen_.load();
    const std::uint64_t timestamp = client.write().value;
    if (timestamp <= answered) fault("a write got the timestamp of an answered one");
    if (timestamp <= seen) fault("a write came below what a read had seen");
    raise(answered_, timestamp);
  }

  std::uint64_t faults() const { return faults_.load(); }
  std::string first_fault() const {
    const char* what = first_fault_.load();
    return what == nullptr ? "none" : what;
  }

 private:
  static void raise(std::atomic<std::uint64_t>& mark, std::uint64_t value) {
    std::uint64_t current = mark.load();
    while (current < value && !mark.compare_exchange_weak(current, value)) {
    }
  }
  void fault(const char* what) {
    const char* none = nullptr;
    first_fault_.compare_exchange_strong(none, what);
    ++faults_;
  }

  std::atomic<std::uint64_t> answered_{0};
  std::atomic<std::uint64_t> seen_{0};
  std::atomic<std::uint64_t> faults_{0};
  std::atomic<const char*> first_fault_{nullptr};
};

}  // namespace gyre::test
