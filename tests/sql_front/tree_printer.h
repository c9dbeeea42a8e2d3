// Prints a statement's tree on one line, as nested lists: (select (targets a) (from t) (where (= id 5#0))).
// A literal that has a slot shows it after '#'.
#pragma once

#include <string>

#include "adapter/sql/ast.h"

namespace gyre::test {

std::string print(const adapter::ast::Statement& statement);
std::string print(const adapter::ast::Expr& expression);

}  // namespace gyre::test
