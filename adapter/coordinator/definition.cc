#include "adapter/coordinator/definition.h"

#include <fmt/format.h>

#include <algorithm>

#include "adapter/coordinator/definition_parts.h"
#include "adapter/coordinator/statement_locks.h"
#include "adapter/sql_error.h"

namespace gyre::adapter {

namespace definition {

pgwire::Diagnostic notice(pgwire::SqlState code, std::string message) {
  pgwire::Diagnostic diagnostic;
  diagnostic.severity = pgwire::Severity::notice;
  diagnostic.code = code;
  diagnostic.message = std::move(message);
  return diagnostic;
}

pgwire::Diagnostic warning(pgwire::SqlState code, std::string message) {
  pgwire::Diagnostic diagnostic = notice(code, std::move(message));
  diagnostic.severity = pgwire::Severity::warning;
  return diagnostic;
}

const Role& asking_role(const Definition& d) {
  const Role* role = d.catalog.role(d.context.role);
  if (role == nullptr) throw SqlError("42704", "the current role does not exist any more");
  return *role;
}

void check_owner(const Definition& d, const TableEntry& table) {
  if (d.catalog.has_privileges_of(d.context.role, table.owner)) return;
  throw SqlError("42501", fmt::format("must be owner of {} {}", noun_of(table.object_kind()), table.name()));
}

void check_owner_of_index(const Definition& d, const TableEntry& table, const std::string& index) {
  if (d.catalog.has_privileges_of(d.context.role, table.owner)) return;
  throw SqlError("42501", fmt::format("must be owner of index {}", index));
}

std::vector<const TableEntry*> tables_by_id(const Catalog& catalog) {
  std::vector<const TableEntry*> tables;
  for (const auto& [name, table] : catalog.tables()) tables.push_back(table.get());
  std::sort(tables.begin(), tables.end(),
            [](const TableEntry* a, const TableEntry* b) { return a->id() < b->id(); });
  return tables;
}

std::string visible_name(const Definition& d, const TableEntry& table) {
  for (const Schema* schema : d.catalog.usable_schemas(d.context.search_path, d.context.role))
    if (const auto found = d.catalog.find_table(schema->name, table.name()))
      if (found->id() == table.id()) return table.name();
  return fmt::format("{}.{}", table.schema_name, table.name());
}

}  // namespace definition

void lock_table(Definition& d, RelationId table, TableLockMode mode) {
  if (d.locks != nullptr) d.locks->lock_table(table, mode);
}

std::string carry_out(const ast::Statement& statement, Definition& d) {
  using namespace definition;
  const auto& node = statement.node;
  if (const auto* s = std::get_if<ast::CreateTableStatement>(&node)) return create_table(*s, d);
  if (const auto* s = std::get_if<ast::CreateIndexStatement>(&node)) return create_index(*s, d);
  if (const auto* s = std::get_if<ast::CreateTableAsStatement>(&node)) return create_table_as(*s, d);
  if (const auto* s = std::get_if<ast::AlterTableStatement>(&node)) return alter_table(*s, d);
  if (const auto* s = std::get_if<ast::RenameStatement>(&node)) return rename(*s, d);
  if (const auto* s = std::get_if<ast::CreateSequenceStatement>(&node)) return create_sequence(*s, d);
  if (const auto* s = std::get_if<ast::AlterSequenceStatement>(&node)) return alter_sequence(*s, d);
  if (const auto* s = std::get_if<ast::CommentStatement>(&node)) return comment(*s, d);
  if (const auto* s = std::get_if<ast::DropStatement>(&node)) return drop(*s, d);
  if (const auto* s = std::get_if<ast::CreateRoleStatement>(&node)) return create_role(*s, d);
  if (const auto* s = std::get_if<ast::AlterRoleStatement>(&node)) return alter_role(*s, d);
  if (const auto* s = std::get_if<ast::RoleSettingStatement>(&node)) return alter_role_settings(*s, d);
  if (const auto* s = std::get_if<ast::DropRoleStatement>(&node)) return drop_role(*s, d);
  if (const auto* s = std::get_if<ast::GrantStatement>(&node)) return grant(*s, d);
  if (const auto* s = std::get_if<ast::GrantRoleStatement>(&node)) return grant_role(*s, d);
  if (const auto* s = std::get_if<ast::AlterDefaultPrivilegesStatement>(&node))
    return alter_default_privileges(*s, d);
  if (const auto* s = std::get_if<ast::CreateSchemaStatement>(&node)) return create_schema(*s, d);
  if (const auto* s = std::get_if<ast::AlterOwnerStatement>(&node)) return alter_owner(*s, d);
  if (const auto* s = std::get_if<ast::OwnedStatement>(&node)) return reassign_or_drop_owned(*s, d);
  if (const auto* s = std::get_if<ast::SetStatement>(&node)) return alter_system(*s, d);
  throw SqlError("0A000", "this statement is not supported");
}

}  // namespace gyre::adapter
