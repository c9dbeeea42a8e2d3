#include "adapter/catalog/catalog.h"

#include <algorithm>
#include <set>

#include "reactor/base/check.h"

namespace gyre::adapter {

namespace {
// As PostgreSQL numbers them, so that clients which know the numbers are right.
constexpr std::uint32_t kPgCatalogOid = 11;
constexpr std::uint32_t kPublicOid = 2200;
constexpr std::uint32_t kInformationSchemaOid = 13000;
constexpr std::uint32_t kMzCatalogOid = 13001;
constexpr std::uint32_t kMzInternalOid = 13002;
constexpr RoleId kSystemRole{10};
constexpr RoleId kFirstUserRole{11};
// Whom membership in gives a right of the server's own.
constexpr std::uint32_t kReadAllStatsOid = 3375;
constexpr std::pair<std::uint32_t, const char*> kPredefinedRoles[] = {{3373, "pg_monitor"},
                                                                      {kReadAllStatsOid, "pg_read_all_stats"},
                                                                      {4200, "pg_signal_backend"},
                                                                      {4544, "pg_checkpoint"}};
}  // namespace

Catalog Catalog::initial() {
  Catalog catalog;
  catalog.version = 1;
  Role system;
  system.id = kSystemRole;
  system.name = "mz_system";
  system.superuser = system.login = system.create_role = system.create_database = true;
  catalog.put_role(std::move(system));
  Role user;
  user.id = kFirstUserRole;
  user.name = "materialize";
  user.login = true;
  catalog.put_role(std::move(user));
  for (const auto& [id, name] : kPredefinedRoles) {
    Role role;
    role.id = RoleId(id);
    role.name = name;
    // Who watches the server may read all statistics.
    if (role.name == "pg_monitor") role.member_of = {{RoleId(kReadAllStatsOid), kSystemRole, false}};
    catalog.put_role(std::move(role));
  }
  const Acl readable = {{kSystemRole, kSystemRole, privileges_on(ObjectKind::schema), 0},
                        {kPublicRole, kSystemRole, bit(Privilege::usage), 0}};
  // Everybody may look into public. Who may make something there is said by name: the first user may.
  Acl open = readable;
  open.push_back({kFirstUserRole, kSystemRole, privileges_on(ObjectKind::schema), 0});
  catalog.schemas_ = {{kPgCatalogOid, "pg_catalog", kSystemRole, readable},
                      {kPublicOid, "public", kSystemRole, open},
                      {kInformationSchemaOid, "information_schema", kSystemRole, readable},
                      {kMzCatalogOid, "mz_catalog", kSystemRole, readable},
                      {kMzInternalOid, "mz_internal", kSystemRole, readable}};
  catalog.database.owner = kSystemRole;
  catalog.database.acl = default_acl(ObjectKind::database, kSystemRole);
  catalog.database.acl->push_back({kFirstUserRole, kSystemRole, bit(Privilege::create), 0});
  return catalog;
}

std::shared_ptr<const TableEntry> Catalog::find_table(std::string_view schema, std::string_view name) const {
  const auto found = tables_.find({std::string(schema), std::string(name)});
  return found == tables_.end() ? nullptr : found->second;
}

std::shared_ptr<const TableEntry> Catalog::table(RelationId id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

std::shared_ptr<const TableEntry> Catalog::find_index(std::string_view schema, std::string_view name) const {
  for (const auto& [key, entry] : tables_) {
    if (entry->schema_name != schema) continue;
    if (entry->schema->primary_key_name == name && !entry->schema->primary_key.empty()) return entry;
    for (const auto& index : entry->schema->indexes)
      if (index.name == name) return entry;
  }
  return nullptr;
}

std::vector<std::shared_ptr<const TableEntry>> Catalog::referrers(RelationId id) const {
  std::vector<std::shared_ptr<const TableEntry>> found;
  for (const auto& [other, entry] : by_id_)
    if (std::any_of(entry->foreign_keys.begin(), entry->foreign_keys.end(),
                    [&](const ForeignKey& key) { return key.referenced == id; }))
      found.push_back(entry);
  return found;
}

std::shared_ptr<const TableEntry> Catalog::sequence_of(RelationId table, std::uint16_t column) const {
  for (const auto& [id, entry] : by_id_)
    if (entry->sequence && entry->sequence->owner == std::pair(table, column)) return entry;
  return nullptr;
}

const Role* Catalog::find_role(std::string_view name) const {
  for (const auto& [id, role] : roles_)
    if (role.name == name) return &role;
  return nullptr;
}

const Role* Catalog::role(RoleId id) const {
  const auto found = roles_.find(id);
  return found == roles_.end() ? nullptr : &found->second;
}

const Schema* Catalog::find_schema(std::string_view name) const {
  const auto found = std::find_if(schemas_.begin(), schemas_.end(),
                                  [&](const Schema& schema) { return schema.name == name; });
  return found == schemas_.end() ? nullptr : &*found;
}

namespace {

// Goes through the memberships of a role and of all roles that it is a member of, each role once, until one is
// found. Those of a role that does not `pass` do not count.
template <class Passes, class Found>
bool any_membership(const Catalog& catalog, RoleId role, Passes passes, Found found) {
  std::set<RoleId> seen{role};
  std::vector<RoleId> reached{role};
  while (!reached.empty()) {
    const Role* const member = catalog.role(reached.back());
    reached.pop_back();
    if (member == nullptr || !passes(*member)) continue;
    for (const Membership& membership : member->member_of) {
      if (found(membership)) return true;
      if (seen.insert(membership.role).second) reached.push_back(membership.role);
    }
  }
  return false;
}

constexpr auto kAllPass = [](const Role&) { return true; };

}  // namespace

bool Catalog::is_member(RoleId id, RoleId target) const {
  return id == target || any_membership(*this, id, kAllPass, [target](const Membership& membership) {
           return membership.role == target;
         });
}

bool Catalog::has_privileges_of(RoleId id, RoleId target) const {
  if (id == target) return true;
  const Role* const found = role(id);
  if (found == nullptr) return false;
  return found->superuser ||
         any_membership(
             *this, id, [](const Role& member) { return member.inherit; },
             [target](const Membership& membership) { return membership.role == target; });
}

bool Catalog::has_privileges_of(RoleId id, std::string_view predefined) const {
  const Role* const target = find_role(predefined);
  return target != nullptr && has_privileges_of(id, target->id);
}

std::vector<RoleId> Catalog::roles_acted_for(RoleId id) const {
  std::vector<RoleId> roles{id};
  for (std::size_t i = 0; i < roles.size(); ++i) {
    const Role* const member = role(roles[i]);
    if (member == nullptr || !member->inherit) continue;
    std::set<RoleId> of;
    for (const Membership& membership : member->member_of) of.insert(membership.role);
    for (const RoleId one : of)
      if (std::find(roles.begin(), roles.end(), one) == roles.end()) roles.push_back(one);
  }
  return roles;
}

bool Catalog::may_grant_role(RoleId id, RoleId granted) const {
  const Role* const found = role(id);
  if (found == nullptr) return false;
  return found->superuser || any_membership(*this, id, kAllPass, [granted](const Membership& membership) {
           return membership.admin && membership.role == granted;
         });
}

PrivilegeSet Catalog::privileges(RoleId id, ObjectKind kind, const Acl& acl) const {
  const Role* found = role(id);
  if (found == nullptr) return 0;
  if (found->superuser) return privileges_on(kind);
  return acl_privileges(
      acl, [&](RoleId grantee) { return grantee == kPublicRole || has_privileges_of(id, grantee); });
}

PrivilegeSet Catalog::grantable(RoleId id, ObjectKind kind, RoleId owner, const Acl& acl) const {
  if (has_privileges_of(id, owner)) return privileges_on(kind);
  return acl_grantable(acl, [&](RoleId grantee) { return has_privileges_of(id, grantee); });
}

bool Catalog::allows(RoleId id, const TableEntry& table, PrivilegeSet wanted) const {
  return (privileges(id, ObjectKind::table, table.access()) & wanted) == wanted;
}

bool Catalog::allows_column(RoleId id, const TableEntry& table, std::uint16_t column,
                            Privilege wanted) const {
  if (allows(id, table, bit(wanted))) return true;
  const auto found = table.column_acl.find(column);
  return found != table.column_acl.end() &&
         (privileges(id, ObjectKind::column, found->second) & bit(wanted)) != 0;
}

bool Catalog::allows(RoleId id, const Schema& schema, Privilege wanted) const {
  return (privileges(id, ObjectKind::schema, schema.access()) & bit(wanted)) != 0;
}

bool Catalog::allows_on_database(RoleId id, Privilege wanted) const {
  return (privileges(id, ObjectKind::database, database.access()) & bit(wanted)) != 0;
}

std::vector<const Schema*> Catalog::usable_schemas(std::span<const std::string> path, RoleId id) const {
  std::vector<const Schema*> usable;
  for (const std::string& name : path) {
    const Role* const self = name == "$user" ? role(id) : nullptr;
    const Schema* const schema = find_schema(self != nullptr ? std::string_view(self->name) : name);
    if (schema != nullptr && allows(id, *schema, Privilege::usage)) usable.push_back(schema);
  }
  return usable;
}

std::optional<Acl> Catalog::acl_of_new(ObjectKind kind, RoleId owner, std::uint32_t schema) const {
  const auto everywhere = default_acls.find({owner, 0, kind});
  const auto here = schema == 0 ? default_acls.end() : default_acls.find({owner, schema, kind});
  if (everywhere == default_acls.end() && here == default_acls.end()) return std::nullopt;
  Acl acl = everywhere != default_acls.end() ? everywhere->second : default_acl(kind, owner);
  if (here != default_acls.end())
    for (const AclItem& item : here->second) acl_grant(acl, item);
  acl_sort(acl);
  Acl usual = default_acl(kind, owner);
  acl_sort(usual);
  if (acl == usual) return std::nullopt;
  return acl;
}

void Catalog::put_table(std::shared_ptr<const TableEntry> entry) {
  remove_table(entry->id());
  by_id_[entry->id()] = entry;
  const auto [place, added] = tables_.emplace(std::pair(entry->schema_name, entry->name()), entry);
  GYRE_CHECK(added);
}

void Catalog::remove_table(RelationId id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  tables_.erase({found->second->schema_name, found->second->name()});
  by_id_.erase(found);
}

void Catalog::put_role(Role role) {
  const RoleId id = role.id;
  roles_.insert_or_assign(id, std::move(role));
}

void Catalog::remove_role(RoleId id) {
  roles_.erase(id);
  for (auto& [other, role] : roles_)
    std::erase_if(role.member_of, [id](const Membership& membership) { return membership.role == id; });
  std::erase_if(default_acls, [id](const auto& entry) { return entry.first.creator == id; });
  std::erase_if(role_settings, [id](const auto& entry) { return entry.first.role == id; });
}

void Catalog::put_schema(Schema schema) {
  for (Schema& existing : schemas_)
    if (existing.oid == schema.oid) {
      existing = std::move(schema);
      return;
    }
  schemas_.push_back(std::move(schema));
}

void Catalog::remove_schema(std::uint32_t oid) {
  std::erase_if(schemas_, [oid](const Schema& schema) { return schema.oid == oid; });
  std::erase_if(default_acls, [oid](const auto& entry) { return entry.first.schema == oid; });
}

}  // namespace gyre::adapter
