// One seed, one world: how many shards and clients, at which isolation level, with which faults of network
// and disk, and every interleaving. Clients append to lists and read them; what they saw is judged by the
// consistency checker.
#pragma once

#include <cstdint>
#include <string>

namespace gyre::simulation {

struct Outcome {
  std::string failure;           // empty: all was well
  std::uint64_t transcript = 0;  // of everything that clients received
  std::size_t committed = 0, failed = 0, unknown = 0;
  std::size_t turns = 0;
  std::size_t restarts = 0;
};

Outcome simulate(std::uint64_t seed);

}  // namespace gyre::simulation
