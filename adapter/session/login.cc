// From the start-up packet to AuthenticationOk.
//
// The order is PostgreSQL's: the first access rule that fits says how the client proves who it is; only who
// has proven it learns whether the role exists, may log in, and has room. Where a password is asked for, a
// role that does not exist, has none or one that is too old goes through the same exchange and fails at its
// end.
#include <fmt/format.h>

#include "adapter/access/access.h"
#include "adapter/errors.h"
#include "adapter/session/session.h"
#include "reactor/base/check.h"

namespace gyre::adapter {

using pgwire::Diagnostic;
using pgwire::Severity;

namespace {

constexpr std::string_view kInternalRole = "mz_system";

Diagnostic fatal(pgwire::SqlState code, std::string message) {
  Diagnostic diagnostic;
  diagnostic.severity = Severity::fatal;
  diagnostic.code = code;
  diagnostic.message = std::move(message);
  return diagnostic;
}

// "host "192.0.2.1", user "alice", database "db", no encryption"
std::string who(const Peer& peer, const pgwire::StartupMessage& message) {
  return fmt::format("host \"{}\", user \"{}\", database \"{}\", {}", peer.host(), message.user,
                     message.database, peer.encrypted ? "SSL encryption" : "no encryption");
}

}  // namespace

void Session::on_startup_packet(const pgwire::Frame& frame) {
  pgwire::StartupDecision decision = startup_.on_packet(frame.body);
  if (const auto* reply = std::get_if<pgwire::ReplyByte>(&decision)) {
    answer_encryption_request(*reply);
  } else if (auto* start = std::get_if<pgwire::Start>(&decision)) {
    start_session(std::move(start->message));
  } else if (const auto* cancel = std::get_if<pgwire::Cancel>(&decision)) {
    core_.services.cancel(SessionId(cancel->request.process_id), cancel->request.secret_key);
    finish();
  } else if (const auto* reject = std::get_if<pgwire::Reject>(&decision)) {
    refuse(reject->error.diagnostic(), Refusal::protocol);
  } else {
    finish();
  }
}

void Session::answer_encryption_request(const pgwire::ReplyByte& reply) {
  if (reply.asked != pgwire::Encryption::ssl || !host_.can_encrypt()) return out_.append_byte(reply.byte);
  if (const auto clean = pgwire::check_nothing_follows(reply.asked, input_.buffered()); !clean)
    return refuse(clean.error().diagnostic(), Refusal::protocol);
  out_.append_byte('S');
  startup_.on_encrypted();
  host_.begin_encryption();
}

void Session::on_direct_encryption() {
  startup_.on_encrypted();
}

void Session::start_session(pgwire::StartupMessage start_up) {
  login_ = std::make_unique<Login>(*this, std::move(start_up));
  const pgwire::StartupMessage& message = login_->message;
  if (message.needs_negotiation())
    pgwire::negotiate_protocol_version(out_, pgwire::kProtocol30, message.unsupported_options);
  const bool internal_role = message.user == kInternalRole;
  if (internal_role != (entrance_ == Entrance::internal)) {
    Diagnostic refused = fatal("28000", fmt::format("unauthorized login to user \"{}\"", message.user));
    refused.hint =
        internal_role ? "mz_system logs in on the internal port." : "Only mz_system logs in on this port.";
    return refuse(std::move(refused), Refusal::role);
  }
  const Peer& peer = host_.peer();
  const Catalog& published = *static_cast<const Catalog*>(core_.published.load().catalog);
  login_->rule = core_.access->rules.match(peer, message.database, message.user, published);
  if (login_->rule == nullptr)
    return refuse(fatal("28000", fmt::format("no pg_hba.conf entry for {}", who(peer, message))),
                  Refusal::rule);
  const AccessRule& rule = *login_->rule;
  if (rule.method == AuthMethod::reject)
    return refuse(fatal("28000", fmt::format("pg_hba.conf rejects connection for {}", who(peer, message))),
                  Refusal::rule);
  if (rule.certificate != ClientCertificate::not_asked && !peer.certificate)
    return refuse(fatal("28000", "connection requires a valid client certificate"), Refusal::certificate);
  if (rule.method == AuthMethod::scram_sha_256) return begin_scram(published);
  if (rule.method == AuthMethod::peer && peer.local_user != message.user)
    return refuse(fatal("28000", fmt::format("Peer authentication failed for user \"{}\"", message.user)),
                  Refusal::role);
  log_in();
}

void Session::begin_scram(const Catalog& published) {
  const std::string& user = login_->message.user;
  const Role* const role = published.find_role(user);
  const bool kept = role != nullptr && !role->password.empty();
  login_->expired = kept && role->password_until_us && *role->password_until_us <= core_.wall_us();
  const bool known = kept && !login_->expired;
  // Both are at hand whichever is needed, so that the time tells nothing.
  const std::string mock = pgwire::mock_scram_verifier(published.login_secret, user).text();
  auto verifier = pgwire::parse_scram_verifier(known ? role->password : mock);
  GYRE_CHECK(verifier.has_value());
  const std::string& end_point = host_.peer().end_point;
  login_->scram.emplace(std::move(*verifier),
                        known ? pgwire::ScramServer::Fate::honest : pgwire::ScramServer::Fate::doomed,
                        end_point, pgwire::base64(pgwire::random_bytes(pgwire::kScramNonceBytes)));
  const std::string_view mechanisms[] = {pgwire::kScramSha256Plus, pgwire::kScramSha256};
  pgwire::authentication_sasl(out_, std::span(mechanisms).subspan(end_point.empty() ? 1 : 0));
  protocol_.on_startup();
  input_.set_phase(pgwire::FramePhase::before_login);
}

// A message between the start-up packet and the login.
void Session::on_login_message(const pgwire::Frame& frame) {
  if (login_ == nullptr || !login_->scram) return terminate(fatal("08P01", "expected a startup packet"));
  if (protocol_.on_message(frame.type) != pgwire::Verdict::process)
    return refuse(protocol_.fatal_error(frame.type).diagnostic(), Refusal::protocol);
  if (frame.type == 'X') return finish();
  if (login_->begun) {
    const auto response = pgwire::decode_sasl_response(frame.body);
    if (!response) return refuse(response.error().diagnostic(), Refusal::protocol);
    return end_scram(response->data);
  }
  std::string_view first = frame.body;
  if (login_->mechanism.empty()) {
    const auto response = pgwire::decode_sasl_initial_response(frame.body);
    if (!response) return refuse(response.error().diagnostic(), Refusal::protocol);
    login_->mechanism = response->mechanism;
    // Whoever names a mechanism without its first message is asked for that.
    if (!response->has_data) return pgwire::authentication_sasl_continue(out_, {});
    first = response->data;
  }
  auto answer = login_->scram->on_first(login_->mechanism, first);
  if (!answer) return refuse(answer.error().diagnostic(), Refusal::protocol);
  login_->begun = true;
  pgwire::authentication_sasl_continue(out_, *answer);
}

void Session::end_scram(std::string_view message) {
  const auto outcome = login_->scram->on_final(message);
  if (!outcome) return refuse(outcome.error().diagnostic(), Refusal::protocol);
  if (!outcome->proven)
    return refuse(
        fatal("28P01", fmt::format("password authentication failed for user \"{}\"", login_->message.user)),
        Refusal::password);
  pgwire::authentication_sasl_final(out_, outcome->message);
  log_in();
}

// Who the client is has been proven, up to a certificate's name.
void Session::log_in() {
  const pgwire::StartupMessage& message = login_->message;
  if (login_->rule->certificate == ClientCertificate::verify_full &&
      host_.peer().certificate_name != message.user)
    return refuse(
        fatal("28000", fmt::format("certificate authentication failed for user \"{}\"", message.user)),
        Refusal::certificate);
  const Catalog& published = *static_cast<const Catalog*>(core_.published.load().catalog);
  const Role* const found = published.find_role(message.user);
  if (found == nullptr)
    return refuse(fatal("28000", fmt::format("role \"{}\" does not exist", message.user)), Refusal::role);
  if (!found->login)
    return refuse(fatal("28000", fmt::format("role \"{}\" is not permitted to log in", message.user)),
                  Refusal::role);
  if (message.database != kDatabaseName)
    return refuse(fatal("3D000", fmt::format("database \"{}\" does not exist", message.database)),
                  Refusal::database);
  if (!published.allows_on_database(found->id, Privilege::connect)) {
    Diagnostic refused =
        fatal("42501", fmt::format("permission denied for database \"{}\"", message.database));
    refused.detail = "User does not have CONNECT privilege.";
    return refuse(std::move(refused), Refusal::database);
  }
  if (!message.replication.empty() && parse_boolean(message.replication) != false)
    return refuse(fatal("0A000", "replication connections are not supported"), Refusal::protocol);
  switch (core_.services.admit(*found)) {
    case Admission::admitted:
      break;
    case Admission::full:
      return refuse(fatal("53300", "sorry, too many clients already"), Refusal::connections);
    case Admission::role_full:
      return refuse(fatal("53300", fmt::format("too many connections for role \"{}\"", found->name)),
                    Refusal::role_connections);
  }
  admitted_ = true;
  login_role_ = session_role_ = role_ = found->id;
  login_name_ = session_name_ = role_name_ = found->name;
  database_ = message.database;
  facts_.current_user = role_name_;
  facts_.session_user = session_name_;
  facts_.database = database_;
  settings_.put("session_authorization", login_name_);
  settings_.put("is_superuser", found->superuser ? "on" : "off");
  try {
    apply_startup_settings(message);
  } catch (...) {
    Diagnostic refused = diagnostic_of_current_exception({});
    refused.severity = Severity::fatal;
    return refuse(std::move(refused), Refusal::protocol);
  }
  pgwire::authentication_ok(out_);
  authenticated_ = true;
  first_application_ = settings_.show("application_name");
  protocol_.on_startup();
  protocol_.on_authenticated();
  input_.set_phase(pgwire::FramePhase::after_login);
  send_parameters();
  pgwire::backend_key_data(out_, id_.value, secret_);
  pgwire::ready_for_query(out_, pgwire::TransactionStatus::idle);
  if (settings_.watches_idleness()) watch_idleness();
  ++core_.metrics.connections_ok[static_cast<std::size_t>(entrance_)];
  ++core_.metrics.sessions[static_cast<std::size_t>(entrance_)];
  refresh_source();
  ++core_.metrics.startups[source_];
  core_.metrics.message_ns[MessageKind::startup].record(
      core_.span_clock.nanoseconds(login_->started, SpanClock::ticks()));
  login_.reset();
  host_.on_logged_in();
}

// Whoever guesses passwords hears of a failure late, and later each time.
void Session::refuse(Diagnostic diagnostic, Refusal why) {
  ++core_.metrics.refusals[static_cast<std::size_t>(why)];
  const std::string_view user = login_ == nullptr ? std::string_view() : login_->message.user;
  const bool expired = login_ != nullptr && login_->expired && why == Refusal::password;
  const std::uint64_t delay_us = core_.services.on_refused(
      host_.peer(), user, expired ? "the password has expired" : diagnostic.message, why);
  if (delay_us == 0 || login_ == nullptr) return terminate(diagnostic);
  login_->refusal = std::move(diagnostic);
  core_.loop.arm_timer_after_us(*login_, delay_us);
}

void Login::on_timer() {
  session_.on_refusal_due();
}

void Session::on_refusal_due() {
  terminate(*login_->refusal);
}

void Session::on_login_timeout() {
  if (authenticated_ || finished_) return;
  // Who has not even begun is not answered either.
  if (login_ == nullptr || login_->refusal) {
    ++core_.metrics.refusals[static_cast<std::size_t>(Refusal::timeout)];
    return finish();
  }
  refuse(fatal("57014", "canceling authentication due to timeout"), Refusal::timeout);
}

}  // namespace gyre::adapter
