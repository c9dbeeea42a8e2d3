#include "adapter/catalog/catalog.h"

#include <algorithm>

#include "reactor/base/check.h"

namespace gyre::adapter {

namespace {
// As PostgreSQL numbers them, so that clients which know the numbers are right.
constexpr std::uint32_t kPgCatalogOid = 11;
constexpr std::uint32_t kPublicOid = 2200;
constexpr std::uint32_t kInformationSchemaOid = 13000;
constexpr std::uint32_t kMzCatalogOid = 13001;
constexpr RoleId kSystemRole{10};
constexpr RoleId kFirstUserRole{11};
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
  catalog.schemas_ = {{kPgCatalogOid, "pg_catalog", kSystemRole},
                      {kPublicOid, "public", kSystemRole},
                      {kInformationSchemaOid, "information_schema", kSystemRole},
                      {kMzCatalogOid, "mz_catalog", kSystemRole}};
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

const Role* Catalog::find_role(std::string_view name) const {
  for (const auto& [id, role] : roles_)
    if (role.name == name) return &role;
  return nullptr;
}

const Role* Catalog::role(RoleId id) const {
  const auto found = roles_.find(id);
  return found == roles_.end() ? nullptr : &found->second;
}

bool Catalog::has_schema(std::string_view name) const {
  return std::any_of(schemas_.begin(), schemas_.end(),
                     [&](const Schema& schema) { return schema.name == name; });
}

bool Catalog::is_member(RoleId id, RoleId target) const {
  if (id == target) return true;
  const Role* found = role(id);
  if (found == nullptr) return false;
  // Membership has no cycles: GRANT refuses to make one.
  return std::any_of(found->member_of.begin(), found->member_of.end(),
                     [&](RoleId parent) { return is_member(parent, target); });
}

bool Catalog::allows(RoleId id, const TableEntry& table, PrivilegeSet wanted) const {
  const Role* found = role(id);
  if (found == nullptr) return false;
  if (found->superuser || is_member(id, table.owner)) return true;
  PrivilegeSet granted = 0;
  for (const auto& [grantee, privileges] : table.grants)
    if (grantee == kPublicRole || grantee == id || (found->inherit && is_member(id, grantee)))
      granted |= privileges;
  return (granted & wanted) == wanted;
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
  for (auto& [other, role] : roles_) std::erase(role.member_of, id);
}

}  // namespace gyre::adapter
