#include "reactor/wake_flag.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "reactor/base/check.h"

namespace gyre::reactor {

WakeFlag::WakeFlag() : event_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  GYRE_CHECK(event_fd_ >= 0);
}

WakeFlag::~WakeFlag() {
  ::close(event_fd_);
}

bool WakeFlag::wake_slowly() {
  // Of several senders that see the same sleeper, the one that takes the flag down wakes it.
  if (sleeping_.exchange(0, order::kClaim) == 0) return false;
  wake();
  return true;
}

void WakeFlag::wake() {
  // Every write is an edge to the poller, which therefore never reads the counter; that it might fill up
  // (after 2^64 wakes) needs no thought.
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event_fd_, &one, sizeof one);
}

}  // namespace gyre::reactor
