// What is remembered, counted and logged of a session's statements.
//
//   begin_observation()   the statement is taken up: is it among those that are kept?
//   observe_unready()     it has failed before that, in Parse or Bind
//   observe_ready()       it has been parsed and planned
//   observe_snapshot()    what it reads has been chosen
//   observe_end_of()      its rows, or how many it changed
//   finish_observation()  it has ended, well or not
//
// A session whose settings ask for none of it (StatementWatch) comes by here never: its cached reads are told
// apart by the core's PeekMode, which they look at anyway, all others by a flag.
#include <fmt/format.h>

#include <cstring>

#include "adapter/history/shown_text.h"
#include "adapter/session/session.h"
#include "storage/types/array_text.h"

namespace gyre::adapter {

using storage::StatementExecution;

namespace {

constexpr std::size_t kMostKept = 64 * 1024;  // room of a text, for the next statement

// Behind the blanks and comments, which nest, that the text begins with.
std::string_view without_comments_before(std::string_view text) {
  for (;;) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t\n\r\f("), text.size()));
    if (text.starts_with("--")) {
      text.remove_prefix(std::min(text.find('\n'), text.size()));
    } else if (text.starts_with("/*")) {
      std::size_t at = 2;
      for (std::size_t depth = 1; depth != 0 && at < text.size();) {
        const std::string_view two = text.substr(at, 2);
        depth += two == "/*" ? 1 : 0;
        depth -= two == "*/" ? 1 : 0;
        at += two == "/*" || two == "*/" ? 2 : 1;
      }
      text.remove_prefix(std::min(at, text.size()));
    } else {
      return text;
    }
  }
}

// "select" of a plan; of other statements the first word, or two of those that say what is made or changed.
std::string type_of(const CachedStatement* statement, std::string_view text) {
  if (statement != nullptr && statement->plan != nullptr) {
    static constexpr std::string_view kNames[] = {"select", "insert", "update", "delete", "truncate"};
    return std::string(kNames[static_cast<std::size_t>(statement->plan->kind)]);
  }
  std::string type;
  std::size_t at = 0;
  text = without_comments_before(text);
  for (int words = 0; words < 2; ++words) {
    std::string word;
    while (at < text.size() && (text[at] == ' ' || text[at] == '\n' || text[at] == '\t')) ++at;
    for (; at < text.size(); ++at) {
      const char lower = static_cast<char>(text[at] | 0x20);
      if (lower < 'a' || lower > 'z') break;
      word += lower;
    }
    if (word.empty()) break;
    type += (type.empty() ? "" : "_") + word;
    if (word != "create" && word != "alter" && word != "drop") break;
  }
  return type;
}

// "CREATE TABLE", as %i of log_line_prefix has it.
std::string tag_of(std::string type) {
  for (char& c : type) c = c == '_' ? ' ' : static_cast<char>(c & ~0x20);
  return type;
}

// The least log_statement that logs it, as PostgreSQL has it (GetCommandLogLevel). Of what is prepared, and
// of what EXPLAIN ANALYZE runs, that of its own; of EXECUTE that of `executed`. `own`: it is about the session.
StatementWatch::Log log_class_of(const ast::Statement& tree, bool own, const Plan* executed) {
  using Log = StatementWatch::Log;
  const auto& node = tree.node;
  if (const auto* copied = std::get_if<ast::CopyStatement>(&node)) return copied->from ? Log::changes : Log::all;
  if (const auto* explained = std::get_if<ast::ExplainStatement>(&node))
    return explained->analyze ? log_class_of(*explained->statement, false, executed) : Log::all;
  if (const auto* prepared = std::get_if<ast::PrepareStatement>(&node))
    return log_class_of(*prepared->statement, false, nullptr);
  if (std::holds_alternative<ast::ExecuteStatement>(node))
    return executed == nullptr || executed->reads_only() ? Log::all : Log::changes;
  if (std::holds_alternative<ast::InsertStatement>(node) || std::holds_alternative<ast::UpdateStatement>(node) ||
      std::holds_alternative<ast::DeleteStatement>(node) || std::holds_alternative<ast::TruncateStatement>(node))
    return Log::changes;
  if (std::holds_alternative<ast::SelectPtr>(node) || std::holds_alternative<ast::LockTableStatement>(node) ||
      std::holds_alternative<ast::SetConstraintsStatement>(node))
    return Log::all;
  return own ? Log::all : Log::definitions;
}

// The name of an EXECUTE, also of one that is explained.
std::string_view executed_name(const ast::Statement& tree) {
  if (const auto* explained = std::get_if<ast::ExplainStatement>(&tree.node))
    return executed_name(*explained->statement);
  const auto* execute = std::get_if<ast::ExecuteStatement>(&tree.node);
  return execute == nullptr ? std::string_view() : execute->name;
}

// PREPARE and DEALLOCATE are not counted, as in PostgreSQL; an EXECUTE counts as what it executes.
bool is_about_prepared(const CachedStatement& statement) {
  return statement.tree != nullptr && (std::holds_alternative<ast::PrepareStatement>(statement.tree->node) ||
                                       std::holds_alternative<ast::DeallocateStatement>(statement.tree->node));
}

std::int64_t after(const SpanClock& clock, std::uint64_t begin, std::uint64_t ticks) {
  return ticks == 0 ? -1 : static_cast<std::int64_t>(clock.nanoseconds(begin, ticks));
}

}  // namespace

void Session::rewatch() {
  core_.rewatch(watch_, settings_.watch());
  watch_ = settings_.watch();
}

void Session::begin_observation(std::string_view text, const StatementSource* prepared, const Portal* portal) {
  if (!take_up(text, prepared)) return;
  if (portal != nullptr) {
    observation_->portal = portal->name();
    observation_->goes_on = portal->rows() != 0;
  }
  if (watch_.log == StatementWatch::Log::all) announce(*observation_);
}

// What cannot be parsed or bound is not announced, as in PostgreSQL; its error is all that is said of it.
void Session::observe_unready(std::string_view text, std::string_view name, const StatementSource* prepared) {
  if (!is_watched() || !take_up(text, prepared)) return;
  observation_->name = name;
  observation_->began = statement_start_;  // in this turn, whose time its record has
}

// False: nothing is noted of this statement, or it was taken up before.
bool Session::take_up(std::string_view text, const StatementSource* prepared) {
  if (observation_ == nullptr) observation_ = std::make_unique<Observation>();
  Observation& seen = *observation_;
  if (seen.suspended) {
    seen.suspended = false;
    seen.active = true;
    return false;
  }
  core_.peek_mode(core_.published.load());  // takes up the newest system parameters
  seen.sampled = watch_.sample_rate > 0 && core_.history.draw(watch_.sample_rate, text.size(), seen.rate);
  seen.active = seen.sampled || watch_.insists();
  if (!seen.active) return false;
  seen.text = text;
  seen.name.clear();
  seen.parameters.clear();
  seen.bound.clear();
  seen.statement = seen.executed = {};
  seen.portal.clear();
  seen.announced = seen.is_constant = seen.goes_on = false;
  seen.is_execute = prepared != nullptr;
  seen.ready = seen.snapshot = seen.first_row = seen.timestamp = seen.counted = seen.row_bytes = 0;
  seen.rows = seen.result_bytes = -1;
  seen.began = SpanClock::ticks();
  seen.began_us = core_.wall_us();
  if (prepared == nullptr) {
    if (seen.sampled) seen.prepared_id = core_.history.new_id(seen.began_us);
    seen.prepared_us = seen.began_us;
  } else {
    if (seen.sampled && prepared->id == storage::UuidBytes{})
      prepared->id = core_.history.new_id(prepared->prepared_us);
    seen.prepared_id = prepared->id;
    seen.prepared_us = prepared->prepared_us;
    seen.name = prepared->name;
  }
  return true;
}

void Session::observe_ready(StatementRef statement) {
  Observation& seen = *observation_;
  if (!seen.active) return;
  seen.ready = SpanClock::ticks();
  seen.statement = std::move(statement);
  if (seen.statement->is_empty()) {
    seen.active = false;  // there is nothing to it
    return;
  }
  if (watch_.log == StatementWatch::Log::none || seen.announced) return;
  StatementWatch::Log least = StatementWatch::Log::all;
  if (const Plan* const plan = seen.statement->plan.get(); plan != nullptr) {
    if (!plan->reads_only()) least = StatementWatch::Log::changes;
  } else {
    const ast::Statement& tree = *seen.statement->tree;
    const std::string_view name = executed_name(tree);
    const PreparedStatement* const prepared = name.empty() ? nullptr : find_prepared(name);
    least = log_class_of(tree, is_command(tree), prepared == nullptr ? nullptr : prepared->statement->plan.get());
  }
  if (least <= watch_.log) announce(seen);
}

// `values` may go on after the parameters.
void Session::observe_parameters(std::span<const storage::Type> types, std::span<const storage::Datum> values) {
  Observation& seen = *observation_;
  if (!seen.active || types.empty()) return;
  const bool keeps = seen.sampled && !core_.history.redacts();
  const bool logs = watch_.log_from_us >= 0;
  if (!keeps && !logs) return;
  storage::TextArray texts;
  for (std::size_t i = 0; i < types.size(); ++i) {
    std::optional<std::string>& text = texts.emplace_back();
    if (!values[i].null) {
      OutBuffer printed;
      const storage::Type type = types[i];
      storage::traits(type.id == storage::TypeId::unknown ? storage::Type(storage::TypeId::text) : type)
          .print(values[i], settings_.style(), printed);
      text = clipped(printed.view(), StatementHistory::kMostText);
    }
    if (logs)
      seen.bound += fmt::format("{}${} = {}", i == 0 ? "" : ", ", i + 1, text ? "'" + *text + "'" : "NULL");
  }
  if (keeps) seen.parameters = storage::print_text_array(texts);
}

void Session::observe_snapshot(Timestamp read_ts) {
  Observation& seen = *observation_;
  if (!seen.active) return;
  seen.snapshot = SpanClock::ticks();
  seen.timestamp = read_ts.value;
}

void Session::observe_end_of(const Portal& portal, std::uint64_t rows) {
  Observation& seen = *observation_;
  const Plan& plan = *portal.plan();
  const bool returns = !plan.columns.empty() || plan.kind == Plan::Kind::select;
  if (returns)
    seen.note_rows(rows);
  else
    seen.counted = portal.affected;
  seen.is_constant = portal.has_answer() && plan.runs_at_once() && plan.relations.empty();
}

// A cached read has been answered whole; its rows begin there.
void Session::finish_observed_read(std::size_t rows_begin, std::uint64_t rows) {
  Observation& seen = *observation_;
  // CommandComplete and ReadyForQuery.
  const std::size_t tail = std::string_view("C....SELECT ").size() + std::to_string(rows).size() + 1 + 6;
  seen.rows = static_cast<std::int64_t>(rows);
  seen.counted = rows;
  seen.result_bytes = static_cast<std::int64_t>(out_.size() - rows_begin - tail);
  finish_observation();
}

// The statement goes another way, which begins with it anew.
void Session::suspend_observation() {
  if (!observing()) return;
  observation_->active = false;
  observation_->suspended = true;
}

void Session::finish_observation(const pgwire::Diagnostic* error) {
  Observation& seen = *observation_;
  seen.active = false;
  const std::uint64_t took_ns = core_.span_clock.nanoseconds(seen.began, SpanClock::ticks());
  if (seen.sampled) {
    const std::string_view status = error == nullptr            ? "success"
                                    : peer_gone_                ? "aborted"
                                    : error->code.text() == "57014" ? "canceled"
                                                                : "error";
    keep_observation(seen, status, error == nullptr ? std::string_view() : error->message, took_ns);
  }
  if (watch_.counts && error == nullptr && seen.statement && !is_about_prepared(*seen.statement)) {
    const NormalizedStatement& normal = seen.executed ? normalized(*seen.executed.get(), seen.executed_text)
                                                      : normalized(*seen.statement.get(), seen.text);
    core_.history.statistics.add(role_.value, normal.query_id, normal.text, static_cast<double>(took_ns) / 1e6,
                                 seen.counted);
  }
  log_end(seen, error, took_ns);
  seen.statement = seen.executed = {};
  for (std::string* text : {&seen.text, &seen.parameters, &seen.bound, &seen.executed_text})
    if (text->capacity() > kMostKept) std::string().swap(*text);
}

// Made once for each plan: a text costs a parse.
const NormalizedStatement& Session::normalized(CachedStatement& statement, std::string_view text) {
  if (statement.normalized == nullptr) {
    NormalizedStatement made = normalize(text);
    // libpg_query leaves the literals of what is prepared.
    if (statement.plan != nullptr && type_of(nullptr, text) == "prepare") made.text = made.redacted;
    for (std::string* shown : {&made.text, &made.redacted}) *shown = clipped(*shown, StatementHistory::kMostText);
    statement.normalized = std::make_unique<const NormalizedStatement>(std::move(made));
  }
  return *statement.normalized;
}

void Session::keep_observation(Observation& seen, std::string_view status, std::string_view error,
                               std::uint64_t took_ns) {
  static const int application = find_setting("application_name");
  static const int isolation = find_setting("transaction_isolation");
  static const int path = find_setting("search_path");
  static constexpr std::size_t kMost = StatementHistory::kMostText;
  const bool redacts = core_.history.redacts();
  StatementExecution execution;
  StatementExecution::Figures& figures = execution.figures;
  figures.id = core_.history.new_id(seen.began_us);
  figures.prepared_id = seen.prepared_id;
  figures.session_id = session_uuid();
  figures.sample_rate = seen.rate;
  figures.connected_us = started_us_;
  figures.prepared_us = seen.prepared_us;
  figures.began_us = seen.began_us;
  figures.ready_ns = after(core_.span_clock, seen.began, seen.ready);
  figures.snapshot_ns = after(core_.span_clock, seen.began, seen.snapshot);
  figures.first_row_ns = after(core_.span_clock, seen.began, seen.first_row);
  figures.finished_ns = static_cast<std::int64_t>(took_ns);
  figures.rows = seen.rows;
  figures.result_bytes = seen.result_bytes;
  figures.timestamp = seen.timestamp;
  figures.transaction = transactions_begun_;
  figures.role = login_role_.value;

  const Plan* const plan = seen.statement ? seen.statement->plan.get() : nullptr;
  std::string text;
  if (redacts)
    text = seen.statement ? normalized(*seen.statement.get(), seen.text).redacted : without_literals(seen.text);
  else if (plan == nullptr)
    text = without_password(seen.text);
  execution.sql = clipped(redacts || plan == nullptr ? text : seen.text, kMost);
  const std::string type = type_of(seen.statement.get(), seen.text);
  execution.type = type;
  execution.prepared_name = seen.name;
  execution.status = status;
  execution.error = redacts ? std::string_view() : clipped(error, kMost);
  if (!redacts) execution.parameters = seen.parameters;
  if (plan != nullptr && plan->kind == Plan::Kind::select && status == "success")
    execution.strategy = seen.is_constant           ? "constant"
                         : plan->direct != nullptr ? "fast-path"
                                                    : "standard";
  execution.user = login_name_;
  execution.database = database_;
  execution.application = settings_.value(application);
  execution.first_application = first_application_;
  execution.search_path = settings_.value(path);
  execution.isolation = settings_.value(isolation);
  core_.history.keep(execution, seen.began_us);
}

// Of the session: when it began, and its number.
storage::UuidBytes Session::session_uuid() const {
  storage::UuidBytes id{};
  const std::uint64_t began = __builtin_bswap64(static_cast<std::uint64_t>(started_us_));
  const std::uint32_t number = __builtin_bswap32(id_.value);
  std::memcpy(id.data(), &began, sizeof began);
  std::memcpy(id.data() + 12, &number, sizeof number);
  id[6] = static_cast<char>((id[6] & 0x0f) | 0x80);  // version 8: as its maker likes
  id[8] = static_cast<char>(0x80);
  return id;
}

// ---- the log ----

namespace {

// "statement: select 1", "execute <unnamed>: select 1"
std::string what_runs(const Observation& seen) {
  const std::string text = seen.statement && seen.statement->plan != nullptr ? seen.text : without_password(seen.text);
  if (!seen.is_execute) return "statement: " + text;
  return fmt::format("execute {}{}{}{}: {}", seen.goes_on ? "fetch from " : "",
                     seen.name.empty() ? "<unnamed>" : seen.name, seen.portal.empty() ? "" : "/", seen.portal, text);
}

}  // namespace

void Session::announce(Observation& seen) {
  LogEvent event;
  const std::string message = what_runs(seen);
  event.message = message;
  seen.announced = true;
  log(event, seen);
}

void Session::log_end(Observation& seen, const pgwire::Diagnostic* error, std::uint64_t took_ns) {
  if (error != nullptr && watch_.log_errors) {
    LogEvent event;
    const std::string text = without_password(seen.text);
    event.severity = error->severity == pgwire::Severity::fatal ? "FATAL" : "ERROR";
    event.message = error->message;
    event.detail = error->detail;
    event.hint = error->hint;
    event.statement = text;
    event.state_code = error->code.text();
    log(event, seen);
  }
  if (error != nullptr || watch_.log_from_us < 0 ||
      took_ns < static_cast<std::uint64_t>(watch_.log_from_us) * 1000)
    return;
  LogEvent event;
  std::string message = fmt::format("duration: {:.3f} ms", static_cast<double>(took_ns) / 1e6);
  if (!seen.announced) message += "  " + what_runs(seen);
  event.message = message;
  std::string detail;
  if (!seen.announced && !seen.bound.empty()) detail = "parameters: " + seen.bound;
  event.detail = detail;
  log(event, seen);
}

// What is wrong before a statement is taken up: a message that cannot be read, a name that is not there.
void Session::log_error(const pgwire::Diagnostic& error) {
  Observation none;
  log_end(none, &error, 0);
}

void Session::log(LogEvent& event, const Observation& seen) {
  const Peer& peer = host_.peer();
  const std::string host = peer.local ? "[local]" : peer.address.text();
  const std::string tag = tag_of(type_of(seen.statement.get(), seen.text));
  event.at_us = core_.wall_us();
  event.session_start_us = started_us_;
  event.user = login_name_;
  event.database = database_;
  event.application = settings_.show("application_name");
  event.host = host;
  event.port = peer.local ? -1 : peer.port;
  event.pid = id_.value;
  event.line = ++lines_logged_;
  event.tag = tag.empty() ? std::string_view("idle") : tag;
  if (seen.statement && seen.statement->normalized != nullptr) event.query_id = seen.statement->normalized->query_id;
  core_.history.log(event);
}

}  // namespace gyre::adapter
