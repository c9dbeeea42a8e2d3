// The aggregate functions: a state of fixed size that rows are folded into.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "reactor/base/arena.h"
#include "storage/datum.h"
#include "storage/scalar/functions.h"
#include "storage/type.h"

namespace gyre::storage {

// A state is `state_size` bytes at `state_alignment`, trivially destructible; what it needs beyond lies in
// the arena given to step, which must live until finish's result has been used.
struct AggregateDef {
  std::string_view name;
  ArgumentTypes arguments;
  TypeId result = TypeId::unknown;
  std::uint32_t state_size = 0;
  std::uint32_t state_alignment = 1;
  void (*init)(void* state) = nullptr;
  // Folds one row's arguments in; nulls are the aggregate's own business (count(x), sum, … ignore them).
  void (*step)(void* state, const Datum* arguments, Arena& arena) = nullptr;
  // The result; the state stays as it is. Throws Failure where the result does not fit its type.
  Datum (*finish)(const void* state, Arena& arena) = nullptr;
  std::uint32_t oid = 0;  // pg_proc.oid
};

struct AggregateResolution {
  Resolution::Status status = Resolution::Status::not_found;
  const AggregateDef* aggregate = nullptr;
  std::vector<TypeId> arguments;  // what each actual argument must be coerced to

  bool found() const { return status == Resolution::Status::found; }
};

// The value of a group's first row, whatever it is: for columns that the grouping decides. Without a name in
// SQL; its result has its argument's type.
const AggregateDef* first_value_of(TypeId type);

bool is_aggregate(std::string_view name);
// The overloads of an aggregate's name.
std::span<const AggregateDef* const> aggregates_named(std::string_view name);
// By name and argument types; count(*) is "count" with no arguments.
AggregateResolution resolve_aggregate(std::string_view name, std::span<const TypeId> arguments);

}  // namespace gyre::storage
