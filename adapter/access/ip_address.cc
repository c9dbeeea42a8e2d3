#include "adapter/access/ip_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace gyre::adapter {

bool IpAddress::loopback() const {
  if (family == Family::v4) return bytes[0] == 127;
  static constexpr std::array<std::uint8_t, 16> kOne = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return family == Family::v6 && bytes == kOne;
}

std::string IpAddress::text() const {
  if (family == Family::none) return {};
  char out[INET6_ADDRSTRLEN];
  inet_ntop(family == Family::v4 ? AF_INET : AF_INET6, bytes.data(), out, sizeof out);
  return out;
}

IpAddress IpAddress::network(unsigned prefix) const {
  IpAddress out = *this;
  for (unsigned bit = prefix; bit < bits(); ++bit)
    out.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80u >> (bit % 8)));
  return out;
}

bool IpAddress::in(const IpAddress& other, unsigned prefix) const {
  return family == other.family && network(prefix) == other.network(prefix);
}

std::optional<IpAddress> parse_ip(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string whole(text);
  IpAddress out;
  if (inet_pton(AF_INET, whole.c_str(), out.bytes.data()) == 1)
    out.family = IpAddress::Family::v4;
  else if (inet_pton(AF_INET6, whole.c_str(), out.bytes.data()) == 1)
    out.family = IpAddress::Family::v6;
  else
    return std::nullopt;
  return out;
}

IpAddress ip_of_socket_address(const void* socket_address) {
  const auto* const any = static_cast<const sockaddr*>(socket_address);
  IpAddress out;
  if (any->sa_family == AF_INET) {
    out.family = IpAddress::Family::v4;
    std::memcpy(out.bytes.data(), &static_cast<const sockaddr_in*>(socket_address)->sin_addr, 4);
  } else if (any->sa_family == AF_INET6) {
    const in6_addr& address = static_cast<const sockaddr_in6*>(socket_address)->sin6_addr;
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&address);
    out.family = mapped ? IpAddress::Family::v4 : IpAddress::Family::v6;
    std::memcpy(out.bytes.data(), address.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
  }
  return out;
}

std::optional<unsigned> prefix_of_mask(const IpAddress& mask) {
  unsigned prefix = 0;
  while (prefix < mask.bits() && (mask.bytes[prefix / 8] & (0x80u >> (prefix % 8))) != 0) ++prefix;
  if (mask.network(prefix) != mask) return std::nullopt;
  return prefix;
}

IpAddress mask_of(IpAddress::Family family, unsigned prefix) {
  IpAddress out;
  out.family = family;
  std::fill_n(out.bytes.begin(), out.bits() / 8, std::uint8_t{0xff});
  return out.network(prefix);
}

}  // namespace gyre::adapter
