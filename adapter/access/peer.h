// Who is at the other end of a connection, as far as the connection itself can tell.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "adapter/access/ip_address.h"

namespace gyre::adapter {

struct Peer {
  bool local = true;  // a unix socket
  IpAddress address;  // otherwise
  std::uint16_t port = 0;
  std::string local_user;  // of a unix socket: the peer's account on this machine; empty: unknown
  bool encrypted = false;
  std::string end_point;         // hash of the server's certificate, for channel binding; empty: none
  bool certificate = false;      // showed one that --tls-ca vouches for
  std::string certificate_name;  // its common name

  // As messages and the log call it.
  std::string host() const { return local ? "[local]" : address.text(); }
};

}  // namespace gyre::adapter
