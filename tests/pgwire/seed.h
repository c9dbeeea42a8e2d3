// The seed of a random test: new in every run, printed when the test fails, and given back by GYRE_TEST_SEED.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

namespace gyre::test {

inline std::uint64_t test_seed() {
  if (const char* given = std::getenv("GYRE_TEST_SEED")) return std::strtoull(given, nullptr, 10);
  return std::random_device{}();
}

inline std::string seed_note(std::uint64_t seed) {
  return "replay with GYRE_TEST_SEED=" + std::to_string(seed);
}

// A number in [0, bound).
inline std::size_t below(std::mt19937_64& random, std::size_t bound) {
  return random() % bound;
}

}  // namespace gyre::test
