#include "tests/consistency/load/client.h"

#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace gyre::consistency {

namespace {

constexpr auto kBetweenAttempts = std::chrono::milliseconds(20);

// What a load may be told by a sound server: conflicts, time limits, resources that ran out, a server that
// goes or comes.
bool expected(std::string_view sqlstate) {
  static constexpr std::string_view kClasses[] = {"40", "53", "55P03", "57", "08", "58"};
  return std::any_of(std::begin(kClasses), std::end(kClasses),
                     [&](std::string_view each) { return sqlstate.starts_with(each); });
}

// Errors that say of a commit that it did not happen. After others one cannot know.
bool certainly_not(std::string_view sqlstate) {
  static constexpr std::string_view kClasses[] = {"40001", "40P01", "23", "25", "53", "55P03", "57014"};
  return std::any_of(std::begin(kClasses), std::end(kClasses),
                     [&](std::string_view each) { return sqlstate.starts_with(each); });
}

struct ResultHolder {
  PGresult* result;
  ~ResultHolder() { PQclear(result); }
};

// A value in the text of a statement, for the simple protocol: ours are numbers and lists of them.
std::string with_literals(std::string sql, const std::vector<std::string>& parameters) {
  for (std::size_t i = parameters.size(); i > 0; --i) {
    const std::string marker = '$' + std::to_string(i);
    for (std::size_t at = 0; (at = sql.find(marker, at)) != std::string::npos;)
      sql.replace(at, marker.size(), '\'' + parameters[i - 1] + '\'');
  }
  return sql;
}

// The level of single statements, too.
bool set_level(PGconn* connection, const std::string& isolation) {
  const ResultHolder holder{
      PQexec(connection, ("SET default_transaction_isolation = '" + isolation + '\'').c_str())};
  return PQresultStatus(holder.result) == PGRES_COMMAND_OK;
}

}  // namespace

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::int64_t integer(const std::optional<std::string>& value) {
  return value ? std::stoll(*value) : 0;
}

Client::Client(const LoadSettings& settings, int index)
    : settings_(settings),
      index_(index),
      random_(settings.seed * 1'000 + static_cast<std::uint64_t>(index)) {}

Client::~Client() {
  disconnect();
}

void Client::disconnect() {
  if (connection_ != nullptr) PQfinish(connection_);
  connection_ = nullptr;
}

bool Client::connect(std::int64_t give_up_ns) {
  while (connection_ == nullptr) {
    PGconn* const attempt = PQconnectdb(settings_.conninfo.c_str());
    if (PQstatus(attempt) == CONNECTION_OK && set_level(attempt, settings_.isolation)) {
      PQsetNoticeProcessor(
          attempt, [](void*, const char*) {}, nullptr);
      connection_ = attempt;
      return true;
    }
    PQfinish(attempt);
    if (now_ns() > give_up_ns) return false;
    std::this_thread::sleep_for(kBetweenAttempts);
  }
  return true;
}

void Client::lost(const std::string& why) {
  disconnect();
  ++errors_["lost"];
  throw ConnectionLost(why);
}

// The statement may arrive, its answer will not: the connection ends with RST.
void Client::reset_upon(const std::string& sql) {
  PQsendQuery(connection_, sql.c_str());
  const linger at_once{1, 0};
  setsockopt(PQsocket(connection_), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  lost("reset by the client");
}

PGresult* Client::ask(const std::string& sql, const std::vector<std::string>& parameters) {
  const bool simple = dice(2) == 0;
  if (settings_.resets_per_mille != 0 && dice(1'000) < settings_.resets_per_mille)
    reset_upon(with_literals(sql, parameters));
  if (simple) return PQexec(connection_, with_literals(sql, parameters).c_str());
  std::vector<const char*> values;
  for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
  return PQexecParams(connection_, sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(),
                      nullptr, nullptr, 0);
}

Answer Client::run(const std::string& sql, const std::vector<std::string>& parameters) {
  if (connection_ == nullptr) throw ConnectionLost("not connected");
  const ResultHolder holder{ask(sql, parameters)};
  PGresult* const result = holder.result;
  const ExecStatusType status = PQresultStatus(result);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    const char* const code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (PQstatus(connection_) == CONNECTION_BAD || code == nullptr) lost(PQerrorMessage(connection_));
    ++errors_[code];
    const char* const message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    throw StatementFailed(code, (message != nullptr ? message : "") + (" [" + sql + "]"));
  }
  Answer answer;
  answer.tag = PQcmdStatus(result);
  answer.affected = std::atoll(PQcmdTuples(result));
  for (int row = 0; row < PQntuples(result); ++row) {
    answer.rows.emplace_back();
    for (int column = 0; column < PQnfields(result); ++column)
      answer.rows.back().push_back(PQgetisnull(result, row, column)
                                       ? std::nullopt
                                       : std::optional<std::string>(PQgetvalue(result, row, column)));
  }
  return answer;
}

// The session's level is the load's; it is named where PostgreSQL's grammar has a name for it.
std::string Client::begin() {
  return settings_.isolation.starts_with("strict") || dice(2) == 0
             ? "BEGIN"
             : "BEGIN ISOLATION LEVEL " + settings_.isolation;
}

Outcome Client::judge(const StatementFailed& failure, bool committing) {
  // At read committed a statement waits and looks again, and nothing else fails for what others did.
  const bool conflict = failure.sqlstate == "40001" && settings_.isolation == "read committed";
  if (!expected(failure.sqlstate) || conflict) unexpected_ = failure.what();
  return committing && !certainly_not(failure.sqlstate) ? Outcome::info : Outcome::fail;
}

Outcome Client::transact(bool alone, const std::function<void()>& body) {
  bool committing = alone;
  try {
    if (!alone) run(begin());
    body();
    if (alone) return Outcome::ok;
    committing = true;
    return run("COMMIT").tag == "COMMIT" ? Outcome::ok : Outcome::fail;
  } catch (const ConnectionLost&) {
    return committing ? Outcome::info : Outcome::fail;
  } catch (const StatementFailed& failure) {
    const Outcome outcome = judge(failure, committing);
    try {
      if (!alone && connected()) run("ROLLBACK");
    } catch (const ConnectionLost&) {
    } catch (const StatementFailed& worse) {
      unexpected_ = worse.what();
    }
    return outcome;
  }
}

}  // namespace gyre::consistency
