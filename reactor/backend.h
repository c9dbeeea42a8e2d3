// The seam between a loop and the kernel: what a core can ask for (accept, receive, send, wait for readiness)
// and how it learns of the outcome. Three implementations stand behind it: io_uring, epoll, and a seeded
// simulation.
//
// Operations live in objects that the caller owns and that must stay where they are (Stream, AcceptHandler,
// PollHandler): nothing is allocated per operation. An object belongs to one backend, hence one core, from
// its start until its last callback (on_released, on_accept_stopped, on_poll_stopped); only then may the
// owner free it.
//
// Callbacks run inside reap() only, never inside the call that asked for the work. They may call anything
// here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "reactor/intrusive_list.h"

namespace gyre::reactor {

inline constexpr std::uint64_t kNever = UINT64_MAX;  // a deadline that does not come

enum class WaitMode : std::uint8_t {
  poll,   // submit, collect what is there, return at once
  sleep,  // submit, then block until something happens or the deadline passes
};

enum class SendStatus : std::uint8_t {
  done,     // all bytes are with the kernel: the buffer is free again, on_sent() will not come
  pending,  // the buffer must stay until on_sent() or on_released()
};

// One connection.
//
//   start ──► open ──on_closed──► closed by the peer ─┐
//              └──────────────close()─────────────────┴──► closing ──► on_released
//
class alignas(16) Stream : public ListHook<Stream> {
 public:
  // Bytes as received, in the backend's own buffer: valid during the call only. After pause_reading() bytes
  // that had already been received may still come.
  virtual void on_data(std::span<const char> bytes) = 0;
  // What on_data() will bring a few deliveries later, in the same turn: a hint, by which memory can be asked for
  // what will be needed then. Not every backend gives it, and the stream may be closed in between.
  virtual void on_data_ahead(std::span<const char> bytes) {}
  // The peer will send no more: error 0 is an orderly end (sending is still possible), otherwise an errno,
  // after which a pending send gets no on_sent(). At most one of each, the error last, and none after
  // close(). The owner answers, now or later, with close().
  virtual void on_closed(int error) = 0;
  // A send that was `pending` is complete.
  virtual void on_sent() = 0;
  // close() has finished: the descriptor is closed, the backend has forgotten the stream. It may be freed, or
  // started anew.
  virtual void on_released() = 0;

  int fd() const { return io.fd; }
  bool sending() const { return io.sending; }
  bool closing() const { return io.closing; }

  // The backend's bookkeeping; nobody else writes it.
  struct Io {
    int fd = -1;                      // -1: not started, or released
    std::uint32_t in_flight = 0;      // kernel operations that still point at this stream
    const char* send_data = nullptr;  // what of the current send is not yet with the kernel
    std::size_t send_size = 0;
    bool receiving : 1 = false;        // a receive is armed
    bool reading_wanted : 1 = false;   // not paused
    bool cancelling : 1 = false;       // a cancel of the armed receive is under way
    bool ended : 1 = false;            // no more input will come (EOF or error)
    bool told_error : 1 = false;       // on_closed(errno) has been called
    bool sending : 1 = false;          // a send is pending
    bool closing : 1 = false;          // close() has been called
    bool close_when_sent : 1 = false;  // close() follows the pending send
    bool readable : 1 = false;         // epoll, simulation: there may be something to receive
    std::uint8_t entry_flags = 0;      // io_uring: what each submission carries
    int error = 0;  // epoll, simulation: a failed send that on_closed() has yet to tell; 0: none
  } io;

 protected:
  ~Stream() = default;
};

// One listening socket. The caller owns the descriptor and closes it after on_accept_stopped().
class alignas(16) AcceptHandler : public ListHook<AcceptHandler> {
 public:
  // A new connection; the handler owns the descriptor (a plain int, any core's backend may start() it).
  virtual void on_accept(int fd) = 0;
  // Accepting failed with an errno. Accepting goes on, after a pause where descriptors or memory ran out.
  virtual void on_accept_error(int error) {}
  // Descriptors have run out. The handler may write a farewell of a few bytes to `fd`; the backend closes it
  // afterwards.
  virtual void on_accept_refused(int fd) {}
  virtual void on_accept_stopped() {}

  struct Io {
    int fd = -1;
    std::uint32_t in_flight = 0;
    bool stopping = false;
    bool armed = false;
    bool refusing = false;           // armed on the reserve descriptor
    std::uint64_t resume_at_ns = 0;  // accepting pauses until then; 0: it does not
  } io;

 protected:
  ~AcceptHandler() = default;
};

// Readiness of any descriptor (eventfd, signalfd, a library's socket). Edge-triggered: on_ready() must use
// the descriptor until it would block, or it may not hear of it again. The caller owns the descriptor.
class alignas(16) PollHandler : public ListHook<PollHandler> {
 public:
  virtual void on_ready(std::uint32_t events) = 0;  // EPOLLIN, EPOLLOUT, ... (equal to the POLL constants)
  virtual void on_poll_stopped() {}

  struct Io {
    int fd = -1;
    std::uint32_t events = 0;
    std::uint32_t in_flight = 0;
    bool armed = false;
    bool stopping = false;
  } io;

 protected:
  ~PollHandler() = default;
};

// Plain counters; the backend's core writes them.
struct BackendStats {
  std::uint64_t submissions = 0;       // operations handed to the kernel
  std::uint64_t enters = 0;            // system calls that submit or wait
  std::uint64_t transfers = 0;         // system calls that accept, receive or send; a ring needs none
  std::uint64_t completions = 0;       // outcomes collected
  std::uint64_t starved_receives = 0;  // receives that found no free buffer
  std::uint64_t overflows = 0;         // completion queue overflows
  std::uint64_t accept_pauses = 0;     // times accepting paused for want of descriptors or memory
  std::uint64_t open_streams = 0;      // started and not yet released (a gauge)
};

class Backend {
 public:
  Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  virtual ~Backend() = default;

  virtual const char* name() const = 0;
  // Monotonic nanoseconds; virtual time under simulation.
  virtual std::uint64_t now_ns() const = 0;

  virtual void start_accept(AcceptHandler& handler, int listen_fd) = 0;
  virtual void stop_accept(AcceptHandler& handler) = 0;  // → on_accept_stopped()

  // Adopts the descriptor and begins to read from it.
  virtual void start(Stream& stream, int fd) = 0;
  // Hands over `size` > 0 bytes. One send at a time per stream. A failure shows as on_closed(errno).
  virtual SendStatus send(Stream& stream, const char* data, std::size_t size) = 0;
  virtual void pause_reading(Stream& stream) = 0;
  virtual void resume_reading(Stream& stream) = 0;
  // Ends the connection at once; a pending send is cut short. No callback but on_released() follows.
  // Idempotent.
  virtual void close(Stream& stream) = 0;
  // As close(), but lets the pending send, if any, finish first; until then input is ignored. No on_sent()
  // follows.
  virtual void close_when_sent(Stream& stream) = 0;

  virtual void watch(PollHandler& handler, int fd, std::uint32_t events) = 0;
  virtual void unwatch(PollHandler& handler) = 0;  // → on_poll_stopped()

  // Hands all operations to the kernel, and waits as `mode` says, at most `timeout_ns` (kNever: without
  // limit; ignored when polling). Runs no callbacks.
  virtual void enter(WaitMode mode, std::uint64_t timeout_ns) = 0;
  // Runs the callbacks of what has completed. Returns the number of completions.
  virtual std::size_t reap() = 0;
  // Is there something that reap(), or enter() and then reap(), would deliver? A few loads, no system call.
  virtual bool has_events() const = 0;
  // As has_events(), for a core that spins; may ask the kernel where loads cannot tell.
  virtual bool look_for_events() { return has_events(); }
  // Are there operations that have not been handed to the kernel yet?
  virtual bool has_submissions() const = 0;

  const BackendStats& stats() const { return stats_; }

 protected:
  BackendStats stats_;
};

}  // namespace gyre::reactor
