// Which way of making a write durable is the fastest on this disk: it differs between disks by several times,
// in either direction, so it is measured at start-up.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "reactor/base/result.h"
#include "reactor/disk.h"

namespace gyre::oracle::wal {

struct SyncProbe {
  reactor::WriteThrough chosen = reactor::WriteThrough::none;
  // Of 4 KiB, by WriteThrough; 0: does not work here.
  std::array<std::uint64_t, 3> median_us{};
};

// Writes and removes a file in the directory; takes some tens of milliseconds. Chooses fdatasync where the
// disk is full. The error is a sentence.
Result<SyncProbe, std::string> probe_sync(reactor::Disk& disk, const std::string& directory);

// "fdatasync", "dsync", "direct", as --wal-sync has them.
std::string_view write_through_name(reactor::WriteThrough through);

}  // namespace gyre::oracle::wal
