// What a session says of itself when a survey asks. A cached read leaves nothing behind but the number of its
// plan and the time at which it was taken up; its text is looked up in the plan cache.
#include <algorithm>
#include <functional>

#include "adapter/history/shown_text.h"
#include "adapter/session/session.h"
#include "adapter/sql/literals.h"

namespace gyre::adapter {

using pgwire::TransactionStatus;

namespace {

constexpr std::size_t kMostText = 1023;  // as track_activity_query_size has it by default

// A shape's markers, as parameters.
std::string readable(std::string_view shape) {
  std::string text;
  int parameters = 0;
  for (const char c : shape)
    if (c >= 1 && c < 5)
      text += '$' + std::to_string(++parameters);
    else
      text += c;
  return text;
}

}  // namespace

// A statement is one whatever its literals are, and shows none of them. It is known by its shape.
void Session::note_slow(std::string_view text, std::uint64_t took_ns) {
  std::string shape;
  std::vector<LiteralToken> literals;
  Arena arena;
  const bool shaped = scan_literals(text, shape, literals, arena);
  const std::uint64_t key = std::hash<std::string_view>{}(shaped ? std::string_view(shape) : text);
  if (!core_.slow.note_known(key, took_ns, core_.loop.now_us()))
    core_.slow.note(key, readable_shape(text), took_ns, core_.loop.now_us());
}

std::string readable_shape(std::string_view text) {
  return without_password(clipped(without_literals(readable(text)), kMostText));
}

void Session::show_text(std::string_view text) {
  shown_text_ = clipped(text, kMostText);
  shown_plan_ = 0;
}

std::string Session::text_shown(const PlanCache::Texts& plans) const {
  if (shown_plan_ == 0) return without_password(shown_text_);
  const auto found = plans.find(shown_plan_);
  return found == plans.end() ? std::string() : readable(clipped(found->second, kMostText));
}

std::string_view Session::state_shown() const {
  if (busy_) return "active";
  if (transaction_.status == TransactionStatus::failed) return "idle in transaction (aborted)";
  return transaction_.status == TransactionStatus::in_transaction ? "idle in transaction" : "idle";
}

// A statement there can change settings, by set_config(), and adds to the read set.
void Session::settle(Settled& out) const {
  static const int application = find_setting("application_name");
  static const int isolation = find_setting("transaction_isolation");
  out.application = settings_.value(application);
  out.isolation = settings_.value(isolation);
  out.read_only = settings_.read_only();
  out.read_set_bytes = transaction_.reads == nullptr ? 0 : transaction_.reads->bytes();
}

void Session::measure(CoreMetrics& out) const {
  if (transaction_.status == TransactionStatus::idle) return;
  ++out.open_transactions;
  if (asked_ != nullptr)
    out.read_set_bytes += settled_.read_set_bytes;
  else if (transaction_.reads != nullptr)
    out.read_set_bytes += transaction_.reads->bytes();
}

void Session::describe(const PlanCache::Texts& plans, storage::SessionRow& row) const {
  row.pid = id_.value;
  row.role = login_role_.value;
  row.role_name = login_name_;
  row.database = database_;
  Settled settled;
  if (asked_ != nullptr)
    settled = settled_;
  else
    settle(settled);
  row.application = std::move(settled.application);
  if (const Peer& peer = host_.peer(); !peer.local) {
    row.client_address = peer.address.text();
    row.client_port = peer.port;
  }
  const std::int64_t now = core_.wall_us();
  const auto since_us = static_cast<std::int64_t>(
      statement_start_ == 0 ? 0 : core_.span_clock.nanoseconds(statement_start_, SpanClock::ticks()) / 1000);
  row.backend_start_us = started_us_;
  row.query_start_us = statement_start_ == 0 ? 0 : now - since_us;
  row.state_change_us = std::max(state_changed_us_, row.query_start_us);
  row.in_transaction = transaction_.status != TransactionStatus::idle;
  if (transaction_.status == TransactionStatus::in_transaction)
    row.transaction_start_us = transaction_.start_us;
  else if (busy_)
    row.transaction_start_us = row.query_start_us;
  row.state = state_shown();
  row.query = text_shown(plans);
  if (!busy_ || awaits_input_) {
    row.wait_event_type = "Client";
    row.wait_event = "ClientRead";
  } else if (awaits_room_) {
    row.wait_event_type = "Client";
    row.wait_event = "ClientWrite";
  }
  if (row.in_transaction) {
    row.isolation = std::move(settled.isolation);
    row.read_only = settled.read_only;
    row.transaction = transaction_.id.value;
    row.read_set_bytes = settled.read_set_bytes;
  }
  describe_snapshot(row);
}

void Session::describe_snapshot(storage::SessionRow& row) const {
  const auto note = [&row](Timestamp timestamp, std::int64_t taken_us) {
    if (row.snapshot != 0 && row.snapshot <= timestamp.value) return;
    row.snapshot = timestamp.value;
    row.snapshot_us = taken_us;
  };
  if (transaction_.snapshot) note(transaction_.snapshot->read_ts, transaction_.snapshot_us);
  portals_.for_each([&](const Portal& portal) {
    if (portal.held) note(portal.held->read_ts, portal.statement_us);
  });
  // A simple query's portal is its coroutine's.
  if (running_ != nullptr && running_->held) note(running_->held->read_ts, running_->statement_us);
}

void Session::signal(SessionSignal signal) {
  if (signal == SessionSignal::cancel) return request_cancel();
  pgwire::Diagnostic last;
  last.severity = pgwire::Severity::fatal;
  last.code = "57P01";
  last.message = "terminating connection due to administrator command";
  end(std::move(last));
}

// ---- statements that ask about the others ----

reactor::Co<void> Session::look_around(SessionSurvey::Asks what) {
  SessionSurvey survey(core_.loop, 0, what);
  core_.services.survey(survey);
  co_await survey.answered;
  directory_ = std::make_unique<SessionDirectory>(std::move(survey), catalog(), role_);
  facts_.sessions = directory_.get();
}

// The plan's answer is gathered as a whole: a run that must wait for another session's end is thrown away.
reactor::Co<void> Session::run_beside_sessions(Portal& portal) {
  using Asks = SessionSurvey::Asks;
  co_await look_around(portal.plan()->needs_history ? Asks::history : Asks::sessions);
  for (bool again = true; again;) {
    again = false;
    directory_->begin_run();
    std::exception_ptr failure;
    try {
      if (runs_here(*portal.plan()))
        co_await gather_answer(portal);
      else
        co_await run_on_oracle_core(portal);
    } catch (const storage::SessionWait&) {
      again = true;
    } catch (...) {
      failure = std::current_exception();
    }
    for (const auto& [pid, signal] : directory_->take_signals()) core_.services.signal(SessionId(pid), signal);
    for (const pgwire::Diagnostic& warning : directory_->take_warnings()) send_notice(warning);
    for (const ForgottenStatements& which : directory_->take_forgotten()) co_await forget(which);
    if (failure != nullptr) std::rethrow_exception(failure);
    if (!again) break;
    co_await wait_for_end();
    portal.start_anew();
  }
  check_canceled();  // it may have signalled itself
}

reactor::Co<void> Session::forget(ForgottenStatements which) {
  SessionSurvey survey(core_.loop, 0);
  survey.forgets = which;
  core_.services.survey(survey);
  co_await survey.answered;
}

reactor::Co<void> Session::gather_answer(Portal& portal) {
  OutBuffer rows;
  rows.set_limit(core_.most_answer_bytes());
  while (advance_into(portal, 0, rows) != Portal::Progress::complete) {
    check_memory();
    co_await reactor::yield(core_.loop);
    check_canceled();
  }
  portal.replace_by_answer(std::move(rows));
}

// pg_terminate_backend() with a timeout: looks every now and then whether the session is there.
reactor::Co<void> Session::wait_for_end() {
  constexpr std::uint64_t kPollUs = 10'000;
  const SessionDirectory::Wait wait = directory_->wait();
  const std::uint64_t begin = core_.loop.now_us();
  const auto patience_us = static_cast<std::uint64_t>(wait.timeout_ms) * 1000;
  for (;;) {
    check_canceled();
    SessionSurvey survey(core_.loop, wait.pid);
    core_.services.survey(survey);
    co_await survey.answered;
    const std::uint64_t waited_us = core_.loop.now_us() - begin;
    if (survey.rows.empty() || waited_us >= patience_us) {
      directory_->waited(survey.rows.empty());
      co_return;
    }
    const std::uint64_t pause_us = std::min(kPollUs, patience_us - waited_us);
    co_await reactor::sleep_us(core_.loop, pause_us);
  }
}

}  // namespace gyre::adapter
