// gyre-bench: runs a workload against a server that speaks PostgreSQL's protocol and says how it went.
#include <getopt.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <barrier>
#include <charconv>
#include <chrono>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>

#include "perf/bench/handshake.h"
#include "perf/bench/report.h"
#include "perf/bench/worker.h"
#include "perf/bench/workload.h"
#include "reactor/pin.h"

namespace gyre::perf {

namespace {

constexpr int kUsageError = 64;
constexpr std::uint64_t kDefaultDurationNs = 10'000'000'000;
constexpr std::uint64_t kDefaultWarmupNs = 500'000'000;

constexpr const char* kHelp =
    "usage: gyre-bench --url postgres://user@host:port/database [options] WORKLOAD.ini\n"
    "\n"
    "Runs a workload (dbbench's ini format) and prints throughput and latency.\n"
    "\n"
    "  --url URL             the server\n"
    "  --unix DIR            connect through DIR/.s.PGSQL.<port of the url>\n"
    "  --protocol P          simple, extended (Parse, Bind, Describe, Execute, Sync) or prepared (Bind, "
    "Execute,\n"
    "                        Sync); default: simple, extended for jobs with arguments\n"
    "  --pipeline N          queries in flight per connection (1)\n"
    "  --connections N       per job, instead of the workload's concurrency\n"
    "  --cores LIST          client cores, as 1 or 1-3,6: one thread on each (default: one thread, not "
    "pinned)\n"
    "  --duration T          as 10s or 500ms, instead of the workload's\n"
    "  --warmup T            run so long before measuring (500ms; 0 for jobs with a count)\n"
    "  --spin-us N           look so long for answers before sleeping (0)\n"
    "  --backend B           io_uring (falls back to epoll) or epoll\n"
    "  --seed N              of random arguments (1)\n"
    "  --json FILE           results as JSON, - for standard output\n"
    "  --no-setup            leave out [setup] and [teardown]\n";

struct CommandLine {
  std::string url;
  std::string unix_directory;
  std::string workload;
  std::string json;
  std::vector<int> cores;
  BenchOptions options;
  bool warmup_given = false;
  bool setup = true;
};

std::uint64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

int usage_error(const std::string& problem) {
  std::fprintf(stderr, "gyre-bench: %s\n", problem.c_str());
  return kUsageError;
}

bool parse_count(const char* text, std::uint32_t least, std::uint32_t most, std::uint32_t& into) {
  const char* end = text + std::strlen(text);
  const auto [stopped, error] = std::from_chars(text, end, into);
  return error == std::errc{} && stopped == end && into >= least && into <= most;
}

bool parse_protocol(std::string_view text, BenchOptions& options) {
  options.protocol_given = true;
  options.protocol = text == "prepared"   ? Protocol::prepared
                     : text == "extended" ? Protocol::extended
                                          : Protocol::simple;
  return text == "prepared" || text == "extended" || text == "simple";
}

bool parse_time(std::string_view text, std::uint64_t& into) {
  const auto duration = parse_duration(text);
  if (duration) into = *duration;
  return duration.has_value();
}

// Takes one option; false: its value is not understood.
bool take_option(int option, const char* value, CommandLine& line) {
  BenchOptions& options = line.options;
  constexpr std::uint32_t kMost = 1'000'000;
  std::uint32_t seed = 1;
  switch (option) {
    case 'u':
      line.url = value;
      return true;
    case 'x':
      line.unix_directory = value;
      return true;
    case 'j':
      line.json = value;
      return true;
    case 'S':
      line.setup = false;
      return true;
    case 'P':
      return parse_protocol(value, options);
    case 'p':
      return parse_count(value, 1, 65536, options.pipeline);
    case 'n':
      return parse_count(value, 1, kMost, options.connections);
    case 's':
      return parse_count(value, 0, kMost, options.spin_us);
    case 'd':
      return parse_time(value, options.duration_ns);
    case 'w':
      line.warmup_given = true;
      return parse_time(value, options.warmup_ns);
    case 'b':
      options.epoll = std::strcmp(value, "epoll") == 0;
      return options.epoll || std::strcmp(value, "io_uring") == 0;
    case 'r':
      if (!parse_count(value, 0, UINT32_MAX, seed)) return false;
      options.seed = seed;
      return true;
    case 'c': {
      auto cores = reactor::parse_core_list(value);
      if (!cores || cores->empty()) return false;
      line.cores = *cores;
      return true;
    }
    default:
      return false;
  }
}

// Returns -1 to go on, otherwise the exit code.
int parse_command_line(int argc, char** argv, CommandLine& line) {
  static const option kOptions[] = {{"url", required_argument, nullptr, 'u'},
                                    {"unix", required_argument, nullptr, 'x'},
                                    {"protocol", required_argument, nullptr, 'P'},
                                    {"pipeline", required_argument, nullptr, 'p'},
                                    {"connections", required_argument, nullptr, 'n'},
                                    {"cores", required_argument, nullptr, 'c'},
                                    {"duration", required_argument, nullptr, 'd'},
                                    {"warmup", required_argument, nullptr, 'w'},
                                    {"spin-us", required_argument, nullptr, 's'},
                                    {"backend", required_argument, nullptr, 'b'},
                                    {"seed", required_argument, nullptr, 'r'},
                                    {"json", required_argument, nullptr, 'j'},
                                    {"no-setup", no_argument, nullptr, 'S'},
                                    {"help", no_argument, nullptr, 'h'},
                                    {nullptr, 0, nullptr, 0}};
  int index = 0;
  for (int option = 0; (option = ::getopt_long(argc, argv, "h", kOptions, &index)) != -1;) {
    if (option == '?') return kUsageError;
    if (option == 'h') {
      std::fputs(kHelp, stdout);
      return 0;
    }
    if (!take_option(option, optarg, line))
      return usage_error(std::string("--") + kOptions[index].name + " does not take " + optarg);
  }
  if (optind + 1 != argc) return usage_error("wants one workload file; see --help");
  line.workload = argv[optind];
  const std::vector<int> available = reactor::available_cores();
  for (const int core : line.cores)
    if (!std::ranges::binary_search(available, core))
      return usage_error("core " + std::to_string(core) + " is not available to this process");
  if (line.url.empty()) return usage_error("wants --url; see --help");
  return -1;
}

bool run_statements(const Target& target, const std::vector<std::string>& statements, const char* section) {
  if (statements.empty()) return true;
  auto handshake = Handshake::open(target);
  if (!handshake) {
    std::fprintf(stderr, "gyre-bench: [%s] %s\n", section, handshake.error().c_str());
    return false;
  }
  for (const std::string& statement : statements) {
    auto answer = handshake->query(statement);
    if (answer) continue;
    std::fprintf(stderr, "gyre-bench: [%s] %s: %s\n", section, statement.c_str(), answer.error().c_str());
    return false;
  }
  return true;
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

using Workers = std::vector<std::unique_ptr<Worker>>;

volatile std::sig_atomic_t g_interrupted = 0;
void on_interrupt(int) {
  g_interrupted = 1;
}

// A line per second on a terminal, until `end_ns` or until every worker has ended by itself.
void watch_progress(const Workers& workers, const Schedule& schedule,
                    const std::atomic<std::size_t>& running) {
  const bool on_terminal = ::isatty(STDERR_FILENO) == 1;
  constexpr std::uint64_t kLook = 20'000'000;
  constexpr std::uint64_t kLine = 1'000'000'000;
  std::uint64_t last = 0;
  std::uint64_t line_at = now_ns() + kLine;
  while (running.load() != 0 && g_interrupted == 0) {
    const std::uint64_t now = now_ns();
    if (now >= schedule.end_ns) break;
    const std::uint64_t pause = std::min(schedule.end_ns - now, kLook);
    std::this_thread::sleep_for(std::chrono::nanoseconds(pause));
    if (!on_terminal || now_ns() < line_at) continue;
    line_at += kLine;
    std::uint64_t answered = 0;
    for (const auto& worker : workers) answered += worker->progress();
    // The count starts anew where measuring begins.
    std::fprintf(stderr, "\r%12" PRIu64 " queries/s ", answered >= last ? answered - last : answered);
    last = answered;
  }
  if (on_terminal) std::fputs("\r                         \r", stderr);
}

// Runs everything; false: some worker could not connect.
bool run_workers(const CommandLine& line, const Workload& workload, Workers& workers, Schedule& schedule) {
  const std::size_t count = workers.size();
  std::barrier connected(static_cast<std::ptrdiff_t>(count) + 1);
  std::barrier go(static_cast<std::ptrdiff_t>(count) + 1);
  std::atomic<std::size_t> failed{0};
  std::atomic<std::size_t> running{count};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      reactor::name_thread("bench-" + std::to_string(i));
      if (!line.cores.empty()) reactor::pin_thread(line.cores[i]);
      if (!workers[i]->connect()) ++failed;
      connected.arrive_and_wait();
      go.arrive_and_wait();
      if (failed.load() == 0) workers[i]->run(schedule);
      --running;
    });
  }
  connected.arrive_and_wait();
  schedule.begin_ns = now_ns() + line.options.warmup_ns;
  if (line.options.duration_ns != 0) schedule.end_ns = schedule.begin_ns + line.options.duration_ns;
  go.arrive_and_wait();
  if (failed.load() == 0) watch_progress(workers, schedule, running);
  for (auto& worker : workers) worker->stop();
  for (auto& thread : threads) thread.join();
  return failed.load() == 0;
}

// Unless told otherwise: the workload's duration; 10 s if it has none and some job would never end.
void settle_times(CommandLine& line, const Workload& workload) {
  bool endless = false;
  bool counted = false;
  for (const Job& job : workload.jobs) {
    endless |= job.count == 0 && job.stop_ns == UINT64_MAX;
    counted |= job.count != 0;
  }
  if (line.options.duration_ns == 0) line.options.duration_ns = workload.duration_ns;
  if (line.options.duration_ns == 0 && endless) line.options.duration_ns = kDefaultDurationNs;
  if (!line.warmup_given) line.options.warmup_ns = counted ? 0 : kDefaultWarmupNs;
}

int run(int argc, char** argv) {
  CommandLine line;
  if (const int code = parse_command_line(argc, argv, line); code >= 0) return code;
  auto workload = load_workload(line.workload);
  if (!workload) return usage_error(workload.error());
  auto target = parse_target(line.url, line.unix_directory);
  if (!target) return usage_error(target.error());
  settle_times(line, *workload);
  raise_descriptor_limit();
  std::signal(SIGINT, on_interrupt);
  if (line.setup && !run_statements(*target, workload->setup, "setup")) return 1;

  const auto parts = static_cast<std::uint32_t>(line.cores.empty() ? 1 : line.cores.size());
  Workers workers;
  for (std::uint32_t i = 0; i < parts; ++i)
    workers.push_back(std::make_unique<Worker>(*workload, *target, line.options, i, parts));
  Schedule schedule;
  const bool ran = run_workers(line, *workload, workers, schedule);
  const std::uint64_t ended_ns = std::min(now_ns(), schedule.end_ns);

  std::vector<WorkerResult> results;
  for (const auto& worker : workers) results.push_back(worker->result());
  const Report report = summarize(*workload, results, schedule.begin_ns, ended_ns);
  if (ran) print_report(report);
  for (const std::string& problem : report.problems)
    std::fprintf(stderr, "gyre-bench: %s\n", problem.c_str());
  if (ran && !line.json.empty() && !write_json(report, line.json))
    return usage_error("cannot write " + line.json);
  const bool torn_down = !line.setup || !ran || run_statements(*target, workload->teardown, "teardown");
  return ran && torn_down && report.succeeded ? 0 : 1;
}

}  // namespace

}  // namespace gyre::perf

int main(int argc, char** argv) {
  return gyre::perf::run(argc, argv);
}
