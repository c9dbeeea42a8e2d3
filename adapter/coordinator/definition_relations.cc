#include "adapter/coordinator/definition_relations.h"

#include <fmt/format.h>

#include <algorithm>

#include "adapter/catalog/denied.h"
#include "adapter/catalog/deparse.h"
#include "adapter/catalog/surroundings.h"
#include "adapter/coordinator/deferred_keys.h"
#include "adapter/coordinator/statement_locks.h"
#include "adapter/plan/datum_kind.h"
#include "adapter/plan/relations.h"
#include "adapter/sql_error.h"
#include "reactor/base/check.h"
#include "storage/scalar/nodes.h"
#include "storage/schema_codec.h"
#include "storage/tree.h"

namespace gyre::adapter::definition {

// (Roles and schemas draw from the same numbers.)
RelationId next_relation(Catalog& catalog) {
  const RelationId id(catalog.next_oid - kFirstUserOid);
  if (id.value > storage::kMaxRelationId)
    throw SqlError("54000", fmt::format("cannot have more than {} relations and roles in a database's life, "
                                        "dropped ones included",
                                        storage::kMaxRelationId + 1));
  ++catalog.next_oid;
  return id;
}

namespace {

void check_may_create_in(const Schema& schema, const Definition& d, ast::Location location) {
  // System schemas are nobody's to add to, superusers included.
  const bool system =
      schema.name == "pg_catalog" || schema.name == "information_schema" || schema.name.starts_with("mz_");
  if (system || !d.catalog.allows(d.context.role, schema, Privilege::create))
    throw permission_denied(ObjectKind::schema, schema.name, location);
}

}  // namespace

std::string creation_schema(const ast::QualifiedName& name, const Definition& d) {
  if (!name.catalog.empty() && name.catalog != kDatabaseName)
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

void check_may_create(const Definition& d, const std::string& schema, RoleId role) {
  if (!d.catalog.allows(role, *d.catalog.find_schema(schema), Privilege::create))
    throw permission_denied(ObjectKind::schema, schema);
}

void check_may_look_into(const Definition& d, const std::string& schema) {
  if (!d.catalog.allows(d.context.role, *d.catalog.find_schema(schema), Privilege::usage))
    throw permission_denied(ObjectKind::schema, schema);
}

bool name_taken(const Definition& d, const std::string& schema, const std::string& name) {
  return d.catalog.find_table(schema, name) != nullptr || d.catalog.find_index(schema, name) != nullptr;
}

std::string free_name(const Definition& d, const std::string& schema, const std::string& base,
                      std::string_view label, const std::set<std::string>& making) {
  constexpr std::size_t kLongestName = 63;
  for (int number = 0;; ++number) {
    const std::string end = number == 0 ? fmt::format("_{}", label) : fmt::format("_{}{}", label, number);
    std::string name = base.substr(0, std::min(base.size(), kLongestName - end.size())) + end;
    if (!name_taken(d, schema, name) && !making.contains(name)) return name;
  }
}

std::shared_ptr<const TableEntry> find_for_change(const ast::QualifiedName& name, bool missing_ok,
                                                  std::string_view noun, Definition& d) {
  try {
    auto table = resolve_table(name, d.context);
    check_owner(d, *table);
    return table;
  } catch (const SqlError& error) {
    if (!missing_ok || error.sql_state != pgwire::SqlState("42P01")) throw;
    d.notices.push_back(notice("00000", fmt::format("{} \"{}\" does not exist, skipping", noun, name.name)));
    return nullptr;
  }
}

std::uint16_t column_position(const TableSchema& table, std::string_view name, std::string message,
                              ast::Location location) {
  for (std::size_t i = 0; i < table.columns.size(); ++i)
    if (table.columns[i].name == name) return static_cast<std::uint16_t>(i);
  throw SqlError("42703", std::move(message), location);
}

std::uint16_t column_of(const TableEntry& table, std::string_view name) {
  return column_position(
      *table.schema, name,
      fmt::format("column \"{}\" of relation \"{}\" does not exist", name, table.name()));
}

std::string joined_names(const TableSchema& table, std::span<const std::uint16_t> columns) {
  std::string joined;
  for (const std::uint16_t at : columns) joined += "_" + table.columns[at].name;
  return joined;
}

std::shared_ptr<const TableEntry> current(const Definition& d, RelationId table) {
  auto entry = d.catalog.table(table);
  GYRE_CHECK(entry != nullptr);
  return entry;
}

std::shared_ptr<const TableEntry> change_entry(Definition& d, const TableEntry& table,
                                               const std::function<void(TableEntry&)>& change) {
  auto entry = std::make_shared<TableEntry>(table);
  change(*entry);
  d.catalog.put_table(entry);
  return entry;
}

std::shared_ptr<const TableEntry> change_schema(Definition& d, const TableEntry& table,
                                                const std::function<void(TableSchema&)>& change) {
  auto schema = std::make_shared<TableSchema>(*table.schema);
  change(*schema);
  d.branch.replace_schema(schema);
  return change_entry(d, table, [&](TableEntry& entry) { entry.schema = std::move(schema); });
}

namespace {

// Keys of the table that the transaction has removed before it wrote the table anew are not looked for again at
// COMMIT: nothing may have come that refers to them. In `read committed` locks see to that.
void note_neighbours(Definition& d, const TableEntry& table) {
  if (d.locks != nullptr && d.locks->locks_changes()) return;
  const storage::ChangeSet& changes = d.branch.changes();
  const std::size_t first = d.branch.first_change_in_layout(table.id());
  bool removed = false;
  for (std::size_t i = 0; i < first && !removed; ++i)
    removed = changes[i].relation == table.id() && changes[i].before.has_value();
  if (!removed) return;
  for (const auto& child : d.catalog.referrers(table.id())) d.exclusive.insert(child->id());
}

}  // namespace

void check_in_use(const Definition& d, RelationId table, std::string_view command) {
  if (d.constraint_modes == nullptr) return;
  Arena arena;
  storage::EvalContext eval = evaluation(d, arena);
  check_no_pending_checks({d.catalog, d.branch, eval, nullptr, nullptr, &d.stop}, *d.constraint_modes, table, command);
}

std::shared_ptr<const TableEntry> rewrite_table(
    Definition& d, const TableEntry& table, std::shared_ptr<TableEntry> now,
    const std::function<void(std::span<const storage::Datum>, std::span<storage::Datum>)>& convert) {
  const TableSchema& before = *table.schema;
  const storage::TableVersion* version = d.branch.view().table(before.id);
  GYRE_CHECK(version != nullptr);
  // What the rows will be is known before the first is taken away.
  Arena kept;
  std::vector<std::span<storage::Datum>> rows;
  std::vector<storage::Datum> row(before.columns.size());
  storage::Cursor cursor(version->rows);
  for (cursor.seek_first(); cursor.valid(); cursor.next()) {
    d.stop.check();
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = before.layout.get(cursor.value().data(), i);
    const std::span<storage::Datum> made = kept.array<storage::Datum>(now->schema->columns.size());
    std::fill(made.begin(), made.end(), storage::Datum());
    convert(row, made);
    for (std::size_t i = 0; i < made.size(); ++i)
      if (!made[i].null && is_by_reference(now->schema->columns[i].type.id))
        made[i] = storage::Datum::of_bytes(kept.copy(made[i].bytes()));
    rows.push_back(made);
  }
  d.branch.truncate(before.id);
  d.branch.replace_schema(now->schema);
  for (const std::span<storage::Datum> made : rows) {
    d.stop.check();
    d.branch.insert(before.id, made);
  }
  for (std::size_t i = 0; i < now->schema->indexes.size(); ++i)
    if (is_deferrable_key(now->schema->indexes[i]))
      check_all_keys(*d.branch.view().table(before.id), i, d.context.style, d.stop);
  d.exclusive.insert(before.id);
  note_neighbours(d, table);
  d.catalog.put_table(now);
  return now;
}

namespace {

// The expression without the conversions to its column's type that its text leaves out.
const storage::Expression& shown_part(const storage::Expression& expression, std::string_view text) {
  const storage::Expression* shown = &expression;
  while (true) {
    const auto operands = storage::children_of(*shown);
    const storage::NodeKind kind = storage::kind_of(*shown);
    const bool converts = kind == storage::NodeKind::typmod || kind == storage::NodeKind::relabel ||
                          (kind == storage::NodeKind::call && operands.size() == 1 &&
                           operands[0]->type().id != shown->type().id);
    if (!converts || text.ends_with("::" + storage::format_type(shown->type()))) return *shown;
    const storage::FunctionDef* function = storage::called_function(*shown);
    if (function != nullptr && text.starts_with(std::string(function->name) + "(")) return *shown;
    shown = operands[0];
  }
}

}  // namespace

void refresh_texts(Definition& d) {
  const CatalogNames names(d.catalog);
  std::vector<std::shared_ptr<const TableEntry>> tables;
  for (const auto& [name, table] : d.catalog.tables()) tables.push_back(table);
  for (const auto& table : tables) {
    auto entry = std::make_shared<TableEntry>(*table);
    bool changed = false;
    const auto refresh = [&](auto& part) {
      if (part.expression == nullptr) return;
      std::string text =
          deparse(shown_part(*part.expression, part.text), table->schema->columns, &names);
      changed = changed || text != part.text;
      part.text = std::move(text);
    };
    for (ColumnDefault& value : entry->defaults) refresh(value);
    for (CheckConstraint& check : entry->checks) refresh(check);
    if (changed) d.catalog.put_table(std::move(entry));
  }
}

storage::EvalContext evaluation(const Definition& d, Arena& arena) {
  storage::EvalContext eval;
  eval.arena = &arena;
  eval.style = &d.context.style;
  eval.session = &d.context.session;
  eval.transaction_us = d.context.style.now_us;
  eval.statement_us = d.context.style.now_us;
  return eval;
}

}  // namespace gyre::adapter::definition
