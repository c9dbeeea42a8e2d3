// A session's run-time parameters: what SET, SHOW, RESET and a startup packet talk about. Known names only,
// each with its default, its check and whether the client is told of changes (ParameterStatus).
//
// Owned by one session, on its shard. While the session waits for the oracle core that core may read it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/coordinator/isolation_level.h"
#include "adapter/history/statement_watch.h"
#include "storage/type.h"

namespace gyre::adapter {

enum class SettingContext : std::uint8_t {
  user,       // any session may set it
  superuser,  // SET by superusers only
  system,     // ALTER SYSTEM SET only: a property of the server
  internal,   // can be shown, never set
};

// What a text must look like to be a value, and how it is kept.
enum class SettingKind : std::uint8_t {
  boolean,  // on/off and PostgreSQL's other spellings; kept as on/off
  integer,  // with an optional unit of `unit`
  real,
  text,
  choice,  // one of `choices`, any case; kept as listed
  time_zone,
  date_style,
  search_path,
  role,
  isolation,
  encoding,
  name_list,
};

struct SettingDefinition {
  std::string_view name;  // as SHOW ALL spells it: "DateStyle"
  SettingKind kind;
  SettingContext context;
  std::string_view initial;
  bool reported = false;
  std::string_view unit = {};  // "ms", "kB"
  std::span<const std::string_view> choices = {};
  double least = 0, most = 2147483647;
  std::string_view description = {};
};

std::span<const SettingDefinition> setting_definitions();
// By name in any case; -1 if there is none. Names with a dot ("myapp.user") are custom settings and not in
// the table.
int find_setting(std::string_view name);
// The nearest known name, for a hint; empty if nothing is near.
std::string_view nearest_setting(std::string_view name);
// The value as it is kept; throws SqlError (22023 invalid value, with PostgreSQL's words).
std::string check_setting(const SettingDefinition& definition, std::string_view value);
// For sessions to begin with (ALTER ROLE … SET): throws where SET of the value, or RESET where there is none,
// would. Returns the name as it is kept.
std::string check_for_later(std::string_view name, std::optional<std::string_view> value, bool superuser);
// SET name TO a, b as the one text that the setting keeps.
std::string setting_text(std::string_view name, std::span<const std::string> values);
// "50MB", as it is kept of a setting in bytes, as a number.
std::uint64_t setting_bytes(std::string_view kept);
// "on" and its other spellings.
std::optional<bool> parse_boolean(std::string_view text);

enum class SetScope : std::uint8_t { session, local };

inline constexpr std::size_t kLongestSetting = 16 * 1024;             // of a setting of the table
inline constexpr std::size_t kMostCustomBytes = std::size_t{4} << 20;  // names and values, of one session

class Settings {
 public:
  Settings();

  // The value as SHOW prints it. Throws SqlError 42704 for unknown names.
  const std::string& show(std::string_view name) const;
  const std::string* find(std::string_view name) const;
  const std::string& value(int index) const;

  // Throws SqlError: 42704 unknown, 22023 invalid or longer than kLongestSetting, 55P02 not settable now,
  // 42501 not allowed, 54000 where the custom ones would be more than kMostCustomBytes together.
  void set(std::string_view name, std::string_view value, SetScope scope, bool superuser);
  void reset(std::string_view name, SetScope scope, bool superuser);
  void reset_all();
  // What RESET goes back to: what the startup packet and the server's defaults made of it.
  void set_default(std::string_view name, std::string_view value);
  // For values that the session itself decides ("is_superuser", "session_authorization",
  // "transaction_isolation").
  void put(std::string_view name, std::string_view value);

  // Transaction boundaries: SET LOCAL ends with the transaction, SET is undone by a rollback.
  void begin_transaction();
  void end_transaction(bool committed);
  // A statement outside of blocks changes settings, set_config(…, true) its own; the other one is called
  // before whatever comes next, also where there was no such statement.
  void begin_statement() { in_statement_ = !in_transaction_; }
  void end_statement() {
    if (in_statement_) [[unlikely]] restore(true);
  }
  // The transaction has read or written something: its isolation level is settled.
  void settle_transaction() { settled_ = true; }

 private:
  struct Saved {
    std::string before;  // value at the transaction's start
    std::string after;   // value that a commit leaves: differs from the current one after SET LOCAL
  };
  // A session changes few settings: what it has not changed is the table's, shared by all.
  struct Own {
    int index;
    std::string text;
  };

  // "myapp.user" and the like.
  struct Custom {
    std::map<std::string, std::string, std::less<>> values;
    std::size_t bytes = 0;  // of names and values
  };

 public:
  // All values within a transaction, at a savepoint. Savepoints between which nothing was set share one.
  struct Mark {
    std::vector<Own> values;
    std::shared_ptr<Custom> custom;
    std::optional<std::shared_ptr<Custom>> custom_after;
    std::map<int, Saved> saved;
  };
  std::shared_ptr<const Mark> mark();
  void rollback_to(const Mark& mark);
  // How many savepoints are open: within one, the transaction's own settings stay as they are.
  void set_savepoints(std::size_t open) { in_savepoint_ = open != 0; }

  bool has_changed() const { return !told_.empty(); }
  // Reported settings whose value is another than at the last call, in table order.
  std::vector<int> take_changed();

  // The style that values are read and printed with; kept in step with DateStyle, TimeZone, bytea_output,
  // extra_float_digits.
  const storage::TextStyle& style() const { return style_; }
  void set_now(std::int64_t us) { style_.now_us = us; }
  void set_relations(const storage::RelationNames* names) { style_.relations = names; }
  std::span<const std::string> search_path() const { return search_path_; }
  std::uint64_t most_result_bytes() const { return most_result_bytes_; }  // max_query_result_size
  std::uint64_t statement_timeout_us() const { return statement_timeout_us_; }  // 0: none
  std::uint64_t idle_transaction_timeout_us() const { return idle_transaction_timeout_us_; }
  std::uint64_t idle_session_timeout_us() const { return idle_session_timeout_us_; }
  std::uint64_t transaction_timeout_us() const { return transaction_timeout_us_; }
  std::uint64_t lock_timeout_us() const { return lock_timeout_us_; }
  bool watches_idleness() const { return idle_transaction_timeout_us_ + idle_session_timeout_us_ != 0; }
  bool commits_lazily() const { return commits_lazily_; }  // synchronous_commit = off
  // Of the open transaction.
  IsolationLevel isolation() const { return isolation_; }
  // What a statement outside of blocks runs at, and the next block.
  IsolationLevel default_isolation() const { return default_isolation_; }
  IsolationLevel current_isolation() const { return in_transaction_ ? isolation_ : default_isolation_; }
  // Whether what is read next has to be the newest there is anywhere: `strict serializable` by that name.
  bool is_strict() const;
  bool read_only() const { return in_transaction_ ? read_only_ : default_read_only_; }
  // Changes whenever anything changes that a plan may depend on, or watch().
  std::uint64_t revision() const { return revision_; }
  const StatementWatch& watch() const { return watch_; }
  // What of the settings plans depend on, as one text: equal texts, interchangeable plans.
  std::string plan_environment() const;

 private:
  void check_transaction_setting(const SettingDefinition& definition, int index,
                                 std::string_view given) const;
  static const std::string* find_own(const std::vector<Own>& list, int index);
  static void put_own(std::vector<Own>& list, int index, std::string text);
  const std::string& default_of(int index) const;
  void assign(int index, std::string value, SetScope scope);
  void assign_custom(std::string_view name, std::string_view value, SetScope scope);
  static void put_custom(std::shared_ptr<Custom>& custom, const std::string& name, std::string_view value);
  void store(int index, std::string value);
  void restore(bool committed);
  void derive(int index);
  void derive_timeout(const SettingDefinition& definition, std::string_view now);
  bool derive_watch(std::string_view name, std::string_view now);

  std::vector<Own> values_;    // where they differ from the table's
  std::vector<Own> defaults_;  // what RESET restores, where it differs from the table's
  std::shared_ptr<Custom> custom_;  // null: none. Shared with marks: changed by way of put_custom()
  std::shared_ptr<const Mark> mark_;  // the last one, while all is as it was then
  std::map<int, Saved> saved_;  // settings touched by the open transaction, or statement
  std::vector<Own> told_;       // what the client was told last of reported settings that were stored since
  std::shared_ptr<Custom> custom_before_;  // at the transaction's start
  // What a commit leaves, where it is other than custom_ since a SET LOCAL.
  std::optional<std::shared_ptr<Custom>> custom_after_;
  std::uint64_t most_result_bytes_ = std::uint64_t{1} << 30;
  std::uint64_t statement_timeout_us_ = 0;
  bool commits_lazily_ = false;
  std::uint64_t idle_transaction_timeout_us_ = 0;
  std::uint64_t idle_session_timeout_us_ = 0;
  std::uint64_t transaction_timeout_us_ = 0;
  IsolationLevel isolation_ = IsolationLevel::strict_serializable;
  IsolationLevel default_isolation_ = IsolationLevel::serializable;
  bool read_only_ = false;
  bool default_read_only_ = false;
  std::uint64_t lock_timeout_us_ = 0;
  bool in_transaction_ = false;
  bool in_statement_ = false;  // which is no transaction's
  bool settled_ = false;
  bool in_savepoint_ = false;
  StatementWatch watch_;
  std::uint64_t revision_ = 0;
  storage::TextStyle style_;
  std::vector<std::string> search_path_;
};

}  // namespace gyre::adapter
