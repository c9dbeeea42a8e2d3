// Advisory locks and who waits for whom, as SQL functions (PostgreSQL's manual, 9.27.10 and 9.26).
#include <charconv>

#include "storage/scalar/families.h"
#include "storage/scalar/helpers.h"
#include "storage/scalar/session_locks.h"
#include "storage/types/array_text.h"

namespace gyre::storage::families {

namespace {

using Arguments = const Datum*;

SessionLocks& locks_of(EvalContext& context) {
  if (context.session == nullptr || context.session->locks == nullptr)
    throw Failure(Fault::feature_not_supported, "locks cannot be taken here");
  return *context.session->locks;
}

AdvisoryLock advisory(Arguments a, unsigned count, bool share, bool transaction) {
  const auto first = static_cast<std::uint64_t>(a[0].integer);
  const std::uint64_t key = count == 1 ? first : first << 32 | static_cast<std::uint32_t>(a[1].integer);
  return {key, count == 2, share, transaction};
}

template <bool share, bool transaction>
Datum lock(EvalContext& context, Arguments a, unsigned count) {
  locks_of(context).lock(advisory(a, count, share, transaction), true);
  return Datum::of_integer(0);
}
template <bool share, bool transaction>
Datum try_lock(EvalContext& context, Arguments a, unsigned count) {
  return Datum::of_bool(locks_of(context).lock(advisory(a, count, share, transaction), false));
}
template <bool share>
Datum unlock(EvalContext& context, Arguments a, unsigned count) {
  return Datum::of_bool(locks_of(context).unlock(advisory(a, count, share, false)));
}
Datum unlock_all(EvalContext& context, Arguments, unsigned) {
  locks_of(context).unlock_all();
  return Datum::of_integer(0);
}

Datum blocking_pids(EvalContext& context, Arguments a, unsigned) {
  std::string printed = "{";
  for (const std::uint32_t pid : locks_of(context).blockers(static_cast<std::uint32_t>(a[0].integer)))
    printed += (printed.size() > 1 ? "," : "") + std::to_string(pid);
  return copied(context, printed + '}');
}

// PostgreSQL's isolation tester asks whether a session waits for one of its own.
Datum is_blocked(EvalContext& context, Arguments a, unsigned) {
  const TextArray interesting = parse_text_array(a[1].bytes());
  for (const std::uint32_t pid : locks_of(context).blockers(static_cast<std::uint32_t>(a[0].integer)))
    for (const auto& element : interesting)
      if (element == std::to_string(pid)) return Datum::of_bool(true);
  return Datum::of_bool(false);
}

void add_advisory(std::vector<FunctionDef>& table, ArgumentTypes keys) {
  using T = TypeId;
  constexpr auto kVolatile = Volatility::volatile_;
  for (const FunctionDef& def : std::initializer_list<FunctionDef>{
           {"pg_advisory_lock", keys, T::void_, lock<false, false>, true, kVolatile},
           {"pg_advisory_lock_shared", keys, T::void_, lock<true, false>, true, kVolatile},
           {"pg_advisory_xact_lock", keys, T::void_, lock<false, true>, true, kVolatile},
           {"pg_advisory_xact_lock_shared", keys, T::void_, lock<true, true>, true, kVolatile},
           {"pg_try_advisory_lock", keys, T::boolean, try_lock<false, false>, true, kVolatile},
           {"pg_try_advisory_lock_shared", keys, T::boolean, try_lock<true, false>, true, kVolatile},
           {"pg_try_advisory_xact_lock", keys, T::boolean, try_lock<false, true>, true, kVolatile},
           {"pg_try_advisory_xact_lock_shared", keys, T::boolean, try_lock<true, true>, true, kVolatile},
           {"pg_advisory_unlock", keys, T::boolean, unlock<false>, true, kVolatile},
           {"pg_advisory_unlock_shared", keys, T::boolean, unlock<true>, true, kVolatile},
       })
    table.push_back(def);
}

std::vector<FunctionDef> make_table() {
  using T = TypeId;
  constexpr auto kVolatile = Volatility::volatile_;
  std::vector<FunctionDef> table = {
      {"pg_advisory_unlock_all", {}, T::void_, unlock_all, true, kVolatile},
      {"pg_blocking_pids", {T::int4}, T::int4_array, blocking_pids, true, kVolatile},
      {"pg_isolation_test_session_is_blocked",
       {T::int4, T::int4_array},
       T::boolean,
       is_blocked,
       true,
       kVolatile},
  };
  add_advisory(table, {T::int8});
  add_advisory(table, {T::int4, T::int4});
  for (FunctionDef& def : table) def.needs_locks = true;
  return table;
}

}  // namespace

std::span<const FunctionDef> locks() {
  static const std::vector<FunctionDef> table = make_table();
  return table;
}

}  // namespace gyre::storage::families
