// Tables and indexes. Names follow PostgreSQL's habits (t_pkey, t_a_key, t_a_idx), since drivers and people
// look for them.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "adapter/coordinator/definition_parts.h"
#include "adapter/sql_error.h"
#include "reactor/base/check.h"
#include "storage/tree.h"

namespace gyre::adapter::definition {

using storage::IndexSchema;
using storage::TableSchema;

namespace {

constexpr std::size_t kMaxColumns = 1600;
constexpr std::string_view kCluster = "quickstart";

RelationId next_relation(Catalog& catalog) {
  return RelationId(catalog.next_oid++ - kFirstUserOid);
}

void check_may_create_in(const Schema& schema, const Definition& d, ast::Location location) {
  // System schemas are nobody's to add to, superusers included.
  const bool system =
      schema.name == "pg_catalog" || schema.name == "information_schema" || schema.name.starts_with("mz_");
  if (system || !d.catalog.allows(d.context.role, schema, Privilege::create))
    throw SqlError("42501", fmt::format("permission denied for schema {}", schema.name), location);
}

// The schema that a new relation goes to.
std::string creation_schema(const ast::QualifiedName& name, const Definition& d) {
  if (!name.catalog.empty() && name.catalog != "materialize")
    throw SqlError("0A000",
                   fmt::format("cross-database references are not implemented: \"{}.{}.{}\"", name.catalog,
                               name.schema, name.name),
                   name.location);
  if (!name.schema.empty()) {
    const Schema* schema = d.catalog.find_schema(name.schema);
    if (schema == nullptr)
      throw SqlError("3F000", fmt::format("schema \"{}\" does not exist", name.schema), name.location);
    check_may_create_in(*schema, d, name.location);
    return name.schema;
  }
  for (const std::string& candidate : d.context.search_path) {
    const Schema* schema =
        d.catalog.find_schema(candidate == "$user" ? std::string_view(asking_role(d).name) : candidate);
    if (schema == nullptr || !d.catalog.allows(d.context.role, *schema, Privilege::usage)) continue;
    check_may_create_in(*schema, d, name.location);
    return schema->name;
  }
  throw SqlError("3F000", "no schema has been selected to create in", name.location);
}

bool name_taken(const Definition& d, const std::string& schema, const std::string& name) {
  return d.catalog.find_table(schema, name) != nullptr || d.catalog.find_index(schema, name) != nullptr;
}

// `base`, or base1, base2, … : the first that is free and not among the names being made.
std::string free_name(const Definition& d, const std::string& schema, const std::string& base,
                      const std::set<std::string>& making) {
  std::string name = base;
  for (int number = 1; name_taken(d, schema, name) || making.contains(name); ++number)
    name = fmt::format("{}{}", base, number);
  return name;
}

std::uint16_t column_position(const TableSchema& table, std::string_view name, std::string_view message,
                              ast::Location location) {
  for (std::size_t i = 0; i < table.columns.size(); ++i)
    if (table.columns[i].name == name) return static_cast<std::uint16_t>(i);
  throw SqlError("42703", fmt::format(fmt::runtime(message), name), location);
}

std::vector<std::uint16_t> key_columns(const TableSchema& table, const ast::KeyConstraint& key) {
  std::vector<std::uint16_t> positions;
  for (const std::string& name : key.columns) {
    const std::uint16_t at =
        column_position(table, name, "column \"{}\" named in key does not exist", key.location);
    if (std::find(positions.begin(), positions.end(), at) != positions.end())
      throw SqlError("42701",
                     fmt::format("column \"{}\" appears twice in {} constraint", name,
                                 key.primary ? "primary key" : "unique"),
                     key.location);
    positions.push_back(at);
  }
  return positions;
}

std::string joined_names(const TableSchema& table, std::span<const std::uint16_t> columns) {
  std::string joined;
  for (const std::uint16_t at : columns) joined += "_" + table.columns[at].name;
  return joined;
}

// Collects the keys of a CREATE TABLE from both places where they may stand.
std::vector<ast::KeyConstraint> all_keys(const ast::CreateTableStatement& statement) {
  std::vector<ast::KeyConstraint> keys;
  for (const ast::ColumnDefinition& column : statement.columns) {
    if (column.primary_key) keys.push_back({true, column.primary_key_name, {column.name}, column.location});
    if (column.unique) keys.push_back({false, column.unique_name, {column.name}, column.location});
  }
  for (const ast::KeyConstraint& key : statement.keys) keys.push_back(key);
  return keys;
}

void add_columns(const ast::CreateTableStatement& statement, const Definition& d, TableSchema& schema,
                 TableEntry& entry) {
  if (statement.columns.size() > kMaxColumns)
    throw SqlError("54011", fmt::format("tables can have at most {} columns", kMaxColumns));
  std::set<std::string> names;
  for (const ast::ColumnDefinition& column : statement.columns) {
    if (!names.insert(column.name).second)
      throw SqlError("42701", fmt::format("column \"{}\" specified more than once", column.name));
    if (column.unsupported_constraint)
      throw SqlError("0A000", fmt::format("{} is not supported", column.unsupported_what), column.location);
    if (column.explicit_null && (column.not_null || column.primary_key))
      throw SqlError("42601",
                     fmt::format("conflicting NULL/NOT NULL declarations for column \"{}\" of table \"{}\"",
                                 column.name, schema.name),
                     column.location);
    const storage::Type type = resolve_type(column.type, d.context);
    schema.columns.push_back({column.name, type, column.not_null});
    entry.defaults.push_back(column.default_value == nullptr
                                 ? ColumnDefault{}
                                 : bind_default(*column.default_value, type, column.name, d.context));
  }
}

void add_keys(const ast::CreateTableStatement& statement, Definition& d, const std::string& where,
              TableSchema& schema) {
  std::set<std::string> making{schema.name};
  for (const ast::KeyConstraint& key : all_keys(statement)) {
    std::vector<std::uint16_t> positions = key_columns(schema, key);
    if (!key.name.empty() && (name_taken(d, where, key.name) || making.contains(key.name)))
      throw SqlError("42P07", fmt::format("relation \"{}\" already exists", key.name));
    if (key.primary) {
      if (!schema.primary_key.empty())
        throw SqlError("42P16",
                       fmt::format("multiple primary keys for table \"{}\" are not allowed", schema.name),
                       key.location);
      schema.primary_key_name =
          key.name.empty() ? free_name(d, where, schema.name + "_pkey", making) : key.name;
      making.insert(schema.primary_key_name);
      for (const std::uint16_t at : positions) schema.columns[at].not_null = true;
      schema.primary_key = std::move(positions);
      continue;
    }
    IndexSchema index;
    index.id = next_relation(d.catalog);
    index.name = key.name.empty()
                     ? free_name(d, where, schema.name + joined_names(schema, positions) + "_key", making)
                     : key.name;
    making.insert(index.name);
    index.columns = std::move(positions);
    index.unique = index.constraint = true;
    schema.indexes.push_back(std::move(index));
  }
}

// The table's entry with another schema, put in its place.
void replace_entry(Definition& d, const TableEntry& before, std::shared_ptr<const TableSchema> schema) {
  auto entry = std::make_shared<TableEntry>(before);
  entry->schema = std::move(schema);
  d.catalog.put_table(std::move(entry));
}

void add_index(Definition& d, const TableEntry& table, IndexSchema index) {
  auto schema = std::make_shared<TableSchema>(*table.schema);
  schema->indexes.push_back(std::move(index));
  d.branch.create_index(schema);
  replace_entry(d, table, std::move(schema));
}

}  // namespace

std::string create_table(const ast::CreateTableStatement& statement, Definition& d) {
  const std::string where = creation_schema(statement.name, d);
  if (name_taken(d, where, statement.name.name)) {
    std::string message = fmt::format("relation \"{}\" already exists", statement.name.name);
    if (!statement.if_not_exists) throw SqlError("42P07", std::move(message));
    d.notices.push_back(notice("42P07", message + ", skipping"));
    return "CREATE TABLE";
  }
  if (statement.temporary) throw SqlError("0A000", "temporary tables are not supported");
  if (!statement.unsupported_what.empty())
    throw SqlError("0A000", fmt::format("{} is not supported", statement.unsupported_what));
  auto schema = std::make_shared<TableSchema>();
  auto entry = std::make_shared<TableEntry>();
  schema->id = next_relation(d.catalog);
  schema->name = statement.name.name;
  add_columns(statement, d, *schema, *entry);
  add_keys(statement, d, where, *schema);
  schema->layout = storage::layout_of(schema->columns);
  entry->schema = schema;
  entry->schema_name = where;
  entry->owner = d.context.role;
  entry->acl = d.catalog.acl_of_new(ObjectKind::table, entry->owner, d.catalog.find_schema(where)->oid);
  d.branch.create_table(schema);
  d.catalog.put_table(std::move(entry));
  return "CREATE TABLE";
}

std::string create_index(const ast::CreateIndexStatement& statement, Definition& d) {
  const auto table = resolve_table(statement.table, d.context);
  check_owner(d, *table);
  if (!statement.unsupported_what.empty())
    throw SqlError("0A000", fmt::format("{} is not supported", statement.unsupported_what),
                   statement.location);
  if (!statement.cluster.empty() && statement.cluster != kCluster)
    throw SqlError("42704", fmt::format("unknown cluster '{}'", statement.cluster), statement.location);
  const TableSchema& schema = *table->schema;
  IndexSchema index;
  if (statement.is_default) {
    index.columns = schema.primary_key;
    for (std::size_t i = 0; index.columns.size() < schema.columns.size() && schema.primary_key.empty(); ++i)
      index.columns.push_back(static_cast<std::uint16_t>(i));
  }
  for (const std::string& name : statement.columns)
    index.columns.push_back(column_position(schema, name, "column \"{}\" does not exist", -1));
  if (index.columns.empty()) throw SqlError("42P17", "an index needs at least one column");
  if (index.columns.size() > 32) throw SqlError("54011", "cannot use more than 32 columns in an index");
  index.name = statement.name;
  if (index.name.empty()) {
    const std::string base = statement.is_default
                                 ? schema.name + "_primary_idx"
                                 : schema.name + joined_names(schema, index.columns) + "_idx";
    index.name = free_name(d, table->schema_name, base, {});
  } else if (name_taken(d, table->schema_name, index.name)) {
    std::string message = fmt::format("relation \"{}\" already exists", index.name);
    if (!statement.if_not_exists) throw SqlError("42P07", std::move(message));
    d.notices.push_back(notice("42P07", message + ", skipping"));
    return "CREATE INDEX";
  }
  index.id = next_relation(d.catalog);
  index.unique = statement.unique;
  add_index(d, *table, std::move(index));
  return "CREATE INDEX";
}

// A primary key changes the order in which rows are kept, so the rows move to a new table under the same
// name.
std::string add_key(const ast::AddKeyStatement& statement, Definition& d) {
  const auto table = resolve_table(statement.table, d.context);
  check_owner(d, *table);
  const TableSchema& before = *table->schema;
  std::vector<std::uint16_t> columns = key_columns(before, statement.key);
  const bool primary = statement.key.primary;
  if (primary && !before.primary_key.empty())
    throw SqlError("42P16",
                   fmt::format("multiple primary keys for table \"{}\" are not allowed", before.name));
  const std::string base =
      primary ? before.name + "_pkey" : before.name + joined_names(before, columns) + "_key";
  const std::string name =
      statement.key.name.empty() ? free_name(d, table->schema_name, base, {}) : statement.key.name;
  if (!statement.key.name.empty() && name_taken(d, table->schema_name, name))
    throw SqlError("42P07", fmt::format("relation \"{}\" already exists", name));
  if (!primary) {
    IndexSchema index;
    index.id = next_relation(d.catalog);
    index.name = name;
    index.columns = std::move(columns);
    index.unique = index.constraint = true;
    add_index(d, *table, std::move(index));
    return "ALTER TABLE";
  }
  auto schema = std::make_shared<TableSchema>(before);
  schema->id = next_relation(d.catalog);
  for (IndexSchema& index : schema->indexes) index.id = next_relation(d.catalog);
  for (const std::uint16_t at : columns) schema->columns[at].not_null = true;
  schema->primary_key = std::move(columns);
  schema->primary_key_name = name;
  d.branch.create_table(schema);
  const storage::TableVersion* from = d.branch.view().table(before.id);
  GYRE_CHECK(from != nullptr);
  std::vector<storage::Datum> row(before.columns.size());
  storage::Cursor cursor(from->rows);
  for (cursor.seek_first(); cursor.valid(); cursor.next()) {
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = before.layout.get(cursor.value().data(), i);
    d.branch.insert(schema->id, row);
  }
  d.branch.drop_table(before.id);
  auto entry = std::make_shared<TableEntry>(*table);
  entry->schema = schema;
  d.catalog.remove_table(before.id);
  d.catalog.put_table(std::move(entry));
  return "ALTER TABLE";
}

namespace {

std::shared_ptr<const TableEntry> find_by_name(const ast::QualifiedName& name, const Definition& d,
                                               bool index) {
  const auto look = [&](const std::string& schema) {
    return index ? d.catalog.find_index(schema, name.name) : d.catalog.find_table(schema, name.name);
  };
  if (!name.schema.empty()) return look(name.schema);
  for (const std::string& schema : d.context.search_path)
    if (auto found = look(schema)) return found;
  return nullptr;
}

void drop_index(const TableEntry& table, const std::string& name, Definition& d) {
  check_owner(d, table);
  const TableSchema& before = *table.schema;
  if (before.primary_key_name == name)
    throw SqlError("2BP01", fmt::format("cannot drop index {} because constraint {} on table {} requires it",
                                        name, name, before.name))
        .with_hint(fmt::format("You can drop constraint {} on table {} instead.", name, before.name));
  auto schema = std::make_shared<TableSchema>(before);
  const auto found = std::find_if(schema->indexes.begin(), schema->indexes.end(),
                                  [&](const IndexSchema& index) { return index.name == name; });
  GYRE_CHECK(found != schema->indexes.end());
  if (found->constraint)
    throw SqlError("2BP01", fmt::format("cannot drop index {} because constraint {} on table {} requires it",
                                        name, name, before.name))
        .with_hint(fmt::format("You can drop constraint {} on table {} instead.", name, before.name));
  const RelationId id = found->id;
  schema->indexes.erase(found);
  d.branch.drop_index(id, schema);
  replace_entry(d, table, std::move(schema));
}

struct DropWords {
  std::string_view tag;
  std::string_view noun;
  const char* missing;  // SQLSTATE
};

DropWords words_of(const ast::DropStatement& statement) {
  using Kind = ast::DropStatement::Kind;
  switch (statement.kind) {
    case Kind::table:
      return {"DROP TABLE", "table", "42P01"};
    case Kind::index:
      return {"DROP INDEX", "index", "42704"};
    case Kind::view:
      return {"DROP VIEW", "view", "42P01"};
    case Kind::materialized_view:
      return {"DROP MATERIALIZED VIEW", "materialized view", "42P01"};
    case Kind::schema:
      return {"DROP SCHEMA", "schema", "3F000"};
    case Kind::sequence:
      return {"DROP SEQUENCE", "sequence", "42P01"};
    case Kind::other:
      break;
  }
  throw SqlError("0A000", fmt::format("DROP {} is not supported", statement.other_kind));
}

}  // namespace

std::string drop(const ast::DropStatement& statement, Definition& d) {
  using Kind = ast::DropStatement::Kind;
  const DropWords words = words_of(statement);
  for (const ast::QualifiedName& name : statement.names) {
    if (statement.kind == Kind::schema && d.catalog.has_schema(name.name)) {
      drop_schema(name.name, statement.cascade, d);
      continue;
    }
    const bool index = statement.kind == Kind::index;
    const auto found = statement.kind == Kind::table || index ? find_by_name(name, d, index) : nullptr;
    if (found != nullptr && index) {
      drop_index(*found, name.name, d);
    } else if (found != nullptr) {
      // Who owns a schema may drop what lies in it.
      if (!d.catalog.has_privileges_of(d.context.role, d.catalog.find_schema(found->schema_name)->owner))
        check_owner(d, *found);
      d.branch.drop_table(found->id());
      d.catalog.remove_table(found->id());
    } else if (find_by_name(name, d, !index) != nullptr) {
      throw SqlError("42809", fmt::format("\"{}\" is not {} {}", name.name, words.noun[0] == 'i' ? "an" : "a",
                                          words.noun))
          .with_hint(index ? "Use DROP TABLE to remove a table." : "Use DROP INDEX to remove an index.");
    } else if (statement.if_exists) {
      d.notices.push_back(
          notice("00000", fmt::format("{} \"{}\" does not exist, skipping", words.noun, name.name)));
    } else {
      throw SqlError(pgwire::SqlState::from_text(words.missing),
                     fmt::format("{} \"{}\" does not exist", words.noun, name.name));
    }
  }
  return std::string(words.tag);
}

}  // namespace gyre::adapter::definition
