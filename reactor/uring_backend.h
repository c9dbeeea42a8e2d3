// The backend over io_uring: multishot accept and receive into provided buffers, one io_uring_enter per turn.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "reactor/backend.h"
#include "reactor/base/result.h"

namespace gyre::reactor {

struct UringOptions {
  std::uint32_t submission_entries = 1024;    // rounded up to a power of two by the kernel
  std::uint32_t completion_entries = 8192;    // multishot operations complete in bursts
  std::uint32_t receive_buffer_size = 4096;   // bytes; at most what one on_data() call carries
  std::uint32_t receive_buffer_count = 1024;  // a power of two, at most 32768
};

// Why there is no ring. `reason` is a sentence for the log that names the sysctl or container setting to
// change.
struct RingError {
  int error = 0;  // errno
  std::string reason;
};

// Must be called on the thread that will run the loop: the ring accepts submissions from no other.
Result<std::unique_ptr<Backend>, RingError> make_uring_backend(const UringOptions& options = {});

// Tries a small ring and gives it up at once; for start-up, before threads exist. Returns what the kernel
// offers, for --version.
Result<std::string, RingError> probe_uring();

}  // namespace gyre::reactor
