// How much memory the process has, as the kernel counts it: data, plans, buffers and statements of all cores.
// Each core that wants to know has an object of its own.
#pragma once

#include <cstdint>

namespace gyre::adapter {

class ProcessMemory {
 public:
  // `limit` in bytes of resident memory; 0: none.
  explicit ProcessMemory(std::uint64_t limit);
  ProcessMemory(const ProcessMemory&) = delete;
  ProcessMemory& operator=(const ProcessMemory&) = delete;
  ~ProcessMemory();

  // When the next look is due, on the clock that look() is given; UINT64_MAX: never.
  std::uint64_t next_look_ns() const { return next_look_ns_; }
  // Looks, if that is due. True: there is more than the limit. Between two looks a core can take some megabytes
  // more.
  bool is_short(std::uint64_t now_ns);

 private:
  const std::uint64_t limit_;
  int statm_ = -1;  // /proc/self/statm
  std::uint64_t next_look_ns_ = UINT64_MAX;
  bool short_ = false;
};

// Four fifths of what this machine, or the control group that we run in, has; 0: unknown.
std::uint64_t default_memory_limit();

}  // namespace gyre::adapter
