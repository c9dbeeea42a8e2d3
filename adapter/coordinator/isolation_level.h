// How much of other transactions a transaction block may see; what a call to the oracle core says of its
// block.
#pragma once

#include <cstdint>

namespace gyre::adapter {

enum class IsolationLevel : std::uint8_t {
  read_committed,   // each statement its own snapshot; rows that it changes are locked; READ UNCOMMITTED, too
  repeatable_read,  // one snapshot; changed rows are validated at COMMIT
  serializable,     // one snapshot; rows and ranges that were read are validated as well
  strict_serializable,  // the same, and in the order of real time
};

// Whether every statement sees what was committed before it began.
constexpr bool reads_anew(IsolationLevel level) {
  return level == IsolationLevel::read_committed;
}

// Whether COMMIT looks again at all that was read, not only at what constraints rely on.
constexpr bool validates_reads(IsolationLevel level) {
  return level >= IsolationLevel::serializable;
}

}  // namespace gyre::adapter
