// The seed of a random test: GYRE_TEST_SEED when set, to replay a failure; fixed otherwise.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

namespace gyre::test {

inline std::uint64_t test_seed(std::uint64_t fallback) {
  const char* text = std::getenv("GYRE_TEST_SEED");
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

inline std::string seed_note(std::uint64_t seed) {
  return "replay with GYRE_TEST_SEED=" + std::to_string(seed);
}

}  // namespace gyre::test
