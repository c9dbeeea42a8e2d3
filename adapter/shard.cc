#include "adapter/shard.h"

#include <pwd.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xxhash.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "adapter/history/shown_text.h"
#include "pgwire/backend_messages.h"
#include "pgwire/scram.h"
#include "reactor/socket.h"

namespace gyre::adapter {

namespace {
constexpr std::uint32_t kSuperuserReserve =
    3;  // connections beyond max_connections that superusers may still make
// A flood of bad logins must not become a flood of log lines.
constexpr std::uint32_t kLogLinesPerSecond = 50;

std::uint32_t secret_key() {
  std::uint32_t secret = 0;
  const std::string bytes = pgwire::random_bytes(sizeof secret);
  std::memcpy(&secret, bytes.data(), sizeof secret);
  return secret;
}

// The account on this machine that a unix socket's peer runs as.
std::string local_user_of(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return {};
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer;
  if (::getpwuid_r(credentials.uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return {};
  return found->pw_name;
}

Peer peer_of(int fd) {
  Peer peer;
  const reactor::Address address = reactor::peer_address(fd);
  peer.address = ip_of_socket_address(address.raw());
  peer.local = peer.address.family == IpAddress::Family::none;
  peer.port = address.port();
  return peer;
}

// What a client sent, fit for a line of the log.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) out += (c >= ' ' && c != 0x7f) || static_cast<signed char>(c) < 0 ? c : '?';
  return out;
}

void farewell(int fd, std::string message) {
  OutBuffer out;
  pgwire::Diagnostic refusal;
  refusal.severity = pgwire::Severity::fatal;
  refusal.code = "53300";
  refusal.message = std::move(message);
  pgwire::error_response(out, refusal);
  [[maybe_unused]] const auto written = ::send(fd, out.data(), out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace

Shard::Shard(ShardId id, reactor::Loop& loop, Mesh& mesh, const oracle::PublishedState& published,
             oracle::ReadHolds& holds, const ShardOptions& options, std::vector<Listener> listeners)
    : id_(id),
      loop_(loop),
      mesh_(mesh),
      options_(options),
      port_(mesh, id.value, loop, *this),
      core_(loop, published, holds, id.value, id, *this, options.plan_cache_bytes),
      read_timestamps_(loop, core_.span_clock,
                       {[this](std::uint32_t statements) {
                          port_.send(mesh_.oracle_core(), {CoreMessage::Kind::read_ts, 0, statements, 0, nullptr});
                        },
                        [this](std::uint32_t statement) {
                          port_.send(mesh_.oracle_core(), {CoreMessage::Kind::read_ts_alone, 0, statement, 0, nullptr});
                        }}),
      counts_(mesh.shards(), 0),
      admitted_(mesh.shards(), 0),
      roles_(mesh_.shards(), id.value),
      addresses_(mesh_.shards(), id.value),
      throttle_(options.most_login_delay_us),
      memory_(options.memory_limit),
      cancels_left_(options.cancels_per_second),
      log_lines_left_(kLogLinesPerSecond) {
  core_.max_message_bytes = options.max_message_bytes;
  core_.shared_timeline = options.shared_timeline;
  if (options.access != nullptr) core_.access = options.access;
  core_.checkpointer = options.checkpointer;
  core_.login_timeout_us = options.login_timeout_us;
  core_.limit_statement_memory(options.statement_memory);
  core_.span_clock = SpanClock::calibrate();
  core_.set_wall_offset();
  core_.history.set_up(mesh.shards(), secret_key(), options.log_format);
  for (const Listener& listener : listeners)
    acceptors_.push_back(std::make_unique<Acceptor>(*this, listener));
  loop_.set_observer(this);
}

Shard::~Shard() {
  connections_.clear();
  over_.clear();
  core_.history.flush_log();
  for (const auto& acceptor : acceptors_) ::close(acceptor->listener().fd);
}

void Shard::start() {
  for (const auto& acceptor : acceptors_) loop_.backend().start_accept(*acceptor, acceptor->listener().fd);
  loop_.arm_timer_after_us(each_second_, 1'000'000);
}

// ---- the read hold ----

void Shard::on_turn_start() {
  core_.foresight.begin_turn();
  core_.history.flush_log();
  if (loop_.now_ns() >= memory_.next_look_ns()) [[unlikely]]
    core_.memory_short = memory_.is_short(loop_.now_ns());
  if (asleep_) {
    core_.holds.wake(core_.reader, core_.published);
    asleep_ = false;
  } else {
    core_.holds.announce(core_.reader, core_.published);
  }
}

void Shard::on_before_sleep() {
  core_.history.flush_log();
  core_.holds.idle(core_.reader);
  asleep_ = true;
}

void Shard::on_second() {
  core_.set_wall_offset();
  cancels_left_ = options_.cancels_per_second;
  log_lines_left_ = kLogLinesPerSecond;
  if (unlogged_ != 0) spdlog::info("{} more logins were refused on core {}", unlogged_, options_.processor);
  unlogged_ = 0;
  core_.slow.forget_old(loop_.now_us());
  loop_.arm_timer_after_us(each_second_, 1'000'000);
}

// ---- connections ----

void Shard::Acceptor::on_accept_refused(int fd) {
  farewell(fd, "sorry, too many clients already");
}

void Shard::on_accept(int fd, Entrance entrance) {
  const auto least = std::min_element(counts_.begin(), counts_.end());
  const auto target = static_cast<std::size_t>(least - counts_.begin());
  if (target != id_.value && counts_[id_.value] > *least) {
    ++core_.metrics.handed_over;
    ++counts_[target];  // until it says itself
    port_.send(target, {CoreMessage::Kind::adopt, 0, static_cast<std::uint32_t>(fd),
                        static_cast<std::uint32_t>(entrance), nullptr});
    return;
  }
  adopt(fd, entrance);
}

void Shard::adopt(int fd, Entrance entrance) {
  if (draining_) {
    ::close(fd);
    return;
  }
  Peer peer = peer_of(fd);
  if (!has_room_for(peer)) {
    ++core_.metrics.refusals[static_cast<std::size_t>(Refusal::address_connections)];
    farewell(fd, fmt::format("too many connections from address {}", peer.address.text()));
    ::close(fd);
    return;
  }
  if (peer.local)
    peer.local_user = local_user_of(fd);
  else
    reactor::set_nodelay(fd);
  count_address(peer, 1);
  const SessionId session = next_session_id();
  auto connection = std::make_unique<Connection>(core_, static_cast<ConnectionOwner&>(*this), session,
                                                 secret_key(), entrance, std::move(peer));
  Connection& started = *connection;
  connections_.emplace(session.value, std::move(connection));
  pending_.push_back(started.pending());
  ++pending_count_;
  make_room();
  started.start(fd);
  tell_count();
}

// Positive as a signed number, unused, with the shard in the low byte.
SessionId Shard::next_session_id() {
  for (;;) {
    next_session_ = (next_session_ + 1) & 0x7fffff;
    const SessionId candidate((next_session_ << 8) | id_.value);
    if (next_session_ != 0 && !connections_.contains(candidate.value)) return candidate;
  }
}

void Shard::on_connection_over(Connection& connection) {
  const auto found = connections_.find(connection.session().id().value);
  count_address(connection.peer(), -1);
  if (connection.pending().linked()) {
    connection.pending().unlink();
    --pending_count_;
  }
  over_.add(std::move(found->second));
  connections_.erase(found);
  tell_count();
  end_if_drained();
}

// One at a time, so that the end of thousands is not one turn's work.
void Shard::ConnectionsOver::run() {
  bodies_.pop_back();
  if (!bodies_.empty()) loop_.post(*this);
}

void Shard::tell_count() {
  counts_[id_.value] = static_cast<std::uint32_t>(connections_.size());
  core_.metrics.connections_open = connections_.size();
  for (std::size_t other = 0; other < mesh_.shards(); ++other)
    if (other != id_.value)
      port_.send(other, {CoreMessage::Kind::count, 0, counts_[id_.value], admitted_[id_.value], nullptr});
}

void Shard::tell(CoreMessage::Kind kind, std::uint32_t key, std::uint32_t count) {
  for (std::size_t other = 0; other < mesh_.shards(); ++other)
    if (other != id_.value) port_.send(other, {kind, 0, key, count, nullptr});
}

// ---- limits ----

std::uint32_t Shard::address_key(const Peer& peer) const {
  const IpAddress counted = counted_address(peer.address);
  return static_cast<std::uint32_t>(
      XXH3_64bits_withSeed(counted.bytes.data(), counted.bytes.size(), options_.address_seed));
}

bool Shard::has_room_for(const Peer& peer) {
  const std::uint32_t limit = options_.max_connections_per_address;
  return limit == 0 || peer.local || addresses_.total(address_key(peer)) < limit;
}

void Shard::count_address(const Peer& peer, int change) {
  if (options_.max_connections_per_address == 0 || peer.local) return;
  const std::uint32_t key = address_key(peer);
  tell(CoreMessage::Kind::address_count, key, change > 0 ? addresses_.add(key) : addresses_.remove(key));
}

// Connections that are not logged in are bounded, and the newest may stay: whoever connects and says nothing
// makes room for those who come to work.
void Shard::make_room() {
  if (pending_count_ <= options_.max_pending_logins) return;
  Connection& oldest = pending_.front().connection;
  oldest.pending().unlink();
  --pending_count_;
  ++core_.metrics.refusals[static_cast<std::size_t>(Refusal::displaced)];
  oldest.abort();
}

void Shard::on_logged_in(Connection& connection) {
  if (!connection.pending().linked()) return;
  connection.pending().unlink();
  --pending_count_;
}

std::uint64_t Shard::on_refused(const Peer& peer, std::string_view user, std::string_view message,
                                Refusal why) {
  if (log_lines_left_ != 0) {
    --log_lines_left_;
    spdlog::info("refused host \"{}\" user \"{}\": {}", peer.host(), printable(user), printable(message));
  } else {
    ++unlogged_;
  }
  if (why != Refusal::password) return 0;
  const std::uint32_t address = address_key(peer);
  tell(CoreMessage::Kind::failed_login, address, 0);
  return throttle_.on_failure(address, loop_.now_us());
}

bool Shard::cancel_allowed() {
  if (cancels_left_ == 0) {
    ++core_.metrics.cancels_dropped;
    return false;
  }
  --cancels_left_;
  return true;
}

Admission Shard::admit(const Role& role) {
  std::uint32_t total = 0;
  for (const std::uint32_t count : admitted_) total += count;
  const auto& published = *static_cast<const Catalog*>(core_.published.load().catalog);
  const auto setting = published.system_parameters.find("max_connections");
  const std::uint32_t limit =
      setting == published.system_parameters.end()
          ? options_.max_connections
          : static_cast<std::uint32_t>(std::strtoul(setting->second.c_str(), nullptr, 10));
  if (total >= limit + (role.superuser ? kSuperuserReserve : 0)) return Admission::full;
  const auto role_limit = static_cast<std::uint32_t>(role.connection_limit);
  if (role.connection_limit >= 0 && !role.superuser && roles_.total(role.id.value) >= role_limit)
    return Admission::role_full;
  ++admitted_[id_.value];
  tell_count();
  tell(CoreMessage::Kind::role_count, role.id.value, roles_.add(role.id.value));
  return Admission::admitted;
}

void Shard::dismiss(RoleId role) {
  --admitted_[id_.value];
  tell_count();
  tell(CoreMessage::Kind::role_count, role.value, roles_.remove(role.value));
}

Connection* Shard::find(SessionId session) {
  const auto found = connections_.find(session.value);
  return found == connections_.end() ? nullptr : found->second.get();
}

// ---- the other cores ----

void Shard::submit(CoordinatorCall& call) {
  port_.send(mesh_.oracle_core(), {CoreMessage::Kind::call, 0, 0, 0, &call});
}

void Shard::cancel_wait(std::uint32_t backend, std::uint32_t sequence) {
  port_.send(mesh_.oracle_core(), {CoreMessage::Kind::cancel_wait, 0, backend, sequence, nullptr});
}

void Shard::cancel(SessionId session, std::uint32_t secret) {
  if (cancel_allowed()) pass_cancel(session, secret);
}

void Shard::pass_cancel(SessionId session, std::uint32_t secret) {
  const std::size_t shard = session.value & 0xff;
  if (shard == id_.value) {
    Connection* connection = find(session);
    if (connection != nullptr && connection->session().secret() == secret)
      connection->session().request_cancel();
  } else if (shard < mesh_.shards()) {
    port_.send(shard, {CoreMessage::Kind::cancel, 0, session.value, secret, nullptr});
  }
}

void Shard::on_message(const CoreMessage& message) {
  switch (message.kind) {
    case CoreMessage::Kind::answered:
      static_cast<CoordinatorCall*>(message.pointer)->answered.set();
      return;
    case CoreMessage::Kind::adopt:
      adopt(static_cast<int>(message.number), static_cast<Entrance>(message.detail));
      return;
    case CoreMessage::Kind::cancel:
      pass_cancel(SessionId(message.number), message.detail);
      return;
    case CoreMessage::Kind::signal:
      signal(SessionId(message.number), static_cast<SessionSignal>(message.detail));
      return;
    case CoreMessage::Kind::survey:
      describe_sessions(*static_cast<SessionSurvey*>(message.pointer));
      port_.send(message.from, {CoreMessage::Kind::surveyed, 0, 0, 0, message.pointer});
      return;
    case CoreMessage::Kind::surveyed:
      if (message.from == mesh_.oracle_core())
        on_completed(*static_cast<OracleSurvey*>(message.pointer));
      else
        on_surveyed(*static_cast<SessionSurvey*>(message.pointer));
      return;
    case CoreMessage::Kind::role_count:
      roles_.hear(message.number, message.from, message.detail);
      return;
    case CoreMessage::Kind::address_count:
      addresses_.hear(message.number, message.from, message.detail);
      return;
    case CoreMessage::Kind::failed_login:
      throttle_.on_failure(message.number, loop_.now_us());
      return;
    case CoreMessage::Kind::access:
      put_in_force(*static_cast<const Access*>(message.pointer));
      return;
    case CoreMessage::Kind::count:
      counts_[message.from] = message.number;
      admitted_[message.from] = message.detail;
      return;
    case CoreMessage::Kind::read_ts_is:
    case CoreMessage::Kind::read_ts_alone_is: {
      const std::unique_ptr<const std::string> owned(static_cast<const std::string*>(message.pointer));
      const std::string failure = owned == nullptr ? std::string() : *owned;
      if (message.kind == CoreMessage::Kind::read_ts_is)
        read_timestamps_.on_batch(message.number | std::uint64_t{message.detail} << 32, failure);
      else
        read_timestamps_.on_single(message.number, failure);
      return;
    }
    case CoreMessage::Kind::scrape:
      fill(*static_cast<MetricsSnapshot*>(message.pointer));
      port_.send(mesh_.oracle_core(), {CoreMessage::Kind::scraped, 0, 0, 0, message.pointer});
      return;
    case CoreMessage::Kind::activity:
      fill(*static_cast<Activity*>(message.pointer));
      port_.send(mesh_.oracle_core(), {CoreMessage::Kind::activity_told, 0, 0, 0, message.pointer});
      return;
    case CoreMessage::Kind::drain:
      drain();
      return;
    case CoreMessage::Kind::hurry:
      hurry();
      return;
    case CoreMessage::Kind::terminate:
      for (const auto& [id, connection] : connections_) connection->abort();
      return;
    case CoreMessage::Kind::call:
    case CoreMessage::Kind::cancel_wait:
    case CoreMessage::Kind::read_ts:
    case CoreMessage::Kind::read_ts_alone:
    case CoreMessage::Kind::scraped:
    case CoreMessage::Kind::activity_told:
    case CoreMessage::Kind::drained:
      return;  // the oracle core's
  }
}

// ---- what sessions ask about each other ----

void Shard::survey(SessionSurvey& survey) {
  survey.parts.resize(mesh_.shards());
  survey.executions.resize(mesh_.shards());
  survey.statistics.resize(mesh_.shards());
  survey.missing = mesh_.shards();
  for (std::size_t other = 0; other < mesh_.shards(); ++other)
    if (other != id_.value) port_.send(other, {CoreMessage::Kind::survey, 0, 0, 0, &survey});
  describe_sessions(survey);
  on_surveyed(survey);
}

void Shard::describe_sessions(SessionSurvey& survey) {
  if (survey.forgets) core_.history.statistics.forget(*survey.forgets);
  if (survey.asks == SessionSurvey::Asks::history) {
    survey.executions[id_.value] = core_.history.executions();
    survey.statistics[id_.value] = core_.history.statistics.copy();
  }
  std::vector<storage::SessionRow>& part = survey.parts[id_.value];
  const PlanCache::Texts texts = survey.only == 0 ? core_.plans.texts() : PlanCache::Texts();
  for (const auto& [id, connection] : connections_)
    if (survey.wants(id) && connection->session().authenticated())
      connection->session().describe(texts, part.emplace_back());
}

void Shard::on_surveyed(SessionSurvey& survey) {
  if (--survey.missing != 0) return;
  survey.gather();
  ask_oracle_core(survey);
}

// Not while it has not answered what somebody gave up to wait for.
void Shard::ask_oracle_core(SessionSurvey& survey) {
  if (std::any_of(surveys_.begin(), surveys_.end(), [](const auto& other) { return other->is_late(); }))
    return survey.answered.set();
  OracleSurvey& last = *surveys_.emplace_back(std::make_unique<OracleSurvey>(survey));
  loop_.arm_timer_after_us(last, OracleSurvey::kPatienceUs);
  port_.send(mesh_.oracle_core(), {CoreMessage::Kind::survey, 0, 0, 0, &last});
}

void Shard::on_completed(OracleSurvey& survey) {
  loop_.cancel_timer(survey);
  survey.answer();
  std::erase_if(surveys_, [&](const auto& other) { return other.get() == &survey; });
}

void Shard::signal(SessionId session, SessionSignal signal) {
  const std::size_t shard = session.value & 0xff;
  if (shard != id_.value) {
    port_.send(shard, {CoreMessage::Kind::signal, 0, session.value, static_cast<std::uint32_t>(signal), nullptr});
  } else if (Connection* connection = find(session)) {
    connection->session().signal(signal);
  }
}

void Shard::put_in_force(const Access& access) {
  core_.access = &access;
  for (const auto& [id, connection] : connections_) connection->session().on_access_changed();
}

void Shard::fill(MetricsSnapshot& snapshot) {
  const PlanCache::Counters& plans = core_.plans.counters();
  core_.metrics.plan_hits = plans.hits;
  core_.metrics.plan_shape_hits = plans.shape_hits;
  core_.metrics.plan_misses = plans.misses;
  core_.metrics.plan_stale = plans.stale;
  core_.metrics.plan_evictions = plans.evictions;
  core_.metrics.plan_bytes = core_.plans.bytes();
  core_.metrics.plan_entries = core_.plans.size();
  const StatementHistory::Counters& statements = core_.history.counters();
  core_.metrics.statements_sampled = statements.sampled;
  core_.metrics.statements_unsampled = statements.unsampled;
  core_.metrics.sampled_text_bytes = statements.sampled_bytes;
  core_.metrics.all_text_bytes = statements.all_bytes;
  core_.metrics.open_transactions = core_.metrics.read_set_bytes = 0;
  for (const auto& [id, connection] : connections_)
    connection->session().measure(core_.metrics);
  snapshot.core = core_.metrics;
  snapshot.loop = loop_.stats();
  snapshot.backend = loop_.backend().stats();
  snapshot.mailbox_depth = loop_.mailbox_depth();
  snapshot.processor = options_.processor;
  snapshot.oracle = false;
  snapshot.oracle_wait_ns = read_timestamps_.wait_ns();
}

void Shard::fill(Activity& activity) {
  const PlanCache::Texts texts = core_.plans.texts(Activity::kMostTexts);
  for (const auto& [id, connection] : connections_) {
    if (!connection->session().authenticated()) continue;
    ++activity.session_count;
    if (activity.sessions.size() < Activity::kMostSessions)
      connection->session().describe(texts, activity.sessions.emplace_back());
  }
  core_.plans.for_each_newest(Activity::kMostPlans, [&](const CachedStatement& plan) {
    activity.plans.push_back(
        {readable_shape(plan.key_text), plan.uses, plan.footprint, plan.literal_count != 0});
  });
  const auto slow = core_.slow.list();
  activity.slow.assign(slow.begin(), slow.end());
  activity.costs = core_.history.statistics.costliest(Activity::kMostCosts);
  for (auto& cost : activity.costs) cost.text = clipped(cost.text, Activity::kCostText);
  activity.now_us = loop_.now_us();
  activity.wall_us = core_.wall_us();
}

void Shard::drain() {
  if (draining_) return;
  draining_ = true;
  for (const auto& acceptor : acceptors_) loop_.backend().stop_accept(*acceptor);
  std::vector<Connection*> open;
  for (const auto& [id, connection] : connections_) open.push_back(connection.get());
  for (Connection* connection : open) connection->session().drain();
  end_if_drained();
}

void Shard::hurry() {
  pgwire::Diagnostic last;
  last.severity = pgwire::Severity::fatal;
  last.code = "57P01";
  last.message = "terminating connection due to administrator command";
  std::vector<Connection*> open;
  for (const auto& [id, connection] : connections_) open.push_back(connection.get());
  for (Connection* connection : open) connection->session().end(last);
}

void Shard::end_if_drained() {
  if (!draining_ || told_drained_ || !connections_.empty()) return;
  told_drained_ = true;
  port_.send(mesh_.oracle_core(), {CoreMessage::Kind::drained, 0, 0, 0, nullptr});
}

}  // namespace gyre::adapter
