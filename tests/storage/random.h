// The seed of a random test: GYRE_TEST_SEED replays the one that a failure printed.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>

namespace gyre::test {

inline std::uint64_t seed_or(std::uint64_t fallback) {
  const char* text = std::getenv("GYRE_TEST_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : fallback;
}

using Random = std::mt19937_64;

// 0 .. bound - 1
inline std::uint64_t below(Random& random, std::uint64_t bound) {
  return random() % bound;
}

}  // namespace gyre::test
