// gyre: builds the server from its options, waits for a signal, takes it down in good order.
#include <signal.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <fmt/format.h>

#include <memory>
#include <string_view>

#include "adapter/durability/backup.h"
#include "adapter/durability/check_data.h"
#include "adapter/durability/durable_store.h"
#include "adapter/heap.h"
#include "adapter/options.h"
#include "adapter/server.h"
#include "adapter/version.h"
#include "pgwire/utf8.h"
#include "reactor/base/json_writer.h"
#include "reactor/fail_point.h"

namespace {

constexpr int kRuntimeStatus = 1;

// A level by the word that PostgreSQL's log has for it.
class LevelWord final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    constexpr std::string_view kWords[] = {"DEBUG2", "DEBUG1", "LOG", "WARNING", "ERROR", "FATAL", ""};
    const std::string_view word = kWords[message.level];
    out.append(word.data(), word.data() + word.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<LevelWord>(); }
};

// The message as a JSON string. What a client sent may be in it, and need not be UTF-8.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    std::string payload(message.payload.data(), message.payload.size()), text;
    if (!gyre::pgwire::is_valid_utf8(payload))
      for (char& c : payload)
        if (static_cast<signed char>(c) < 0) c = '?';
    gyre::append_json_text(payload, text);
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JsonMessage>(); }
};

// "2026-01-01 00:00:00.000 UTC [123] LOG:  message", the form that readers of PostgreSQL's logs know; or its
// jsonlog's.
void set_up_log(const std::string& level, const std::string& format) {
  auto logger = spdlog::stderr_logger_mt("gyre");
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<LevelWord>('*').add_flag<JsonMessage>('?').set_pattern(
      format == "json" ? R"({"timestamp":"%Y-%m-%d %H:%M:%S.%e UTC","pid":%P,"error_severity":"%*","message":%?,)"
                         R"("backend_type":"server"})"
                       : "%Y-%m-%d %H:%M:%S.%e UTC [%P] %*:  %v");
  logger->set_formatter(std::move(formatter));
  logger->set_level(spdlog::level::from_str(level));
  spdlog::set_default_logger(std::move(logger));
}

// Connections are descriptors: take as many as the administrator allows.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::string core_text(const gyre::adapter::Options& options) {
  std::string text;
  for (const int core : options.shard_cores) text += (text.empty() ? "" : ",") + std::to_string(core);
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace gyre::adapter;
  const Options options = parse_options(argc, argv);
  set_up_log(options.log_level, options.log_format);
  raise_descriptor_limit();
  if (options.huge_pages == "try" && take_heap_in_huge_pages() == 0)
    spdlog::debug("the heap has pages of ordinary size");

  // Signals are taken by this thread alone, one at a time, outside of any handler.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGQUIT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a file's size limit is an error of a write
  if (const auto set = gyre::reactor::set_fail_points_from_environment(); !set) {
    spdlog::critical("GYRE_FAIL_POINT: {}", set.error());
    return kRuntimeStatus;
  }

  gyre::reactor::PosixDisk disk;
  if (!options.check_data.empty()) return check_data(disk, options.check_data);
  if (!options.backup_to.empty()) return back_up(disk, options.data_directory, options.backup_to);
  std::unique_ptr<DurableStore> store;
  if (!options.ephemeral) {
    auto opened = DurableStore::open(disk, {.directory = options.data_directory,
                                            .reset = options.reset,
                                            .checkpoints = options.checkpoints,
                                            .log_through = options.wal_sync});
    if (!opened) {
      spdlog::critical("cannot start: {}", opened.error().message);
      return static_cast<int>(opened.error().status);
    }
    store = std::move(*opened);
  }
  Server server(options, store.get());
  if (const auto started = server.start(); !started) {
    spdlog::critical("cannot start: {}", started.error());
    return kRuntimeStatus;
  }
  spdlog::info("gyre {}: shards on cores {}, oracle on core {}", kGyreVersion, core_text(options),
               options.oracle_core);
  const Server::Addresses& addresses = server.addresses();
  spdlog::info("internal SQL on {}; metrics on {}", addresses.internal_sql, addresses.http);
  spdlog::info("ready to accept connections on {}", addresses.sql);

  int signal_number = 0;
  for (;;) {
    sigwait(&signals, &signal_number);
    if (signal_number != SIGHUP) break;
    server.reload();
  }
  spdlog::info(signal_number == SIGTERM ? "SIGTERM: finishing what runs" : "signal: ending all connections");
  if (signal_number == SIGQUIT) server.terminate();
  server.drain([&] {
    const timespec now{};
    return signal_number == SIGINT || sigtimedwait(&signals, nullptr, &now) > 0;
  });
  spdlog::info("stopped");
  return 0;
}
