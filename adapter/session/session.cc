#include "adapter/session/session.h"

#include <fmt/format.h>

#include "adapter/access/access.h"
#include "adapter/errors.h"
#include "adapter/session/nearest_name.h"
#include "adapter/version.h"
#include "reactor/base/check.h"

namespace gyre::adapter {

using pgwire::Diagnostic;
using pgwire::FrameStatus;
using pgwire::Severity;
using pgwire::TransactionStatus;

namespace {

Diagnostic fatal(pgwire::SqlState code, std::string message) {
  Diagnostic diagnostic;
  diagnostic.severity = Severity::fatal;
  diagnostic.code = code;
  diagnostic.message = std::move(message);
  return diagnostic;
}

pgwire::FrameLimits frame_limits(const SessionCore& core) {
  pgwire::FrameLimits limits;
  limits.after_login = core.max_message_bytes;
  return limits;
}

std::optional<LimitError> limit_error_of(pgwire::SqlState code) {
  const std::string_view text = code.text();
  if (text == "53200") return LimitError::out_of_memory;
  if (text == "54000") return LimitError::limit_exceeded;
  if (text == "54001") return LimitError::too_complex;
  if (text == "54011") return LimitError::too_many_columns;
  if (text == "54023") return LimitError::too_many_arguments;
  return std::nullopt;
}

// (Where there is none, `value` is a hint. Names with a point are asked for without knowing whether they are
// there.)
bool current_setting(const void* session, std::string_view name, std::string& value) {
  const std::string* found = static_cast<const Settings*>(session)->find(name);
  if (found != nullptr)
    value = *found;
  else if (name.find('.') == std::string_view::npos)
    value = name_hint(nearest_setting(name));
  return found != nullptr;
}

WireMessage wire_message_of(char type) {
  switch (type) {
    case 'Q':
      return WireMessage::query;
    case 'P':
      return WireMessage::parse;
    case 'B':
      return WireMessage::bind;
    case 'D':
      return WireMessage::describe;
    case 'E':
      return WireMessage::execute;
    case 'S':
      return WireMessage::sync;
    case 'C':
      return WireMessage::close;
    default:
      return WireMessage::other;
  }
}

bool is_role_setting(std::string_view name) {
  const int index = find_setting(name);
  return index >= 0 && setting_definitions()[static_cast<std::size_t>(index)].kind == SettingKind::role;
}

void set_setting(void* settings, std::string_view name, std::string_view value, bool local) {
  auto& own = *static_cast<Settings*>(settings);
  // Who may become whom is checked by SET ROLE alone: a role put here unchecked would be taken on by the next
  // rollback, which follows the setting.
  if (is_role_setting(name)) throw SqlError("0A000", "set_config() does not change the role; use SET ROLE");
  const bool superuser = own.show("is_superuser") == "on";
  if (local) own.begin_statement();
  const SetScope scope = local ? SetScope::local : SetScope::session;
  if (value.data() == nullptr) return own.reset(name, scope, superuser);
  own.set(name, value, scope, superuser);
}

}  // namespace

Session::Session(SessionCore& core, SessionHost& host, SessionId id, std::uint32_t secret, Entrance entrance)
    : core_(core),
      host_(host),
      id_(id),
      secret_(secret),
      entrance_(entrance),
      input_(frame_limits(core)),
      output_taken_(core.loop) {
  started_us_ = core.wall_us();
  out_.set_limit(core.most_answer_bytes() + kOutputSlack);
  facts_.backend_pid = id.value;
  facts_.surroundings = &surroundings_;
  facts_.sequence_memory = &sequence_memory_;
  settings_.set_relations(&surroundings_);
  facts_.server_version = kServerVersion;
  facts_.version_text = kVersionText;
  facts_.current_setting = current_setting;
  facts_.session = &settings_;
  facts_.set_setting = set_setting;
  facts_.settings = &settings_;
  facts_.access_rules = &core.access->rules;
}

Session::~Session() {
  GYRE_CHECK(!busy_);
  GYRE_CHECK(transaction_.id.value == 0);  // its branch reads the snapshot that is unpinned here
  core_.loop.cancel_timer(timeout_);
  core_.loop.cancel_timer(idle_timeout_);
  core_.loop.cancel_timer(transaction_timeout_);
  core_.rewatch(watch_, {});
  if (admitted_) core_.services.dismiss(login_role_);
  if (authenticated_) --core_.metrics.sessions[static_cast<std::size_t>(entrance_)];
}

// ---- input ----

void Session::receive(std::span<const char> bytes) {
  if (finished_) return;
  input_.feed(bytes);
  pump();
  if (input_.buffered() != 0) {
    input_.park();
    if (core_.memory_short && input_.buffered() > kParkedInputHigh) {
      ++core_.metrics.memory_refusals;
      return terminate(fatal("53200", "out of memory"));
    }
    host_.on_appetite();
  }
  if (awaits_input_) output_taken_.set();
}

// What is parked while it could be handled is the beginning of one message, whose length is bounded.
bool Session::wants_input() const {
  if (finished_) return false;
  const bool held_up = (busy_ && !awaits_input_) || out_.size() >= kOutputHigh;
  return !held_up || input_.buffered() < kParkedInputHigh;
}

void Session::resume() {
  if (busy_ || finished_) return;
  pump();
  host_.on_appetite();
}

void Session::on_output_taken() {
  output_taken_.set();
  if (!busy_ && input_.buffered() != 0) core_.loop.post(*this);
}

void Session::pump() {
  while (!busy_ && !finished_ && out_.size() < kOutputHigh) {
    if (transaction_.catalog != nullptr && input_.buffered() != 0 && has_old_definitions()) [[unlikely]] {
      run_renewal();
      break;
    }
    if (input_.buffered() == 0) break;
    const pgwire::FrameResult result = input_.next();
    if (result.status == FrameStatus::need_more) break;
    if (result.status == FrameStatus::error) [[unlikely]]
      return terminate_for(result);
    handle(result.frame);
  }
  if (ending_ && !busy_ && !finished_) terminate(*ending_);
  if (draining_ && !busy_ && !finished_) drain();
  if (!out_.empty()) host_.on_output();
}

// Apart, as what it makes on the stack would cost the loop above its guard.
void Session::terminate_for(const pgwire::FrameResult& result) {
  terminate(pgwire::describe_frame_error(result.error, result.frame.type).diagnostic());
}

void Session::handle(const pgwire::Frame& frame) {
  if (!authenticated_) [[unlikely]] {
    if (login_ != nullptr && login_->refusal) return;  // what is said meanwhile is of no interest
    if (frame.type == 0) {
      on_startup_packet(frame);
    } else {
      on_login_message(frame);
    }
    return;
  }
  if (frame.type == 'B' && peek_prepared(frame.body)) return;
  switch (protocol_.on_message(frame.type)) {
    case pgwire::Verdict::process:
      if (frame.type == 'Q' && peek(frame)) return;
      if (--core_.messages_to_sample == 0) [[unlikely]]
        dispatch_measured(frame);
      else
        dispatch(frame);
      return;
    case pgwire::Verdict::skip:
      return;
    case pgwire::Verdict::fatal:
      terminate(protocol_.fatal_error(frame.type).diagnostic());
      return;
  }
}

void Session::dispatch(const pgwire::Frame& frame) {
  counted_ = false;
  try {
    switch (frame.type) {
      case 'Q':
        on_query(frame);
        return;
      case 'P':
        on_parse(frame.body);
        return;
      case 'B':
        on_bind(frame.body);
        return;
      case 'D':
        on_describe(frame.body);
        return;
      case 'E':
        on_execute(frame.body);
        return;
      case 'C':
        on_close(frame.body);
        return;
      case 'S':
        on_sync(frame.body);
        return;
      case 'H':
        if (const auto flush = pgwire::decode_flush(frame.body); !flush)
          return fail(flush.error().diagnostic());
        host_.on_output();
        return;
      case 'X':
        finish();
        return;
      case 'F':
        throw SqlError("0A000", "function calls by oid are not supported");
      default:
        return;  // the copy messages, outside a COPY: ignored, as in PostgreSQL
    }
  } catch (...) {
    fail(diagnostic_of_current_exception({}));
  }
}

// What a message costs until it is done or waits.
void Session::dispatch_measured(const pgwire::Frame& frame) {
  core_.messages_to_sample = kMessagesPerSample;
  const Measured measured(core_.span_clock, core_.metrics.wire_ns[wire_message_of(frame.type)]);
  dispatch(frame);
}

// Before the message that comes next.
reactor::Job Session::run_renewal() {
  set_busy();
  try {
    co_await renew_definitions();
  } catch (...) {
    // The log has failed: whatever comes next is told.
  }
  job_done();
}

// ---- start-up ----

void Session::apply_startup_settings(const pgwire::StartupMessage& message) {
  const Catalog& published = *static_cast<const Catalog*>(core_.published.load().catalog);
  for (const auto& [name, value] : published.system_parameters) {
    const int index = find_setting(name);
    if (index >= 0 &&
        setting_definitions()[static_cast<std::size_t>(index)].context != SettingContext::internal)
      settings_.set_default(name, value);
  }
  const auto& given = published.system_parameters;
  if (const auto rate = given.find("statement_logging_default_sample_rate");
      rate != given.end() && !given.contains("statement_logging_sample_rate"))
    settings_.set_default("statement_logging_sample_rate", rate->second);
  apply_role_settings(published);
  for (const auto& [name, value] : message.settings) {
    // asyncpg sends 'utf-8' with the quotes.
    std::string_view bare = value;
    if (bare.size() >= 2 && bare.front() == '\'' && bare.back() == '\'')
      bare = bare.substr(1, bare.size() - 2);
    if (is_role_setting(name)) continue;  // who may become whom is checked by SET ROLE alone
    settings_.set_default(name, bare);
  }
}

// ALTER ROLE … SET and its kin, the more particular ones last. They were valid when they were made; one that
// is not any more does not keep its role out.
void Session::apply_role_settings(const Catalog& where) {
  for (const RoleSettingKey key :
       {RoleSettingKey{false, kPublicRole}, {true, kPublicRole}, {false, role_}, {true, role_}}) {
    const auto found = where.role_settings.find(key);
    if (found == where.role_settings.end()) continue;
    for (const auto& [name, value] : found->second) {
      try {
        settings_.set_default(name, value);
      } catch (const SqlError&) {
      }
    }
  }
  follow_role_setting();
  if (role_ == session_role_) settings_.set_default("role", "none");
}

void Session::send_parameters() {
  const auto definitions = setting_definitions();
  for (std::size_t i = 0; i < definitions.size(); ++i)
    if (definitions[i].reported)
      pgwire::parameter_status(out_, definitions[i].name, settings_.value(static_cast<int>(i)));
  settings_.take_changed();
}

void Session::report_changed_settings() {
  if (!settings_.has_changed()) return;
  refresh_source();
  for (const int index : settings_.take_changed())
    pgwire::parameter_status(out_, setting_definitions()[static_cast<std::size_t>(index)].name,
                             settings_.value(index));
}

void Session::refresh_environment() {
  if (!environment_is_old()) return;
  environment_ = core_.plans.intern(
      fmt::format("{}{}\n{}", settings_.plan_environment(), role_.value, session_role_.value));
  environment_revision_ = settings_.revision();
  role_changed_ = false;
  if (settings_.watch() != watch_) rewatch();
}

void Session::refresh_source() {
  static const int application = find_setting("application_name");
  source_ = source_of(static_cast<EntranceKind>(entrance_), application_of(settings_.value(application)));
}

// ---- errors and the end ----

void Session::send_error(const Diagnostic& diagnostic) {
  ++core_.metrics.errors;
  if (authenticated_) {
    ++(diagnostic.code.text() == "57014" ? core_.metrics.cancellations : core_.metrics.failures)[source_];
    if (!std::exchange(counted_, false)) ++core_.metrics.unready[source_];
  }
  if (const auto limit = limit_error_of(diagnostic.code))
    ++core_.metrics.limit_errors[static_cast<std::size_t>(*limit)];
  pgwire::error_response(out_, diagnostic);
}

void Session::send_notice(std::string_view severity, pgwire::SqlState code, std::string message) {
  Diagnostic notice;
  notice.severity = severity == "WARNING" ? Severity::warning : Severity::notice;
  notice.code = code;
  notice.message = std::move(message);
  send_notice(notice);
}

void Session::send_notice(const Diagnostic& notice) {
  const std::string& least = settings_.show("client_min_messages");
  if (least == "error" || (least == "warning" && notice.severity != Severity::warning)) return;
  pgwire::notice_response(out_, notice);
}

void Session::fail(const Diagnostic& given) {
  Diagnostic diagnostic = given;
  if (ending_ || peer_gone_) diagnostic.severity = Severity::fatal;
  if (observing())
    finish_observation(&diagnostic);
  else if (watch_.log_errors)
    log_error(diagnostic);
  if (observation_ != nullptr) observation_->suspended = false;
  if (ending_) return terminate(*ending_);
  if (finished_) return;  // nothing follows the last message
  send_error(diagnostic);
  if (diagnostic.severity == Severity::fatal) return finish();
  if (transaction_.status == TransactionStatus::in_transaction)
    transaction_.status = TransactionStatus::failed;
  switch (protocol_.on_error()) {
    case pgwire::AfterError::ready_for_query:
      end_batch();
      return;
    case pgwire::AfterError::skip_until_sync:
      return;
    case pgwire::AfterError::close:
      finish();
      return;
  }
}

void Session::ready() {
  settings_.end_statement();
  counted_ = false;
  report_changed_settings();
  pgwire::ready_for_query(out_, transaction_.implicit ? TransactionStatus::idle : transaction_.status);
  if (settings_.watches_idleness()) watch_idleness();
}

void Session::terminate(const Diagnostic& diagnostic) {
  if (finished_) return;
  if (!authenticated_) ++core_.metrics.connections_failed[static_cast<std::size_t>(entrance_)];
  Diagnostic last = diagnostic;
  last.severity = Severity::fatal;
  if (!last.message.empty()) send_error(last);
  finish();
}

void Session::finish() {
  if (finished_) return;
  finished_ = true;
  std::optional<Measured> measured;
  if (authenticated_) {
    measured.emplace(core_.span_clock, core_.metrics.message_ns[MessageKind::terminate]);
    ++core_.metrics.terminations[source_];
  }
  interrupt();
  host_.on_output();
  abandon_transaction();
}

// The oracle core must have let go of the transaction's branch before its snapshot may go, and of all locks.
void Session::abandon_transaction() {
  if (!busy_ && (transaction_.id.value != 0 || holds_locks_)) run_abandon();
}

reactor::Job Session::run_abandon() {
  set_busy();
  co_await rollback_transaction();
  co_await release_session_locks();
  job_done();
}

reactor::Co<void> Session::release_session_locks() {
  if (!holds_locks_) co_return;
  CoordinatorCall call(core_.loop, core_.shard);
  call.kind = CoordinatorCall::Kind::end_session;
  co_await ask(call);
}

void Session::on_peer_gone() {
  peer_gone_ = true;
  finish();
}

void Session::request_cancel() {
  const Measured measured(core_.span_clock, core_.metrics.message_ns[MessageKind::cancel_request]);
  if (!busy_) return;
  ++core_.metrics.cancels;
  interrupt();
}

void Session::drain() {
  draining_ = true;
  if (busy_) return;
  if (!authenticated_) return finish();
  terminate(fatal("57P01", "terminating connection due to administrator command"));
}

void Session::end(Diagnostic last) {
  if (finished_ || ending_) return;
  if (!authenticated_) return finish();
  if (!busy_) return terminate(last);
  ending_ = std::move(last);
  interrupt();
}

// (A statement under way may be reading the facts on the oracle core.)
void Session::on_access_changed() {
  if (!busy_) facts_.access_rules = &core_.access->rules;
}

// ---- the coroutine's frame ----

void Session::set_busy() {
  GYRE_CHECK(!busy_);  // one coroutine at a time uses the session
  busy_ = true;
  has_read_timestamp_ = false;
  state_changed_us_ = core_.wall_us();
  canceled_ = false;
  timed_out_ = false;
}

void Session::job_done() {
  busy_ = has_read_timestamp_ = false;
  state_changed_us_ = core_.wall_us();
  facts_.sessions = nullptr;
  directory_.reset();
  on_access_changed();
  core_.loop.cancel_timer(timeout_);
  input_.release_kept();
  if (finished_) {
    abandon_transaction();
    if (busy_) return;  // that job will end here as well
  } else {
    core_.loop.post(*this);
  }
  host_.on_output();
  host_.on_idle();  // beyond this point the session may be gone
}

void Session::on_statement_timeout() {
  timed_out_ = true;
  interrupt();
}

void Session::interrupt() {
  canceled_ = true;
  output_taken_.set();
  if (ticket_ != nullptr) ticket_->answered.set();
  if (asked_ == nullptr) return;
  asked_->stop.raise();
  core_.services.cancel_wait(id_.value, calls_made_);
}

void Session::arm_statement_timeout() {
  const std::uint64_t limit_us = settings_.statement_timeout_us();
  if (limit_us != 0) core_.loop.arm_timer_after_us(timeout_, limit_us);
}

// Armed whenever a statement has ended. What a cached read answers does not pass by here, so the moment at
// which the last message was taken up counts as well.
void Session::watch_idleness() {
  idle_start_ = SpanClock::ticks();
  const bool in_block = transaction_.status != TransactionStatus::idle;
  const std::uint64_t limit_us =
      in_block ? settings_.idle_transaction_timeout_us() : settings_.idle_session_timeout_us();
  if (limit_us != 0)
    core_.loop.arm_timer_after_us(idle_timeout_, limit_us);
  else
    core_.loop.cancel_timer(idle_timeout_);
}

void Session::on_idle_timeout() {
  if (busy_ || finished_) return;  // ready() arms it again
  const bool in_block = transaction_.status != TransactionStatus::idle;
  const std::uint64_t limit_us =
      in_block ? settings_.idle_transaction_timeout_us() : settings_.idle_session_timeout_us();
  if (limit_us == 0) return;
  const std::uint64_t since = std::max(idle_start_, statement_start_);
  const std::uint64_t idle_us = core_.span_clock.nanoseconds(since, SpanClock::ticks()) / 1000;
  // The two clocks may differ by a little.
  if (since != idle_start_ && idle_us < limit_us)
    core_.loop.arm_timer_after_us(idle_timeout_, limit_us - idle_us);
  else if (in_block)
    terminate(fatal("25P03", "terminating connection due to idle-in-transaction timeout"));
  else
    terminate(fatal("57P05", "terminating connection due to idle-session timeout"));
}

void Session::on_transaction_timeout() {
  if (transaction_.status != TransactionStatus::idle)
    end(fatal("25P04", "terminating connection due to transaction timeout"));
}

void Session::check_canceled() {
  if (!canceled_) return;
  if (ending_) throw SqlError(ending_->code, ending_->message);
  if (timed_out_) throw SqlError("57014", "canceling statement due to statement timeout");
  if (peer_gone_) throw SqlError("08006", "connection to client lost");
  throw SqlError("57014", "canceling statement due to user request");
}

void Session::check_memory() {
  if (!core_.memory_short) [[likely]]
    return;
  ++core_.metrics.memory_refusals;
  throw SqlError("53200", "out of memory").with_detail("The server has used up the memory that it may use.");
}

const Role& Session::current_role(const Catalog& where) const {
  const Role* found = where.role(role_);
  if (found == nullptr) throw SqlError("42704", fmt::format("role with OID {} does not exist", role_.value));
  return *found;
}

std::size_t Session::memory_bytes() const {
  return sizeof(Session) + input_.memory_bytes() + out_.capacity();
}

}  // namespace gyre::adapter
