// Indexes, and the constraints that are kept by them.
#include <string>

#include "adapter/catalog/system_groups.h"
#include "adapter/catalog/system_rows.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter::system {

namespace {

// One number per column of the index, made by `number(position in the table)`.
template <class Number>
std::string_view per_column(SystemScan& scan, const IndexFacts& index, Number number) {
  std::vector<std::uint32_t> numbers;
  for (const std::uint16_t column : index.columns) numbers.push_back(number(column));
  return number_vector(scan, numbers);
}

void emit_index(SystemScan& scan, const TableEntry& table, const IndexFacts& index) {
  const auto type = [&](std::uint16_t column) { return table.schema->columns[column].type.id; };
  const std::string_view keys =
      per_column(scan, index, [](std::uint16_t column) { return static_cast<std::uint32_t>(column + 1); });
  const std::string_view collations =
      per_column(scan, index, [&](std::uint16_t column) { return layout_of_type(type(column)).collation; });
  const std::string_view classes =
      per_column(scan, index, [&](std::uint16_t column) { return operator_class_of(type(column)); });
  const std::string_view options = per_column(scan, index, [](std::uint16_t) { return 0U; });
  const std::size_t count = index.columns.size();
  emit(scan, {index.oid,     oid_of(table.id()),
              count,         count,
              index.unique,  false,
              index.primary, false,
              !index.deferrable, false,
              true,          false,
              true,          true,
              false,         keys,
              collations,    classes,
              options,       nullptr,
              nullptr});
}

void scan_indexes(SystemScan& scan) {
  for (const auto& [key, table] : scan.catalog.tables())
    for (const IndexFacts& index : indexes_of(*table)) emit_index(scan, *table, index);
}

// A constraint has its index's oid: the two relations number their rows apart.
void emit_constraint(SystemScan& scan, const TableEntry& table, const IndexFacts& index) {
  std::vector<std::string> keys;
  for (const std::uint16_t column : index.columns) keys.push_back(std::to_string(column + 1));
  emit(scan, {index.oid,
              index.name,
              schema_oid(scan.catalog, table.schema_name),
              index.primary ? 'p' : 'u',
              index.deferrable,
              index.deferred,
              true,
              oid_of(table.id()),
              0,
              index.oid,
              0,
              0,
              ' ',
              ' ',
              ' ',
              true,
              0,
              true,
              text_array(scan, keys),
              nullptr,
              nullptr,
              nullptr,
              nullptr,
              nullptr,
              nullptr,
              nullptr});
}

std::string_view column_numbers(SystemScan& scan, std::span<const std::uint16_t> columns) {
  std::vector<std::string> numbers;
  for (const std::uint16_t column : columns) numbers.push_back(std::to_string(column + 1));
  return text_array(scan, numbers);
}

void emit_check(SystemScan& scan, const TableEntry& table, const CheckConstraint& check) {
  std::vector<int> columns;
  storage::collect_columns(*check.expression, columns);
  const std::vector<std::uint16_t> positions(columns.begin(), columns.end());
  emit(scan, {check.oid,
              check.name,
              schema_oid(scan.catalog, table.schema_name),
              'c',
              false,
              false,
              check.validated,
              oid_of(table.id()),
              0,
              0,
              0,
              0,
              ' ',
              ' ',
              ' ',
              true,
              0,
              check.no_inherit,
              positions.empty() ? Value(nullptr) : Value(column_numbers(scan, positions)),
              nullptr,
              nullptr,
              nullptr,
              nullptr,
              nullptr,
              nullptr,
              check.text});
}

void emit_foreign_key(SystemScan& scan, const TableEntry& table, const ForeignKey& key) {
  emit(scan, {key.oid,
              key.name,
              schema_oid(scan.catalog, table.schema_name),
              'f',
              key.deferrable,
              key.deferred,
              key.validated,
              oid_of(table.id()),
              0,
              referenced_index(scan.catalog, key).oid,
              0,
              oid_of(key.referenced),
              static_cast<char>(key.on_update),
              static_cast<char>(key.on_delete),
              key.match_full ? 'f' : 's',
              true,
              0,
              true,
              column_numbers(scan, key.columns),
              column_numbers(scan, key.referenced_columns),
              nullptr,
              nullptr,
              nullptr,
              key.delete_set_columns.empty() ? Value(nullptr)
                                             : Value(column_numbers(scan, key.delete_set_columns)),
              nullptr,
              nullptr});
}

void scan_constraints(SystemScan& scan) {
  for (const auto& [key, table] : scan.catalog.tables()) {
    for (const IndexFacts& index : indexes_of(*table))
      if (index.constraint) emit_constraint(scan, *table, index);
    for (const CheckConstraint& check : table->checks)
      if (check.expression != nullptr) emit_check(scan, *table, check);
    for (const ForeignKey& foreign : table->foreign_keys) emit_foreign_key(scan, *table, foreign);
  }
}

void scan_index_definitions(SystemScan& scan) {
  for (const auto& [key, table] : scan.catalog.tables())
    for (const IndexFacts& index : indexes_of(*table))
      emit(scan, {table->schema_name, table->name(), index.name, nullptr,
                  scan.arena.copy(index_definition(*table, index))});
}

void scan_access_methods(SystemScan& scan) {
  emit(scan, {kHeapOid, "heap", "heap_tableam_handler", 't'});
  emit(scan, {kBtreeOid, "btree", "bthandler", 'i'});
}

void scan_operator_classes(SystemScan& scan) {
  constexpr std::uint32_t kFamily = 1976;  // one family for all: nothing here depends on which
  for (std::size_t i = 0; i < storage::kTypeCount; ++i) {
    const storage::TypeTraits& type = storage::traits(static_cast<storage::TypeId>(i));
    const std::uint32_t oid = operator_class_of(type.id);
    const bool borrowed = oid == operator_class_of(storage::TypeId::text) && type.id != storage::TypeId::text;
    if (borrowed || type.id == storage::TypeId::regclass || type.id == storage::TypeId::regtype) continue;
    emit(scan, {oid, kBtreeOid, scan.arena.copy(std::string(type.short_name) + "_ops"), kPgCatalogOid,
                kSystemRoleOid, kFamily, type.oid, true, 0});
  }
}

}  // namespace

Relations index_relations() {
  return {
      {2610, "pg_catalog", "pg_index",
       columns_of("indexrelid oid, indrelid oid, indnatts int2, indnkeyatts int2, "
                  "indisunique boolean, indnullsnotdistinct boolean, indisprimary boolean, "
                  "indisexclusion boolean, indimmediate boolean, indisclustered boolean, "
                  "indisvalid boolean, indcheckxmin boolean, indisready boolean, "
                  "indislive boolean, indisreplident boolean, indkey text, indcollation text, "
                  "indclass text, indoption text, indexprs text, indpred text"),
       scan_indexes},
      {2606, "pg_catalog", "pg_constraint",
       columns_of("oid oid, conname name, connamespace oid, contype \"char\", "
                  "condeferrable boolean, condeferred boolean, convalidated boolean, conrelid oid, "
                  "contypid oid, conindid oid, conparentid oid, confrelid oid, "
                  "confupdtype \"char\", confdeltype \"char\", confmatchtype \"char\", "
                  "conislocal boolean, coninhcount int4, connoinherit boolean, conkey _int2, "
                  "confkey _int2, conpfeqop text[], conppeqop text[], conffeqop text[], "
                  "confdelsetcols _int2, conexclop text[], conbin text"),
       scan_constraints},
      {12043, "pg_catalog", "pg_indexes",
       columns_of("schemaname name, tablename name, indexname name, tablespace name, indexdef text"),
       scan_index_definitions, 'v'},
      {2601, "pg_catalog", "pg_am", columns_of("oid oid, amname name, amhandler text, amtype \"char\""),
       scan_access_methods},
      {2616, "pg_catalog", "pg_opclass",
       columns_of("oid oid, opcmethod oid, opcname name, opcnamespace oid, opcowner oid, "
                  "opcfamily oid, opcintype oid, opcdefault boolean, opckeytype oid"),
       scan_operator_classes},
  };
}

}  // namespace gyre::adapter::system
