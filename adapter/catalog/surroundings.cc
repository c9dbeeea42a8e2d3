#include "adapter/catalog/surroundings.h"

#include <algorithm>

#include "adapter/catalog/deparse.h"
#include "adapter/catalog/system_relation.h"
#include "adapter/catalog/system_rows.h"
#include "adapter/sql_error.h"
#include "reactor/base/check.h"
#include "storage/failure.h"
#include "storage/tree.h"

namespace gyre::adapter {

using storage::Failure;
using storage::Fault;

std::vector<std::string> split_name(std::string_view text) {
  const auto invalid = [] { return Failure(Fault::invalid_name, "invalid name syntax"); };
  std::vector<std::string> parts;
  std::size_t at = 0;
  const auto skip_blanks = [&] {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n')) ++at;
  };
  while (true) {
    skip_blanks();
    std::string part;
    if (at < text.size() && text[at] == '"') {
      for (++at;; ++at) {
        if (at == text.size()) throw invalid();
        if (text[at] != '"')
          part += text[at];
        else if (at + 1 < text.size() && text[at + 1] == '"')
          part += text[++at];
        else
          break;
      }
      ++at;
    } else {
      for (; at < text.size() && text[at] != '.' && text[at] != ' ' && text[at] != '"'; ++at)
        part += text[at] >= 'A' && text[at] <= 'Z' ? static_cast<char>(text[at] + 32) : text[at];
    }
    if (part.empty()) throw invalid();
    parts.push_back(std::move(part));
    skip_blanks();
    if (at == text.size()) return parts;
    if (text[at++] != '.') throw invalid();
  }
}

SequenceState read_sequence(const storage::TableVersion& version) {
  storage::Cursor cursor(version.rows);
  cursor.seek_first();
  GYRE_CHECK(cursor.valid());
  const storage::RowLayout& layout = version.schema->layout;
  const char* row = cursor.value().data();
  return {layout.get(row, 0).integer, layout.get(row, 1).integer, layout.get(row, 2).integer != 0};
}

namespace {

std::optional<std::uint32_t> oid_in(const Catalog& catalog, std::string_view schema, std::string_view name) {
  if (const SystemRelation* system = find_system_relation(schema, name)) return system->oid;
  if (const auto table = catalog.find_table(schema, name)) return oid_of(table->id());
  if (const auto table = catalog.find_index(schema, name))
    for (const system::IndexFacts& index : system::indexes_of(*table))
      if (index.name == name) return index.oid;
  return std::nullopt;
}

struct NamedRelation {
  std::string_view schema, name;
};

std::optional<NamedRelation> name_of(const Catalog& catalog, std::uint32_t oid) {
  if (oid < kFirstUserOid) {
    for (const SystemRelation& relation : system_relations())
      if (relation.oid == oid) return NamedRelation{relation.schema, relation.name};
    return std::nullopt;
  }
  if (const auto table = catalog.table(RelationId(oid - kFirstUserOid)))
    return NamedRelation{table->schema_name, table->name()};
  for (const auto& [key, table] : catalog.tables())
    for (const system::IndexFacts& index : system::indexes_of(*table))
      if (index.oid == oid) return NamedRelation{table->schema_name, index.name};
  return std::nullopt;
}

std::string column_list(const TableEntry& table, std::span<const std::uint16_t> columns) {
  std::string text = "(";
  for (std::size_t i = 0; i < columns.size(); ++i)
    text += (i > 0 ? ", " : "") + quote_identifier(table.schema->columns[columns[i]].name);
  return text + ")";
}

}  // namespace

const storage::Database& CatalogNames::database() const {
  static const storage::Database kEmpty;
  return kEmpty;
}

std::span<const std::string> CatalogNames::search_path() const {
  static const std::vector<std::string> kPath = {"public"};
  return kPath;
}

// ---- names ----

std::vector<std::string> CatalogSurroundings::schemas() {
  if (role() == kPublicRole) return {search_path().begin(), search_path().end()};
  std::vector<std::string> names;
  for (const Schema* schema : catalog().usable_schemas(search_path(), role())) names.push_back(schema->name);
  return names;
}

// Where a name stands in the search path: the system's own schema is searched first.
std::optional<std::uint32_t> CatalogSurroundings::oid_on_path(std::string_view name) const {
  const std::vector<std::string> path = const_cast<CatalogSurroundings*>(this)->schemas();
  if (std::find(path.begin(), path.end(), "pg_catalog") == path.end())
    if (auto oid = oid_in(catalog(), "pg_catalog", name)) return oid;
  for (const std::string& schema : path)
    if (auto oid = oid_in(catalog(), schema, name)) return oid;
  return std::nullopt;
}

std::optional<std::uint32_t> CatalogSurroundings::oid_in_schema(std::string_view schema,
                                                                std::string_view name) const {
  const Schema* const found = catalog().find_schema(schema);
  if (found != nullptr && role() != kPublicRole && !catalog().allows(role(), *found, Privilege::usage))
    throw Failure(Fault::insufficient_privilege, "permission denied for schema " + std::string(schema));
  return oid_in(catalog(), schema, name);
}

std::optional<std::uint32_t> CatalogSurroundings::find_relation(std::string_view name) {
  const std::vector<std::string> parts = split_name(name);
  if (parts.size() == 1) return oid_on_path(parts[0]);
  if (parts.size() == 2) return oid_in_schema(parts[0], parts[1]);
  if (parts.size() == 3) return oid_in_schema(parts[1], parts[2]);
  throw Failure(Fault::invalid_name, "improper relation name (too many dotted names): " + std::string(name));
}

std::uint32_t CatalogSurroundings::relation_oid(std::string_view name) const {
  if (const auto oid = const_cast<CatalogSurroundings*>(this)->find_relation(name)) return *oid;
  const std::vector<std::string> parts = split_name(name);
  if (parts.size() == 2 && catalog().find_schema(parts[0]) == nullptr)
    throw SqlError("3F000", "schema \"" + parts[0] + "\" does not exist");
  std::string shown;
  for (const std::string& part : parts) shown += (shown.empty() ? "" : ".") + part;
  throw Failure(Fault::undefined_table, "relation \"" + shown + "\" does not exist");
}

std::string CatalogSurroundings::relation_name(std::uint32_t oid) const {
  const auto found = name_of(catalog(), oid);
  if (!found) return {};
  std::string name = quote_identifier(found->name);
  if (oid_on_path(found->name) == oid) return name;
  return quote_identifier(found->schema) + "." + name;
}

std::optional<std::string> CatalogSurroundings::role_name(std::uint32_t oid) {
  const Role* const found = catalog().role(RoleId(oid));
  return found == nullptr ? std::nullopt : std::optional(found->name);
}

std::optional<bool> CatalogSurroundings::is_visible(std::uint32_t relation) {
  const auto found = name_of(catalog(), relation);
  if (!found) return std::nullopt;
  return oid_on_path(found->name) == relation;
}

// ---- sequences ----

const TableEntry& CatalogSurroundings::sequence(std::uint32_t oid, PrivilegeSet one_of) const {
  const auto table = oid < kFirstUserOid ? nullptr : catalog().table(RelationId(oid - kFirstUserOid));
  if (table == nullptr || !table->is_sequence()) {
    const auto name = name_of(catalog(), oid);
    if (!name)
      throw Failure(Fault::internal_error, "could not open relation with OID " + std::to_string(oid));
    throw Failure(Fault::wrong_object_type, "\"" + std::string(name->name) + "\" is not a sequence");
  }
  bool allowed = false;
  for (PrivilegeSet right = 1; right != 0; right = static_cast<PrivilegeSet>(right << 1))
    allowed = allowed || ((one_of & right) != 0 && catalog().allows(role(), *table, right));
  if (!allowed)
    throw Failure(Fault::insufficient_privilege, "permission denied for sequence " + table->name());
  return *table;
}

std::int64_t CatalogSurroundings::next_value(std::uint32_t) {
  throw Failure(Fault::feature_not_supported, "nextval() cannot be called here");
}

void CatalogSurroundings::set_value(std::uint32_t, std::int64_t, bool) {
  throw Failure(Fault::feature_not_supported, "setval() cannot be called here");
}

std::int64_t CatalogSurroundings::current_value(std::uint32_t oid) {
  const TableEntry& entry = sequence(oid, bit(Privilege::select) | bit(Privilege::usage));
  const storage::SequenceMemory* seen = memory();
  const auto found = seen == nullptr ? decltype(seen->values.end()){} : seen->values.find(oid);
  if (seen == nullptr || found == seen->values.end())
    throw Failure(Fault::object_not_in_prerequisite_state,
                  "currval of sequence \"" + entry.name() + "\" is not yet defined in this session");
  return found->second;
}

std::int64_t CatalogSurroundings::last_value() {
  const storage::SequenceMemory* seen = memory();
  if (seen == nullptr || !seen->last || !name_of(catalog(), *seen->last))
    throw Failure(Fault::object_not_in_prerequisite_state, "lastval is not yet defined in this session");
  return current_value(*seen->last);
}

std::optional<std::int64_t> CatalogSurroundings::newest_value(std::uint32_t oid) {
  const TableEntry& entry = sequence(oid, bit(Privilege::select) | bit(Privilege::usage));
  const storage::TableVersion* version = database().table(entry.id());
  if (version == nullptr) return std::nullopt;
  const SequenceState state = read_sequence(*version);
  if (!state.called) return std::nullopt;
  return state.last_value;
}

std::optional<std::string> CatalogSurroundings::serial_sequence(std::string_view table,
                                                                std::string_view column) {
  const std::uint32_t oid = relation_oid(table);
  const auto entry = oid < kFirstUserOid ? nullptr : catalog().table(RelationId(oid - kFirstUserOid));
  if (entry == nullptr) return std::nullopt;
  const auto& columns = entry->schema->columns;
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const storage::ColumnDef& c) { return c.name == column; });
  if (found == columns.end())
    throw Failure(Fault::undefined_column, "column \"" + std::string(column) + "\" of relation \"" +
                                               entry->name() + "\" does not exist");
  const auto owned =
      catalog().sequence_of(entry->id(), static_cast<std::uint16_t>(found - columns.begin()));
  if (owned == nullptr) return std::nullopt;
  return quote_identifier(owned->schema_name) + "." + quote_identifier(owned->name());
}

// ---- definitions ----

std::string check_definition(const TableEntry& table, const CheckConstraint& check,
                             const storage::RelationNames* names, bool pretty) {
  std::string text = deparse(*check.expression, table.schema->columns, names,
                             pretty ? Spelling::pretty : Spelling::plain);
  const bool wrapped = text.starts_with('(') && text.ends_with(')');
  text = pretty && wrapped ? "CHECK " + text : "CHECK (" + text + ")";
  if (check.no_inherit) text += " NO INHERIT";
  if (!check.validated) text += " NOT VALID";
  return text;
}

std::string foreign_key_definition(const Catalog& catalog, const TableEntry& table, const ForeignKey& key,
                                   const storage::RelationNames& names) {
  const auto referenced = catalog.table(key.referenced);
  GYRE_CHECK(referenced != nullptr);
  std::string text = "FOREIGN KEY " + column_list(table, key.columns) + " REFERENCES " +
                     names.relation_name(oid_of(key.referenced)) +
                     column_list(*referenced, key.referenced_columns);
  if (key.match_full) text += " MATCH FULL";
  if (key.on_update != ForeignKey::Action::no_action)
    text += " ON UPDATE " + std::string(system::rule_words(key.on_update));
  if (key.on_delete != ForeignKey::Action::no_action)
    text += " ON DELETE " + std::string(system::rule_words(key.on_delete));
  if (!key.delete_set_columns.empty()) text += " " + column_list(table, key.delete_set_columns);
  if (key.deferrable) text += " DEFERRABLE";
  if (key.deferred) text += " INITIALLY DEFERRED";
  if (!key.validated) text += " NOT VALID";
  return text;
}

std::optional<std::string> CatalogSurroundings::text(Text what, std::uint32_t oid, std::int32_t number,
                                                     bool pretty) {
  if (what == Text::comment) {
    const auto table = oid < kFirstUserOid ? nullptr : catalog().table(RelationId(oid - kFirstUserOid));
    if (table == nullptr) return std::nullopt;
    const auto found = table->comments.find(static_cast<std::uint16_t>(number));
    if (found == table->comments.end()) return std::nullopt;
    return found->second;
  }
  for (const auto& [name, table] : catalog().tables()) {
    for (const system::IndexFacts& index : system::indexes_of(*table)) {
      if (index.oid != oid) continue;
      if (what == Text::index_definition && number == 0) return system::index_definition(*table, index);
      if (what == Text::index_definition) {
        if (number < 1 || static_cast<std::size_t>(number) > index.columns.size()) return std::string();
        return quote_identifier(
            table->schema->columns[index.columns[static_cast<std::size_t>(number) - 1]].name);
      }
      if (!index.constraint) continue;
      std::string definition =
          (index.primary ? "PRIMARY KEY " : "UNIQUE ") + column_list(*table, index.columns);
      if (index.deferrable) definition += " DEFERRABLE";
      if (index.deferred) definition += " INITIALLY DEFERRED";
      return definition;
    }
    if (what != Text::constraint_definition) continue;
    for (const CheckConstraint& check : table->checks)
      if (check.oid == oid) return check_definition(*table, check, this, pretty);
    for (const ForeignKey& key : table->foreign_keys)
      if (key.oid == oid) return foreign_key_definition(catalog(), *table, key, *this);
  }
  return std::nullopt;
}

}  // namespace gyre::adapter
