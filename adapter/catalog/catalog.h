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
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/catalog/acl.h"
#include "reactor/base/ids.h"
#include "storage/scalar/expression.h"
#include "storage/table.h"
#include "storage/type.h"

namespace gyre::adapter {

// A role is a member of another, by whose grant, and may hand the membership on.
struct Membership {
  RoleId role;
  RoleId grantor;
  bool admin = false;

  bool operator==(const Membership&) const = default;
};

struct Role {
  RoleId id;
  std::string name;
  bool superuser = false;
  bool login = false;
  bool inherit = true;
  bool create_role = false;
  bool create_database = false;
  std::int32_t connection_limit = -1;
  std::vector<Membership> member_of;
  std::string password;  // a SCRAM verifier (pgwire/scram.h), never the password itself; empty: none
  std::optional<std::int64_t> password_until_us;  // microseconds since 2000-01-01 UTC; worth nothing afterwards

  bool operator==(const Role&) const = default;
};

enum class Identity : char { none = '\0', always = 'a', by_default = 'd' };  // pg_attribute.attidentity

// What a column gets when an INSERT leaves it out; expression null means NULL.
struct ColumnDefault {
  std::shared_ptr<const storage::Expression> expression;
  std::string text;  // as pg_get_expr would print it; what is kept on disk
  Identity identity = Identity::none;  // the expression is nextval() of the column's own sequence
};

// CHECK: the expression reads a row of the table and must not be false.
struct CheckConstraint {
  std::uint32_t oid;
  std::string name;
  std::shared_ptr<const storage::Expression> expression;
  std::string text;  // as pg_get_expr would print it; what is kept on disk
  bool no_inherit = false;
  bool validated = true;
};

// FOREIGN KEY: non-null values of `columns` are to be found in `referenced_columns` of the referenced table,
// which are those of its primary key or of a unique index.
struct ForeignKey {
  enum class Action : char {  // as pg_constraint has them
    no_action = 'a',
    restrict_ = 'r',
    cascade = 'c',
    set_null = 'n',
    set_default = 'd',
  };
  std::uint32_t oid;
  std::string name;
  std::vector<std::uint16_t> columns;
  RelationId referenced;
  std::vector<std::uint16_t> referenced_columns;  // as `columns`, one for one
  bool match_full = false;
  Action on_update = Action::no_action;
  Action on_delete = Action::no_action;
  std::vector<std::uint16_t> delete_set_columns;  // what SET NULL and SET DEFAULT set; empty: `columns`
  bool deferrable = false;
  bool deferred = false;  // initially
  bool validated = true;
};

// How a sequence counts. Where it has got to is the only row of its table: last_value, log_cnt, is_called.
struct SequenceOptions {
  storage::TypeId type = storage::TypeId::int8;
  std::int64_t start = 1, increment = 1, minimum = 1, maximum = INT64_MAX, cache = 1;
  bool cycle = false;
  std::optional<std::pair<RelationId, std::uint16_t>> owner;  // the column that it goes away with
  bool identity = false;                                      // of that column

  bool operator==(const SequenceOptions&) const = default;
};

using Comments = std::map<std::uint16_t, std::string>;  // by column's number; 0: of the relation

struct TableEntry {
  std::shared_ptr<const storage::TableSchema> schema;  // name, columns, keys, indexes
  std::string schema_name;                             // "public"
  RoleId owner;
  std::vector<ColumnDefault> defaults;      // one per column
  std::optional<Acl> acl;                   // none: default_acl()
  std::map<std::uint16_t, Acl> column_acl;  // by position; what is granted on columns beside
  std::vector<CheckConstraint> checks;      // by name
  std::vector<ForeignKey> foreign_keys;
  std::optional<SequenceOptions> sequence;  // set: this is a sequence
  Comments comments;

  bool is_sequence() const { return sequence.has_value(); }
  ObjectKind object_kind() const { return is_sequence() ? ObjectKind::sequence : ObjectKind::table; }

  Acl access() const { return acl ? *acl : default_acl(object_kind(), owner); }
  RelationId id() const { return schema->id; }
  const std::string& name() const { return schema->name; }
};

struct Schema {
  std::uint32_t oid;
  std::string name;
  RoleId owner;
  std::optional<Acl> acl;  // none: default_acl()

  Acl access() const { return acl ? *acl : default_acl(ObjectKind::schema, owner); }
  bool operator==(const Schema&) const = default;
};

// The one database there is.
inline constexpr std::string_view kDatabaseName = "materialize";
struct DatabaseEntry {
  RoleId owner;
  std::optional<Acl> acl;  // none: default_acl()

  Acl access() const { return acl ? *acl : default_acl(ObjectKind::database, owner); }
  bool operator==(const DatabaseEntry&) const = default;
};

// ALTER DEFAULT PRIVILEGES: what objects of a kind get that `creator` makes, in one schema or in all.
struct DefaultAclKey {
  RoleId creator;
  std::uint32_t schema = 0;  // oid; 0: all. Those of a schema are added to those of all
  ObjectKind kind = ObjectKind::table;

  auto operator<=>(const DefaultAclKey&) const = default;
};

// ALTER ROLE … SET and ALTER DATABASE … SET: whose sessions begin with which settings.
struct RoleSettingKey {
  bool in_database = false;  // of the one that there is
  RoleId role;               // kPublicRole: all of them

  auto operator<=>(const RoleSettingKey&) const = default;
};
// Names and values, in the order in which the names were first set; never empty.
using RoleSettings = std::vector<std::pair<std::string, std::string>>;

// Relations and roles draw their oids from one sequence, which begins where PostgreSQL's does for user
// objects. A relation's id is its oid less that, so that ids are dense enough to index a vector with.
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
  // Tables with a foreign key to this one, itself perhaps included.
  std::vector<std::shared_ptr<const TableEntry>> referrers(RelationId id) const;
  // The sequence that belongs to a column, as a serial or identity column has one; null if there is none.
  std::shared_ptr<const TableEntry> sequence_of(RelationId table, std::uint16_t column) const;
  const Role* find_role(std::string_view name) const;
  const Role* role(RoleId id) const;
  const Schema* find_schema(std::string_view name) const;
  bool has_schema(std::string_view name) const { return find_schema(name) != nullptr; }

  // What a role may do with an object: everything as a superuser; otherwise by its own grants, PUBLIC's, and
  // those of the roles whose privileges it has (the owner's among them, by the access list).
  PrivilegeSet privileges(RoleId role, ObjectKind kind, const Acl& acl) const;
  // Of those, what it may grant; owners may grant everything.
  PrivilegeSet grantable(RoleId role, ObjectKind kind, RoleId owner, const Acl& acl) const;
  bool allows(RoleId role, const TableEntry& table, PrivilegeSet wanted) const;
  // On the whole table or on the column.
  bool allows_column(RoleId role, const TableEntry& table, std::uint16_t column, Privilege wanted) const;
  bool allows(RoleId role, const Schema& schema, Privilege wanted) const;
  bool allows_on_database(RoleId role, Privilege wanted) const;
  // Where the role may look for names without a schema: of a search path, the schemas that are there and that it
  // may use; "$user" is the one called like the role.
  std::vector<const Schema*> usable_schemas(std::span<const std::string> path, RoleId role) const;
  // True if `role` is `target` or a member of it, directly or not: it may SET ROLE to it.
  bool is_member(RoleId role, RoleId target) const;
  // The same without roles that do not inherit: it has the target's privileges and owns what the target owns.
  bool has_privileges_of(RoleId role, RoleId target) const;
  // One of the roles that come with the server and stand for a right.
  bool has_privileges_of(RoleId role, std::string_view predefined) const;
  // The role and those whose privileges it has as their member: itself, the roles it was made a member of, by
  // id, then theirs. In this order PostgreSQL looks for one in whose name it may grant.
  std::vector<RoleId> roles_acted_for(RoleId role) const;
  // Superusers may, and members with ADMIN OPTION.
  bool may_grant_role(RoleId role, RoleId granted) const;
  // The access list of a new object, sorted; none where it is the default.
  std::optional<Acl> acl_of_new(ObjectKind kind, RoleId owner, std::uint32_t schema) const;

  // Changing a copy, before publication.
  void put_table(std::shared_ptr<const TableEntry> entry);
  void remove_table(RelationId id);
  void put_role(Role role);
  void remove_role(RoleId id);
  void put_schema(Schema schema);
  void remove_schema(std::uint32_t oid);

  const std::map<std::pair<std::string, std::string>, std::shared_ptr<const TableEntry>>& tables() const {
    return tables_;
  }
  const std::map<RoleId, Role>& roles() const { return roles_; }
  const std::vector<Schema>& schemas() const { return schemas_; }
  // Random bytes that are made with the data directory and shown to nobody: the salts of roles that do not
  // exist come from them, and stay the same like those of roles that do.
  std::string login_secret;
  // ALTER SYSTEM SET: values that differ from the built-in defaults, by lower-case name.
  std::map<std::string, std::string, std::less<>> system_parameters;
  std::map<DefaultAclKey, Acl> default_acls;
  std::map<RoleSettingKey, RoleSettings> role_settings;
  DatabaseEntry database;

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
