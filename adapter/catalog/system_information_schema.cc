// The SQL standard's views of the catalog, in PostgreSQL's reading of them. Unlike PostgreSQL's they show
// every table, not only those on which the reader has a privilege.
#include <algorithm>
#include <string>

#include "adapter/catalog/system_groups.h"
#include "adapter/catalog/system_rows.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter::system {

namespace {

using storage::Type;
using storage::TypeId;

void scan_catalog_name(SystemScan& scan) {
  emit(scan, {database_name(scan)});
}

void scan_schemata(SystemScan& scan) {
  for (const Schema& schema : scan.catalog.schemas())
    emit(scan, {database_name(scan), schema.name, role_name(scan, schema.owner), nullptr, nullptr, nullptr,
                nullptr});
}

void scan_tables(SystemScan& scan) {
  const auto table = [&](std::string_view schema, std::string_view name, bool view, bool writable) {
    emit(scan, {database_name(scan), schema, name, view ? "VIEW" : "BASE TABLE", nullptr, nullptr, nullptr,
                nullptr, nullptr, writable ? "YES" : "NO", "NO", nullptr});
  };
  for (const auto& [key, entry] : scan.catalog.tables())
    if (!entry->is_sequence()) table(entry->schema_name, entry->name(), false, true);
  for (const SystemRelation& relation : system_relations())
    table(relation.schema, relation.name, relation.kind == 'v', false);
}

// What the standard calls a type's measures; null where the type has none.
struct Measures {
  Value characters = nullptr, octets = nullptr;
  Value precision = nullptr, radix = nullptr, scale = nullptr;
  Value fraction_digits = nullptr;  // datetime_precision
};

Measures measures_of(Type type) {
  constexpr int kLongestText = 1 << 30;
  constexpr int kLongestCharacter = 4;  // bytes of UTF-8
  constexpr int kHeader = 4;            // what a modifier adds to the length or precision that it stands for
  Measures m;
  const auto binary = [&](int bits, bool exact) {
    m.precision = bits;
    m.radix = 2;
    if (exact) m.scale = 0;
  };
  switch (type.id) {
    case TypeId::int2:
      binary(16, true);
      break;
    case TypeId::int4:
      binary(32, true);
      break;
    case TypeId::int8:
      binary(64, true);
      break;
    case TypeId::float4:
      binary(24, false);
      break;
    case TypeId::float8:
      binary(53, false);
      break;
    case TypeId::numeric:
      m.radix = 10;
      if (type.typmod >= kHeader) {
        const std::int32_t packed = type.typmod - kHeader;
        m.precision = (packed >> 16) & 0xffff;
        m.scale = ((packed & 0x7ff) ^ 1024) - 1024;  // 11 bits, signed
      }
      break;
    case TypeId::text:
      m.octets = kLongestText;
      break;
    case TypeId::varchar:
    case TypeId::bpchar:
      m.octets = kLongestText;
      if (type.typmod >= kHeader) {
        m.characters = type.typmod - kHeader;
        m.octets = (type.typmod - kHeader) * kLongestCharacter;
      }
      break;
    case TypeId::date:
      m.fraction_digits = 0;
      break;
    case TypeId::timestamp:
    case TypeId::timestamptz:
      m.fraction_digits = type.typmod >= 0 ? type.typmod : 6;
      break;
    default:
      break;
  }
  return m;
}

struct ColumnRow {
  std::string_view schema, table, name;
  std::size_t position;  // from 1
  Value default_text = nullptr;
  bool nullable;
  Type type;
  bool writable;
  Identity identity = Identity::none;
  const SequenceOptions* sequence = nullptr;  // of an identity column
};

void emit_column(SystemScan& scan, const ColumnRow& c) {
  const std::string_view database = database_name(scan);
  const Measures m = measures_of(c.type);
  const storage::TypeTraits& type = storage::traits(c.type);
  const bool array = c.type.id == TypeId::text_array;
  const auto number = [&](const std::int64_t* value) {
    return value == nullptr ? Value(nullptr) : Value(scan.arena.copy(std::to_string(*value)));
  };
  const bool collated = c.type.id == TypeId::name;  // the only one whose collation is not the default
  emit(scan, {database,
              c.schema,
              c.table,
              c.name,
              c.position,
              c.default_text,
              c.nullable ? "YES" : "NO",
              array ? std::string_view("ARRAY") : type.name,
              m.characters,
              m.octets,
              m.precision,
              m.radix,
              m.scale,
              m.fraction_digits,
              nullptr,
              nullptr,  // interval
              nullptr,
              nullptr,
              nullptr,                                      // character set
              collated ? Value(database) : Value(nullptr),  // collation
              collated ? Value("pg_catalog") : Value(nullptr),
              collated ? Value("C") : Value(nullptr),
              nullptr,
              nullptr,
              nullptr,  // domain
              database,
              "pg_catalog",
              type.short_name,  // the type beneath
              nullptr,
              nullptr,
              nullptr,
              nullptr,  // scope
              scan.arena.copy(std::to_string(c.position)),
              "NO",
              c.sequence != nullptr ? "YES" : "NO",  // identity
              c.sequence == nullptr                  ? Value(nullptr)
              : c.identity == Identity::always ? Value("ALWAYS")
                                                     : Value("BY DEFAULT"),
              number(c.sequence == nullptr ? nullptr : &c.sequence->start),
              number(c.sequence == nullptr ? nullptr : &c.sequence->increment),
              number(c.sequence == nullptr ? nullptr : &c.sequence->maximum),
              number(c.sequence == nullptr ? nullptr : &c.sequence->minimum),
              c.sequence != nullptr && c.sequence->cycle ? "YES" : "NO",
              "NEVER",
              nullptr,
              c.writable ? "YES" : "NO"});
}

void scan_columns(SystemScan& scan) {
  for (const auto& [key, table] : scan.catalog.tables()) {
    if (table->is_sequence()) continue;
    const auto& columns = table->schema->columns;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const Identity identity = i < table->defaults.size() ? table->defaults[i].identity : Identity::none;
      const bool has_default =
          i < table->defaults.size() && table->defaults[i].expression && identity == Identity::none;
      const auto sequence = identity == Identity::none
                                ? nullptr
                                : scan.catalog.sequence_of(table->id(), static_cast<std::uint16_t>(i));
      emit_column(scan, {.schema = table->schema_name,
                         .table = table->name(),
                         .name = columns[i].name,
                         .position = i + 1,
                         .default_text = has_default ? Value(table->defaults[i].text) : Value(nullptr),
                         .nullable = !columns[i].not_null,
                         .type = columns[i].type,
                         .writable = true,
                         .identity = identity,
                         .sequence = sequence == nullptr ? nullptr : &*sequence->sequence});
    }
  }
  for (const SystemRelation& relation : system_relations())
    for (std::size_t i = 0; i < relation.columns.size(); ++i)
      emit_column(scan, {.schema = relation.schema,
                         .table = relation.name,
                         .name = relation.columns[i].name,
                         .position = i + 1,
                         .nullable = true,
                         .type = relation.columns[i].type,
                         .writable = false});
}

template <class Visit>
void for_each_constraint(SystemScan& scan, Visit visit) {
  for (const auto& [key, table] : scan.catalog.tables())
    for (const IndexFacts& index : indexes_of(*table))
      if (index.constraint) visit(*table, index);
}

void scan_table_constraints(SystemScan& scan) {
  const std::string_view database = database_name(scan);
  for_each_constraint(scan, [&](const TableEntry& table, const IndexFacts& index) {
    emit(scan, {database, table.schema_name, index.name, database, table.schema_name, table.name(),
                index.primary ? "PRIMARY KEY" : "UNIQUE", index.deferrable ? "YES" : "NO",
                index.deferred ? "YES" : "NO", "YES",
                index.primary ? Value(nullptr) : Value("YES")});
  });
  for (const auto& [key, table] : scan.catalog.tables()) {
    for (const CheckConstraint& check : table->checks)
      emit(scan, {database, table->schema_name, check.name, database, table->schema_name, table->name(), "CHECK",
                  "NO", "NO", "YES", nullptr});
    for (const ForeignKey& foreign : table->foreign_keys)
      emit(scan, {database, table->schema_name, foreign.name, database, table->schema_name, table->name(),
                  "FOREIGN KEY", foreign.deferrable ? "YES" : "NO", foreign.deferred ? "YES" : "NO", "YES", nullptr});
  }
  // NOT NULL is a check in the standard's eyes; PostgreSQL names it after the oids involved.
  for (const auto& [key, table] : scan.catalog.tables()) {
    if (table->is_sequence()) continue;
    const auto& columns = table->schema->columns;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (!columns[i].not_null) continue;
      const std::string name = std::to_string(schema_oid(scan.catalog, table->schema_name)) + "_" +
                               std::to_string(oid_of(table->id())) + "_" + std::to_string(i + 1) +
                               "_not_null";
      emit(scan, {database, table->schema_name, scan.arena.copy(name), database, table->schema_name,
                  table->name(), "CHECK", "NO", "NO", "YES", nullptr});
    }
  }
}

void scan_key_column_usage(SystemScan& scan) {
  const std::string_view database = database_name(scan);
  for_each_constraint(scan, [&](const TableEntry& table, const IndexFacts& index) {
    for (std::size_t i = 0; i < index.columns.size(); ++i)
      emit(scan, {database, table.schema_name, index.name, database, table.schema_name, table.name(),
                  table.schema->columns[index.columns[i]].name, i + 1, nullptr});
  });
  for (const auto& [key, table] : scan.catalog.tables())
    for (const ForeignKey& foreign : table->foreign_keys) {
      const IndexFacts referenced = referenced_index(scan.catalog, foreign);
      for (std::size_t i = 0; i < foreign.columns.size(); ++i) {
        const auto at =
            std::find(referenced.columns.begin(), referenced.columns.end(), foreign.referenced_columns[i]);
        emit(scan, {database, table->schema_name, foreign.name, database, table->schema_name, table->name(),
                    table->schema->columns[foreign.columns[i]].name, i + 1,
                    at - referenced.columns.begin() + 1});
      }
    }
}

void scan_referential_constraints(SystemScan& scan) {
  const std::string_view database = database_name(scan);
  for (const auto& [key, table] : scan.catalog.tables())
    for (const ForeignKey& foreign : table->foreign_keys) {
      const IndexFacts referenced = referenced_index(scan.catalog, foreign);
      const auto parent = scan.catalog.table(foreign.referenced);
      const bool named = parent != nullptr && referenced.constraint;
      emit(scan, {database, table->schema_name, foreign.name, named ? Value(database) : Value(nullptr),
                  named ? Value(parent->schema_name) : Value(nullptr),
                  named ? Value(referenced.name) : Value(nullptr), foreign.match_full ? "FULL" : "NONE",
                  rule_words(foreign.on_update), rule_words(foreign.on_delete)});
    }
}

void scan_check_constraints(SystemScan& scan) {
  const std::string_view database = database_name(scan);
  for (const auto& [key, table] : scan.catalog.tables()) {
    if (table->is_sequence()) continue;
    for (const CheckConstraint& check : table->checks)
      emit(scan, {database, table->schema_name, check.name, scan.arena.copy("(" + check.text + ")")});
    const auto& columns = table->schema->columns;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (!columns[i].not_null) continue;
      const std::string name = std::to_string(schema_oid(scan.catalog, table->schema_name)) + "_" +
                               std::to_string(oid_of(table->id())) + "_" + std::to_string(i + 1) + "_not_null";
      emit(scan, {database, table->schema_name, scan.arena.copy(name),
                  scan.arena.copy(columns[i].name + " IS NOT NULL")});
    }
  }
}

void scan_constraint_column_usage(SystemScan& scan) {
  const std::string_view database = database_name(scan);
  for_each_constraint(scan, [&](const TableEntry& table, const IndexFacts& index) {
    for (const std::uint16_t column : index.columns)
      emit(scan, {database, table.schema_name, table.name(), table.schema->columns[column].name, database,
                  table.schema_name, index.name});
  });
  const auto usage = [&](const TableEntry& used, std::uint16_t column, const TableEntry& table,
                         const std::string& constraint) {
    emit(scan, {database, used.schema_name, used.name(), used.schema->columns[column].name, database,
                table.schema_name, constraint});
  };
  for (const auto& [key, table] : scan.catalog.tables()) {
    for (const CheckConstraint& check : table->checks) {
      std::vector<int> columns;
      storage::collect_columns(*check.expression, columns);
      for (const int column : columns) usage(*table, static_cast<std::uint16_t>(column), *table, check.name);
    }
    for (const ForeignKey& foreign : table->foreign_keys)
      if (const auto parent = scan.catalog.table(foreign.referenced))
        for (const std::uint16_t column : foreign.referenced_columns)
          usage(*parent, column, *table, foreign.name);
  }
}

void scan_views(SystemScan& scan) {
  for (const SystemRelation& relation : system_relations())
    if (relation.kind == 'v')
      emit(scan, {database_name(scan), relation.schema, relation.name, nullptr, "NONE", "NO", "NO", "NO",
                  "NO", "NO"});
}

std::string_view grantee_name(SystemScan& scan, RoleId grantee) {
  return grantee == kPublicRole ? std::string_view("PUBLIC") : role_name(scan, grantee);
}

std::string_view privilege_name(SystemScan& scan, const PrivilegeFacts& fact) {
  std::string name(fact.word);
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return scan.arena.copy(name);
}

// Owners can grant what they hold, whatever the list says.
bool is_grantable(const AclItem& item, const PrivilegeFacts& fact, RoleId owner) {
  return item.grantee == owner || (item.grantable & bit(fact.privilege)) != 0;
}

void scan_grants(SystemScan& scan) {
  for (const auto& [key, table] : scan.catalog.tables())
    for (const AclItem& item : table->is_sequence() ? Acl() : table->access())
      for (const PrivilegeFacts& fact : privilege_facts()) {
        if ((item.privileges & bit(fact.privilege)) == 0) continue;
        emit(scan, {role_name(scan, item.grantor), grantee_name(scan, item.grantee), database_name(scan),
                    table->schema_name, table->name(), privilege_name(scan, fact),
                    is_grantable(item, fact, table->owner) ? "YES" : "NO",
                    fact.privilege == Privilege::select ? "YES" : "NO"});
      }
}

void scan_column_grants(SystemScan& scan) {
  const auto emit_item = [&](const TableEntry& table, std::size_t column, const AclItem& item) {
    for (const PrivilegeFacts& fact : privilege_facts()) {
      if ((item.privileges & privileges_on(ObjectKind::column) & bit(fact.privilege)) == 0) continue;
      emit(scan, {role_name(scan, item.grantor), grantee_name(scan, item.grantee), database_name(scan),
                  table.schema_name, table.name(), table.schema->columns[column].name,
                  privilege_name(scan, fact), is_grantable(item, fact, table.owner) ? "YES" : "NO"});
    }
  };
  for (const auto& [key, table] : scan.catalog.tables())
    for (std::size_t column = 0; !table->is_sequence() && column < table->schema->columns.size(); ++column) {
      Acl both = table->access();
      const auto own = table->column_acl.find(static_cast<std::uint16_t>(column));
      if (own != table->column_acl.end())
        for (const AclItem& item : own->second) acl_grant(both, item);
      for (const AclItem& item : both) emit_item(*table, column, item);
    }
}

// The roles that the session's user has the rights of.
void scan_enabled_roles(SystemScan& scan) {
  const Role* self = scan.catalog.find_role(scan.session.current_user);
  if (self == nullptr) return;
  for (const auto& [id, role] : scan.catalog.roles())
    if (scan.catalog.has_privileges_of(self->id, id)) emit(scan, {role.name});
}

void scan_applicable_roles(SystemScan& scan) {
  for (const auto& [id, role] : scan.catalog.roles())
    for (const Membership& membership : role.member_of)
      emit(scan, {role.name, role_name(scan, membership.role), membership.admin ? "YES" : "NO"});
}

}  // namespace

Relations information_schema_relations() {
  return {
      {13227, "information_schema", "information_schema_catalog_name", columns_of("catalog_name name"),
       scan_catalog_name, 'v'},
      {13382, "information_schema", "schemata",
       columns_of("catalog_name name, schema_name name, schema_owner name, "
                  "default_character_set_catalog name, default_character_set_schema name, "
                  "default_character_set_name name, sql_path text"),
       scan_schemata, 'v'},
      {13425, "information_schema", "tables",
       columns_of("table_catalog name, table_schema name, table_name name, table_type text, "
                  "self_referencing_column_name name, reference_generation text, "
                  "user_defined_type_catalog name, user_defined_type_schema name, "
                  "user_defined_type_name name, is_insertable_into text, is_typed text, "
                  "commit_action text"),
       scan_tables, 'v'},
      {13295, "information_schema", "columns",
       columns_of("table_catalog name, table_schema name, table_name name, column_name name, "
                  "ordinal_position int4, column_default text, is_nullable text, data_type text, "
                  "character_maximum_length int4, character_octet_length int4, "
                  "numeric_precision int4, numeric_precision_radix int4, numeric_scale int4, "
                  "datetime_precision int4, interval_type text, interval_precision int4, "
                  "character_set_catalog name, character_set_schema name, character_set_name name, "
                  "collation_catalog name, collation_schema name, collation_name name, "
                  "domain_catalog name, domain_schema name, domain_name name, udt_catalog name, "
                  "udt_schema name, udt_name name, scope_catalog name, scope_schema name, "
                  "scope_name name, maximum_cardinality int4, dtd_identifier name, "
                  "is_self_referencing text, is_identity text, identity_generation text, "
                  "identity_start text, identity_increment text, identity_maximum text, "
                  "identity_minimum text, identity_cycle text, is_generated text, "
                  "generation_expression text, is_updatable text"),
       scan_columns, 'v'},
      {13411, "information_schema", "table_constraints",
       columns_of("constraint_catalog name, constraint_schema name, constraint_name name, "
                  "table_catalog name, table_schema name, table_name name, constraint_type text, "
                  "is_deferrable text, initially_deferred text, enforced text, nulls_distinct text"),
       scan_table_constraints, 'v'},
      {13329, "information_schema", "key_column_usage",
       columns_of("constraint_catalog name, constraint_schema name, constraint_name name, "
                  "table_catalog name, table_schema name, table_name name, column_name name, "
                  "ordinal_position int4, position_in_unique_constraint int4"),
       scan_key_column_usage, 'v'},
      {13339, "information_schema", "referential_constraints",
       columns_of("constraint_catalog name, constraint_schema name, constraint_name name, "
                  "unique_constraint_catalog name, unique_constraint_schema name, "
                  "unique_constraint_name name, match_option text, update_rule text, delete_rule text"),
       scan_referential_constraints, 'v'},
      {13260, "information_schema", "check_constraints",
       columns_of("constraint_catalog name, constraint_schema name, constraint_name name, check_clause text"),
       scan_check_constraints, 'v'},
      {13300, "information_schema", "constraint_column_usage",
       columns_of("table_catalog name, table_schema name, table_name name, column_name name, "
                  "constraint_catalog name, constraint_schema name, constraint_name name"),
       scan_constraint_column_usage, 'v'},
      {13483, "information_schema", "views",
       columns_of("table_catalog name, table_schema name, table_name name, view_definition text, "
                  "check_option text, is_updatable text, is_insertable_into text, "
                  "is_trigger_updatable text, is_trigger_deletable text, "
                  "is_trigger_insertable_into text"),
       scan_views, 'v'},
      {13421, "information_schema", "role_table_grants",
       columns_of("grantor name, grantee name, table_catalog name, table_schema name, "
                  "table_name name, privilege_type text, is_grantable text, with_hierarchy text"),
       scan_grants, 'v'},
      {13416, "information_schema", "table_privileges",
       columns_of("grantor name, grantee name, table_catalog name, table_schema name, "
                  "table_name name, privilege_type text, is_grantable text, with_hierarchy text"),
       scan_grants, 'v'},
      {13290, "information_schema", "column_privileges",
       columns_of("grantor name, grantee name, table_catalog name, table_schema name, "
                  "table_name name, column_name name, privilege_type text, is_grantable text"),
       scan_column_grants, 'v'},
      {13321, "information_schema", "role_column_grants",
       columns_of("grantor name, grantee name, table_catalog name, table_schema name, "
                  "table_name name, column_name name, privilege_type text, is_grantable text"),
       scan_column_grants, 'v'},
      {13325, "information_schema", "enabled_roles", columns_of("role_name name"), scan_enabled_roles, 'v'},
      {13236, "information_schema", "applicable_roles",
       columns_of("grantee name, role_name name, is_grantable text"), scan_applicable_roles, 'v'},
  };
}

}  // namespace gyre::adapter::system
