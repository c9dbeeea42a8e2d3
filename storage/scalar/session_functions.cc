// Signalling other sessions, as SQL functions (PostgreSQL's manual, 9.27.2), and pg_stat_statements' reset.
#include "storage/scalar/families.h"
#include "storage/scalar/helpers.h"
#include "storage/scalar/session_directory.h"

namespace gyre::storage::families {

namespace {

using Arguments = const Datum*;

SessionDirectory& sessions_of(EvalContext& context) {
  if (context.session == nullptr || context.session->sessions == nullptr)
    throw Failure(Fault::feature_not_supported, "sessions cannot be signalled here");
  return *context.session->sessions;
}

Datum cancel(EvalContext& context, Arguments a, unsigned) {
  return Datum::of_bool(sessions_of(context).cancel(static_cast<std::int32_t>(a[0].integer)));
}

Datum terminate(EvalContext& context, Arguments a, unsigned count) {
  const std::int64_t timeout_ms = count > 1 ? a[1].integer : 0;
  if (timeout_ms < 0) throw Failure(Fault::numeric_value_out_of_range, "\"timeout\" must not be negative");
  return Datum::of_bool(
      sessions_of(context).terminate(static_cast<std::int32_t>(a[0].integer), timeout_ms));
}

Datum reset_statistics(EvalContext& context, Arguments a, unsigned count) {
  const auto argument = [&](unsigned i) { return i < count ? static_cast<std::uint64_t>(a[i].integer) : 0; };
  sessions_of(context).forget_statistics(static_cast<std::uint32_t>(argument(0)),
                                         static_cast<std::uint32_t>(argument(1)), argument(2));
  return Datum::of_integer(0);
}

std::vector<FunctionDef> make_table() {
  using T = TypeId;
  constexpr auto kVolatile = Volatility::volatile_;
  std::vector<FunctionDef> table = {
      {"pg_cancel_backend", {T::int4}, T::boolean, cancel, true, kVolatile},
      {"pg_terminate_backend", {T::int4}, T::boolean, terminate, true, kVolatile},
      {"pg_terminate_backend", {T::int4, T::int8}, T::boolean, terminate, true, kVolatile},
      {"pg_stat_statements_reset", {}, T::void_, reset_statistics, true, kVolatile},
      {"pg_stat_statements_reset", {T::oid}, T::void_, reset_statistics, true, kVolatile},
      {"pg_stat_statements_reset", {T::oid, T::oid}, T::void_, reset_statistics, true, kVolatile},
      {"pg_stat_statements_reset", {T::oid, T::oid, T::int8}, T::void_, reset_statistics, true, kVolatile},
  };
  for (FunctionDef& def : table) def.needs_sessions = true;
  return table;
}

}  // namespace

std::span<const FunctionDef> sessions() {
  static const std::vector<FunctionDef> table = make_table();
  return table;
}

}  // namespace gyre::storage::families
