// What to run: the ini files of dbbench, with two additions for arguments that need no file.
//
//   duration=20s              ; 1m30s, 500ms, 1.5s
//   error=40001               ; an SQLSTATE that does not fail the run; repeatable
//   [setup]                   ; query=, query-file=; run once, before
//   [teardown]                ; the same, after
//   [any other name]          ; a job
//   query=select ... {1:1000000}       ; repeatable: taken in turn. {low:high} is replaced by a uniform
//                                      ; integer, {+low:high} by the next one of a sequence
//   query-file=more.sql                ; statements separated by semicolons
//   concurrency=64                     ; connections (also: queue-depth); 1 when neither it nor rate is given
//   rate=1000                          ; or: starts per second, of batch-size queries each
//   batch-size=10
//   count=1000000                      ; ends the job after so many queries
//   start=1s  stop=5s                  ; of the run
//   query-args-file=rows.csv           ; $1, $2, ... are the columns, row after row
//   query-args-delim="\t"
//   query-args-random=1:1000000,+1:50  ; or: $1 is uniform, $2 a sequence
//
// A comment starts with ; (outside quotes) or, at a line's start, with #. A line that ends in \ goes on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/base/result.h"

namespace gyre::perf {

struct IntegerRange {
  std::int64_t low = 0;
  std::int64_t high = 0;
  bool sequential = false;  // one after the other, then from the start again

  bool operator==(const IntegerRange&) const = default;
};

using CsvRow = std::vector<std::optional<std::string>>;  // none: NULL, written \N

struct Job {
  std::string name;
  std::vector<std::string> queries;
  std::uint32_t concurrency = 0;  // 0: not given
  double rate = 0;                // starts per second; 0: as fast as answers come
  std::uint32_t batch_size = 1;   // queries per start
  std::uint64_t count = 0;        // 0: no end
  std::uint64_t start_ns = 0;
  std::uint64_t stop_ns = UINT64_MAX;
  std::vector<IntegerRange> random_arguments;
  std::vector<CsvRow> argument_rows;

  bool has_arguments() const { return !random_arguments.empty() || !argument_rows.empty(); }
};

struct Workload {
  std::uint64_t duration_ns = 0;  // 0: until every job has ended by its count
  std::vector<std::string> accepted_errors;
  std::vector<std::string> setup;
  std::vector<std::string> teardown;
  std::vector<Job> jobs;
};

// Errors are sentences that begin with the line number. Files are looked for in `directory`.
Result<Workload, std::string> parse_workload(std::string_view text, const std::string& directory);
Result<Workload, std::string> load_workload(const std::string& path);

// "1m30s" → nanoseconds.
std::optional<std::uint64_t> parse_duration(std::string_view text);
// "1:100" or "+1:100".
std::optional<IntegerRange> parse_range(std::string_view text);
// Statements of a file, separated by semicolons outside quotes.
std::vector<std::string> split_statements(std::string_view text);
Result<std::vector<CsvRow>, std::string> parse_csv(std::string_view text, char delimiter);

}  // namespace gyre::perf
