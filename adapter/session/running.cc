// Running plans. A read runs on this core, against the snapshot that was the newest when it began, in slices;
// everything that writes, and everything within a transaction that has written, runs on the oracle core.
//
// A statement uses a snapshot that was loaded after its own bytes had arrived (design: strict serializability
// without a round trip); within a transaction block, the snapshot of the block's first statement.
#include <fmt/format.h>

#include <algorithm>

#include "adapter/errors.h"
#include "adapter/exec/meter.h"
#include "adapter/plan/physical.h"
#include "adapter/plan/relations.h"
#include "adapter/session/session.h"
#include "reactor/base/check.h"
#include "reactor/fail_point.h"

namespace gyre::adapter {

using pgwire::TransactionStatus;

namespace {

constexpr std::size_t kMostColumns = 1664;  // as in PostgreSQL

bool is_planned(const ast::Statement& tree) {
  return std::holds_alternative<ast::SelectPtr>(tree.node) ||
         std::holds_alternative<ast::InsertStatement>(tree.node) ||
         std::holds_alternative<ast::UpdateStatement>(tree.node) ||
         std::holds_alternative<ast::DeleteStatement>(tree.node) ||
         std::holds_alternative<ast::TruncateStatement>(tree.node);
}

bool has_free_literal(const Plan& plan) {
  for (std::size_t slot = 0; slot < plan.literal_fixed.size(); ++slot)
    if (!plan.literal_fixed[slot]) return true;
  return false;
}

bool names_password(const ast::Statement& tree) {
  const auto is_password = [](const ast::RoleOption& option) { return option.name == "password"; };
  const auto any = [&](const auto* statement) {
    return statement != nullptr &&
           std::any_of(statement->options.begin(), statement->options.end(), is_password);
  };
  return any(std::get_if<ast::CreateRoleStatement>(&tree.node)) ||
         any(std::get_if<ast::AlterRoleStatement>(&tree.node));
}

std::string_view name_of(Plan::Kind kind) {
  switch (kind) {
    case Plan::Kind::select:
      return "SELECT";
    case Plan::Kind::insert:
      return "INSERT";
    case Plan::Kind::update:
      return "UPDATE";
    case Plan::Kind::delete_:
      return "DELETE";
    case Plan::Kind::truncate:
      return "TRUNCATE TABLE";
  }
  return {};
}

// What was newest some snapshots ago: a fault that the consistency tests plant, to see that they find it. Its
// pins are never let go.
oracle::Publication planted_stale_state(SessionCore& core) {
  constexpr int kSnapshotsLate = 20;
  thread_local const SnapshotPin* pin = nullptr;
  thread_local int uses = 0;
  if (uses++ % kSnapshotsLate == 0) pin = new SnapshotPin(core.holds, core.reader, core.published.load());
  return **pin;
}

}  // namespace

// ---- making a statement ready ----

oracle::Publication Session::newest() {
  if (transaction_.status == TransactionStatus::in_transaction && !transaction_.snapshot) {
    settings_.settle_transaction();
    if (!reads_anew(settings_.isolation())) take_snapshot();
  }
  return transaction_.snapshot ? *transaction_.snapshot : core_.published.load();
}

void Session::take_snapshot() {
  transaction_.snapshot_us = core_.wall_us();
  transaction_.snapshot = SnapshotPin(
      core_.holds, core_.reader,
      reactor::fail_point("plant.stale_snapshot") ? planted_stale_state(core_) : core_.published.load());
}

const Catalog& Session::catalog() {
  if (transaction_.catalog != nullptr) return *transaction_.catalog;
  // Before a block's first query, the newest: the query decides what the block reads.
  const oracle::Publication read = transaction_.snapshot ? *transaction_.snapshot : core_.published.load();
  return *static_cast<const Catalog*>(read.catalog);
}

// Only a block that may write, or may again after ROLLBACK TO, and is validated, keeps what it has read, or what
// its constraints have.
storage::ReadSet* Session::reads() {
  if (transaction_.status != TransactionStatus::in_transaction || reads_anew(settings_.isolation()))
    return nullptr;
  if (settings_.read_only() && transaction_.savepoints.empty()) return nullptr;
  if (transaction_.reads == nullptr) transaction_.reads = std::make_unique<storage::ReadSet>();
  return transaction_.reads.get();
}

PlanContext Session::plan_context(const Catalog& where) const {
  return PlanContext{where, settings_.search_path(), role_, settings_.style(), facts_};
}

bool Session::is_prepared(std::string_view text) {
  refresh_environment();
  return transaction_.catalog == nullptr &&
         core_.plans.find({text, {}, environment_, catalog().version}) != nullptr;
}

std::vector<ast::StatementPtr> Session::parse(std::string_view text) {
  const Measured measured(core_.span_clock, core_.metrics.parse_ns);
  const std::uint64_t begin = SpanClock::ticks();
  auto parsed = parse_sql(text);
  parse_ticks_ = SpanClock::ticks() - begin;
  if (parsed) return std::move(*parsed);
  SqlError error(pgwire::SqlState::from_text(parsed.error().sql_state), parsed.error().message);
  error.hint = parsed.error().hint;
  error.character = parsed.error().position;
  throw error;
}

StatementRef Session::prepare(std::string_view text, std::string_view parameter_oids,
                              std::span<const storage::Type> declared, ast::StatementPtr tree) {
  refresh_environment();
  // A transaction that has changed definitions plans against its own catalog, and keeps the plans to itself.
  const bool shared = transaction_.catalog == nullptr;
  const Catalog& where = catalog();  // one and the same for the key and the plan
  const PlanCache::Key key{text, parameter_oids, environment_, where.version};
  if (shared) {
    if (CachedStatement* found = core_.plans.find(key)) return StatementRef(found);
  } else {
    core_.plans.clear_literals();
  }
  if (tree == nullptr) {
    std::vector<ast::StatementPtr> parsed = parse(text);
    if (parsed.size() > 1)
      throw SqlError("42601", "cannot insert multiple commands into a prepared statement");
    if (!parsed.empty()) tree = std::move(parsed.front());
  }
  auto made = tree == nullptr ? std::make_unique<CachedStatement>()
                              : plan_tree(*tree, where, declared, shared && core_.plans.has_shape());
  if (tree != nullptr && made->plan == nullptr) made->tree = std::move(tree);
  made->parse_ticks = parse_ticks_;
  made->catalog_version = where.version;
  made->environment = environment_;
  // What holds a password is not kept beyond its execution.
  const bool is_secret = made->tree != nullptr && names_password(*made->tree);
  if (!shared && !is_secret) made->key_text = text;
  if (!shared || is_secret) return StatementRef(made.release());
  const bool by_shape = made->plan != nullptr && core_.plans.has_shape() && has_free_literal(*made->plan);
  return StatementRef(core_.plans.insert(key, std::move(made), by_shape));
}

StatementRef Session::prepare_again(const StatementSource& source) {
  if (source.tree == nullptr) return prepare(source.text, source.parameter_oids, source.declared);
  core_.plans.clear_literals();
  refresh_environment();
  try {
    return StatementRef(plan_tree(*source.tree, catalog(), source.declared, false).release());
  } catch (SqlError& error) {
    // Its place is one in the PREPARE's text, not in that of the EXECUTE. (As if all before it were ASCII.)
    if (error.location >= 0) error.character = error.location + 1;
    throw;
  }
}

std::unique_ptr<CachedStatement> Session::plan_tree(const ast::Statement& tree, const Catalog& where,
                                                    std::span<const storage::Type> declared,
                                                    bool literals_as_parameters) {
  auto made = std::make_unique<CachedStatement>();
  made->catalog_version = where.version;
  made->environment = environment_;
  if (!is_planned(tree)) return made;
  const Measured measured(core_.span_clock, core_.metrics.plan_ns);
  made->plan = make_plan(tree, plan_context(where), declared, literals_as_parameters);
  if (made->plan->columns.size() > kMostColumns)
    throw SqlError("54011", fmt::format("target lists can have at most {} entries", kMostColumns));
  made->text_encoder = RowEncoder(made->plan->columns, {});
  if (!made->plan->columns.empty() || made->plan->kind == Plan::Kind::select) {
    OutBuffer description;
    made->text_encoder.describe(made->plan->columns, description);
    made->row_description = description.view();
  }
  return made;
}

std::span<const LiteralToken> Session::literals_of(const CachedStatement& statement) const {
  if (statement.literal_count == 0) return {};
  return core_.plans.literals();
}

// A transaction reads the catalog of its snapshot; what has been dropped or revoked since then is gone for it
// all the same.
void Session::check_still_allowed(const Plan& plan) const {
  if (!transaction_.snapshot || transaction_.catalog != nullptr) return;
  const auto now = core_.published.load();
  if (now.catalog_version == transaction_.snapshot->catalog_version) return;
  check_rights_are_left(plan, role_, *static_cast<const Catalog*>(transaction_.snapshot->catalog),
                        *static_cast<const Catalog*>(now.catalog));
}

void Session::count_statement(const CachedStatement& statement) {
  counted_ = true;
  StatementKind kind = StatementKind::other;
  if (statement.plan != nullptr) {
    switch (statement.plan->kind) {
      case Plan::Kind::select:
        kind = StatementKind::select;
        break;
      case Plan::Kind::insert:
        kind = StatementKind::insert;
        break;
      case Plan::Kind::update:
        kind = StatementKind::update;
        break;
      case Plan::Kind::delete_:
        kind = StatementKind::delete_;
        break;
      case Plan::Kind::truncate:
        kind = StatementKind::definition;
        break;
    }
  } else if (statement.tree != nullptr) {
    if (std::holds_alternative<ast::TransactionStatement>(statement.tree->node))
      kind = StatementKind::transaction;
    else
      kind = is_command(*statement.tree) ? StatementKind::session : StatementKind::definition;
  }
  ++core_.metrics.queries[source_][static_cast<std::size_t>(kind)];
}

// ---- on this core ----

bool Session::runs_here(const Plan& plan) {
  return plan.runs_on_shard() && transaction_.id.value == 0 && transaction_.catalog == nullptr &&
         core_.reads_run_here(newest());
}

ExecutionContext Session::context_for(const Portal& portal, const storage::Database& database) {
  ExecutionContext context;
  if (validates_reads(settings_.isolation())) context.reads = reads();
  context.database = &database;
  context.catalog = static_cast<const Catalog*>(portal.held->catalog);
  context.parameters = portal.parameters();
  context.meter = portal.meter;
  context.style = &settings_.style();
  context.session = &facts_;
  context.statement_us = portal.statement_us;
  context.transaction_us =
      transaction_.status == TransactionStatus::idle ? portal.statement_us : transaction_.start_us;
  context.memory_limit = core_.statement_memory;
  return context;
}

// Whether the oracle has to be asked before the next statement reads (docs/oracles.md). Once is enough for a
// message, whose statements have all arrived with it, and for a block with one snapshot; and in batches, where calls
// are shared, for what stood behind that message in the input when the call was asked for.
bool Session::asks_oracle() {
  const ReadMode mode = core_.read_mode(core_.published.load());
  if (mode == ReadMode::published || has_read_timestamp_ || transaction_.oracle_asked || !settings_.is_strict())
    return false;
  return mode == ReadMode::direct || input_.taken() > asked_through_;
}

// Whether the text is one that try_peek would answer, if it did not have to be asked for first.
bool Session::is_cached_peek(std::string_view text) {
  if (transaction_.status != TransactionStatus::idle) return false;
  refresh_environment();
  const CachedStatement* const found = core_.plans.find({text, {}, environment_, catalog().version});
  return found != nullptr && found->plan != nullptr && found->plan->direct != nullptr;
}

// Beyond this wait the published state is at or above a timestamp that the oracle gave after the statement had
// arrived; or the statement has failed.
reactor::Co<void> Session::await_read_timestamp() {
  const std::uint64_t arrived = input_.received();
  OracleTicket ticket(core_.loop);
  core_.services.read_timestamp(ticket, core_.read_mode(core_.published.load()));
  ticket_ = &ticket;
  co_await ticket.answered;
  ticket_ = nullptr;
  core_.services.forget(ticket);
  try {
    check_canceled();
  } catch (const SqlError& error) {
    throw SqlError(error).with_detail("The statement waited for the timestamp oracle.");
  }
  if (!ticket.failure.empty()) throw SqlError("58000", ticket.failure);
  has_read_timestamp_ = true;
  asked_through_ = arrived;
  if (transaction_.status == TransactionStatus::in_transaction) transaction_.oracle_asked = true;
}

// Plan and snapshot must be of one catalog: each load of the published state may see a newer one.
void Session::start_here(Portal& portal) {
  portal.statement_us = core_.wall_us();
  settings_.set_now(transaction_.status == TransactionStatus::idle ? portal.statement_us
                                                                   : transaction_.start_us);
  const std::uint64_t begin = portal.meter == nullptr ? 0 : SpanClock::ticks();
  for (;;) {
    portal.held = SnapshotPin(core_.holds, core_.reader, newest());
    if (portal.statement().catalog_version == portal.held->catalog_version) break;
    replan(portal);
  }
  ++core_.metrics.timestamps[static_cast<std::size_t>(settings_.current_isolation())];
  check_still_allowed(*portal.plan());
  if (portal.meter != nullptr) portal.meter->snapshot_ticks += SpanClock::ticks() - begin;
  if (observing()) observe_snapshot(portal.held->read_ts);
}

// PostgreSQL evaluates constants while it plans: their errors come with the Bind, before a RowDescription.
void Session::evaluate_if_constant(Portal& portal) {
  if (transaction_.status == TransactionStatus::in_transaction && asks_oracle()) return;
  if (portal.plan() == nullptr || portal.started() || !portal.plan()->runs_at_once() ||
      !has_no_relations(*portal.plan()) || !core_.reads_run_here(newest()))
    return;
  portal.statement_us = core_.wall_us();
  settings_.set_now(transaction_.status == TransactionStatus::idle ? portal.statement_us
                                                                   : transaction_.start_us);
  if (is_stale(portal.statement())) replan(portal);
  portal.held = SnapshotPin(core_.holds, core_.reader, newest());
  ExecutionContext context =
      context_for(portal, *static_cast<const storage::Database*>(portal.held->database));
  context.catalog = &catalog();  // it reads no table: a block's own catalog will do as well
  portal.evaluate_now(context);
  portal.held.reset();
}

Portal::Progress Session::advance_here(Portal& portal, std::uint64_t limit) {
  OutBuffer discarded;
  return advance_into(portal, limit, portal.discards ? discarded : out_);
}

Portal::Progress Session::advance_into(Portal& portal, std::uint64_t limit, OutBuffer& out) {
  if (!portal.started()) start_here(portal);
  const auto& database = *static_cast<const storage::Database*>(portal.held->database);
  const std::uint64_t before = portal.rows();
  const std::size_t bytes_before = out.size();
  const Portal::Progress progress = portal.advance(
      context_for(portal, database), limit, TimeSlice::of_us(core_.slice_us), out.size() + kOutputHigh, out);
  if (!portal.discards) core_.metrics.rows_sent += portal.rows() - before;
  portal.result_bytes += out.size() - bytes_before;
  if (observing()) observation_->row_bytes += out.size() - bytes_before;
  if (portal.result_bytes > settings_.most_result_bytes()) fail_too_large();
  if (before == 0 && portal.rows() != 0)
    record_first_row(*portal.plan());
  else if (before != 0 && progress == Portal::Progress::complete)
    core_.metrics.last_row_ns.record(core_.span_clock.nanoseconds(first_row_at_, SpanClock::ticks()));
  if (progress == Portal::Progress::complete) portal.held.reset();
  return progress;
}

void Session::fail_too_large() {
  ++core_.metrics.results_too_large;
  throw result_too_large(settings_.most_result_bytes());
}

reactor::Co<Portal::Progress> Session::run_here(Portal& portal, std::uint64_t limit) {
  const std::uint64_t first = portal.rows();
  for (;;) {
    check_canceled();
    const std::uint64_t left = limit == 0 ? 0 : limit - (portal.rows() - first);
    const Portal::Progress progress = advance_here(portal, left);
    if (progress == Portal::Progress::complete || progress == Portal::Progress::row_limit) co_return progress;
    check_memory();
    co_await make_room();
  }
}

reactor::Co<void> Session::make_room() {
  if (out_.size() < kOutputHigh) {
    co_await reactor::yield(core_.loop);
    co_return;
  }
  host_.on_output();
  awaits_room_ = true;
  while (out_.size() >= kOutputHigh && !canceled_) {
    output_taken_.reset();
    co_await output_taken_;
  }
  awaits_room_ = false;
}

// ---- wherever it belongs ----

Portal::Progress Session::deliver(Portal& portal, std::uint64_t limit) {
  OutBuffer discarded;
  return deliver_into(portal, limit, portal.discards ? discarded : out_);
}

Portal::Progress Session::deliver_into(Portal& portal, std::uint64_t limit, OutBuffer& out) {
  const std::uint64_t before = portal.rows();
  const std::size_t bytes_before = out.size();
  const Portal::Progress progress = portal.deliver(limit, out);
  if (!portal.discards) core_.metrics.rows_sent += portal.rows() - before;
  if (observing()) observation_->row_bytes += out.size() - bytes_before;
  if (before == 0 && portal.rows() != 0) record_first_row(*portal.plan());
  return progress;
}

void Session::record_first_row(const Plan& plan) {
  first_row_at_ = SpanClock::ticks();
  if (observing()) observation_->first_row = first_row_at_;
  const Strategy strategy = plan.direct != nullptr     ? Strategy::fast_path
                            : has_no_relations(plan) ? Strategy::constant
                                                      : Strategy::standard;
  core_.metrics.first_row_ns[static_cast<std::size_t>(settings_.current_isolation())][strategy].record(
      core_.span_clock.nanoseconds(statement_start_, first_row_at_));
}

void Session::note_if_slow(std::string_view text, std::uint64_t start) {
  const std::uint64_t took_ns = core_.span_clock.nanoseconds(start, SpanClock::ticks());
  if (core_.slow.wants(took_ns)) note_slow(text, took_ns);
}

reactor::Co<Portal::Progress> Session::run_portal(Portal& portal, std::uint64_t limit,
                                                  std::string_view description) {
  const Running running(running_, portal);
  if (transaction_.status == TransactionStatus::in_transaction && asks_oracle()) co_await await_read_timestamp();
  evaluate_if_constant(portal);
  if (!portal.has_answer() && !portal.started() && asks_oracle()) {
    // (What only releases a lock, say, need not.)
    const Plan& plan = *portal.plan();
    if (!plan.changes_nothing() || !has_no_relations(plan)) co_await await_read_timestamp();
  }
  if (portal.plan()->needs_sessions && !portal.has_answer()) co_await run_beside_sessions(portal);
  const bool here = !portal.has_answer() && (portal.started() || runs_here(*portal.plan()));
  if (!here && !portal.has_answer()) co_await run_on_oracle_core(portal);
  out_.append(description);
  if (!here) co_return deliver(portal, limit);
  const Portal::Progress progress = co_await run_here(portal, limit);
  co_return progress;
}

bool Session::is_stale(const CachedStatement& statement) {
  return statement.catalog_version != catalog().version;
}

// Plans a bound statement again, for the catalog as it is now. What the client was told of its columns must
// still be true.
void Session::replan(Portal& portal) {
  const StatementRef before = portal.statement_ref();
  StatementRef now = prepare_again(*portal.source);
  check_result_unchanged(*before, *now);
  const auto literals = literals_of(*now);
  portal.rebind(std::move(now), literals, settings_.style());
}

void Session::check_result_unchanged(const CachedStatement& before, const CachedStatement& now) const {
  const bool same = (before.plan == nullptr) == (now.plan == nullptr) &&
                    (before.plan == nullptr || (before.plan->parameter_types == now.plan->parameter_types &&
                                                before.row_description.size() == now.row_description.size()));
  const auto alike = [](const OutputColumn& a, const OutputColumn& b) {
    return a.name == b.name && a.type == b.type;
  };
  if (same && before.plan == nullptr) return;
  if (same && std::equal(before.plan->columns.begin(), before.plan->columns.end(), now.plan->columns.begin(),
                         now.plan->columns.end(), alike))
    return;
  SqlError error("0A000", "cached plan must not change result type");
  error.routine = "RevalidateCachedQuery";  // drivers know it by that name, and prepare the statement anew
  throw error;
}

void Session::fill_call(CoordinatorCall& call, std::int64_t statement_us) {
  if (transaction_.status == TransactionStatus::in_transaction) {
    settings_.settle_transaction();
    call.level = settings_.isolation();
    if (!reads_anew(call.level) && !transaction_.snapshot) take_snapshot();
    if (transaction_.id.value == 0)
      transaction_.id = TransactionId((std::uint64_t{id_.value} << 32) | ++transactions_begun_);
    call.transaction = transaction_.id;
    if (transaction_.snapshot) call.snapshot = &*transaction_.snapshot;
    call.transaction_catalog = transaction_.catalog;
    call.catalog_base = transaction_.catalog_base;
    call.reads = reads();
    if (!transaction_.savepoints.empty()) call.savepoint = transaction_.savepoints.back().number;
  }
  const auto path = settings_.search_path();
  call.search_path.assign(path.begin(), path.end());
  call.role = role_;
  call.style = &settings_.style();
  call.session = &facts_;
  call.statement_us = statement_us;
  call.transaction_us = transaction_.status == TransactionStatus::idle ? statement_us : transaction_.start_us;
  call.memory_limit = core_.statement_memory;
  call.urgency = settings_.commits_lazily() ? oracle::Urgency::lazy : oracle::Urgency::now;
}

reactor::Co<void> Session::ask(CoordinatorCall& call) {
  ++core_.metrics.coordinator_calls;
  call.backend = id_.value;
  call.sequence = ++calls_made_;
  call.lock_timeout_us = settings_.lock_timeout_us();
  settle(settled_);
  asked_through_ = 0;  // what comes after a write asks anew
  asked_ = &call;
  core_.services.submit(call);
  co_await call.answered;
  asked_ = nullptr;
  if (call.transaction.value != 0) {
    transaction_.catalog = call.transaction_catalog;
    transaction_.catalog_base = call.catalog_base;
  }
  holds_locks_ = call.holds_session_locks;
  for (const pgwire::Diagnostic& notice : call.notices) send_notice(notice);
  if (call.result_too_large) ++core_.metrics.results_too_large;
  if (call.lock_timed_out) throw SqlError("55P03", "canceling statement due to lock timeout");
  if (call.canceled) check_canceled();
  if (call.failure != nullptr) std::rethrow_exception(call.failure);
}

// A `read committed` block plans by its own definitions, where it has some; but by the newest of others.
bool Session::has_old_definitions() const {
  return transaction_.catalog != nullptr && transaction_.status == TransactionStatus::in_transaction &&
         reads_anew(settings_.isolation()) &&
         core_.published.load().catalog_version != transaction_.catalog_base;
}

reactor::Co<void> Session::renew_definitions() {
  CoordinatorCall call(core_.loop, core_.shard);
  fill_call(call, core_.wall_us());
  call.kind = CoordinatorCall::Kind::renew;
  co_await ask(call);
}

void Session::check_may_write(std::string_view command) const {
  if (settings_.read_only())
    throw SqlError("25006", fmt::format("cannot execute {} in a read-only transaction", command));
}

reactor::Co<void> Session::run_on_oracle_core(Portal& portal) {
  if (const auto mode = portal.plan()->locks_rows) check_may_write(fmt::format("SELECT {}", words_of(*mode)));
  if (!portal.plan()->reads_only()) check_may_write(name_of(portal.plan()->kind));
  if (portal.plan()->kind == Plan::Kind::insert || portal.plan()->kind == Plan::Kind::update) check_memory();
  if (portal.plan()->moves_sequences) check_may_write("nextval()");
  portal.statement_us = core_.wall_us();
  settings_.set_now(transaction_.status == TransactionStatus::idle ? portal.statement_us
                                                                   : transaction_.start_us);
  if (is_stale(portal.statement())) replan(portal);
  // A definition that changes between planning and running makes another round necessary; each round saw a
  // newer catalog.
  for (;;) {
    check_canceled();
    CoordinatorCall call(core_.loop, core_.shard);
    fill_call(call, portal.statement_us);
    call.kind = CoordinatorCall::Kind::run_plan;
    call.rows.set_limit(core_.most_answer_bytes());
    call.most_result_bytes = settings_.most_result_bytes();
    call.plan = portal.plan();
    call.meter = portal.meter;
    call.parameters = portal.parameters();
    call.encoder = &portal.encoder();
    call.catalog_version = portal.statement().catalog_version;
    co_await ask(call);
    if (call.stale) {
      replan(portal);
      continue;
    }
    portal.affected = call.affected;
    portal.result_bytes = call.rows.size();
    portal.set_answer(std::move(call.rows));
    co_return;
  }
}

// `rows`: of this Execute alone, which is what the tag of a statement with rows counts.
void Session::append_tag(const Portal& portal, std::uint64_t rows) {
  if (observing()) observe_end_of(portal, rows);
  const std::uint64_t changed = portal.plan()->columns.empty() ? portal.affected : rows;
  switch (portal.plan()->kind) {
    case Plan::Kind::select:
      pgwire::command_complete_select(out_, rows);
      return;
    case Plan::Kind::insert:
      pgwire::command_complete_count(out_, "INSERT 0", changed);
      return;
    case Plan::Kind::update:
      pgwire::command_complete_count(out_, "UPDATE", changed);
      return;
    case Plan::Kind::delete_:
      pgwire::command_complete_count(out_, "DELETE", changed);
      return;
    case Plan::Kind::truncate:
      pgwire::command_complete(out_, "TRUNCATE TABLE");
      return;
  }
}

}  // namespace gyre::adapter
