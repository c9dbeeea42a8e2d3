#include "adapter/metrics.h"

#include <chrono>

namespace gyre::adapter {

SpanClock SpanClock::calibrate() {
  using Clock = std::chrono::steady_clock;
  constexpr auto kSpan = std::chrono::milliseconds(5);
  const auto start = Clock::now();
  const std::uint64_t first = ticks();
  while (Clock::now() - start < kSpan) {
  }
  const std::uint64_t last = ticks();
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
  SpanClock clock;
  if (last > first)
    clock.factor_ = static_cast<std::uint64_t>((static_cast<unsigned __int128>(ns) << 32) / (last - first));
  return clock;
}

}  // namespace gyre::adapter
