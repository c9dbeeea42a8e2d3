// The kernel as it might be, drawn from a seed: in-memory connections whose receives come in pieces, whose
// sends stall and finish late, whose completions are reordered between connections, under a virtual clock.
// The same seed and the same calls give the same interleaving, so that a failing test can be replayed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/backend.h"

namespace gyre::reactor {

// Probabilities are per opportunity, in 1/1000.
struct SimulationFaults {
  std::size_t largest_receive = 64;  // receives deliver 1..this many bytes
  std::uint32_t delay_receive =
      200;  // a receive that could complete waits for a later turn (as when buffers starve)
  std::uint32_t delay_send = 200;         // a send makes no progress this turn
  std::uint32_t partial_send = 300;       // ... or only some
  std::uint32_t send_at_once = 0;         // send() is done before it returns, as with epoll
  std::uint32_t reset = 0;                // a connection dies with ECONNRESET
  std::uint32_t accept_failure = 0;       // accepting fails with EMFILE; the connection is taken later
  std::uint32_t spurious_ready = 0;       // on_ready without cause
  std::size_t socket_buffer = 64 * 1024;  // bytes that a peer takes in before it reads
};

// The other end of a simulated connection, held by the test.
class SimulatedPeer {
 public:
  void write(std::string_view bytes) { to_server.append(bytes); }
  std::string read(std::size_t bound = SIZE_MAX);  // what has arrived, at most `bound` bytes
  void shutdown() { finished = true; }             // no more bytes from the peer; it still reads
  void reset() { was_reset = true; }
  bool accepted() const { return is_accepted; }
  bool closed_by_server() const { return server_closed; }  // and all bytes sent before have arrived

  // The simulation's bookkeeping.
  int fd = -1;
  const void* host = nullptr;  // the backend that started the stream
  std::string to_server;       // written, not yet received
  std::string to_peer;         // sent, not yet read
  Stream* stream = nullptr;
  bool is_accepted = false;
  bool finished = false;
  bool was_reset = false;
  bool server_closed = false;
};

// The connections of a machine: a descriptor that one backend has accepted can be started on another that
// shares the network, as with cores of one process. Such backends take turns on one thread.
struct SimulatedNetwork {
  int next_fd = 1'000'000;  // far from any real descriptor
  std::map<int, std::unique_ptr<SimulatedPeer>> peers;
};

class SimulatedBackend final : public Backend {
 public:
  explicit SimulatedBackend(std::uint64_t seed, SimulationFaults faults = {},
                            std::shared_ptr<SimulatedNetwork> network = std::make_shared<SimulatedNetwork>());
  ~SimulatedBackend() override;

  // A listening descriptor for start_accept().
  int listen();
  // Connects to it; the peer lives as long as the network.
  SimulatedPeer& connect(int listen_fd);
  // Makes a watched descriptor ready (any number not given out by listen() or connect()).
  void make_ready(int fd, std::uint32_t events);
  void advance_ns(std::uint64_t duration) { now_ns_ += duration; }

  const char* name() const override { return "simulated"; }
  std::uint64_t now_ns() const override { return now_ns_; }
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
  // Sleeping advances the clock: a little when something can happen, by the whole timeout otherwise.
  void enter(WaitMode mode, std::uint64_t timeout_ns) override;
  std::size_t reap() override;
  bool has_events() const override;
  bool has_submissions() const override { return false; }

 private:
  struct Listener {
    std::deque<SimulatedPeer*> backlog;
    AcceptHandler* handler = nullptr;
  };

  bool chance(std::uint32_t per_mille);
  std::size_t up_to(std::size_t largest);  // 1..largest
  SimulatedPeer& peer_of(const Stream& stream);
  bool step_accept(Listener& listener);
  bool step_stream(SimulatedPeer& peer);
  bool step_send(SimulatedPeer& peer, Stream& stream);
  bool step_receive(SimulatedPeer& peer, Stream& stream);
  bool step_poll(PollHandler& handler);

  std::mt19937_64 random_;
  const SimulationFaults faults_;
  std::uint64_t now_ns_ = 1'000'000'000;
  std::map<int, Listener> listeners_;
  const std::shared_ptr<SimulatedNetwork> network_;
  std::map<int, PollHandler*> polls_;
  std::map<int, std::uint32_t> ready_;
};

}  // namespace gyre::reactor
