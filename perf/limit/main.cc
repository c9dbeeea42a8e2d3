// gyre-limit: the least that a server of this protocol can do. It answers every query with the same bytes and
// knows neither SQL nor rows: what it reaches is the share of the network stack, of io_uring and of the
// client, and no server with these clients on this machine can be faster. Gyre is measured against it.
//
// One thread, one ring with the flags of reactor/ring.cc: multishot accept, multishot receive into provided
// buffers, one enter per turn. Per receive it hops over the messages by their length words and counts those
// that ask for an answer; per turn a connection sends once, from a constant that holds the answer many times.
// Sends report failures only (CQE_SKIP_SUCCESS), which Gyre cannot have since it must know when a buffer is
// free again; a constant is always free.
//
// One simplification that a real server must not copy: with no completion for a send, two sends of one
// connection could overlap when the socket's buffer is full. Clients that keep at most some hundred queries
// in flight never fill it.
#include <getopt.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "perf/limit/answers.h"
#include "reactor/pin.h"
#include "reactor/ring.h"
#include "reactor/socket.h"

namespace gyre::perf {

namespace {

constexpr std::uint64_t kAcceptTag = 1;  // connections are addresses, so never odd

struct Options {
  std::string port = "6880";
  int core = -1;
  std::uint32_t spin_us = 0;
  AnswerKind kind = AnswerKind::simple;
};

struct alignas(16) Peer {
  int fd = -1;
  bool marked = false;  // on the list of those that get an answer this turn
  RequestCounter requests;
};

class Limit {
 public:
  Limit(std::unique_ptr<reactor::Ring> ring, int listener, const Options& options)
      : ring_(std::move(ring)), listener_(listener), spin_us_(options.spin_us), answers_(options.kind) {}

  [[noreturn]] void run() {
    arm_accept();
    for (;;) {
      ring_->for_each_completion([](const reactor::Ring::Completion&) {},
                                 [this](const reactor::Ring::Completion& completion) { take(completion); });
      ring_->publish_recycled();
      answer_marked();
      ring_->poll(stats_);
      if (!ring_->has_events() && !spin()) ring_->sleep(reactor::kNever, stats_);
    }
  }

 private:
  bool spin() {
    if (spin_us_ == 0) return false;
    const std::uint64_t until = now_ns() + spin_us_ * std::uint64_t{1000};
    while (now_ns() < until) {
      if (ring_->flag_is_stale()) ring_->poll(stats_);
      if (!ring_->has_events()) continue;
      ring_->poll(stats_);
      return true;
    }
    return false;
  }

  static std::uint64_t now_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
  }

  void arm_accept() {
    io_uring_sqe* entry = ring_->next_entry();
    io_uring_prep_multishot_accept(entry, listener_, nullptr, nullptr, SOCK_CLOEXEC);
    entry->user_data = kAcceptTag;
  }
  void arm_receive(Peer& peer) {
    io_uring_sqe* entry = ring_->next_entry();
    io_uring_prep_recv_multishot(entry, peer.fd, nullptr, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = reactor::Ring::kBufferGroup;
    entry->ioprio |= IORING_RECVSEND_POLL_FIRST;
    entry->user_data = reinterpret_cast<std::uintptr_t>(&peer);
  }

  void take(const reactor::Ring::Completion& completion) {
    if (completion.user_data == kAcceptTag) {
      accepted(completion);
      return;
    }
    if ((completion.user_data & kSendTag) != 0) return;  // a failed send; the receive will tell, too
    Peer& peer = *reinterpret_cast<Peer*>(completion.user_data);
    if ((completion.flags & IORING_CQE_F_BUFFER) != 0) {
      const auto id = static_cast<std::uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
      if (completion.result > 0) {
        const bool wants =
            peer.requests.take({ring_->buffer(id), static_cast<std::size_t>(completion.result)});
        if (wants && !peer.marked) {
          peer.marked = true;
          marked_.push_back(&peer);
        }
      }
      ring_->recycle(id);
    }
    if ((completion.flags & IORING_CQE_F_MORE) != 0) return;
    if (completion.result > 0 || completion.result == -ENOBUFS) {
      arm_receive(peer);
      return;
    }
    ::close(peer.fd);
    peer.fd = -1;
    closed_.push_back(&peer);
  }

  void accepted(const reactor::Ring::Completion& completion) {
    if (completion.result >= 0) {
      reactor::set_nodelay(completion.result);
      auto peer = std::make_unique<Peer>();
      peer->fd = completion.result;
      arm_receive(*peer.release());
    }
    if ((completion.flags & IORING_CQE_F_MORE) == 0) arm_accept();
  }

  void answer_marked() {
    for (Peer* peer : marked_) {
      peer->marked = false;
      if (peer->fd < 0) continue;
      const std::string_view bytes = answers_.take(peer->requests);
      if (bytes.empty() || peer->requests.over()) {
        ::shutdown(peer->fd, SHUT_RDWR);
        continue;
      }
      io_uring_sqe* entry = ring_->next_entry();
      io_uring_prep_send(entry, peer->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_WAITALL);
      entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
      entry->user_data = reinterpret_cast<std::uintptr_t>(peer) | kSendTag;
    }
    marked_.clear();
    for (Peer* peer : closed_) delete peer;
    closed_.clear();
  }

  static constexpr std::uint64_t kSendTag = 2;

  const std::unique_ptr<reactor::Ring> ring_;
  const int listener_;
  const std::uint32_t spin_us_;
  Answers answers_;
  reactor::BackendStats stats_;
  std::vector<Peer*> marked_;
  std::vector<Peer*> closed_;
};

int fail(const std::string& problem) {
  std::fprintf(stderr, "gyre-limit: %s\n", problem.c_str());
  return 64;
}

template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

int run(int argc, char** argv) {
  Options options;
  static const option kOptions[] = {
      {"port", required_argument, nullptr, 'p'},   {"core", required_argument, nullptr, 'c'},
      {"answer", required_argument, nullptr, 'a'}, {"spin-us", required_argument, nullptr, 's'},
      {"help", no_argument, nullptr, 'h'},         {nullptr, 0, nullptr, 0}};
  for (int option = 0; (option = ::getopt_long(argc, argv, "h", kOptions, nullptr)) != -1;) {
    const std::string_view value = optarg == nullptr ? "" : optarg;
    if (option == 'p') {
      options.port = value;
    } else if (option == 'c') {
      if (!parse_number(value, options.core)) return fail("--core wants a number");
    } else if (option == 's') {
      if (!parse_number(value, options.spin_us)) return fail("--spin-us wants a number");
    } else if (option == 'a') {
      if (value != "simple" && value != "prepared-lookup")
        return fail("--answer wants simple or prepared-lookup");
      options.kind = value == "simple" ? AnswerKind::simple : AnswerKind::prepared_lookup;
    } else {
      std::fputs("usage: gyre-limit [--port N] [--core N] [--answer simple|prepared-lookup] [--spin-us N]\n",
                 option == 'h' ? stdout : stderr);
      return option == 'h' ? 0 : 64;
    }
  }
  if (options.core >= 0) {
    auto pinned = reactor::pin_thread(options.core);
    if (!pinned) return fail(pinned.error());
  }
  auto listeners = reactor::listen_all("127.0.0.1:" + options.port, 4096, reactor::ReusePort::no);
  if (!listeners) return fail(listeners.error());
  auto ring = reactor::Ring::create({});
  if (!ring) return fail(ring.error().reason);
  if (!(*ring)->multishot_receive()) return fail("this kernel has no multishot receive (Linux 6.0)");
  std::printf("gyre-limit listens on port %d\n",
              static_cast<int>(reactor::local_address(listeners->front()).port()));
  std::fflush(stdout);
  Limit(std::move(*ring), listeners->front(), options).run();
}

}  // namespace

}  // namespace gyre::perf

int main(int argc, char** argv) {
  return gyre::perf::run(argc, argv);
}
