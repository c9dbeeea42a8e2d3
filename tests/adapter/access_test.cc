// Access rules: reading, matching, errors with their line; what is counted and slowed down by address.
#include "adapter/access/access_rules.h"

#include <gtest/gtest.h>

#include "adapter/access/login_throttle.h"
#include "adapter/access/tally.h"

namespace gyre::adapter {
namespace {

Peer from(std::string_view address, bool encrypted = false) {
  Peer peer;
  peer.local = false;
  peer.address = *parse_ip(address);
  peer.encrypted = encrypted;
  return peer;
}

Catalog catalog_with_groups() {
  Catalog catalog = Catalog::initial();
  const auto add = [&](const char* name, std::vector<RoleId> groups) {
    Role role;
    role.id = RoleId(catalog.next_oid++);
    role.name = name;
    for (const RoleId group : groups) role.member_of.push_back({group, RoleId(10), false});
    catalog.put_role(role);
    return role.id;
  };
  const RoleId staff = add("staff", {});
  const RoleId managers = add("managers", {staff});
  add("alice", {managers});
  add("bob", {});
  return catalog;
}

// The method's name for a connection, or "none".
std::string method(std::string_view rules, const Peer& peer, std::string_view role = "alice",
                   std::string_view database = "materialize") {
  static const Catalog catalog = catalog_with_groups();
  const AccessRules read = parse_access_rules(rules, "hba");
  EXPECT_TRUE(read.errors.empty()) << read.errors.front();
  const AccessRule* const rule = read.match(peer, database, role, catalog);
  return rule == nullptr ? "none" : std::string(method_name(rule->method));
}

std::string error(std::string_view rules) {
  const AccessRules read = parse_access_rules(rules, "hba");
  return read.errors.empty() ? "" : read.errors.front();
}

TEST(AccessRules, TheFirstThatFitsDecides) {
  constexpr std::string_view kRules =
      "# comment\n"
      "\n"
      "local   all all trust   # behind a rule\n"
      "host all all 10.0.0.0/8 reject\n"
      "host all all 10.1.0.0 255.255.0.0 trust\n"
      "hostssl all all 0.0.0.0/0 scram-sha-256\n"
      "hostnossl all all ::/0 reject\n";
  EXPECT_EQ(method(kRules, Peer()), "trust");
  EXPECT_EQ(method(kRules, from("10.1.2.3")), "reject");
  EXPECT_EQ(method(kRules, from("192.0.2.1")), "none");
  EXPECT_EQ(method(kRules, from("192.0.2.1", true)), "scram-sha-256");
  EXPECT_EQ(method(kRules, from("2001:db8::1")), "reject");
  EXPECT_EQ(method(kRules, from("2001:db8::1", true)), "none");
}

TEST(AccessRules, Names) {
  const Peer peer;
  EXPECT_EQ(method("local all alice trust\n", peer), "trust");
  EXPECT_EQ(method("local all bob,alice trust\n", peer), "trust");
  EXPECT_EQ(method("local all bob, alice trust\n", peer), "trust");
  EXPECT_EQ(method("local all bob trust\n", peer), "none");
  EXPECT_EQ(method("local all +staff trust\n", peer), "trust");
  EXPECT_EQ(method("local all +staff trust\n", peer, "bob"), "none");
  EXPECT_EQ(method("local all +nobody trust\n", peer), "none");
  EXPECT_EQ(method("local all \"+staff\" trust\n", peer), "none");
  EXPECT_EQ(method("local all \"all\" trust\n", peer), "none");
  EXPECT_EQ(method("local all \"all\" trust\n", peer, "all"), "trust");
  EXPECT_EQ(method("local \"my db\" all trust\n", peer, "alice", "my db"), "trust");
  EXPECT_EQ(method("local \"a\"\"b\" all trust\n", peer, "alice", "a\"b"), "trust");
  EXPECT_EQ(method("local sameuser all trust\n", peer, "alice", "alice"), "trust");
  EXPECT_EQ(method("local sameuser all trust\n", peer), "none");
  EXPECT_EQ(method("local samerole all trust\n", peer, "alice", "staff"), "trust");
  EXPECT_EQ(method("local replication all trust\n", peer, "alice", "replication"), "none");
  EXPECT_EQ(method("local all \\\n  all \\\n  peer\n", peer), "peer");
  EXPECT_EQ(method("local all all peer", peer), "peer");
  EXPECT_EQ(method("host all all all md5\r\n", from("192.0.2.1")), "scram-sha-256");
  EXPECT_EQ(method("host all all samehost trust\n", from("127.0.0.1")), "trust");
  EXPECT_EQ(method("host all all samehost trust\n", from("192.0.2.1")), "none");
  EXPECT_EQ(method("hostssl all all all cert\n", from("192.0.2.1", true)), "cert");
}

TEST(AccessRules, ErrorsNameTheirLine) {
  EXPECT_EQ(error("\nremote all all trust\n"), "hba:2: invalid connection type \"remote\"");
  EXPECT_EQ(error("local\n"), "hba:1: end-of-line before database specification");
  EXPECT_EQ(error("local all\n"), "hba:1: end-of-line before role specification");
  EXPECT_EQ(error("local all all\n"), "hba:1: end-of-line before authentication method");
  EXPECT_EQ(error("host all all\n"), "hba:1: end-of-line before IP address specification");
  EXPECT_EQ(error("host all all 10.0.0.1 trust\n"), "hba:1: invalid IP mask \"trust\"");
  EXPECT_EQ(error("host all all 10.0.0.1\n"), "hba:1: end-of-line before netmask specification");
  EXPECT_EQ(error("host all all 10.0.0.0 255.0.255.0 trust\n"), "hba:1: invalid IP mask \"255.0.255.0\"");
  EXPECT_EQ(error("host all all 10.0.0.0 ffff:: trust\n"), "hba:1: IP address and mask do not match");
  EXPECT_EQ(error("host all all 10.0.0.0/33 trust\n"), "hba:1: invalid CIDR mask in address \"10.0.0.0/33\"");
  EXPECT_EQ(error("host all all 10.0.0.0/x trust\n"), "hba:1: invalid CIDR mask in address \"10.0.0.0/x\"");
  EXPECT_EQ(error("host all all 10.0.0.0/8,10.1.0.0/16 trust\n"),
            "hba:1: multiple values specified for host address");
  EXPECT_NE(error("host all all example.com trust\n").find("hba:1: invalid IP address \"example.com\""),
            std::string::npos);
  EXPECT_EQ(error("local all all kerberos\n"), "hba:1: invalid authentication method \"kerberos\"");
  EXPECT_NE(error("local all all password\n").find("in clear"), std::string::npos);
  EXPECT_EQ(error("host all all all cert\n"),
            "hba:1: cert authentication is only supported on hostssl connections");
  EXPECT_EQ(error("host all all all peer\n"),
            "hba:1: peer authentication is only supported on local sockets");
  EXPECT_EQ(error("local all all trust map=x\n"), "hba:1: unrecognized authentication option name: \"map\"");
  EXPECT_EQ(error("local all all trust x\n"), "hba:1: authentication option not in name=value format: x");
  EXPECT_EQ(error("host all all all trust clientcert=verify-ca\n"),
            "hba:1: clientcert can only be configured for \"hostssl\" rows");
  EXPECT_EQ(error("hostssl all all all cert clientcert=verify-ca\n"),
            "hba:1: clientcert only accepts \"verify-full\" when using \"cert\" authentication");
  EXPECT_EQ(error("local \"all all trust\n"), "hba:1: unterminated quoted name");
  EXPECT_EQ(error("local @file all trust\n"), "hba:1: names from a file (\"@file\") are not supported");
  EXPECT_EQ(error("local all all \\\n trust\nbad\n"), "hba:3: invalid connection type \"bad\"");
  EXPECT_EQ(error("# nothing\n"), "hba: contains no entries");
  EXPECT_EQ(parse_access_rules("a\nb\nlocal all all trust\nc\n", "hba").errors.size(), 3u);
}

TEST(AccessRules, WhatTrustsStrangers) {
  const auto trusts = [](std::string_view text) {
    return parse_access_rules(text, "hba").trusts_strangers();
  };
  EXPECT_FALSE(default_access_rules().trusts_strangers());
  EXPECT_FALSE(trusts("local all all trust\n"));
  EXPECT_FALSE(trusts("host all all 127.0.0.1/32 trust\n"));
  EXPECT_FALSE(trusts("host all all samehost trust\n"));
  EXPECT_FALSE(trusts("hostssl all all all cert\n"));
  EXPECT_FALSE(trusts("hostssl all all all trust clientcert=verify-full\n"));
  EXPECT_TRUE(trusts("host all all 127.0.0.0/7 trust\n"));
  EXPECT_TRUE(trusts("host all all ::/0 trust\n"));
  EXPECT_TRUE(trusts("hostssl all all all trust\n"));
  EXPECT_TRUE(trusts("host all all samenet trust\n"));
}

TEST(AccessRules, TheBuiltInOnes) {
  const Catalog catalog = Catalog::initial();
  const AccessRules rules = default_access_rules();
  const auto method_for = [&](const Peer& peer) { return rules.match(peer, "d", "r", catalog)->method; };
  EXPECT_EQ(method_for(Peer()), AuthMethod::trust);
  EXPECT_EQ(method_for(from("127.0.0.1")), AuthMethod::trust);
  EXPECT_EQ(method_for(from("::1")), AuthMethod::trust);
  EXPECT_EQ(method_for(from("192.0.2.7")), AuthMethod::scram_sha_256);
  EXPECT_EQ(method_for(from("2001:db8::1", true)), AuthMethod::scram_sha_256);
}

TEST(IpAddress, PrefixesOfEveryLength) {
  const IpAddress ones = *parse_ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  for (unsigned prefix = 0; prefix <= 128; ++prefix) {
    EXPECT_EQ(prefix_of_mask(ones.network(prefix)), prefix);
    EXPECT_EQ(mask_of(IpAddress::Family::v6, prefix), ones.network(prefix));
  }
  EXPECT_TRUE(parse_ip("10.1.2.3")->in(*parse_ip("10.1.0.0"), 16));
  EXPECT_FALSE(parse_ip("10.2.2.3")->in(*parse_ip("10.1.0.0"), 16));
  EXPECT_FALSE(parse_ip("::1")->in(*parse_ip("0.0.0.0"), 0));
  for (const char* text : {"", "1.2.3", "1.2.3.4.5", "::1%lo", "256.1.1.1", "localhost"})
    EXPECT_FALSE(parse_ip(text)) << text;
  EXPECT_FALSE(parse_ip(std::string_view("::1\0x", 5)).has_value());
}

TEST(LoginThrottle, DelaysDoubleAreBoundedAndForgotten) {
  LoginThrottle throttle(1'000'000);
  constexpr std::uint32_t address = 1, other = 2;
  std::uint64_t now = LoginThrottle::kForgetUs * 2;
  EXPECT_EQ(throttle.on_failure(address, now), 20'000u);
  EXPECT_EQ(throttle.on_failure(address, now), 40'000u);
  EXPECT_EQ(throttle.on_failure(other, now), 20'000u);
  for (int i = 0; i < 100; ++i) throttle.on_failure(address, now);
  EXPECT_EQ(throttle.on_failure(address, now), 1'000'000u);
  now += LoginThrottle::kForgetUs + 1;
  EXPECT_EQ(throttle.on_failure(address, now), 20'000u);
  EXPECT_EQ(LoginThrottle(0).on_failure(address, now), 0u);
}

TEST(CountedAddress, ANetworkOfIpv6IsOne) {
  EXPECT_EQ(counted_address(*parse_ip("2001:db8::1")), counted_address(*parse_ip("2001:db8::2")));
  EXPECT_NE(counted_address(*parse_ip("2001:db8::1")), counted_address(*parse_ip("2001:db8:0:1::1")));
  EXPECT_NE(counted_address(*parse_ip("192.0.2.1")), counted_address(*parse_ip("192.0.2.2")));
}

TEST(LoginThrottle, TheTableIsBounded) {
  LoginThrottle throttle(1'000'000);
  for (std::uint32_t address = 0; address < 3 * LoginThrottle::kMostAddresses; ++address) {
    throttle.on_failure(address, 1'000'000'000);
    ASSERT_LE(throttle.size(), LoginThrottle::kMostAddresses);
  }
}

TEST(Tally, CountsOverAllCores) {
  Tally tally(3, 1);
  EXPECT_EQ(tally.total(7), 0u);
  EXPECT_EQ(tally.add(7), 1u);
  EXPECT_EQ(tally.add(7), 2u);
  tally.hear(7, 0, 5);
  tally.hear(7, 2, 1);
  EXPECT_EQ(tally.total(7), 8u);
  tally.hear(7, 0, 0);
  EXPECT_EQ(tally.remove(7), 1u);
  EXPECT_EQ(tally.remove(7), 0u);
  EXPECT_EQ(tally.total(7), 1u);
  tally.hear(7, 2, 0);
  EXPECT_EQ(tally.size(), 0u);
}

}  // namespace
}  // namespace gyre::adapter
