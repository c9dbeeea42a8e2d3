#include "tests/pgwire/echo_server.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace gyre::test {

using namespace pgwire;  // NOLINT: this file is about nothing else

namespace {

constexpr std::uint32_t kTextOid = 25;
constexpr std::size_t kRowsOfPortal = 3;

void describe_echo(OutBuffer& out) {
  Field fields[2];
  fields[0].name = "echo";
  fields[0].type_oid = kTextOid;
  fields[1].name = "nothing";
  fields[1].type_oid = kTextOid;
  row_description(out, fields);
}

void echo_row(OutBuffer& out, std::string_view text) {
  const std::size_t row = begin_data_row(out, 2);
  append_value(out, text);
  append_null(out);
  end_data_row(out, row);
}

// The highest $n of the text, as the only trace of parameters that a server without SQL can find.
std::size_t parameter_count(std::string_view text) {
  std::size_t most = 0;
  for (std::size_t i = 0; i + 1 < text.size(); ++i)
    if (text[i] == '$' && text[i + 1] >= '1' && text[i + 1] <= '9')
      most = std::max<std::size_t>(most, static_cast<std::size_t>(text[i + 1] - '0'));
  return most;
}

Diagnostic everything_wrong(std::string_view text) {
  Diagnostic all;
  all.code = sql_state::kSyntaxError;
  all.message = text;
  all.detail = "a detail";
  all.hint = "a hint";
  all.position = 7;
  all.internal_position = 2;
  all.internal_query = "select inner";
  all.where = "echo server";
  all.schema_name = "s";
  all.table_name = "t";
  all.column_name = "c";
  all.data_type_name = "d";
  all.constraint_name = "n";
  return all;
}

}  // namespace

void EchoServer::receive(std::span<const char> bytes) {
  if (closed()) return;
  input_.feed(bytes);
  FrameResult result = input_.next();
  for (; result.status == FrameStatus::complete && !closed(); result = input_.next()) on_frame(result.frame);
  if (result.status == FrameStatus::error && !closed())
    fatal(describe_frame_error(result.error, result.frame.type));
}

void EchoServer::on_frame(const Frame& frame) {
  switch (state_.on_message(frame.type)) {
    case Verdict::skip:
      return;
    case Verdict::fatal:
      return fatal(state_.fatal_error(frame.type));
    case Verdict::process:
      return handle(frame);
  }
}

void EchoServer::handle(const Frame& frame) {
  const auto with = [&](auto decoded, auto member) {
    if (!decoded) return error(decoded.error().diagnostic());
    (this->*member)(*decoded);
  };
  switch (frame.type) {
    case 0:
      return on_startup_packet(frame.body);
    case 'p':
      return on_password(frame.body);
    case 'Q':
      return with(decode_query(frame.body), &EchoServer::on_query);
    case 'P':
      return with(decode_parse(frame.body), &EchoServer::on_parse);
    case 'B':
      return with(decode_bind(frame.body), &EchoServer::on_bind);
    case 'D':
      return with(decode_describe(frame.body), &EchoServer::on_describe);
    case 'E':
      return with(decode_execute(frame.body), &EchoServer::on_execute);
    case 'C':
      return with(decode_close(frame.body), &EchoServer::on_close);
    case 'S':
      if (auto decoded = decode_sync(frame.body); !decoded) return error(decoded.error().diagnostic());
      return ready();
    case 'H':
      if (auto decoded = decode_flush(frame.body); !decoded) return error(decoded.error().diagnostic());
      return;
    case 'F':
      if (auto decoded = decode_function_call(frame.body); !decoded)
        return error(decoded.error().diagnostic());
      return error(sql_state::kFeatureNotSupported, "function calls are not supported");
    case 'X':
      return close();
    default:
      return on_copy_frame(frame);
  }
}

void EchoServer::on_startup_packet(std::string_view body) {
  StartupDecision decision = startup_.on_packet(body);
  if (const auto* reply = std::get_if<ReplyByte>(&decision)) return out_.append_byte(reply->byte);
  if (const auto* reject = std::get_if<Reject>(&decision)) return fatal(reject->error);
  if (const auto* cancel = std::get_if<Cancel>(&decision)) {
    events_.push_back("cancel " + std::to_string(cancel->request.process_id) + ' ' +
                      std::to_string(cancel->request.secret_key));
    return close();
  }
  const auto* start = std::get_if<Start>(&decision);
  if (start == nullptr) return close();
  const StartupMessage& message = start->message;
  events_.push_back("start user=" + message.user + " database=" + message.database);
  for (const auto& [name, value] : message.settings) events_.push_back("set " + name + '=' + value);
  if (message.needs_negotiation()) negotiate_protocol_version(out_, kProtocol30, message.unsupported_options);
  state_.on_startup();
  input_.set_phase(FramePhase::before_login);
  if (message.user == "carol") return authentication_cleartext_password(out_);
  log_in();
}

void EchoServer::on_password(std::string_view body) {
  Decoded<Password> decoded = decode_password(body);
  if (!decoded) {
    decoded.error().severity = Severity::fatal;
    return fatal(decoded.error());
  }
  if (decoded->password == "secret") return log_in();
  ProtocolError wrong;
  wrong.severity = Severity::fatal;
  wrong.code = sql_state::kInvalidPassword;
  wrong.message = "password authentication failed for user \"carol\"";
  fatal(wrong);
}

void EchoServer::log_in() {
  authentication_ok(out_);
  parameter_status(out_, "server_version", "15.0 (Echo)");
  parameter_status(out_, "client_encoding", "UTF8");
  backend_key_data(out_, 7, 9);
  ready();
  state_.on_authenticated();
  input_.set_phase(FramePhase::after_login);
}

bool EchoServer::run(std::string_view text) {
  if (text.empty()) {
    empty_query_response(out_);
  } else if (text.starts_with("error")) {
    error(everything_wrong(text));
  } else if (text == "begin") {
    status_ = TransactionStatus::in_transaction;
    command_complete(out_, "BEGIN");
  } else if (text == "commit") {
    status_ = TransactionStatus::idle;
    command_complete(out_, "COMMIT");
  } else if (text == "copy") {
    const Format formats[] = {Format::text, Format::text};
    copy_in_response(out_, Format::text, formats);
    copy_by_execute_ = state_.in_extended_batch();
    copied_bytes_ = 0;
    state_.on_copy_in();
  } else {
    return false;
  }
  return true;
}

void EchoServer::on_query(const Query& query) {
  const std::size_t errors_before = events_.size();
  if (!run(query.text)) {
    describe_echo(out_);
    echo_row(out_, query.text);
    command_complete_select(out_, 1);
  }
  const bool failed = events_.size() != errors_before;
  if (!failed && !state_.in_copy()) ready();
}

void EchoServer::on_parse(const Parse& parse) {
  if (!parse.statement_name.empty() && statements_.contains(parse.statement_name))
    return error(sql_state::kDuplicatePreparedStatement,
                 "prepared statement \"" + std::string(parse.statement_name) + "\" already exists");
  statements_[std::string(parse.statement_name)] = parse.text;
  parse_complete(out_);
}

void EchoServer::on_bind(const Bind& bind) {
  const auto statement = statements_.find(bind.statement_name);
  if (statement == statements_.end())
    return error(sql_state::kInvalidSqlStatementName,
                 "prepared statement \"" + std::string(bind.statement_name) + "\" does not exist");
  const std::size_t required = parameter_count(statement->second);
  if (bind.values.size() != required)
    return error(bind_parameter_count_error(bind.values.size(), bind.statement_name, required).diagnostic());
  if (bind.result_formats.size() > 1)
    return error(bind_result_format_count_error(bind.result_formats.size(), 1).diagnostic());
  Portal portal{statement->second, {}, 0};
  for (const ParameterValue value : bind.values)
    portal.values.push_back(value.is_null() ? "NULL" : std::string(value.bytes()));
  portals_[std::string(bind.portal_name)] = std::move(portal);
  bind_complete(out_);
}

void EchoServer::on_describe(const Describe& describe) {
  const std::string name(describe.name);
  if (describe.kind == TargetKind::statement) {
    const auto statement = statements_.find(name);
    if (statement == statements_.end())
      return error(sql_state::kInvalidSqlStatementName, "prepared statement \"" + name + "\" does not exist");
    const std::vector<std::uint32_t> oids(parameter_count(statement->second), kTextOid);
    parameter_description(out_, oids);
    return statement->second == "begin" ? no_data(out_) : describe_echo(out_);
  }
  const auto portal = portals_.find(name);
  if (portal == portals_.end())
    return error(sql_state::kInvalidCursorName, "portal \"" + name + "\" does not exist");
  return portal->second.text == "begin" ? no_data(out_) : describe_echo(out_);
}

void EchoServer::on_execute(const Execute& execute) {
  const auto found = portals_.find(execute.portal_name);
  if (found == portals_.end())
    return error(sql_state::kInvalidCursorName,
                 "portal \"" + std::string(execute.portal_name) + "\" does not exist");
  Portal& portal = found->second;
  if (run(portal.text)) return;
  std::string text = portal.text;
  for (const std::string& value : portal.values) text += '|' + value;
  std::size_t sent = 0;
  const auto limit = execute.row_limit > 0 ? static_cast<std::size_t>(execute.row_limit) : kRowsOfPortal + 1;
  while (portal.rows_sent < kRowsOfPortal && sent < limit) {
    echo_row(out_, text);
    ++portal.rows_sent;
    ++sent;
  }
  if (sent == limit) return portal_suspended(out_);
  command_complete_select(out_, sent);
}

void EchoServer::on_close(const Close& close) {
  if (close.kind == TargetKind::statement)
    statements_.erase(std::string(close.name));
  else
    portals_.erase(std::string(close.name));
  close_complete(out_);
}

void EchoServer::on_copy_frame(const Frame& frame) {
  if (frame.type == 'd') {
    copied_bytes_ += decode_copy_data(frame.body)->bytes.size();
    return;
  }
  if (frame.type == 'f') {
    Decoded<CopyFail> decoded = decode_copy_fail(frame.body);
    if (!decoded) return error(decoded.error().diagnostic());
    return error(sql_state::kQueryCanceled, "COPY from stdin failed: " + std::string(decoded->reason));
  }
  command_complete_count(out_, "COPY", copied_bytes_);
  state_.on_copy_finished();
  if (!copy_by_execute_) ready();
}

void EchoServer::error(SqlState code, std::string message) {
  Diagnostic diagnostic;
  diagnostic.code = code;
  diagnostic.message = std::move(message);
  error(diagnostic);
}

void EchoServer::error(const Diagnostic& diagnostic) {
  error_response(out_, diagnostic);
  events_.push_back("error " + std::string(diagnostic.code.text()) + ' ' + diagnostic.message);
  if (status_ == TransactionStatus::in_transaction) status_ = TransactionStatus::failed;
  switch (state_.on_error()) {
    case AfterError::ready_for_query:
      return ready();
    case AfterError::skip_until_sync:
      return;
    case AfterError::close:
      return close();
  }
}

void EchoServer::fatal(const ProtocolError& error) {
  error_response(out_, error.diagnostic());
  events_.push_back("fatal " + std::string(error.code.text()) + ' ' + error.message);
  close();
}

void EchoServer::close() {
  state_.on_close();
  events_.push_back("closed");
}

}  // namespace gyre::test
