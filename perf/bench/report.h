// What a run has shown, as text and as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "perf/bench/worker.h"
#include "perf/bench/workload.h"

namespace gyre::perf {

struct JobReport {
  std::string name;
  JobResult total;     // of all client cores
  double seconds = 0;  // that the job ran within the measured time
};

struct Report {
  std::vector<JobReport> jobs;
  double seconds = 0;  // measured time
  std::uint64_t queries = 0;
  double client_cpu_us_per_query = 0;
  double client_utilization = 0;  // of one core; 2 when two cores are busy
  double queries_per_turn = 0;    // answers that came together
  std::vector<std::string> problems;
  bool succeeded = true;  // no lost connection, no error but accepted ones
};

Report summarize(const Workload& workload, const std::vector<WorkerResult>& results, std::uint64_t begin_ns,
                 std::uint64_t end_ns);
void print_report(const Report& report);
// Latencies in microseconds. "-" is standard output; false: the file cannot be written.
bool write_json(const Report& report, const std::string& path);
std::string to_json(const Report& report);

}  // namespace gyre::perf
