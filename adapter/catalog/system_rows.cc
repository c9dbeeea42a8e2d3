#include "adapter/catalog/system_rows.h"

#include <algorithm>
#include <array>

#include "adapter/catalog/catalog_oids.h"
#include "reactor/base/check.h"
#include "storage/types/acl_text.h"
#include "storage/types/array_text.h"

namespace gyre::adapter::system {

using storage::TypeId;

std::vector<SystemColumn> columns_of(std::string_view text) {
  std::vector<SystemColumn> columns;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view column = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 2);
    const std::size_t space = column.find(' ');
    GYRE_CHECK(space != std::string_view::npos);
    const TypeId type = storage::type_by_name(column.substr(space + 1));
    GYRE_CHECK(type != TypeId::count_);
    columns.push_back({column.substr(0, space), type});
  }
  return columns;
}

void emit(SystemScan& scan, std::initializer_list<Value> row) {
  std::array<storage::Datum, 64> datums;
  GYRE_CHECK(row.size() <= datums.size());
  std::size_t count = 0;
  for (const Value& value : row) datums[count++] = value.datum;
  scan.emit({datums.data(), count});
}

std::string_view text_array(SystemScan& scan, const std::vector<std::string>& elements) {
  return scan.arena.copy(storage::print_text_array(storage::TextArray(elements.begin(), elements.end())));
}

std::string_view number_vector(SystemScan& scan, std::span<const std::uint32_t> numbers) {
  std::string text;
  for (const std::uint32_t number : numbers) {
    if (!text.empty()) text += ' ';
    text += std::to_string(number);
  }
  return scan.arena.copy(text);
}

Value access_list(SystemScan& scan, const std::optional<Acl>& acl) {
  if (!acl) return nullptr;
  std::vector<std::string> items;
  for (const AclItem& item : *acl)
    items.push_back(
        print_acl_item(item, [&](RoleId role) { return storage::acl_name(role_name(scan, role)); }));
  return text_array(scan, items);
}

std::string_view rule_words(ForeignKey::Action action) {
  switch (action) {
    case ForeignKey::Action::cascade:
      return "CASCADE";
    case ForeignKey::Action::set_null:
      return "SET NULL";
    case ForeignKey::Action::set_default:
      return "SET DEFAULT";
    case ForeignKey::Action::restrict_:
      return "RESTRICT";
    case ForeignKey::Action::no_action:
      break;
  }
  return "NO ACTION";
}

std::string quoted(std::string_view name) {
  bool plain = !name.empty() && (name[0] < '0' || name[0] > '9');
  for (const char c : name) plain = plain && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_');
  // Words that no table or column can be called without quotes.
  static constexpr std::string_view kReserved[] = {
      "all",        "analyse",    "analyze",   "and",      "any",     "array",    "as",         "asc",
      "both",       "case",       "cast",      "check",    "collate", "column",   "constraint", "create",
      "default",    "deferrable", "desc",      "distinct", "do",      "else",     "end",        "except",
      "false",      "fetch",      "for",       "foreign",  "from",    "grant",    "group",      "having",
      "in",         "initially",  "intersect", "into",     "lateral", "leading",  "limit",      "not",
      "null",       "offset",     "on",        "only",     "or",      "order",    "placing",    "primary",
      "references", "returning",  "select",    "some",     "table",   "then",     "to",         "trailing",
      "true",       "union",      "unique",    "user",     "using",   "variadic", "when",       "where",
      "window",     "with"};
  for (const std::string_view word : kReserved) plain = plain && word != name;
  if (plain) return std::string(name);
  std::string result = "\"";
  for (const char c : name) {
    if (c == '"') result += '"';
    result += c;
  }
  return result + '"';
}

Value text_or_null(std::string_view text) {
  return text.empty() ? Value(nullptr) : Value(text);
}

std::uint32_t schema_oid(const Catalog& catalog, std::string_view schema) {
  for (const Schema& known : catalog.schemas())
    if (known.name == schema) return known.oid;
  return 0;
}

std::string_view role_name(SystemScan& scan, RoleId id) {
  if (const Role* role = scan.catalog.role(id)) return role->name;
  return scan.arena.copy("unknown (OID=" + std::to_string(id.value) + ")");
}

std::string_view database_name(const SystemScan& scan) {
  return scan.session.database.empty() ? kDatabaseName : scan.session.database;
}

std::vector<IndexFacts> indexes_of(const TableEntry& table) {
  const storage::TableSchema& schema = *table.schema;
  std::vector<IndexFacts> indexes;
  if (!schema.primary_key.empty())
    indexes.push_back({primary_key_oid(oid_of(schema.id)), schema.primary_key_name, schema.primary_key, true, true,
                       true, false, false});
  for (const storage::IndexSchema& index : schema.indexes) {
    const IndexFacts facts{oid_of(index.id),    index.name,     index.columns,    index.unique || index.constraint,
                           index.primary,       index.constraint, index.deferrable, index.deferred};
    indexes.insert(index.primary ? indexes.begin() : indexes.end(), facts);
  }
  return indexes;
}

IndexFacts referenced_index(const Catalog& catalog, const ForeignKey& key) {
  const auto table = catalog.table(key.referenced);
  if (table == nullptr) return {};
  for (const IndexFacts& index : indexes_of(*table))
    if (index.unique && !index.deferrable && index.columns.size() == key.referenced_columns.size() &&
        std::is_permutation(index.columns.begin(), index.columns.end(), key.referenced_columns.begin()))
      return index;
  return {};
}

std::string index_definition(const TableEntry& table, const IndexFacts& index) {
  std::string text = index.unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ";
  text +=
      quoted(index.name) + " ON " + quoted(table.schema_name) + "." + quoted(table.name()) + " USING btree (";
  for (std::size_t i = 0; i < index.columns.size(); ++i) {
    if (i > 0) text += ", ";
    text += quoted(table.schema->columns[index.columns[i]].name);
  }
  return text + ")";
}

TypeLayout layout_of_type(TypeId type) {
  switch (type) {
    case TypeId::boolean:
    case TypeId::char_:
      return {true, 'c', 'p', 0};
    case TypeId::int2:
      return {true, 's', 'p', 0};
    case TypeId::int4:
    case TypeId::float4:
    case TypeId::date:
    case TypeId::oid:
    case TypeId::regclass:
    case TypeId::regtype:
    case TypeId::void_:
      return {true, 'i', 'p', 0};
    case TypeId::int8:
    case TypeId::float8:
    case TypeId::timestamp:
    case TypeId::timestamptz:
      return {true, 'd', 'p', 0};
    case TypeId::name:
      return {false, 'c', 'p', kCCollationOid};
    case TypeId::unknown:
    case TypeId::uuid:
      return {false, 'c', 'p', 0};
    case TypeId::numeric:
      return {false, 'i', 'm', 0};
    case TypeId::bytea:
      return {false, 'i', 'x', 0};
    case TypeId::text:
    case TypeId::varchar:
    case TypeId::bpchar:
    case TypeId::text_array:
    case TypeId::count_:
      return {false, 'i', 'x', kDefaultCollationOid};
    case TypeId::int2_array:
    case TypeId::int4_array:
    case TypeId::uuid_array:
      return {false, 'i', 'x', 0};
    case TypeId::int8_array:
    case TypeId::float8_array:
      break;
  }
  return {false, 'd', 'x', 0};
}

std::uint32_t operator_class_of(TypeId type) {
  switch (type) {
    case TypeId::boolean:
      return 10003;
    case TypeId::bpchar:
      return 10004;
    case TypeId::bytea:
      return 10006;
    case TypeId::char_:
      return 10007;
    case TypeId::date:
      return 3122;
    case TypeId::float4:
      return 10012;
    case TypeId::float8:
      return 3123;
    case TypeId::int2:
      return 1979;
    case TypeId::int4:
      return 1978;
    case TypeId::int8:
      return 3124;
    case TypeId::name:
      return 10028;
    case TypeId::numeric:
      return 3125;
    case TypeId::oid:
    case TypeId::regclass:
    case TypeId::regtype:
      return 1981;
    case TypeId::timestamptz:
      return 3127;
    case TypeId::timestamp:
      return 3128;
    case TypeId::uuid:
      return 10065;
    default:
      return 3126;  // text_ops, which varchar uses too
  }
}

}  // namespace gyre::adapter::system
