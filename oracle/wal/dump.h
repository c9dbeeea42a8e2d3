// A log as text, for people: segments, records, and where and why reading ends.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "reactor/base/ids.h"
#include "reactor/disk.h"

namespace gyre::oracle::wal {

// What a record's body says, in lines that each end with a newline. Called for intact records only.
using DescribeBody = std::function<std::string(std::string_view body)>;

// Calls `print` with line after line. `path`: a log's directory, which is read as recovery would, or one of
// its files, of which all is shown that looks like a record. Returns whether the log is whole: it ends
// cleanly, or with what was never acknowledged.
bool dump(reactor::Disk& disk, const std::string& path, const DescribeBody& describe,
          const std::function<void(std::string_view)>& print);

}  // namespace gyre::oracle::wal
