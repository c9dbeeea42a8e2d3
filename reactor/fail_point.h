// Named places where a test can make the server die, fail or wait: GYRE_FAIL_POINT=wal.after_sync:3:crash
// kills it the third time it comes to that place. They are in every build; while none is set, each costs a
// branch that is never taken.
//
//   points = point *("," point)
//   point  = name ":" nth ["+"] ":" action       ; with "+" at the nth time and all later ones
//   action = "crash"                             ; as kill -9 would
//          | "error"                             ; fail_point() returns true, and the place fails in its way
//          | "sleep_ms=" number
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "reactor/base/result.h"

namespace gyre::reactor {

namespace fail_points {
extern bool any_set;  // changed only while no other thread runs
bool reached(const char* name);
}  // namespace fail_points

// Returns whether the place must fail. From any thread.
inline bool fail_point(const char* name) {
  if (!fail_points::any_set) [[likely]]
    return false;
  return fail_points::reached(name);
}

// Replaces the points that are set; an empty text sets none. The error is a sentence. Before other threads
// start.
Result<std::monostate, std::string> set_fail_points(std::string_view points);
// From GYRE_FAIL_POINT, if that is there.
Result<std::monostate, std::string> set_fail_points_from_environment();

}  // namespace gyre::reactor
