// One table says all there is to know of each setting; the code below it knows kinds, not names, except where
// a setting has a derived form (the text style, the search path). Values are kept as the text that SHOW
// prints: settings are read when something changes, not per statement.
#include "adapter/session/settings.h"

#include <fmt/format.h>

#include <strings.h>
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "adapter/session/nearest_name.h"
#include "adapter/sql_error.h"
#include "adapter/version.h"
#include "storage/types/time_zone.h"

namespace gyre::adapter {

namespace {

using enum SettingKind;
using enum SettingContext;

constexpr std::array<std::string_view, 9> kMessageLevels = {"debug5", "debug4", "debug3",  "debug2", "debug1",
                                                            "log",    "notice", "warning", "error"};
constexpr std::array<std::string_view, 3> kReadModes = {"published", "batched", "direct"};
constexpr std::array<std::string_view, 4> kIntervalStyles = {"postgres", "postgres_verbose", "sql_standard",
                                                             "iso_8601"};
constexpr std::array<std::string_view, 2> kByteaOutputs = {"escape", "hex"};
constexpr std::array<std::string_view, 5> kSyncLevels = {"local", "remote_write", "remote_apply", "on",
                                                         "off"};
constexpr std::array<std::string_view, 3> kBackslashQuote = {"safe_encoding", "on", "off"};
constexpr std::array<std::string_view, 3> kXmlOptions = {"content", "document"};
constexpr std::array<std::string_view, 12> kLogLevels = {"debug5", "debug4",  "debug3", "debug2", "debug1", "info",
                                                         "notice", "warning", "error",  "log",    "fatal",  "panic"};
constexpr std::array<std::string_view, 3> kTrackedStatements = {"none", "top", "all"};
constexpr std::array<std::string_view, 4> kStatementLevels = {"none", "ddl", "mod", "all"};
constexpr std::array<std::string_view, 1> kPasswordHashes = {"scram-sha-256"};
constexpr std::array<std::string_view, 3> kPlanCacheModes = {"auto", "force_generic_plan",
                                                             "force_custom_plan"};

const SettingDefinition kDefinitions[] = {
    {.name = "allow_in_place_tablespaces", .kind = boolean, .context = superuser, .initial = "off"},
    {.name = "application_name",
     .kind = text,
     .context = user,
     .initial = "",
     .reported = true,
     .description = "Sets the application name to be reported in statistics and logs."},
    {.name = "auto_route_catalog_queries", .kind = boolean, .context = user, .initial = "on"},
    {.name = "backslash_quote",
     .kind = choice,
     .context = user,
     .initial = "safe_encoding",
     .choices = kBackslashQuote},
    {.name = "bytea_output",
     .kind = choice,
     .context = user,
     .initial = "hex",
     .choices = kByteaOutputs,
     .description = "Sets the output format for bytea."},
    {.name = "check_function_bodies", .kind = boolean, .context = user, .initial = "on"},
    {.name = "client_encoding",
     .kind = encoding,
     .context = user,
     .initial = "UTF8",
     .reported = true,
     .description = "Sets the client's character set encoding."},
    {.name = "client_min_messages",
     .kind = choice,
     .context = user,
     .initial = "notice",
     .choices = kMessageLevels,
     .description = "Sets the message levels that are sent to the client."},
    {.name = "cluster",
     .kind = text,
     .context = user,
     .initial = "quickstart",
     .description = "Sets the current cluster."},
    {.name = "DateStyle",
     .kind = date_style,
     .context = user,
     .initial = "ISO, MDY",
     .reported = true,
     .description = "Sets the display format for date and time values."},
    {.name = "deadlock_timeout", .kind = integer, .context = superuser, .initial = "1s", .unit = "ms"},
    {.name = "default_tablespace", .kind = text, .context = user, .initial = ""},
    {.name = "default_table_access_method", .kind = text, .context = user, .initial = "heap"},
    {.name = "default_transaction_deferrable", .kind = boolean, .context = user, .initial = "off"},
    // The word that drivers know for it: Gyre's serializability is strict (docs/transactions.md).
    {.name = "default_transaction_isolation", .kind = isolation, .context = user, .initial = "serializable"},
    {.name = "default_transaction_read_only",
     .kind = boolean,
     .context = user,
     .initial = "off",
     .reported = true},
    {.name = "emit_timestamp_notice", .kind = boolean, .context = user, .initial = "off"},
    {.name = "enable_bitmapscan", .kind = boolean, .context = user, .initial = "on"},
    {.name = "enable_frontend_peek_sequencing",
     .kind = boolean,
     .context = system,
     .initial = "on",
     .description = "Reads run on the connection's own core; off sends them to the oracle core."},
    {.name = "enable_hashjoin", .kind = boolean, .context = user, .initial = "on"},
    {.name = "enable_indexscan", .kind = boolean, .context = user, .initial = "on"},
    {.name = "enable_mergejoin", .kind = boolean, .context = user, .initial = "on"},
    {.name = "enable_nestloop", .kind = boolean, .context = user, .initial = "on"},
    {.name = "enable_seqscan", .kind = boolean, .context = user, .initial = "on"},
    {.name = "enable_sort", .kind = boolean, .context = user, .initial = "on"},
    {.name = "extra_float_digits",
     .kind = integer,
     .context = user,
     .initial = "1",
     .least = -15,
     .most = 3,
     .description = "Sets the number of digits displayed for floating-point values."},
    {.name = "idle_in_transaction_session_timeout",
     .kind = integer,
     .context = user,
     .initial = "0",
     .unit = "ms"},
    {.name = "idle_session_timeout", .kind = integer, .context = user, .initial = "0", .unit = "ms"},
    {.name = "in_hot_standby", .kind = boolean, .context = internal, .initial = "off", .reported = true},
    {.name = "integer_datetimes", .kind = boolean, .context = internal, .initial = "on", .reported = true},
    {.name = "IntervalStyle",
     .kind = choice,
     .context = user,
     .initial = "postgres",
     .reported = true,
     .choices = kIntervalStyles},
    {.name = "is_superuser", .kind = boolean, .context = internal, .initial = "off", .reported = true},
    {.name = "jit", .kind = boolean, .context = user, .initial = "off"},
    {.name = "lc_collate", .kind = text, .context = internal, .initial = "C"},
    {.name = "lc_ctype", .kind = text, .context = internal, .initial = "C.UTF-8"},
    {.name = "lc_messages", .kind = text, .context = superuser, .initial = "C"},
    {.name = "lc_monetary", .kind = text, .context = user, .initial = "C"},
    {.name = "lc_numeric", .kind = text, .context = user, .initial = "C"},
    {.name = "lc_time", .kind = text, .context = user, .initial = "C"},
    {.name = "lock_timeout", .kind = integer, .context = user, .initial = "0", .unit = "ms"},
    {.name = "log_line_prefix",
     .kind = text,
     .context = system,
     .initial = "%m [%p] ",
     .description = "Controls information prefixed to each log line."},
    {.name = "log_min_duration_statement",
     .kind = integer,
     .context = superuser,
     .initial = "-1",
     .unit = "ms",
     .least = -1,
     .description = "Sets the minimum execution time above which all statements will be logged."},
    {.name = "log_min_error_statement",
     .kind = choice,
     .context = superuser,
     .initial = "panic",
     .choices = kLogLevels,
     .description = "Causes all statements generating error at or above this level to be logged."},
    {.name = "log_statement",
     .kind = choice,
     .context = superuser,
     .initial = "none",
     .choices = kStatementLevels},
    {.name = "max_connections",
     .kind = integer,
     .context = system,
     .initial = "5000",
     .least = 1,
     .most = 1048576,
     .description = "Sets the maximum number of concurrent connections."},
    {.name = "max_identifier_length", .kind = integer, .context = internal, .initial = "63"},
    {.name = "max_query_result_size",
     .kind = integer,
     .context = user,
     .initial = "1GB",
     .unit = "B",
     .most = 1099511627776.0},
    {.name = "max_result_size",
     .kind = integer,
     .context = system,
     .initial = "1GB",
     .unit = "B",
     .most = 1099511627776.0},
    {.name = "password_encryption",
     .kind = choice,
     .context = user,
     .initial = "scram-sha-256",
     .choices = kPasswordHashes,
     .description = "Chooses the algorithm for encrypting passwords."},
    {.name = "pg_stat_statements.max",
     .kind = integer,
     .context = system,
     .initial = "5000",
     .least = 100,
     .description = "Sets the maximum number of statements tracked by pg_stat_statements, on each core."},
    {.name = "pg_stat_statements.track",
     .kind = choice,
     .context = superuser,
     .initial = "none",
     .choices = kTrackedStatements,
     .description = "Selects which statements are tracked by pg_stat_statements."},
    {.name = "plan_cache_mode",
     .kind = choice,
     .context = user,
     .initial = "auto",
     .choices = kPlanCacheModes},
    {.name = "role", .kind = role, .context = user, .initial = "none"},
    {.name = "row_security", .kind = boolean, .context = user, .initial = "on"},
    {.name = "search_path",
     .kind = search_path,
     .context = user,
     .initial = "\"$user\", public",
     .description = "Sets the schema search order for names that are not schema-qualified."},
    {.name = "server_encoding", .kind = text, .context = internal, .initial = "UTF8", .reported = true},
    {.name = "server_version",
     .kind = text,
     .context = internal,
     .initial = kServerVersion,
     .reported = true},
    {.name = "server_version_num", .kind = integer, .context = internal, .initial = "150000"},
    {.name = "session_authorization", .kind = role, .context = user, .initial = "", .reported = true},
    {.name = "standard_conforming_strings",
     .kind = boolean,
     .context = user,
     .initial = "on",
     .reported = true},
    {.name = "statement_logging_default_sample_rate",
     .kind = real,
     .context = system,
     .initial = "0",
     .most = 1},
    {.name = "statement_logging_max_data_credit",
     .kind = integer,
     .context = system,
     .initial = "50MB",
     .unit = "B",
     .most = 1099511627776.0,
     .description = "How far the log of statements may be ahead of its target rate."},
    {.name = "statement_logging_max_sample_rate",
     .kind = real,
     .context = system,
     .initial = "0",
     .most = 1,
     .description = "The largest share of statements that is logged; 0 logs none and costs nothing."},
    {.name = "statement_logging_redaction",
     .kind = boolean,
     .context = system,
     .initial = "off",
     .description = "Logs statements without their constants and parameters."},
    {.name = "statement_logging_sample_rate", .kind = real, .context = user, .initial = "0", .most = 1},
    {.name = "statement_logging_target_data_rate",
     .kind = integer,
     .context = system,
     .initial = "2071B",
     .unit = "B",
     .most = 1099511627776.0,
     .description = "How many bytes of statements are logged per second, in the long run."},
    {.name = "statement_timeout",
     .kind = integer,
     .context = user,
     .initial = "0",
     .unit = "ms",
     .description = "Sets the maximum allowed duration of any statement."},
    {.name = "synchronize_seqscans", .kind = boolean, .context = user, .initial = "on"},
    {.name = "synchronous_commit", .kind = choice, .context = user, .initial = "on", .choices = kSyncLevels},
    {.name = "temp_buffers", .kind = integer, .context = user, .initial = "1024", .unit = "8kB"},
    {.name = "TimeZone",
     .kind = time_zone,
     .context = user,
     .initial = "UTC",
     .reported = true,
     .description = "Sets the time zone for displaying and interpreting time stamps."},
    {.name = "transaction_deferrable", .kind = boolean, .context = user, .initial = "off"},
    {.name = "transaction_isolation", .kind = isolation, .context = user, .initial = "serializable"},
    {.name = "transaction_read_only", .kind = boolean, .context = user, .initial = "off"},
    {.name = "transaction_timeout", .kind = integer, .context = user, .initial = "0", .unit = "ms"},
    {.name = "ts_oracle_max_in_flight_read_ts_batches",
     .kind = integer,
     .context = system,
     .initial = "3",
     .least = 1,
     .most = 64,
     .description = "Batched calls to the timestamp oracle that may be under way at once."},
    {.name = "ts_oracle_read_mode",
     .kind = choice,
     .context = system,
     .initial = "published",
     .choices = kReadModes,
     .description = "How strictly serializable reads get their timestamp."},
    {.name = "wal_level", .kind = text, .context = internal, .initial = "replica"},
    {.name = "welcome_message", .kind = boolean, .context = user, .initial = "off"},
    {.name = "work_mem", .kind = integer, .context = user, .initial = "4MB", .unit = "kB"},
    {.name = "xmloption",
     .kind = choice,
     .context = user,
     .initial = "content",
     .choices = std::span(kXmlOptions).first(2)},
};

bool equal_folded(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\n\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n\r") - first + 1);
}

std::string folded(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return lower;
}

SqlError invalid(const SettingDefinition& definition, std::string_view value) {
  return {"22023", fmt::format("invalid value for parameter \"{}\": \"{}\"", definition.name, value)};
}

[[noreturn]] void invalid_value(const SettingDefinition& definition, std::string_view value) {
  throw invalid(definition, value);
}

// Begun with by each transaction: its setting, and the session's that it takes the value of.
constexpr std::pair<std::string_view, std::string_view> kTransactionSettings[] = {
    {"transaction_isolation", "default_transaction_isolation"},
    {"transaction_read_only", "default_transaction_read_only"},
    {"transaction_deferrable", "default_transaction_deferrable"}};

const std::string& initial_of(int index) {
  static const auto kInitial = [] {
    std::vector<std::string> texts;
    for (const SettingDefinition& definition : kDefinitions) texts.emplace_back(definition.initial);
    return texts;
  }();
  return kInitial[static_cast<std::size_t>(index)];
}

// "a, \"B\" ,c" → a, B, c: quotes taken off, unquoted names folded.
std::vector<std::string> split_names(std::string_view list) {
  std::vector<std::string> names;
  std::size_t at = 0;
  while (at < list.size()) {
    std::string name;
    while (at < list.size() && (list[at] == ' ' || list[at] == ',')) ++at;
    if (at == list.size()) break;
    if (list[at] == '"') {
      for (++at; at < list.size(); ++at) {
        if (list[at] == '"' && (at + 1 == list.size() || list[at + 1] != '"')) break;
        if (list[at] == '"') ++at;
        name += list[at];
      }
      if (at < list.size()) ++at;
    } else {
      while (at < list.size() && list[at] != ',') name += list[at++];
      name = folded(trimmed(name));
    }
    names.push_back(std::move(name));
  }
  return names;
}

struct Unit {
  std::string_view name;
  double factor;  // to milliseconds or bytes
};
constexpr Unit kTimeUnits[] = {{"us", 0.001},  {"ms", 1},      {"s", 1000},
                               {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
constexpr Unit kByteUnits[] = {{"B", 1},        {"kB", 1024},    {"8kB", 8192},
                               {"MB", 1 << 20}, {"GB", 1 << 30}, {"TB", 1099511627776.0}};

double unit_factor(std::span<const Unit> units, std::string_view name) {
  for (const Unit& unit : units)
    if (unit.name == name) return unit.factor;
  return 0;
}

// An integer, perhaps with a unit, in the setting's base unit.
std::string check_integer(const SettingDefinition& definition, std::string_view value) {
  const std::string_view given = trimmed(value);
  double number = 0;
  const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), number);
  if (error != std::errc()) invalid_value(definition, value);
  const std::string_view suffix = trimmed(given.substr(static_cast<std::size_t>(end - given.data())));
  if (!suffix.empty()) {
    const bool time = definition.unit == "ms";
    const auto units = time ? std::span<const Unit>(kTimeUnits) : std::span<const Unit>(kByteUnits);
    const double factor = definition.unit.empty() ? 0 : unit_factor(units, suffix);
    if (factor == 0 && definition.unit.empty()) invalid_value(definition, value);
    if (factor == 0)
      throw invalid(definition, value)
          .with_hint(
              time ? "Valid units for this parameter are \"us\", \"ms\", \"s\", \"min\", \"h\", and \"d\"."
                   : "Valid units for this parameter are \"B\", \"kB\", \"MB\", \"GB\", and \"TB\".");
    number *= factor / unit_factor(units, definition.unit);
  }
  number = std::nearbyint(number);
  if (!(number >= definition.least && number <= definition.most))
    throw SqlError("22023",
                   fmt::format("{:.0f} is outside the valid range for parameter \"{}\" ({:.0f} .. {:.0f})",
                               number, definition.name, definition.least, definition.most));
  return fmt::format("{:.0f}", number);
}

// Whole multiples of a larger unit are shown in it, as PostgreSQL does: 60000 ms as "1min".
std::string show_integer(const SettingDefinition& definition, const std::string& kept) {
  double number = std::strtod(kept.c_str(), nullptr);
  if (definition.unit.empty() || number <= 0) return kept;
  const bool time = definition.unit == "ms";
  const auto units = time ? std::span<const Unit>(kTimeUnits) : std::span<const Unit>(kByteUnits);
  const double base = number * unit_factor(units, definition.unit);
  std::string shown = kept;
  for (const Unit& unit : units)
    if (unit.name != "8kB" && unit.name != "us" && base >= unit.factor && std::fmod(base, unit.factor) == 0)
      shown = fmt::format("{:.0f}{}", base / unit.factor, unit.name);
  return shown;
}

std::string check_real(const SettingDefinition& definition, std::string_view value) {
  const std::string_view given = trimmed(value);
  double number = 0;
  const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), number);
  if (error != std::errc() || end != given.data() + given.size()) invalid_value(definition, value);
  if (!(number >= definition.least && number <= definition.most))
    throw SqlError("22023", fmt::format("{} is outside the valid range for parameter \"{}\" ({} .. {})",
                                        number, definition.name, definition.least, definition.most));
  return fmt::format("{}", number);
}

std::string check_choice(const SettingDefinition& definition, std::string_view value) {
  for (const std::string_view allowed : definition.choices)
    if (equal_folded(allowed, value)) return std::string(allowed);
  std::string list;
  for (const std::string_view allowed : definition.choices) {
    if (!list.empty()) list += ", ";
    list += allowed;
  }
  throw SqlError("22023", fmt::format("invalid value for parameter \"{}\": \"{}\"", definition.name, value))
      .with_hint(fmt::format("Available values: {}.", list));
}

struct Style {
  storage::DateFormat format;
  storage::DateOrder order;
};

// Applies the words of a DateStyle value to what holds so far.
Style parse_date_style(const SettingDefinition& definition, std::string_view value, Style style) {
  using storage::DateFormat;
  using storage::DateOrder;
  for (const std::string& word : split_names(value)) {
    const std::string name = folded(word);
    if (name == "iso")
      style.format = DateFormat::iso;
    else if (name == "sql")
      style.format = DateFormat::sql;
    else if (name.starts_with("postgres"))
      style.format = DateFormat::postgres;
    else if (name == "german")
      style = {DateFormat::german, DateOrder::dmy};
    else if (name == "ymd")
      style.order = DateOrder::ymd;
    else if (name == "dmy" || name.starts_with("euro"))
      style.order = DateOrder::dmy;
    else if (name == "mdy" || name == "us" || name.starts_with("noneuro"))
      style.order = DateOrder::mdy;
    else if (name == "default")
      style = {DateFormat::iso, DateOrder::mdy};
    else
      throw invalid(definition, value).with_detail(fmt::format("Unrecognized key word: \"{}\".", name));
  }
  return style;
}

std::string date_style_text(Style style) {
  constexpr std::string_view kFormats[] = {"ISO", "SQL", "Postgres", "German"};
  constexpr std::string_view kOrders[] = {"MDY", "DMY", "YMD"};
  return fmt::format("{}, {}", kFormats[static_cast<int>(style.format)],
                     kOrders[static_cast<int>(style.order)]);
}

// A number is hours east of Greenwich; PostgreSQL shows it as "<+02>-02".
const storage::TimeZone* find_zone(std::string_view value) {
  const std::string given(trimmed(value));
  char* end = nullptr;
  const double hours = std::strtod(given.c_str(), &end);
  if (!given.empty() && *end == '\0')
    return storage::TimeZone::fixed(static_cast<std::int32_t>(std::lround(hours * 3600)));
  // An offset with minutes is read as POSIX does, counted west.
  const bool is_offset = given.find_first_not_of("+-0123456789:") == std::string::npos;
  const storage::TimeZone* zone = storage::TimeZone::find(given);
  return is_offset && zone != nullptr ? storage::TimeZone::fixed(-zone->offset_at(0)) : zone;
}

std::string check_zone(const SettingDefinition& definition, std::string_view value) {
  if (equal_folded(value, "default") || equal_folded(value, "local")) return "UTC";
  const storage::TimeZone* zone = find_zone(value);
  if (zone == nullptr) invalid_value(definition, value);
  return zone->name();
}

std::string check_isolation(const SettingDefinition& definition, std::string_view value) {
  constexpr std::string_view kLevels[] = {"serializable", "repeatable read", "read committed",
                                          "read uncommitted", "strict serializable"};
  for (const std::string_view level : kLevels)
    if (equal_folded(level, value)) return std::string(level);
  throw SqlError("22023", fmt::format("invalid value for parameter \"{}\": \"{}\"", definition.name, value))
      .with_hint(
          "Available values: serializable, repeatable read, read committed, read uncommitted, strict "
          "serializable.");
}

// Anybody chooses it, and it is in every line of the log: it must not end one.
std::string check_application_name(std::string_view value) {
  constexpr std::size_t kMost = 63;
  std::string name(value.substr(0, kMost));
  for (char& c : name)
    if (c < ' ' || c > '~') c = '?';
  return name;
}

IsolationLevel level_of(std::string_view name) {
  if (name == "repeatable read") return IsolationLevel::repeatable_read;
  if (name.starts_with("read ")) return IsolationLevel::read_committed;
  return name == "serializable" ? IsolationLevel::serializable : IsolationLevel::strict_serializable;
}

std::string check_encoding(const SettingDefinition& definition, std::string_view value) {
  std::string name;
  for (const char c : folded(value))
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) name += c;
  if (name == "utf8" || name == "unicode") return "UTF8";
  // These send and take bytes below 128 as they are; anything else would need conversion.
  if (name == "sqlascii") return "SQL_ASCII";
  invalid_value(definition, value);
}

SqlError unknown_setting(std::string_view name) {
  return SqlError("42704", fmt::format("unrecognized configuration parameter \"{}\"", name))
      .with_hint(name_hint(nearest_setting(name)));
}

// A name with a point in it is whoever's wants it, unless what stands before the point is ours.
void check_custom_name(std::string_view name) {
  const std::size_t point = name.find('.');
  if (point == std::string_view::npos) throw unknown_setting(name);
  const auto is_ours = [&](const SettingDefinition& definition) {
    return equal_folded(definition.name.substr(0, point + 1), name.substr(0, point + 1));
  };
  if (std::any_of(std::begin(kDefinitions), std::end(kDefinitions), is_ours))
    throw SqlError("42602", fmt::format("invalid configuration parameter name \"{}\"", name))
        .with_detail(fmt::format("\"{}\" is a reserved prefix.", name.substr(0, point)))
        .with_hint(name_hint(nearest_setting(name)));
}

void check_settable(const SettingDefinition& definition, bool superuser) {
  if (definition.context == internal)
    throw SqlError("55P02", fmt::format("parameter \"{}\" cannot be changed", definition.name));
  if (definition.context == SettingContext::system)
    throw SqlError("55P02", fmt::format("parameter \"{}\" cannot be changed now", definition.name))
        .with_hint("Use ALTER SYSTEM SET.");
  if (definition.context == SettingContext::superuser && !superuser)
    throw SqlError("42501", fmt::format("permission denied to set parameter \"{}\"", definition.name));
}

}  // namespace

std::span<const SettingDefinition> setting_definitions() {
  return kDefinitions;
}

int find_setting(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kDefinitions); ++i)
    if (equal_folded(kDefinitions[i].name, name)) return static_cast<int>(i);
  return -1;
}

std::string_view nearest_setting(std::string_view name) {
  std::vector<std::string_view> names;
  for (const SettingDefinition& definition : kDefinitions) names.push_back(definition.name);
  return nearest_name(name, names);
}

std::optional<bool> parse_boolean(std::string_view text) {
  const std::string word = folded(trimmed(text));
  if (word.empty()) return std::nullopt;
  const auto begins = [&](std::string_view full, std::size_t least) {
    return word.size() >= least && full.starts_with(word);
  };
  if (begins("true", 1) || begins("yes", 1) || word == "on" || word == "1") return true;
  if (begins("false", 1) || begins("no", 1) || begins("off", 2) || word == "0") return false;
  return std::nullopt;
}

std::string check_setting(const SettingDefinition& definition, std::string_view value) {
  switch (definition.kind) {
    case boolean: {
      const auto truth = parse_boolean(value);
      if (!truth)
        throw SqlError("22023", fmt::format("parameter \"{}\" requires a Boolean value", definition.name));
      return *truth ? "on" : "off";
    }
    case integer:
      return show_integer(definition, check_integer(definition, value));
    case real:
      return check_real(definition, value);
    case choice:
      return check_choice(definition, value);
    case time_zone:
      return check_zone(definition, value);
    case isolation:
      return check_isolation(definition, value);
    case encoding:
      return check_encoding(definition, value);
    case date_style:  // the order that is not named stays: see Settings::set
      return date_style_text(parse_date_style(definition, value, {}));
    case text:
      return definition.name == "application_name" ? check_application_name(value) : std::string(value);
    case SettingKind::search_path:
    case role:
    case name_list:
      return std::string(value);
  }
  return std::string(value);
}

std::string check_for_later(std::string_view name, std::optional<std::string_view> value, bool superuser) {
  const int index = find_setting(name);
  if (index < 0) {
    check_custom_name(name);
    return std::string(name);
  }
  const SettingDefinition& definition = kDefinitions[index];
  check_settable(definition, superuser);
  if (value) check_setting(definition, *value);
  return std::string(definition.name);
}

std::uint64_t setting_bytes(std::string_view kept) {
  const SettingDefinition bytes{
      .name = "", .kind = integer, .context = internal, .initial = "", .unit = "B", .most = 1099511627776.0};
  return std::strtoull(check_integer(bytes, kept).c_str(), nullptr, 10);
}

std::string setting_text(std::string_view name, std::span<const std::string> values) {
  const auto is_plain = [](std::string_view word) {
    return !word.empty() && (word[0] < '0' || word[0] > '9') &&
           std::all_of(word.begin(), word.end(),
                       [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
  };
  std::string joined;
  for (const std::string& value : values) {
    if (!joined.empty()) joined += ", ";
    joined += name == "search_path" && !is_plain(value) ? fmt::format("\"{}\"", value) : value;
  }
  return joined;
}

Settings::Settings() {
  for (std::size_t i = 0; i < std::size(kDefinitions); ++i) derive(static_cast<int>(i));
}

const std::string* Settings::find_own(const std::vector<Own>& list, int index) {
  for (const Own& own : list)
    if (own.index == index) return &own.text;
  return nullptr;
}

void Settings::put_own(std::vector<Own>& list, int index, std::string text) {
  for (Own& own : list)
    if (own.index == index) {
      own.text = std::move(text);
      return;
    }
  list.push_back({index, std::move(text)});
}

const std::string& Settings::value(int index) const {
  const std::string* own = find_own(values_, index);
  return own != nullptr ? *own : initial_of(index);
}

const std::string& Settings::default_of(int index) const {
  const std::string* own = find_own(defaults_, index);
  return own != nullptr ? *own : initial_of(index);
}

const std::string* Settings::find(std::string_view name) const {
  const int index = find_setting(name);
  // Outside a transaction these are what the next one will begin with.
  if (!in_transaction_)
    for (const auto& [of_transaction, of_session] : kTransactionSettings)
      if (index >= 0 && kDefinitions[index].name == of_transaction) return &value(find_setting(of_session));
  if (index >= 0) return &value(index);
  if (custom_ == nullptr) return nullptr;
  const auto found = custom_->values.find(folded(name));
  return found == custom_->values.end() ? nullptr : &found->second;
}

const std::string& Settings::show(std::string_view name) const {
  const std::string* found = find(name);
  if (found == nullptr) throw unknown_setting(name);
  return *found;
}

void Settings::set(std::string_view name, std::string_view value, SetScope scope, bool superuser) {
  const int index = find_setting(name);
  if (index < 0) {
    check_custom_name(name);
    assign_custom(name, value, scope);
    return;
  }
  const SettingDefinition& definition = kDefinitions[index];
  check_settable(definition, superuser);
  if (value.size() > kLongestSetting)
    throw SqlError("22023", fmt::format("invalid value for parameter \"{}\"", definition.name))
        .with_detail(fmt::format("A value can have at most {} bytes.", kLongestSetting));
  if (definition.kind == date_style) {
    const Style now{style_.date_format, style_.date_order};
    assign(index, date_style_text(parse_date_style(definition, value, now)), scope);
    return;
  }
  std::string kept = check_setting(definition, value);
  check_transaction_setting(definition, index, kept);
  assign(index, std::move(kept), scope);
}

// What PostgreSQL's check hooks of the transaction_ settings refuse.
void Settings::check_transaction_setting(const SettingDefinition& definition, int index,
                                         std::string_view given) const {
  if (!in_transaction_ || (!settled_ && !in_savepoint_) || value(index) == given) return;
  if (definition.name == "transaction_isolation") {
    throw SqlError("25001", settled_
                                ? "SET TRANSACTION ISOLATION LEVEL must be called before any query"
                                : "SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction");
  } else if (definition.name == "transaction_read_only" && given == "off") {
    throw SqlError("25001", in_savepoint_
                                ? "cannot set transaction read-write mode inside a read-only transaction"
                                : "transaction read-write mode must be set before any query");
  } else if (definition.name == "transaction_deferrable") {
    throw SqlError("25001", in_savepoint_
                                ? "SET TRANSACTION [NOT] DEFERRABLE cannot be called within a subtransaction"
                                : "SET TRANSACTION [NOT] DEFERRABLE must be called before any query");
  }
}

void Settings::reset(std::string_view name, SetScope scope, bool superuser) {
  const int index = find_setting(name);
  if (index < 0) {
    check_custom_name(name);
    assign_custom(name, {}, scope);  // it is there, with nothing in it
    return;
  }
  check_settable(kDefinitions[index], superuser);
  check_transaction_setting(kDefinitions[index], index, default_of(index));
  assign(index, default_of(index), scope);
}

// A SET LOCAL leaves the name behind, with what was there before or nothing.
void Settings::assign_custom(std::string_view name, std::string_view value, SetScope scope) {
  mark_.reset();
  const std::string key = folded(name);
  const bool ends = scope == SetScope::local;
  if (ends && !custom_after_) custom_after_ = custom_;
  if (custom_after_) {
    const bool is_new = *custom_after_ == nullptr || !(*custom_after_)->values.contains(key);
    if (!ends || is_new) put_custom(*custom_after_, key, ends ? std::string_view() : value);
  }
  put_custom(custom_, key, value);
  if (ends && !in_transaction_ && !in_statement_) restore(true);
}

void Settings::put_custom(std::shared_ptr<Custom>& custom, const std::string& name, std::string_view value) {
  std::size_t others = custom == nullptr ? 0 : custom->bytes;
  if (custom != nullptr)
    if (const auto before = custom->values.find(name); before != custom->values.end())
      others -= name.size() + before->second.size();
  const std::size_t bytes = others + name.size() + value.size();
  if (bytes > kMostCustomBytes)
    throw SqlError("54000", fmt::format("custom settings need more than {} bytes", kMostCustomBytes));
  if (custom == nullptr)
    custom = std::make_shared<Custom>();
  else if (custom.use_count() > 1)
    custom = std::make_shared<Custom>(*custom);
  custom->values.insert_or_assign(name, std::string(value));
  custom->bytes = bytes;
}

void Settings::reset_all() {
  for (std::size_t i = 0; i < std::size(kDefinitions); ++i) {
    const SettingDefinition& definition = kDefinitions[i];
    const bool resettable = definition.context == user || definition.context == superuser;
    if (resettable && definition.kind != role && !definition.name.starts_with("transaction_"))
      assign(static_cast<int>(i), default_of(static_cast<int>(i)), SetScope::session);
  }
  custom_.reset();
  if (custom_after_) custom_after_->reset();
  mark_.reset();
}

void Settings::set_default(std::string_view name, std::string_view given) {
  const int index = find_setting(name);
  if (index < 0) {
    check_custom_name(name);
    assign_custom(name, given, SetScope::session);
    return;
  }
  const SettingDefinition& definition = kDefinitions[index];
  if (definition.context == internal)
    throw SqlError("55P02", fmt::format("parameter \"{}\" cannot be changed", definition.name));
  std::string kept =
      definition.kind == date_style
          ? date_style_text(parse_date_style(definition, given, {style_.date_format, style_.date_order}))
          : check_setting(definition, given);
  put_own(defaults_, index, kept);
  store(index, std::move(kept));
}

void Settings::put(std::string_view name, std::string_view given) {
  const int index = find_setting(name);
  put_own(defaults_, index, std::string(given));
  store(index, std::string(given));
}

void Settings::assign(int index, std::string given, SetScope scope) {
  mark_.reset();
  if (in_transaction_ || in_statement_) {
    const auto [saved, first] = saved_.try_emplace(index, Saved{value(index), value(index)});
    if (scope == SetScope::session) saved->second.after = given;
  } else if (scope == SetScope::local) {
    return;  // outside a transaction it would end at once
  }
  store(index, std::move(given));
}

bool Settings::is_strict() const {
  static const int of_transaction = find_setting("transaction_isolation");
  static const int of_session = find_setting("default_transaction_isolation");
  return value(in_transaction_ ? of_transaction : of_session) == "strict serializable";
}

void Settings::begin_transaction() {
  end_statement();
  in_transaction_ = true;
  settled_ = in_savepoint_ = false;
  mark_.reset();
  custom_before_ = custom_;
  for (const auto& [of_transaction, of_session] : kTransactionSettings)
    store(find_setting(of_transaction), value(find_setting(of_session)));
}

std::shared_ptr<const Settings::Mark> Settings::mark() {
  if (mark_ == nullptr) mark_ = std::make_shared<const Mark>(Mark{values_, custom_, custom_after_, saved_});
  return mark_;
}

void Settings::rollback_to(const Mark& mark) {
  std::vector<int> changed;
  for (const Own& own : values_) changed.push_back(own.index);
  const auto at_mark = [&mark](int index) -> const std::string& {
    const std::string* own = find_own(mark.values, index);
    return own != nullptr ? *own : initial_of(index);
  };
  for (const int index : changed) store(index, at_mark(index));
  custom_ = mark.custom;
  custom_after_ = mark.custom_after;
  saved_ = mark.saved;
  mark_.reset();
}

void Settings::end_transaction(bool committed) {
  if (!committed) custom_after_ = custom_before_;
  in_transaction_ = false;
  custom_before_.reset();
  restore(committed);
}

void Settings::restore(bool committed) {
  in_statement_ = false;
  if (custom_after_) custom_ = std::move(*custom_after_);
  custom_after_.reset();
  mark_.reset();
  for (auto& [index, saved] : saved_) {
    std::string& restored = committed ? saved.after : saved.before;
    if (restored != value(index)) store(index, std::move(restored));
  }
  saved_.clear();
}

void Settings::store(int index, std::string given) {
  const std::string& before = value(index);
  if (before == given) return;
  if (kDefinitions[index].reported && find_own(told_, index) == nullptr) told_.push_back({index, before});
  put_own(values_, index, std::move(given));
  mark_.reset();
  derive(index);
}

void Settings::derive(int index) {
  const SettingDefinition& definition = kDefinitions[index];
  const std::string& now = value(index);
  switch (definition.kind) {
    case time_zone:
      style_.zone = find_zone(now);
      if (style_.zone == storage::TimeZone::utc()) style_.zone = nullptr;
      break;
    case date_style: {
      const Style style = parse_date_style(definition, now, {});
      style_.date_format = style.format;
      style_.date_order = style.order;
      break;
    }
    case SettingKind::search_path:
      search_path_ = split_names(now);
      break;
    case role:
      break;
    default:
      if (definition.name == "bytea_output")
        style_.bytea = now == "hex" ? storage::ByteaFormat::hex : storage::ByteaFormat::escape;
      else if (definition.name == "extra_float_digits")
        style_.extra_float_digits = static_cast<std::int8_t>(std::atoi(now.c_str()));
      else if (derive_watch(definition.name, now))
        break;
      else if (definition.unit == "ms")
        return derive_timeout(definition, now);
      else if (definition.name == "max_query_result_size")
        most_result_bytes_ = std::strtoull(check_integer(definition, now).c_str(), nullptr, 10);
      else if (definition.name == "transaction_isolation")
        isolation_ = level_of(now);
      else if (definition.name == "default_transaction_isolation")
        default_isolation_ = level_of(now);
      else if (definition.name == "transaction_read_only")
        read_only_ = now == "on";
      else if (definition.name == "default_transaction_read_only")
        default_read_only_ = now == "on";
      else {
        if (definition.name == "synchronous_commit") commits_lazily_ = now == "off";
        return;
      }
  }
  ++revision_;
}

// Whether it is one of those.
bool Settings::derive_watch(std::string_view name, std::string_view now) {
  using Log = StatementWatch::Log;
  if (name == "statement_logging_sample_rate") {
    watch_.sample_rate = std::strtod(std::string(now).c_str(), nullptr);
  } else if (name == "log_min_duration_statement") {
    const std::int64_t least_ms =
        std::strtoll(check_integer(kDefinitions[find_setting(name)], now).c_str(), nullptr, 10);
    watch_.log_from_us = least_ms < 0 ? -1 : least_ms * 1000;
  } else if (name == "log_statement") {
    watch_.log = now == "all" ? Log::all : now == "mod" ? Log::changes : now == "ddl" ? Log::definitions : Log::none;
  } else if (name == "log_min_error_statement") {
    watch_.log_errors = now != "fatal" && now != "panic" && now != "log";
  } else if (name == "pg_stat_statements.track") {
    watch_.counts = now != "none";
  } else {
    return false;
  }
  return true;
}

void Settings::derive_timeout(const SettingDefinition& definition, std::string_view now) {
  const auto value_us = [&] {
    return 1000 * std::strtoull(check_integer(definition, now).c_str(), nullptr, 10);
  };
  if (definition.name == "statement_timeout")
    statement_timeout_us_ = value_us();
  else if (definition.name == "idle_in_transaction_session_timeout")
    idle_transaction_timeout_us_ = value_us();
  else if (definition.name == "idle_session_timeout")
    idle_session_timeout_us_ = value_us();
  else if (definition.name == "lock_timeout")
    lock_timeout_us_ = value_us();
  else if (definition.name == "transaction_timeout")
    transaction_timeout_us_ = value_us();
}

std::vector<int> Settings::take_changed() {
  std::vector<int> indexes;
  if (told_.empty()) return indexes;
  for (const Own& told : told_)
    if (told.text != value(told.index)) indexes.push_back(told.index);
  std::sort(indexes.begin(), indexes.end());
  told_.clear();
  return indexes;
}

std::string Settings::plan_environment() const {
  std::string environment;
  for (std::size_t i = 0; i < std::size(kDefinitions); ++i) {
    const SettingKind kind = kDefinitions[i].kind;
    const bool matters = kind == time_zone || kind == date_style || kind == SettingKind::search_path ||
                         kDefinitions[i].name == "bytea_output" ||
                         kDefinitions[i].name == "extra_float_digits";
    if (matters) environment += value(static_cast<int>(i)) + '\n';
  }
  return environment;
}

}  // namespace gyre::adapter
