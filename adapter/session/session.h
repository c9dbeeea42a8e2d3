// One client's conversation: bytes in, bytes out, everything between. It knows no socket: a Connection, a
// test or a benchmark feeds it and carries away what it says.
//
// Messages are handled one after the other, in the call that brings them, as long as nothing has to be waited
// for. A cached read runs to its end there (try_peek). What must wait (a commit, a long scan, a client that
// does not read) goes on in a coroutine; until it is done the session is busy and further input stays parked.
//
//   session.cc         life and input: the message pump, errors, the end
//   login.cc           from the start-up packet to AuthenticationOk
//   simple_query.cc    Query
//   extended_query.cc  Parse, Bind, Describe, Execute, Close, Sync
//   running.cc         plans: here in slices, or on the oracle core
//   copy.cc            COPY
//   activity.cc        what it tells other sessions, and what it asks about them
//   observing.cc       what is remembered, counted and logged of its statements
//   commands.cc        statements that are carried out by the session itself: SET, BEGIN, PREPARE, FETCH, …
//
// One core only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/access/peer.h"
#include "adapter/catalog/surroundings.h"
#include "adapter/coordinator/call.h"
#include "adapter/session/core.h"
#include "adapter/session/login.h"
#include "adapter/session/observation.h"
#include "adapter/session/portal.h"
#include "adapter/session/portals.h"
#include "adapter/session/session_directory.h"
#include "adapter/session/settings.h"
#include "adapter/sql/parser.h"
#include "adapter/sql_error.h"
#include "pgwire/backend_messages.h"
#include "pgwire/framer.h"
#include "pgwire/protocol_state.h"
#include "pgwire/startup.h"
#include "reactor/run_queue.h"
#include "reactor/task.h"
#include "reactor/timer.h"

namespace gyre::adapter {

// Which listener a client came through: only mz_system may log in on the internal one, and only there.
enum class Entrance : std::uint8_t { external, internal };

// Who carries a session's bytes.
class SessionHost {
 public:
  virtual void
  on_output() = 0;  // output() has grown, or finished() has become true; called any number of times per turn
  virtual void on_appetite() = 0;  // wants_input() may have changed
  virtual void on_idle() = 0;      // was busy, is not any more
  virtual void on_logged_in() {}
  virtual const Peer& peer() const { return kNobodySpecial; }  // a unix socket's, of which nothing is known
  // Whether an SSLRequest may be granted; then output() has its answer, which is the last to go in clear.
  virtual bool can_encrypt() const { return false; }
  virtual void begin_encryption() {}

 protected:
  ~SessionHost() = default;

 private:
  inline static const Peer kNobodySpecial{};
};

// What a prepared statement was made from, so that it can be planned again; shared by its portals.
struct StatementSource {
  StatementSource(std::string sql, std::string oids, std::vector<storage::Type> types)
      : text(std::move(sql)), parameter_oids(std::move(oids)), declared(std::move(types)) {}
  StatementSource(StatementRef whole, const ast::Statement& part, std::vector<storage::Type> types)
      : text(whole->key_text), declared(std::move(types)), owner(std::move(whole)), tree(&part) {}
  std::string text;                      // as parsed; where there is a tree, what it is part of
  std::string name;                      // of the prepared statement
  std::string parameter_oids;            // as on the wire
  std::int64_t prepared_us = 0;
  mutable storage::UuidBytes id{};  // in the history of statements; made when it is asked for
  std::vector<storage::Type> declared;   // the same as types; of an EXPLAIN, those of all its parameters
  StatementRef owner;                    // SQL's PREPARE or DECLARE: keeps `tree` alive
  const ast::Statement* tree = nullptr;  // what is prepared or declared
};

struct PreparedStatement {
  std::shared_ptr<const StatementSource> source;
  StatementRef statement;              // may be stale: see Session::refresh
  std::vector<LiteralToken> literals;  // of a statement found by shape; their texts lie in literal_texts
  std::vector<std::string> literal_texts;
  // For the formats that a Bind asked for last, where not everything was text.
  std::vector<pgwire::Format> peek_formats;
  std::optional<RowEncoder> peek_encoder;
};

class Session final : private reactor::Task {
 public:
  Session(SessionCore& core, SessionHost& host, SessionId id, std::uint32_t secret, Entrance entrance);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  // Handles as many messages as it can; `bytes` may go afterwards.
  void receive(std::span<const char> bytes);
  // Bytes that receive() will be given later in this turn. Worth telling only while foresees(): the last
  // statement was a prepared lookup in a large table.
  bool foresees() const { return foresees_; }
  void foresee(std::span<const char> bytes) noexcept;
  // What the client is to be sent. The host takes bytes off the front by swapping or clearing, then calls
  // on_output_taken().
  OutBuffer& output() { return out_; }
  void on_output_taken();
  // The conversation is over: send what is in output(), then close.
  bool finished() const { return finished_; }
  // False while enough input is parked.
  bool wants_input() const;
  // A statement is under way whose coroutine uses this object: it must not be destroyed.
  bool busy() const { return busy_; }
  // The client is gone: nothing more can be sent. Statements under way are cancelled.
  void on_peer_gone();

  SessionId id() const { return id_; }
  std::uint32_t secret() const { return secret_; }
  bool authenticated() const { return authenticated_; }
  Entrance entrance() const { return entrance_; }
  void request_cancel();
  // pg_cancel_backend(), pg_terminate_backend()
  void signal(SessionSignal signal);
  // What others may see of it; `plans` are those of its shard.
  void describe(const PlanCache::Texts& plans, storage::SessionRow& row) const;
  // Adds to the gauges.
  void measure(CoreMetrics& out) const;
  // The server goes down: at once if nothing is under way, else after the statement that is.
  void drain();
  // Ends the session with this FATAL error as soon as what runs can be stopped.
  void end(pgwire::Diagnostic fatal);
  // Ends the session with a FATAL message, now.
  void terminate(const pgwire::Diagnostic& fatal);
  // Not logged in within the time allowed.
  void on_login_timeout();
  // The connection is encrypted without having asked for it.
  void on_direct_encryption();
  void on_refusal_due();     // Login's
  void on_access_changed();  // other access rules are in force

  reactor::FramePool& frame_pool() { return core_.loop.frame_pool(); }
  std::size_t memory_bytes() const;

 private:
  friend class StatementTimeout;
  // A read that visits more rows than this is left to the sliced path, so that it cannot hold up the statements
  // behind it.
  static constexpr std::uint64_t kPeekRows = 512;
  static constexpr std::size_t kOutputHigh = 256 * 1024;       // stop producing until some of it is taken
  static constexpr std::size_t kOutputSlack = 8 * kOutputHigh;  // what may lie beside one more row
  static constexpr std::size_t kParkedInputHigh = 256 * 1024;  // stop reading while it cannot be handled

  struct Savepoint {
    std::string name;
    std::uint32_t number;  // within the transaction, growing from 1
    std::shared_ptr<const Settings::Mark> settings;
  };
  struct Transaction {
    pgwire::TransactionStatus status = pgwire::TransactionStatus::idle;
    bool implicit = false;  // a block that no BEGIN opened: a multi-statement query, a pipeline with writes
    TransactionId id;       // set once the oracle core keeps a branch for it
    SnapshotPin snapshot;   // of the first statement; unset where each statement has its own
    std::int64_t snapshot_us = 0;  // when that was taken
    // What has been read, where COMMIT validates that.
    std::unique_ptr<storage::ReadSet> reads;
    std::vector<Savepoint> savepoints;  // the innermost last
    std::uint32_t savepoints_made = 0;
    const Catalog* catalog = nullptr;  // the transaction's own, after DDL in it
    std::uint64_t catalog_base = 0;    // the version below it
    std::int64_t start_us = 0;
    bool oracle_asked = false;  // what it reads may be read
  };
  enum class Describe : std::uint8_t { no, yes };  // whether a RowDescription precedes the rows

  // ---- session.cc ----
  void run() override { resume(); }  // the task that goes on after a coroutine
  void resume();
  void pump();
  reactor::Job run_renewal();
  void handle(const pgwire::Frame& frame);
  void dispatch(const pgwire::Frame& frame);
  void dispatch_measured(const pgwire::Frame& frame);
  [[gnu::noinline]] void terminate_for(const pgwire::FrameResult& result);
  void apply_startup_settings(const pgwire::StartupMessage& message);
  void apply_role_settings(const Catalog& where);
  void send_parameters();
  void report_changed_settings();
  void refresh_environment();
  void refresh_source();  // by application_name
  bool environment_is_old() const { return environment_revision_ != settings_.revision() || role_changed_; }
  void fail(const pgwire::Diagnostic&
                diagnostic);  // ErrorResponse, and what follows from it for protocol and transaction
  void send_error(const pgwire::Diagnostic& diagnostic);
  void send_notice(std::string_view severity, pgwire::SqlState code, std::string message);
  void send_notice(const pgwire::Diagnostic& notice);
  void finish();
  void abandon_transaction();
  reactor::Job run_abandon();
  reactor::Co<void> release_session_locks();
  void ready();
  void set_busy();
  void job_done();
  const Role& current_role(const Catalog& catalog) const;

  // ---- login.cc ----
  void on_startup_packet(const pgwire::Frame& frame);
  void answer_encryption_request(const pgwire::ReplyByte& reply);
  void start_session(pgwire::StartupMessage start_up);
  void begin_scram(const Catalog& published);
  void on_login_message(const pgwire::Frame& frame);
  void end_scram(std::string_view message);
  void log_in();
  void refuse(pgwire::Diagnostic diagnostic, Refusal why);

  // ---- simple_query.cc ----
  // Answers a simple query at once, where its plan is cached and reads little. False: it is to be dispatched.
  bool peek(const pgwire::Frame& frame);
  [[gnu::noinline]] void fail_current(std::string_view text);
  [[gnu::noinline]] void note_slow(std::string_view text, std::uint64_t took_ns);
  void on_query(const pgwire::Frame& frame);
  bool try_peek(std::string_view text);
  static bool reads_little(const DirectRead& read, const storage::Database& database) {
    return !read.key.empty() || database.table(read.table)->rows.size() <= kPeekRows;
  }
  // For a statement that runs at once, with core_.datums as parameters.
  void fill_context(storage::EvalContext& eval) const {
    eval.parameters = core_.datums.data();
    eval.arena = &core_.arena;
    eval.style = &settings_.style();
    eval.session = &facts_;
    eval.transaction_us = eval.statement_us = core_.wall_us();
  }
  // Rows, CommandComplete and ReadyForQuery of a plan's direct read with the parameters in core_.datums. False:
  // there is too much of it, and what has been appended is to go.
  bool answer_read(const CachedStatement& statement, const RowEncoder& encoder,
                   const storage::Database& database);
  // The same, for the path on which a call would count.
  bool answer_read_inline(const CachedStatement& statement, const RowEncoder& encoder,
                          const storage::Database& database);
  bool answer_peek(const oracle::Publication& now, const CachedStatement& found);
  [[gnu::noinline]] bool answer_watched_peek(std::string_view text, const oracle::Publication& now,
                                             CachedStatement& found);
  reactor::Job run_query(std::string_view text);
  reactor::Co<void> run_statements(std::string_view text);
  reactor::Co<void> run_one(std::string_view text, ast::StatementPtr tree);

  // ---- extended_query.cc ----
  // Answers a Bind and what has come behind it up to the Sync at once, where its plan reads little. False: it is
  // to be dispatched, and nothing has happened.
  bool peek_prepared(std::string_view body);
  bool try_peek_prepared(const pgwire::Bind& bind, bool describes);
  [[gnu::noinline]] bool answer_watched_read(const PreparedStatement& prepared, const RowEncoder& encoder,
                                             const oracle::Publication& now);
  PreparedStatement* find_prepared(std::string_view name);
  void bind_now(const PreparedStatement& prepared, const pgwire::Bind& bind);
  static const RowEncoder& peek_encoder(PreparedStatement& prepared, pgwire::FormatList formats);
  void on_parse(std::string_view body);
  void on_bind(std::string_view body);
  void bind_portal(PreparedStatement& statement, const pgwire::Bind& message);
  void on_describe(std::string_view body);
  void on_execute(std::string_view body);
  void on_close(std::string_view body);
  void on_sync(std::string_view body);
  void end_batch();
  reactor::Job run_execute(Portal* portal, std::uint64_t limit);
  reactor::Job run_sync();
  void describe_statement(PreparedStatement& prepared);
  static std::span<const storage::Type> parameter_types(const CachedStatement& statement,
                                                        const StatementSource* source);
  PreparedStatement& prepared(std::string_view name);
  Portal& portal(std::string_view name);
  bool is_stale(const CachedStatement& statement);
  void refresh(PreparedStatement& prepared);
  void replan(Portal& portal);
  void copy_literals(PreparedStatement& prepared) const;
  void check_result_unchanged(const CachedStatement& before, const CachedStatement& now) const;
  bool changes(const CachedStatement& statement) const;
  bool executing_changes(const ast::ExecuteStatement& command) const;
  bool execute_now(Portal& portal, std::uint64_t limit);
  void execute_done(Portal& portal, Portal::Progress progress, std::uint64_t rows);
  void check_can_run(const Portal& portal) const;

  // ---- running.cc ----
  // The statement ready to run. Throws SqlError, Failure. `literals` of an entry by shape are in
  // core_.plans.literals().
  StatementRef prepare(std::string_view text, std::string_view parameter_oids,
                       std::span<const storage::Type> declared, ast::StatementPtr tree = nullptr);
  bool is_prepared(std::string_view text);  // prepare() would find it in the cache
  std::vector<ast::StatementPtr> parse(std::string_view text);
  StatementRef prepare_again(const StatementSource& source);
  // Planned, if it is of that kind, against this catalog and the current environment.
  std::unique_ptr<CachedStatement> plan_tree(const ast::Statement& tree, const Catalog& where,
                                             std::span<const storage::Type> declared,
                                             bool literals_as_parameters);
  std::span<const LiteralToken> literals_of(const CachedStatement& statement) const;
  void check_still_allowed(const Plan& plan) const;
  oracle::Publication newest();  // what the next statement reads
  const Catalog& catalog();
  bool runs_here(const Plan& plan);
  ExecutionContext context_for(const Portal& portal, const storage::Database& database);
  bool asks_oracle();
  // How a cached read is answered: what the core says; of those that the core leaves to an oracle, this session may
  // have an isolation level that asks none.
  SessionCore::PeekMode peek_mode(const oracle::Publication& now) {
    const SessionCore::PeekMode mode = core_.peek_mode(now);
    if (mode != SessionCore::PeekMode::elsewhere || asks_oracle() || !core_.reads_run_here(now)) [[likely]]
      return mode;
    return core_.history.watches() ? SessionCore::PeekMode::watched : SessionCore::PeekMode::plain;
  }
  bool is_cached_peek(std::string_view text);
  reactor::Co<void> await_read_timestamp();
  void start_here(Portal& portal);
  void evaluate_if_constant(Portal& portal);
  Portal::Progress advance_here(Portal& portal, std::uint64_t limit);
  Portal::Progress advance_into(Portal& portal, std::uint64_t limit, OutBuffer& out);
  // Between two slices: waits until there is room for more output, or just lets others run.
  reactor::Co<void> make_room();
  // `description`: a RowDescription to precede the rows; left out where nothing but an error follows.
  reactor::Co<Portal::Progress> run_portal(Portal& portal, std::uint64_t limit,
                                           std::string_view description = {});
  [[noreturn]] void fail_too_large();
  reactor::Co<Portal::Progress> run_here(Portal& portal, std::uint64_t limit);
  Portal::Progress deliver(Portal& portal, std::uint64_t limit);
  Portal::Progress deliver_into(Portal& portal, std::uint64_t limit, OutBuffer& out);
  reactor::Co<void> run_on_oracle_core(Portal& portal);
  reactor::Co<void> ask(CoordinatorCall& call);
  bool has_old_definitions() const;
  reactor::Co<void> renew_definitions();
  void fill_call(CoordinatorCall& call, std::int64_t statement_us);
  void check_may_write(std::string_view command) const;
  void append_tag(const Portal& portal, std::uint64_t rows);
  void record_first_row(const Plan& plan);
  void note_if_slow(std::string_view text, std::uint64_t start);
  void count_statement(const CachedStatement& statement);

  // ---- activity.cc ----
  // Says which portal the statement under way runs, as long as it does.
  class Running {
   public:
    Running(const Portal*& place, const Portal& portal) : place_(place) { place = &portal; }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() { place_ = nullptr; }

   private:
    const Portal*& place_;
  };
  void show_text(std::string_view text);  // of the statement that is taken up
  // What the oracle core may change while a call is under way, and is shown meanwhile as it was before.
  struct Settled {
    std::string application, isolation;
    bool read_only = false;
    std::size_t read_set_bytes = 0;
  };
  void settle(Settled& out) const;
  std::string text_shown(const PlanCache::Texts& plans) const;
  std::string_view state_shown() const;
  void describe_snapshot(storage::SessionRow& row) const;
  reactor::Co<void> look_around(SessionSurvey::Asks what);
  reactor::Co<void> forget(ForgottenStatements which);
  reactor::Co<void> run_beside_sessions(Portal& portal);
  reactor::Co<void> gather_answer(Portal& portal);
  reactor::Co<void> wait_for_end();

  // ---- observing.cc ----
  bool is_watched() {
    if (environment_is_old()) [[unlikely]]
      refresh_environment();
    return watch_.asks();
  }
  bool observing() const { return observation_ != nullptr && observation_->active; }
  void rewatch();
  void begin_observation(std::string_view text, const StatementSource* prepared = nullptr,
                         const Portal* portal = nullptr);
  bool take_up(std::string_view text, const StatementSource* prepared);
  void observe_unready(std::string_view text, std::string_view name,
                       const StatementSource* prepared = nullptr);
  void observe_ready(StatementRef statement);
  void observe_parameters(std::span<const storage::Type> types, std::span<const storage::Datum> values);
  void observe_snapshot(Timestamp read_ts);
  void observe_end_of(const Portal& portal, std::uint64_t rows);
  void finish_observed_read(std::size_t rows_begin, std::uint64_t rows);
  void suspend_observation();
  void finish_observation(const pgwire::Diagnostic* error = nullptr);
  void keep_observation(Observation& seen, std::string_view status, std::string_view error,
                        std::uint64_t took_ns);
  static const NormalizedStatement& normalized(CachedStatement& statement, std::string_view text);
  void announce(Observation& seen);
  void log_end(Observation& seen, const pgwire::Diagnostic* error, std::uint64_t took_ns);
  void log_error(const pgwire::Diagnostic& error);
  void log(LogEvent& event, const Observation& seen);
  storage::UuidBytes session_uuid() const;

  // ---- copy.cc ----
  reactor::Co<void> run_copy(const ast::CopyStatement& command, StatementRef statement);
  reactor::Co<void> run_copy_from(const ast::CopyStatement& command);
  reactor::Co<void> run_copy_to(const ast::CopyStatement& command, StatementRef whole);
  bool take_copy_messages(class CopyInput* input, bool& all_came);
  reactor::Co<void> copy_input_arrives();
  reactor::Co<void> insert_batch(CopyInput& input, std::uint64_t catalog_version, std::int64_t statement_us,
                                 std::uint64_t& inserted);

  // ---- commands.cc ----
  bool is_command(const ast::Statement& tree) const;
  bool allowed_in_failed_transaction(const CachedStatement& statement) const;
  void check_transaction_allows(const CachedStatement& statement) const;
  // What columns the command answers; empty for none.
  std::vector<OutputColumn> command_columns(const ast::Statement& tree);
  // Carries out a statement that is not planned, up to and including CommandComplete.
  reactor::Co<void> run_command(StatementRef statement, Describe describe, const RowEncoder* encoder);
  reactor::Co<void> run_transaction_command(const ast::TransactionStatement& command);
  reactor::Co<void> commit_transaction();
  reactor::Co<void> rollback_transaction();
  reactor::Co<void> run_checkpoint();
  reactor::Co<void> run_utility(const ast::Statement& tree);
  reactor::Co<std::string> make_verifier(std::string_view password);
  reactor::Co<void> run_sql_execute(const ast::ExecuteStatement& command, Describe describe);
  void bind_sql_execute(const ast::ExecuteStatement& command, PreparedStatement& statement, Portal& portal);
  void begin_transaction(bool implicit);
  void end_transaction(bool committed);
  void follow_role_setting();
  void take_snapshot();
  storage::ReadSet* reads();
  struct TransactionModes {
    std::string isolation, read_only, deferrable;
  };
  TransactionModes transaction_modes() const;
  void begin_chained(const TransactionModes& modes);
  void define_savepoint(const std::string& name);
  std::size_t find_savepoint(std::string_view name) const;
  void release_savepoint(std::string_view name);
  reactor::Co<void> rollback_to_savepoint(std::string_view name);
  void apply_transaction_modes(const ast::TransactionStatement& command);
  void run_set(const ast::SetStatement& command);
  std::string show_setting(std::string_view name);
  bool may_become(const Catalog& where, RoleId target) const;  // by SET ROLE
  void set_role(std::string_view name, SetScope scope);
  void set_session_authorization(std::string_view name, SetScope scope);
  void become(RoleId role, std::string name);
  void become_session_role(RoleId role, std::string name);
  void run_show(const ast::ShowStatement& command, Describe describe, const RowEncoder* encoder);
  void run_sql_prepare(const ast::PrepareStatement& command, const StatementRef& statement);
  void run_deallocate(const ast::DeallocateStatement& command);
  void run_declare(const ast::DeclareCursorStatement& command, const StatementRef& statement);
  reactor::Co<void> run_fetch(const ast::FetchStatement& command, Describe describe);
  void run_close(const ast::CloseStatement& command);
  reactor::Co<void> run_discard(const ast::DiscardStatement& command);
  // ---- explain.cc ----
  // `given`: values of $1 …, of these types.
  reactor::Co<void> run_explain(const ast::ExplainStatement& command, StatementRef whole, Describe describe,
                                std::span<const storage::Type> types = {},
                                std::span<const storage::Datum> given = {});
  void plan_explained(const ast::Statement& explained, StatementRef whole, std::span<const storage::Type> types,
                      std::span<const storage::Datum> given, Portal& portal);
  std::vector<storage::Type> explained_types(const ast::ExplainStatement& command,
                                             std::span<const storage::Type> declared);
  void answer_explain(const ast::ExplainStatement& command, std::string_view text, Describe describe);
  std::string explain_timestamp(const ast::ExplainStatement& command, const Plan& plan);
  std::vector<OutputColumn> explain_columns(const ast::ExplainStatement& command) const;
  PlanContext plan_context(const Catalog& catalog) const;

  template <void (Session::*kHandler)()>
  class Timeout final : public reactor::Timer {
   public:
    explicit Timeout(Session& session) : session_(session) {}
    void on_timer() override { (session_.*kHandler)(); }

   private:
    Session& session_;
  };
  void on_statement_timeout();
  void on_idle_timeout();
  void on_transaction_timeout();
  void watch_idleness();
  void arm_statement_timeout();
  void check_canceled();
  void interrupt();  // what is under way is canceled, wherever it waits
  // Throws 53200 while the server as a whole has used up its memory.
  void check_memory();

  SessionCore& core_;
  SessionHost& host_;
  const SessionId id_;
  const std::uint32_t secret_;
  const Entrance entrance_;

  pgwire::InputAssembler input_;
  pgwire::ProtocolState protocol_;
  pgwire::StartupMachine startup_;
  std::unique_ptr<Login> login_;  // while there is one under way
  OutBuffer out_;
  reactor::Event output_taken_;  // also: input of a COPY has arrived, or the statement is to end
  Settings settings_;
  StatementWatch watch_;  // as the core knows it
  std::unique_ptr<Observation> observation_;
  std::string first_application_;  // at the session's start
  std::uint64_t lines_logged_ = 0;
  std::uint64_t parse_ticks_ = 0;  // what the parser took last
  std::uint64_t environment_revision_ = UINT64_MAX;  // of settings_ and role_, that environment_ stands for
  EnvironmentId environment_;
  RoleId login_role_;    // has proven who it is
  RoleId session_role_;  // the same, or by SET SESSION AUTHORIZATION another
  RoleId role_;          // the same, or by SET ROLE another: what statements run as
  std::string login_name_;
  std::string session_name_;
  std::string role_name_;
  std::string database_;
  storage::SessionFacts facts_;
  storage::SequenceMemory sequence_memory_;
  // What functions and regclass ask while they run on this core.
  class Surroundings final : public CatalogSurroundings {
   public:
    explicit Surroundings(Session& session) : session_(session) {}

   private:
    const Catalog& catalog() const override { return session_.catalog(); }
    const storage::Database& database() const override {
      return *static_cast<const storage::Database*>(session_.newest().database);
    }
    std::span<const std::string> search_path() const override { return session_.settings_.search_path(); }
    RoleId role() const override { return session_.role_; }
    storage::SequenceMemory* memory() const override { return &session_.sequence_memory_; }

    Session& session_;
  };
  Surroundings surroundings_{*this};
  Transaction transaction_;
  std::map<std::string, PreparedStatement, std::less<>> prepared_;
  Portals portals_;
  PreparedStatement unnamed_;
  bool has_unnamed_ = false;
  std::vector<storage::Datum> parameter_scratch_;
  Timeout<&Session::on_statement_timeout> timeout_{*this};
  Timeout<&Session::on_idle_timeout> idle_timeout_{*this};
  Timeout<&Session::on_transaction_timeout> transaction_timeout_{*this};
  std::uint64_t idle_start_ = 0;              // ticks, where idleness is watched
  std::optional<pgwire::Diagnostic> ending_;  // why the session ends once nothing is under way
  // Where the running statement begins in its query's text, for error positions.
  std::size_t statement_base_ = 0;
  std::uint64_t statement_start_ = 0;  // ticks, when the running statement's message was taken up
  std::uint64_t first_row_at_ = 0;     // ticks, of the statement that had one last
  std::size_t source_ = 0;             // its place in CoreMetrics::queries
  // What the session shows of its last statement: the serial of its plan, or else its text.
  std::uint64_t shown_plan_ = 0;
  std::string shown_text_;
  std::int64_t started_us_ = 0;        // wall clock
  std::int64_t state_changed_us_ = 0;  // the same; cached reads apart
  Settled settled_;                    // when the last call to the oracle core was made
  const Portal* running_ = nullptr;    // the portal that the statement under way runs
  std::unique_ptr<SessionDirectory> directory_;  // while a statement runs that asks about the others
  std::uint32_t transactions_begun_ = 0;
  std::uint32_t calls_made_ = 0;  // to the oracle core
  bool holds_locks_ = false;      // on the oracle core, beyond transactions
  CoordinatorCall* asked_ = nullptr;  // the last of them, until it is answered
  OracleTicket* ticket_ = nullptr;    // while the statement under way waits for the timestamp oracle
  bool has_read_timestamp_ = false;   // the message under way has been answered
  // Of the input: what had arrived when the oracle was asked last, and has answered. 0 after a call to the oracle core.
  std::uint64_t asked_through_ = 0;
  bool timed_out_ = false;
  bool canceled_ = false;
  bool busy_ = false;
  bool finished_ = false;
  bool authenticated_ = false;
  bool admitted_ = false;
  bool peer_gone_ = false;
  bool counted_ = false;  // the statement in hand, among metrics.queries
  bool draining_ = false;
  bool awaits_room_ = false;   // the running statement goes on when some of out_ was taken
  bool awaits_input_ = false;  // the running statement is a COPY that goes on when input arrives
  bool foresees_ = false;
  bool role_changed_ = true;
  bool role_is_local_ = false;  // SET LOCAL ROLE: until the end of the transaction
};

}  // namespace gyre::adapter
