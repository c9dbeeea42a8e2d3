// The statements that carry_out() knows, one function each: relations in definition_tables.cc, roles and
// parameters in definition_roles.cc. All return the command tag and throw as carry_out() does.
#pragma once

#include <string>

#include "adapter/coordinator/definition.h"

namespace gyre::adapter::definition {

std::string create_table(const ast::CreateTableStatement& statement, Definition& d);
std::string create_index(const ast::CreateIndexStatement& statement, Definition& d);
std::string add_key(const ast::AddKeyStatement& statement, Definition& d);
std::string drop(const ast::DropStatement& statement, Definition& d);

std::string create_role(const ast::CreateRoleStatement& statement, Definition& d);
std::string alter_role(const ast::AlterRoleStatement& statement, Definition& d);
std::string drop_role(const ast::DropRoleStatement& statement, Definition& d);
std::string grant(const ast::GrantStatement& statement, Definition& d);
std::string grant_role(const ast::GrantRoleStatement& statement, Definition& d);
std::string alter_system(const ast::SetStatement& statement, Definition& d);

pgwire::Diagnostic notice(pgwire::SqlState code, std::string message);
const Role& asking_role(const Definition& d);
// Throws 42501 unless the asking role owns the table, by membership or as superuser.
void check_owner(const Definition& d, const TableEntry& table);

}  // namespace gyre::adapter::definition
