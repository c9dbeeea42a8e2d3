#include "reactor/socket.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "reactor/pin.h"
#include "reactor/uring_backend.h"

namespace gyre::reactor {
namespace {

std::vector<std::string> texts(std::string_view text) {
  std::vector<std::string> result;
  auto addresses = parse_address(text);
  if (!addresses) return {"error"};
  for (const Address& address : *addresses) result.push_back(address.text());
  return result;
}

using Texts = std::vector<std::string>;

TEST(Address, IsParsedAndPrinted) {
  EXPECT_EQ(texts("127.0.0.1:6875"), (Texts{"127.0.0.1:6875"}));
  EXPECT_EQ(texts("[::1]:6875"), (Texts{"[::1]:6875"}));
  EXPECT_EQ(texts("localhost:6875"), (Texts{"127.0.0.1:6875", "[::1]:6875"}));
  EXPECT_EQ(texts("6875"), (Texts{"127.0.0.1:6875", "[::1]:6875"}));
  EXPECT_EQ(texts(":80"), (Texts{"0.0.0.0:80", "[::]:80"}));
  for (const char* wrong :
       {"", "localhost", "localhost:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80", "127.0.0.1:80x"})
    EXPECT_EQ(texts(wrong), Texts{"error"}) << wrong;
}

TEST(Listen, LocalhostIsReachableOnEachOfItsAddresses) {
  auto listeners = listen_all("localhost:0", 16, ReusePort::yes);
  ASSERT_TRUE(listeners.has_value()) << listeners.error();
  const std::uint16_t port = local_address(listeners->front()).port();
  for (const int listener : *listeners) {
    const Address address = local_address(listener);
    EXPECT_EQ(address.port(), port);
    auto client = connect_to(address);
    ASSERT_TRUE(client.has_value()) << client.error();
    set_nodelay(*client);
    EXPECT_EQ(peer_address(*client).text(), address.text());
    ::close(*client);
  }
  // A second core may listen beside the first, and one that does not ask to share may not.
  auto second = listen_all("localhost:" + std::to_string(port), 16, ReusePort::yes);
  EXPECT_TRUE(second.has_value());
  auto greedy = listen_all("localhost:" + std::to_string(port), 16, ReusePort::no);
  ASSERT_FALSE(greedy.has_value());
  EXPECT_NE(greedy.error().find("127.0.0.1:" + std::to_string(port)), std::string::npos) << greedy.error();
  for (const int fd : *listeners) ::close(fd);
  for (const int fd : *second) ::close(fd);
}

TEST(Listen, UnixSocketReplacesAStaleOne) {
  char directory[] = "/tmp/gyre-socket-XXXXXX";
  ASSERT_NE(::mkdtemp(directory), nullptr);
  const std::string path = std::string(directory) + "/.s.PGSQL.6875";
  auto first = listen_unix(path, 4);
  ASSERT_TRUE(first.has_value()) << first.error();
  ::close(*first);
  auto second = listen_unix(path, 4);
  ASSERT_TRUE(second.has_value()) << second.error();
  auto client = connect_to(unix_address(path));
  EXPECT_TRUE(client.has_value());
  if (client) ::close(*client);
  ::close(*second);
  EXPECT_FALSE(listen_unix(std::string(200, 'x'), 4).has_value());
  ::unlink(path.c_str());
  ::rmdir(directory);
}

TEST(CoreList, IsParsed) {
  EXPECT_EQ(parse_core_list("0-3,6").value(), (std::vector<int>{0, 1, 2, 3, 6}));
  EXPECT_EQ(parse_core_list("5,1,1-2").value(), (std::vector<int>{1, 2, 5}));
  for (const char* wrong : {"", ",", "1,", "a", "3-1", "1-", "-1", "99999"})
    EXPECT_FALSE(parse_core_list(wrong).has_value()) << wrong;
  EXPECT_FALSE(available_cores().empty());
}

TEST(Uring, SaysWhatItOffersOrWhyItDoesNot) {
  auto probe = probe_uring();
  if (probe) {
    EXPECT_EQ(probe->find("io_uring"), 0u);
  } else {
    EXPECT_NE(probe.error().error, 0);
    EXPECT_GT(probe.error().reason.size(), 20u);
  }
}

}  // namespace
}  // namespace gyre::reactor
