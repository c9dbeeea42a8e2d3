// What can be varied to find out what it is worth: `--experiment NAME[=VALUE]`, repeatable, for those who
// measure (perf/matrix). Everything here is chosen once, at start, and none of it is promised to stay.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include "reactor/base/result.h"
#include "reactor/uring_backend.h"

namespace gyre::adapter {

struct Experiments {
  reactor::UringOptions uring;
  std::size_t plan_cache_bytes = 32 * 1024 * 1024;  // of each shard; 0: every statement is planned anew
};

// Takes "name" or "name=value". An error is a sentence that names what there is.
Result<std::monostate, std::string> set_experiment(Experiments& experiments, std::string_view assignment);

// A line for each, for --help.
std::string experiment_help();

}  // namespace gyre::adapter
