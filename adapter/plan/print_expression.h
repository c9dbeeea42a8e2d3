#pragma once

#include <string>

#include "storage/scalar/expression.h"

namespace gyre::adapter {

// A bound expression in prefix form, for tests and EXPLAIN.
std::string print_expression(const storage::Expression& expression);

}  // namespace gyre::adapter
