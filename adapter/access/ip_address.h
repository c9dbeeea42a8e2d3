// An IPv4 or IPv6 address without a port, and networks of them.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gyre::adapter {

struct IpAddress {
  enum class Family : std::uint8_t { none, v4, v6 };

  Family family = Family::none;
  std::array<std::uint8_t, 16> bytes{};  // network order; of IPv4 the first four

  unsigned bits() const { return family == Family::v4 ? 32 : 128; }
  bool loopback() const;
  std::string text() const;  // "127.0.0.1", "::1"
  // Same family, and the same first `prefix` bits.
  bool in(const IpAddress& network, unsigned prefix) const;
  // The first `prefix` bits, the rest zero.
  IpAddress network(unsigned prefix) const;
  auto operator<=>(const IpAddress&) const = default;
};

// Null unless the whole text is a numeric address.
std::optional<IpAddress> parse_ip(std::string_view text);
// Of a socket address' bytes (sockaddr_in, sockaddr_in6); an IPv4 address in IPv6's clothes becomes the
// former. Family::none for others.
IpAddress ip_of_socket_address(const void* sockaddr);
// How many bits of a netmask are set; null for one with holes.
std::optional<unsigned> prefix_of_mask(const IpAddress& mask);
IpAddress mask_of(IpAddress::Family family, unsigned prefix);

}  // namespace gyre::adapter
