// Access lists: who may do what with an object, and who said so. As PostgreSQL has them (manual,
// section 5.7), grantors and grant options included.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/base/ids.h"

namespace gyre::adapter {

// pg_roles.oid. 0 stands for PUBLIC in access lists.
using RoleId = StrongId<struct RoleTag, std::uint32_t>;
inline constexpr RoleId kPublicRole{0};

enum class Privilege : std::uint16_t {
  select = 1,
  insert = 2,
  update = 4,
  delete_ = 8,
  truncate = 16,
  references = 32,
  trigger = 64,
  usage = 128,
  create = 256,
  temporary = 512,
  connect = 1024,
};
using PrivilegeSet = std::uint16_t;
constexpr PrivilegeSet bit(Privilege privilege) {
  return static_cast<PrivilegeSet>(privilege);
}
inline constexpr PrivilegeSet kAllTablePrivileges = 127;

// The kinds of objects that have access lists.
enum class ObjectKind : std::uint8_t { table, column, sequence, schema, database };

struct PrivilegeFacts {
  Privilege privilege;
  std::string_view word;  // as GRANT spells it, lower case
  char letter;            // as an aclitem prints it
};
// In the order in which an aclitem prints them.
std::span<const PrivilegeFacts> privilege_facts();
// What can be granted on an object of this kind at all.
PrivilegeSet privileges_on(ObjectKind kind);
// "table", "sequence", …: as errors name it.
std::string_view noun_of(ObjectKind kind);

struct AclItem {
  RoleId grantee;
  RoleId grantor;
  PrivilegeSet privileges = 0;
  PrivilegeSet grantable = 0;  // of which the grantee may pass on; a subset

  bool operator==(const AclItem&) const = default;
};

// One item per pair of grantee and grantor, none of them empty.
using Acl = std::vector<AclItem>;

// What holds while nobody has granted or revoked anything: everything for the owner, for PUBLIC what
// PostgreSQL gives it.
Acl default_acl(ObjectKind kind, RoleId owner);

// What decides beside the list itself who may pass a privilege on.
struct AclRules {
  RoleId owner;  // has every grant option and cannot lose it
  // Whether the first role has the privileges of the second, and with them its options.
  std::function<bool(RoleId, RoleId)> has_privileges_of;
};

// False where `item` would hand a grant option back to a role from which its grantor has it.
bool acl_can_grant(const Acl& acl, const AclItem& item, const AclRules& rules);
// Adds to, or takes from, what `grantor` gave `grantee`. A grant option lost takes with it what was passed on
// because of it: with `cascade`; otherwise the result is false and the list unchanged.
void acl_grant(Acl& acl, const AclItem& item);
// `options_only`: the privileges stay, the right to pass them on goes.
[[nodiscard]] bool acl_revoke(Acl& acl, const AclItem& item, bool options_only, bool cascade,
                              const AclRules& rules);

// The union of what the items give the roles for which `counts` is true.
PrivilegeSet acl_privileges(const Acl& acl, const std::function<bool(RoleId)>& counts);
PrivilegeSet acl_grantable(const Acl& acl, const std::function<bool(RoleId)>& counts);

// By grantee, then grantor: how lists are compared, and how those from default privileges are kept.
void acl_sort(Acl& acl);
// Another owner: what the old one granted and held is the new one's.
void acl_change_owner(Acl& acl, RoleId before, RoleId after);
// Whether the role is a grantee or grantor in the list.
bool acl_mentions(const Acl& acl, RoleId role);

// "alice=r*w/bob"; `name` gives a role's name as it is to be printed.
std::string print_acl_item(const AclItem& item, const std::function<std::string(RoleId)>& name);

}  // namespace gyre::adapter
