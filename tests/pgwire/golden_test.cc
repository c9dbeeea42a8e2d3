// Conversations from bytes to bytes: as text files that can rewrite themselves (GYRE_REWRITE=1), and fed in
// every split, since what a server answers may never depend on how the network cut the question.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/pgwire/conversation.h"
#include "tests/pgwire/echo_server.h"
#include "tests/pgwire/seed.h"

namespace gyre::test {
namespace {

struct Outcome {
  std::string answers;
  std::vector<std::string> events;
  bool operator==(const Outcome&) const = default;
};

// `cut(left)` says how many of the bytes left are fed next.
template <class Cut>
Outcome feed(std::string_view bytes, Cut cut) {
  EchoServer server;
  while (!bytes.empty()) {
    const std::size_t count = std::clamp<std::size_t>(cut(bytes.size()), 1, bytes.size());
    // An exact copy, so that a sanitizer sees any look at bytes that were not fed.
    const std::vector<char> piece(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
    server.receive(piece);
    bytes.remove_prefix(count);
  }
  return {std::string(server.out().view()), server.events()};
}

Outcome whole(std::string_view bytes) {
  return feed(bytes, [](std::size_t left) { return left; });
}

TEST(Golden, FilesSayWhatHappens) {
  const bool rewrite = std::getenv("GYRE_REWRITE") != nullptr;
  ASSERT_FALSE(golden_files().empty());
  for (const auto& path : golden_files()) {
    const std::string expected = read_file(path);
    const std::string played = play(expected);
    if (rewrite)
      std::ofstream(path, std::ios::binary) << played;
    else
      EXPECT_EQ(expected, played) << path << "\nGYRE_REWRITE=1 writes the file anew";
  }
}

TEST(Golden, EverySplitInTwoIsAnsweredAlike) {
  for (const auto& path : golden_files()) {
    const std::string bytes = client_bytes(read_file(path));
    const Outcome expected = whole(bytes);
    for (std::size_t split = 1; split < bytes.size(); ++split) {
      bool first = true;
      const Outcome got =
          feed(bytes, [&](std::size_t left) { return std::exchange(first, false) ? split : left; });
      ASSERT_EQ(expected.answers, got.answers) << path << " split at " << split;
      ASSERT_EQ(expected.events, got.events) << path << " split at " << split;
    }
  }
}

TEST(Golden, ByteByByteIsAnsweredAlike) {
  for (const auto& path : golden_files()) {
    const std::string bytes = client_bytes(read_file(path));
    EXPECT_EQ(whole(bytes), feed(bytes, [](std::size_t) { return 1; })) << path;
  }
}

TEST(Golden, RandomSplitsAreAnsweredAlike) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE(seed_note(seed));
  std::mt19937_64 random(seed);
  for (const auto& path : golden_files()) {
    const std::string bytes = client_bytes(read_file(path));
    const Outcome expected = whole(bytes);
    for (int round = 0; round < 100; ++round) {
      const std::size_t most = 1 + below(random, 60);
      ASSERT_EQ(expected, feed(bytes, [&](std::size_t) { return 1 + below(random, most); })) << path;
    }
  }
}

}  // namespace
}  // namespace gyre::test
