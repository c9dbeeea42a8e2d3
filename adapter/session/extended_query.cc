// The extended protocol: Parse, Bind, Describe, Execute, Close, Sync.
//
// Parse looks its text up in the same plan cache as a simple query. Bind makes values of the parameters at
// once, so nothing of the message has to be kept. An Execute of a read runs in the call that brought it; only
// one that has to wait becomes a coroutine. A write outside a block commits with its Execute when the Sync is
// already there behind it; otherwise what comes up to the Sync is one transaction, as in PostgreSQL.
#include <fmt/format.h>

#include "adapter/errors.h"
#include "adapter/session/session.h"

namespace gyre::adapter {

using pgwire::Format;
using pgwire::FrameStatus;
using pgwire::TransactionStatus;
using storage::Datum;

namespace {

std::vector<storage::Type> types_of(const pgwire::OidList& oids) {
  std::vector<storage::Type> types;
  types.reserve(oids.size());
  for (std::size_t i = 0; i < oids.size(); ++i) {
    const storage::TypeId id = storage::type_by_oid(oids[i]);
    if (id == storage::TypeId::unknown && oids[i] != 0 && oids[i] != 705)
      throw SqlError("42704", fmt::format("type with OID {} does not exist", oids[i]));
    types.emplace_back(id);
  }
  return types;
}

Datum parameter_value(const pgwire::ParameterValue& value, Format format, storage::Type type,
                      const storage::TextStyle& style, Arena& arena, std::size_t number) {
  if (value.is_null()) return {};
  const storage::TypeTraits& traits =
      storage::traits(type.id == storage::TypeId::unknown ? storage::Type(storage::TypeId::text) : type);
  // The message goes; the value stays.
  const std::string_view bytes = arena.copy(value.bytes());
  if (format == Format::text) return traits.parse(bytes, style, arena);
  try {
    return traits.receive(bytes, arena);
  } catch (storage::Failure& failure) {
    if (failure.message == "incorrect binary data format")
      failure.message += fmt::format(" in bind parameter {}", number);
    throw;
  }
}

// The values of $1 ..., of which there are as many as types.
void append_parameters(const pgwire::Bind& message, std::span<const storage::Type> types,
                       const storage::TextStyle& style, Arena& arena, std::vector<Datum>& out) {
  std::size_t i = 0;
  for (const pgwire::ParameterValue value : message.values) {
    out.push_back(parameter_value(value, message.parameter_formats.of(i), types[i], style, arena, i + 1));
    ++i;
  }
}

SqlError sql_error(const pgwire::ProtocolError& error) {
  return SqlError(error.code, error.message);
}

// A format code that does not exist is an error of the Execute, not of the Bind.
bool are_known(const pgwire::FormatList& formats) {
  for (std::size_t i = 0; i < formats.size(); ++i)
    if (formats[i] != Format::text && formats[i] != Format::binary) return false;
  return true;
}

}  // namespace

// ---- Bind, Execute and Sync at once ----

namespace {
// Of the unnamed portal, all its rows.
constexpr std::string_view kDescribe("D\0\0\0\6P\0", 7);
constexpr std::string_view kExecuteSync("E\0\0\0\11\0\0\0\0\0S\0\0\0\4", 15);
}  // namespace

bool Session::peek_prepared(std::string_view body) {
  if (!protocol_.ready() && !protocol_.in_extended_batch()) return false;
  std::string_view following = input_.following();
  const std::size_t before = following.size();
  const bool describes = following.starts_with(kDescribe);
  if (describes) following.remove_prefix(kDescribe.size());
  if (!following.starts_with(kExecuteSync)) return false;
  following.remove_prefix(kExecuteSync.size());
  if (transaction_.status != TransactionStatus::idle || transaction_.implicit || !portals_.empty())
    return false;
  const std::uint64_t start = statement_start_ = SpanClock::ticks();
  const std::size_t size = out_.size();
  try {
    const auto bind = pgwire::decode_bind(body);
    if (!bind || !try_peek_prepared(*bind, describes)) {
      out_.truncate(size);
      return false;
    }
    const std::uint64_t took_ns = core_.span_clock.nanoseconds(start, SpanClock::ticks());
    core_.metrics.cached_peek_ns[static_cast<std::size_t>(settings_.default_isolation())].record(took_ns);
    if (core_.slow.wants(took_ns)) [[unlikely]]
      note_slow(find_prepared(bind->statement_name)->source->text, took_ns);
  } catch (...) {
    out_.truncate(size);
    suspend_observation();
    return false;
  }
  input_.take_following(before - following.size());
  if (!protocol_.ready()) protocol_.on_message('S');  // there was a Parse before
  return true;
}

bool Session::try_peek_prepared(const pgwire::Bind& bind, bool describes) {
  if (!bind.portal_name.empty()) return false;
  PreparedStatement* prepared = find_prepared(bind.statement_name);
  if (prepared == nullptr) return false;
  if (environment_is_old()) [[unlikely]]
    refresh_environment();
  const CachedStatement& statement = *prepared->statement;
  const oracle::Publication now = core_.published.load();
  if (statement.plan == nullptr || statement.plan->direct == nullptr ||
      statement.catalog_version != now.catalog_version || statement.environment != environment_)
    return false;
  const Plan& plan = *statement.plan;
  const auto& database = *static_cast<const storage::Database*>(now.database);
  const SessionCore::PeekMode mode = peek_mode(now);
  if (mode == SessionCore::PeekMode::elsewhere || !reads_little(*plan.direct, database)) return false;
  if (bind.values.size() != plan.parameter_types.size() || !are_known(bind.result_formats) ||
      (bind.result_formats.size() > 1 && bind.result_formats.size() != plan.columns.size()))
    return false;

  foresees_ =
      !plan.direct->key.empty() && database.table(plan.direct->table)->rows.size() >= Foresight::kLeastRows;
  bind_now(*prepared, bind);
  const bool text = bind.result_formats.all_text();
  const RowEncoder& encoder = text ? statement.text_encoder : peek_encoder(*prepared, bind.result_formats);
  pgwire::bind_complete(out_);
  if (describes && text)
    out_.append(statement.row_description);
  else if (describes)
    encoder.describe(plan.columns, out_);
  if (mode == SessionCore::PeekMode::watched && watch_.asks()) [[unlikely]]
    return answer_watched_read(*prepared, encoder, now);
  return answer_read(statement, encoder, database);
}

bool Session::answer_watched_read(const PreparedStatement& prepared, const RowEncoder& encoder,
                                  const oracle::Publication& now) {
  const CachedStatement& statement = *prepared.statement;
  const auto& database = *static_cast<const storage::Database*>(now.database);
  begin_observation(prepared.source->text, prepared.source.get());
  if (!observing()) return answer_read(statement, encoder, database);
  observe_ready(prepared.statement);
  observe_parameters(statement.plan->parameter_types, core_.datums);
  observe_snapshot(now.read_ts);
  const std::size_t rows_begin = out_.size();
  const std::uint64_t rows_before = core_.metrics.rows_sent;
  if (!answer_read(statement, encoder, database)) {
    suspend_observation();
    return false;
  }
  finish_observed_read(rows_begin, core_.metrics.rows_sent - rows_before);
  return true;
}

// The parameters of a statement that runs at once.
void Session::bind_now(const PreparedStatement& prepared, const pgwire::Bind& bind) {
  const Plan& plan = *prepared.statement->plan;
  core_.datums.clear();
  core_.arena.reset();
  settings_.set_now(core_.wall_us());
  append_parameters(bind, plan.parameter_types, settings_.style(), core_.arena, core_.datums);
  append_literals(plan, prepared.literals, settings_.style(), core_.arena, core_.datums);
}

// What cannot be told ahead, errors included, shows when the message is handled.
void Session::foresee(std::span<const char> bytes) noexcept {
  if (busy_ || finished_ || transaction_.status != TransactionStatus::idle || input_.buffered() != 0) return;
  const pgwire::FrameResult first = input_.first_of(bytes);
  if (first.status != FrameStatus::complete || first.frame.type != 'B') return;
  try {
    const auto bind = pgwire::decode_bind(first.frame.body);
    if (!bind) return;
    const PreparedStatement* prepared = find_prepared(bind->statement_name);
    if (prepared == nullptr || prepared->statement->plan == nullptr) return;
    const Plan& plan = *prepared->statement->plan;
    const oracle::Publication now = core_.published.load();
    if (plan.direct == nullptr || plan.direct->key.empty() ||
        prepared->statement->catalog_version != now.catalog_version ||
        bind->values.size() != plan.parameter_types.size())
      return;
    const storage::TableVersion& table =
        *static_cast<const storage::Database*>(now.database)->table(plan.direct->table);
    bind_now(*prepared, *bind);
    storage::EvalContext eval;
    fill_context(eval);
    core_.key.clear();
    if (DirectScan::append_key(*plan.direct, *table.schema, eval, core_.key))
      core_.foresight.begin(table.rows, core_.key.view());
  } catch (...) {  // NOLINT(bugprone-empty-catch)
  }
}

const RowEncoder& Session::peek_encoder(PreparedStatement& prepared, pgwire::FormatList formats) {
  const auto same = [&] {
    if (!prepared.peek_encoder || formats.size() != prepared.peek_formats.size()) return false;
    for (std::size_t i = 0; i < formats.size(); ++i)
      if (formats[i] != prepared.peek_formats[i]) return false;
    return true;
  };
  if (!same()) {
    prepared.peek_formats.clear();
    for (std::size_t i = 0; i < formats.size(); ++i) prepared.peek_formats.push_back(formats[i]);
    prepared.peek_encoder.emplace(prepared.statement->plan->columns, prepared.peek_formats);
  }
  return *prepared.peek_encoder;
}

// ---- Parse ----

void Session::on_parse(std::string_view body) {
  statement_start_ = SpanClock::ticks();
  const auto message = pgwire::decode_parse(body);
  if (!message) return fail(message.error().diagnostic());
  const bool named = !message->statement_name.empty();
  PreparedStatement fresh;
  try {
    if (named && prepared_.contains(message->statement_name))
      throw SqlError("42P05",
                     fmt::format("prepared statement \"{}\" already exists", message->statement_name));
    if (named) check_memory();
    std::vector<storage::Type> declared = types_of(message->parameter_types);
    fresh.statement = prepare(message->text, message->parameter_types.bytes(), declared);
    check_transaction_allows(*fresh.statement);
    if (const ast::Statement* const tree = fresh.statement->tree.get(); tree != nullptr)
      if (const auto* explain = std::get_if<ast::ExplainStatement>(&tree->node))
        declared = explained_types(*explain, declared);
    const auto source = std::make_shared<StatementSource>(
        std::string(message->text), std::string(message->parameter_types.bytes()), std::move(declared));
    source->name = message->statement_name;
    source->prepared_us = core_.wall_us();
    fresh.source = source;
  } catch (...) {
    const pgwire::Diagnostic error = diagnostic_of_current_exception(message->text);
    if (!named) has_unnamed_ = false;
    observe_unready(message->text, message->statement_name);
    return fail(error);
  }
  copy_literals(fresh);
  if (named) {
    prepared_.emplace(message->statement_name, std::move(fresh));
  } else {
    unnamed_ = std::move(fresh);
    has_unnamed_ = true;
  }
  pgwire::parse_complete(out_);
}

// The cache's list of literals is overwritten by the next lookup; the statement keeps its own.
void Session::copy_literals(PreparedStatement& prepared) const {
  const auto literals = literals_of(*prepared.statement);
  prepared.literals.assign(literals.begin(), literals.end());
  prepared.literal_texts.clear();
  for (const LiteralToken& token : literals) prepared.literal_texts.emplace_back(token.text);
  for (std::size_t i = 0; i < literals.size(); ++i) prepared.literals[i].text = prepared.literal_texts[i];
}

PreparedStatement* Session::find_prepared(std::string_view name) {
  if (name.empty()) return has_unnamed_ ? &unnamed_ : nullptr;
  const auto found = prepared_.find(name);
  return found == prepared_.end() ? nullptr : &found->second;
}

PreparedStatement& Session::prepared(std::string_view name) {
  if (PreparedStatement* found = find_prepared(name)) return *found;
  if (name.empty()) throw SqlError("26000", "unnamed prepared statement does not exist");
  throw SqlError("26000", fmt::format("prepared statement \"{}\" does not exist", name));
}

// Plans again where the catalog, or a setting that plans depend on, has changed since.
void Session::refresh(PreparedStatement& statement) {
  refresh_environment();
  if (!is_stale(*statement.statement) && statement.statement->environment == environment_) return;
  StatementRef now = prepare_again(*statement.source);
  check_result_unchanged(*statement.statement, *now);
  statement.statement = std::move(now);
  statement.peek_encoder.reset();
  copy_literals(statement);
}

// ---- Bind ----

void Session::on_bind(std::string_view body) {
  statement_start_ = SpanClock::ticks();
  const auto message = pgwire::decode_bind(body);
  if (!message) return fail(message.error().diagnostic());
  PreparedStatement& statement = prepared(message->statement_name);
  try {
    bind_portal(statement, *message);
  } catch (...) {
    const StatementSource& source = *statement.source;
    const pgwire::Diagnostic error = diagnostic_of_current_exception(source.text);
    observe_unready(source.text, source.name, &source);
    fail(error);
  }
}

void Session::bind_portal(PreparedStatement& statement, const pgwire::Bind& message) {
  if (statement.statement->plan != nullptr) refresh(statement);
  check_transaction_allows(*statement.statement);
  const Plan* plan = statement.statement->plan.get();
  const auto types = parameter_types(*statement.statement, statement.source.get());
  const std::size_t wanted = types.size();
  if (message.values.size() != wanted)
    throw sql_error(
        pgwire::bind_parameter_count_error(message.values.size(), message.statement_name, wanted));
  const std::size_t columns = plan != nullptr ? plan->columns.size()
                              : statement.statement->tree != nullptr
                                  ? command_columns(*statement.statement->tree).size()
                                  : 0;
  if (message.result_formats.size() > 1 && message.result_formats.size() != columns)
    throw sql_error(pgwire::bind_result_format_count_error(message.result_formats.size(), columns));

  if (message.portal_name.empty())
    portals_.erase({});
  else if (portals_.find(message.portal_name) != nullptr)
    throw SqlError("42P03", fmt::format("cursor \"{}\" already exists", message.portal_name));
  auto made = portals_.make(message.portal_name);
  const std::int64_t now = core_.wall_us();
  settings_.set_now(transaction_.status == TransactionStatus::idle ? now : transaction_.start_us);
  std::vector<Datum> parameters = made->take_parameter_room();
  parameters.reserve(wanted + statement.literals.size());
  append_parameters(message, types, settings_.style(), made->arena(), parameters);
  made->source = statement.source;
  made->savepoints_before = transaction_.savepoints_made;
  made->bind(statement.statement, std::move(parameters), statement.literals, message.result_formats,
             settings_.style());
  if (are_known(message.result_formats)) evaluate_if_constant(*made);
  portals_.add(std::move(made));
  pgwire::bind_complete(out_);
}

Portal& Session::portal(std::string_view name) {
  Portal* found = portals_.find(name);
  if (found == nullptr) throw SqlError("34000", fmt::format("portal \"{}\" does not exist", name));
  return *found;
}

// ---- Describe, Close ----

std::span<const storage::Type> Session::parameter_types(const CachedStatement& statement,
                                                        const StatementSource* source) {
  if (statement.plan != nullptr) return statement.plan->parameter_types;
  const bool explains = statement.tree != nullptr && std::holds_alternative<ast::ExplainStatement>(statement.tree->node);
  return explains && source != nullptr ? std::span<const storage::Type>(source->declared)
                                       : std::span<const storage::Type>();
}

void Session::on_describe(std::string_view body) {
  const auto message = pgwire::decode_describe(body);
  if (!message) return fail(message.error().diagnostic());
  if (message->kind == pgwire::TargetKind::statement) return describe_statement(prepared(message->name));
  const Portal& described = portal(message->name);
  const CachedStatement& statement = described.statement();
  check_transaction_allows(statement);
  if (statement.tree != nullptr) {
    const std::vector<OutputColumn> columns = command_columns(*statement.tree);
    if (!columns.empty()) return described.encoder_for(columns).describe(columns, out_);
  } else if (statement.plan != nullptr && !statement.row_description.empty()) {
    return described.encoder().describe(statement.plan->columns, out_);
  }
  pgwire::no_data(out_);
}

void Session::describe_statement(PreparedStatement& statement) {
  if (statement.statement->plan != nullptr) refresh(statement);
  check_transaction_allows(*statement.statement);
  const CachedStatement& described = *statement.statement;
  std::vector<std::uint32_t> oids;
  for (const storage::Type type : parameter_types(described, statement.source.get()))
    oids.push_back(
        storage::traits(type.id == storage::TypeId::unknown ? storage::TypeId::text : type.id).oid);
  pgwire::parameter_description(out_, oids);
  if (described.tree != nullptr) {
    const std::vector<OutputColumn> columns = command_columns(*described.tree);
    if (columns.empty()) return pgwire::no_data(out_);
    return RowEncoder(columns, {}).describe(columns, out_);
  }
  if (described.row_description.empty()) return pgwire::no_data(out_);
  out_.append(described.row_description);
}

void Session::on_close(std::string_view body) {
  const auto message = pgwire::decode_close(body);
  if (!message) return fail(message.error().diagnostic());
  if (message->kind == pgwire::TargetKind::portal) {
    portals_.erase(message->name);
  } else if (message->name.empty()) {
    has_unnamed_ = false;
    unnamed_ = {};
  } else if (const auto found = prepared_.find(message->name); found != prepared_.end()) {
    prepared_.erase(found);
  }
  pgwire::close_complete(out_);
}

// ---- Execute ----

void Session::on_execute(std::string_view body) {
  const std::uint64_t start = statement_start_ = SpanClock::ticks();
  const auto message = pgwire::decode_execute(body);
  if (!message) return fail(message.error().diagnostic());
  Portal& executed = portal(message->portal_name);
  const CachedStatement& statement = executed.statement();
  if (statement.is_empty()) return pgwire::empty_query_response(out_);
  if (is_watched()) {
    begin_observation(executed.source == nullptr ? std::string_view() : executed.source->text,
                      executed.source.get(), &executed);
    observe_ready(executed.statement_ref());
    observe_parameters(parameter_types(statement, executed.source.get()), executed.parameters());
  }
  check_transaction_allows(statement);
  check_can_run(executed);
  if (!executed.started()) count_statement(statement);
  shown_plan_ = statement.serial;
  const std::uint64_t limit = message->row_limit > 0 ? static_cast<std::uint64_t>(message->row_limit) : 0;
  if (execute_now(executed, limit)) {
    const std::uint64_t took_ns = core_.span_clock.nanoseconds(start, SpanClock::ticks());
    core_.metrics.planned_peek_ns.record(took_ns);
    if (core_.slow.wants(took_ns)) [[unlikely]]
      note_slow(statement.key_text, took_ns);
    if (observing()) finish_observation();
    return;
  }
  run_execute(&executed, limit);
}

// A read that has ended answers no more rows; anything else runs once.
void Session::check_can_run(const Portal& executed) const {
  const bool once = executed.plan() == nullptr || executed.plan()->columns.empty();
  if (executed.spent() || (once && executed.complete()))
    throw SqlError("55000", fmt::format("portal \"{}\" cannot be run", executed.name()));
}

// One slice of a read. False: there is more to do, or it is no read.
bool Session::execute_now(Portal& executed, std::uint64_t limit) {
  if (executed.plan() == nullptr) return false;
  const std::uint64_t first = executed.rows();
  Portal::Progress progress;
  if (executed.has_answer()) {
    progress = deliver(executed, limit);
  } else {
    if (!executed.started() &&
        (executed.plan()->needs_sessions || asks_oracle() || !runs_here(*executed.plan())))
      return false;
    progress = advance_here(executed, limit);
    if (progress == Portal::Progress::slice_over || progress == Portal::Progress::output_full) {
      executed.rows_before_wait = first;
      return false;
    }
  }
  execute_done(executed, progress, executed.rows() - first);
  return true;
}

void Session::execute_done(Portal& executed, Portal::Progress progress, std::uint64_t rows) {
  if (progress == Portal::Progress::complete) return append_tag(executed, rows);
  pgwire::portal_suspended(out_);
  if (observing()) observe_end_of(executed, rows);
}

// Whether a statement changes something that a failure later in the pipeline has to take back.
bool Session::changes(const CachedStatement& statement) const {
  if (statement.plan != nullptr) return !statement.plan->changes_nothing();
  if (const auto* explain = std::get_if<ast::ExplainStatement>(&statement.tree->node)) {
    const ast::Statement& explained = *explain->statement;
    if (!explain->analyze || std::holds_alternative<ast::SelectPtr>(explained.node)) return false;
    const auto* execute = std::get_if<ast::ExecuteStatement>(&explained.node);
    return execute == nullptr || executing_changes(*execute);
  }
  if (const auto* execute = std::get_if<ast::ExecuteStatement>(&statement.tree->node))
    return executing_changes(*execute);
  if (const auto* copied = std::get_if<ast::CopyStatement>(&statement.tree->node))
    return copied->from || copied->query != nullptr;
  return !is_command(*statement.tree) || std::holds_alternative<ast::SetStatement>(statement.tree->node);
}

bool Session::executing_changes(const ast::ExecuteStatement& command) const {
  const auto found = prepared_.find(command.name);
  if (found == prepared_.end()) return false;
  const Plan* const plan = found->second.statement->plan.get();
  return plan == nullptr || !plan->changes_nothing();
}

reactor::Job Session::run_execute(Portal* executed, std::uint64_t limit) {
  set_busy();
  arm_statement_timeout();
  std::optional<pgwire::Diagnostic> error;
  const std::uint64_t start = statement_start_;
  const auto source = executed->source;  // the portal goes when its statement is a COMMIT
  if (source != nullptr && !source->text.empty()) show_text(source->text);
  try {
    const CachedStatement& statement = executed->statement();
    // What is not the last before its Sync belongs to a transaction with what follows.
    if (transaction_.status == TransactionStatus::idle && input_.next_type() != 'S' && changes(statement))
      begin_transaction(true);
    if (statement.tree != nullptr) {
      executed->set_spent();
      const StatementRef kept = executed->statement_ref();  // the command may close its own portal
      const std::vector<OutputColumn> columns = command_columns(*kept->tree);
      const RowEncoder encoder = executed->encoder_for(columns);
      if (const auto* explain = std::get_if<ast::ExplainStatement>(&kept->tree->node))
        co_await run_explain(*explain, kept, Describe::no, parameter_types(statement, source.get()),
                             executed->parameters());
      else
        co_await run_command(kept, Describe::no, &encoder);
    } else {
      const std::uint64_t first = std::min(executed->rows(), executed->rows_before_wait);
      const std::uint64_t sent = executed->rows() - first;
      const Portal::Progress progress = co_await run_portal(*executed, limit == 0 ? 0 : limit - sent);
      execute_done(*executed, progress, executed->rows() - first);
      executed->rows_before_wait = UINT64_MAX;
    }
  } catch (...) {
    error = diagnostic_of_current_exception(source == nullptr ? std::string_view() : source->text);
  }
  if (error) {
    if (transaction_.implicit) co_await rollback_transaction();
    fail(*error);
  } else if (observing()) {
    finish_observation();
  }
  if (source != nullptr && !source->text.empty()) note_if_slow(source->text, start);
  job_done();
}

// ---- Sync ----

void Session::on_sync(std::string_view body) {
  const auto sync = pgwire::decode_sync(body);
  if (!sync) return fail(sync.error().diagnostic());
  end_batch();
}

// Ends the transaction that no BEGIN opened, and says that the server is ready.
void Session::end_batch() {
  if (transaction_.implicit && transaction_.id.value != 0) {
    run_sync();
    return;
  }
  if (transaction_.implicit) end_transaction(transaction_.status == TransactionStatus::in_transaction);
  if (transaction_.status == TransactionStatus::idle && !portals_.empty()) portals_.clear();
  ready();
}

reactor::Job Session::run_sync() {
  set_busy();
  std::optional<pgwire::Diagnostic> error;
  try {
    if (transaction_.status == TransactionStatus::failed)
      co_await rollback_transaction();
    else
      co_await commit_transaction();
  } catch (...) {
    error = diagnostic_of_current_exception({});
  }
  if (error) send_error(*error);
  portals_.clear();
  ready();
  job_done();
}

}  // namespace gyre::adapter
