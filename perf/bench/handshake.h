// What happens before the clock starts: connecting, logging in, preparing statements, set-up queries. One
// blocking conversation after the other. Connecting and logging in are libpq's.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "reactor/base/out_buffer.h"
#include "reactor/base/result.h"

namespace gyre::perf {

// Whom to connect to, as libpq's keywords and values.
struct Target {
  std::map<std::string, std::string> parameters;
};

// Any connection string that libpq takes; what it leaves out is the user and the database "materialize". A
// `unix_directory` that is not empty replaces the host.
Result<Target, std::string> parse_target(const std::string& url, const std::string& unix_directory);

class Handshake {
 public:
  // Connects and logs in, unencrypted: the worker speaks to the bare socket.
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
