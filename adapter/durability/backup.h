// gyre --backup FROM TO: a copy of a data directory that a server can start on, taken whether or not a server
// is running on the original.
#pragma once

#include <string>

#include "reactor/disk.h"

namespace gyre::adapter {

// Makes the directory `to`, which must be new or empty, and copies there the newest checkpoint and the log
// after it. What was answered before the copy began is in it. Prints what it did to standard output, or why
// it failed to standard error; returns the process's exit status.
int back_up(reactor::Disk& disk, const std::string& from, const std::string& to);

}  // namespace gyre::adapter
