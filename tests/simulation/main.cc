// simulation [--seeds N] [--from SEED] [--twice]: runs seeds one after the other and prints those that fail,
// and the rate. --twice runs each a second time, which must be the same to the last byte.
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/simulation/simulation.h"

using gyre::simulation::Outcome;
using gyre::simulation::simulate;

int main(int argc, char** argv) {
  std::uint64_t seeds = 1, from = 1;
  bool twice = false;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--twice")
      twice = true;
    else if (flag == "--seeds" && i + 1 < argc)
      seeds = std::strtoull(argv[++i], nullptr, 10);
    else if (flag == "--from" && i + 1 < argc)
      from = std::strtoull(argv[++i], nullptr, 10);
    else
      return std::fprintf(stderr, "usage: simulation [--seeds N] [--from SEED] [--twice]\n"), 64;
  }
  spdlog::set_level(spdlog::level::off);  // servers say much when they begin
  const auto began = std::chrono::steady_clock::now();
  std::uint64_t passed = 0, failed = 0;
  Outcome sum;
  for (std::uint64_t seed = from; seed < from + seeds; ++seed) {
    Outcome outcome = simulate(seed);
    if (twice && outcome.failure.empty() && simulate(seed).transcript != outcome.transcript)
      outcome.failure = "a second run is another";
    ++(outcome.failure.empty() ? passed : failed);
    if (!outcome.failure.empty() && failed <= 20)
      std::printf("seed %llu: %.700s\n", static_cast<unsigned long long>(seed), outcome.failure.c_str());
    sum.committed += outcome.committed, sum.failed += outcome.failed, sum.unknown += outcome.unknown;
    sum.turns += outcome.turns, sum.restarts += outcome.restarts;
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::printf("%.1f seeds/s; %zu transactions committed, %zu failed, %zu unknown; %zu restarts; %zu turns\n",
              static_cast<double>(seeds) / seconds, sum.committed, sum.failed, sum.unknown, sum.restarts,
              sum.turns);
  std::printf("%llu passed, %llu failed\n", static_cast<unsigned long long>(passed),
              static_cast<unsigned long long>(failed));
  return failed == 0 ? 0 : 1;
}
