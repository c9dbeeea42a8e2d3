#include "reactor/fail_point.h"

#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

namespace gyre::reactor {

namespace {

enum class Action : std::uint8_t { crash, error, sleep };

struct Point {
  std::string name;
  std::uint64_t nth = 0;
  bool later_too = false;
  Action action = Action::crash;
  std::uint64_t sleep_ms = 0;
  std::uint64_t times = 0;  // reached
};

std::mutex points_lock;
std::vector<Point> points;  // guarded by it

bool read_number(std::string_view text, std::uint64_t& number) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && stop == text.data() + text.size();
}

bool parse_action(std::string_view text, Point& point) {
  constexpr std::string_view kSleep = "sleep_ms=";
  if (text == "crash") {
    point.action = Action::crash;
  } else if (text == "error") {
    point.action = Action::error;
  } else if (text.starts_with(kSleep)) {
    point.action = Action::sleep;
    return read_number(text.substr(kSleep.size()), point.sleep_ms);
  } else {
    return false;
  }
  return true;
}

bool parse_point(std::string_view text, Point& point) {
  const std::size_t first = text.find(':');
  const std::size_t second = first == std::string_view::npos ? first : text.find(':', first + 1);
  if (second == std::string_view::npos || first == 0) return false;
  point.name = text.substr(0, first);
  std::string_view nth = text.substr(first + 1, second - first - 1);
  point.later_too = nth.ends_with('+');
  if (point.later_too) nth.remove_suffix(1);
  return read_number(nth, point.nth) && point.nth != 0 && parse_action(text.substr(second + 1), point);
}

[[noreturn]] void crash(const char* name) {
  std::fprintf(stderr, "gyre: fail point %s: crash\n", name);
  ::kill(::getpid(), SIGKILL);
  std::abort();
}

}  // namespace

namespace fail_points {

bool any_set = false;

bool reached(const char* name) {
  std::uint64_t sleep_ms = 0;
  bool error = false;
  {
    const std::lock_guard guard(points_lock);
    for (Point& point : points) {
      if (point.name != name) continue;
      ++point.times;
      if (point.times != point.nth && !(point.later_too && point.times > point.nth)) continue;
      if (point.action == Action::crash) crash(name);
      if (point.action == Action::error) error = true;
      sleep_ms += point.sleep_ms;
    }
  }
  if (sleep_ms != 0) std::this_thread::sleep_for(std::chrono::milliseconds(sleep_ms));
  return error;
}

}  // namespace fail_points

Result<std::monostate, std::string> set_fail_points(std::string_view text) {
  std::vector<Point> parsed;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    if (!parse_point(one, parsed.emplace_back()))
      return Unexpected{
          "a fail point is name:nth:action with the actions crash, error and sleep_ms=N, not \"" +
          std::string(one) + "\""};
    text.remove_prefix(std::min(text.size(), one.size() + 1));
  }
  const std::lock_guard guard(points_lock);
  points = std::move(parsed);
  fail_points::any_set = !points.empty();
  return std::monostate{};
}

Result<std::monostate, std::string> set_fail_points_from_environment() {
  const char* const text = std::getenv("GYRE_FAIL_POINT");
  return set_fail_points(text == nullptr ? "" : text);
}

}  // namespace gyre::reactor
