#include "adapter/shard.h"

#include <unistd.h>

#include <algorithm>

#include "pgwire/backend_messages.h"
#include "reactor/socket.h"

namespace gyre::adapter {

namespace {
constexpr std::uint32_t kSuperuserReserve =
    3;  // connections beyond max_connections that superusers may still make
}

Shard::Shard(ShardId id, reactor::Loop& loop, Mesh& mesh, const oracle::PublishedState& published,
             oracle::ReadHolds& holds, const ShardOptions& options, std::vector<Listener> listeners)
    : id_(id),
      loop_(loop),
      mesh_(mesh),
      options_(options),
      port_(mesh, id.value, loop, *this),
      core_(loop, published, holds, id.value, id, *this, options.plan_cache_bytes),
      counts_(mesh.shards(), 0),
      admitted_(mesh.shards(), 0),
      random_(std::random_device{}()) {
  core_.statement_memory = options.statement_memory;
  core_.span_clock = SpanClock::calibrate();
  core_.set_wall_offset();
  for (const Listener& listener : listeners)
    acceptors_.push_back(std::make_unique<Acceptor>(*this, listener));
  loop_.set_observer(this);
}

Shard::~Shard() {
  connections_.clear();
  for (const auto& acceptor : acceptors_) ::close(acceptor->listener().fd);
}

void Shard::start() {
  for (const auto& acceptor : acceptors_) loop_.backend().start_accept(*acceptor, acceptor->listener().fd);
  loop_.arm_timer_after_us(each_second_, 1'000'000);
}

// ---- the read hold ----

void Shard::on_turn_start() {
  if (asleep_) {
    core_.holds.wake(core_.reader, core_.published);
    asleep_ = false;
  } else {
    core_.holds.announce(core_.reader, core_.published);
  }
}

void Shard::on_before_sleep() {
  core_.holds.idle(core_.reader);
  asleep_ = true;
}

void Shard::on_second() {
  core_.set_wall_offset();
  loop_.arm_timer_after_us(each_second_, 1'000'000);
}

// ---- connections ----

void Shard::Acceptor::on_accept_refused(int fd) {
  OutBuffer out;
  pgwire::Diagnostic refusal;
  refusal.severity = pgwire::Severity::fatal;
  refusal.code = "53300";
  refusal.message = "sorry, too many clients already";
  pgwire::error_response(out, refusal);
  [[maybe_unused]] const auto written = ::write(fd, out.data(), out.size());
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
  reactor::set_nodelay(fd);
  const SessionId session = next_session_id();
  auto connection = std::make_unique<Connection>(core_, static_cast<ConnectionOwner&>(*this), session,
                                                 static_cast<std::uint32_t>(random_()), entrance);
  Connection& started = *connection;
  connections_.emplace(session.value, std::move(connection));
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
  // The caller is a member of it: it goes when the stack is clear.
  class Burial final : public reactor::Task {
   public:
    explicit Burial(std::unique_ptr<Connection> body) : body_(std::move(body)) {}
    void run() override { delete this; }

   private:
    std::unique_ptr<Connection> body_;
  };
  loop_.post(*new Burial(std::move(found->second)));
  connections_.erase(found);
  tell_count();
  end_if_drained();
}

void Shard::tell_count() {
  counts_[id_.value] = static_cast<std::uint32_t>(connections_.size());
  core_.metrics.connections_open = connections_.size();
  for (std::size_t other = 0; other < mesh_.shards(); ++other)
    if (other != id_.value)
      port_.send(other, {CoreMessage::Kind::count, 0, counts_[id_.value], admitted_[id_.value], nullptr});
}

bool Shard::admit(bool superuser) {
  std::uint32_t total = 0;
  for (const std::uint32_t count : admitted_) total += count;
  const auto& published = *static_cast<const Catalog*>(core_.published.load().catalog);
  const auto setting = published.system_parameters.find("max_connections");
  const std::uint32_t limit =
      setting == published.system_parameters.end()
          ? options_.max_connections
          : static_cast<std::uint32_t>(std::strtoul(setting->second.c_str(), nullptr, 10));
  if (total >= limit + (superuser ? kSuperuserReserve : 0)) return false;
  ++admitted_[id_.value];
  tell_count();
  return true;
}

void Shard::dismiss() {
  --admitted_[id_.value];
  tell_count();
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
      cancel(SessionId(message.number), message.detail);
      return;
    case CoreMessage::Kind::count:
      counts_[message.from] = message.number;
      admitted_[message.from] = message.detail;
      return;
    case CoreMessage::Kind::scrape:
      fill(*static_cast<MetricsSnapshot*>(message.pointer));
      port_.send(mesh_.oracle_core(), {CoreMessage::Kind::scraped, 0, 0, 0, message.pointer});
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
    case CoreMessage::Kind::scraped:
    case CoreMessage::Kind::drained:
      return;  // the oracle core's
  }
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
  snapshot.core = core_.metrics;
  snapshot.loop = loop_.stats();
  snapshot.backend = loop_.backend().stats();
  snapshot.processor = options_.processor;
  snapshot.oracle = false;
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
