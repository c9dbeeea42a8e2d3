#include "reactor/pin.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace gyre::reactor {

namespace {

// A number below CPU_SETSIZE, or -1.
int parse_core(std::string_view text) {
  int core = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), core);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && core >= 0 && core < CPU_SETSIZE ? core : -1;
}

}  // namespace

Result<std::vector<int>, std::string> parse_core_list(std::string_view text) {
  const std::string whole(text);
  std::vector<int> cores;
  for (bool more = true; more;) {
    const auto comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    more = comma != std::string_view::npos;
    text.remove_prefix(more ? comma + 1 : text.size());
    const auto dash = part.find('-');
    const int first = parse_core(part.substr(0, dash));
    const int last = dash == std::string_view::npos ? first : parse_core(part.substr(dash + 1));
    if (first < 0 || last < first)
      return Unexpected{"\"" + whole + "\" is not a list of cores such as 0-3,6"};
    for (int core = first; core <= last; ++core) cores.push_back(core);
  }
  std::sort(cores.begin(), cores.end());
  cores.erase(std::unique(cores.begin(), cores.end()), cores.end());
  return cores;
}

std::vector<int> available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(static_cast<std::size_t>(core), &set)) cores.push_back(core);
  }
  return cores;
}

Result<int, std::string> pin_thread(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(core), &set);
  if (const int error = ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set); error != 0)
    return Unexpected{"cannot pin a thread to core " + std::to_string(core) + ": " + std::strerror(error)};
  return core;
}

void unpin_thread() {
  cpu_set_t set;
  if (::sched_getaffinity(::getpid(), sizeof set, &set) == 0)
    ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

void name_thread(std::string_view name) {
  ::pthread_setname_np(::pthread_self(), std::string(name.substr(0, 15)).c_str());
}

}  // namespace gyre::reactor
