#include "reactor/socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace gyre::reactor {

namespace {

const sockaddr_in& as_ipv4(const Address& address) {
  return reinterpret_cast<const sockaddr_in&>(address.storage);
}
const sockaddr_in6& as_ipv6(const Address& address) {
  return reinterpret_cast<const sockaddr_in6&>(address.storage);
}

Unexpected<std::string> failure(const char* action, const Address& address, int error) {
  return Unexpected{std::string("cannot ") + action + " " + address.text() + ": " + std::strerror(error)};
}

bool parse_port(std::string_view text, std::uint16_t& port) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size();
}

Address ipv4_address(in_addr host) {
  Address address;
  auto& raw = reinterpret_cast<sockaddr_in&>(address.storage);
  raw.sin_family = AF_INET;
  raw.sin_addr = host;
  address.size = sizeof raw;
  return address;
}

Address ipv6_address(const in6_addr& host) {
  Address address;
  auto& raw = reinterpret_cast<sockaddr_in6&>(address.storage);
  raw.sin6_family = AF_INET6;
  raw.sin6_addr = host;
  address.size = sizeof raw;
  return address;
}

Result<std::vector<Address>, std::string> resolve(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); error != 0)
    return Unexpected{"cannot resolve host name \"" + host + "\": " + ::gai_strerror(error)};
  std::vector<Address> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    Address address;
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    address.size = one->ai_addrlen;
    addresses.push_back(address);
  }
  ::freeaddrinfo(found);
  return addresses;
}

Result<std::vector<Address>, std::string> parse_host(const std::string& host) {
  if (host.empty()) return std::vector<Address>{ipv4_address({htonl(INADDR_ANY)}), ipv6_address(in6addr_any)};
  if (host == "localhost")
    return std::vector<Address>{ipv4_address({htonl(INADDR_LOOPBACK)}), ipv6_address(in6addr_loopback)};
  in_addr ipv4{};
  if (::inet_pton(AF_INET, host.c_str(), &ipv4) == 1) return std::vector<Address>{ipv4_address(ipv4)};
  in6_addr ipv6{};
  if (::inet_pton(AF_INET6, host.c_str(), &ipv6) == 1) return std::vector<Address>{ipv6_address(ipv6)};
  return resolve(host);
}

void set_option(int fd, int level, int option) {
  const int on = 1;
  ::setsockopt(fd, level, option, &on, sizeof on);
}

Result<int, std::string> bind_and_listen(int fd, const Address& address, int backlog) {
  if (::bind(fd, address.raw(), address.size) != 0 || ::listen(fd, backlog) != 0) {
    const int error = errno;
    ::close(fd);
    return failure("listen on", address, error);
  }
  return fd;
}

// Does this machine lack the address (as opposed to: is it taken, or forbidden)?
bool is_absent(const Address& address) {
  const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno == EAFNOSUPPORT;
  Address any_port = address;
  any_port.set_port(0);
  const bool absent = ::bind(fd, any_port.raw(), any_port.size) != 0 && errno == EADDRNOTAVAIL;
  ::close(fd);
  return absent;
}

}  // namespace

std::uint16_t Address::port() const {
  if (family() == AF_INET) return ntohs(as_ipv4(*this).sin_port);
  if (family() == AF_INET6) return ntohs(as_ipv6(*this).sin6_port);
  return 0;
}

void Address::set_port(std::uint16_t port) {
  if (family() == AF_INET) reinterpret_cast<sockaddr_in&>(storage).sin_port = htons(port);
  if (family() == AF_INET6) reinterpret_cast<sockaddr_in6&>(storage).sin6_port = htons(port);
}

std::string Address::text() const {
  char host[INET6_ADDRSTRLEN] = {};
  switch (family()) {
    case AF_INET:
      ::inet_ntop(AF_INET, &as_ipv4(*this).sin_addr, host, sizeof host);
      return std::string(host) + ":" + std::to_string(port());
    case AF_INET6:
      ::inet_ntop(AF_INET6, &as_ipv6(*this).sin6_addr, host, sizeof host);
      return std::string("[") + host + "]:" + std::to_string(port());
    case AF_UNIX:
      return reinterpret_cast<const sockaddr_un&>(storage).sun_path;
    default:
      return "?";
  }
}

Result<std::vector<Address>, std::string> parse_address(std::string_view text) {
  std::string_view host = "localhost";
  std::string_view port_text = text;
  if (const auto colon = text.rfind(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port_text = text.substr(colon + 1);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) {
      host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
      return Unexpected{"address \"" + std::string(text) +
                        "\": write IPv6 addresses in brackets, as in [::1]:6875"};
    }
  }
  std::uint16_t port = 0;
  if (!parse_port(port_text, port))
    return Unexpected{"address \"" + std::string(text) + "\" is not of the form host:port"};
  auto addresses = parse_host(std::string(host));
  if (!addresses) return addresses;
  for (Address& address : *addresses) address.set_port(port);
  return addresses;
}

Address unix_address(std::string_view path) {
  Address address;
  auto& raw = reinterpret_cast<sockaddr_un&>(address.storage);
  raw.sun_family = AF_UNIX;
  // A path that does not fit is cut, and listen_unix() refuses it.
  const std::size_t length = std::min(path.size(), sizeof raw.sun_path - 1);
  std::memcpy(raw.sun_path, path.data(), length);
  address.size = sizeof raw;
  return address;
}

Result<int, std::string> listen_tcp(const Address& address, int backlog, ReusePort reuse_port) {
  const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failure("listen on", address, errno);
  set_option(fd, SOL_SOCKET, SO_REUSEADDR);
  if (reuse_port == ReusePort::yes) set_option(fd, SOL_SOCKET, SO_REUSEPORT);
  if (address.family() == AF_INET6) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  return bind_and_listen(fd, address, backlog);
}

Result<int, std::string> listen_unix(std::string_view path, int backlog) {
  const Address address = unix_address(path);
  if (address.text() != path) return Unexpected{"socket path \"" + std::string(path) + "\" is too long"};
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failure("listen on", address, errno);
  struct stat status {};
  if (::stat(address.text().c_str(), &status) == 0 && S_ISSOCK(status.st_mode))
    ::unlink(address.text().c_str());
  return bind_and_listen(fd, address, backlog);
}

Result<std::vector<int>, std::string> listen_all(std::string_view text, int backlog, ReusePort reuse_port) {
  auto addresses = parse_address(text);
  if (!addresses) return Unexpected{addresses.error()};
  std::vector<int> descriptors;
  std::string first_absence;
  std::uint16_t port = addresses->front().port();
  for (Address& address : *addresses) {
    address.set_port(port);
    const auto listener = listen_tcp(address, backlog, reuse_port);
    if (listener) {
      descriptors.push_back(*listener);
      if (port == 0) port = local_address(*listener).port();
    } else if (is_absent(address)) {
      if (first_absence.empty()) first_absence = listener.error();
    } else {
      for (const int fd : descriptors) ::close(fd);
      return Unexpected{listener.error()};
    }
  }
  if (descriptors.empty()) return Unexpected{first_absence};
  return descriptors;
}

Result<int, std::string> connect_to(const Address& address) {
  const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failure("connect to", address, errno);
  if (::connect(fd, address.raw(), address.size) != 0) {
    const int error = errno;
    ::close(fd);
    return failure("connect to", address, error);
  }
  return fd;
}

Address local_address(int fd) {
  Address address;
  address.size = sizeof address.storage;
  ::getsockname(fd, address.raw(), &address.size);
  return address;
}

Address peer_address(int fd) {
  Address address;
  address.size = sizeof address.storage;
  ::getpeername(fd, address.raw(), &address.size);
  return address;
}

void set_nodelay(int fd) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY);
}

}  // namespace gyre::reactor
