// The backend over io_uring: multishot accept and receive into provided buffers, one io_uring_enter per turn.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "reactor/backend.h"
#include "reactor/base/result.h"

namespace gyre::reactor {

// The second half is for experiments: what measuring has settled is the default.
struct UringOptions {
  std::uint32_t submission_entries = 1024;    // rounded up to a power of two by the kernel
  std::uint32_t completion_entries = 8192;    // multishot operations complete in bursts
  std::uint32_t receive_buffer_size = 4096;   // bytes; at most what one on_data() call carries
  std::uint32_t receive_buffer_count = 1024;  // a power of two, at most 32768

  bool multishot_receive = true;     // where the kernel has it
  bool deferred_completions = true;  // worked off in our own enters only, where the kernel can
  // While enters come back nearly full and fewer completions than so many are there, a turn enters again; 1:
  // it does not. The second is for cores most of whose streams are unix sockets. See ring.cc.
  std::uint32_t completions_per_turn = 256;
  std::uint32_t completions_per_turn_local = 32;
  std::uint32_t registered_files = 0;          // descriptors below this are known to the ring; 0: none is
  bool direct_sends = false;                   // send(2) first, the ring for what does not fit
  std::uint32_t most_sent_at_once = 1u << 30;  // bytes; the kernel takes at most 2 GiB - 4 KiB
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
