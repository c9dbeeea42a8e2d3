// DROP, and what goes with what is dropped: a table takes its own sequences along, and with CASCADE the foreign
// keys that refer to it.
#include <fmt/format.h>

#include <algorithm>

#include "adapter/catalog/denied.h"
#include "adapter/coordinator/definition_relations.h"
#include "adapter/sql_error.h"
#include "reactor/base/check.h"

namespace gyre::adapter::definition {

std::string dependency_error_hint() {
  return "Use DROP ... CASCADE to drop the dependent objects too.";
}

namespace {

std::shared_ptr<const TableEntry> find_by_name(const ast::QualifiedName& name, const Definition& d,
                                               bool index) {
  const auto look = [&](const std::string& schema) {
    return index ? d.catalog.find_index(schema, name.name) : d.catalog.find_table(schema, name.name);
  };
  if (name.schema.empty()) {
    for (const Schema* schema : d.catalog.usable_schemas(d.context.search_path, d.context.role))
      if (auto found = look(schema->name)) return found;
    return nullptr;
  }
  const Schema* const schema = d.catalog.find_schema(name.schema);
  if (schema != nullptr && !d.catalog.allows(d.context.role, *schema, Privilege::usage))
    throw permission_denied(ObjectKind::schema, name.schema);
  return look(name.schema);
}

[[noreturn]] void throw_required(const std::string& index, const std::string& table) {
  throw SqlError("2BP01", fmt::format("cannot drop index {} because constraint {} on table {} requires it", index,
                                      index, table))
      .with_hint(fmt::format("You can drop constraint {} on table {} instead.", index, table));
}

// Who owns a schema may drop what lies in it.
bool owns_schema_of(const Definition& d, const TableEntry& entry) {
  return d.catalog.has_privileges_of(d.context.role, d.catalog.find_schema(entry.schema_name)->owner);
}

void drop_index(const TableEntry& table, const std::string& name, bool cascade, Definition& d) {
  if (!owns_schema_of(d, table)) check_owner_of_index(d, table, name);
  const TableSchema& before = *table.schema;
  if (before.primary_key_name == name && !before.primary_key.empty()) throw_required(name, before.name);
  const auto found = std::find_if(before.indexes.begin(), before.indexes.end(),
                                  [&](const IndexSchema& index) { return index.name == name; });
  GYRE_CHECK(found != before.indexes.end());
  if (found->constraint) throw_required(name, before.name);
  if (found->unique) {
    const std::vector<std::uint16_t> columns = found->columns;
    const auto needs_it = [&](const ForeignKey& key) {
      return std::is_permutation(key.referenced_columns.begin(), key.referenced_columns.end(), columns.begin(),
                                 columns.end()) &&
             !std::is_permutation(before.primary_key.begin(), before.primary_key.end(), columns.begin(),
                                  columns.end());
    };
    release_referrers(d, table, "index " + name, cascade, needs_it);
  }
  const RelationId id = found->id;
  const auto now = current(d, table.id());
  auto schema = std::make_shared<TableSchema>(*now->schema);
  schema->indexes.erase(schema->indexes.begin() + schema->index_position(id));
  d.branch.drop_index(id, schema);
  change_entry(d, *now, [&](TableEntry& entry) { entry.schema = std::move(schema); });
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

std::string_view kind_of(const TableEntry& entry) {
  return entry.is_sequence() ? "sequence" : "table";
}

// A sequence by its own name: not one that an identity column needs.
void drop_named_sequence(Definition& d, const TableEntry& sequence, bool cascade) {
  if (sequence.sequence->identity && sequence.sequence->owner) {
    const auto table = current(d, sequence.sequence->owner->first);
    const std::string column =
        fmt::format("column {} of table {}", table->schema->columns[sequence.sequence->owner->second].name,
                    table->name());
    throw SqlError("2BP01", fmt::format("cannot drop sequence {} because {} requires it", sequence.name(), column))
        .with_hint(fmt::format("You can drop {} instead.", column));
  }
  drop_sequence(d, sequence, cascade, "sequence " + sequence.name());
}

}  // namespace

void drop_table(Definition& d, const TableEntry& table, bool cascade) {
  const RelationId id = table.id();
  lock_table(d, id, TableLockMode::access_exclusive);
  for (const ForeignKey& key : table.foreign_keys)
    lock_table(d, key.referenced, TableLockMode::access_exclusive);
  if (!table.is_sequence()) check_in_use(d, id, "DROP TABLE");
  release_referrers(d, table, "table " + table.name(), cascade, [](const ForeignKey&) { return true; });
  for (std::uint16_t column = 0; column < table.schema->columns.size(); ++column)
    while (const auto sequence = d.catalog.sequence_of(id, column)) {
      change_entry(d, *current(d, id), [&](TableEntry& entry) { entry.defaults[column] = {}; });
      drop_sequence(d, *sequence, cascade, "table " + table.name());
    }
  d.branch.drop_table(id);
  d.catalog.remove_table(id);
}

void drop_relations(const std::vector<std::shared_ptr<const TableEntry>>& relations, bool cascade,
                    Definition& d) {
  // Keys among the tables that go together stand in nobody's way.
  const auto goes = [&](RelationId id) {
    return std::any_of(relations.begin(), relations.end(), [&](const auto& entry) { return entry->id() == id; });
  };
  for (const auto& entry : relations)
    if (!entry->foreign_keys.empty())
      change_entry(d, *entry, [&](TableEntry& table) {
        std::erase_if(table.foreign_keys, [&](const ForeignKey& key) { return goes(key.referenced); });
      });
  for (const auto& entry : relations) {
    const auto now = d.catalog.table(entry->id());
    if (now == nullptr) continue;  // named twice, or gone with its table
    if (now->is_sequence())
      drop_named_sequence(d, *now, cascade);
    else
      drop_table(d, *now, cascade);
  }
}

std::string drop(const ast::DropStatement& statement, Definition& d) {
  using Kind = ast::DropStatement::Kind;
  const DropWords words = words_of(statement);
  std::vector<std::shared_ptr<const TableEntry>> relations;
  for (const ast::QualifiedName& name : statement.names) {
    if (statement.kind == Kind::schema && d.catalog.has_schema(name.name)) {
      drop_schema(name.name, statement.cascade, d);
      continue;
    }
    const bool index = statement.kind == Kind::index;
    const auto found = find_by_name(name, d, index);
    const bool wanted =
        found != nullptr && (index || (statement.kind == Kind::table && !found->is_sequence()) ||
                             (statement.kind == Kind::sequence && found->is_sequence()));
    const auto other = wanted ? nullptr : found != nullptr ? found : find_by_name(name, d, !index);
    if (wanted && index) {
      drop_index(*found, name.name, statement.cascade, d);
    } else if (wanted) {
      if (!owns_schema_of(d, *found)) check_owner(d, *found);
      relations.push_back(found);
    } else if (other != nullptr && statement.kind != Kind::schema) {
      const bool is_index = found == nullptr && !index;
      const std::string_view kind = is_index ? "index" : kind_of(*other);
      throw SqlError("42809", fmt::format("\"{}\" is not {} {}", name.name, words.noun[0] == 'i' ? "an" : "a",
                                          words.noun))
          .with_hint(is_index                ? "Use DROP INDEX to remove an index."
                     : kind == "sequence" ? "Use DROP SEQUENCE to remove a sequence."
                                             : "Use DROP TABLE to remove a table.");
    } else if (statement.if_exists) {
      d.notices.push_back(
          notice("00000", fmt::format("{} \"{}\" does not exist, skipping", words.noun, name.name)));
    } else {
      throw SqlError(pgwire::SqlState::from_text(words.missing),
                     fmt::format("{} \"{}\" does not exist", words.noun, name.name));
    }
  }
  drop_relations(relations, statement.cascade, d);
  return std::string(words.tag);
}

}  // namespace gyre::adapter::definition
