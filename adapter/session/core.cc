#include "adapter/session/core.h"

#include <chrono>
#include <string_view>

#include "adapter/catalog/catalog.h"
#include "storage/types/calendar.h"

namespace gyre::adapter {

void SessionCore::set_wall_offset() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto unix_us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  wall_offset_us = unix_us - storage::kEpochUnixUs - static_cast<std::int64_t>(loop.clock_ns() / 1000);
}

void SessionCore::read_switches(const oracle::Publication& now) {
  const Catalog& catalog = *static_cast<const Catalog*>(now.catalog);
  const auto& parameters = catalog.system_parameters;
  const auto found = parameters.find("enable_frontend_peek_sequencing");
  reads_run_here_ = found == parameters.end() || found->second == "on";
  const auto mode = parameters.find("ts_oracle_read_mode");
  const std::string_view name = mode == parameters.end() ? std::string_view("published") : mode->second;
  if (name == "direct")
    read_mode_ = ReadMode::direct;
  else
    read_mode_ = name == "batched" || shared_timeline ? ReadMode::batched : ReadMode::published;
  reads_run_at_once_ = reads_run_here_ && read_mode_ == ReadMode::published;
  history.follow(catalog);
  set_peek_mode();
  switch_version_ = now.catalog_version;
}

}  // namespace gyre::adapter
