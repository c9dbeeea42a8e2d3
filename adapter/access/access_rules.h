// Who may come in, and how they prove who they are: rules in pg_hba.conf's language (PostgreSQL manual, "The
// pg_hba.conf File"). The first line that fits a connection decides.
//
//     TYPE     local | host | hostssl | hostnossl
//     DATABASE all | sameuser | samerole | replication | NAME, a comma between several
//     ROLE     all | +GROUP | NAME, likewise
//     ADDRESS  all | samehost | samenet | IP/BITS | IP MASK; not for local
//     METHOD   trust | reject | scram-sha-256 (also called md5) | cert | peer, then options:
//     clientcert=verify-ca|verify-full
//
// Immutable once made; read by every core.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/access/ip_address.h"
#include "adapter/access/peer.h"
#include "adapter/catalog/catalog.h"

namespace gyre::adapter {

enum class AuthMethod : std::uint8_t { trust, reject, scram_sha_256, cert, peer };
enum class ClientCertificate : std::uint8_t { not_asked, verify_ca, verify_full };

// One name of a DATABASE or ROLE field. In quotes the words with a meaning are names.
struct AccessName {
  std::string text;  // of +GROUP without the sign
  bool quoted = false;
  bool group = false;
};

struct AccessRule {
  enum class Type : std::uint8_t { local, host, hostssl, hostnossl };
  enum class Where : std::uint8_t { all, samehost, samenet, network };

  Type type = Type::local;
  std::vector<AccessName> databases, roles;
  Where where = Where::all;
  IpAddress network;
  unsigned prefix = 0;
  AuthMethod method = AuthMethod::reject;
  ClientCertificate certificate = ClientCertificate::not_asked;
};

// A line of the file as pg_hba_file_rules shows it.
struct AccessLine {
  int number = 0;
  std::string type, address, netmask, method;  // empty: none
  std::vector<std::string> databases, roles, options;
  std::string error;  // empty: it is in force
};

struct AccessRules {
  std::vector<AccessRule> rules;
  std::vector<AccessLine> lines;
  std::vector<std::string> errors;  // "FILE:LINE: what is wrong"; such rules must not be put in force

  // Null where no line fits.
  const AccessRule* match(const Peer& peer, std::string_view database, std::string_view role,
                          const Catalog& catalog) const;
  // Some line lets connections from elsewhere in without any proof.
  bool trusts_strangers() const;
};

// `file` is what errors call it.
AccessRules parse_access_rules(std::string_view text, std::string_view file);
// Reads the file; one that cannot be read is an error among `errors`.
AccessRules read_access_rules(const std::string& path);
// Without a file: this machine is trusted, everyone else has a password.
AccessRules default_access_rules();

std::string_view method_name(AuthMethod method);

}  // namespace gyre::adapter
