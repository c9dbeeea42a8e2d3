// How far what has been shown may be ahead of what is durable.
//
// A lazy batch is published, and its timestamp shown, before its record is durable. Should a crash take it,
// its timestamp must not be given again, wherever the wall clock stands then. So nothing is published beyond
// the window behind the newest durable commit, unless it is durable itself, and a server begins at the end of
// the window behind the newest commit that it recovers:
//
//      newest durable         window_end()
//     ───────┼──────────────────────┼────────────────► timestamps
//            │  may have been shown │  shown once durable
//
// The bound needs no record of its own, to be written ahead of need and kept with each checkpoint: it follows
// from the newest durable timestamp, which every write of the log moves.
#pragma once

#include <cstdint>

#include "reactor/base/ids.h"

namespace gyre::oracle {

// Part of the data directory's format: what writes with one window must not be recovered with a shorter one.
// Longer than a lazy record takes to become durable, so that under load nobody waits.
inline constexpr std::uint64_t kTimestampWindowUs = 5'000'000;

// `durable`: the newest durable commit's.
constexpr Timestamp window_end(Timestamp durable) {
  return Timestamp(durable.value + kTimestampWindowUs);
}

}  // namespace gyre::oracle
