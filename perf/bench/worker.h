// One client core: its connections, its share of every job, and the turns in which it sends and receives.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "perf/bench/handshake.h"
#include "perf/bench/request.h"
#include "perf/bench/workload.h"
#include "pgwire/client_reader.h"
#include "reactor/backend.h"
#include "reactor/base/histogram.h"
#include "reactor/base/out_buffer.h"

namespace gyre::perf {

struct BenchOptions {
  Protocol protocol = Protocol::simple;
  bool protocol_given = false;
  std::uint32_t pipeline = 1;     // queries in flight per connection
  std::uint32_t connections = 0;  // per job; 0: as the workload says
  std::uint64_t warmup_ns = 0;
  std::uint64_t duration_ns = 0;
  std::uint32_t spin_us = 0;  // how long a client core looks for answers before it sleeps
  bool epoll = false;
  std::uint64_t seed = 1;
};

// What one job did on one core during the measured time.
struct JobResult {
  Histogram latency;  // nanoseconds
  std::uint64_t queries = 0;
  std::uint64_t rows = 0;
  std::uint64_t errors = 0;  // ErrorResponses of accepted and other kinds
  std::uint64_t unaccepted_errors = 0;
  std::uint64_t ended_ns = 0;  // when the last query of a job with a count was answered; 0: it has not ended
  std::string first_error;

  void merge(const JobResult& other);
};

struct WorkerResult {
  std::vector<JobResult> jobs;  // as in the workload
  std::uint64_t cpu_ns = 0;     // user and system time of the measured part
  std::uint64_t turns = 0;
  std::uint64_t lost_connections = 0;
  std::string problem;  // not empty: the worker could not run
};

// Start and end of the measured time, on the monotonic clock.
struct Schedule {
  std::uint64_t begin_ns = 0;
  std::uint64_t end_ns = UINT64_MAX;
};

class Connection;
class JobShare;

class Worker {
 public:
  Worker(const Workload& workload, const Target& target, const BenchOptions& options, std::uint32_t part,
         std::uint32_t parts);
  ~Worker();

  // Both on the worker's own thread. connect() opens, logs in and prepares; false: see result().problem.
  bool connect();
  void run(const Schedule& schedule);

  // Ends run() soon. From any thread.
  void stop();
  const WorkerResult& result() const { return result_; }
  // Queries answered so far; from any thread, a little late.
  std::uint64_t progress() const { return progress_.load(std::memory_order_relaxed); }

  // For connections.
  reactor::Backend& backend() { return *backend_; }
  std::uint64_t now_ns() const { return now_ns_; }
  const BenchOptions& options() const { return options_; }
  void mark_ready(Connection& connection);
  void count_lost(const std::string& problem);

 private:
  class StopSignal;

  bool open_connection(JobShare& share);
  void begin_measuring();
  void send_ready();
  void start_due();
  void wait();
  bool all_ended() const;
  void finish();

  const Workload& workload_;
  const Target& target_;
  const BenchOptions& options_;
  const std::uint32_t part_;
  const std::uint32_t parts_;
  std::unique_ptr<reactor::Backend> backend_;
  std::unique_ptr<StopSignal> stop_signal_;
  std::vector<std::unique_ptr<JobShare>> shares_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> ready_;  // may send
  std::vector<Connection*> sending_;
  Schedule schedule_;
  std::uint64_t now_ns_ = 0;
  std::uint64_t wake_at_ns_ = UINT64_MAX;  // the next planned start
  std::uint64_t cpu_begin_ns_ = 0;
  std::uint64_t turns_ = 0;
  bool measuring_ = false;
  std::atomic<bool> stop_requested_{false};
  std::atomic<std::uint64_t> progress_{0};
  WorkerResult result_;
};

}  // namespace gyre::perf
