#include "adapter/oracle_core.h"

#include <spdlog/spdlog.h>

#include <cstdlib>
#include <string_view>

#include "adapter/history/statement_statistics.h"
#include "adapter/http/console_assets.h"
#include "adapter/session/survey.h"
#include "adapter/version.h"
#include "reactor/fail_point.h"

namespace gyre::adapter {

namespace {
constexpr std::uint64_t kSweepUs = 100'000;
constexpr std::size_t kReadBatches = 3;  // ts_oracle_max_in_flight_read_ts_batches
constexpr std::string_view kPlainText = "text/plain; charset=utf-8";
}  // namespace

OracleCore::OracleCore(reactor::Loop& loop, Mesh& mesh, oracle::PublishedState& published,
                       oracle::ReadHolds& holds, oracle::Clock& clock, InitialState initial, Durable durable,
                       int processor, std::function<void()> on_drained, oracle::RemoteOracle* remote)
    : loop_(loop),
      mesh_(mesh),
      processor_(processor),
      on_drained_(std::move(on_drained)),
      oracle_(clock, initial.timestamp),
      remote_(remote),
      client_(remote == nullptr ? nullptr
                                : std::make_unique<oracle::OracleClient>(
                                      *remote, mesh.shards(), static_cast<oracle::OracleClient::Listener&>(*this))),
      published_(published),
      durable_(durable),
      coordinator_(client_ != nullptr ? static_cast<oracle::CommitTimestamps&>(*client_) : oracle_,
                   durable.log != nullptr ? static_cast<oracle::CommitLog&>(*durable.log) : memory_log_,
                   published, holds, mesh.oracle_core(), *this, std::move(initial)) {
  coordinator_.span_clock = SpanClock::calibrate();
  coordinator_.now_us = [this] { return loop_.now_us(); };
  // For showing that a checker of histories can fail.
  if (reactor::fail_point("plant.no_validation")) coordinator_.set_validation(false);
  reads_answered_.resize(mesh.shards());
  if (remote_ != nullptr) loop_.add_mailbox(oracle_answers_);
  if (durable_.log == nullptr) return;
  loop_.add_mailbox(log_answers_);
  if (durable_.driver == LogDriver::thread)
    log_thread_ = std::make_unique<oracle::wal::LogThread>(*durable_.log, loop_.waker());
}

OracleCore::~OracleCore() {
  if (remote_ != nullptr) loop_.remove_mailbox(oracle_answers_);
  if (durable_.log != nullptr) loop_.remove_mailbox(log_answers_);
}

void OracleCore::connect(std::vector<int> http_listeners) {
  port_ =
      std::make_unique<MeshPort>(mesh_, mesh_.oracle_core(), loop_, static_cast<MeshPort::Handler&>(*this));
  http_ = std::make_unique<HttpServer>(loop_, std::move(http_listeners), static_cast<HttpHandler&>(*this));
  if (client_ != nullptr) client_->tick(loop_.clock_ns());
  loop_.arm_timer_after_us(sweep_, kSweepUs);
}

void OracleCore::limit_memory(std::uint64_t bytes) {
  if (bytes == 0) return;
  memory_ = std::make_unique<ProcessMemory>(bytes);
  coordinator_.memory_short = [this] { return memory_->is_short(loop_.clock_ns()); };
}

// ---- commits ----

void OracleCore::on_message(const CoreMessage& message) {
  switch (message.kind) {
    case CoreMessage::Kind::call:
      coordinator_.submit(*static_cast<CoordinatorCall*>(message.pointer));
      loop_.post(commit_task_);
      return;
    case CoreMessage::Kind::cancel_wait:
      coordinator_.cancel_wait(message.number, message.detail);
      loop_.post(commit_task_);
      return;
    case CoreMessage::Kind::read_ts:
      return on_reads(message.from, message.number);
    case CoreMessage::Kind::read_ts_alone:
      return on_read_alone(message.from, message.number);
    case CoreMessage::Kind::scraped:
      if (--scrape_.missing == 0) finish_scrape();
      return;
    case CoreMessage::Kind::activity_told:
      if (--look_.missing == 0) finish_look();
      return;
    case CoreMessage::Kind::survey:
      coordinator_.complete(static_cast<OracleSurvey*>(message.pointer)->rows);
      port_->send(message.from, {CoreMessage::Kind::surveyed, 0, 0, 0, message.pointer});
      return;
    case CoreMessage::Kind::drain:
      draining_ = true;
      return;
    case CoreMessage::Kind::drained:
      if (++drained_ == mesh_.shards()) on_drained_();
      return;
    default:
      return;  // the shards'
  }
}

std::size_t OracleCore::LogAnswers::drain(std::size_t bound) {
  const std::size_t delivered = core_.durable_.log->deliver(bound);
  if (delivered != 0) core_.loop_.post(core_.commit_task_);
  return delivered;
}

void OracleCore::commit() {
  if (coordinator_.turn()) loop_.post(commit_task_);
  if (client_ != nullptr) client_->release(coordinator_.commits().oldest_unpublished());
  expire_waits();
}

void OracleCore::expire_waits() {
  const std::uint64_t now = loop_.now_us();
  const std::uint64_t next = coordinator_.expire_waits(now);
  if (next != Coordinator::kNever) loop_.arm_timer_after_us(lock_timeout_, next - now);
  if (coordinator_.commits().can_begin()) loop_.post(commit_task_);
}

void OracleCore::sweep() {
  if (client_ != nullptr) watch_oracle();
  coordinator_.turn();
  if (client_ != nullptr) client_->release(coordinator_.commits().oldest_unpublished());
  if (durable_.checkpointer != nullptr) durable_.checkpointer->log_has(durable_.log->stats().bytes);
  loop_.arm_timer_after_us(sweep_, kSweepUs);
}

void OracleCore::give_back(CoordinatorCall& call) {
  port_->send(call.shard.value, {CoreMessage::Kind::answered, 0, 0, 0, &call});
}

// ---- the oracle that servers share ----

std::size_t OracleCore::OracleAnswers::drain(std::size_t) {
  if (!core_.remote_->has_answers()) return 0;
  core_.client_->deliver();
  core_.loop_.post(core_.read_task_);
  core_.loop_.post(core_.commit_task_);
  return 1;
}

void OracleCore::on_timestamps() {
  coordinator_.timestamps_changed();
}

// How many calls for reads may be under way; as the newest catalog has it.
std::size_t OracleCore::max_read_batches() {
  const oracle::Publication now = published_.load();
  if (now.catalog_version != batches_version_) {
    batches_version_ = now.catalog_version;
    const auto& parameters = static_cast<const Catalog*>(now.catalog)->system_parameters;
    const auto found = parameters.find("ts_oracle_max_in_flight_read_ts_batches");
    max_batches_ = found == parameters.end() ? kReadBatches : std::strtoul(found->second.c_str(), nullptr, 10);
  }
  return max_batches_;
}

// The local oracle answers at once, and at the published state, which is the newest there is.
void OracleCore::on_reads(std::size_t asker, std::uint32_t statements) {
  if (client_ != nullptr) {
    client_->arrive(asker, statements);
    loop_.post(read_task_);
    return;
  }
  local_figures_.client.batched_ops += statements;
  ++local_figures_.client.batches;
  local_figures_.count_local_read();
  on_batch(asker, reads_answered_[asker] += statements, oracle::OracleClient::Outcome::read);
}

void OracleCore::on_read_alone(std::size_t asker, std::uint32_t id) {
  if (client_ != nullptr) return client_->ask_alone(asker, id);
  local_figures_.count_local_read();
  on_single(asker, id, oracle::OracleClient::Outcome::read);
}

// Null: it may read.
std::string* OracleCore::why_not(oracle::OracleClient::Outcome outcome) const {
  if (outcome == oracle::OracleClient::Outcome::read) return nullptr;
  return new std::string("cannot read: " + client_->why_refused());
}

void OracleCore::on_batch(std::size_t asker, std::uint64_t through, oracle::OracleClient::Outcome outcome) {
  port_->send(asker, {CoreMessage::Kind::read_ts_is, 0, static_cast<std::uint32_t>(through),
                      static_cast<std::uint32_t>(through >> 32), why_not(outcome)});
}

void OracleCore::on_single(std::size_t asker, std::uint64_t id, oracle::OracleClient::Outcome outcome) {
  port_->send(asker, {CoreMessage::Kind::read_ts_alone_is, 0, static_cast<std::uint32_t>(id), 0, why_not(outcome)});
}

// Several times a second. What changes is told to the server's log.
void OracleCore::watch_oracle() {
  client_->tick(loop_.clock_ns());
  if (client_->apply_is_late()) coordinator_.disclaim_unapplied();
  const oracle::OracleHealth health = client_->health();
  using State = oracle::OracleHealth::State;
  if (health.state == last_health_.state && health.sentence == last_health_.sentence) return;
  if (health.state == State::well)
    spdlog::info("the timestamp oracle answers");
  else if (health.state == State::fenced)
    spdlog::error("{}", client_->why_refused());
  else if (health.state != State::opening)
    spdlog::warn("{}", client_->why_refused());
  last_health_ = health;
}

std::string OracleCore::why_not_ready() const {
  if (draining_) return "shutting down";
  if (const std::string why = durable_.log != nullptr ? durable_.log->failure() : std::string(); !why.empty())
    return "reading only, no more writes: " + why;
  if (client_ != nullptr && client_->health().state != oracle::OracleHealth::State::well)
    return client_->why_refused();
  return {};
}

void OracleCore::shut_down() {
  http_->shut_down();
  while (!http_->gone()) loop_.turn(loop_.clock_ns() + 1'000'000);
}

// ---- pages ----

void OracleCore::on_get(std::string_view path, HttpAnswer answer) {
  if (path == "/healthz") return answer(200, kPlainText, "ok\n");
  if (path == "/readyz") {
    const std::string why = why_not_ready();
    return why.empty() ? answer(200, kPlainText, "ready\n") : answer(503, kPlainText, why + "\n");
  }
  if (path == "/metrics") return join_scrape(scrape_.pages, std::move(answer));
  if (path == "/api/console") return join_scrape(scrape_.consoles, std::move(answer));
  if (path == "/api/activity") {
    look_.waiting.push_back(std::move(answer));
    if (look_.waiting.size() == 1) begin_look();
    return;
  }
  if (const ConsoleAsset* asset = find_console_asset(path)) return answer(200, asset->content_type, asset->body);
  answer(404, kPlainText, "not found\n");
}

OracleFigures OracleCore::oracle_figures() const {
  OracleFigures figures = local_figures_;
  if (client_ != nullptr) figures = {remote_->stats(), client_->stats(), client_->health().state, true, {}};
  for (const MetricsSnapshot& snapshot : scrape_.snapshots) figures.wait_ns.merge(snapshot.oracle_wait_ns);
  return figures;
}

// Copies are asked for anew once all pages that waited for the last ones have been written.
void OracleCore::join_scrape(std::vector<HttpAnswer>& waiting, HttpAnswer answer) {
  const bool first = scrape_.idle();
  waiting.push_back(std::move(answer));
  if (first) begin_scrape();
}

void OracleCore::begin_scrape() {
  scrape_.snapshots.assign(mesh_.shards() + 1, MetricsSnapshot{});
  scrape_.missing = mesh_.shards();
  for (std::size_t shard = 0; shard < mesh_.shards(); ++shard)
    port_->send(shard, {CoreMessage::Kind::scrape, 0, 0, 0, &scrape_.snapshots[shard]});
}

ProcessFacts OracleCore::facts() {
  ProcessFacts facts = read_process_facts();
  facts.version = kGyreVersion;
  facts.backend = loop_.backend().name();
  facts.page_ns = &page_ns_;
  if (durable_.log == nullptr) return facts;
  log_stats_ = durable_.log->stats();
  checkpoint_stats_ = durable_.checkpointer->stats();
  facts.log = &log_stats_;
  facts.checkpoints = &checkpoint_stats_;
  facts.recovery = durable_.recovery;
  return facts;
}

void OracleCore::answer_all(std::vector<HttpAnswer>& waiting, std::string_view content_type, const std::string& page) {
  std::vector<HttpAnswer> answers = std::move(waiting);
  waiting.clear();
  for (HttpAnswer& answer : answers) answer(200, content_type, page);
}

void OracleCore::finish_scrape() {
  MetricsSnapshot& own = scrape_.snapshots.back();
  own.core = coordinator_.metrics;
  coordinator_.measure(own.core);
  own.loop = loop_.stats();
  own.backend = loop_.backend().stats();
  own.mailbox_depth = loop_.mailbox_depth();
  own.processor = processor_;
  own.oracle = true;
  const ProcessFacts process = facts();
  std::string page, console;
  {
    const Measured measured(coordinator_.span_clock, page_ns_);
    if (!scrape_.pages.empty()) page = render_metrics(scrape_.snapshots, process) + render_oracle_metrics(oracle_figures());
    if (!scrape_.consoles.empty()) {
      const OracleFigures figures = oracle_figures();
      console = render_console(scrape_.snapshots, process, figures.remote ? &figures : nullptr);
    }
  }
  answer_all(scrape_.pages, kMetricsContentType, page);
  answer_all(scrape_.consoles, kJsonContentType, console);
}

void OracleCore::begin_look() {
  look_.parts.assign(mesh_.shards(), Activity{});
  look_.missing = mesh_.shards();
  for (std::size_t shard = 0; shard < mesh_.shards(); ++shard)
    port_->send(shard, {CoreMessage::Kind::activity, 0, 0, 0, &look_.parts[shard]});
}

void OracleCore::finish_look() {
  for (Activity& part : look_.parts) coordinator_.complete(part.sessions);
  const auto& catalog = *static_cast<const Catalog*>(published_.load().catalog);
  answer_all(look_.waiting, kJsonContentType, render_activity(look_.parts, look_.costs(catalog)));
}

// (Each core tells its costliest: what is below that on every core, and above in all, is not shown.)
std::vector<StatementCost> OracleCore::Look::costs(const Catalog& catalog) const {
  StatementStatistics all;
  all.set_most(SIZE_MAX);
  for (const Activity& part : parts)
    for (const auto& row : part.costs) all.add(row);
  std::vector<StatementCost> out;
  for (auto& row : all.costliest(Activity::kMostCosts)) {
    const Role* const role = catalog.role(RoleId(row.role));
    out.push_back({role == nullptr ? std::to_string(row.role) : role->name, std::move(row)});
  }
  return out;
}

}  // namespace gyre::adapter
