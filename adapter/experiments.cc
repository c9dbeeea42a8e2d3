#include "adapter/experiments.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdint>

namespace gyre::adapter {

namespace {

constexpr std::uint32_t kNoValue = 0;

// One experiment: with `most` == 0 it takes no value, otherwise a number of `least` to `most`.
struct Experiment {
  std::string_view name;
  std::string_view value;  // as --help shows it
  std::string_view text;
  std::uint32_t least, most;
  void (*set)(Experiments&, std::uint32_t);
};

constexpr Experiment kExperiments[] = {
    {"single-shot-receive", "", "a receive is asked for anew each time", 0, kNoValue,
     [](Experiments& e, std::uint32_t) { e.uring.multishot_receive = false; }},
    {"interrupting-completions", "", "the kernel works completions off when it likes, not in our enters", 0,
     kNoValue, [](Experiments& e, std::uint32_t) { e.uring.deferred_completions = false; }},
    {"completions-per-turn", "N",
     "ask again until a turn has so many (256; over unix sockets 32); 1: ask once", 1, 65536,
     [](Experiments& e, std::uint32_t n) {
       e.uring.completions_per_turn = e.uring.completions_per_turn_local = n;
     }},
    {"receive-buffer-size", "BYTES", "of each receive buffer (4096)", 64, 1u << 20,
     [](Experiments& e, std::uint32_t n) { e.uring.receive_buffer_size = n; }},
    {"receive-buffers", "N", "receive buffers of a core, a power of two (1024)", 1, 32768,
     [](Experiments& e, std::uint32_t n) { e.uring.receive_buffer_count = std::bit_ceil(n); }},
    {"registered-files", "N", "descriptors below N are registered with the ring", 1, 1u << 20,
     [](Experiments& e, std::uint32_t n) { e.uring.registered_files = n; }},
    {"direct-sends", "", "send(2) instead of the ring", 0, kNoValue,
     [](Experiments& e, std::uint32_t) { e.uring.direct_sends = true; }},
    {"send-size", "BYTES", "most bytes of one send; an answer's length: each answer is sent alone", 1,
     1u << 30, [](Experiments& e, std::uint32_t n) { e.uring.most_sent_at_once = n; }},
    {"plan-cache-bytes", "BYTES", "of each shard (32 MiB); 0: every statement is planned anew", 0, 1u << 30,
     [](Experiments& e, std::uint32_t n) { e.plan_cache_bytes = n; }},
};

std::string names() {
  std::string text;
  for (const Experiment& one : kExperiments) text += fmt::format("{}{}", text.empty() ? "" : ", ", one.name);
  return text;
}

}  // namespace

Result<std::monostate, std::string> set_experiment(Experiments& experiments, std::string_view assignment) {
  const std::size_t equals = std::min(assignment.find('='), assignment.size());
  const std::string_view name = assignment.substr(0, equals);
  const auto* const found = std::find_if(std::begin(kExperiments), std::end(kExperiments),
                                         [&](const Experiment& one) { return one.name == name; });
  if (found == std::end(kExperiments))
    return Unexpected{fmt::format("there is no experiment \"{}\"; there are {}", name, names())};
  if (found->most == kNoValue) {
    if (equals != assignment.size()) return Unexpected{fmt::format("{} takes no value", name)};
    found->set(experiments, 0);
    return std::monostate{};
  }
  std::uint32_t number = 0;
  const char* const end = assignment.data() + assignment.size();
  const char* const begin = assignment.data() + std::min(equals + 1, assignment.size());
  const auto [stop, error] = std::from_chars(begin, end, number);
  if (error != std::errc() || stop != end || number < found->least || number > found->most)
    return Unexpected{fmt::format("{}: expected a number from {} to {}", name, found->least, found->most)};
  found->set(experiments, number);
  return std::monostate{};
}

std::string experiment_help() {
  std::string text = "Experiments, for measuring (perf/matrix):";
  for (const Experiment& one : kExperiments) {
    const std::string shown = fmt::format("{}{}{}", one.name, one.value.empty() ? "" : "=", one.value);
    text += fmt::format("\n  {:<34}  {}", shown, one.text);
  }
  return text;
}

}  // namespace gyre::adapter
