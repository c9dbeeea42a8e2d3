// The catalog: what exists, under which name, and who may do what with it. One immutable value per version,
// published with the database value; DDL on the oracle core copies it, changes the copy and publishes that. A
// plan is made against one version and is valid for that version only.
//
// Exists on every core, read-only there. Changed on the oracle core only, before it is published.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/base/ids.h"
#include "storage/scalar/expression.h"
#include "storage/table.h"

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
};
using PrivilegeSet = std::uint16_t;
inline constexpr PrivilegeSet kAllTablePrivileges = 127;
constexpr PrivilegeSet bit(Privilege privilege) {
  return static_cast<PrivilegeSet>(privilege);
}

struct Role {
  RoleId id;
  std::string name;
  bool superuser = false;
  bool login = false;
  bool inherit = true;
  bool create_role = false;
  bool create_database = false;
  std::int32_t connection_limit = -1;
  std::vector<RoleId> member_of;

  bool operator==(const Role&) const = default;
};

// What a column gets when an INSERT leaves it out; expression null means NULL.
struct ColumnDefault {
  std::shared_ptr<const storage::Expression> expression;
  std::string text;  // as pg_get_expr would print it; what is kept on disk
};

struct TableEntry {
  std::shared_ptr<const storage::TableSchema> schema;  // name, columns, keys, indexes
  std::string schema_name;                             // "public"
  RoleId owner;
  std::vector<ColumnDefault> defaults;  // one per column
  std::map<RoleId, PrivilegeSet> grants;

  RelationId id() const { return schema->id; }
  const std::string& name() const { return schema->name; }
};

struct Schema {
  std::uint32_t oid;
  std::string name;
  RoleId owner;

  bool operator==(const Schema&) const = default;
};

// Relations and roles draw their oids from one sequence, which begins where PostgreSQL's does for user objects. A relation's id
// is its oid less that, so that ids are dense enough to index a vector with.
inline constexpr std::uint32_t kFirstUserOid = 16384;
constexpr std::uint32_t oid_of(RelationId id) {
  return kFirstUserOid + id.value;
}

class Catalog {
 public:
  std::uint64_t version = 0;
  std::uint32_t next_oid = kFirstUserOid;

  // By schema name and table name; null if there is none. Indexes share the namespace: see find_index().
  std::shared_ptr<const TableEntry> find_table(std::string_view schema, std::string_view name) const;
  std::shared_ptr<const TableEntry> table(RelationId id) const;
  // The table that owns an index of this name; null if there is none.
  std::shared_ptr<const TableEntry> find_index(std::string_view schema, std::string_view name) const;
  const Role* find_role(std::string_view name) const;
  const Role* role(RoleId id) const;
  bool has_schema(std::string_view name) const;

  // Ownership, superuser rights, own grants, PUBLIC's and those of inherited roles, together.
  bool allows(RoleId role, const TableEntry& table, PrivilegeSet wanted) const;
  // True if `role` is `target` or a member of it, directly or not.
  bool is_member(RoleId role, RoleId target) const;

  // Changing a copy, before publication.
  void put_table(std::shared_ptr<const TableEntry> entry);
  void remove_table(RelationId id);
  void put_role(Role role);
  void remove_role(RoleId id);

  const std::map<std::pair<std::string, std::string>, std::shared_ptr<const TableEntry>>& tables() const {
    return tables_;
  }
  const std::map<RoleId, Role>& roles() const { return roles_; }
  const std::vector<Schema>& schemas() const { return schemas_; }
  // ALTER SYSTEM SET: values that differ from the built-in defaults, by lower-case name.
  std::map<std::string, std::string, std::less<>> system_parameters;

  // The catalog of a new data directory: schemas pg_catalog, information_schema, public; roles mz_system and
  // materialize.
  static Catalog initial();

 private:
  friend class CatalogCodec;  // adapter/catalog/codec.cc
  std::map<std::pair<std::string, std::string>, std::shared_ptr<const TableEntry>> tables_;  // (schema, name)
  std::map<RelationId, std::shared_ptr<const TableEntry>> by_id_;
  std::map<RoleId, Role> roles_;
  std::vector<Schema> schemas_;
};

}  // namespace gyre::adapter
