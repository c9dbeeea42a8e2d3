#include "oracle/local_oracle.h"

#include <algorithm>
#include <ctime>

#include "reactor/base/check.h"
#include "reactor/fail_point.h"

namespace gyre::oracle {

// For showing that nothing depends on how far a clock was set back.
std::uint64_t SystemClock::now_us() {
  if (reactor::fail_point("plant.clock_at_zero")) return 0;
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

LocalOracle::LocalOracle(Clock& clock, Timestamp initially)
    : clock_(clock), read_ts_(initially), write_ts_(initially) {}

// A clock behind the last timestamp gives the next number; it is overtaken in time.
Timestamp LocalOracle::write_ts() {
  GYRE_CHECK(write_ts_ < kTimestampMax);
  write_ts_ = Timestamp(std::max(write_ts_.value + 1, clock_.now_us()));
  return write_ts_;
}

void LocalOracle::apply_write(Timestamp timestamp) {
  read_ts_ = std::max(read_ts_, timestamp);
  write_ts_ = std::max(write_ts_, timestamp);
}

}  // namespace gyre::oracle
