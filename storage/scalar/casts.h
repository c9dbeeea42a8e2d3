// The casts among the types, as in PostgreSQL's pg_cast, plus the casts to and from text that exist for every
// type through its printed form.
#pragma once

#include "storage/scalar/expression.h"
#include "storage/scalar/functions.h"

namespace gyre::storage {

// In which places a cast may be applied; each includes the ones before it.
enum class CastContext : std::uint8_t { implicit, assignment, explicit_ };

struct CastDef {
  TypeId from;
  TypeId to;
  CastContext context;          // the weakest context it may be used in
  const FunctionDef* function;  // null: the value stays as it is (binary coercible)
};

// The cast between two different types; null if there is none (and where from == to, where none is needed).
const CastDef* find_cast(TypeId from, TypeId to);

// Whether a value of type `from` may become `to` in this context: the same type, an unknown, or a cast.
bool can_coerce(TypeId from, TypeId to, CastContext context);
// The value needs no conversion at all: the same type or a cast without a function.
bool is_binary_coercible(TypeId from, TypeId to);

// The expression as type `to`, its modifier applied (cut where explicit_, checked otherwise). An unknown
// becomes an input cast, a constant one is left unparsed (see fold). Null if there is no such cast.
ExpressionPtr make_cast(ExpressionPtr value, Type to, CastContext context);

}  // namespace gyre::storage
