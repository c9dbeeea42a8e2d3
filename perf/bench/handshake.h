// What happens before the clock starts: connecting, logging in, preparing statements, set-up queries. One
// blocking conversation after the other.
#pragma once

#include <string>
#include <string_view>

#include "reactor/base/out_buffer.h"
#include "reactor/base/result.h"
#include "reactor/socket.h"

namespace gyre::perf {

struct Target {
  reactor::Address address;
  std::string user;
  std::string password;
  std::string database;
};

// "postgres://user:password@host:port/database"; `unix_directory` (may be empty) replaces the host.
Result<Target, std::string> parse_target(std::string_view url, std::string_view unix_directory);

class Handshake {
 public:
  // Connects and logs in (trust or a plain password).
  static Result<Handshake, std::string> open(const Target& target);
  Handshake(Handshake&& other) noexcept : fd_(other.release()) {}
  Handshake& operator=(Handshake&&) = delete;
  ~Handshake();

  // Sends whole messages and waits for one ReadyForQuery. Errors are the server's first message. Returns the
  // number of rows.
  Result<std::uint64_t, std::string> exchange(std::string_view messages);
  Result<std::uint64_t, std::string> query(std::string_view text);
  // Gives the descriptor away.
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  explicit Handshake(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace gyre::perf
