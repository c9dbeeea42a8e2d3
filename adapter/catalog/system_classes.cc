// Relations, their columns and their defaults. System relations and indexes are relations here, as they are
// for PostgreSQL's clients.
#include <set>
#include <string>

#include "adapter/catalog/catalog_oids.h"
#include "adapter/catalog/system_groups.h"
#include "adapter/catalog/system_rows.h"

namespace gyre::adapter::system {

namespace {

using storage::TypeId;

struct ClassRow {
  std::uint32_t oid;
  std::string_view name;
  std::uint32_t schema;
  std::uint32_t owner;
  char kind;  // r: table, i: index, v: view, S: sequence
  std::size_t columns;
  bool has_index = false;
  Value access = nullptr;  // relacl
  std::size_t checks = 0;
  bool has_triggers = false;  // foreign keys, on either side
};

void emit_class(SystemScan& scan, const ClassRow& c) {
  const std::uint32_t method = c.kind == 'r' ? kHeapOid : c.kind == 'i' ? kBtreeOid : 0;
  const std::uint32_t file = c.kind == 'v' ? 0 : c.oid;
  const char identity = c.kind == 'r' && c.oid >= kFirstUserOid ? 'd' : 'n';  // relreplident
  emit(scan, {c.oid,    c.name,  c.schema, 0,           0,     c.owner,  method, file,      0, 0,
              -1.0,     0,       0,        c.has_index, false, 'p',      c.kind, c.columns, c.checks,
              c.kind == 'v', c.has_triggers, false,   false,    false,       true,  identity, false,  0,         0, 0,
              c.access, nullptr, nullptr});
}

void scan_classes(SystemScan& scan) {
  for (const SystemRelation& relation : system_relations())
    emit_class(scan, {.oid = relation.oid,
                      .name = relation.name,
                      .schema = schema_oid(scan.catalog, relation.schema),
                      .owner = kSystemRoleOid,
                      .kind = relation.kind,
                      .columns = relation.columns.size()});
  std::set<RelationId> referenced;
  for (const auto& [key, table] : scan.catalog.tables())
    for (const ForeignKey& foreign : table->foreign_keys) referenced.insert(foreign.referenced);
  for (const auto& [key, table] : scan.catalog.tables()) {
    const std::vector<IndexFacts> indexes = indexes_of(*table);
    const std::uint32_t schema = schema_oid(scan.catalog, table->schema_name);
    emit_class(scan, {.oid = oid_of(table->id()),
                      .name = table->name(),
                      .schema = schema,
                      .owner = table->owner.value,
                      .kind = table->is_sequence() ? 'S' : 'r',
                      .columns = table->schema->columns.size(),
                      .has_index = !indexes.empty(),
                      .access = access_list(scan, table->acl),
                      .checks = table->checks.size(),
                      .has_triggers = !table->foreign_keys.empty() || referenced.contains(table->id())});
    for (const IndexFacts& index : indexes)
      emit_class(scan, {.oid = index.oid,
                        .name = index.name,
                        .schema = schema,
                        .owner = table->owner.value,
                        .kind = 'i',
                        .columns = index.columns.size()});
  }
}

struct AttributeRow {
  std::uint32_t relation;
  std::string_view name;
  storage::Type type;
  std::size_t position;  // from 1
  bool not_null;
  bool has_default = false;
  Identity identity = Identity::none;
  Value access = nullptr;  // attacl
};

void emit_attribute(SystemScan& scan, const AttributeRow& a) {
  const storage::TypeTraits& type = storage::traits(a.type);
  const TypeLayout layout = layout_of_type(a.type.id);
  const int length = a.type.id == TypeId::name ? 64 : type.wire_size;
  const int dimensions = a.type.id == TypeId::text_array ? 1 : 0;
  emit(scan, {a.relation,
              a.name,
              type.oid,
              -1,
              length,
              a.position,
              dimensions,
              -1,
              a.type.typmod,
              layout.by_value,
              layout.align,
              layout.storage,
              '\0',
              a.not_null,
              a.has_default,
              false,
              static_cast<char>(a.identity),
              '\0',
              false,
              true,
              0,
              layout.collation,
              a.access,
              nullptr,
              nullptr,
              nullptr});
}

Value column_access(SystemScan& scan, const TableEntry& table, std::size_t column) {
  const auto found = table.column_acl.find(static_cast<std::uint16_t>(column));
  if (found == table.column_acl.end()) return nullptr;
  return access_list(scan, found->second);
}

// An identity column's value is no default.
bool has_own_default(const TableEntry& table, std::size_t column) {
  return column < table.defaults.size() && table.defaults[column].expression != nullptr &&
         table.defaults[column].identity == Identity::none;
}

void scan_attributes(SystemScan& scan) {
  for (const auto& [key, table] : scan.catalog.tables()) {
    const std::vector<storage::ColumnDef>& columns = table->schema->columns;
    for (std::size_t i = 0; i < columns.size(); ++i)
      emit_attribute(scan, {.relation = oid_of(table->id()),
                            .name = columns[i].name,
                            .type = columns[i].type,
                            .position = i + 1,
                            .not_null = columns[i].not_null,
                            .has_default = has_own_default(*table, i),
                            .identity = i < table->defaults.size() ? table->defaults[i].identity : Identity::none,
                            .access = column_access(scan, *table, i)});
    for (const IndexFacts& index : indexes_of(*table))
      for (std::size_t i = 0; i < index.columns.size(); ++i) {
        const storage::ColumnDef& column = columns[index.columns[i]];
        emit_attribute(scan, {.relation = index.oid,
                              .name = column.name,
                              .type = column.type,
                              .position = i + 1,
                              .not_null = false});
      }
  }
  for (const SystemRelation& relation : system_relations())
    for (std::size_t i = 0; i < relation.columns.size(); ++i)
      emit_attribute(scan, {.relation = relation.oid,
                            .name = relation.columns[i].name,
                            .type = relation.columns[i].type,
                            .position = i + 1,
                            .not_null = false});
}

// adbin is the text that pg_get_expr() would make of it, and pg_get_expr() returns it as it is.
void scan_defaults(SystemScan& scan) {
  std::uint32_t oid = kDefaultOids;
  for (const auto& [key, table] : scan.catalog.tables())
    for (std::size_t i = 0; i < table->defaults.size(); ++i)
      if (has_own_default(*table, i))
        emit(scan, {oid++, oid_of(table->id()), i + 1, table->defaults[i].text});
}

void scan_namespaces(SystemScan& scan) {
  for (const Schema& schema : scan.catalog.schemas())
    emit(scan, {schema.oid, schema.name, schema.owner.value, access_list(scan, schema.acl)});
}

}  // namespace

Relations class_relations() {
  return {
      {1259, "pg_catalog", "pg_class",
       columns_of("oid oid, relname name, relnamespace oid, reltype oid, reloftype oid, "
                  "relowner oid, relam oid, relfilenode oid, reltablespace oid, relpages int4, "
                  "reltuples float4, relallvisible int4, reltoastrelid oid, relhasindex boolean, "
                  "relisshared boolean, relpersistence \"char\", relkind \"char\", relnatts int2, "
                  "relchecks int2, relhasrules boolean, relhastriggers boolean, "
                  "relhassubclass boolean, relrowsecurity boolean, relforcerowsecurity boolean, "
                  "relispopulated boolean, relreplident \"char\", relispartition boolean, "
                  "relrewrite oid, relfrozenxid oid, relminmxid oid, relacl text[], "
                  "reloptions text[], relpartbound text"),
       scan_classes},
      {1249, "pg_catalog", "pg_attribute",
       columns_of("attrelid oid, attname name, atttypid oid, attstattarget int4, attlen int2, "
                  "attnum int2, attndims int4, attcacheoff int4, atttypmod int4, attbyval boolean, "
                  "attalign \"char\", attstorage \"char\", attcompression \"char\", "
                  "attnotnull boolean, atthasdef boolean, atthasmissing boolean, "
                  "attidentity \"char\", attgenerated \"char\", attisdropped boolean, "
                  "attislocal boolean, attinhcount int4, attcollation oid, attacl text[], "
                  "attoptions text[], attfdwoptions text[], attmissingval text[]"),
       scan_attributes},
      {2604, "pg_catalog", "pg_attrdef", columns_of("oid oid, adrelid oid, adnum int2, adbin text"),
       scan_defaults},
      {2615, "pg_catalog", "pg_namespace", columns_of("oid oid, nspname name, nspowner oid, nspacl text[]"),
       scan_namespaces},
  };
}

}  // namespace gyre::adapter::system
