// Starting is done in steps that all cores take together, so that no core sends to one that is not there yet:
//   1  each thread pins itself, makes its loop and tells the mesh its waker
//   2  each makes its ports and its part of the server; the oracle core has published the first database by
//   then 3  each accepts
#include "adapter/server.h"

#include <pthread.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "adapter/oracle_core.h"
#include "adapter/version.h"
#include "oracle/postgres_oracle.h"
#include "pgwire/scram.h"
#include "reactor/epoll_backend.h"
#include "reactor/fail_point.h"
#include "reactor/pin.h"
#include "reactor/socket.h"
#include "reactor/uring_backend.h"

namespace gyre::adapter {

namespace {

constexpr int kBacklog = 1024;
constexpr auto kDrainPatience = std::chrono::seconds(30);
constexpr auto kHurryPoll = std::chrono::milliseconds(20);

std::string port_of(const std::string& address) {
  const auto parsed = reactor::parse_address(address);
  return std::to_string(parsed->front().port());
}

std::string addresses_of(const std::vector<int>& listeners) {
  std::string text;
  for (const int fd : listeners) text += (text.empty() ? "" : ", ") + reactor::local_address(fd).text();
  return text;
}

// Shards listen on one port together (SO_REUSEPORT), so the kernel would also let a second server of the same
// user join and take half of the connections. Listening alone for a moment tells whether the port is free.
std::string check_is_free(const std::string& address) {
  const auto alone = reactor::listen_all(address, kBacklog, reactor::ReusePort::no);
  if (!alone) return alone.error();
  for (const int fd : *alone) ::close(fd);
  return {};
}

}  // namespace

Server::Server(Options options, DurableStore* store)
    : options_(std::move(options)),
      store_(store),
      mesh_(options_.shard_cores.size()),
      holds_(options_.shard_cores.size() + 2),
      loops_(options_.shard_cores.size() + 1, nullptr) {
  if (store_ != nullptr) checkpointer_ = store_->make_checkpointer(published_, holds_, mesh_.oracle_core() + 1);
}

Server::~Server() {
  if (running_) drain();
}

Result<Server::Sockets, std::string> Server::open_sockets() {
  Sockets sockets;
  sockets.shards.resize(options_.shard_cores.size());
  const auto listen = [&](const std::string& address, Entrance entrance, std::string& shown) -> std::string {
    if (std::string error = check_is_free(address); !error.empty()) return error;
    for (auto& shard : sockets.shards) {
      const auto fds = reactor::listen_all(address, kBacklog, reactor::ReusePort::yes);
      if (!fds) return fds.error();
      for (const int fd : *fds) shard.push_back({fd, entrance});
      if (&shard == &sockets.shards.front()) shown = addresses_of(*fds);
    }
    return {};
  };
  if (std::string error = listen(options_.sql_address, Entrance::external, addresses_.sql); !error.empty())
    return Unexpected{std::move(error)};
  if (std::string error = listen(options_.internal_sql_address, Entrance::internal, addresses_.internal_sql);
      !error.empty())
    return Unexpected{std::move(error)};
  if (!options_.unix_socket_directory.empty()) {
    for (const auto& [address, entrance] : {std::pair(options_.sql_address, Entrance::external),
                                            std::pair(options_.internal_sql_address, Entrance::internal)}) {
      const std::string path =
          fmt::format("{}/.s.PGSQL.{}", options_.unix_socket_directory, port_of(address));
      const auto fd = reactor::listen_unix(path, kBacklog);
      if (!fd) return Unexpected{fd.error()};
      unix_sockets_.push_back(path);
      sockets.shards.front().push_back({*fd, entrance});
    }
  }
  const auto http = reactor::listen_all(options_.internal_http_address, kBacklog, reactor::ReusePort::no);
  if (!http) return Unexpected{http.error()};
  sockets.http = *http;
  addresses_.http = addresses_of(*http);
  return sockets;
}

std::unique_ptr<reactor::Backend> Server::make_backend() const {
  if (uring_) {
    auto backend = reactor::make_uring_backend(options_.experiments.uring);
    if (backend) return std::move(*backend);
    spdlog::warn("this core falls back to epoll: {}", backend.error().reason);
  }
  return reactor::make_epoll_backend();
}

// ---- access ----

namespace {

AccessRules rules_of(const Options& options) {
  return options.hba_file.empty() ? default_access_rules() : read_access_rules(options.hba_file);
}

Result<std::shared_ptr<const pgwire::TlsContext>, std::string> tls_of(const Options& options) {
  if (options.tls_certificate.empty()) return std::shared_ptr<const pgwire::TlsContext>();
  const bool newest_only = options.tls_least == "TLSv1.3";
  auto loaded =
      pgwire::TlsContext::load({options.tls_certificate, options.tls_key, options.tls_authorities,
                                newest_only ? pgwire::TlsVersion::tls_1_3 : pgwire::TlsVersion::tls_1_2});
  if (!loaded) return Unexpected{loaded.error()};
  return std::shared_ptr<const pgwire::TlsContext>(std::move(*loaded));
}

bool beyond_this_machine(const std::string& address) {
  const auto parsed = reactor::parse_address(address);
  return parsed && std::any_of(parsed->begin(), parsed->end(), [](const reactor::Address& one) {
           return !ip_of_socket_address(one.raw()).loopback();
         });
}

}  // namespace

// Whoever listens to strangers needs TLS, and rules that ask them for something. Empty: all is well.
std::string Server::why_not_safe() const {
  const Access& access = *accesses_.back();
  const bool sql = beyond_this_machine(options_.sql_address);
  const bool internal = beyond_this_machine(options_.internal_sql_address);
  if (options_.insecure || (!sql && !internal)) return {};
  const std::string_view flag = sql ? "--sql-addr" : "--internal-sql-addr";
  if (access.tls == nullptr)
    return fmt::format(
        "{} listens beyond this machine, and there is no TLS: give --tls-cert and --tls-key, or --insecure",
        flag);
  if (access.rules.trusts_strangers())
    return fmt::format(
        "{} listens beyond this machine, and {} trusts strangers: ask for scram-sha-256 or cert, or give "
        "--insecure",
        flag, options_.hba_file);
  return {};
}

Result<std::monostate, std::string> Server::load_access() {
  auto access = std::make_unique<Access>();
  access->rules = rules_of(options_);
  if (!access->rules.errors.empty())
    return Unexpected{fmt::format("{}", fmt::join(access->rules.errors, "; "))};
  auto tls = tls_of(options_);
  if (!tls) return Unexpected{tls.error()};
  access->tls = std::move(*tls);
  accesses_.push_back(std::move(access));
  if (std::string why = why_not_safe(); !why.empty()) return Unexpected{std::move(why)};
  return std::monostate{};
}

void Server::reload() {
  const Access& before = *accesses_.back();
  auto access = std::make_unique<Access>();
  AccessRules read = rules_of(options_);
  if (read.errors.empty() && !options_.insecure && read.trusts_strangers() &&
      !before.rules.trusts_strangers() &&
      (beyond_this_machine(options_.sql_address) || beyond_this_machine(options_.internal_sql_address)))
    read.errors.push_back(fmt::format("{}: trusts strangers, which needs --insecure", options_.hba_file));
  if (read.errors.empty()) {
    access->rules = std::move(read);
  } else {
    for (const std::string& error : read.errors) spdlog::error("access rules: {}", error);
    spdlog::error("access rules: the old ones stay in force");
    access->rules.rules = before.rules.rules;
    access->rules.lines = std::move(read.lines);
  }
  if (auto tls = tls_of(options_)) {
    access->tls = std::move(*tls);
  } else {
    spdlog::error("TLS: {}; the old certificate stays in use", tls.error());
    access->tls = before.tls;
  }
  accesses_.push_back(std::move(access));
  tell_all(CoreMessage::Kind::access, accesses_.back().get());
  spdlog::info("access rules and certificates were read again");
}

// ---- start and end ----

namespace {

// Passes over a statement recurse as deep as it nests, which the parser and the binder limit (54001) so that twice as much
// stack as Linux usually gives serves in every build, those with sanitizers too. `ulimit -s` has no say in it.
void set_stack_size_of_new_threads() {
  constexpr std::size_t kStackBytes = std::size_t{16} << 20;
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, kStackBytes);
  ::pthread_setattr_default_np(&attributes);
  ::pthread_attr_destroy(&attributes);
}

}  // namespace

Result<std::monostate, std::string> Server::start() {
  set_stack_size_of_new_threads();
  if (auto loaded = load_access(); !loaded) return loaded;
  const std::string seed = pgwire::random_bytes(sizeof address_seed_);
  std::memcpy(&address_seed_, seed.data(), sizeof address_seed_);
  uring_ = options_.io_backend != "epoll";
  if (uring_) {
    if (const auto kernel = reactor::probe_uring(); !kernel) {
      if (options_.io_backend == "uring") return Unexpected{kernel.error().reason};
      spdlog::warn("falling back to epoll: {}", kernel.error().reason);
      uring_ = false;
    }
  }
  auto sockets = open_sockets();
  if (!sockets) return Unexpected{sockets.error()};
  const std::size_t cores = mesh_.shards() + 1;
  oracle_thread_ = std::thread([this, http = std::move(sockets->http)] { run_oracle(http); });
  for (std::size_t i = 0; i < mesh_.shards(); ++i)
    shard_threads_.emplace_back(
        [this, i, listeners = std::move(sockets->shards[i])] { run_shard(i, listeners); });
  running_ = true;
  for (std::size_t i = 0; i < cores; ++i) told_.acquire();
  wired_.release(static_cast<std::ptrdiff_t>(cores));
  for (std::size_t i = 0; i < cores; ++i) connected_.acquire();
  go_.release(static_cast<std::ptrdiff_t>(cores));
  for (std::size_t i = 0; i < cores; ++i) ready_.acquire();
  if (checkpointer_ != nullptr) checkpointer_->start();
  return std::monostate{};
}

void Server::run_shard(std::size_t index, std::vector<Listener> listeners) {
  const int processor = options_.shard_cores[index];
  reactor::name_thread(fmt::format("gyre-shard-{}", index));
  if (const auto pinned = reactor::pin_thread(processor); !pinned) spdlog::warn("{}", pinned.error());
  reactor::LoopOptions loop_options;
  loop_options.spin_us = options_.spin_us;
  reactor::Loop loop(make_backend(), loop_options);
  loops_[index] = &loop;
  mesh_.set_waker(index, loop.waker());
  told_.release();
  wired_.acquire();
  {
    ShardOptions shard_options;
    shard_options.statement_memory = options_.statement_memory;
    shard_options.memory_limit = options_.memory_limit;
    shard_options.max_message_bytes = static_cast<std::uint32_t>(options_.max_message_bytes);
    shard_options.max_connections = options_.max_connections;
    shard_options.processor = processor;
    shard_options.shared_timeline = !options_.timestamp_oracle_url.empty();
    shard_options.plan_cache_bytes = options_.experiments.plan_cache_bytes;
    shard_options.access = accesses_.front().get();
    shard_options.checkpointer = checkpointer_.get();
    shard_options.login_timeout_us = options_.authentication_timeout_s * std::uint64_t{1'000'000};
    shard_options.max_pending_logins =
        std::max(1u, options_.max_pending_logins / static_cast<std::uint32_t>(mesh_.shards()));
    shard_options.max_connections_per_address = options_.max_connections_per_address;
    shard_options.cancels_per_second = options_.cancels_per_second;
    shard_options.most_login_delay_us = options_.login_delay_ms * std::uint64_t{1000};
    shard_options.address_seed = address_seed_;
    if (options_.log_format == "json") shard_options.log_format = LogFormat::json;
    Shard shard(ShardId(static_cast<std::uint16_t>(index)), loop, mesh_, published_, holds_, shard_options,
                std::move(listeners));
    connected_.release();
    go_.acquire();
    // 10 of recovery.
    (void)reactor::fail_point("recovery.10_listen");
    shard.start();
    ready_.release();
    loop.run();
    wait_for_the_others();
  }
}

namespace {
// With an oracle that servers share: what is published here need not be the newest, and who does not say otherwise is
// strict by name, as only such statements ask (docs/oracles.md).
void share_timeline(std::map<std::string, std::string, std::less<>>& parameters) {
  std::string& mode = parameters["ts_oracle_read_mode"];
  if (mode.empty() || mode == "published") mode = "batched";
  parameters.try_emplace("default_transaction_isolation", "strict serializable");
}
}  // namespace

void Server::run_oracle(std::vector<int> http_listeners) {
  reactor::name_thread("gyre-oracle");
  if (const auto pinned = reactor::pin_thread(options_.oracle_core); !pinned)
    spdlog::warn("{}", pinned.error());
  reactor::Loop loop(make_backend());
  loops_[mesh_.oracle_core()] = &loop;
  mesh_.set_waker(mesh_.oracle_core(), loop.waker());
  // 8 of recovery: what the clock of commits begins with.
  (void)reactor::fail_point("recovery.8_timestamps");
  InitialState initial = store_ != nullptr ? store_->take_state() : InitialState(Catalog::initial());
  // (What ALTER SYSTEM SET has kept counts before what the command line says.)
  for (const auto& [name, value] : options_.system_parameters)
    initial.catalog.system_parameters.try_emplace(name, value);
  oracle::SystemClock clock;
  std::unique_ptr<oracle::PostgresOracle> remote;
  if (!options_.timestamp_oracle_url.empty()) {
    share_timeline(initial.catalog.system_parameters);
    oracle::PostgresOracleOptions timeline;
    timeline.url = options_.timestamp_oracle_url;
    timeline.timeline = options_.timeline;
    timeline.initially = initial.timestamp;
    remote = std::make_unique<oracle::PostgresOracle>(std::move(timeline), clock,
                                                      [&loop] { loop.waker().wake_if_sleeping(); });
  }
  OracleCore::Durable durable;
  if (store_ != nullptr) durable = {&store_->log(), checkpointer_.get(), &store_->recovery()};
  if (initial.catalog.login_secret.empty()) initial.catalog.login_secret = pgwire::random_bytes(32);
  {
    OracleCore core(loop, mesh_, published_, holds_, clock, std::move(initial), durable, options_.oracle_core,
                    [this] { drained_.release(); }, remote.get());
    core.limit_memory(options_.memory_limit);
    // 9 of recovery: the state is published.
    (void)reactor::fail_point("recovery.9_published");
    told_.release();
    wired_.acquire();
    core.connect(std::move(http_listeners));
    connected_.release();
    go_.acquire();
    ready_.release();
    loop.run();
    core.shut_down();
    wait_for_the_others();
  }
}

// Called by a core whose loop has stopped.
void Server::wait_for_the_others() {
  stopped_.release();
  leave_.acquire();
}

void Server::tell_all(CoreMessage::Kind kind, void* pointer) {
  for (std::size_t core = 0; core <= mesh_.oracle_core(); ++core) {
    CoreMessage message{kind, static_cast<std::uint32_t>(mesh_.control()), 0, 0, pointer};
    reactor::Mailbox<CoreMessage>& box = mesh_.box(mesh_.control(), core);
    box.push(message);
    if (box.publish()) mesh_.waker(core).wake();
  }
}

void Server::terminate() {
  tell_all(CoreMessage::Kind::terminate);
}

// Waits for the shards, and hurries them when told to. False: they have not ended in time.
bool Server::wait_until_drained(const std::function<bool()>& hurried) {
  const auto patience_ends = std::chrono::steady_clock::now() + kDrainPatience;
  bool told = false;
  while (!drained_.try_acquire_for(kHurryPoll)) {
    if (std::chrono::steady_clock::now() >= patience_ends) return false;
    if (told || !hurried || !hurried()) continue;
    told = true;
    tell_all(CoreMessage::Kind::hurry);
  }
  return true;
}

void Server::drain(const std::function<bool()>& hurried) {
  tell_all(CoreMessage::Kind::drain);
  if (!wait_until_drained(hurried)) {
    spdlog::warn("statements are still running; ending their connections");
    terminate();
    drained_.acquire();
  }
  for (std::size_t i = 0; i < mesh_.shards(); ++i) loops_[i]->stop();
  for (std::size_t i = 0; i < mesh_.shards(); ++i) stopped_.acquire();
  if (checkpointer_ != nullptr) {
    checkpointer_->stop();
    checkpointer_->write_at_end();
  }
  loops_[mesh_.oracle_core()]->stop();
  stopped_.acquire();
  leave_.release(static_cast<std::ptrdiff_t>(mesh_.shards() + 1));
  for (std::thread& thread : shard_threads_) thread.join();
  oracle_thread_.join();
  running_ = false;
}

}  // namespace gyre::adapter
