// The function tables, one per family and file; functions.cc gathers them.
#pragma once

#include <span>

#include "storage/scalar/functions.h"

namespace gyre::storage::families {

std::span<const FunctionDef> comparison();
std::span<const FunctionDef> integer_arithmetic();
std::span<const FunctionDef> float_arithmetic();
std::span<const FunctionDef> numeric_arithmetic();
std::span<const FunctionDef> math();
std::span<const FunctionDef> text();
std::span<const FunctionDef> text_building();
std::span<const FunctionDef> pattern();
std::span<const FunctionDef> bytea();
std::span<const FunctionDef> dates();
std::span<const FunctionDef> arrays();
std::span<const FunctionDef> system();
std::span<const FunctionDef> locks();
std::span<const FunctionDef> sessions();
std::span<const FunctionDef> sizes();

}  // namespace gyre::storage::families
