#include "tests/reactor/world.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <utility>

#include "reactor/base/check.h"
#include "reactor/epoll_backend.h"
#include "reactor/socket.h"

namespace gyre::test {

namespace {

using reactor::Address;
using reactor::Backend;

class SocketClient final : public Client {
 public:
  SocketClient(const Address& address, int receive_buffer) {
    fd_ = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    GYRE_CHECK(fd_ >= 0);
    if (receive_buffer != 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    GYRE_CHECK(::connect(fd_, address.raw(), address.size) == 0);
  }
  ~SocketClient() override {
    if (fd_ >= 0) ::close(fd_);
  }

  std::size_t write(std::string_view bytes) override {
    if (fd_ < 0 || bytes.empty()) return 0;
    const ssize_t written = ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return written < 0 ? 0 : static_cast<std::size_t>(written);
  }
  std::string read(std::size_t bound) override {
    if (fd_ < 0 || bound == 0) return {};
    std::string bytes(bound, 0);
    const ssize_t count = ::recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) ended_ = true;
    bytes.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return bytes;
  }
  void shutdown() override { ::shutdown(fd_, SHUT_WR); }
  void reset() override {
    const linger at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(std::exchange(fd_, -1));
    ended_ = true;
  }
  bool ended() const override { return ended_; }

 private:
  int fd_ = -1;
  bool ended_ = false;
};

class SocketWorld final : public World {
 public:
  SocketWorld(std::unique_ptr<Backend> backend, const WorldOptions& options)
      : receive_buffer_(options.client_receive_buffer) {
    loop_ = std::make_unique<reactor::Loop>(std::move(backend));
    auto addresses = reactor::parse_address("127.0.0.1:0");
    auto listener = reactor::listen_tcp(addresses->front(), 512, reactor::ReusePort::no);
    GYRE_CHECK(listener.has_value());
    listen_fd_ = *listener;
    address_ = reactor::local_address(listen_fd_);
  }
  ~SocketWorld() override { ::close(listen_fd_); }

  int listen_fd() const override { return listen_fd_; }
  std::unique_ptr<Client> connect() override {
    return std::make_unique<SocketClient>(address_, receive_buffer_);
  }

 private:
  int listen_fd_ = -1;
  Address address_;
  const int receive_buffer_;
};

class SimulatedClient final : public Client {
 public:
  explicit SimulatedClient(reactor::SimulatedPeer& peer) : peer_(peer) {}

  std::size_t write(std::string_view bytes) override {
    constexpr std::size_t kTaken = 64 * 1024;  // a kernel's buffer, too, is finite
    if (peer_.server_closed) return 0;
    bytes = bytes.substr(0, kTaken - std::min(kTaken, peer_.to_server.size()));
    peer_.write(bytes);
    return bytes.size();
  }
  std::string read(std::size_t bound) override { return peer_.read(bound); }
  void shutdown() override { peer_.shutdown(); }
  void reset() override { peer_.reset(); }
  bool ended() const override {
    return peer_.was_reset || (peer_.closed_by_server() && peer_.to_peer.empty());
  }

 private:
  reactor::SimulatedPeer& peer_;
};

class SimulatedWorld final : public World {
 public:
  explicit SimulatedWorld(const WorldOptions& options) {
    auto backend = std::make_unique<reactor::SimulatedBackend>(options.seed, options.faults);
    simulation_ = backend.get();
    listen_fd_ = simulation_->listen();
    loop_ = std::make_unique<reactor::Loop>(std::move(backend));
  }

  int listen_fd() const override { return listen_fd_; }
  std::unique_ptr<Client> connect() override {
    return std::make_unique<SimulatedClient>(simulation_->connect(listen_fd_));
  }

 private:
  reactor::SimulatedBackend* simulation_;
  int listen_fd_;
};

}  // namespace

std::unique_ptr<World> World::create(Kernel kernel, const WorldOptions& options) {
  switch (kernel) {
    case Kernel::io_uring: {
      auto backend = reactor::make_uring_backend(options.uring);
      if (!backend) return nullptr;  // the kernel or the container forbids it
      return std::make_unique<SocketWorld>(std::move(*backend), options);
    }
    case Kernel::epoll:
      return std::make_unique<SocketWorld>(reactor::make_epoll_backend(), options);
    case Kernel::simulated:
      return std::make_unique<SimulatedWorld>(options);
  }
  return nullptr;
}

std::string kernel_name(Kernel kernel) {
  switch (kernel) {
    case Kernel::io_uring:
      return "io_uring";
    case Kernel::epoll:
      return "epoll";
    case Kernel::simulated:
      return "simulated";
  }
  return "?";
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator first("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(first), end(first)));
}

}  // namespace gyre::test
