// A thread that turns calls into prepared statements on a few connections, one at a time on each, without ever
// blocking in libpq but for the resolution of names.
//
// Each verb is one statement on one row, so it is atomic and linearizable by itself, and needs no transaction:
//
//   write_ts      UPDATE … SET write_ts = greatest(write_ts + 1, clock) WHERE timeline and epoch are ours RETURNING write_ts
//   read_ts       SELECT read_ts, epoch …            (peek_write_ts the same with write_ts)
//   apply_write   UPDATE … SET write_ts, read_ts = greatest(each, argument) WHERE timeline and epoch are ours
//
// No row changed, or an epoch that is not ours: the timeline has another owner. Only what PostgreSQL and CockroachDB both
// have is used.
//
// Every verb may be done twice, so a call whose outcome is unknown (the connection broke, or said nothing for
// too long) is simply made again, after a pause that doubles: at worst a timestamp is burnt. Opening may be done twice,
// too: the epoch is raised once more.
//
// What cannot be helped by trying again (no such column, no right to it, an answer that makes no sense) fails
// all calls, with the reason. Attempts go on; one has succeeded when both a write's and a read's timestamp have been had.
#include "oracle/postgres_oracle.h"

#include <libpq-fe.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <deque>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "reactor/base/check.h"
#include "reactor/pin.h"
#include "reactor/wake_flag.h"

namespace gyre::oracle {

namespace {

constexpr std::uint64_t kMs = 1'000'000;  // in nanoseconds
constexpr std::uint64_t kFirstBackoffMs = 4;

constexpr const char* kProbe = "SELECT timeline, read_ts, write_ts, epoch FROM timestamp_oracle LIMIT 0";
constexpr const char* kCreate =
    "CREATE TABLE IF NOT EXISTS timestamp_oracle (timeline text NOT NULL, read_ts decimal(20,0) NOT NULL, "
    "write_ts decimal(20,0) NOT NULL, epoch int8 NOT NULL, PRIMARY KEY (timeline))";
constexpr const char* kInsert =
    "INSERT INTO timestamp_oracle (timeline, read_ts, write_ts, epoch) VALUES ($1, $2, $2, 0) "
    "ON CONFLICT (timeline) DO NOTHING";
constexpr const char* kTakeOver =
    "UPDATE timestamp_oracle SET epoch = epoch + 1, write_ts = greatest(write_ts, $2::decimal), "
    "read_ts = greatest(read_ts, $2::decimal) WHERE timeline = $1 RETURNING read_ts, epoch";
constexpr std::array<const char*, kVerbs> kStatements = {
    "UPDATE timestamp_oracle SET write_ts = greatest(write_ts + 1, $2::decimal) WHERE timeline = $1 AND epoch = $3 "
    "RETURNING write_ts, epoch",
    "SELECT write_ts, epoch FROM timestamp_oracle WHERE timeline = $1",
    "SELECT read_ts, epoch FROM timestamp_oracle WHERE timeline = $1",
    "UPDATE timestamp_oracle SET write_ts = greatest(write_ts, $2::decimal), read_ts = greatest(read_ts, $2::decimal) "
    "WHERE timeline = $1 AND epoch = $3 RETURNING read_ts, epoch"};

bool changes(Verb verb) {
  return verb == Verb::write_ts || verb == Verb::apply_write;
}

std::uint64_t steady_ns() {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// libpq's messages end with a line feed, may have several lines, and quote what a backend said that talks rubbish: what is
// not ASCII is not passed on to clients and pages.
std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text)
    line += c == '\n' || c == '\t' ? ' ' : c >= ' ' && c < 0x7f ? c : '?';
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

// By SQLSTATE: whether the same statement may well succeed in a while.
bool is_passing(std::string_view state) {
  const std::string_view kind = state.substr(0, 2);
  return kind == "08" || kind == "40" || kind == "53" || kind == "55" || kind == "57" || kind == "58";
}

struct Pending {
  OracleCall call;
  std::uint64_t asked_ns = 0;
  std::uint64_t not_before_ns = 0;
  std::uint32_t retries = 0;
};

}  // namespace

// What the threads have in common.
struct PostgresOracle::Shared {
  explicit Shared(std::uint64_t now_ns) { health.since_ns = now_ns; }
  mutable std::mutex lock;
  std::vector<OracleCall> calls;
  std::vector<OracleAnswer> answers;
  OracleHealth health;
  RemoteOracleStats stats;
  Timestamp opened_at;
  bool stop = false;
  reactor::WakeFlag wake;  // of the worker
};

class PostgresOracle::Worker {
 public:
  Worker(PostgresOracleOptions options, Clock& clock, std::function<void()> on_answer,
         std::shared_ptr<Shared> shared)
      : options_(std::move(options)),
        clock_(clock),
        on_answer_(std::move(on_answer)),
        shared_(std::move(shared)),
        connections_(options_.connections),
        thread_([this] { run(); }) {}
  ~Worker() {
    {
      const std::lock_guard guard(shared_->lock);
      shared_->stop = true;
    }
    shared_->wake.wake();
    thread_.join();
  }

 private:
  using State = OracleHealth::State;
  struct Connection {
    enum class Phase : std::uint8_t {
      closed,
      connecting,
      probing,
      creating,
      inserting,
      taking_over,
      preparing,
      trying,
      idle,
      calling,
    };
    Phase phase = Phase::closed;
    PGconn* pg = nullptr;
    PostgresPollingStatusType wants = PGRES_POLLING_OK;  // while connecting
    bool flushing = false;                               // something sent is still in libpq's buffer
    PGresult* result = nullptr;                          // of the statement under way, the last one
    std::size_t prepared = 0;
    std::uint64_t deadline_ns = 0;
    std::uint64_t retry_at_ns = 0;
    std::uint32_t failures = 0;  // in a row
    // While calling or trying.
    Pending pending;
    std::uint64_t sent_ns = 0;
    std::uint64_t floor = 0, write_floor = 0;  // what they were when it was sent
  };
  using Phase = Connection::Phase;

  void run();
  bool take_calls();
  void check_deadlines();
  void hand_out();
  void wait();
  void connect(Connection& c);
  void drive(Connection& c, short events);
  void drive_connecting(Connection& c);
  void drive_statement(Connection& c, short events);
  void flush(Connection& c);
  void connected(Connection& c);
  void send(Connection& c, Phase phase, const char* sql, std::initializer_list<const char*> values);
  void prepare_next(Connection& c);
  void start(Connection& c, Pending pending);
  void try_out(Connection& c, Verb verb);
  void send_call(Connection& c, Phase phase, const Pending& pending);
  void on_result(Connection& c);
  void on_tried(Connection& c);
  void on_called(Connection& c);
  std::optional<Timestamp> take_timestamp(Connection& c);
  void sql_error(Connection& c);
  void lost(Connection& c, std::string why);       // to be tried again
  void refuse(Connection& c, std::string why);     // no use to try again soon
  void fence(const std::string& why);
  void close(Connection& c);
  void ready(Connection& c);
  void answer(const Pending& pending, OracleAnswer::Status status, Timestamp timestamp);
  void fail_waiting(OracleAnswer::Status status);
  void set_health(State state, std::string sentence);
  std::uint64_t backoff_ns(std::uint32_t failures);

  const PostgresOracleOptions options_;
  Clock& clock_;
  const std::function<void()> on_answer_;
  const std::shared_ptr<Shared> shared_;
  std::vector<Connection> connections_;
  std::deque<Pending> waiting_;
  State state_ = State::opening;
  std::uint64_t now_ = 0;
  std::uint64_t epoch_ = 0;   // ours; 0: the timeline has not been opened
  std::string epoch_text_;
  std::uint64_t floor_ = 0;        // no answer may be below: the newest that was applied or read
  std::uint64_t write_floor_ = 0;  // every timestamp for a write is above: the newest that was given
  bool doubtful_ = false;          // it has refused something since it was last tried out
  std::uint64_t jitter_ = steady_ns() ^ (static_cast<std::uint64_t>(::getpid()) << 32);
  bool told_ = false;         // somebody is to be told
  std::vector<pollfd> polled_;
  std::thread thread_;  // last: it uses the rest
};

// ---- the thread ----

void PostgresOracle::Worker::run() {
  reactor::name_thread("gyre-timeline");
  reactor::unpin_thread();
  for (;;) {
    now_ = steady_ns();
    if (!take_calls()) break;
    check_deadlines();
    hand_out();
    if (std::exchange(told_, false)) on_answer_();
    wait();
  }
  for (Connection& c : connections_) close(c);
}

bool PostgresOracle::Worker::take_calls() {
  const std::lock_guard guard(shared_->lock);
  for (const OracleCall& call : shared_->calls) {
    waiting_.push_back({call, now_, 0, 0});
    ++shared_->stats.operations[static_cast<std::size_t>(call.verb)].started;
  }
  shared_->calls.clear();
  shared_->stats.size = shared_->stats.available = 0;
  for (const Connection& c : connections_) {
    shared_->stats.size += c.pg != nullptr ? 1 : 0;
    shared_->stats.available += c.phase == Phase::idle ? 1 : 0;
  }
  return !shared_->stop;
}

void PostgresOracle::Worker::check_deadlines() {
  bool silent = false;
  for (Connection& c : connections_) {
    if (c.phase == Phase::closed || c.phase == Phase::idle || now_ < c.deadline_ns) continue;
    silent = true;
    lost(c, c.phase == Phase::connecting ? "connecting took too long" : "no answer came in time");
  }
  if (!silent) return;
  // Those that are idle look well only because nobody has asked them.
  for (Connection& c : connections_)
    if (c.phase == Phase::idle) close(c);
  if (state_ == State::well) set_health(State::unreachable, "no answer came in time");
}

// Calls to idle connections; more connections while calls wait. The first one opens the timeline.
void PostgresOracle::Worker::hand_out() {
  if (state_ == State::fenced) return fail_waiting(OracleAnswer::Status::fenced);
  if (state_ == State::refused) fail_waiting(OracleAnswer::Status::failed);
  if (epoch_ == 0 || state_ == State::refused) {
    Connection& first = connections_.front();
    if (first.phase == Phase::closed && now_ >= first.retry_at_ns) connect(first);
    return;
  }
  for (;;) {
    const auto idle = std::find_if(connections_.begin(), connections_.end(),
                                   [](const Connection& c) { return c.phase == Phase::idle; });
    const auto due = std::find_if(waiting_.begin(), waiting_.end(),
                                  [this](const Pending& pending) { return pending.not_before_ns <= now_; });
    if (idle == connections_.end() || due == waiting_.end()) break;
    const Pending pending = *due;
    waiting_.erase(due);
    start(*idle, pending);
  }
  // As many connections on their way as calls that could use one now.
  // (One that was lost is looked for also when nobody asks: health() is to be true.)
  std::size_t wanted = 0;
  for (const Pending& pending : waiting_)
    if (pending.not_before_ns <= now_) ++wanted;
  if (state_ == State::unreachable) wanted = std::max<std::size_t>(wanted, 1);
  for (const Connection& c : connections_)
    if (wanted != 0 && c.phase != Phase::closed && c.phase != Phase::idle && c.phase != Phase::calling) --wanted;
  for (Connection& c : connections_) {
    if (wanted == 0) break;
    if (c.phase != Phase::closed || now_ < c.retry_at_ns) continue;
    connect(c);
    --wanted;
  }
}

void PostgresOracle::Worker::wait() {
  polled_.clear();
  polled_.push_back({shared_->wake.event_fd(), POLLIN, 0});
  std::uint64_t until = UINT64_MAX;
  const auto not_later = [&](std::uint64_t ns) { until = std::min(until, ns); };
  for (const Connection& c : connections_) {
    short events = 0;
    switch (c.phase) {
      case Phase::closed:
        if (c.retry_at_ns > now_ && (state_ != State::well || !waiting_.empty())) not_later(c.retry_at_ns);
        polled_.push_back({-1, 0, 0});
        continue;
      case Phase::connecting:
        events = c.wants == PGRES_POLLING_WRITING ? POLLOUT : POLLIN;
        break;
      default:
        events = static_cast<short>(POLLIN | (c.flushing ? POLLOUT : 0));
    }
    if (c.phase != Phase::idle) not_later(c.deadline_ns);
    polled_.push_back({PQsocket(c.pg), events, 0});
  }
  for (const Pending& pending : waiting_)
    if (pending.not_before_ns > now_) not_later(pending.not_before_ns);
  shared_->wake.announce_sleep();
  bool more;
  {
    const std::lock_guard guard(shared_->lock);
    more = !shared_->calls.empty() || shared_->stop;
  }
  const std::uint64_t late = steady_ns();
  // Rounded up: woken too early, it would turn around until the moment comes.
  const std::uint64_t sleep_ms = until <= late ? 0 : std::min<std::uint64_t>((until - late) / kMs + 1, 60'000);
  const int ready = ::poll(polled_.data(), polled_.size(), more ? 0 : static_cast<int>(sleep_ms));
  shared_->wake.announce_awake();
  now_ = steady_ns();
  if (ready <= 0) return;
  if (polled_.front().revents != 0) {
    std::uint64_t count;
    [[maybe_unused]] const auto got = ::read(polled_.front().fd, &count, sizeof count);
  }
  for (std::size_t i = 0; i < connections_.size(); ++i)
    if (polled_[i + 1].revents != 0 && connections_[i].pg != nullptr)
      drive(connections_[i], polled_[i + 1].revents);
}

// ---- connections ----

void PostgresOracle::Worker::connect(Connection& c) {
  // (A standby would answer reads with what it knew a while ago.)
  const char* const keywords[] = {"dbname", "application_name", "target_session_attrs", nullptr};
  const char* const values[] = {options_.url.c_str(), "gyre timestamp oracle", "read-write", nullptr};
  c.pg = PQconnectStartParams(keywords, values, 1);
  GYRE_CHECK(c.pg != nullptr);
  c.phase = Phase::connecting;
  c.deadline_ns = now_ + options_.connect_timeout_ms * kMs;
  c.wants = PGRES_POLLING_WRITING;
  if (PQstatus(c.pg) == CONNECTION_BAD) return lost(c, one_line(PQerrorMessage(c.pg)));
}

void PostgresOracle::Worker::drive(Connection& c, short events) {
  if (c.phase == Phase::connecting)
    drive_connecting(c);
  else
    drive_statement(c, events);
}

void PostgresOracle::Worker::drive_connecting(Connection& c) {
  c.wants = PQconnectPoll(c.pg);
  if (c.wants == PGRES_POLLING_FAILED) return lost(c, one_line(PQerrorMessage(c.pg)));
  if (c.wants == PGRES_POLLING_OK) connected(c);
}

void PostgresOracle::Worker::connected(Connection& c) {
  {
    const std::lock_guard guard(shared_->lock);
    ++shared_->stats.connections_created;
  }
  PQsetnonblocking(c.pg, 1);
  PQsetNoticeProcessor(c.pg, [](void*, const char*) {}, nullptr);
  c.prepared = 0;
  if (epoch_ == 0)
    send(c, Phase::probing, kProbe, {});
  else
    prepare_next(c);
}

void PostgresOracle::Worker::flush(Connection& c) {
  const int left = PQflush(c.pg);
  if (left < 0) return lost(c, one_line(PQerrorMessage(c.pg)));
  c.flushing = left == 1;
}

void PostgresOracle::Worker::send(Connection& c, Phase phase, const char* sql,
                                  std::initializer_list<const char*> values) {
  c.phase = phase;
  c.deadline_ns = now_ + options_.call_timeout_ms * kMs;
  if (PQsendQueryParams(c.pg, sql, static_cast<int>(values.size()), nullptr, values.begin(), nullptr, nullptr, 0) != 1)
    return lost(c, one_line(PQerrorMessage(c.pg)));
  flush(c);
}

void PostgresOracle::Worker::prepare_next(Connection& c) {
  if (c.prepared == kVerbs) return doubtful_ ? try_out(c, Verb::write_ts) : ready(c);
  c.phase = Phase::preparing;
  c.deadline_ns = now_ + options_.call_timeout_ms * kMs;
  const char* const name = verb_name(static_cast<Verb>(c.prepared));
  if (PQsendPrepare(c.pg, name, kStatements[c.prepared], 0, nullptr) != 1)
    return lost(c, one_line(PQerrorMessage(c.pg)));
  flush(c);
}

void PostgresOracle::Worker::ready(Connection& c) {
  c.phase = Phase::idle;
  c.failures = 0;
  set_health(State::well, {});
}

void PostgresOracle::Worker::start(Connection& c, Pending pending) {
  {
    const std::lock_guard guard(shared_->lock);
    ++shared_->stats.acquires;
    const std::uint64_t waited = now_ - std::max(pending.asked_ns, pending.not_before_ns);
    shared_->stats.acquire_ns += waited;
    if (pending.call.verb == Verb::read_ts) shared_->stats.get_connection_ns.record(waited);
  }
  send_call(c, Phase::calling, pending);
}

void PostgresOracle::Worker::try_out(Connection& c, Verb verb) {
  Pending pending;
  pending.call.verb = verb;
  send_call(c, Phase::trying, pending);
}

void PostgresOracle::Worker::send_call(Connection& c, Phase phase, const Pending& pending) {
  c.pending = pending;
  c.phase = phase;
  c.sent_ns = now_;
  c.deadline_ns = now_ + options_.call_timeout_ms * kMs;
  c.floor = floor_;
  c.write_floor = std::max(floor_, write_floor_);
  const Verb verb = pending.call.verb;
  const std::string argument =
      std::to_string(verb == Verb::write_ts ? clock_.now_us() : pending.call.argument.value);
  const char* const values[] = {options_.timeline.c_str(), argument.c_str(), epoch_text_.c_str()};
  if (PQsendQueryPrepared(c.pg, verb_name(verb), changes(verb) ? 3 : 1, values, nullptr, nullptr, 0) != 1)
    return lost(c, one_line(PQerrorMessage(c.pg)));
  flush(c);
}

void PostgresOracle::Worker::drive_statement(Connection& c, short events) {
  if ((events & POLLOUT) != 0) {
    flush(c);
    if (c.pg == nullptr) return;
  }
  if (PQconsumeInput(c.pg) != 1) return lost(c, one_line(PQerrorMessage(c.pg)));
  if (c.phase == Phase::idle) {  // it says something unasked: mostly good-bye
    if (PQstatus(c.pg) == CONNECTION_BAD) lost(c, one_line(PQerrorMessage(c.pg)));
    return;
  }
  while (c.pg != nullptr && PQisBusy(c.pg) == 0) {
    PGresult* const result = PQgetResult(c.pg);
    if (result != nullptr) {
      // The first error, or else the last result.
      if (c.result != nullptr && PQresultStatus(c.result) == PGRES_FATAL_ERROR) {
        PQclear(result);
      } else {
        PQclear(c.result);
        c.result = result;
      }
      continue;
    }
    on_result(c);
    if (c.pg != nullptr) {
      PQclear(c.result);
      c.result = nullptr;
    }
    if (c.phase == Phase::idle || c.phase == Phase::closed) return;
  }
}

// ---- answers ----

void PostgresOracle::Worker::on_result(Connection& c) {
  if (c.result == nullptr) return lost(c, "it answered nothing");
  const ExecStatusType status = PQresultStatus(c.result);
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) return sql_error(c);
  const std::string initially = std::to_string(options_.initially.value);
  switch (c.phase) {
    case Phase::probing:
    case Phase::creating:
      return send(c, Phase::inserting, kInsert, {options_.timeline.c_str(), initially.c_str()});
    case Phase::inserting:
      return send(c, Phase::taking_over, kTakeOver, {options_.timeline.c_str(), initially.c_str()});
    case Phase::taking_over: {
      const auto read = PQntuples(c.result) == 1 ? number(PQgetvalue(c.result, 0, 0)) : std::nullopt;
      const auto epoch = PQntuples(c.result) == 1 ? number(PQgetvalue(c.result, 0, 1)) : std::nullopt;
      if (!read || *read >= kTimestampMax.value || !epoch || *epoch == 0)
        return refuse(c, "the timeline's row makes no sense");
      epoch_ = *epoch;
      epoch_text_ = std::to_string(epoch_);
      floor_ = *read;
      {
        const std::lock_guard guard(shared_->lock);
        shared_->opened_at = Timestamp(*read);
      }
      return prepare_next(c);
    }
    case Phase::preparing:
      ++c.prepared;
      return prepare_next(c);
    case Phase::trying:
      return on_tried(c);
    case Phase::calling:
      return on_called(c);
    default:
      GYRE_UNREACHABLE();
  }
}

// What a call was answered; none where it is no timestamp of ours, and what follows from that has been done.
std::optional<Timestamp> PostgresOracle::Worker::take_timestamp(Connection& c) {
  const Verb verb = c.pending.call.verb;
  std::string wrong;
  const int rows = PQntuples(c.result);
  const auto timestamp = rows == 0 ? std::nullopt : number(PQgetvalue(c.result, 0, 0));
  const auto epoch = rows == 0 ? std::nullopt : number(PQgetvalue(c.result, 0, 1));
  const std::uint64_t least = verb == Verb::write_ts ? c.write_floor + 1 : c.floor;
  if (rows == 0 && changes(verb)) {
    fence("the timeline has another owner, or is gone");
    return std::nullopt;
  }
  if (epoch && *epoch != epoch_) {
    fence("the timeline has another owner");
    return std::nullopt;
  }
  if (rows == 0)
    wrong = "the timeline's row is gone";
  else if (!timestamp || *timestamp >= kTimestampMax.value || !epoch)
    wrong = "the timeline's row makes no sense";
  else if (*timestamp < least)
    wrong = "its time went back, from " + std::to_string(least) + " to " + std::to_string(*timestamp);
  if (!wrong.empty()) {
    refuse(c, std::move(wrong));
    return std::nullopt;
  }
  std::uint64_t& floor = verb == Verb::write_ts ? write_floor_ : floor_;
  if (verb != Verb::peek_write_ts) floor = std::max(floor, *timestamp);
  return Timestamp(*timestamp);
}

void PostgresOracle::Worker::on_tried(Connection& c) {
  if (!take_timestamp(c)) return;
  if (c.pending.call.verb == Verb::write_ts) return try_out(c, Verb::read_ts);
  doubtful_ = false;
  ready(c);
}

void PostgresOracle::Worker::on_called(Connection& c) {
  const Pending done = c.pending;
  const Verb verb = done.call.verb;
  const auto timestamp = take_timestamp(c);
  if (!timestamp) return;
  c.phase = Phase::idle;
  c.failures = 0;
  set_health(State::well, {});
  if (verb == Verb::read_ts) {
    const std::lock_guard guard(shared_->lock);
    shared_->stats.query_one_ns.record(now_ - c.sent_ns);
  }
  answer(done, OracleAnswer::Status::ok, verb == Verb::apply_write ? done.call.argument : *timestamp);
}

void PostgresOracle::Worker::sql_error(Connection& c) {
  const char* const given = PQresultErrorField(c.result, PG_DIAG_SQLSTATE);
  const std::string_view state = given == nullptr ? "" : given;
  if (c.phase == Phase::probing && state == "42P01") return send(c, Phase::creating, kCreate, {});
  const char* const message = PQresultErrorField(c.result, PG_DIAG_MESSAGE_PRIMARY);
  std::string why = one_line(message != nullptr ? message : PQresultErrorMessage(c.result));
  if (state == "42703") why = "its table timestamp_oracle is of another version: " + why;
  if (state.empty() || is_passing(state)) return lost(c, std::move(why));
  refuse(c, std::move(why));
}

// The connection is of no use any more, and what was under way is to be done again.
void PostgresOracle::Worker::lost(Connection& c, std::string why) {
  const bool calling = c.phase == Phase::calling;
  close(c);
  ++c.failures;
  c.retry_at_ns = now_ + backoff_ns(c.failures);
  {
    const std::lock_guard guard(shared_->lock);
    ++shared_->stats.connection_errors;
  }
  if (calling) {
    Pending again = c.pending;
    const std::uint64_t pause = backoff_ns(++again.retries);
    again.not_before_ns = now_ + pause;
    waiting_.push_front(again);
    const std::lock_guard guard(shared_->lock);
    auto& operation = shared_->stats.operations[static_cast<std::size_t>(again.call.verb)];
    operation.retried += again.retries == 1 ? 1 : 0;
    ++operation.retries;
    operation.retry_sleep_ns += pause;
  }
  if (state_ != State::fenced) set_health(State::unreachable, std::move(why));
  // One that can be talked to counts, whatever became of the others.
  for (const Connection& other : connections_)
    if (other.phase == Phase::idle && state_ == State::unreachable) return set_health(State::well, {});
}

void PostgresOracle::Worker::refuse(Connection& c, std::string why) {
  const bool calling = c.phase == Phase::calling;
  doubtful_ = true;
  set_health(State::refused, std::move(why));
  if (calling) answer(c.pending, OracleAnswer::Status::failed, Timestamp());
  for (Connection& other : connections_) {
    if (&other != &c && other.phase == Phase::calling) waiting_.push_front(other.pending);
    close(other);
    other.retry_at_ns = 0;
  }
  ++c.failures;
  connections_.front().failures = std::max(connections_.front().failures, c.failures);
  connections_.front().retry_at_ns = now_ + std::max(backoff_ns(connections_.front().failures), 100 * kMs);
  fail_waiting(OracleAnswer::Status::failed);
}

void PostgresOracle::Worker::fence(const std::string& why) {
  set_health(State::fenced, why);
  for (Connection& c : connections_) {
    if (c.phase == Phase::calling) answer(c.pending, OracleAnswer::Status::fenced, Timestamp());
    close(c);
    c.retry_at_ns = UINT64_MAX;
  }
  fail_waiting(OracleAnswer::Status::fenced);
}

void PostgresOracle::Worker::close(Connection& c) {
  PQclear(c.result);
  c.result = nullptr;
  if (c.pg != nullptr) PQfinish(c.pg);
  c.pg = nullptr;
  c.flushing = false;
  c.phase = Phase::closed;
}

void PostgresOracle::Worker::answer(const Pending& pending, OracleAnswer::Status status, Timestamp timestamp) {
  const std::lock_guard guard(shared_->lock);
  OracleAnswer& given = shared_->answers.emplace_back();
  given.tag = pending.call.tag;
  given.verb = pending.call.verb;
  given.status = status;
  given.timestamp = timestamp;
  given.took_ns = now_ - pending.asked_ns;
  auto& operation = shared_->stats.operations[static_cast<std::size_t>(given.verb)];
  ++(status == OracleAnswer::Status::ok ? operation.succeeded : operation.failed);
  operation.ns += given.took_ns;
  operation.retried_ended += pending.retries == 0 ? 0 : 1;
  told_ = true;
}

void PostgresOracle::Worker::fail_waiting(OracleAnswer::Status status) {
  for (const Pending& pending : waiting_) answer(pending, status, Timestamp());
  waiting_.clear();
}

void PostgresOracle::Worker::set_health(State state, std::string sentence) {
  const std::lock_guard guard(shared_->lock);
  OracleHealth& health = shared_->health;
  if (health.state != state || health.sentence != sentence) told_ = true;
  if (health.state != state) health.since_ns = now_;
  health.state = state_ = state;
  health.sentence = std::move(sentence);
}

// 4 ms, doubled each time, a tenth more or less so that servers which lost their oracle together do not come
// back together.
std::uint64_t PostgresOracle::Worker::backoff_ns(std::uint32_t failures) {
  const std::uint64_t ms =
      std::min<std::uint64_t>(kFirstBackoffMs << std::min(failures == 0 ? 0 : failures - 1, 20U), options_.most_backoff_ms);
  jitter_ = jitter_ * 6364136223846793005U + 1442695040888963407U;
  const std::uint64_t span = ms * kMs / 5;
  return ms * kMs - span / 2 + (span == 0 ? 0 : (jitter_ >> 11) % span);
}

// ---- the asker's side ----

std::string why_not_postgres_url(const std::string& url) {
  char* error = nullptr;
  PQconninfoOption* const parsed = PQconninfoParse(url.c_str(), &error);
  const std::string why = parsed != nullptr ? std::string() : error != nullptr ? one_line(error) : "out of memory";
  PQconninfoFree(parsed);
  PQfreemem(error);
  return why;
}

PostgresOracle::PostgresOracle(PostgresOracleOptions options, Clock& clock, std::function<void()> on_answer)
    : shared_(std::make_shared<Shared>(steady_ns())),
      worker_(std::make_unique<Worker>(std::move(options), clock, std::move(on_answer), shared_)) {}

PostgresOracle::~PostgresOracle() = default;

void PostgresOracle::ask(const OracleCall& call) {
  {
    const std::lock_guard guard(shared_->lock);
    shared_->calls.push_back(call);
  }
  shared_->wake.wake_if_sleeping();
}

bool PostgresOracle::has_answers() const {
  const std::lock_guard guard(shared_->lock);
  return !shared_->answers.empty();
}

void PostgresOracle::take_answers(std::vector<OracleAnswer>& into) {
  const std::lock_guard guard(shared_->lock);
  into.insert(into.end(), shared_->answers.begin(), shared_->answers.end());
  shared_->answers.clear();
}

OracleHealth PostgresOracle::health() const {
  const std::lock_guard guard(shared_->lock);
  return shared_->health;
}

RemoteOracleStats PostgresOracle::stats() const {
  const std::lock_guard guard(shared_->lock);
  return shared_->stats;
}

Timestamp PostgresOracle::opened_at() const {
  const std::lock_guard guard(shared_->lock);
  return shared_->opened_at;
}

}  // namespace gyre::oracle
