// Entries of relations are shared and never changed in place: equal pointers are equal entries. Names are not
// looked at until all entries are known, and must then be unique.
//
// The codec (codec.h) knows every kind of entry there is. So the result is checked with it: the change from
// `theirs` to the result must be the change from `base` to `mine`, byte for byte. A kind of entry that is not
// merged here yet makes a conflict by this, and is never lost.
#include "adapter/catalog/merge.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "adapter/catalog/codec.h"

namespace gyre::adapter {
namespace {

// Three-way, by key: what `mine` changed, put into `theirs`. False where both changed an entry. Calls
// put(key, value) and remove(key) for each change.
template <class Map, class Put, class Remove>
bool merge_entries(const Map& base, const Map& mine, const Map& theirs, Put put, Remove remove) {
  const auto value = [](const Map& map, const typename Map::key_type& key) {
    const auto found = map.find(key);
    return found == map.end() ? nullptr : &found->second;
  };
  const auto same = [](const auto* a, const auto* b) {
    return (a == nullptr) == (b == nullptr) && (a == nullptr || *a == *b);
  };
  std::vector<typename Map::key_type> keys;
  for (const auto& [key, ignored] : base) keys.push_back(key);
  for (const auto& [key, ignored] : mine)
    if (!base.contains(key)) keys.push_back(key);
  for (const auto& key : keys) {
    const auto* now = value(mine, key);
    if (same(value(base, key), now)) continue;
    if (!same(value(base, key), value(theirs, key))) return false;
    if (now != nullptr)
      put(key, *now);
    else
      remove(key);
  }
  return true;
}

using Entry = std::shared_ptr<const TableEntry>;

std::map<RelationId, Entry> tables_by_id(const Catalog& catalog) {
  std::map<RelationId, Entry> tables;
  for (const auto& [name, entry] : catalog.tables()) tables.emplace(entry->id(), entry);
  return tables;
}

std::map<std::uint32_t, Schema> schemas_by_oid(const Catalog& catalog) {
  std::map<std::uint32_t, Schema> schemas;
  for (const Schema& schema : catalog.schemas()) schemas.emplace(schema.oid, schema);
  return schemas;
}

bool merge_tables(const Catalog& base, const Catalog& mine, const Catalog& theirs, Catalog& result) {
  std::vector<Entry> put;
  const bool merged = merge_entries(
      tables_by_id(base), tables_by_id(mine), tables_by_id(theirs),
      [&](RelationId id, const Entry& entry) {
        result.remove_table(id);
        put.push_back(entry);
      },
      [&](RelationId id) { result.remove_table(id); });
  for (const Entry& entry : put) {
    if (result.find_table(entry->schema_name, entry->name()) != nullptr) return false;
    result.put_table(entry);
  }
  return merged;
}

bool merge_rest(const Catalog& base, const Catalog& mine, const Catalog& theirs, Catalog& result) {
  const auto into = [](auto& map) {
    return std::pair([&map](const auto& key, const auto& value) { map.insert_or_assign(key, value); },
                     [&map](const auto& key) { map.erase(key); });
  };
  const auto [put_parameter, remove_parameter] = into(result.system_parameters);
  const auto [put_acl, remove_acl] = into(result.default_acls);
  const auto [put_settings, remove_settings] = into(result.role_settings);
  if (base.database != mine.database) {
    if (base.database != theirs.database) return false;
    result.database = mine.database;
  }
  return merge_entries(
             base.roles(), mine.roles(), theirs.roles(),
             [&](RoleId, const Role& role) { result.put_role(role); },
             [&](RoleId id) { result.remove_role(id); }) &&
         merge_entries(
             schemas_by_oid(base), schemas_by_oid(mine), schemas_by_oid(theirs),
             [&](std::uint32_t, const Schema& schema) { result.put_schema(schema); },
             [&](std::uint32_t oid) { result.remove_schema(oid); }) &&
         merge_entries(base.system_parameters, mine.system_parameters, theirs.system_parameters,
                       put_parameter, remove_parameter) &&
         merge_entries(base.default_acls, mine.default_acls, theirs.default_acls, put_acl, remove_acl) &&
         merge_entries(base.role_settings, mine.role_settings, theirs.role_settings, put_settings,
                       remove_settings);
}

bool knows_roles_of(const Catalog& catalog, RoleId owner, const std::optional<Acl>& acl) {
  const auto known = [&](RoleId role) { return role == kPublicRole || catalog.role(role) != nullptr; };
  return known(owner) && (!acl || std::all_of(acl->begin(), acl->end(), [&](const AclItem& item) {
           return known(item.grantee) && known(item.grantor);
         }));
}

// Every role that something belongs to, or was given to, exists.
bool knows_all_roles(const Catalog& catalog) {
  for (const auto& [id, role] : catalog.roles())
    for (const Membership& membership : role.member_of)
      if (catalog.role(membership.role) == nullptr) return false;
  for (const auto& [name, entry] : catalog.tables()) {
    if (!knows_roles_of(catalog, entry->owner, entry->acl)) return false;
    for (const auto& [column, acl] : entry->column_acl)
      if (!knows_roles_of(catalog, entry->owner, acl)) return false;
  }
  for (const Schema& schema : catalog.schemas())
    if (!knows_roles_of(catalog, schema.owner, schema.acl)) return false;
  for (const auto& [key, acl] : catalog.default_acls)
    if (!knows_roles_of(catalog, key.creator, acl)) return false;
  for (const auto& [key, settings] : catalog.role_settings)
    if (!knows_roles_of(catalog, key.role, std::nullopt)) return false;
  return knows_roles_of(catalog, catalog.database.owner, catalog.database.acl);
}

// Tables and indexes share their names; every table's schema exists.
bool has_good_names(const Catalog& catalog) {
  std::set<std::pair<std::string, std::string>> names;
  std::set<std::string> roles;
  std::set<std::string> schemas;
  for (const auto& [id, role] : catalog.roles())
    if (!roles.insert(role.name).second) return false;
  for (const Schema& schema : catalog.schemas())
    if (!schemas.insert(schema.name).second) return false;
  for (const auto& [name, entry] : catalog.tables()) {
    if (!schemas.contains(name.first) || !names.insert(name).second) return false;
    const storage::TableSchema& schema = *entry->schema;
    for (const storage::IndexSchema& index : schema.indexes)
      if (!names.emplace(name.first, index.name).second) return false;
    if (!schema.primary_key_name.empty() && !names.emplace(name.first, schema.primary_key_name).second)
      return false;
  }
  return true;
}

// The foreign keys that refer to a table: by their oids, which columns of it.
std::map<std::uint32_t, std::vector<std::uint16_t>> keys_to(const Catalog& catalog, RelationId table) {
  std::map<std::uint32_t, std::vector<std::uint16_t>> keys;
  for (const Entry& child : catalog.referrers(table))
    for (const ForeignKey& key : child->foreign_keys)
      if (key.referenced == table) keys.emplace(key.oid, key.referenced_columns);
  return keys;
}

bool has_key(const Entry& table, std::uint32_t oid) {
  return table != nullptr && std::any_of(table->foreign_keys.begin(), table->foreign_keys.end(),
                                         [oid](const ForeignKey& key) { return key.oid == oid; });
}

// What a key refers to is there, and what `mine` has made of one end of a key fits the other end as it is in
// `theirs`. A key lies in the entry of its own table: where the other table changes in a way that matters to
// keys that exist (a column goes), that entry changes with it; what is left are keys that are new.
bool has_good_keys(const Catalog& base, const Catalog& mine, const Catalog& theirs, const Catalog& result) {
  const auto schema_of = [](const Entry& table) { return table == nullptr ? nullptr : table->schema.get(); };
  for (const auto& [name, table] : result.tables())
    for (const ForeignKey& key : table->foreign_keys) {
      if (result.table(key.referenced) == nullptr) return false;
      const bool added = mine.table(table->id()) == table && !has_key(base.table(table->id()), key.oid);
      if (added && schema_of(base.table(key.referenced)) != schema_of(theirs.table(key.referenced))) return false;
    }
  for (const auto& [name, table] : base.tables())
    if (schema_of(mine.table(table->id())) != table->schema.get() &&
        !has_same_referrers(base, theirs, table->id()))
      return false;
  return true;
}

// As bytes, with what belongs to the catalog as a whole made equal.
OutBuffer change(Catalog before, Catalog after) {
  before.version = after.version = 0;
  before.next_oid = after.next_oid = 0;
  OutBuffer bytes;
  encode_catalog_change(before, after, bytes);
  return bytes;
}

bool is_same_change(const Catalog& base, const Catalog& mine, const Catalog& theirs, const Catalog& result) {
  return change(base, mine).view() == change(theirs, result).view();
}

}  // namespace

namespace {

bool has_lost(const Role& before, const Role& now) {
  const auto lost = [](bool had, bool has) { return had && !has; };
  return lost(before.superuser, now.superuser) || lost(before.inherit, now.inherit) ||
         lost(before.create_role, now.create_role) || lost(before.create_database, now.create_database) ||
         std::any_of(before.member_of.begin(), before.member_of.end(), [&](const Membership& had) {
           return std::none_of(now.member_of.begin(), now.member_of.end(), [&](const Membership& has) {
             return has.role == had.role && !lost(had.admin, has.admin);
           });
         });
}

template <class Object>
bool has_lost_grants(const Object& before, const Object& now) {
  if (before.owner != now.owner) return true;
  if (before.acl == now.acl) return false;
  const Acl had = before.access(), has = now.access();
  return std::any_of(had.begin(), had.end(), [&](const AclItem& item) {
    const PrivilegeSet left = acl_privileges(has, [&](RoleId role) { return role == item.grantee; });
    return (item.privileges & ~left) != 0;
  });
}

}  // namespace

bool has_lost_powers(const Catalog& base, const Catalog& now) {
  for (const auto& [id, role] : base.roles()) {
    const Role* const found = now.role(id);
    if (found == nullptr || has_lost(role, *found)) return true;
  }
  for (const Schema& schema : base.schemas())
    for (const Schema& other : now.schemas())
      if (other.oid == schema.oid && has_lost_grants(schema, other)) return true;
  return has_lost_grants(base.database, now.database);
}

std::optional<Catalog> merge_catalogs(const Catalog& base, const Catalog& mine, const Catalog& theirs) {
  Catalog result = theirs;
  if (!merge_tables(base, mine, theirs, result) || !merge_rest(base, mine, theirs, result))
    return std::nullopt;
  result.next_oid = std::max(mine.next_oid, theirs.next_oid);
  if (!has_good_names(result) || !knows_all_roles(result) || !has_good_keys(base, mine, theirs, result) ||
      !is_same_change(base, mine, theirs, result))
    return std::nullopt;
  return result;
}

bool has_same_referrers(const Catalog& a, const Catalog& b, RelationId table) {
  return keys_to(a, table) == keys_to(b, table);
}

}  // namespace gyre::adapter
