// The page that Prometheus reads: copies of every core's counters, merged and written in its text format
// (exposition format 0.0.4). Names beginning with mz_ are those that dashboards for Materialize ask for.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "adapter/durability/checkpointer.h"
#include "adapter/durability/recovery.h"
#include "adapter/metrics.h"
#include "oracle/wal/writer.h"
#include "reactor/backend.h"
#include "reactor/loop.h"

namespace gyre::adapter {

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// One core's figures, copied on that core.
struct MetricsSnapshot {
  CoreMetrics core;
  reactor::LoopStats loop;
  reactor::BackendStats backend;
  std::uint64_t mailbox_depth = 0;
  int processor = 0;    // the kernel's number, or the core's position; tells cores apart
  bool oracle = false;  // the core that orders writes
  Histogram oracle_wait_ns;  // of statements for a read timestamp; the shards'
};

struct ProcessFacts {
  std::string_view version;
  std::string_view backend;                       // "io_uring", "epoll"
  std::uint64_t resident_bytes = 0;               // 0: unknown, left out
  const oracle::wal::WriterStats* log = nullptr;  // null: there is no log on disk, left out
  // Null: nothing is durable, left out.
  const CheckpointStats* checkpoints = nullptr;
  const RecoveryFigures* recovery = nullptr;
  const Histogram* page_ns = nullptr;  // what pages took to write; null: left out
  double start_time_seconds = 0;       // since the Unix epoch; 0: unknown, left out
};
// Of this process, as /proc tells; version and backend are left empty.
ProcessFacts read_process_facts();

// All cores as one.
CoreMetrics merged(std::span<const MetricsSnapshot> cores);

std::string render_metrics(std::span<const MetricsSnapshot> cores, const ProcessFacts& process);

}  // namespace gyre::adapter
