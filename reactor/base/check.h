// Three strengths of check: GYRE_CHECK always, GYRE_DCHECK in debug and sanitizer builds, GYRE_UNREACHABLE
// for states that no input can bring about. A failed check ends the process: it is a bug of ours, never of a
// client.
#pragma once

namespace gyre {

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace gyre

#define GYRE_CHECK(condition)                               \
  do {                                                      \
    if (!(condition)) [[unlikely]]                          \
      ::gyre::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)

#ifdef NDEBUG
#define GYRE_DCHECK(condition) \
  do {                         \
    (void)sizeof(condition);   \
  } while (false)
#else
#define GYRE_DCHECK(condition) GYRE_CHECK(condition)
#endif

#define GYRE_UNREACHABLE() ::gyre::check_failed("unreachable", __FILE__, __LINE__)
