// gyre --check-data DIR: reads everything that recovery could need, without changing it, and says whether it
// is in order.
#pragma once

#include <string>
#include <vector>

#include "reactor/disk.h"
#include "storage/database.h"

namespace gyre::adapter {

// What is wrong with the trees of a database, one sentence each: keys that are not their rows', index entries
// that no row has, rows without their entry. At most some dozens.
std::vector<std::string> find_faults(const storage::Database& database);

// Prints to standard output what was found, and to standard error what is wrong. Returns the process's exit
// status: 0, or one of start_error.h.
int check_data(reactor::Disk& disk, const std::string& directory);

}  // namespace gyre::adapter
