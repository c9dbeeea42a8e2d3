#include "perf/bench/report.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

namespace gyre::perf {

namespace {

struct Quantile {
  const char* name;
  double fraction;
};
constexpr Quantile kQuantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};

double us(double nanoseconds) {
  return nanoseconds / 1000;
}

double job_seconds(const Job& job, const JobResult& total, std::uint64_t begin_ns, std::uint64_t end_ns) {
  std::uint64_t from = begin_ns + job.start_ns;
  std::uint64_t until = job.stop_ns == UINT64_MAX ? end_ns : std::min(end_ns, begin_ns + job.stop_ns);
  if (total.ended_ns != 0) until = std::min(until, total.ended_ns);
  from = std::min(from, until);
  return static_cast<double>(until - from) / 1e9;
}

double per_second(std::uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_field(std::string& out, const char* name, double value) {
  char field[96];
  std::snprintf(field, sizeof field, ", \"%s\": %.3f", name, value);
  out += field;
}

void append_job(std::string& out, const JobReport& job) {
  out += "{\"name\": ";
  append_quoted(out, job.name);
  append_field(out, "seconds", job.seconds);
  append_field(out, "queries", static_cast<double>(job.total.queries));
  append_field(out, "queries_per_second", per_second(job.total.queries, job.seconds));
  append_field(out, "rows", static_cast<double>(job.total.rows));
  append_field(out, "errors", static_cast<double>(job.total.errors));
  append_field(out, "mean_us", us(job.total.latency.mean()));
  for (const Quantile& quantile : kQuantiles)
    append_field(out, (std::string(quantile.name) + "_us").c_str(),
                 us(static_cast<double>(job.total.latency.percentile(quantile.fraction))));
  append_field(out, "max_us", us(static_cast<double>(job.total.latency.max())));
  out += ", \"first_error\": ";
  append_quoted(out, job.total.first_error);
  out += '}';
}

}  // namespace

Report summarize(const Workload& workload, const std::vector<WorkerResult>& results, std::uint64_t begin_ns,
                 std::uint64_t end_ns) {
  Report report;
  report.seconds = end_ns > begin_ns ? static_cast<double>(end_ns - begin_ns) / 1e9 : 0;
  for (std::size_t i = 0; i < workload.jobs.size(); ++i) {
    JobReport job;
    job.name = workload.jobs[i].name;
    for (const WorkerResult& result : results) {
      if (i < result.jobs.size()) job.total.merge(result.jobs[i]);
    }
    job.seconds = job_seconds(workload.jobs[i], job.total, begin_ns, end_ns);
    report.queries += job.total.queries;
    if (job.total.unaccepted_errors != 0) report.succeeded = false;
    if (!job.total.first_error.empty())
      report.problems.push_back("[" + job.name + "] " + std::to_string(job.total.errors) +
                                " errors, the first: " + job.total.first_error);
    report.jobs.push_back(std::move(job));
  }
  std::uint64_t cpu_ns = 0;
  std::uint64_t turns = 0;
  for (const WorkerResult& result : results) {
    cpu_ns += result.cpu_ns;
    turns += result.turns;
    if (!result.problem.empty()) {
      report.problems.push_back(result.problem);
      report.succeeded = false;
    }
  }
  if (report.queries != 0)
    report.client_cpu_us_per_query = us(static_cast<double>(cpu_ns)) / static_cast<double>(report.queries);
  if (report.seconds > 0) report.client_utilization = static_cast<double>(cpu_ns) / 1e9 / report.seconds;
  if (turns != 0) report.queries_per_turn = static_cast<double>(report.queries) / static_cast<double>(turns);
  return report;
}

void print_report(const Report& report) {
  for (const JobReport& job : report.jobs) {
    std::printf("%s: %.0f queries/s, %" PRIu64 " queries, %" PRIu64 " rows, %" PRIu64 " errors in %.2f s\n",
                job.name.c_str(), per_second(job.total.queries, job.seconds), job.total.queries,
                job.total.rows, job.total.errors, job.seconds);
    std::printf("  latency us: mean %.1f", us(job.total.latency.mean()));
    for (const Quantile& quantile : kQuantiles)
      std::printf(", %s %.1f", quantile.name,
                  us(static_cast<double>(job.total.latency.percentile(quantile.fraction))));
    std::printf(", max %.1f\n", us(static_cast<double>(job.total.latency.max())));
  }
  std::printf("client: %.3f us of CPU per query, %.2f cores busy, %.1f answers per turn\n",
              report.client_cpu_us_per_query, report.client_utilization, report.queries_per_turn);
}

std::string to_json(const Report& report) {
  std::string out = "{\"format\": 1";
  append_field(out, "seconds", report.seconds);
  append_field(out, "queries", static_cast<double>(report.queries));
  append_field(out, "queries_per_second", per_second(report.queries, report.seconds));
  append_field(out, "client_cpu_us_per_query", report.client_cpu_us_per_query);
  append_field(out, "client_utilization", report.client_utilization);
  append_field(out, "queries_per_turn", report.queries_per_turn);
  out += ", \"jobs\": [";
  for (std::size_t i = 0; i < report.jobs.size(); ++i) {
    if (i != 0) out += ", ";
    append_job(out, report.jobs[i]);
  }
  out += "]}\n";
  return out;
}

bool write_json(const Report& report, const std::string& path) {
  const std::string text = to_json(report);
  if (path == "-") return std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  std::FILE* file = std::fopen(path.c_str(), "we");
  if (file == nullptr) return false;
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  return std::fclose(file) == 0 && written;
}

}  // namespace gyre::perf
