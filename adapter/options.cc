#include "adapter/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "adapter/process_memory.h"
#include "adapter/session/nearest_name.h"
#include "adapter/session/settings.h"
#include "adapter/sql_error.h"
#include "adapter/version.h"
#include "oracle/postgres_oracle.h"
#include "oracle/wal/sync_probe.h"
#include "reactor/pin.h"
#include "reactor/socket.h"
#include "reactor/uring_backend.h"

namespace gyre::adapter {

namespace {

constexpr int kUsageStatus = 64;  // EX_USAGE
constexpr int kMostCores = 4096;
constexpr std::uint64_t kLeastMemoryLimit = 64 * 1024;  // bytes

[[noreturn]] void usage_error(const std::string& message) {
  fmt::print(stderr, "gyre: {}\n", message);
  std::exit(kUsageStatus);
}

// The whole text as a number of `least` to `most`; false for anything else.
bool read_number(std::string_view text, std::uint64_t least, std::uint64_t most, std::uint64_t& number) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end && number >= least && number <= most;
}

// A check for flags that take a number.
auto number_of(std::uint64_t least, std::uint64_t most) {
  return [least, most](const std::string& text) {
    std::uint64_t number = 0;
    return read_number(text, least, most, number)
               ? std::string()
               : fmt::format("expected a number from {} to {}, not \"{}\"", least, most, text);
  };
}

// "512MB" → bytes; units are powers of 1024, as in PostgreSQL's settings. A plain number is bytes.
std::uint64_t parse_size(std::string_view flag, const std::string& text) {
  constexpr std::array<std::pair<std::string_view, int>, 5> kUnits = {
      {{"b", 0}, {"kb", 10}, {"mb", 20}, {"gb", 30}, {"tb", 40}}};
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string unit = CLI::detail::to_lower(text.substr(digits));
  int shift = 0;
  const auto known =
      std::find_if(kUnits.begin(), kUnits.end(), [&](const auto& u) { return u.first == unit; });
  if (known != kUnits.end()) shift = known->second;
  std::uint64_t number = 0;
  if ((known == kUnits.end() && !unit.empty()) ||
      !read_number(std::string_view(text).substr(0, digits), 1, std::uint64_t{1} << (62 - shift), number) ||
      (number << shift) < kLeastMemoryLimit)
    usage_error(fmt::format("{}: expected a size of at least {} kB, such as 512MB or 1GB, not \"{}\"", flag,
                            kLeastMemoryLimit / 1024, text));
  return number << shift;
}

std::string nearest_flag(const CLI::App& app, std::string_view given) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  const std::vector<std::string_view> names(flags.begin(), flags.end());
  return std::string(nearest_name(given, names));
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
                              did_you_mean(near)));
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
  std::vector<std::string> parameters, experiments;
  std::string memory_limit, statement_memory, max_message, checkpoint_log_bytes, wal_sync;

  CLI::App app("Gyre, a database server that speaks the PostgreSQL protocol", "gyre");
  // (CLI11 looks at a variable for this flag only after it has read the file.)
  const char* const config = std::getenv("GYRE_CONFIG");
  app.set_config("--config", config != nullptr ? config : "", "Read flags from a file of lines: spin-us = 50",
                 config != nullptr)
      ->option_text("FILE");
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.footer(
      "Flags can also come from --config's file and from the environment (GYRE_SPIN_US=50 for --spin-us).\n"
      "The command line counts before the file, and the file before the environment.\n\n" +
      experiment_help());
  app.get_formatter()->column_width(38);
  const auto variable = [](const std::string& name) {
    std::string text = "GYRE_" + name.substr(2);
    for (char& c : text) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return text;
  };
  const auto flag = [&](const std::string& name, auto& target, const std::string& value,
                        const std::string& text, const std::string& group) {
    return app.add_option(name, target, text)->envname(variable(name))->group(group)->option_text(value);
  };
  const auto toggle = [&](const std::string& name, bool& target, const std::string& text,
                          const std::string& group) {
    app.add_flag(name, target, text)->envname(variable(name))->group(group)->option_text(" ");
  };
  flag("--data-dir", options.data_directory, "DIR",
       "Directory for the data, made if it is not there; needed unless --ephemeral", "Data");
  toggle("--ephemeral", options.ephemeral, "Keep the data in memory only; --data-dir is not used then",
         "Data");
  toggle("--reset", options.reset, "Start with an empty database: removes what the data directory has",
         "Data");
  flag("--checkpoint-wal-bytes", checkpoint_log_bytes, "SIZE",
       "Write a checkpoint after so much log: 64MB, 1GB (default: 256MB)", "Data");
  flag("--checkpoint-interval", options.checkpoints.interval_s, "SECONDS",
       "Write a checkpoint that often, if anything was written (default: 300)", "Data")
      ->check(number_of(1, 86'400));

  flag(
      "--wal-sync", wal_sync, "HOW",
      "How the log is made durable: fdatasync, dsync, direct, or auto, which tries all at start-up (default: "
      "auto)",
      "Data")
      ->check(CLI::IsMember({"auto", "fdatasync", "dsync", "direct"}));

  flag("--check-data", options.check_data, "DIR",
       "Verify a data directory, print what it has, and end: status 0 if all is in order", "Data");
  flag("--backup", options.backup_to, "TO",
       "Copy the data of --data-dir to a new directory, and end; a server may be running", "Data");

  flag("--timestamp-oracle-url", options.timestamp_oracle_url, "URL",
       "Keep timestamps in a PostgreSQL or CockroachDB server, postgres://USER@HOST/DB; a server that starts takes "
       "the timeline over from any other (default: keep them here)",
       "Data");
  flag("--timestamp-oracle-timeline", options.timeline, "NAME",
       "Which timeline of that server (default: gyre)", "Data");

  flag("--cores", cores, "LIST", "Processors to run shards on, one each: 0-3,6 (default: all but one)",
       "Cores");
  flag("--oracle-core", oracle_core, "N", "Processor that orders the writes (default: the remaining one)",
       "Cores")
      ->check(number_of(0, kMostCores));
  flag("--spin-us", options.spin_us, "N",
       "How long a reactor looks for work before it sleeps, in microseconds (default: 0)", "Cores")
      ->check(number_of(0, 1'000'000));
  flag("--io-backend", options.io_backend, "NAME",
       "How to talk to the kernel: uring, epoll, or auto, which takes the first that works (default: auto)",
       "Cores")
      ->check(CLI::IsMember({"auto", "uring", "epoll"}));
  flag("--huge-pages", options.huge_pages, "WORD",
       "Whether to ask for huge pages for the heap: try or off (default: try)", "Cores")
      ->check(CLI::IsMember({"try", "off"}));

  flag("--sql-addr", options.sql_address, "HOST:PORT", "Where SQL clients connect (default: localhost:6875)",
       "Network");
  flag("--internal-sql-addr", options.internal_sql_address, "HOST:PORT",
       "Where mz_system connects (default: localhost:6877)", "Network");
  flag("--internal-http-addr", options.internal_http_address, "HOST:PORT",
       "Where the console page, /metrics, /healthz and /readyz are served (default: localhost:6878)", "Network");
  flag("--unix-socket-dir", options.unix_socket_directory, "DIR",
       "Directory for unix sockets (default: none)", "Network")
      ->check(CLI::ExistingDirectory);

  flag("--hba-file", options.hba_file, "FILE",
       "Who may come in and how, as in PostgreSQL's pg_hba.conf; read again on SIGHUP (default: this machine "
       "is "
       "trusted, others need a password)",
       "Access");
  flag("--tls-cert", options.tls_certificate, "FILE", "The server's certificate, PEM; read again on SIGHUP",
       "Access");
  flag("--tls-key", options.tls_key, "FILE", "Its private key, PEM, of mode 0600", "Access");
  flag("--tls-ca", options.tls_authorities, "FILE", "Who vouches for clients' certificates, PEM", "Access");
  flag("--tls-min-version", options.tls_least, "VERSION", "TLSv1.2 or TLSv1.3 (default: TLSv1.2)", "Access")
      ->check(CLI::IsMember({"TLSv1.2", "TLSv1.3"}));
  toggle("--insecure", options.insecure,
         "Allow to listen beyond this machine without TLS, or with rules that trust strangers", "Access");

  flag("--max-connections", options.max_connections, "N",
       "Most connections that may be logged in (default: 5000)", "Limits")
      ->check(number_of(1, 1'048'576));
  flag("--max-connections-per-address", options.max_connections_per_address, "N",
       "Most connections of one client address; 0: no limit (default: 0)", "Limits")
      ->check(number_of(0, 1'048'576));
  flag("--max-pending-logins", options.max_pending_logins, "N",
       "Most connections that are not logged in yet; the oldest goes for a new one (default: 4096)", "Limits")
      ->check(number_of(1, 1'048'576));
  flag("--authentication-timeout", options.authentication_timeout_s, "SECONDS",
       "How long a login may take (default: 60)", "Limits")
      ->check(number_of(1, 600));
  flag("--login-delay-ms", options.login_delay_ms, "N",
       "The longest that the answer to a wrong password is held back, in milliseconds (default: 2000)",
       "Limits")
      ->check(number_of(0, 60'000));
  flag("--cancels-per-second", options.cancels_per_second, "N",
       "Most cancel requests per second and core (default: 1000)", "Limits")
      ->check(number_of(1, 1'000'000));
  flag("--memory-limit", memory_limit, "SIZE",
       "Resident memory of the server above which statements are refused: 4GB (default: four fifths of what the "
       "machine or the control group has)",
       "Limits");
  flag("--statement-memory-limit", statement_memory, "SIZE",
       "Memory that one statement may keep: 512MB, 1GB (default: 1GB, at most --memory-limit)", "Limits");
  flag("--max-message-size", max_message, "SIZE", "Longest message of a client, at most 1GB (default: 64MB)",
       "Limits");

  flag("--system-parameter-default", parameters, "NAME=VALUE",
       "Set a parameter as ALTER SYSTEM SET would; repeatable", "Server");
  flag("--log-level", options.log_level, "LEVEL", "trace, debug, info, warning, error or off (default: info)",
       "Server")
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "off"}));
  flag("--log-format", options.log_format, "FORMAT",
       "stderr (lines as PostgreSQL's) or json (as its jsonlog) (default: stderr)", "Server")
      ->check(CLI::IsMember({"stderr", "json"}));
  flag("--experiment", experiments, "NAME[=VALUE]",
       "Vary what is otherwise settled, to measure it; repeatable, see below", "Development");
  bool version = false;
  app.add_flag("--version", version, "Show the version, and what the kernel offers")->group("Server");

  // (CLI11 would take the next flag for the value.)
  for (int i = 1; i < argc; ++i)
    if (const std::string_view given(argv[i]); given.starts_with("--") && given.find('=') == given.size() - 1)
      usage_error(fmt::format("{} what? There is no value (see --help)", given));
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    std::exit(0);
  } catch (const CLI::ConfigError& error) {
    std::string message = error.what();
    message = message.substr(message.rfind(' ') + 1);
    usage_error(fmt::format("--config: there is no flag \"{}\"{} (see --help)", message,
                            did_you_mean(nearest_flag(app, "--" + message))));
  } catch (const CLI::ExtrasError& error) {
    std::string message = error.what();
    std::replace(message.begin(), message.end(), '\n', ' ');
    const std::string given = message.substr(message.find(": ") + 2);
    const std::string unknown = given.substr(0, given.find_first_of(" ="));
    usage_error(fmt::format("{}{} (see --help)", message, did_you_mean(nearest_flag(app, unknown))));
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
  if (options.data_directory.empty() && !options.backup_to.empty())
    usage_error("--backup: which data? Give --data-dir DIR as well");
  if (options.data_directory.empty() && !options.ephemeral && options.check_data.empty())
    usage_error("where are the data to be? Give --data-dir DIR, or --ephemeral to keep them in memory only");
  if (app.count("--timestamp-oracle-url") != 0 && options.timestamp_oracle_url.empty())
    usage_error("--timestamp-oracle-url: it is empty; without the flag, timestamps are the server's own");
  if (!options.timestamp_oracle_url.empty())
    if (const std::string why = oracle::why_not_postgres_url(options.timestamp_oracle_url); !why.empty())
      usage_error("--timestamp-oracle-url: " + why);
  if (!checkpoint_log_bytes.empty())
    options.checkpoints.log_bytes = parse_size("--checkpoint-wal-bytes", checkpoint_log_bytes);
  for (const auto through :
       {reactor::WriteThrough::none, reactor::WriteThrough::dsync, reactor::WriteThrough::direct})
    if (wal_sync == oracle::wal::write_through_name(through)) options.wal_sync = through;
  options.memory_limit =
      memory_limit.empty() ? default_memory_limit() : parse_size("--memory-limit", memory_limit);
  if (options.memory_limit != 0)
    options.statement_memory = std::min(options.statement_memory, options.memory_limit);
  if (!statement_memory.empty())
    options.statement_memory = parse_size("--statement-memory-limit", statement_memory);
  if (!max_message.empty()) options.max_message_bytes = parse_size("--max-message-size", max_message);
  if (options.max_message_bytes > (std::uint64_t{1} << 30)) usage_error("--max-message-size: at most 1GB");
  if (options.tls_certificate.empty() != options.tls_key.empty())
    usage_error("--tls-cert and --tls-key go together");
  if (!options.tls_authorities.empty() && options.tls_certificate.empty())
    usage_error("--tls-ca needs --tls-cert and --tls-key");
  for (const std::string& experiment : experiments)
    if (const auto set = set_experiment(options.experiments, experiment); !set)
      usage_error(fmt::format("--experiment: {}", set.error()));
  choose_cores(cores, oracle_core, options);
  if (options.shard_cores.size() > 255) usage_error("--cores: at most 255 shards");
  check_parameters(parameters, options);
  return options;
}

}  // namespace gyre::adapter
