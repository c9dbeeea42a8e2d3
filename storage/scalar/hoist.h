// Evaluating once per execution what does not change from row to row.
#pragma once

#include <cstddef>
#include <cstdint>

#include "storage/scalar/expression.h"

namespace gyre::storage {

// One remembered value of an execution.
struct Hoisted {
  bool ready = false;
  Datum value;
  // Of = ANY (array): the array's elements but its nulls, sorted.
  const Datum* elements = nullptr;
  std::size_t count = 0;
  bool has_null = false;
};

// Wraps each greatest part of the expression that reads no column, holds no volatile call, and costs more
// than reading a constant or a parameter; numbers the places from `places` on. Parameters from `changing` on
// may change within an execution and count as columns. Where an execution gives no places
// (EvalContext::hoisted is null), or has not reached a part yet, the part is evaluated: hoisting never
// changes what is evaluated first, nor which error comes.
ExpressionPtr hoist(ExpressionPtr expression, int changing, int& places);

}  // namespace gyre::storage
