// The simple protocol: one text, any number of statements.
//
// try_peek is the path this server is built for, from the message's text to the answer's bytes without a
// wait, an allocation or a lock:   hash the text → the plan → the published database → the table's tree →
// rows into the out buffer. Nothing of an answer is ever kept: each query walks the tree anew.
#include <fmt/format.h>

#include "adapter/errors.h"
#include "adapter/session/session.h"
#include "adapter/sql/parser.h"
#include "pgwire/utf8.h"

namespace gyre::adapter {

using pgwire::TransactionStatus;

namespace {
constexpr std::size_t kPeekBytes = 128 * 1024;
// Statements of one text that run before others get their turn.
constexpr std::size_t kStatementsPerTurn = 64;
}  // namespace

bool Session::peek(const pgwire::Frame& frame) {
  const std::uint64_t start = statement_start_ = SpanClock::ticks();
  // try_peek looks for these very bytes among statements whose text has been checked, so it comes before the
  // check.
  if (frame.body.empty() || frame.body.back() != '\0') return false;
  const std::string_view raw = frame.body.substr(0, frame.body.size() - 1);
  try {
    if (!try_peek(raw)) return false;
  } catch (...) {
    counted_ = false;
    fail_current(raw);
    return true;
  }
  const std::uint64_t took_ns = core_.span_clock.nanoseconds(start, SpanClock::ticks());
  core_.metrics.cached_peek_ns[static_cast<std::size_t>(settings_.default_isolation())].record(took_ns);
  if (core_.slow.wants(took_ns)) [[unlikely]]
    note_slow(raw, took_ns);
  return true;
}

void Session::fail_current(std::string_view text) {
  fail(diagnostic_of_current_exception(text));
}

void Session::on_query(const pgwire::Frame& frame) {
  const auto query = pgwire::decode_query(frame.body);
  if (!query) return fail(query.error().diagnostic());
  // The message must stay where it is while its statements wait for things.
  const pgwire::Frame kept = input_.keep(frame);
  run_query(pgwire::decode_query(kept.body)->text);
}

[[gnu::always_inline]] inline bool Session::answer_read_inline(const CachedStatement& statement,
                                                               const RowEncoder& encoder,
                                                               const storage::Database& database) {
  storage::EvalContext eval;
  fill_context(eval);
  shown_plan_ = statement.serial;
  const std::size_t before = out_.size();
  const std::size_t most = std::min(kPeekBytes, settings_.most_result_bytes());
  DirectScan scan(*statement.plan->direct, encoder, foresees_ ? &core_.foresight : nullptr);
  TimeSlice slice = TimeSlice::unlimited();
  if (scan.run(database, eval, slice, 0, before + most, core_.key, out_) != DirectScan::Stop::end ||
      out_.size() - before > most)
    return false;
  pgwire::command_complete_select(out_, scan.rows());
  pgwire::ready_for_query(out_, TransactionStatus::idle);
  core_.metrics.rows_sent += scan.rows();
  ++core_.metrics.queries[source_][static_cast<std::size_t>(StatementKind::select)];
  return true;
}

bool Session::answer_read(const CachedStatement& statement, const RowEncoder& encoder,
                          const storage::Database& database) {
  return answer_read_inline(statement, encoder, database);
}

// The second half of the path, which a watched session's statement goes as well.
[[gnu::always_inline]] inline bool Session::answer_peek(const oracle::Publication& now,
                                                        const CachedStatement& found) {
  const Plan& plan = *found.plan;
  const auto& database = *static_cast<const storage::Database*>(now.database);
  if (!reads_little(*plan.direct, database)) return false;

  core_.datums.clear();
  core_.arena.reset();
  if (found.literal_count != 0)
    append_literals(plan, core_.plans.literals(), settings_.style(), core_.arena, core_.datums);
  const std::size_t before = out_.size();
  out_.append(found.row_description);
  if (answer_read_inline(found, found.text_encoder, database)) return true;
  out_.truncate(before);
  return false;
}

bool Session::try_peek(std::string_view text) {
  if (transaction_.status != TransactionStatus::idle) return false;  // a block has a snapshot of its own
  const std::uint64_t sampled = (++core_.peeks & 63) == 0 ? SpanClock::ticks() : 0;
  const oracle::Publication now = core_.published.load();
  if (sampled != 0) [[unlikely]]
    core_.metrics.read_ts_ns.record(core_.span_clock.nanoseconds(sampled, SpanClock::ticks()));
  if (environment_is_old()) [[unlikely]]
    refresh_environment();
  CachedStatement* const found = core_.plans.find({text, {}, environment_, now.catalog_version});
  if (found == nullptr || found->plan == nullptr || found->plan->direct == nullptr) return false;
  // Found by shape: the literals are new bytes.
  if (found->literal_count != 0 && !pgwire::is_valid_utf8(text)) return false;
  if (!found->plan->parameter_types.empty()) return false;
  if (const auto mode = peek_mode(now); mode != SessionCore::PeekMode::plain) [[unlikely]]
    return mode == SessionCore::PeekMode::watched && answer_watched_peek(text, now, *found);
  return answer_peek(now, *found);
}

bool Session::answer_watched_peek(std::string_view text, const oracle::Publication& now,
                                  CachedStatement& found) {
  if (watch_.asks()) begin_observation(text);
  if (!observing()) return answer_peek(now, found);
  if (has_read_timestamp_) observation_->date_back(statement_start_, core_.span_clock);  // it waited for that
  observe_ready(StatementRef(&found));
  observe_snapshot(now.read_ts);
  const std::size_t before = out_.size();
  const std::uint64_t rows_before = core_.metrics.rows_sent;
  if (!answer_peek(now, found)) {
    suspend_observation();
    return false;
  }
  finish_observed_read(before + found.row_description.size(), core_.metrics.rows_sent - rows_before);
  return true;
}

reactor::Job Session::run_query(std::string_view text) {
  const std::uint64_t start = statement_start_;
  set_busy();
  show_text(text);
  arm_statement_timeout();
  statement_base_ = 0;
  std::optional<pgwire::Diagnostic> error;
  bool peeked = false;
  try {
    if (asks_oracle() && is_cached_peek(text)) {
      co_await await_read_timestamp();
      peeked = try_peek(text);
    }
    if (!peeked) co_await run_statements(text);
  } catch (...) {
    error = diagnostic_of_current_exception(text, statement_base_);
  }
  if (peeked) {
    core_.metrics.cached_peek_ns[static_cast<std::size_t>(settings_.default_isolation())].record(
        core_.span_clock.nanoseconds(start, SpanClock::ticks()));  // the oracle's time is part of it
  } else if (error) {
    if (transaction_.implicit) co_await rollback_transaction();
    fail(*error);
  } else {
    end_batch();
  }
  note_if_slow(text, start);
  job_done();
}

reactor::Co<void> Session::run_statements(std::string_view text) {
  if (is_prepared(text)) {
    co_await run_one(text, nullptr);
    if (transaction_.implicit) co_await commit_transaction();
    co_return;
  }
  std::vector<ast::StatementPtr> statements;
  try {
    statements = parse(text);
  } catch (...) {
    observe_unready(text, {});
    throw;
  }
  if (statements.empty()) {
    pgwire::empty_query_response(out_);
    // What was written before it in the pipeline ends with this message, too.
    if (transaction_.implicit) co_await commit_transaction();
    co_return;
  }
  if (statements.size() == 1) co_await run_one(text, std::move(statements.front()));
  std::size_t done = 0;
  for (const ast::StatementPtr& statement : statements) {
    if (statement == nullptr) break;
    // Others get their turn; and the stack begins anew, which grows with each coroutine that ends where tail
    // calls are not made (sanitizer builds).
    if (++done % kStatementsPerTurn == 0) {
      co_await reactor::yield(core_.loop);
      check_canceled();
    }
    if (out_.size() >= kOutputHigh) co_await make_room();
    if (transaction_.status == TransactionStatus::idle) begin_transaction(true);
    statement_base_ = statement->begin;
    co_await run_one(text.substr(statement->begin, statement->end - statement->begin), nullptr);
  }
  if (transaction_.implicit) co_await commit_transaction();
}

reactor::Co<void> Session::run_one(std::string_view text, ast::StatementPtr tree) {
  counted_ = false;
  if (is_watched()) begin_observation(text);
  if (has_old_definitions()) co_await renew_definitions();
  const StatementRef statement = prepare(text, {}, {}, std::move(tree));
  if (observing()) observe_ready(statement);
  if (statement->is_empty()) co_return;
  count_statement(*statement);
  check_transaction_allows(*statement);
  if (statement->tree != nullptr) {
    co_await run_command(statement, Describe::yes, nullptr);
    if (observing()) finish_observation();
    co_return;
  }
  if (!statement->plan->parameter_types.empty()) throw SqlError("42P02", "there is no parameter $1");
  Portal portal;
  portal.source =
      std::make_shared<StatementSource>(std::string(text), std::string(), std::vector<storage::Type>());
  portal.bind(statement, {}, literals_of(*statement), {}, settings_.style());
  co_await run_portal(portal, 0, statement->row_description);
  append_tag(portal, portal.rows());
  if (observing()) finish_observation();
}

}  // namespace gyre::adapter
