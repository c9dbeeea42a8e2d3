// A loop over one of the three backends with clients at its other end, all in one thread: step() lets the
// loop take a turn that does not block. The same test runs over kernel sockets and over the simulation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "reactor/loop.h"
#include "reactor/simulated_backend.h"
#include "reactor/uring_backend.h"

namespace gyre::test {

class Client {
 public:
  virtual ~Client() = default;
  virtual std::size_t write(std::string_view bytes) = 0;  // how many were taken, maybe none
  virtual std::string read(std::size_t bound) = 0;        // what is there
  virtual void shutdown() = 0;                            // no more writing
  virtual void reset() = 0;                               // drop the connection rudely
  // No more bytes will come. Call after read().
  virtual bool ended() const = 0;
};

enum class Kernel { io_uring, epoll, simulated };

struct WorldOptions {
  std::uint64_t seed = 1;
  reactor::UringOptions uring;
  reactor::SimulationFaults faults;
  int client_receive_buffer = 0;  // bytes, 0: the kernel's default
};

class World {
 public:
  static std::unique_ptr<World> create(Kernel kernel, const WorldOptions& options);
  virtual ~World() = default;

  reactor::Loop& loop() { return *loop_; }
  virtual int listen_fd() const = 0;
  virtual std::unique_ptr<Client> connect() = 0;
  void step() { loop_->turn(0); }

 protected:
  std::unique_ptr<reactor::Loop> loop_;
};

std::string kernel_name(Kernel kernel);
// How many descriptors this process has open.
std::size_t open_descriptors();

}  // namespace gyre::test
