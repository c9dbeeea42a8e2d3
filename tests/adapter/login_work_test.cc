// A login that fails costs the server the same whether the role exists, has a password, or neither: what is
// counted is not time but what is done, call by call of the library that hashes. The calls are counted by
// standing between us and it.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <vector>

#include "adapter/access/access.h"
#include "pgwire/scram.h"
#include "tests/adapter/world.h"

namespace {

// How often each was called, and over how many bytes where that counts.
struct Work {
  std::size_t keyed = 0, updates = 0, bytes = 0, finals = 0, digests = 0, digested = 0, compares = 0;

  bool operator==(const Work&) const = default;
};
Work work;

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int EVP_MAC_init(void* context, const unsigned char* key, std::size_t size, const void* parameters) {
  static const auto real = next<decltype(&EVP_MAC_init)>("EVP_MAC_init");
  ++work.keyed;
  return real(context, key, size, parameters);
}

int EVP_MAC_update(void* context, const unsigned char* data, std::size_t size) {
  static const auto real = next<decltype(&EVP_MAC_update)>("EVP_MAC_update");
  ++work.updates;
  work.bytes += size;
  return real(context, data, size);
}

int EVP_MAC_final(void* context, unsigned char* out, std::size_t* size, std::size_t room) {
  static const auto real = next<decltype(&EVP_MAC_final)>("EVP_MAC_final");
  ++work.finals;
  return real(context, out, size, room);
}

int EVP_Digest(const void* data, std::size_t count, unsigned char* out, unsigned* size, const void* type,
               void* engine) {
  static const auto real = next<decltype(&EVP_Digest)>("EVP_Digest");
  ++work.digests;
  work.digested += count;
  return real(data, count, out, size, type, engine);
}

int CRYPTO_memcmp(const void* a, const void* b, std::size_t size) {
  static const auto real = next<decltype(&CRYPTO_memcmp)>("CRYPTO_memcmp");
  ++work.compares;
  return real(a, b, size);
}

}  // extern "C"

namespace gyre::test {
namespace {

using adapter::Catalog;
using adapter::Role;
using adapter::RoleId;

Role role_called(Catalog& catalog, const char* name, std::string password) {
  Role role;
  role.id = RoleId(catalog.next_oid++);
  role.name = name;
  role.login = true;
  role.password = std::move(password);
  return role;
}

std::string verifier_of(std::string_view password) {
  pgwire::ScramHash hash(password, std::string(pgwire::kScramSaltBytes, 's'));
  hash.advance(pgwire::kScramIterations);
  return hash.verifier().text();
}

// All names have the same length, so that all messages do.
Catalog catalog_with_roles() {
  Catalog catalog = Catalog::initial();
  catalog.login_secret = std::string(32, 'x');
  catalog.put_role(role_called(catalog, "known__", verifier_of("sesame")));
  catalog.put_role(role_called(catalog, "nopass_", {}));
  Role expired = role_called(catalog, "expired", verifier_of("sesame"));
  expired.password_until_us = 0;
  catalog.put_role(expired);
  return catalog;
}

adapter::Access access_by_password() {
  return {adapter::parse_access_rules("local all all scram-sha-256\n", "hba"), nullptr};
}

// The payload of the only message that was said.
std::string taken(Client& client) {
  OutBuffer& out = client.session.output();
  std::string said(out.data(), out.size());
  out.clear();
  client.session.on_output_taken();
  constexpr std::size_t kHead = 9;  // letter, length, kind
  return said.size() < kHead ? std::string() : said.substr(kHead);
}

struct Attempt {
  Work begun, ended;
  std::string answer;
};

Attempt attempt(World& world, std::uint32_t number, const char* user, const char* password) {
  world.clients.push_back(std::make_unique<Client>(world, world.core(0), adapter::SessionId(1000 + number)));
  Client& client = *world.clients.back();
  Attempt attempt;
  pgwire::ScramClient scram(password, "abcdef");
  OutBuffer out;
  work = {};
  pgwire::client::startup(out, user, "materialize");
  client.say(out);
  taken(client);
  out.clear();
  pgwire::client::sasl_initial_response(out, pgwire::kScramSha256, scram.first());
  client.say(out);
  attempt.begun = work;
  const std::string server_first = taken(client);
  out.clear();
  pgwire::client::sasl_response(out, scram.final_message(server_first));
  work = {};
  client.say(out);
  attempt.ended = work;
  OutBuffer& said = client.session.output();
  attempt.answer = std::string(said.data(), said.size());
  const std::string name = user;
  for (std::size_t at = attempt.answer.find(name); at != std::string::npos; at = attempt.answer.find(name))
    attempt.answer.replace(at, name.size(), "*");
  return attempt;
}

TEST(LoginWork, IsTheSameForRolesThatExistAndForOthers) {
  const adapter::Access access = access_by_password();
  World world(1, 1, catalog_with_roles());
  world.core(0).access = &access;
  const Attempt known = attempt(world, 0, "known__", "wrong");
  EXPECT_GT(known.ended.finals, 0u);
  EXPECT_GT(known.ended.digests, 0u);
  std::uint32_t number = 1;
  for (const char* user : {"nobody_", "nopass_", "expired"}) {
    SCOPED_TRACE(user);
    const Attempt other = attempt(world, number++, user, "wrong");
    EXPECT_EQ(other.begun, known.begun);
    EXPECT_EQ(other.ended, known.ended);
    EXPECT_EQ(other.answer, known.answer);
  }
  // Nobody gets in by the right password of a role that it was right for once.
  EXPECT_EQ(attempt(world, number++, "expired", "sesame").answer, known.answer);
  EXPECT_NE(attempt(world, number++, "known__", "sesame").answer, known.answer);
}

}  // namespace
}  // namespace gyre::test
