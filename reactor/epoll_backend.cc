// Each stream is registered once, edge-triggered, for input and output; there is no epoll_ctl per operation.
// An edge of input sets `readable`, which stays until a receive finds nothing more; a stream that is readable
// and wants to read is on the attention list, as is one that is to be released or has a failure to tell.
//
// Callbacks must not run inside the calls that ask for the work, so those only put the stream on that list.
#include "reactor/epoll_backend.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "reactor/accept_reserve.h"
#include "reactor/base/check.h"

namespace gyre::reactor {

namespace {

constexpr int kReceivesPerTurn = 8;  // of one stream, for fairness
constexpr int kAcceptsPerTurn = 64;  // of one listener
constexpr std::uint64_t kKindMask = 15;
enum class Kind : std::uint8_t { stream = 1, accept, poll };

class EpollBackend final : public Backend {
 public:
  explicit EpollBackend(const EpollOptions& options)
      : epoll_fd_(::epoll_create1(EPOLL_CLOEXEC)), buffer_(options.receive_buffer_size) {
    GYRE_CHECK(epoll_fd_ >= 0);
  }
  ~EpollBackend() override { ::close(epoll_fd_); }

  const char* name() const override { return "epoll"; }
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
  bool has_events() const override {
    return event_count_ != 0 || !attention_.empty() || !accepts_ready_.empty() || !accepts_stopped_.empty() ||
           !polls_stopped_.empty();
  }
  bool look_for_events() override {
    if (!has_events()) collect_events(0);
    return has_events();
  }
  bool has_submissions() const override { return false; }

 private:
  void collect_events(int timeout_ms);
  void add_to_epoll(int fd, std::uint32_t events, std::uint64_t user_data);
  void remove_from_epoll(int fd);
  void dispatch(const epoll_event& event);

  void on_stream_event(Stream& stream, std::uint32_t events);
  void attend(Stream& stream);
  void serve_attention();
  void serve(Stream& stream);
  void receive(Stream& stream);
  bool push_out(Stream& stream);
  void on_writable(Stream& stream);
  void fail(Stream& stream, int error);

  void accept_some(AcceptHandler& handler);
  enum class Backlog : std::uint8_t { perhaps_more, drained };
  Backlog accept_failed(AcceptHandler& handler, int error);
  void pause_accept(AcceptHandler& handler);
  void resume_paused_accepts();

  const int epoll_fd_;
  std::vector<char> buffer_;  // shared by all receives; its bytes are valid during one on_data()
  std::array<epoll_event, 256> events_;
  int event_count_ = 0;  // collected, not yet dispatched
  IntrusiveList<Stream> attention_;
  IntrusiveList<AcceptHandler> accepts_ready_;  // the backlog may not be empty
  IntrusiveList<AcceptHandler> accepts_paused_;
  IntrusiveList<AcceptHandler> accepts_stopped_;
  IntrusiveList<PollHandler> polls_stopped_;
  AcceptReserve reserve_;
  bool descriptor_closed_ = false;  // since accepting paused: worth a try
};

template <class Object>
std::uint64_t tagged(Object& object, Kind kind) {
  return reinterpret_cast<std::uintptr_t>(&object) | static_cast<std::uint64_t>(kind);
}

template <class Object>
Object& object_of(std::uint64_t user_data) {
  return *reinterpret_cast<Object*>(user_data & ~kKindMask);
}

std::uint64_t EpollBackend::now_ns() const {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

void EpollBackend::add_to_epoll(int fd, std::uint32_t events, std::uint64_t user_data) {
  epoll_event event{};
  event.events = events | EPOLLET;
  event.data.u64 = user_data;
  GYRE_CHECK(::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0);
}

void EpollBackend::remove_from_epoll(int fd) {
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
}

// ---- streams ----

void EpollBackend::start(Stream& stream, int fd) {
  GYRE_DCHECK(stream.io.fd < 0 && !stream.linked());
  stream.io = Stream::Io{};
  stream.io.fd = fd;
  stream.io.reading_wanted = true;
  ++stats_.open_streams;
  add_to_epoll(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP, tagged(stream, Kind::stream));
}

void EpollBackend::attend(Stream& stream) {
  if (!stream.linked()) attention_.push_back(stream);
}

// True when the whole send is with the kernel. A failure is noted, to be told by reap().
bool EpollBackend::push_out(Stream& stream) {
  while (stream.io.send_size != 0) {
    ++stats_.submissions;
    ++stats_.transfers;
    const ssize_t sent =
        ::send(stream.io.fd, stream.io.send_data, stream.io.send_size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      stream.io.send_data += sent;
      stream.io.send_size -= static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN) {
      return false;  // an edge will come
    } else if (errno != EINTR) {
      stream.io.error = errno;
      attend(stream);
      return false;
    }
  }
  return true;
}

SendStatus EpollBackend::send(Stream& stream, const char* data, std::size_t size) {
  GYRE_DCHECK(size > 0 && !stream.io.sending && stream.io.fd >= 0);
  if (stream.io.closing || stream.io.told_error)
    return SendStatus::pending;  // on_released() frees the buffer
  stream.io.send_data = data;
  stream.io.send_size = size;
  if (push_out(stream)) return SendStatus::done;
  stream.io.sending = true;
  return SendStatus::pending;
}

void EpollBackend::on_writable(Stream& stream) {
  if (!stream.io.sending || stream.io.error != 0 || !push_out(stream)) return;
  stream.io.sending = false;
  ++stats_.completions;
  if (stream.io.close_when_sent) {
    close(stream);
  } else {
    stream.on_sent();
  }
}

void EpollBackend::on_stream_event(Stream& stream, std::uint32_t events) {
  if (stream.io.closing) return;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    stream.io.readable = true;
    if (stream.io.reading_wanted && !stream.io.ended) attend(stream);
  }
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) on_writable(stream);
}

void EpollBackend::serve_attention() {
  // Those that put themselves back are served in the next turn.
  IntrusiveList<Stream> batch;
  batch.append(attention_);
  while (!batch.empty()) serve(batch.pop_front());
}

void EpollBackend::serve(Stream& stream) {
  if (stream.io.closing) {
    ::close(stream.io.fd);  // leaves the epoll set by that
    stream.io.fd = -1;
    --stats_.open_streams;
    descriptor_closed_ = true;
    stream.on_released();
    return;
  }
  if (stream.io.error != 0) {
    stream.io.sending = false;
    fail(stream, std::exchange(stream.io.error, 0));
    return;
  }
  if (stream.io.readable && stream.io.reading_wanted && !stream.io.ended) receive(stream);
}

void EpollBackend::receive(Stream& stream) {
  for (int i = 0; i < kReceivesPerTurn; ++i) {
    ++stats_.submissions;
    ++stats_.transfers;
    const ssize_t received = ::recv(stream.io.fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    ++stats_.completions;
    if (received > 0) {
      stream.on_data({buffer_.data(), static_cast<std::size_t>(received)});
      if (stream.io.closing || !stream.io.reading_wanted || stream.io.ended) return;
      continue;
    }
    if (received < 0 && errno == EINTR) continue;
    stream.io.readable = false;
    if (received == 0) {
      stream.io.ended = true;
      stream.on_closed(0);
    } else if (errno != EAGAIN) {
      fail(stream, errno);
    }
    return;
  }
  attend(stream);
}

void EpollBackend::fail(Stream& stream, int error) {
  stream.io.ended = true;
  if (stream.io.close_when_sent) {
    close(stream);
    return;
  }
  if (stream.io.told_error || stream.io.closing) return;
  stream.io.told_error = true;
  stream.io.sending = false;
  stream.on_closed(error);
}

void EpollBackend::pause_reading(Stream& stream) {
  stream.io.reading_wanted = false;
}

void EpollBackend::resume_reading(Stream& stream) {
  if (stream.io.closing) return;
  stream.io.reading_wanted = true;
  if (stream.io.readable && !stream.io.ended) attend(stream);
}

void EpollBackend::close(Stream& stream) {
  if (stream.io.closing || stream.io.fd < 0) return;
  stream.io.closing = true;
  stream.io.sending = false;
  attend(stream);
}

void EpollBackend::close_when_sent(Stream& stream) {
  if (stream.io.closing) return;
  if (!stream.io.sending) {
    close(stream);
    return;
  }
  stream.io.reading_wanted = false;
  stream.io.close_when_sent = true;
}

// ---- accepting ----

void EpollBackend::start_accept(AcceptHandler& handler, int listen_fd) {
  GYRE_DCHECK(handler.io.fd < 0 && !handler.linked());
  handler.io = AcceptHandler::Io{};
  handler.io.fd = listen_fd;
  handler.io.armed = true;
  const int flags = ::fcntl(listen_fd, F_GETFL);
  if ((flags & O_NONBLOCK) == 0) ::fcntl(listen_fd, F_SETFL, flags | O_NONBLOCK);
  add_to_epoll(listen_fd, EPOLLIN, tagged(handler, Kind::accept));
}

void EpollBackend::stop_accept(AcceptHandler& handler) {
  if (handler.io.fd < 0 || handler.io.stopping) return;
  handler.io.stopping = true;
  handler.unlink();
  remove_from_epoll(handler.io.fd);
  accepts_stopped_.push_back(handler);
}

void EpollBackend::accept_some(AcceptHandler& handler) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    ++stats_.submissions;
    ++stats_.transfers;
    const int fd = ::accept4(handler.io.fd, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) {
      ++stats_.completions;
      handler.on_accept(fd);
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR && errno != ECONNABORTED) {
      if (accept_failed(handler, errno) == Backlog::drained) return;
    }
    if (handler.io.stopping || handler.linked()) return;
  }
  accepts_ready_.push_back(handler);
}

// Without a free descriptor accept4() fails even on an empty backlog; only an attempt on the reserve tells.
EpollBackend::Backlog EpollBackend::accept_failed(AcceptHandler& handler, int error) {
  const bool on_reserve = out_of_descriptors(error) && reserve_.give_up();
  int fd = -1;
  if (on_reserve) {
    ++stats_.transfers;
    fd = ::accept4(handler.io.fd, nullptr, nullptr, SOCK_CLOEXEC);
    const bool drained = fd < 0 && errno == EAGAIN;
    if (drained && reserve_.restore()) return Backlog::drained;
  }
  handler.on_accept_error(error);
  if (fd >= 0) {
    handler.on_accept_refused(fd);
    ::close(fd);
  }
  if (handler.io.stopping) return Backlog::drained;
  if (!on_reserve || !reserve_.restore()) pause_accept(handler);
  return Backlog::perhaps_more;
}

void EpollBackend::pause_accept(AcceptHandler& handler) {
  ++stats_.accept_pauses;
  if (accepts_paused_.empty()) descriptor_closed_ = false;
  handler.io.resume_at_ns = now_ns() + kAcceptPauseNs;
  accepts_paused_.push_back(handler);
}

void EpollBackend::resume_paused_accepts() {
  if (!std::exchange(descriptor_closed_, false) && now_ns() < accepts_paused_.front().io.resume_at_ns) return;
  reserve_.restore();
  accepts_ready_.append(accepts_paused_);
}

// ---- polls ----

void EpollBackend::watch(PollHandler& handler, int fd, std::uint32_t events) {
  GYRE_DCHECK(handler.io.fd < 0 && !handler.linked());
  handler.io = PollHandler::Io{};
  handler.io.fd = fd;
  handler.io.events = events;
  handler.io.armed = true;
  add_to_epoll(fd, events, tagged(handler, Kind::poll));
}

void EpollBackend::unwatch(PollHandler& handler) {
  if (handler.io.fd < 0 || handler.io.stopping) return;
  handler.io.stopping = true;
  remove_from_epoll(handler.io.fd);
  polls_stopped_.push_back(handler);
}

// ---- the turn ----

void EpollBackend::collect_events(int timeout_ms) {
  ++stats_.enters;
  const int count = ::epoll_wait(epoll_fd_, events_.data(), static_cast<int>(events_.size()), timeout_ms);
  if (count > 0) event_count_ = count;
}

void EpollBackend::enter(WaitMode mode, std::uint64_t timeout_ns) {
  if (event_count_ != 0) return;  // collected while spinning
  if (mode == WaitMode::poll || has_events()) {
    collect_events(0);
    return;
  }
  if (!accepts_paused_.empty()) {
    const std::uint64_t resume_at = accepts_paused_.front().io.resume_at_ns;
    const std::uint64_t now = now_ns();
    timeout_ns = descriptor_closed_ ? 0 : std::min(timeout_ns, resume_at > now ? resume_at - now : 0);
  }
  // Rounded up: a timer that is a little late beats one that is looked at again and again until it is due.
  constexpr std::uint64_t kMillisecond = 1'000'000;
  constexpr std::uint64_t kLongest = 3'600'000;
  const std::uint64_t timeout_ms = timeout_ns / kMillisecond + (timeout_ns % kMillisecond != 0 ? 1 : 0);
  collect_events(timeout_ns == kNever ? -1 : static_cast<int>(std::min(timeout_ms, kLongest)));
}

std::size_t EpollBackend::reap() {
  const std::uint64_t before = stats_.completions;
  // All events first: they name objects that serve_attention() may release.
  for (int i = 0; i < event_count_; ++i) dispatch(events_[static_cast<std::size_t>(i)]);
  event_count_ = 0;
  serve_attention();
  IntrusiveList<AcceptHandler> ready;
  ready.append(accepts_ready_);
  while (!ready.empty()) accept_some(ready.pop_front());
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
  if (!accepts_paused_.empty()) resume_paused_accepts();
  return stats_.completions - before;
}

void EpollBackend::dispatch(const epoll_event& event) {
  const std::uint64_t target = event.data.u64;
  switch (static_cast<Kind>(target & kKindMask)) {
    case Kind::stream:
      on_stream_event(object_of<Stream>(target), event.events);
      break;
    case Kind::accept: {
      AcceptHandler& handler = object_of<AcceptHandler>(target);
      if (!handler.io.stopping && !handler.linked()) accepts_ready_.push_back(handler);
      break;
    }
    case Kind::poll: {
      PollHandler& handler = object_of<PollHandler>(target);
      ++stats_.completions;
      if (!handler.io.stopping) handler.on_ready(event.events);
      break;
    }
  }
}

}  // namespace

std::unique_ptr<Backend> make_epoll_backend(const EpollOptions& options) {
  return std::make_unique<EpollBackend>(options);
}

}  // namespace gyre::reactor
