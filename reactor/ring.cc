// Which ring we ask for, and what to say when there is none.
//
// The full set of flags needs Linux 6.1: SINGLE_ISSUER and DEFER_TASKRUN (completions are worked off in our
// own enter, in batches, never by interrupting us), COOP_TASKRUN and TASKRUN_FLAG (a flag tells when an enter
// is worth it), SUBMIT_ALL (one bad entry does not hold up the rest). An older kernel answers EINVAL, and we
// ask again without the two newest. Below 5.19 there are no ring-mapped receive buffers and single-shot
// receives cost more than epoll, so there we give up, and the caller falls back to epoll.
//
// IORING_SETUP_NO_SQARRAY is never set: liburing 2.3 would write its index array over the ring's head and
// tail.
//
// With DEFER_TASKRUN the kernel works off at most 20 completions per enter, unless the enter waits for more.
// Asking for 256 with a timeout of zero lifts the cap, but the kernel sets up a timer and may switch away:
// measured 3 to 13 % dearer than asking again, without waiting, as long as enters come back nearly full and
// the kernel's flag says that more is left.
//
// How much one turn should take depends on the sockets. Answers are sent at the end of a turn, so a turn that
// takes all requests there are lets the clients wait all at once, and then the core for them. Over TCP that
// costs less than more and smaller turns do (3 to 8 %); over unix sockets, where an answer is cheap to send
// and there at once, turns of 32 completions let clients and core work at the same time: half as much again
// (perf/log.md).
#include "reactor/ring.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "reactor/base/check.h"

namespace gyre::reactor {

namespace {

constexpr unsigned kCommonFlags = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
                                  IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
constexpr unsigned kFlagLadder[] = {
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | kCommonFlags,  // 6.1
    kCommonFlags,                                                            // 5.19
};
constexpr unsigned kNeededFeatures = IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP | IORING_FEAT_FAST_POLL;

constexpr unsigned kNearlyFullBatch = 16;  // of the kernel's 20

struct KernelVersion {
  int major = 0;
  int minor = 0;
};

KernelVersion kernel_version() {
  KernelVersion version;
  utsname names{};
  if (::uname(&names) == 0) std::sscanf(names.release, "%d.%d", &version.major, &version.minor);
  return version;
}

std::string first_line_of(const char* path) {
  char line[128] = {};
  if (std::FILE* file = std::fopen(path, "re")) {
    if (std::fgets(line, sizeof line, file) == nullptr) line[0] = 0;
    std::fclose(file);
  }
  line[std::strcspn(line, "\n")] = 0;
  return line;
}

bool under_seccomp() {
  bool filtered = false;
  if (std::FILE* file = std::fopen("/proc/self/status", "re")) {
    char line[256];
    int mode = 0;
    while (std::fgets(line, sizeof line, file) != nullptr) {
      if (std::sscanf(line, "Seccomp: %d", &mode) == 1) filtered = mode != 0;
    }
    std::fclose(file);
  }
  return filtered;
}

RingError explain(int error) {
  std::string reason = std::string("io_uring is not available (") + std::strerror(error) + ")";
  const std::string disabled = first_line_of("/proc/sys/kernel/io_uring_disabled");
  if (error == ENOMEM) {
    reason +=
        ": locked memory ran out; raise the limit (ulimit -l, or LimitMEMLOCK= / docker run --ulimit "
        "memlock=-1)";
  } else if (error == EMFILE || error == ENFILE) {
    reason += ": descriptors ran out; raise the limit (ulimit -n)";
  } else if ((error == EPERM || error == EACCES) && (disabled == "1" || disabled == "2")) {
    reason += ": the sysctl kernel.io_uring_disabled is " + disabled + "; set it to 0" +
              (disabled == "1" ? ", or put the user into the group of sysctl kernel.io_uring_group" : "");
  } else if (under_seccomp() && (error == EPERM || error == ENOSYS || error == EACCES)) {
    reason +=
        ": a seccomp filter, as of a container, forbids it; run the container with a profile that allows "
        "io_uring_setup, io_uring_enter and io_uring_register (docker run --security-opt "
        "seccomp=profile.json, or =unconfined)";
  } else if (error == ENOSYS) {
    reason += ": this kernel was built without it, or a sandbox hides it";
  } else if (error == EPERM || error == EACCES) {
    reason += ": forbidden by a security module or a container runtime (sysctl kernel.io_uring_disabled is " +
              (disabled.empty() ? std::string("not known here") : disabled) + ")";
  }
  return RingError{error, reason};
}

RingError too_old(const char* what) {
  utsname names{};
  ::uname(&names);
  return RingError{ENOTSUP, std::string("io_uring of this kernel (") + names.release + ") lacks " + what};
}

std::size_t buffer_ring_bytes(unsigned count) {
  return count * sizeof(io_uring_buf);
}

void* map_memory(std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

}  // namespace

Result<std::unique_ptr<Ring>, RingError> Ring::create(const UringOptions& options) {
  std::unique_ptr<Ring> ring(new Ring());
  auto opened = ring->open(options);
  if (!opened) return Unexpected{opened.error()};
  auto provided = ring->provide_buffers(options);
  if (!provided) return Unexpected{provided.error()};
  ring->multishot_receive_ = options.multishot_receive && ring->try_multishot_receive();
  // Linux 6.6 and 6.7: multishot accept with DEFER_TASKRUN may report a wrong descriptor (liburing issue
  // 1062).
  const KernelVersion kernel = kernel_version();
  ring->multishot_accept_ = !(kernel.major == 6 && (kernel.minor == 6 || kernel.minor == 7));
  return ring;
}

Result<bool, RingError> Ring::open(const UringOptions& options) {
  int result = -EINVAL;
  for (const unsigned flags : kFlagLadder) {
    if (!options.deferred_completions && (flags & IORING_SETUP_DEFER_TASKRUN) != 0) continue;
    io_uring_params parameters{};
    parameters.flags = flags;
    parameters.cq_entries = std::max(options.completion_entries, 2 * options.submission_entries);
    result = io_uring_queue_init_params(options.submission_entries, &ring_, &parameters);
    if (result != -EINVAL) break;
  }
  if (result == -EINVAL) return Unexpected{too_old("cooperative task running (Linux 5.19)")};
  if (result < 0) return Unexpected{explain(-result)};
  open_ = true;
  cq_mask_ = *ring_.cq.kring_mask;
  completions_per_turn_ = options.completions_per_turn;
  if ((ring_.features & kNeededFeatures) != kNeededFeatures)
    return Unexpected{too_old("needed features (Linux 5.11)")};
  // Saves the kernel a look into the descriptor table per enter; going without is no error.
  io_uring_register_ring_fd(&ring_);
  if (options.registered_files != 0) {
    const int registered = io_uring_register_files_sparse(&ring_, options.registered_files);
    if (registered < 0) return Unexpected{explain(-registered)};
    registered_files_ = options.registered_files;
  }
  return true;
}

Result<bool, RingError> Ring::provide_buffers(const UringOptions& options) {
  buffer_size_ = options.receive_buffer_size;
  buffer_count_ = std::clamp<unsigned>(std::bit_ceil(options.receive_buffer_count), 1, 32768);
  buffer_mask_ = io_uring_buf_ring_mask(buffer_count_);
  buffer_ring_ = static_cast<io_uring_buf_ring*>(map_memory(buffer_ring_bytes(buffer_count_)));
  buffers_ = static_cast<char*>(map_memory(std::size_t{buffer_count_} * buffer_size_));
  if (buffer_ring_ == nullptr || buffers_ == nullptr) return Unexpected{explain(ENOMEM)};

  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(buffer_ring_);
  registration.ring_entries = buffer_count_;
  registration.bgid = kBufferGroup;
  const int result = io_uring_register_buf_ring(&ring_, &registration, 0);
  if (result == -EINVAL) return Unexpected{too_old("ring-mapped receive buffers (Linux 5.19)")};
  if (result < 0) return Unexpected{explain(-result)};
  io_uring_buf_ring_init(buffer_ring_);
  for (unsigned id = 0; id < buffer_count_; ++id) recycle(static_cast<std::uint16_t>(id));
  publish_recycled();
  return true;
}

// Flags cannot be asked for, only tried: one byte through a socket pair shows whether a receive stays armed.
bool Ring::try_multishot_receive() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return false;
  bool stays_armed = false;
  io_uring_sqe* entry = next_entry();
  io_uring_prep_recv_multishot(entry, ends[0], nullptr, 0, 0);
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = kBufferGroup;
  io_uring_submit(&ring_);
  [[maybe_unused]] const ssize_t written = ::write(ends[1], "x", 1);
  ::shutdown(ends[1], SHUT_WR);
  // The byte, then the end; or, where the flag is not known, one refusal.
  for (bool more = true; more;) {
    io_uring_cqe* completion = nullptr;
    if (io_uring_wait_cqe(&ring_, &completion) != 0) break;
    more = (completion->flags & IORING_CQE_F_MORE) != 0;
    stays_armed |= more;
    if ((completion->flags & IORING_CQE_F_BUFFER) != 0)
      recycle(static_cast<std::uint16_t>(completion->flags >> IORING_CQE_BUFFER_SHIFT));
    io_uring_cqe_seen(&ring_, completion);
  }
  publish_recycled();
  ::close(ends[0]);
  ::close(ends[1]);
  return stays_armed;
}

Ring::~Ring() {
  if (open_) io_uring_queue_exit(&ring_);
  if (buffer_ring_ != nullptr) ::munmap(buffer_ring_, buffer_ring_bytes(buffer_count_));
  if (buffers_ != nullptr) ::munmap(buffers_, std::size_t{buffer_count_} * buffer_size_);
}

io_uring_sqe* Ring::entry_after_submit() {
  // The kernel takes everything, unless completions that found no room wait to be collected: submitting with
  // an eye on completions moves them, too.
  constexpr int kAttempts = 1000;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    io_uring_submit_and_get_events(&ring_);
    if (io_uring_sqe* entry = io_uring_get_sqe(&ring_)) return entry;
  }
  GYRE_CHECK(!"the kernel takes no submissions");
  return nullptr;
}

bool Ring::register_file(int fd) {
  if (static_cast<std::uint32_t>(fd) >= registered_files_) return false;
  return io_uring_register_files_update(&ring_, static_cast<unsigned>(fd), &fd, 1) == 1;
}

void Ring::unregister_file(int fd) {
  const int nothing = -1;
  io_uring_register_files_update(&ring_, static_cast<unsigned>(fd), &nothing, 1);
}

void Ring::poll(BackendStats& stats) {
  const unsigned submissions = unsubmitted();
  if (submissions == 0 && (kernel_flags() & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) == 0) return;
  stats.submissions += submissions;
  unsigned before = 0;
  unsigned ready = completions_ready();
  do {
    before = ready;
    ++stats.enters;
    check_entered(io_uring_submit_and_get_events(&ring_), stats);
    ready = completions_ready();
  } while (ready - before >= kNearlyFullBatch && ready < completions_per_turn_ &&
           (kernel_flags() & IORING_SQ_TASKRUN) != 0);
}

void Ring::sleep(std::uint64_t timeout_ns, BackendStats& stats) {
  ++stats.enters;
  stats.submissions += unsubmitted();
  __kernel_timespec timeout{};
  timeout.tv_sec = static_cast<std::int64_t>(timeout_ns / 1'000'000'000);
  timeout.tv_nsec = static_cast<std::int64_t>(timeout_ns % 1'000'000'000);
  io_uring_cqe* first = nullptr;
  check_entered(
      io_uring_submit_and_wait_timeout(&ring_, &first, 1, timeout_ns == kNever ? nullptr : &timeout, nullptr),
      stats);
}

void Ring::check_entered(int result, BackendStats& stats) {
  const unsigned flags = kernel_flags();
  if ((flags & IORING_SQ_CQ_OVERFLOW) != 0) ++stats.overflows;
  flag_is_stale_ = (flags & IORING_SQ_TASKRUN) != 0 && completions_ready() == 0;
  switch (result) {
    case -ETIME:   // the timeout passed
    case -EINTR:   // a signal
    case -EAGAIN:  // the kernel is short of memory, or
    case -ENOMEM:  // ... and the entries stay queued for the next enter
    case -EBUSY:   // completions must be collected first
      return;
    case -EBADR:  // the kernel had no memory to keep a completion: an operation would hang for ever
      GYRE_CHECK(!"the kernel dropped a completion");
      return;
    default:
      GYRE_CHECK(result >= 0);
  }
}

std::string Ring::description() const {
  std::string text = "io_uring";
  if ((ring_.flags & IORING_SETUP_DEFER_TASKRUN) != 0) text += " SINGLE_ISSUER DEFER_TASKRUN";
  text += " COOP_TASKRUN";
  if (multishot_receive_) text += ", multishot receive";
  if (multishot_accept_) text += ", multishot accept";
  return text;
}

Result<std::string, RingError> probe_uring() {
  UringOptions options;
  options.submission_entries = 8;
  options.completion_entries = 64;
  options.receive_buffer_count = 8;
  auto ring = Ring::create(options);
  if (!ring) return Unexpected{ring.error()};
  return (*ring)->description();
}

}  // namespace gyre::reactor
