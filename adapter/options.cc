#include "adapter/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "adapter/session/settings.h"
#include "adapter/sql_error.h"
#include "adapter/version.h"
#include "reactor/pin.h"
#include "reactor/socket.h"
#include "reactor/uring_backend.h"

namespace gyre::adapter {

namespace {

constexpr int kUsageStatus = 64;  // EX_USAGE

[[noreturn]] void usage_error(const std::string& message) {
  fmt::print(stderr, "gyre: {}\n", message);
  std::exit(kUsageStatus);
}

std::string version_text() {
#ifdef NDEBUG
  constexpr std::string_view kBuild = "release";
#else
  constexpr std::string_view kBuild = "debug";
#endif
#if defined(__clang__)
  const std::string compiler = fmt::format("clang {}.{}", __clang_major__, __clang_minor__);
#else
  const std::string compiler = fmt::format("g++ {}.{}", __GNUC__, __GNUC_MINOR__);
#endif
  const auto kernel = reactor::probe_uring();
  return fmt::format(
      "gyre {} ({} build, {})\nspeaks the PostgreSQL protocol 3.0 as server version {}\nio_uring: {}\n",
      kGyreVersion, kBuild, compiler, kServerVersion,
      kernel ? *kernel : "not usable: " + kernel.error().reason);
}

// One shard per given core; by default every core but one, which is the oracle's. On a machine with one core
// they share it.
void choose_cores(const std::string& shards, int oracle, Options& options) {
  const std::vector<int> available = reactor::available_cores();
  const auto usable = [&](int core) {
    if (std::find(available.begin(), available.end(), core) == available.end())
      usage_error(fmt::format("core {} is not available to this process", core));
  };
  if (!shards.empty()) {
    const auto parsed = reactor::parse_core_list(shards);
    if (!parsed) usage_error(fmt::format("--cores: {}", parsed.error()));
    options.shard_cores = *parsed;
    for (const int core : options.shard_cores) usable(core);
  }
  const auto taken = [&](int core) {
    return std::find(options.shard_cores.begin(), options.shard_cores.end(), core) !=
           options.shard_cores.end();
  };
  options.oracle_core = oracle;
  if (oracle >= 0) {
    usable(oracle);
  } else {
    const auto free =
        std::find_if(available.rbegin(), available.rend(), [&](int core) { return !taken(core); });
    options.oracle_core = free != available.rend() ? *free : available.back();
  }
  if (!options.shard_cores.empty()) return;
  for (const int core : available)
    if (core != options.oracle_core) options.shard_cores.push_back(core);
  if (options.shard_cores.empty()) options.shard_cores.push_back(options.oracle_core);
}

void check_parameters(const std::vector<std::string>& given, Options& options) {
  for (const std::string& assignment : given) {
    const std::size_t equals = assignment.find('=');
    if (equals == std::string::npos)
      usage_error(fmt::format("--system-parameter-default: expected name=value, not \"{}\"", assignment));
    std::string name = assignment.substr(0, equals);
    const int index = find_setting(name);
    if (index < 0) {
      const std::string_view near = nearest_setting(name);
      usage_error(fmt::format("--system-parameter-default: unknown parameter \"{}\"{}", name,
                              near.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", near)));
    }
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    try {
      options.system_parameters.emplace_back(
          name, check_setting(setting_definitions()[static_cast<std::size_t>(index)],
                              assignment.substr(equals + 1)));
    } catch (const SqlError& error) {
      usage_error(fmt::format("--system-parameter-default: {}", error.message));
    }
  }
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  std::string cores;
  int oracle_core = -1;
  std::vector<std::string> parameters;

  CLI::App app("Gyre, a database server that speaks the PostgreSQL protocol", "gyre");
  app.set_config("--config", "", "Read flags from a file of name = value lines")->envname("GYRE_CONFIG");
  app.get_formatter()->column_width(36);
  const auto flag = [&app](const std::string& name, auto& target, const std::string& text,
                           const std::string& group) {
    std::string variable = "GYRE_" + name.substr(2);
    for (char& c : variable)
      c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return app.add_option(name, target, text)->envname(variable)->group(group);
  };
  const auto toggle = [&app](const std::string& name, bool& target, const std::string& text,
                             const std::string& group) {
    std::string variable = "GYRE_" + name.substr(2);
    for (char& c : variable)
      c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    app.add_flag(name, target, text)->envname(variable)->group(group);
  };
  flag("--data-dir", options.data_directory, "Directory that the data are kept in", "Data");
  toggle("--ephemeral", options.ephemeral, "Keep the data in memory only", "Data");
  toggle("--reset", options.reset, "Start with an empty database", "Data");

  flag("--cores", cores, "Processors to run shards on, one each: 0-3,6 (default: all but one)", "Cores");
  flag("--oracle-core", oracle_core, "Processor that orders the writes (default: the remaining one)", "Cores")
      ->check(CLI::NonNegativeNumber);
  flag("--spin-us", options.spin_us,
       "How long a reactor looks for work before it sleeps, in microseconds (default: 0)", "Cores")
      ->check(CLI::Range(0, 1'000'000));
  flag("--io-backend", options.io_backend, "How to talk to the kernel: auto, uring or epoll", "Cores")
      ->check(CLI::IsMember({"auto", "uring", "epoll"}));

  flag("--sql-addr", options.sql_address, "Where SQL clients connect (default: localhost:6875)", "Network");
  flag("--internal-sql-addr", options.internal_sql_address,
       "Where mz_system connects (default: localhost:6877)", "Network");
  flag("--internal-http-addr", options.internal_http_address,
       "Where /metrics, /healthz and /readyz are served (default: localhost:6878)", "Network");
  flag("--unix-socket-dir", options.unix_socket_directory, "Directory for unix sockets (default: none)",
       "Network")
      ->check(CLI::ExistingDirectory);

  flag("--max-connections", options.max_connections, "Most connections that may be logged in (default: 5000)",
       "Limits")
      ->check(CLI::Range(1u, 1048576u));
  flag("--memory-limit", options.memory_limit,
       "Memory that one statement may keep: 512MB, 1GB (default: 1GB)", "Limits")
      ->transform(CLI::AsSizeValue(false));

  flag("--system-parameter-default", parameters,
       "name=value of a parameter as ALTER SYSTEM SET would set it; repeatable", "Server");
  flag("--log-level", options.log_level, "trace, debug, info, warning, error or off (default: info)",
       "Server")
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "off"}));
  bool version = false;
  app.add_flag("--version", version, "Show the version, and what the kernel offers")->group("Server");

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    std::exit(0);
  } catch (const CLI::ParseError& error) {
    std::string message = error.what();
    std::replace(message.begin(), message.end(), '\n', ' ');
    usage_error(message + " (see --help)");
  }
  if (version) {
    fmt::print("{}", version_text());
    std::exit(0);
  }
  for (const auto& [name, address] : {std::pair("--sql-addr", &options.sql_address),
                                      std::pair("--internal-sql-addr", &options.internal_sql_address),
                                      std::pair("--internal-http-addr", &options.internal_http_address)})
    if (const auto parsed = reactor::parse_address(*address); !parsed)
      usage_error(fmt::format("{}: {}", name, parsed.error()));
  choose_cores(cores, oracle_core, options);
  if (options.shard_cores.size() > 255) usage_error("--cores: at most 255 shards");
  check_parameters(parameters, options);
  return options;
}

}  // namespace gyre::adapter
