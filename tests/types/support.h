// What the tests of types share: text in, text or complaint out; a seed that a failure prints.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>
#include <string_view>

#include "storage/failure.h"
#include "storage/type.h"

namespace gyre::storage::test {

inline std::string shown(TypeId id, Datum value, const TextStyle& style = {}) {
  OutBuffer out;
  traits(id).print(value, style, out);
  return std::string(out.view());
}

// Parses, fits to the modifier and prints; the message where that fails.
inline std::string read_and_shown(Type type, std::string_view text, const TextStyle& style = {}) {
  Arena arena;
  const TypeTraits& of = traits(type);
  try {
    Datum value = of.parse(text, style, arena);
    if (type.typmod >= 0 && of.apply_typmod != nullptr)
      value = of.apply_typmod(value, type.typmod, false, arena);
    return shown(type.id, value, style);
  } catch (const Failure& failure) {
    return failure.message;
  }
}

// GYRE_TEST_SEED replays a run.
inline std::uint64_t test_seed() {
  const char* given = std::getenv("GYRE_TEST_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

}  // namespace gyre::storage::test
