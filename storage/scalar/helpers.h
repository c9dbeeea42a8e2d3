// Small things that several families of functions need.
#pragma once

#include <string>
#include <string_view>

#include "storage/failure.h"
#include "storage/scalar/functions.h"

namespace gyre::storage {

inline constexpr TextStyle kPlainStyle{};

inline const TextStyle& style_of(const EvalContext& context) {
  return context.style != nullptr ? *context.style : kPlainStyle;
}

// The bytes as a value, copied into the statement's arena.
inline Datum copied(EvalContext& context, std::string_view bytes) {
  return Datum::of_bytes(context.arena->copy(bytes));
}

[[noreturn]] inline void fail_out_of_range(std::string_view type) {
  throw Failure(Fault::numeric_value_out_of_range, std::string(type) + " out of range");
}
[[noreturn]] inline void fail_division_by_zero() {
  throw Failure(Fault::division_by_zero, "division by zero");
}
[[noreturn]] inline void fail_overflow() {
  throw Failure(Fault::numeric_value_out_of_range, "value out of range: overflow");
}
[[noreturn]] inline void fail_underflow() {
  throw Failure(Fault::numeric_value_out_of_range, "value out of range: underflow");
}

// Results above this are refused, as PostgreSQL refuses to allocate 1 GiB.
inline constexpr std::size_t kMaxTextBytes = (std::size_t{1} << 30) - 1;

// Before a result of so many bytes is made: program_limit_exceeded where none may be so long, OverBudget where
// the statement may not have so much.
inline void check_room(const EvalContext& context, std::size_t bytes) {
  if (bytes > kMaxTextBytes) throw Failure(Fault::program_limit_exceeded, "requested length too large");
  context.arena->check_room(bytes);
}

}  // namespace gyre::storage
