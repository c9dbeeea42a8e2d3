// The statements that carry_out() knows, one function each: relations in definition_tables.cc, roles and
// parameters in definition_roles.cc. All return the command tag and throw as carry_out() does.
#pragma once

#include <string>

#include "adapter/coordinator/definition.h"

namespace gyre::adapter::definition {

std::string create_table(const ast::CreateTableStatement& statement, Definition& d);
std::string create_index(const ast::CreateIndexStatement& statement, Definition& d);
std::string create_table_as(const ast::CreateTableAsStatement& statement, Definition& d);
std::string alter_table(const ast::AlterTableStatement& statement, Definition& d);
std::string rename(const ast::RenameStatement& statement, Definition& d);
std::string create_sequence(const ast::CreateSequenceStatement& statement, Definition& d);
std::string alter_sequence(const ast::AlterSequenceStatement& statement, Definition& d);
std::string comment(const ast::CommentStatement& statement, Definition& d);
std::string drop(const ast::DropStatement& statement, Definition& d);
// Tables and sequences of any owner, together.
void drop_relations(const std::vector<std::shared_ptr<const TableEntry>>& relations, bool cascade, Definition& d);

std::string create_role(const ast::CreateRoleStatement& statement, Definition& d);
std::string alter_role(const ast::AlterRoleStatement& statement, Definition& d);
std::string alter_role_settings(const ast::RoleSettingStatement& statement, Definition& d);
std::string drop_role(const ast::DropRoleStatement& statement, Definition& d);
std::string grant(const ast::GrantStatement& statement, Definition& d);
std::string alter_default_privileges(const ast::AlterDefaultPrivilegesStatement& statement, Definition& d);
std::string alter_owner(const ast::AlterOwnerStatement& statement, Definition& d);
std::string reassign_or_drop_owned(const ast::OwnedStatement& statement, Definition& d);
std::string create_schema(const ast::CreateSchemaStatement& statement, Definition& d);
std::string rename_schema(const std::string& from, const std::string& to, Definition& d);
// The schema is there.
void drop_schema(const std::string& name, bool cascade, Definition& d);
std::string grant_role(const ast::GrantRoleStatement& statement, Definition& d);
std::string alter_system(const ast::SetStatement& statement, Definition& d);

pgwire::Diagnostic notice(pgwire::SqlState code, std::string message);
pgwire::Diagnostic warning(pgwire::SqlState code, std::string message);
const Role& asking_role(const Definition& d);
// A role as GRANT and SET name it: a name, or one of the words for the asker. Throws 42704.
const Role& named_role(const Definition& d, std::string_view name);
// Why the role cannot be dropped: "owner of table t", a line for each object; empty where nothing depends on
// it.
std::string dependences_on_role(const Definition& d, RoleId role);
// In the order in which they were made.
std::vector<const TableEntry*> tables_by_id(const Catalog& catalog);
// The table's name as errors give it: with its schema where the search path does not lead to it.
std::string visible_name(const Definition& d, const TableEntry& table);
// Throws 42501 unless the asking role owns the table, by membership or as superuser.
void check_owner(const Definition& d, const TableEntry& table);
// The same for an index of the table, which is whose the table is.
void check_owner_of_index(const Definition& d, const TableEntry& table, const std::string& index);

}  // namespace gyre::adapter::definition
