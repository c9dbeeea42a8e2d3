#include "adapter/oracle_core.h"

#include <cstdlib>
#include <string_view>

#include "adapter/http/console_assets.h"
#include "adapter/session/survey.h"
#include "adapter/version.h"
#include "reactor/fail_point.h"

namespace gyre::adapter {

namespace {
constexpr std::uint64_t kSweepUs = 100'000;
constexpr std::string_view kPlainText = "text/plain; charset=utf-8";
}  // namespace

OracleCore::OracleCore(reactor::Loop& loop, Mesh& mesh, oracle::PublishedState& published,
                       oracle::ReadHolds& holds, InitialState initial, Durable durable, int processor,
                       std::function<void()> on_drained)
    : loop_(loop),
      mesh_(mesh),
      processor_(processor),
      on_drained_(std::move(on_drained)),
      oracle_(clock_, initial.timestamp),
      durable_(durable),
      coordinator_(oracle_,
                   durable.log != nullptr ? static_cast<oracle::CommitLog&>(*durable.log) : memory_log_,
                   published, holds, mesh.oracle_core(), *this, std::move(initial)) {
  coordinator_.span_clock = SpanClock::calibrate();
  coordinator_.now_us = [this] { return loop_.now_us(); };
  // For showing that a checker of histories can fail.
  if (reactor::fail_point("plant.no_validation")) coordinator_.set_validation(false);
  if (durable_.log == nullptr) return;
  loop_.add_mailbox(log_answers_);
  if (durable_.driver == LogDriver::thread)
    log_thread_ = std::make_unique<oracle::wal::LogThread>(*durable_.log, loop_.waker());
}

OracleCore::~OracleCore() {
  if (durable_.log != nullptr) loop_.remove_mailbox(log_answers_);
}

void OracleCore::connect(std::vector<int> http_listeners) {
  port_ =
      std::make_unique<MeshPort>(mesh_, mesh_.oracle_core(), loop_, static_cast<MeshPort::Handler&>(*this));
  http_ = std::make_unique<HttpServer>(loop_, std::move(http_listeners), static_cast<HttpHandler&>(*this));
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
  expire_waits();
}

void OracleCore::expire_waits() {
  const std::uint64_t now = loop_.now_us();
  const std::uint64_t next = coordinator_.expire_waits(now);
  if (next != Coordinator::kNever) loop_.arm_timer_after_us(lock_timeout_, next - now);
  if (coordinator_.commits().can_begin()) loop_.post(commit_task_);
}

void OracleCore::sweep() {
  coordinator_.turn();
  if (durable_.checkpointer != nullptr) durable_.checkpointer->log_has(durable_.log->stats().bytes);
  loop_.arm_timer_after_us(sweep_, kSweepUs);
}

void OracleCore::give_back(CoordinatorCall& call) {
  port_->send(call.shard.value, {CoreMessage::Kind::answered, 0, 0, 0, &call});
}

void OracleCore::shut_down() {
  http_->shut_down();
  while (!http_->gone()) loop_.turn(loop_.clock_ns() + 1'000'000);
}

// ---- pages ----

void OracleCore::on_get(std::string_view path, HttpAnswer answer) {
  if (path == "/healthz") return answer(200, kPlainText, "ok\n");
  if (path == "/readyz") {
    if (draining_) return answer(503, kPlainText, "shutting down\n");
    if (const std::string why = durable_.log != nullptr ? durable_.log->failure() : std::string();
        !why.empty())
      return answer(503, kPlainText, "reading only, no more writes: " + why + "\n");
    return answer(200, kPlainText, "ready\n");
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
    if (!scrape_.pages.empty()) page = render_metrics(scrape_.snapshots, process);
    if (!scrape_.consoles.empty()) console = render_console(scrape_.snapshots, process);
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
  answer_all(look_.waiting, kJsonContentType, render_activity(look_.parts));
}

}  // namespace gyre::adapter
