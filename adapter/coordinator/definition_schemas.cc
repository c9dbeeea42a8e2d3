// Schemas: CREATE, ALTER … RENAME and DROP.
#include <fmt/format.h>

#include "adapter/catalog/denied.h"
#include "adapter/coordinator/definition_relations.h"
#include "adapter/sql_error.h"

namespace gyre::adapter::definition {

namespace {

bool is_system_schema(std::string_view name) {
  return name == "information_schema" || name.starts_with("pg_") || name.starts_with("mz_");
}

void check_schema_name(const std::string& name) {
  if (name.starts_with("pg_") || name.starts_with("mz_"))
    throw SqlError("42939", fmt::format("unacceptable schema name \"{}\"", name))
        .with_detail(fmt::format("The prefix \"{}\" is reserved for system schemas.", name.substr(0, 3)));
}

}  // namespace

std::string create_schema(const ast::CreateSchemaStatement& statement, Definition& d) {
  const Role& owner = statement.owner.empty() ? asking_role(d) : named_role(d, statement.owner);
  const std::string name = statement.name.empty() ? owner.name : statement.name;
  if (!d.catalog.allows_on_database(d.context.role, Privilege::create))
    throw permission_denied(ObjectKind::database, kDatabaseName);
  if (!asking_role(d).superuser && !d.catalog.is_member(d.context.role, owner.id))
    throw SqlError("42501", fmt::format("must be member of role \"{}\"", owner.name));
  check_schema_name(name);
  if (d.catalog.has_schema(name)) {
    std::string message = fmt::format("schema \"{}\" already exists", name);
    if (!statement.if_not_exists) throw SqlError("42P06", std::move(message));
    d.notices.push_back(notice("42P06", message + ", skipping"));
    return "CREATE SCHEMA";
  }
  Schema schema;
  schema.oid = d.catalog.next_oid++;
  schema.name = name;
  schema.owner = owner.id;
  schema.acl = d.catalog.acl_of_new(ObjectKind::schema, owner.id, 0);
  d.catalog.put_schema(std::move(schema));
  return "CREATE SCHEMA";
}

std::string rename_schema(const std::string& from, const std::string& to, Definition& d) {
  const Schema* found = d.catalog.find_schema(from);
  if (found == nullptr) throw SqlError("3F000", fmt::format("schema \"{}\" does not exist", from));
  if (d.catalog.has_schema(to)) throw SqlError("42P06", fmt::format("schema \"{}\" already exists", to));
  if (!d.catalog.has_privileges_of(d.context.role, found->owner))
    throw SqlError("42501", fmt::format("must be owner of schema {}", from));
  if (!d.catalog.allows_on_database(d.context.role, Privilege::create))
    throw permission_denied(ObjectKind::database, kDatabaseName);
  check_schema_name(to);
  if (is_system_schema(from))
    throw SqlError("42501", fmt::format("permission denied: \"{}\" is a system schema", from));
  Schema schema = *found;
  schema.name = to;
  d.catalog.put_schema(std::move(schema));
  for (const TableEntry* table : tables_by_id(d.catalog))
    if (table->schema_name == from)
      change_entry(d, *table, [&](TableEntry& changed) { changed.schema_name = to; });
  refresh_texts(d);
  return "ALTER SCHEMA";
}

void drop_schema(const std::string& name, bool cascade, Definition& d) {
  const Schema schema = *d.catalog.find_schema(name);
  if (!d.catalog.has_privileges_of(d.context.role, schema.owner))
    throw SqlError("42501", fmt::format("must be owner of schema {}", name));
  if (is_system_schema(name))
    throw SqlError("2BP01",
                   fmt::format("cannot drop schema {} because it is required by the database system", name));
  std::vector<std::shared_ptr<const TableEntry>> relations;
  std::string dependents;
  for (const TableEntry* table : tables_by_id(d.catalog)) {
    if (table->schema_name != name || (table->is_sequence() && table->sequence->owner)) continue;
    relations.push_back(d.catalog.table(table->id()));
    const std::string_view noun = noun_of(table->object_kind());
    if (!dependents.empty()) dependents += '\n';
    dependents += cascade ? fmt::format("drop cascades to {} {}.{}", noun, name, table->name())
                          : fmt::format("{} {}.{} depends on schema {}", noun, name, table->name(), name);
  }
  if (!relations.empty() && !cascade)
    throw SqlError("2BP01", fmt::format("cannot drop schema {} because other objects depend on it", name))
        .with_detail(dependents)
        .with_hint("Use DROP ... CASCADE to drop the dependent objects too.");
  if (relations.size() == 1) {
    d.notices.push_back(notice("00000", dependents));
  } else if (relations.size() > 1) {
    pgwire::Diagnostic told =
        notice("00000", fmt::format("drop cascades to {} other objects", relations.size()));
    told.detail = dependents;
    d.notices.push_back(std::move(told));
  }
  if (!relations.empty()) drop_relations(relations, true, d);
  d.catalog.remove_schema(schema.oid);
}

}  // namespace gyre::adapter::definition
