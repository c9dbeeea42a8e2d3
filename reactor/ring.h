// The kernel's side of io_uring: setting a ring up with the best flags that this kernel knows, provided
// receive buffers, and entering the kernel. ring.{h,cc} alone include liburing; uring_backend.cc alone
// includes this header.
#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "reactor/backend.h"
#include "reactor/base/result.h"
#include "reactor/uring_backend.h"

namespace gyre::reactor {

class Ring {
 public:
  static constexpr std::uint16_t kBufferGroup = 0;

  static Result<std::unique_ptr<Ring>, RingError> create(const UringOptions& options);
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring();

  // The next free submission entry; enters the kernel when there is none.
  io_uring_sqe* next_entry() {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) [[unlikely]]
      entry = entry_after_submit();
    return entry;
  }
  unsigned unsubmitted() const { return io_uring_sq_ready(&ring_); }
  unsigned completions_ready() const { return io_uring_cq_ready(&ring_); }
  // Completions are there, or the kernel has some that it posts on the next enter. The kernel may leave its
  // flag up with nothing behind it; one that brought nothing at the last enter does not count.
  bool has_events() const {
    const unsigned flags = kernel_flags();
    return completions_ready() != 0 || (flags & IORING_SQ_CQ_OVERFLOW) != 0 ||
           ((flags & IORING_SQ_TASKRUN) != 0 && !flag_is_stale_);
  }
  // While it is, only an enter tells.
  bool flag_is_stale() const { return flag_is_stale_; }

  // Submits everything and lets the kernel post completions. No system call when there is nothing to do.
  void poll(BackendStats& stats);
  // The same, then waits for at least one completion, at most `timeout_ns`.
  void sleep(std::uint64_t timeout_ns, BackendStats& stats);

  // Makes the ring know a descriptor, so that submissions may name it with IOSQE_FIXED_FILE; false: it
  // cannot.
  bool register_file(int fd);
  void unregister_file(int fd);

  struct Completion {
    std::uint64_t user_data;
    std::int32_t result;
    std::uint32_t flags;
  };
  // visit(const Completion&) for every completion that is ready now; returns how many. Of each but the first,
  // announce(const Completion&) comes before, at most kAhead visits ahead.
  static constexpr unsigned kAhead = 32;
  template <class Announce, class Visit>
  unsigned for_each_completion(Announce&& announce, Visit&& visit) {
    const unsigned count = completions_ready();
    const unsigned head = *ring_.cq.khead;
    // A copy: a callback may enter the kernel when the submission queue is full.
    const auto completion = [this, head](unsigned i) {
      const io_uring_cqe& slot = ring_.cq.cqes[(head + i) & cq_mask_];
      return Completion{slot.user_data, slot.res, slot.flags};
    };
    unsigned announced = 1;
    for (unsigned i = 0; i < count; ++i) {
      for (; announced < count && announced <= i + kAhead; ++announced) announce(completion(announced));
      const Completion now = completion(i);
      io_uring_cq_advance(&ring_, 1);
      visit(now);
    }
    return count;
  }

  // Receive buffers. A buffer that a completion names belongs to us until recycle() and publish_recycled().
  const char* buffer(std::uint16_t id) const { return buffers_ + std::size_t{id} * buffer_size_; }
  void recycle(std::uint16_t id) {
    io_uring_buf_ring_add(buffer_ring_, buffers_ + std::size_t{id} * buffer_size_, buffer_size_, id,
                          buffer_mask_, recycled_++);
  }
  void publish_recycled() {
    if (recycled_ == 0) return;
    io_uring_buf_ring_advance(buffer_ring_, recycled_);
    recycled_ = 0;
  }

  void set_completions_per_turn(unsigned most) { completions_per_turn_ = most; }
  bool multishot_receive() const { return multishot_receive_; }
  bool multishot_accept() const { return multishot_accept_; }
  // "io_uring (SINGLE_ISSUER DEFER_TASKRUN ..., multishot receive)".
  std::string description() const;

 private:
  Ring() = default;

  unsigned kernel_flags() const { return __atomic_load_n(ring_.sq.kflags, __ATOMIC_RELAXED); }
  Result<bool, RingError> open(const UringOptions& options);
  Result<bool, RingError> provide_buffers(const UringOptions& options);
  bool try_multishot_receive();
  io_uring_sqe* entry_after_submit();
  void check_entered(int result, BackendStats& stats);

  io_uring ring_{};
  bool open_ = false;
  unsigned cq_mask_ = 0;
  unsigned completions_per_turn_ = 0;
  std::uint32_t registered_files_ = 0;  // slots, each for the descriptor of its number
  bool multishot_receive_ = false;
  bool multishot_accept_ = false;

  io_uring_buf_ring* buffer_ring_ = nullptr;
  char* buffers_ = nullptr;
  unsigned buffer_size_ = 0;
  unsigned buffer_count_ = 0;
  int buffer_mask_ = 0;
  bool flag_is_stale_ = false;  // IORING_SQ_TASKRUN was up after an enter that brought nothing
  int recycled_ = 0;            // returned, but not yet visible to the kernel
};

}  // namespace gyre::reactor
