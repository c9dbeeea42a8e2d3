#include "adapter/catalog/acl.h"

#include <algorithm>

namespace gyre::adapter {

namespace {

constexpr PrivilegeFacts kFacts[] = {
    {Privilege::insert, "insert", 'a'},     {Privilege::select, "select", 'r'},
    {Privilege::update, "update", 'w'},     {Privilege::delete_, "delete", 'd'},
    {Privilege::truncate, "truncate", 'D'}, {Privilege::references, "references", 'x'},
    {Privilege::trigger, "trigger", 't'},   {Privilege::usage, "usage", 'U'},
    {Privilege::create, "create", 'C'},     {Privilege::temporary, "temporary", 'T'},
    {Privilege::connect, "connect", 'c'},
};

constexpr PrivilegeSet set_of(std::initializer_list<Privilege> privileges) {
  PrivilegeSet set = 0;
  for (const Privilege privilege : privileges) set = static_cast<PrivilegeSet>(set | bit(privilege));
  return set;
}

constexpr PrivilegeSet without(PrivilegeSet set, PrivilegeSet taken) {
  return static_cast<PrivilegeSet>(set & ~taken);
}

AclItem* find_item(Acl& acl, RoleId grantee, RoleId grantor) {
  const auto found = std::find_if(acl.begin(), acl.end(), [&](const AclItem& item) {
    return item.grantee == grantee && item.grantor == grantor;
  });
  return found == acl.end() ? nullptr : &*found;
}

void drop_empty(Acl& acl) {
  std::erase_if(acl, [](const AclItem& item) { return item.privileges == 0; });
}

// The options with which a role may grant, from anybody and through any role whose privileges it has.
PrivilegeSet options_of(const Acl& acl, RoleId role, const AclRules& rules) {
  if (rules.has_privileges_of(role, rules.owner)) return UINT16_MAX;
  return acl_grantable(acl, [&](RoleId grantee) { return rules.has_privileges_of(role, grantee); });
}

// `role` has lost these options by one grantor. Unless it has them in another way still, what it granted by
// them goes, too. Returns false where there is such a grant and `cascade` is not set. What it granted by
// options that are not this list's (on a column, those on the table) stays.
bool revoke_dependents(Acl& acl, RoleId role, PrivilegeSet lost, bool cascade, const AclRules& rules) {
  if (lost == 0 || role == rules.owner) return true;
  lost = without(lost, options_of(acl, role, rules));
  while (true) {
    const auto dependent = std::find_if(acl.begin(), acl.end(), [&](const AclItem& item) {
      return item.grantor == role && (item.privileges & lost) != 0;
    });
    if (dependent == acl.end()) return true;
    if (!cascade || !acl_revoke(acl, {dependent->grantee, role, lost, lost}, false, true, rules))
      return false;
  }
}

}  // namespace

std::span<const PrivilegeFacts> privilege_facts() {
  return kFacts;
}

PrivilegeSet privileges_on(ObjectKind kind) {
  using enum Privilege;
  switch (kind) {
    case ObjectKind::table:
      return kAllTablePrivileges;
    case ObjectKind::column:
      return set_of({select, insert, update, references});
    case ObjectKind::sequence:
      return set_of({select, update, usage});
    case ObjectKind::schema:
      return set_of({usage, create});
    case ObjectKind::database:
      return set_of({create, temporary, connect});
  }
  return 0;
}

std::string_view noun_of(ObjectKind kind) {
  static constexpr std::string_view kNouns[] = {"table", "column", "sequence", "schema", "database"};
  return kNouns[static_cast<std::size_t>(kind)];
}

Acl default_acl(ObjectKind kind, RoleId owner) {
  if (kind == ObjectKind::column) return {};
  Acl acl;
  if (kind == ObjectKind::database)
    acl.push_back({kPublicRole, owner, set_of({Privilege::temporary, Privilege::connect}), 0});
  acl.push_back({owner, owner, privileges_on(kind), 0});
  return acl;
}

// Without all that the grantee has passed on, the grantor must still have its options.
bool acl_can_grant(const Acl& acl, const AclItem& item, const AclRules& rules) {
  if (item.grantable == 0 || item.grantor == rules.owner) return true;
  Acl without_grantee = acl;
  for (bool found = true; found;) {
    found = false;
    for (const AclItem& held : without_grantee) {
      if (held.grantee != item.grantee || held.grantable == 0) continue;
      found = acl_revoke(without_grantee, AclItem(held), false, true, rules);
      break;
    }
  }
  return without(item.grantable, options_of(without_grantee, item.grantor, rules)) == 0;
}

void acl_grant(Acl& acl, const AclItem& item) {
  if (item.privileges == 0) return;
  AclItem* found = find_item(acl, item.grantee, item.grantor);
  if (found == nullptr) {
    acl.push_back(item);
    return;
  }
  found->privileges |= item.privileges;
  found->grantable |= item.grantable;
}

bool acl_revoke(Acl& acl, const AclItem& item, bool options_only, bool cascade, const AclRules& rules) {
  Acl changed = acl;
  AclItem* found = find_item(changed, item.grantee, item.grantor);
  if (found == nullptr) return true;
  const auto lost = static_cast<PrivilegeSet>(found->grantable & item.privileges);
  found->grantable = without(found->grantable, item.privileges);
  if (!options_only) found->privileges = without(found->privileges, item.privileges);
  drop_empty(changed);
  if (!revoke_dependents(changed, item.grantee, lost, cascade, rules)) return false;
  acl = std::move(changed);
  return true;
}

PrivilegeSet acl_privileges(const Acl& acl, const std::function<bool(RoleId)>& counts) {
  PrivilegeSet set = 0;
  for (const AclItem& item : acl)
    if (counts(item.grantee)) set |= item.privileges;
  return set;
}

PrivilegeSet acl_grantable(const Acl& acl, const std::function<bool(RoleId)>& counts) {
  PrivilegeSet set = 0;
  for (const AclItem& item : acl)
    if (counts(item.grantee)) set |= item.grantable;
  return set;
}

void acl_sort(Acl& acl) {
  std::sort(acl.begin(), acl.end(), [](const AclItem& x, const AclItem& y) {
    return std::pair(x.grantee, x.grantor) < std::pair(y.grantee, y.grantor);
  });
}

void acl_change_owner(Acl& acl, RoleId before, RoleId after) {
  Acl changed;
  for (AclItem item : acl) {
    if (item.grantee == before) item.grantee = after;
    if (item.grantor == before) item.grantor = after;
    acl_grant(changed, item);
  }
  acl = std::move(changed);
}

bool acl_mentions(const Acl& acl, RoleId role) {
  return std::any_of(acl.begin(), acl.end(),
                     [role](const AclItem& item) { return item.grantee == role || item.grantor == role; });
}

std::string print_acl_item(const AclItem& item, const std::function<std::string(RoleId)>& name) {
  std::string text = item.grantee == kPublicRole ? std::string() : name(item.grantee);
  text += '=';
  for (const PrivilegeFacts& fact : kFacts) {
    if ((item.privileges & bit(fact.privilege)) == 0) continue;
    text += fact.letter;
    if ((item.grantable & bit(fact.privilege)) != 0) text += '*';
  }
  return text + "/" + name(item.grantor);
}

}  // namespace gyre::adapter
