// Statements that the session carries out by itself: settings, transaction blocks, prepared statements and
// cursors of SQL. Each ends with its CommandComplete. Definitions, roles and privileges are not among them:
// they go to the oracle core as they are (run_utility).
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "adapter/durability/checkpointer.h"
#include "adapter/errors.h"
#include "adapter/plan/physical.h"
#include "adapter/session/session.h"
#include "pgwire/scram.h"

namespace gyre::adapter {

using pgwire::TransactionStatus;
using storage::Datum;
using storage::TypeId;

namespace {

std::string folded(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return lower;
}

OutputColumn text_column(std::string name) {
  OutputColumn column;
  column.name = std::move(name);
  column.type = storage::Type(TypeId::text);
  return column;
}

constexpr std::size_t kMostSavepoints = 1'000'000;
constexpr std::uint64_t kCheckpointPollUs = 2'000;
// Longer ones have to wait while the server's memory is short.
constexpr std::size_t kLongSetting = 1024;

// As errors call a statement that the oracle core carries out.
std::string_view utility_name(const ast::Statement& tree) {
  const auto is = [&tree]<class T>(std::type_identity<T>) { return std::holds_alternative<T>(tree.node); };
  if (is(std::type_identity<ast::CreateTableStatement>())) return "CREATE TABLE";
  if (is(std::type_identity<ast::CreateIndexStatement>())) return "CREATE INDEX";
  if (is(std::type_identity<ast::CreateRoleStatement>())) return "CREATE ROLE";
  if (is(std::type_identity<ast::AlterRoleStatement>())) return "ALTER ROLE";
  if (is(std::type_identity<ast::RoleSettingStatement>())) return "ALTER ROLE";
  if (is(std::type_identity<ast::DropRoleStatement>())) return "DROP ROLE";
  if (is(std::type_identity<ast::GrantRoleStatement>())) return "GRANT ROLE";
  if (is(std::type_identity<ast::GrantStatement>())) return "GRANT";
  if (is(std::type_identity<ast::CreateTableAsStatement>())) return "CREATE TABLE AS";
  if (is(std::type_identity<ast::AlterTableStatement>())) return "ALTER TABLE";
  if (is(std::type_identity<ast::RenameStatement>())) return "ALTER TABLE";
  if (is(std::type_identity<ast::CreateSequenceStatement>())) return "CREATE SEQUENCE";
  if (is(std::type_identity<ast::AlterSequenceStatement>())) return "ALTER SEQUENCE";
  if (is(std::type_identity<ast::CommentStatement>())) return "COMMENT";
  return "this statement";
}

// A definition that may need as much memory as a table does.
bool makes_rows(const ast::Statement& tree) {
  return std::holds_alternative<ast::CreateTableAsStatement>(tree.node) ||
         std::holds_alternative<ast::CreateIndexStatement>(tree.node) ||
         std::holds_alternative<ast::AlterTableStatement>(tree.node);
}

constexpr std::size_t kLongestPassword = 64 * 1024;
constexpr std::uint32_t kHashSlice = 256;  // iterations, about 200 us

// What a role's options say about its password; null where they do not.
const ast::RoleOption* password_of(const ast::Statement& tree) {
  std::span<const ast::RoleOption> options;
  if (const auto* create = std::get_if<ast::CreateRoleStatement>(&tree.node)) options = create->options;
  if (const auto* alter = std::get_if<ast::AlterRoleStatement>(&tree.node)) options = alter->options;
  const auto found = std::find_if(options.begin(), options.end(),
                                  [](const ast::RoleOption& option) { return option.name == "password"; });
  return found == options.end() ? nullptr : &*found;
}

// The same statement with another password.
ast::StatementPtr with_password(const ast::Statement& tree, std::string password) {
  const auto replaced = [&](auto statement) {
    for (ast::RoleOption& option : statement.options)
      if (option.name == "password") option.text = password;
    return std::make_unique<ast::Statement>(std::move(statement));
  };
  if (const auto* create = std::get_if<ast::CreateRoleStatement>(&tree.node)) return replaced(*create);
  return replaced(std::get<ast::AlterRoleStatement>(tree.node));
}

// The same statement with the value that FROM CURRENT stands for.
ast::StatementPtr with_value(const ast::RoleSettingStatement& given, std::string value) {
  ast::RoleSettingStatement statement = given;
  statement.set.from_current = false;
  statement.set.values = {std::move(value)};
  return std::make_unique<ast::Statement>(std::move(statement));
}

bool is_md5_hash(std::string_view text) {
  return text.size() == 35 && text.starts_with("md5") &&
         text.find_first_not_of("0123456789abcdef", 3) == std::string_view::npos;
}

void append_text_row(OutBuffer& out, std::span<const std::string> values) {
  const std::size_t row = pgwire::begin_data_row(out, static_cast<std::uint16_t>(values.size()));
  for (const std::string& value : values) pgwire::append_value(out, value);
  pgwire::end_data_row(out, row);
}

}  // namespace

// ---- what may run when ----

bool Session::is_command(const ast::Statement& tree) const {
  if (const auto* set = std::get_if<ast::SetStatement>(&tree.node))
    return set->scope != ast::SetStatement::Scope::system;
  return std::holds_alternative<ast::ShowStatement>(tree.node) ||
         std::holds_alternative<ast::TransactionStatement>(tree.node) ||
         std::holds_alternative<ast::PrepareStatement>(tree.node) ||
         std::holds_alternative<ast::ExecuteStatement>(tree.node) ||
         std::holds_alternative<ast::DeallocateStatement>(tree.node) ||
         std::holds_alternative<ast::DeclareCursorStatement>(tree.node) ||
         std::holds_alternative<ast::FetchStatement>(tree.node) ||
         std::holds_alternative<ast::CloseStatement>(tree.node) ||
         std::holds_alternative<ast::DiscardStatement>(tree.node) ||
         std::holds_alternative<ast::CheckpointStatement>(tree.node) ||
         std::holds_alternative<ast::NoOpStatement>(tree.node) ||
         std::holds_alternative<ast::ExplainStatement>(tree.node) ||
         std::holds_alternative<ast::CopyStatement>(tree.node) ||
         std::holds_alternative<ast::UnsupportedStatement>(tree.node);
}

bool Session::allowed_in_failed_transaction(const CachedStatement& statement) const {
  if (statement.is_empty()) return true;
  if (statement.tree == nullptr) return false;
  const auto* command = std::get_if<ast::TransactionStatement>(&statement.tree->node);
  using Kind = ast::TransactionStatement::Kind;
  return command != nullptr && (command->kind == Kind::commit || command->kind == Kind::rollback ||
                                command->kind == Kind::rollback_to);
}

void Session::check_transaction_allows(const CachedStatement& statement) const {
  if (transaction_.status != TransactionStatus::failed || allowed_in_failed_transaction(statement)) return;
  throw SqlError("25P02", "current transaction is aborted, commands ignored until end of transaction block");
}

std::vector<OutputColumn> Session::command_columns(const ast::Statement& tree) {
  if (const auto* show = std::get_if<ast::ShowStatement>(&tree.node)) {
    if (show->name == "all") return {text_column("name"), text_column("setting"), text_column("description")};
    const int index = find_setting(show->name);
    return {text_column(
        index < 0 ? show->name : std::string(setting_definitions()[static_cast<std::size_t>(index)].name))};
  }
  if (const auto* execute = std::get_if<ast::ExecuteStatement>(&tree.node)) {
    PreparedStatement& statement = prepared(execute->name);
    return statement.statement->plan == nullptr ? std::vector<OutputColumn>()
                                                : statement.statement->plan->columns;
  }
  if (const auto* fetch = std::get_if<ast::FetchStatement>(&tree.node)) {
    const Portal* found = portals_.find(fetch->name);
    if (fetch->move || found == nullptr || found->plan() == nullptr) return {};
    return found->plan()->columns;
  }
  if (const auto* explain = std::get_if<ast::ExplainStatement>(&tree.node)) return explain_columns(*explain);
  return {};
}

reactor::Co<void> Session::run_command(StatementRef statement, Describe describe, const RowEncoder* encoder) {
  const ast::Statement::Node& node = statement->tree->node;
  if (const auto* transaction = std::get_if<ast::TransactionStatement>(&node)) {
    co_await run_transaction_command(*transaction);
  } else if (const auto* execute = std::get_if<ast::ExecuteStatement>(&node)) {
    co_await run_sql_execute(*execute, describe);
  } else if (const auto* fetch = std::get_if<ast::FetchStatement>(&node)) {
    co_await run_fetch(*fetch, describe);
  } else if (const auto* copied = std::get_if<ast::CopyStatement>(&node)) {
    co_await run_copy(*copied, statement);
  } else if (const auto* set = std::get_if<ast::SetStatement>(&node);
             set != nullptr && is_command(*statement->tree)) {
    run_set(*set);
  } else if (const auto* show = std::get_if<ast::ShowStatement>(&node)) {
    run_show(*show, describe, encoder);
  } else if (const auto* prepare = std::get_if<ast::PrepareStatement>(&node)) {
    run_sql_prepare(*prepare, statement);
  } else if (const auto* deallocate = std::get_if<ast::DeallocateStatement>(&node)) {
    run_deallocate(*deallocate);
  } else if (const auto* declare = std::get_if<ast::DeclareCursorStatement>(&node)) {
    run_declare(*declare, statement);
  } else if (const auto* close = std::get_if<ast::CloseStatement>(&node)) {
    run_close(*close);
  } else if (const auto* discard = std::get_if<ast::DiscardStatement>(&node)) {
    co_await run_discard(*discard);
  } else if (std::holds_alternative<ast::CheckpointStatement>(node)) {
    co_await run_checkpoint();
  } else if (const auto* no_op = std::get_if<ast::NoOpStatement>(&node)) {
    pgwire::command_complete(out_, no_op->tag);
  } else if (const auto* explain = std::get_if<ast::ExplainStatement>(&node)) {
    co_await run_explain(*explain, statement, describe);
  } else if (const auto* unsupported = std::get_if<ast::UnsupportedStatement>(&node)) {
    throw SqlError("0A000", fmt::format("{} is not supported", unsupported->what));
  } else {
    co_await run_utility(*statement->tree);
  }
}

// ---- transactions ----

void Session::begin_transaction(bool implicit) {
  transaction_ = {};
  transaction_.status = TransactionStatus::in_transaction;
  transaction_.implicit = implicit;
  transaction_.start_us = core_.wall_us();
  settings_.begin_transaction();
  if (settings_.transaction_timeout_us() != 0)
    core_.loop.arm_timer_after_us(transaction_timeout_, settings_.transaction_timeout_us());
}

void Session::end_transaction(bool committed) {
  portals_.clear();
  transaction_ = {};
  core_.loop.cancel_timer(transaction_timeout_);
  settings_.end_transaction(committed);
  if (!committed || std::exchange(role_is_local_, false)) follow_role_setting();
}

// SET SESSION AUTHORIZATION and SET ROLE are undone with their transaction, like any setting. (Membership may
// have been revoked meanwhile.)
void Session::follow_role_setting() {
  const Catalog& where = catalog();
  if (const std::string& session = settings_.show("session_authorization"); session != session_name_) {
    const Role* const found = where.find_role(session);
    if (found != nullptr)
      become_session_role(found->id, found->name);
    else
      become_session_role(login_role_, login_name_);
  }
  const std::string& kept = settings_.show("role");
  const std::string& wanted = kept == "none" ? session_name_ : kept;
  if (wanted == role_name_) return;
  const Role* const found = where.find_role(wanted);
  if (found != nullptr && may_become(where, found->id))
    become(found->id, found->name);
  else
    become(session_role_, session_name_);
}

reactor::Co<void> Session::commit_transaction() {
  std::exception_ptr failure;
  if (transaction_.id.value != 0) {
    CoordinatorCall call(core_.loop, core_.shard);
    fill_call(call, core_.wall_us());
    call.kind = CoordinatorCall::Kind::commit;
    try {
      co_await ask(call);
    } catch (...) {
      failure = std::current_exception();
    }
  }
  end_transaction(failure == nullptr);
  if (failure != nullptr) std::rethrow_exception(failure);
}

reactor::Co<void> Session::rollback_transaction() {
  if (transaction_.id.value != 0) {
    CoordinatorCall call(core_.loop, core_.shard);
    call.kind = CoordinatorCall::Kind::rollback;
    call.transaction = transaction_.id;
    co_await ask(call);
  }
  end_transaction(false);
}

reactor::Co<void> Session::run_transaction_command(const ast::TransactionStatement& command) {
  using Kind = ast::TransactionStatement::Kind;
  const bool open = transaction_.status != TransactionStatus::idle && !transaction_.implicit;
  switch (command.kind) {
    case Kind::begin:
      if (open)
        send_notice("WARNING", "25001", "there is already a transaction in progress");
      else if (!transaction_.implicit)
        begin_transaction(false);
      apply_transaction_modes(command);
      transaction_.implicit = false;  // what went before becomes part of the block
      pgwire::command_complete(out_, command.start_word ? "START TRANSACTION" : "BEGIN");
      break;
    case Kind::commit: {
      const bool failed = transaction_.status == TransactionStatus::failed;
      const TransactionModes modes = transaction_modes();
      if (!open && command.chain)
        throw SqlError("25P01", "COMMIT AND CHAIN can only be used in transaction blocks");
      if (!open) send_notice("WARNING", "25P01", "there is no transaction in progress");
      if (failed) {
        co_await rollback_transaction();
      } else if (transaction_.status != TransactionStatus::idle) {
        co_await commit_transaction();
      }
      pgwire::command_complete(out_, failed ? "ROLLBACK" : "COMMIT");
      if (command.chain) begin_chained(modes);
      break;
    }
    case Kind::rollback: {
      const TransactionModes modes = transaction_modes();
      if (!open && command.chain)
        throw SqlError("25P01", "ROLLBACK AND CHAIN can only be used in transaction blocks");
      if (!open) send_notice("WARNING", "25P01", "there is no transaction in progress");
      if (transaction_.status != TransactionStatus::idle) co_await rollback_transaction();
      pgwire::command_complete(out_, "ROLLBACK");
      if (command.chain) begin_chained(modes);
      break;
    }
    case Kind::set_transaction:
      if (transaction_.status != TransactionStatus::idle)
        apply_transaction_modes(command);
      else
        send_notice("WARNING", "25P01", "SET TRANSACTION can only be used in transaction blocks");
      pgwire::command_complete(out_, "SET");
      break;
    case Kind::set_session_characteristics:
      if (!command.isolation.empty())
        settings_.set("default_transaction_isolation", command.isolation, SetScope::session, false);
      if (command.read_only)
        settings_.set("default_transaction_read_only", *command.read_only ? "on" : "off", SetScope::session,
                      false);
      if (command.deferrable)
        settings_.set("default_transaction_deferrable", *command.deferrable ? "on" : "off", SetScope::session,
                      false);
      pgwire::command_complete(out_, "SET");
      break;
    case Kind::savepoint:
    case Kind::release:
    case Kind::rollback_to:
      if (!open)
        throw SqlError("25P01", fmt::format("{} can only be used in transaction blocks",
                                            command.kind == Kind::savepoint ? "SAVEPOINT"
                                            : command.kind == Kind::release ? "RELEASE SAVEPOINT"
                                                                            : "ROLLBACK TO SAVEPOINT"));
      if (command.kind == Kind::rollback_to) {
        co_await rollback_to_savepoint(command.name);
      } else if (command.kind == Kind::savepoint) {
        define_savepoint(command.name);
      } else {
        release_savepoint(command.name);
      }
      pgwire::command_complete(out_, command.kind == Kind::savepoint ? "SAVEPOINT"
                                     : command.kind == Kind::release ? "RELEASE"
                                                                     : "ROLLBACK");
      break;
    case Kind::prepare:
    case Kind::commit_prepared:
    case Kind::rollback_prepared:
      throw SqlError("0A000", "prepared transactions are not supported");
  }
}

void Session::apply_transaction_modes(const ast::TransactionStatement& command) {
  if (!command.isolation.empty())
    settings_.set("transaction_isolation", command.isolation, SetScope::local, false);
  if (command.read_only)
    settings_.set("transaction_read_only", *command.read_only ? "on" : "off", SetScope::local, false);
  if (command.deferrable)
    settings_.set("transaction_deferrable", *command.deferrable ? "on" : "off", SetScope::local, false);
}

Session::TransactionModes Session::transaction_modes() const {
  return {settings_.show("transaction_isolation"), settings_.show("transaction_read_only"),
          settings_.show("transaction_deferrable")};
}

// COMMIT AND CHAIN: the next transaction is as this one was.
void Session::begin_chained(const TransactionModes& modes) {
  begin_transaction(false);
  settings_.set("transaction_isolation", modes.isolation, SetScope::local, false);
  settings_.set("transaction_read_only", modes.read_only, SetScope::local, false);
  settings_.set("transaction_deferrable", modes.deferrable, SetScope::local, false);
}

// ---- savepoints ----

// The oracle core hears of a savepoint with the next call that it could matter to.
void Session::define_savepoint(const std::string& name) {
  if (transaction_.savepoints.size() >= kMostSavepoints)
    throw SqlError("54000", "too many savepoints in one transaction");
  check_memory();
  transaction_.savepoints.push_back({name, ++transaction_.savepoints_made, settings_.mark()});
  settings_.set_savepoints(transaction_.savepoints.size());
}

// The innermost of that name: the others are hidden behind it.
std::size_t Session::find_savepoint(std::string_view name) const {
  for (std::size_t i = transaction_.savepoints.size(); i > 0; --i)
    if (transaction_.savepoints[i - 1].name == name) return i - 1;
  throw SqlError("3B001", fmt::format("savepoint \"{}\" does not exist", name));
}

void Session::release_savepoint(std::string_view name) {
  auto& savepoints = transaction_.savepoints;
  savepoints.erase(savepoints.begin() + static_cast<std::ptrdiff_t>(find_savepoint(name)), savepoints.end());
  settings_.set_savepoints(savepoints.size());
}

reactor::Co<void> Session::rollback_to_savepoint(std::string_view name) {
  auto& savepoints = transaction_.savepoints;
  const std::size_t found = find_savepoint(name);
  const std::uint32_t number = savepoints[found].number;
  portals_.erase_since(number);
  if (transaction_.id.value != 0) {
    CoordinatorCall call(core_.loop, core_.shard);
    call.kind = CoordinatorCall::Kind::rollback_to;
    call.transaction = transaction_.id;
    call.savepoint = number;
    call.level = settings_.isolation();
    call.reads = transaction_.reads.get();
    co_await ask(call);
  }
  savepoints.erase(savepoints.begin() + static_cast<std::ptrdiff_t>(found) + 1, savepoints.end());
  settings_.rollback_to(*savepoints.back().settings);
  settings_.set_savepoints(savepoints.size());
  transaction_.status = TransactionStatus::in_transaction;
  follow_role_setting();
}

// The password's verifier, from a statement that brings one or the other. Hashing takes some milliseconds:
// others get their turn in between. Beyond this core the password itself is not known.
reactor::Co<std::string> Session::make_verifier(std::string_view password) {
  if (password.empty() || pgwire::parse_scram_verifier(password)) co_return std::string(password);
  if (is_md5_hash(password))
    throw SqlError("0A000", "MD5 password hashes are not supported")
        .with_hint("Give the password itself, or a SCRAM-SHA-256 verifier.");
  if (password.size() > kLongestPassword)
    throw SqlError("22023", fmt::format("password is too long (at most {} bytes)", kLongestPassword));
  pgwire::ScramHash hash(password, pgwire::random_bytes(pgwire::kScramSaltBytes));
  while (!hash.advance(kHashSlice)) {
    co_await reactor::yield(core_.loop);
    check_canceled();
  }
  co_return hash.verifier().text();
}

// The checkpointing thread answers without waking this core, which asks again and again: little beside a
// checkpoint.
reactor::Co<void> Session::run_checkpoint() {
  if (!catalog().has_privileges_of(current_role(catalog()).id, "pg_checkpoint"))
    throw SqlError("42501", "must be superuser or have privileges of pg_checkpoint to do CHECKPOINT");
  if (core_.checkpointer != nullptr) {
    const auto request = core_.checkpointer->request();
    CheckpointOutcome outcome = core_.checkpointer->outcome(*request);
    for (; !outcome.done; outcome = core_.checkpointer->outcome(*request)) {
      co_await reactor::sleep_us(core_.loop, kCheckpointPollUs);
      check_canceled();
    }
    if (!outcome.error.empty()) {
      const pgwire::SqlState state = outcome.no_room ? pgwire::SqlState("53100") : pgwire::SqlState("58030");
      SqlError error(state, "checkpoint request failed");
      error.detail = outcome.error;
      error.hint = "Consult recent messages in the server log for details.";
      throw error;
    }
  }
  pgwire::command_complete(out_, "CHECKPOINT");
}

reactor::Co<void> Session::run_utility(const ast::Statement& given) {
  const bool sets_constraints = std::holds_alternative<ast::SetConstraintsStatement>(given.node);
  const bool locks_tables = std::holds_alternative<ast::LockTableStatement>(given.node);
  if (!sets_constraints && !locks_tables) check_may_write(utility_name(given));
  if (locks_tables && (transaction_.status != TransactionStatus::in_transaction || transaction_.implicit))
    throw SqlError("25P01", "LOCK TABLE can only be used in transaction blocks");
  if (sets_constraints && transaction_.status == TransactionStatus::idle)
    send_notice("WARNING", "25P01", "SET CONSTRAINTS can only be used in transaction blocks");
  ast::StatementPtr changed;
  if (const ast::RoleOption* const password = password_of(given); password != nullptr && password->enabled)
    changed = with_password(given, co_await make_verifier(password->text));
  if (const auto* role = std::get_if<ast::RoleSettingStatement>(&given.node);
      role != nullptr && role->set.from_current)
    changed = with_value(*role, settings_.show(role->set.name));
  const ast::Statement& tree = changed != nullptr ? *changed : given;
  if (std::holds_alternative<ast::CreateTableAsStatement>(tree.node))
    co_await look_around(SessionSurvey::Asks::history);
  check_canceled();
  if (makes_rows(tree)) check_memory();
  CoordinatorCall call(core_.loop, core_.shard);
  fill_call(call, core_.wall_us());
  call.kind = CoordinatorCall::Kind::utility;
  call.tree = &tree;
  co_await ask(call);
  if (observing() && call.tag.starts_with("SELECT "))
    observation_->counted = std::strtoull(call.tag.c_str() + std::strlen("SELECT "), nullptr, 10);
  pgwire::command_complete(out_, call.tag);
}

// ---- settings ----

void Session::run_set(const ast::SetStatement& command) {
  const bool superuser = current_role(catalog()).superuser;
  const SetScope scope =
      command.scope == ast::SetStatement::Scope::local ? SetScope::local : SetScope::session;
  if (scope == SetScope::local && transaction_.status == TransactionStatus::idle)
    send_notice("WARNING", "25P01", "SET LOCAL can only be used in transaction blocks");
  if (command.reset_all) {
    settings_.reset_all();
    pgwire::command_complete(out_, "RESET");
    return;
  }
  const bool to_default = command.reset || command.to_default;
  if (command.name == "role" && to_default) {
    settings_.reset("role", scope, true);
    role_is_local_ = role_is_local_ || scope == SetScope::local;
    follow_role_setting();
  } else if (command.name == "role" && !command.from_current) {
    set_role(setting_text({}, command.values), scope);
  } else if (command.name == "session_authorization" && !command.from_current) {
    set_session_authorization(to_default ? login_name_ : setting_text({}, command.values), scope);
  } else if (to_default) {
    settings_.reset(command.name, scope, superuser);
  } else {
    const std::string value =
        command.from_current ? settings_.show(command.name) : setting_text(command.name, command.values);
    if (value.size() > kLongSetting) check_memory();
    settings_.set(command.name, value, scope, superuser);
  }
  pgwire::command_complete(out_, command.reset ? "RESET" : "SET");
}

bool Session::may_become(const Catalog& where, RoleId target) const {
  const Role* const session = where.role(session_role_);
  return session != nullptr && (session->superuser || where.is_member(session_role_, target));
}

void Session::become(RoleId role, std::string name) {
  role_ = role;
  role_name_ = std::move(name);
  facts_.current_user = role_name_;
  role_changed_ = true;
  const Role* const now = catalog().role(role_);
  settings_.put("is_superuser", now != nullptr && now->superuser ? "on" : "off");
}

void Session::become_session_role(RoleId role, std::string name) {
  session_role_ = role;
  session_name_ = std::move(name);
  facts_.session_user = session_name_;
  become(session_role_, session_name_);
}

void Session::set_role(std::string_view name, SetScope scope) {
  RoleId chosen = session_role_;
  std::string chosen_name = session_name_;
  const bool none = folded(name) == "none";
  if (!none) {
    const Catalog& where = catalog();
    const Role* found = where.find_role(name);
    if (found == nullptr) throw SqlError("22023", fmt::format("role \"{}\" does not exist", name));
    if (!may_become(where, found->id))
      throw SqlError("42501", fmt::format("permission denied to set role \"{}\"", name));
    chosen = found->id;
    chosen_name = found->name;
  }
  if (scope == SetScope::local && transaction_.status == TransactionStatus::idle) return;
  role_is_local_ = role_is_local_ || scope == SetScope::local;
  settings_.set("role", none ? "none" : chosen_name, scope, true);
  become(chosen, std::move(chosen_name));
}

// Superusers may act as anybody, and come back; what counts is who has logged in.
void Session::set_session_authorization(std::string_view name, SetScope scope) {
  const Catalog& where = catalog();
  const Role* const found = where.find_role(name);
  if (found == nullptr) throw SqlError("22023", fmt::format("role \"{}\" does not exist", name));
  const Role* const login = where.role(login_role_);
  if (found->id != login_role_ && (login == nullptr || !login->superuser))
    throw SqlError("42501",
                   fmt::format("permission denied to set session authorization \"{}\"", found->name));
  if (scope == SetScope::local && transaction_.status == TransactionStatus::idle) return;
  role_is_local_ = role_is_local_ || scope == SetScope::local;
  settings_.set("session_authorization", found->name, scope, true);
  settings_.set("role", "none", scope, true);
  become_session_role(found->id, found->name);
}

void Session::run_show(const ast::ShowStatement& command, Describe describe, const RowEncoder* encoder) {
  std::vector<OutputColumn> columns;
  std::vector<std::vector<std::string>> rows;
  if (command.name == "all") {
    columns = {text_column("name"), text_column("setting"), text_column("description")};
    const auto definitions = setting_definitions();
    for (std::size_t i = 0; i < definitions.size(); ++i)
      rows.push_back({std::string(definitions[i].name), show_setting(definitions[i].name),
                      std::string(definitions[i].description)});
  } else {
    const int index = find_setting(command.name);
    columns = {text_column(
        index < 0 ? command.name : std::string(setting_definitions()[static_cast<std::size_t>(index)].name))};
    rows.push_back({show_setting(command.name)});
  }
  if (describe == Describe::yes) RowEncoder(columns, {}).describe(columns, out_);
  (void)encoder;  // text is the same in both formats
  for (const auto& row : rows) append_text_row(out_, row);
  pgwire::command_complete(out_, "SHOW");
}

// Properties of the server are kept in the catalog, the rest in the session.
std::string Session::show_setting(std::string_view name) {
  const int index = find_setting(name);
  if (index >= 0 &&
      setting_definitions()[static_cast<std::size_t>(index)].context == SettingContext::system) {
    const auto& parameters = catalog().system_parameters;
    const auto found = parameters.find(folded(name));
    if (found != parameters.end()) return found->second;
  }
  return settings_.show(name);
}

// ---- prepared statements ----

void Session::run_sql_prepare(const ast::PrepareStatement& command, const StatementRef& statement) {
  check_memory();
  if (prepared_.contains(command.name))
    throw SqlError("42P05", fmt::format("prepared statement \"{}\" already exists", command.name));
  std::vector<storage::Type> declared;
  for (const ast::TypeName& type : command.parameter_types)
    declared.push_back(resolve_type(type, plan_context(catalog())));
  PreparedStatement made;
  refresh_environment();
  auto planned = plan_tree(*command.statement, catalog(), declared, false);
  if (planned->plan == nullptr) throw SqlError("42601", "this statement cannot be prepared");
  made.statement = StatementRef(planned.release());
  const auto source = std::make_shared<StatementSource>(statement, *command.statement, std::move(declared));
  source->name = command.name;
  source->prepared_us = core_.wall_us();
  made.source = source;
  prepared_.emplace(command.name, std::move(made));
  pgwire::command_complete(out_, "PREPARE");
}

reactor::Co<void> Session::run_sql_execute(const ast::ExecuteStatement& command, Describe describe) {
  PreparedStatement& statement = prepared(command.name);
  if (statement.statement->plan == nullptr) {
    const StatementRef inner = statement.statement;
    if (inner->is_empty()) throw SqlError("42601", "nothing to execute");
    if (std::holds_alternative<ast::ExecuteStatement>(inner->tree->node))
      throw SqlError("0A000", "a prepared EXECUTE cannot be run by EXECUTE");
    co_await run_command(inner, describe, nullptr);
    co_return;
  }
  Portal portal;
  bind_sql_execute(command, statement, portal);
  const StatementRef bound = portal.statement_ref();
  if (observing()) observation_->execute(bound, statement.source->text);
  co_await run_portal(portal, 0, describe == Describe::yes ? bound->row_description : std::string_view());
  append_tag(portal, portal.rows());
}

// Of a statement that is planned.
void Session::bind_sql_execute(const ast::ExecuteStatement& command, PreparedStatement& statement,
                               Portal& portal) {
  refresh(statement);
  const Plan& plan = *statement.statement->plan;
  if (command.arguments.size() != plan.parameter_types.size()) {
    SqlError error("42601",
                   fmt::format("wrong number of parameters for prepared statement \"{}\"", command.name));
    error.detail = fmt::format("Expected {} parameters but got {}.", plan.parameter_types.size(),
                               command.arguments.size());
    throw error;
  }
  std::vector<Datum> parameters;
  for (std::size_t i = 0; i < command.arguments.size(); ++i)
    parameters.push_back(evaluate_argument(*command.arguments[i], i + 1, plan.parameter_types[i],
                                           plan_context(catalog()), portal.arena()));
  portal.source = statement.source;
  portal.bind(statement.statement, std::move(parameters), statement.literals, {}, settings_.style());
}

void Session::run_deallocate(const ast::DeallocateStatement& command) {
  if (command.name.empty()) {
    prepared_.clear();
    pgwire::command_complete(out_, "DEALLOCATE ALL");
    return;
  }
  const auto found = prepared_.find(command.name);
  if (found == prepared_.end())
    throw SqlError("26000", fmt::format("prepared statement \"{}\" does not exist", command.name));
  prepared_.erase(found);
  pgwire::command_complete(out_, "DEALLOCATE");
}

// ---- cursors ----

void Session::run_declare(const ast::DeclareCursorStatement& command, const StatementRef& statement) {
  if (command.hold) throw SqlError("0A000", "DECLARE CURSOR ... WITH HOLD is not supported");
  if (transaction_.status == TransactionStatus::idle)
    throw SqlError("25P01", "DECLARE CURSOR can only be used in transaction blocks");
  if (portals_.find(command.name) != nullptr)
    throw SqlError("42P03", fmt::format("cursor \"{}\" already exists", command.name));
  refresh_environment();
  auto planned = plan_tree(*command.query, catalog(), {}, false);
  if (!planned->plan->parameter_types.empty()) throw SqlError("42P02", "there is no parameter $1");
  auto made = portals_.make(command.name);
  made->savepoints_before = transaction_.savepoints_made;
  made->source = std::make_shared<StatementSource>(statement, *command.query, std::vector<storage::Type>());
  static constexpr char kBinary[2] = {0, 1};
  made->bind(StatementRef(planned.release()), {}, {},
             command.binary ? pgwire::FormatList(kBinary, 1) : pgwire::FormatList(), settings_.style());
  portals_.add(std::move(made));
  pgwire::command_complete(out_, "DECLARE CURSOR");
}

reactor::Co<void> Session::run_fetch(const ast::FetchStatement& command, Describe describe) {
  Portal* found = portals_.find(command.name);
  if (found == nullptr) throw SqlError("34000", fmt::format("cursor \"{}\" does not exist", command.name));
  Portal& cursor = *found;
  if (cursor.plan() == nullptr || !cursor.plan()->reads_only())
    throw SqlError("55000", fmt::format("portal \"{}\" cannot be fetched from", command.name));
  if (cursor.spent()) throw SqlError("55000", fmt::format("portal \"{}\" cannot be run", command.name));
  if (command.backward || command.count < 0) {
    SqlError error("55000", "cursor can only scan forward");
    error.hint = "Declare it with SCROLL option to enable backward scan.";
    throw error;
  }
  if (describe == Describe::yes && !command.move) cursor.encoder().describe(cursor.plan()->columns, out_);
  const std::uint64_t before = cursor.rows();
  const auto limit = static_cast<std::uint64_t>(command.count);
  if (command.count != 0 && !cursor.complete()) {
    cursor.discards = command.move;
    co_await run_portal(cursor, command.count == INT64_MAX ? 0 : limit);
    cursor.discards = false;
  }
  if (observing() && !command.move) observation_->note_rows(cursor.rows() - before);
  pgwire::command_complete_count(out_, command.move ? "MOVE" : "FETCH", cursor.rows() - before);
}

void Session::run_close(const ast::CloseStatement& command) {
  if (command.name.empty()) {
    portals_.clear();
    pgwire::command_complete(out_, "CLOSE CURSOR ALL");
    return;
  }
  if (portals_.find(command.name) == nullptr)
    throw SqlError("34000", fmt::format("cursor \"{}\" does not exist", command.name));
  portals_.erase(command.name);
  pgwire::command_complete(out_, "CLOSE CURSOR");
}

reactor::Co<void> Session::run_discard(const ast::DiscardStatement& command) {
  using Kind = ast::DiscardStatement::Kind;
  constexpr std::string_view kTags[] = {"DISCARD ALL", "DISCARD PLANS", "DISCARD SEQUENCES", "DISCARD TEMP"};
  if (command.kind == Kind::all) {
    if (transaction_.status != TransactionStatus::idle)
      throw SqlError("25001", "DISCARD ALL cannot run inside a transaction block");
    prepared_.clear();
    set_session_authorization(login_name_, SetScope::session);
    settings_.reset_all();
    co_await release_session_locks();
  }
  if (command.kind == Kind::all || command.kind == Kind::sequences) sequence_memory_ = {};
  pgwire::command_complete(out_, kTags[static_cast<int>(command.kind)]);
}

}  // namespace gyre::adapter
