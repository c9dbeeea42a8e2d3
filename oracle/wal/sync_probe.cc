// Overwrites blocks that are allocated and written, as the log does. fdatasync is preferred unless another
// way is clearly faster: it writes what a record needs, not whole blocks, and lets lazy records be written
// before they are synced.

#include "oracle/wal/sync_probe.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

namespace gyre::oracle::wal {

using reactor::Disk;
using reactor::WriteThrough;

namespace {

constexpr std::size_t kBytes = 4096;
constexpr std::size_t kBlocks = 32;
constexpr std::size_t kWritesLeast = 3;
constexpr std::chrono::milliseconds kTimeMost{40};  // for each way
constexpr std::uint64_t kClearlyFasterPercent = 85;

struct alignas(reactor::kDirectAlignment) AlignedBlock {
  char bytes[kBytes] = {};
};

// 0: it does not work.
std::uint64_t median_us(Disk& disk, const std::string& path, WriteThrough through) {
  using Clock = std::chrono::steady_clock;
  const auto file = disk.open(path, Disk::Open::write, through);
  if (!file) return 0;
  const auto block = std::make_unique<AlignedBlock>();
  std::vector<std::uint64_t> times;
  const auto deadline = Clock::now() + kTimeMost;
  for (std::size_t i = 0; i < kBlocks && (i < kWritesLeast || Clock::now() < deadline); ++i) {
    block->bytes[0] = static_cast<char>(i + 1);
    const auto begin = Clock::now();
    const auto put = (*file)->write(i * kBytes, {block->bytes, kBytes});
    if (!put || *put != kBytes) return 0;
    if (through == WriteThrough::none && !(*file)->sync()) return 0;
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin).count();
    times.push_back(static_cast<std::uint64_t>(std::max<long>(took, 1)));
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

}  // namespace

std::string_view write_through_name(WriteThrough through) {
  switch (through) {
    case WriteThrough::none:
      return "fdatasync";
    case WriteThrough::dsync:
      return "dsync";
    case WriteThrough::direct:
      return "direct";
  }
  return "";
}

Result<SyncProbe, std::string> probe_sync(Disk& disk, const std::string& directory) {
  const std::string path = directory + "/sync_probe";
  {
    const auto file = disk.open(path, Disk::Open::truncate);
    if (!file) return Unexpected{file.error().message};
    const auto put = write_fully(**file, 0, std::string(kBlocks * kBytes, '\0'));
    if (!put) {
      (void)disk.remove(path);
      if (put.error().no_room()) return SyncProbe{};  // a full disk can still be read
      return Unexpected{put.error().message};
    }
    if (const auto synced = (*file)->sync(); !synced) return Unexpected{synced.error().message};
  }
  SyncProbe probe;
  for (const WriteThrough through : {WriteThrough::none, WriteThrough::dsync, WriteThrough::direct}) {
    const std::uint64_t took = median_us(disk, path, through);
    probe.median_us[static_cast<std::size_t>(through)] = took;
    const std::uint64_t best = probe.median_us[static_cast<std::size_t>(probe.chosen)];
    if (took != 0 && took * 100 < best * kClearlyFasterPercent) probe.chosen = through;
  }
  if (const auto removed = disk.remove(path); !removed) return Unexpected{removed.error().message};
  return probe;
}

}  // namespace gyre::oracle::wal
