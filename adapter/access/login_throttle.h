// Makes guessing slow: each failed login of an address is answered later than the one before, up to a bound;
// an hour's quarter without failures and it is forgotten. Only the answer to a failure waits, on a timer of
// its own: nobody else does, and neither do right passwords from the same address.
//
// One per shard, and all hear of each other's failures, so that nothing is gained by connecting to many cores:
// a figure is right up to the messages that are on their way. Keys are hashes of addresses: two with one hash
// share their delays. Bounded: when the table is full, the address that failed longest ago goes.
#pragma once

#include <cstdint>
#include <list>
#include <unordered_map>

#include "adapter/access/ip_address.h"

namespace gyre::adapter {

class LoginThrottle {
 public:
  static constexpr std::size_t kMostAddresses = 4096;
  static constexpr std::uint64_t kFirstDelayUs = 20'000;
  static constexpr std::uint64_t kForgetUs = 15 * 60'000'000ull;

  // 0 for `most_delay_us` switches it off.
  explicit LoginThrottle(std::uint64_t most_delay_us) : most_delay_us_(most_delay_us) {}

  // Counts a failure, here or on another core; how long its answer is to wait.
  std::uint64_t on_failure(std::uint32_t address, std::uint64_t now_us);
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint32_t failures = 0;
    std::uint64_t last_us = 0;
    std::list<std::uint32_t>::iterator place;
  };

  const std::uint64_t most_delay_us_;
  std::unordered_map<std::uint32_t, Entry> entries_;
  std::list<std::uint32_t> by_age_;  // failed longest ago first
};

// A whole IPv6 network (/64) is one customer: the address that limits count by.
IpAddress counted_address(const IpAddress& address);

}  // namespace gyre::adapter
