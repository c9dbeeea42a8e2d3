// Sockets as the kernel has them, for start-up: addresses, listening, options. All calls may block on name
// resolution only; errors are sentences that name the address.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/base/result.h"

namespace gyre::reactor {

// An IPv4, IPv6 or unix address.
struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* raw() { return reinterpret_cast<sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  std::uint16_t port() const;         // 0 for unix addresses
  void set_port(std::uint16_t port);  // no effect on unix addresses
  std::string text() const;           // "127.0.0.1:6875", "[::1]:6875", "/run/gyre/.s.PGSQL.6875"
};

// "127.0.0.1:6875", "[::1]:6875", "localhost:6875", "host:port", ":6875" (any address), or "6875" (loopback).
// "localhost" gives 127.0.0.1 and ::1, since clients resolve it to either. At least one address when there is
// no error.
Result<std::vector<Address>, std::string> parse_address(std::string_view text);
Address unix_address(std::string_view path);

enum class ReusePort : std::uint8_t {
  no,
  yes
};  // yes: one listener per core, the kernel spreads connections

// Returns the listening descriptor, close-on-exec.
Result<int, std::string> listen_tcp(const Address& address, int backlog, ReusePort reuse_port);
// Removes a stale socket file of that name first.
Result<int, std::string> listen_unix(std::string_view path, int backlog);
// One listener per address of `text`. Addresses that this machine does not have (no IPv6, say) are left out
// as long as one remains. When the port is 0, all listen on the one that the kernel picks for the first.
Result<std::vector<int>, std::string> listen_all(std::string_view text, int backlog, ReusePort reuse_port);

// Blocking connect, for clients and tests.
Result<int, std::string> connect_to(const Address& address);

Address local_address(int fd);
Address peer_address(int fd);
void set_nodelay(int fd);  // no effect on unix sockets

}  // namespace gyre::reactor
