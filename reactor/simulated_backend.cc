// One reap() makes a list of everything that could happen next (an accept, a receive, progress of a send, a
// readiness, the end of a close), shuffles it, and lets each happen or not, whole or in part. What happens
// within one connection stays in order; between connections every order occurs. All containers are ordered by
// descriptor number, never by address, so that a run depends on nothing but the seed and the calls.
#include "reactor/simulated_backend.h"

#include <algorithm>
#include <cerrno>

#include "reactor/base/check.h"

namespace gyre::reactor {

namespace {
constexpr std::uint64_t kStepNs = 1'000;          // what a turn takes
constexpr std::uint64_t kAcceptRetryNs = 50'000;  // after a failed accept
}  // namespace

std::string SimulatedPeer::read(std::size_t bound) {
  std::string bytes = to_peer.substr(0, bound);
  to_peer.erase(0, bytes.size());
  return bytes;
}

SimulatedBackend::SimulatedBackend(std::uint64_t seed, SimulationFaults faults,
                                   std::shared_ptr<SimulatedNetwork> network)
    : random_(seed), faults_(faults), network_(std::move(network)) {}
SimulatedBackend::~SimulatedBackend() = default;

bool SimulatedBackend::chance(std::uint32_t per_mille) {
  return per_mille != 0 && random_() % 1000 < per_mille;
}

std::size_t SimulatedBackend::up_to(std::size_t largest) {
  return 1 + random_() % largest;
}

int SimulatedBackend::listen() {
  const int fd = network_->next_fd++;
  listeners_[fd];
  return fd;
}

SimulatedPeer& SimulatedBackend::connect(int listen_fd) {
  const int fd = network_->next_fd++;
  auto peer = std::make_unique<SimulatedPeer>();
  peer->fd = fd;
  listeners_.at(listen_fd).backlog.push_back(peer.get());
  return *(network_->peers[fd] = std::move(peer));
}

void SimulatedBackend::make_ready(int fd, std::uint32_t events) {
  ready_[fd] |= events;
}

SimulatedPeer& SimulatedBackend::peer_of(const Stream& stream) {
  return *network_->peers.at(stream.io.fd);
}

// ---- what the loop asks for ----

void SimulatedBackend::start_accept(AcceptHandler& handler, int listen_fd) {
  handler.io = AcceptHandler::Io{};
  handler.io.fd = listen_fd;
  handler.io.armed = true;
  listeners_.at(listen_fd).handler = &handler;
}

void SimulatedBackend::stop_accept(AcceptHandler& handler) {
  handler.io.stopping = true;
}

void SimulatedBackend::start(Stream& stream, int fd) {
  GYRE_CHECK(stream.io.fd < 0);
  stream.io = Stream::Io{};
  stream.io.fd = fd;
  stream.io.reading_wanted = true;
  peer_of(stream).stream = &stream;
  peer_of(stream).host = this;
  ++stats_.open_streams;
}

SendStatus SimulatedBackend::send(Stream& stream, const char* data, std::size_t size) {
  GYRE_CHECK(size > 0 && !stream.io.sending && stream.io.fd >= 0);
  if (stream.io.closing || stream.io.told_error) return SendStatus::pending;
  ++stats_.submissions;
  SimulatedPeer& peer = peer_of(stream);
  if (chance(faults_.send_at_once) && !peer.was_reset &&
      peer.to_peer.size() + size <= faults_.socket_buffer) {
    peer.to_peer.append(data, size);
    return SendStatus::done;
  }
  stream.io.send_data = data;
  stream.io.send_size = size;
  stream.io.sending = true;
  return SendStatus::pending;
}

void SimulatedBackend::pause_reading(Stream& stream) {
  stream.io.reading_wanted = false;
}

void SimulatedBackend::resume_reading(Stream& stream) {
  if (!stream.io.closing) stream.io.reading_wanted = true;
}

void SimulatedBackend::close(Stream& stream) {
  if (stream.io.fd >= 0) stream.io.closing = true;
}

void SimulatedBackend::close_when_sent(Stream& stream) {
  if (stream.io.closing) return;
  if (!stream.io.sending) {
    close(stream);
    return;
  }
  stream.io.reading_wanted = false;
  stream.io.close_when_sent = true;
}

void SimulatedBackend::watch(PollHandler& handler, int fd, std::uint32_t events) {
  handler.io = PollHandler::Io{};
  handler.io.fd = fd;
  handler.io.events = events;
  handler.io.armed = true;
  polls_[fd] = &handler;
}

void SimulatedBackend::unwatch(PollHandler& handler) {
  handler.io.stopping = true;
}

// ---- what happens ----

bool SimulatedBackend::has_events() const {
  for (const auto& [fd, listener] : listeners_) {
    if (listener.handler == nullptr) continue;
    if (listener.handler->io.stopping ||
        (!listener.backlog.empty() && listener.handler->io.resume_at_ns <= now_ns_))
      return true;
  }
  for (const auto& [fd, peer] : network_->peers) {
    const Stream* stream = peer->stream;
    if (stream == nullptr || peer->host != this) continue;
    const Stream::Io& io = stream->io;
    const bool input = !peer->to_server.empty() || peer->finished || peer->was_reset;
    const bool room = peer->to_peer.size() < faults_.socket_buffer || peer->was_reset;
    if (io.closing || (io.reading_wanted && !io.ended && input) || (io.sending && room)) return true;
  }
  for (const auto& [fd, handler] : polls_) {
    if (handler->io.stopping || ready_.contains(fd)) return true;
  }
  return false;
}

void SimulatedBackend::enter(WaitMode mode, std::uint64_t timeout_ns) {
  ++stats_.enters;
  const bool nothing_comes = mode == WaitMode::sleep && !has_events();
  now_ns_ += nothing_comes && timeout_ns != kNever ? timeout_ns : kStepNs;
}

std::size_t SimulatedBackend::reap() {
  // Keys, not pointers: what one step does may end what another was for.
  std::vector<int> candidates;
  for (const auto& [fd, listener] : listeners_) candidates.push_back(fd);
  for (const auto& [fd, peer] : network_->peers)
    if (peer->stream != nullptr && peer->host == this) candidates.push_back(fd);
  for (const auto& [fd, handler] : polls_) candidates.push_back(fd);
  // Not std::shuffle: its use of the generator differs between standard libraries.
  for (std::size_t i = candidates.size(); i > 1; --i) std::swap(candidates[i - 1], candidates[random_() % i]);

  std::size_t happened = 0;
  for (const int fd : candidates) {
    if (const auto listener = listeners_.find(fd); listener != listeners_.end()) {
      happened += step_accept(listener->second);
    } else if (const auto peer = network_->peers.find(fd); peer != network_->peers.end()) {
      happened += step_stream(*peer->second);
    } else if (const auto poll = polls_.find(fd); poll != polls_.end()) {
      happened += step_poll(*poll->second);
    }
  }
  stats_.completions += happened;
  return happened;
}

bool SimulatedBackend::step_accept(Listener& listener) {
  AcceptHandler* handler = listener.handler;
  if (handler == nullptr) return false;
  if (handler->io.stopping) {
    listener.handler = nullptr;
    handler->io.fd = -1;
    handler->on_accept_stopped();
    return true;
  }
  if (listener.backlog.empty() || handler->io.resume_at_ns > now_ns_) return false;
  if (chance(faults_.accept_failure)) {
    ++stats_.accept_pauses;
    handler->io.resume_at_ns = now_ns_ + kAcceptRetryNs;
    handler->on_accept_error(EMFILE);
    return true;
  }
  SimulatedPeer* peer = listener.backlog.front();
  listener.backlog.pop_front();
  peer->is_accepted = true;
  handler->on_accept(peer->fd);
  return true;
}

bool SimulatedBackend::step_stream(SimulatedPeer& peer) {
  Stream* stream = peer.stream;
  if (stream == nullptr) return false;
  if (stream->io.closing) {
    peer.stream = nullptr;
    peer.server_closed = true;
    stream->io.fd = -1;
    --stats_.open_streams;
    stream->on_released();
    return true;
  }
  if (chance(faults_.reset)) peer.was_reset = true;
  // Either direction may go first, and the first may end the connection.
  const bool send_first = chance(500);
  bool happened = send_first ? step_send(peer, *stream) : step_receive(peer, *stream);
  if (peer.stream == stream && !stream->io.closing)
    happened |= send_first ? step_receive(peer, *stream) : step_send(peer, *stream);
  return happened;
}

bool SimulatedBackend::step_send(SimulatedPeer& peer, Stream& stream) {
  if (!stream.io.sending || chance(faults_.delay_send)) return false;
  if (peer.was_reset) {
    stream.io.sending = false;
    stream.io.ended = true;
    if (stream.io.close_when_sent) {
      stream.io.closing = true;
    } else if (!stream.io.told_error) {
      stream.io.told_error = true;
      stream.on_closed(EPIPE);
    }
    return true;
  }
  if (peer.to_peer.size() >= faults_.socket_buffer) return false;
  std::size_t size = std::min(stream.io.send_size, faults_.socket_buffer - peer.to_peer.size());
  if (chance(faults_.partial_send)) size = up_to(size);
  peer.to_peer.append(stream.io.send_data, size);
  stream.io.send_data += size;
  stream.io.send_size -= size;
  if (stream.io.send_size != 0) return true;
  stream.io.sending = false;
  if (stream.io.close_when_sent) {
    stream.io.closing = true;
  } else {
    stream.on_sent();
  }
  return true;
}

bool SimulatedBackend::step_receive(SimulatedPeer& peer, Stream& stream) {
  if (!stream.io.reading_wanted || stream.io.ended) return false;
  if (peer.was_reset) {
    stream.io.ended = true;
    stream.io.sending = false;
    stream.io.told_error = true;
    stream.on_closed(ECONNRESET);
    return true;
  }
  if (peer.to_server.empty() && !peer.finished) return false;
  if (chance(faults_.delay_receive)) {
    ++stats_.starved_receives;
    return false;
  }
  if (peer.to_server.empty()) {
    stream.io.ended = true;
    stream.on_closed(0);
    return true;
  }
  const std::size_t size = up_to(std::min(peer.to_server.size(), faults_.largest_receive));
  const std::string bytes = peer.to_server.substr(0, size);
  peer.to_server.erase(0, size);
  stream.on_data({bytes.data(), bytes.size()});
  return true;
}

bool SimulatedBackend::step_poll(PollHandler& handler) {
  const int fd = handler.io.fd;
  if (handler.io.stopping) {
    polls_.erase(fd);
    handler.io.fd = -1;
    handler.on_poll_stopped();
    return true;
  }
  std::uint32_t events = 0;
  if (const auto ready = ready_.find(fd); ready != ready_.end()) {
    events = ready->second;
    ready_.erase(ready);
  } else if (chance(faults_.spurious_ready)) {
    events = handler.io.events;
  }
  if (events == 0) return false;
  handler.on_ready(events);
  return true;
}

}  // namespace gyre::reactor
