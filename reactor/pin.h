// Threads and processors.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reactor/base/result.h"

namespace gyre::reactor {

// "0-3,6" → {0, 1, 2, 3, 6}: kernel processor numbers, ascending, without repetition.
Result<std::vector<int>, std::string> parse_core_list(std::string_view text);

// Processors that this process may run on (its affinity mask), ascending.
std::vector<int> available_cores();

// Binds the calling thread to one processor. An error is a sentence.
Result<int, std::string> pin_thread(int core);

// Lets the calling thread, which has what its maker was bound to, run wherever the main thread may.
void unpin_thread();

// Up to 15 bytes are kept; shown by ps -L, top and perf.
void name_thread(std::string_view name);

}  // namespace gyre::reactor
