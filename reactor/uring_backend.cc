// Streams, listeners and polls over one ring.
//
// A submission's user_data is the address of the caller's object with the kind of operation in its low four
// bits; objects are 16-byte aligned. That is safe because an object outlives its operations: every operation,
// cancels included, counts in `in_flight`, and the object is released only at zero, whatever order the
// completions come in.
//
// Invariants of a stream:
//   1. io.receiving  iff  a receive is with the kernel; at most one is.
//   2. io.sending    iff  a send is with the kernel; at most one is.
//   3. in_flight == receiving + sending + cancels under way.
//   4. A stream that wants to read and has not ended is receiving, or is on the starved list.
//   5. A closing stream is on the released list iff in_flight == 0.
//
// A completion without F_MORE ends its operation, whatever its result (the flag is asked, never the result):
// no buffers left, a full completion queue, or the kernel's own reasons; (4) then decides whether to arm
// anew. A receive that found no buffer is armed again after this reap has given its buffers back, never
// before, or it would fail at once.
#include "reactor/uring_backend.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "reactor/accept_reserve.h"
#include "reactor/base/check.h"
#include "reactor/ring.h"

namespace gyre::reactor {

namespace {

enum class Kind : std::uint8_t { receive = 1, send, cancel_stream, accept, cancel_accept, poll, cancel_poll };

constexpr std::uint64_t kKindMask = 15;

template <class Object>
std::uint64_t tagged(Object& object, Kind kind) {
  return reinterpret_cast<std::uintptr_t>(&object) | static_cast<std::uint64_t>(kind);
}

template <class Object>
Object& object_of(std::uint64_t user_data) {
  return *reinterpret_cast<Object*>(user_data & ~kKindMask);
}

bool is_local(int fd) {
  int domain = AF_UNSPEC;
  socklen_t size = sizeof domain;
  return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

class UringBackend : public Backend {
 public:
  UringBackend(std::unique_ptr<Ring> ring, const UringOptions& options)
      : ring_(std::move(ring)), options_(options), most_sent_at_once_(options.most_sent_at_once) {}

  const char* name() const override { return "io_uring"; }
  std::uint64_t now_ns() const override;
  void start_accept(AcceptHandler& handler, int listen_fd) override;
  void stop_accept(AcceptHandler& handler) override;
  void start(Stream& stream, int fd) override;
  SendStatus send(Stream& stream, const char* data, std::size_t size) override;
  void pause_reading(Stream& stream) override;
  void resume_reading(Stream& stream) override;
  void close(Stream& stream) override;
  void close_when_sent(Stream& stream) override;
  void watch(PollHandler& handler, int fd, std::uint32_t events) override;
  void unwatch(PollHandler& handler) override;
  void enter(WaitMode mode, std::uint64_t timeout_ns) override;
  std::size_t reap() override;
  bool has_events() const override { return ring_->has_events() || has_finished(); }
  bool look_for_events() override {
    if (!has_events() && ring_->flag_is_stale()) ring_->poll(stats_);
    return has_events();
  }
  bool has_submissions() const override { return ring_->unsubmitted() != 0; }

 private:
  using Completion = Ring::Completion;
  enum class PollFirst : bool { no, yes };

  void announce(const Completion& completion);
  void dispatch(const Completion& completion);

  void arm_receive(Stream& stream, PollFirst poll_first);
  void submit_send(Stream& stream);
  void cancel(Stream& stream, Kind kind);
  void on_receive(Stream& stream, const Completion& completion);
  void deliver(Stream& stream, const Completion& completion);
  void after_receive_ended(Stream& stream, const Completion& completion);
  void on_send(Stream& stream, int result);
  void on_cancelled(Stream& stream);
  void fail(Stream& stream, int error);
  void choose_turn_size();
  void release_if_idle(Stream& stream);
  void rearm_starved();
  void release_finished();
  bool has_finished() const {
    return !released_.empty() || !accepts_stopped_.empty() || !polls_stopped_.empty();
  }

  void arm_accept(AcceptHandler& handler);
  void on_accepted(AcceptHandler& handler, const Completion& completion);
  void accepted_on_reserve(AcceptHandler& handler, int fd);
  void accept_failed(AcceptHandler& handler, int error);
  void pause_accept(AcceptHandler& handler);
  void resume_paused_accepts();

  void arm_poll(PollHandler& handler);
  void on_polled(PollHandler& handler, const Completion& completion);

  const std::unique_ptr<Ring> ring_;
  const UringOptions options_;
  const std::size_t most_sent_at_once_;
  std::uint64_t local_streams_ = 0;  // of stats_.open_streams: unix sockets
  IntrusiveList<Stream> starved_;    // receives that found no buffer
  IntrusiveList<Stream> released_;   // closing and idle: on_released() is due
  IntrusiveList<AcceptHandler> accepts_paused_;
  IntrusiveList<AcceptHandler> accepts_stopped_;  // on_accept_stopped() is due
  IntrusiveList<PollHandler> polls_stopped_;      // on_poll_stopped() is due
  AcceptReserve reserve_;
  bool descriptor_closed_ = false;  // since accepting paused: worth a try
};

std::uint64_t UringBackend::now_ns() const {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

// ---- streams ----

void UringBackend::start(Stream& stream, int fd) {
  GYRE_DCHECK(stream.io.fd < 0 && !stream.linked());
  stream.io = Stream::Io{};
  stream.io.fd = fd;
  stream.io.reading_wanted = true;
  if (ring_->register_file(fd)) stream.io.entry_flags = IOSQE_FIXED_FILE;
  ++stats_.open_streams;
  if (is_local(fd)) ++local_streams_;
  choose_turn_size();
  arm_receive(stream, PollFirst::yes);
}

void UringBackend::choose_turn_size() {
  ring_->set_completions_per_turn(2 * local_streams_ > stats_.open_streams
                                      ? options_.completions_per_turn_local
                                      : options_.completions_per_turn);
}

void UringBackend::arm_receive(Stream& stream, PollFirst poll_first) {
  GYRE_DCHECK(!stream.io.receiving && !stream.io.closing);
  io_uring_sqe* entry = ring_->next_entry();
  if (ring_->multishot_receive()) {
    io_uring_prep_recv_multishot(entry, stream.io.fd, nullptr, 0, 0);
  } else {
    io_uring_prep_recv(entry, stream.io.fd, nullptr, 0, 0);
  }
  entry->flags |= stream.io.entry_flags | IOSQE_BUFFER_SELECT;
  entry->buf_group = Ring::kBufferGroup;
  if (poll_first == PollFirst::yes) entry->ioprio |= IORING_RECVSEND_POLL_FIRST;
  entry->user_data = tagged(stream, Kind::receive);
  stream.io.receiving = true;
  ++stream.io.in_flight;
}

SendStatus UringBackend::send(Stream& stream, const char* data, std::size_t size) {
  GYRE_DCHECK(size > 0 && !stream.io.sending && stream.io.fd >= 0);
  if (stream.io.closing || stream.io.told_error)
    return SendStatus::pending;  // on_released() frees the buffer
  stream.io.send_data = data;
  stream.io.send_size = size;
  stream.io.sending = true;
  submit_send(stream);
  return SendStatus::pending;
}

void UringBackend::submit_send(Stream& stream) {
  io_uring_sqe* entry = ring_->next_entry();
  // WAITALL lets the kernel do the retrying when the socket is full.
  const std::size_t size = std::min(stream.io.send_size, most_sent_at_once_);
  io_uring_prep_send(entry, stream.io.fd, stream.io.send_data, size, MSG_NOSIGNAL | MSG_WAITALL);
  entry->flags |= stream.io.entry_flags;
  entry->user_data = tagged(stream, Kind::send);
  ++stream.io.in_flight;
}

void UringBackend::on_send(Stream& stream, int result) {
  --stream.io.in_flight;
  if (stream.io.closing) {
    stream.io.sending = false;
    release_if_idle(stream);
    return;
  }
  if (result == -EINTR || result == -EAGAIN) result = 0;
  if (result < 0) {
    stream.io.sending = false;
    if (stream.io.close_when_sent) {
      close(stream);
    } else {
      fail(stream, -result);
    }
    return;
  }
  stream.io.send_data += result;
  stream.io.send_size -= static_cast<std::size_t>(result);
  if (stream.io.send_size != 0) {
    submit_send(stream);
    return;
  }
  stream.io.sending = false;
  if (stream.io.close_when_sent) {
    close(stream);
  } else {
    stream.on_sent();
  }
}

void UringBackend::on_receive(Stream& stream, const Completion& completion) {
  const bool more = (completion.flags & IORING_CQE_F_MORE) != 0;
  if (!more) {
    stream.io.receiving = false;
    --stream.io.in_flight;
  }
  deliver(stream, completion);
  if (!more) after_receive_ended(stream, completion);
}

void UringBackend::deliver(Stream& stream, const Completion& completion) {
  const bool has_buffer = (completion.flags & IORING_CQE_F_BUFFER) != 0;
  const auto buffer_id = static_cast<std::uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
  const bool listening = !stream.io.closing && !stream.io.close_when_sent;
  if (completion.result > 0 && has_buffer && listening)
    stream.on_data({ring_->buffer(buffer_id), static_cast<std::size_t>(completion.result)});
  if (has_buffer) ring_->recycle(buffer_id);
}

// The stream may have been closed, paused, resumed and even armed anew by its own on_data().
void UringBackend::after_receive_ended(Stream& stream, const Completion& completion) {
  if (stream.io.closing) {
    release_if_idle(stream);
    return;
  }
  const int result = completion.result;
  if (result == 0 ||
      (result < 0 && result != -ENOBUFS && result != -ECANCELED && result != -EINTR && result != -EAGAIN)) {
    if (result < 0) {
      fail(stream, -result);
    } else if (!stream.io.ended) {
      stream.io.ended = true;
      if (!stream.io.close_when_sent) stream.on_closed(0);
    }
    return;
  }
  if (stream.io.receiving || !stream.io.reading_wanted || stream.io.ended) return;
  if (result == -ENOBUFS) {
    ++stats_.starved_receives;
    if (!stream.linked()) starved_.push_back(stream);
    return;
  }
  const bool more_waits = (completion.flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
  arm_receive(stream, more_waits ? PollFirst::no : PollFirst::yes);
}

void UringBackend::fail(Stream& stream, int error) {
  stream.io.ended = true;
  if (stream.io.told_error || stream.io.closing || stream.io.close_when_sent) return;
  stream.io.told_error = true;
  stream.on_closed(error);
}

void UringBackend::cancel(Stream& stream, Kind kind) {
  io_uring_sqe* entry = ring_->next_entry();
  io_uring_prep_cancel64(entry, tagged(stream, kind), 0);
  entry->user_data = tagged(stream, Kind::cancel_stream);
  ++stream.io.in_flight;
}

void UringBackend::pause_reading(Stream& stream) {
  if (stream.io.closing) return;
  stream.io.reading_wanted = false;
  stream.unlink();  // not starved any more
  if (!stream.io.receiving || stream.io.cancelling) return;
  stream.io.cancelling = true;
  cancel(stream, Kind::receive);
}

void UringBackend::resume_reading(Stream& stream) {
  if (stream.io.closing || stream.io.reading_wanted) return;
  stream.io.reading_wanted = true;
  // A receive that is being cancelled is armed anew when its last completion comes.
  if (!stream.io.receiving && !stream.io.ended) arm_receive(stream, PollFirst::no);
}

void UringBackend::on_cancelled(Stream& stream) {
  --stream.io.in_flight;
  if (stream.io.closing) {
    release_if_idle(stream);
    return;
  }
  stream.io.cancelling = false;
  // Resumed and paused again while the cancel was under way: what was armed in between must go, too.
  if (!stream.io.reading_wanted && stream.io.receiving) {
    stream.io.cancelling = true;
    cancel(stream, Kind::receive);
  }
}

void UringBackend::close(Stream& stream) {
  if (stream.io.closing || stream.io.fd < 0) return;
  stream.io.closing = true;
  stream.unlink();
  if (stream.io.in_flight != 0) {
    // Ends the receive with 0 and a blocked send with EPIPE; close() alone would do neither, since the
    // kernel's operations hold the socket. The cancels are for what does not listen to a shutdown.
    const bool was_shut = ::shutdown(stream.io.fd, SHUT_RDWR) == 0;
    if (stream.io.receiving && !was_shut) cancel(stream, Kind::receive);
    if (stream.io.sending) cancel(stream, Kind::send);
  }
  release_if_idle(stream);
}

void UringBackend::close_when_sent(Stream& stream) {
  if (stream.io.closing) return;
  if (!stream.io.sending) {
    close(stream);
    return;
  }
  pause_reading(stream);
  stream.io.close_when_sent = true;
}

void UringBackend::release_if_idle(Stream& stream) {
  if (stream.io.in_flight == 0 && !stream.linked()) released_.push_back(stream);
}

void UringBackend::rearm_starved() {
  while (!starved_.empty()) arm_receive(starved_.pop_front(), PollFirst::no);
}

void UringBackend::release_finished() {
  while (!released_.empty()) {
    Stream& stream = released_.pop_front();
    if (stream.io.entry_flags != 0) ring_->unregister_file(stream.io.fd);  // it would keep the socket open
    if (is_local(stream.io.fd)) --local_streams_;
    ::close(stream.io.fd);
    stream.io.fd = -1;
    --stats_.open_streams;
    choose_turn_size();
    descriptor_closed_ = true;
    stream.on_released();
  }
  while (!accepts_stopped_.empty()) {
    AcceptHandler& handler = accepts_stopped_.pop_front();
    handler.io.fd = -1;
    handler.on_accept_stopped();
  }
  while (!polls_stopped_.empty()) {
    PollHandler& handler = polls_stopped_.pop_front();
    handler.io.fd = -1;
    handler.on_poll_stopped();
  }
}

// ---- accepting ----

void UringBackend::start_accept(AcceptHandler& handler, int listen_fd) {
  GYRE_DCHECK(handler.io.fd < 0 && !handler.linked());
  handler.io = AcceptHandler::Io{};
  handler.io.fd = listen_fd;
  // The ring does not wait on descriptors that are set not to block.
  const int flags = ::fcntl(listen_fd, F_GETFL);
  if ((flags & O_NONBLOCK) != 0) ::fcntl(listen_fd, F_SETFL, flags & ~O_NONBLOCK);
  arm_accept(handler);
}

void UringBackend::arm_accept(AcceptHandler& handler) {
  io_uring_sqe* entry = ring_->next_entry();
  if (ring_->multishot_accept() && !handler.io.refusing) {
    io_uring_prep_multishot_accept(entry, handler.io.fd, nullptr, nullptr, SOCK_CLOEXEC);
  } else {
    io_uring_prep_accept(entry, handler.io.fd, nullptr, nullptr, SOCK_CLOEXEC);
  }
  entry->user_data = tagged(handler, Kind::accept);
  handler.io.armed = true;
  ++handler.io.in_flight;
}

void UringBackend::on_accepted(AcceptHandler& handler, const Completion& completion) {
  if ((completion.flags & IORING_CQE_F_MORE) == 0) {
    handler.io.armed = false;
    --handler.io.in_flight;
  }
  if (handler.io.stopping) {
    if (completion.result >= 0) ::close(completion.result);
    if (handler.io.in_flight == 0) accepts_stopped_.push_back(handler);
    return;
  }
  if (completion.result >= 0) {
    if (std::exchange(handler.io.refusing, false)) {
      accepted_on_reserve(handler, completion.result);
    } else {
      handler.on_accept(completion.result);
    }
  } else {
    accept_failed(handler, -completion.result);
  }
  const bool idle = !handler.io.armed && !handler.io.stopping && !handler.linked();
  if (idle) arm_accept(handler);
}

// The reserve had been given up for this connection. If it can be had back beside it, descriptors are there
// again.
void UringBackend::accepted_on_reserve(AcceptHandler& handler, int fd) {
  if (reserve_.restore()) {
    handler.on_accept(fd);
    return;
  }
  handler.on_accept_refused(fd);
  ::close(fd);
  reserve_.restore();
}

void UringBackend::accept_failed(AcceptHandler& handler, int error) {
  if (error == ECANCELED || error == EINTR || error == EAGAIN) return;
  const bool was_refusing = std::exchange(handler.io.refusing, false);
  if (error != ECONNABORTED) handler.on_accept_error(error);
  if (handler.io.stopping || error == ECONNABORTED) return;
  if (out_of_descriptors(error) && !was_refusing && reserve_.give_up()) {
    handler.io.refusing = true;
    return;
  }
  pause_accept(handler);
}

void UringBackend::pause_accept(AcceptHandler& handler) {
  ++stats_.accept_pauses;
  if (accepts_paused_.empty()) descriptor_closed_ = false;
  handler.io.resume_at_ns = now_ns() + kAcceptPauseNs;
  accepts_paused_.push_back(handler);
}

void UringBackend::resume_paused_accepts() {
  if (!std::exchange(descriptor_closed_, false) && now_ns() < accepts_paused_.front().io.resume_at_ns) return;
  reserve_.restore();
  while (!accepts_paused_.empty()) arm_accept(accepts_paused_.pop_front());
}

void UringBackend::stop_accept(AcceptHandler& handler) {
  if (handler.io.fd < 0 || handler.io.stopping) return;
  handler.io.stopping = true;
  handler.unlink();
  if (std::exchange(handler.io.refusing, false)) reserve_.restore();
  if (handler.io.in_flight == 0) {
    // Also in the middle of its own callback: the caller of that callback sees `stopping`.
    accepts_stopped_.push_back(handler);
    return;
  }
  io_uring_sqe* entry = ring_->next_entry();
  io_uring_prep_cancel64(entry, tagged(handler, Kind::accept), 0);
  entry->user_data = tagged(handler, Kind::cancel_accept);
  ++handler.io.in_flight;
}

// ---- polls ----

void UringBackend::watch(PollHandler& handler, int fd, std::uint32_t events) {
  GYRE_DCHECK(handler.io.fd < 0 && !handler.linked());
  handler.io = PollHandler::Io{};
  handler.io.fd = fd;
  handler.io.events = events;
  arm_poll(handler);
}

void UringBackend::arm_poll(PollHandler& handler) {
  io_uring_sqe* entry = ring_->next_entry();
  io_uring_prep_poll_multishot(entry, handler.io.fd, handler.io.events);
  entry->user_data = tagged(handler, Kind::poll);
  handler.io.armed = true;
  ++handler.io.in_flight;
}

void UringBackend::on_polled(PollHandler& handler, const Completion& completion) {
  if ((completion.flags & IORING_CQE_F_MORE) == 0) {
    handler.io.armed = false;
    --handler.io.in_flight;
  }
  if (!handler.io.stopping && completion.result > 0)
    handler.on_ready(static_cast<std::uint32_t>(completion.result));
  if (handler.io.stopping) {
    if (handler.io.in_flight == 0 && !handler.linked()) polls_stopped_.push_back(handler);
    return;
  }
  // A descriptor that cannot be polled would fail again at once.
  if (!handler.io.armed && completion.result >= 0) arm_poll(handler);
}

void UringBackend::unwatch(PollHandler& handler) {
  if (handler.io.fd < 0 || handler.io.stopping) return;
  handler.io.stopping = true;
  if (handler.io.in_flight == 0) {
    polls_stopped_.push_back(handler);
    return;
  }
  io_uring_sqe* entry = ring_->next_entry();
  io_uring_prep_cancel64(entry, tagged(handler, Kind::poll), 0);
  entry->user_data = tagged(handler, Kind::cancel_poll);
  ++handler.io.in_flight;
}

// ---- the turn ----

void UringBackend::enter(WaitMode mode, std::uint64_t timeout_ns) {
  if (mode == WaitMode::poll || has_finished() || ring_->completions_ready() != 0) {
    ring_->poll(stats_);
    return;
  }
  if (!accepts_paused_.empty()) {
    const std::uint64_t resume_at = accepts_paused_.front().io.resume_at_ns;
    const std::uint64_t now = now_ns();
    timeout_ns = descriptor_closed_ ? 0 : std::min(timeout_ns, resume_at > now ? resume_at - now : 0);
  }
  ring_->sleep(timeout_ns, stats_);
}

std::size_t UringBackend::reap() {
  const unsigned count =
      ring_->for_each_completion([this](const Completion& completion) { announce(completion); },
                                 [this](const Completion& completion) { dispatch(completion); });
  stats_.completions += count;
  ring_->publish_recycled();
  // Beyond this point all receive buffers that we held are the kernel's again.
  rearm_starved();
  release_finished();
  if (!accepts_paused_.empty()) resume_paused_accepts();
  return count;
}

void UringBackend::announce(const Completion& completion) {
  const std::uint64_t target = completion.user_data;
  if (static_cast<Kind>(target & kKindMask) != Kind::receive || completion.result <= 0 ||
      (completion.flags & IORING_CQE_F_BUFFER) == 0)
    return;
  const auto buffer_id = static_cast<std::uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
  object_of<Stream>(target).on_data_ahead(
      {ring_->buffer(buffer_id), static_cast<std::size_t>(completion.result)});
}

void UringBackend::dispatch(const Completion& completion) {
  const std::uint64_t target = completion.user_data;
  switch (static_cast<Kind>(target & kKindMask)) {
    case Kind::receive:
      on_receive(object_of<Stream>(target), completion);
      break;
    case Kind::send:
      on_send(object_of<Stream>(target), completion.result);
      break;
    case Kind::cancel_stream:
      on_cancelled(object_of<Stream>(target));
      break;
    case Kind::accept:
      on_accepted(object_of<AcceptHandler>(target), completion);
      break;
    case Kind::cancel_accept: {
      AcceptHandler& handler = object_of<AcceptHandler>(target);
      if (--handler.io.in_flight == 0) accepts_stopped_.push_back(handler);
      break;
    }
    case Kind::poll:
      on_polled(object_of<PollHandler>(target), completion);
      break;
    case Kind::cancel_poll: {
      PollHandler& handler = object_of<PollHandler>(target);
      if (--handler.io.in_flight == 0) polls_stopped_.push_back(handler);
      break;
    }
  }
}

// Sends are given to the socket at once, one system call each; what does not fit goes by the ring.
class DirectSends final : public UringBackend {
 public:
  using UringBackend::UringBackend;
  SendStatus send(Stream& stream, const char* data, std::size_t size) override {
    if (stream.io.closing || stream.io.told_error) return SendStatus::pending;
    const ssize_t sent = ::send(stream.io.fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == static_cast<ssize_t>(size)) return SendStatus::done;
    const std::size_t gone = sent > 0 ? static_cast<std::size_t>(sent) : 0;
    return UringBackend::send(stream, data + gone, size - gone);  // it hears of an error, too
  }
};

}  // namespace

Result<std::unique_ptr<Backend>, RingError> make_uring_backend(const UringOptions& options) {
  auto ring = Ring::create(options);
  if (!ring) return Unexpected{ring.error()};
  if (options.direct_sends)
    return std::unique_ptr<Backend>(std::make_unique<DirectSends>(std::move(*ring), options));
  return std::unique_ptr<Backend>(std::make_unique<UringBackend>(std::move(*ring), options));
}

}  // namespace gyre::reactor
