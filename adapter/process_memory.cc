#include "adapter/process_memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

namespace gyre::adapter {

namespace {

constexpr std::uint64_t kEveryNs = 10'000'000;

std::uint64_t page_bytes() {
  static const auto bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace

ProcessMemory::ProcessMemory(std::uint64_t limit) : limit_(limit) {
  if (limit == 0) return;
  statm_ = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  next_look_ns_ = 0;
}

ProcessMemory::~ProcessMemory() {
  if (statm_ >= 0) ::close(statm_);
}

bool ProcessMemory::is_short(std::uint64_t now_ns) {
  if (now_ns < next_look_ns_) return short_;
  next_look_ns_ = now_ns + kEveryNs;
  char text[128];
  const ssize_t size = ::pread(statm_, text, sizeof text - 1, 0);
  if (size <= 0) return short_;
  text[size] = '\0';
  if (const char* const resident = std::strchr(text, ' '))
    short_ = std::strtoull(resident, nullptr, 10) * page_bytes() > limit_;
  return short_;
}

std::uint64_t default_memory_limit() {
  std::uint64_t bytes = static_cast<std::uint64_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES))) * page_bytes();
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::string word;
    if (!(std::ifstream(path) >> word)) continue;
    const std::uint64_t limit = std::strtoull(word.c_str(), nullptr, 10);  // "max": 0
    if (limit != 0 && (bytes == 0 || limit < bytes)) bytes = limit;
  }
  return bytes / 5 * 4;
}

}  // namespace gyre::adapter
