#include "adapter/metrics.h"

#include <chrono>
#include <utility>

namespace gyre::adapter {

// A driver or tool announces itself in this way; what people call their own programs is one class.
Application application_of(std::string_view name) {
  constexpr std::pair<std::string_view, Application> kKnown[] = {
      {"psql", Application::psql},
      {"pgbench", Application::pgbench},
      {"PostgreSQL JDBC Driver", Application::jdbc},
      {"pgAdmin", Application::pgadmin},
      {"DBeaver", Application::dbeaver},
      {"grafana", Application::grafana},
      {"dbt", Application::dbt}};
  if (name.empty()) return Application::unspecified;
  for (const auto& [prefix, application] : kKnown)
    if (name.starts_with(prefix)) return application;
  return Application::unrecognized;
}

SpanClock SpanClock::calibrate() {
  using Clock = std::chrono::steady_clock;
  constexpr auto kSpan = std::chrono::milliseconds(5);
  const auto start = Clock::now();
  const std::uint64_t first = ticks();
  while (Clock::now() - start < kSpan) {
  }
  const std::uint64_t last = ticks();
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
  SpanClock clock;
  if (last > first)
    clock.factor_ = static_cast<std::uint64_t>((static_cast<unsigned __int128>(ns) << 32) / (last - first));
  return clock;
}

}  // namespace gyre::adapter
