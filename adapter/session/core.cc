#include "adapter/session/core.h"

#include <chrono>

#include "adapter/catalog/catalog.h"
#include "storage/types/calendar.h"

namespace gyre::adapter {

void SessionCore::set_wall_offset() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto unix_us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  wall_offset_us = unix_us - storage::kEpochUnixUs - static_cast<std::int64_t>(loop.clock_ns() / 1000);
}

void SessionCore::read_switches(const oracle::Publication& now) {
  const auto& parameters = static_cast<const Catalog*>(now.catalog)->system_parameters;
  const auto found = parameters.find("enable_frontend_peek_sequencing");
  reads_run_here_ = found == parameters.end() || found->second == "on";
  switch_version_ = now.catalog_version;
}

}  // namespace gyre::adapter
