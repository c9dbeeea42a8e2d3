// The parts of a core's history of statements, each beside a slow twin that is obviously right.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <deque>
#include <map>
#include <random>

#include "adapter/history/byte_throttle.h"
#include "adapter/history/execution_record.h"
#include "adapter/history/log_lines.h"
#include "adapter/history/record_ring.h"
#include "adapter/history/shown_text.h"
#include "adapter/history/statement_history.h"
#include "adapter/history/statement_statistics.h"
#include "adapter/sql/normalize.h"

namespace gyre::adapter {
namespace {

std::uint64_t test_seed() {
  const char* given = std::getenv("GYRE_TEST_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
}

// Where each record lies, as a list: those that a new one overlaps go, the oldest first.
class RingTwin {
 public:
  explicit RingTwin(std::size_t capacity) : capacity_(capacity) {}
  bool append(const std::string& record) {
    const std::size_t needed = 4 + record.size();
    if (needed > capacity_) return false;
    if (records_.empty()) cursor_ = 0;
    if (cursor_ + needed > capacity_) {
      while (any([&](const Place& place) { return place.at >= cursor_; })) drop();
      cursor_ = 0;
    }
    while (any([&](const Place& place) { return place.at < cursor_ + needed && place.at + place.size > cursor_; }))
      drop();
    records_.push_back({cursor_, needed, record});
    cursor_ += needed;
    return true;
  }
  std::vector<std::string> all() const {
    std::vector<std::string> out;
    for (const Place& place : records_) out.push_back(place.record);
    return out;
  }

 private:
  struct Place {
    std::size_t at, size;
    std::string record;
  };
  template <class Test>
  bool any(Test test) const {
    return std::any_of(records_.begin(), records_.end(), test);
  }
  void drop() {
    records_.pop_front();
    if (records_.empty()) cursor_ = 0;
  }
  std::size_t capacity_, cursor_ = 0;
  std::deque<Place> records_;
};

std::vector<std::string> all_of(const RecordRing& ring) {
  const std::string copy = ring.copy();
  std::string_view left = copy, record;
  std::vector<std::string> out;
  while (next_record(left, record)) out.emplace_back(record);
  EXPECT_TRUE(left.empty());
  return out;
}

TEST(RecordRing, KeepsTheNewestAsItsTwinDoes) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("GYRE_TEST_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 60; ++round) {
    const std::size_t capacity = 16 + random() % 300;
    RecordRing ring(capacity);
    RingTwin twin(capacity);
    std::vector<std::string> said;
    for (int i = 0; i < 200; ++i) {
      const std::size_t most = random() % 4 == 0 ? capacity + 10 : capacity / 4 + 1;
      std::string record(random() % most, ' ');
      for (char& c : record) c = static_cast<char>(random());
      ASSERT_EQ(ring.append(record), twin.append(record)) << "round " << round << ", record " << i;
      if (record.size() + 4 <= capacity) said.push_back(record);
      const std::vector<std::string> kept = all_of(ring);
      ASSERT_EQ(kept, twin.all()) << "round " << round << ", record " << i;
      ASSERT_EQ(ring.size(), kept.size());
      ASSERT_TRUE(std::equal(kept.rbegin(), kept.rend(), said.rbegin()));
    }
  }
}

TEST(RecordRing, IsEmptyAtFirstAndRefusesWhatIsTooLarge) {
  RecordRing ring(8);
  EXPECT_TRUE(all_of(ring).empty());
  EXPECT_FALSE(ring.append("12345"));
  EXPECT_TRUE(ring.append("1234"));
  EXPECT_TRUE(ring.append(""));
  EXPECT_EQ(all_of(ring), std::vector<std::string>{""});
}

TEST(ByteThrottle, SpendsItsCreditAndEarnsItsRate) {
  ByteThrottle throttle;
  throttle.set(1000, 3000);
  std::int64_t now_us = 5'000'000;
  EXPECT_TRUE(throttle.take(2000, now_us));
  EXPECT_TRUE(throttle.take(1000, now_us));
  EXPECT_FALSE(throttle.take(1, now_us));
  now_us += 500'000;
  EXPECT_FALSE(throttle.take(501, now_us));
  EXPECT_TRUE(throttle.take(500, now_us));
  now_us += 60'000'000;
  EXPECT_FALSE(throttle.take(3001, now_us));  // credit is bounded
  EXPECT_TRUE(throttle.take(3000, now_us));
  throttle.set(1000, 0);
  now_us += 60'000'000;
  EXPECT_FALSE(throttle.take(1, now_us));
  EXPECT_TRUE(throttle.take(0, now_us));
}

// Over any time it lets through the rate's worth and its credit at most, and nearly that if asked all the time.
TEST(ByteThrottle, HoldsItsRateOverTime) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("GYRE_TEST_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20; ++round) {
    const double rate = 100 + static_cast<double>(random() % 100'000);
    const double credit = 1000 + static_cast<double>(random() % 100'000);
    ByteThrottle throttle;
    throttle.set(rate, credit);
    std::int64_t now_us = 1 + static_cast<std::int64_t>(random() % 1'000'000);
    const std::int64_t begin_us = now_us;
    double taken = 0;
    for (int i = 0; i < 20'000; ++i) {
      const std::size_t bytes = random() % 500;
      if (throttle.take(bytes, now_us)) taken += static_cast<double>(bytes);
      now_us += static_cast<std::int64_t>(random() % 2000);
      const double earned = credit + rate * static_cast<double>(now_us - begin_us) / 1e6;
      ASSERT_LE(taken, earned + 1) << "rate " << rate << " credit " << credit;
    }
  }
}

TEST(ExecutionRecord, ComesBackAsItWas) {
  storage::StatementExecution execution{};
  execution.figures.id[3] = 'x';
  execution.figures.sample_rate = 0.25;
  execution.figures.rows = 7;
  execution.figures.role = 16384;
  execution.sql = "select 1";
  execution.isolation = "serializable";
  execution.error = std::string_view("a\0b", 3);
  OutBuffer bytes;
  write_execution(execution, bytes);
  const storage::StatementExecution back = read_execution(bytes.view());
  EXPECT_EQ(back.figures.id, execution.figures.id);
  EXPECT_EQ(back.figures.sample_rate, 0.25);
  EXPECT_EQ(back.figures.rows, 7);
  EXPECT_EQ(back.figures.role, 16384u);
  EXPECT_EQ(back.sql, "select 1");
  EXPECT_EQ(back.isolation, "serializable");
  EXPECT_EQ(back.error, execution.error);
  EXPECT_EQ(back.user, "");
}

// Times dealt out to several cores add up to what one list of them says.
TEST(StatementStatistics, AddUpOverCores) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("GYRE_TEST_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  StatementStatistics cores[3];
  std::vector<double> times;
  std::uint64_t rows = 0;
  for (int i = 0; i < 500; ++i) {
    const double took_ms = static_cast<double>(random() % 1'000'000) / 1000;
    times.push_back(took_ms);
    rows += static_cast<std::uint64_t>(i);
    cores[random() % 3].add(10, 99, "select $1", took_ms, static_cast<std::uint64_t>(i));
  }
  storage::StatementStatistic sum;
  for (const StatementStatistics& core : cores)
    for (const auto& row : core.copy()) merge(row, sum);
  double total = 0, squares = 0;
  for (const double time : times) total += time;
  const double mean = total / static_cast<double>(times.size());
  for (const double time : times) squares += (time - mean) * (time - mean);
  EXPECT_EQ(sum.calls, times.size());
  EXPECT_EQ(sum.rows, rows);
  EXPECT_NEAR(sum.total_ms, total, 1e-6 * total);
  EXPECT_NEAR(sum.mean_ms, mean, 1e-6 * mean);
  EXPECT_NEAR(sum.squares, squares, 1e-6 * squares);
  EXPECT_EQ(sum.least_ms, *std::min_element(times.begin(), times.end()));
  EXPECT_EQ(sum.most_ms, *std::max_element(times.begin(), times.end()));
}

TEST(StatementStatistics, ThrowOutTheLeastCalled) {
  StatementStatistics statistics;
  statistics.set_most(100);
  for (std::uint64_t id = 1; id <= 100; ++id)
    for (std::uint64_t call = 0; call < (id <= 5 ? 1u : 2u); ++call) statistics.add(10, id, "x", 1, 0);
  statistics.add(10, 101, "new", 1, 0);
  EXPECT_EQ(statistics.size(), 96u);
  for (const auto& row : statistics.copy()) EXPECT_GT(row.query_id, 5u);
}

TEST(StatementStatistics, TellTheCostliest) {
  StatementStatistics cores[2];
  for (std::uint64_t id = 1; id <= 50; ++id) {
    const auto ms = static_cast<double>(id);
    cores[0].add(10, id, "x", ms, 0);                                    // 50 took the longest at once, …
    for (int i = 0; i < 200; ++i) cores[1].add(10, id, "x", 1 / ms, 0);  // … 1 in all
  }
  StatementStatistics all;
  for (const StatementStatistics& core : cores)
    for (const auto& row : core.costliest(3)) all.add(row);
  std::map<std::uint64_t, std::uint64_t> calls;
  for (const auto& row : all.costliest(2)) calls[row.query_id] = row.calls;
  EXPECT_EQ(calls, (std::map<std::uint64_t, std::uint64_t>{{1, 200}, {2, 200}, {49, 1}, {50, 1}}));
  EXPECT_TRUE(StatementStatistics().costliest(3).empty());
}

TEST(StatementStatistics, ForgetByRoleAndStatement) {
  StatementStatistics statistics;
  for (const std::uint32_t role : {10u, 11u})
    for (const std::uint64_t id : {1u, 2u}) statistics.add(role, id, "x", 1, 0);
  statistics.forget({10, 1});
  EXPECT_EQ(statistics.size(), 3u);
  statistics.forget({11, 0});
  EXPECT_EQ(statistics.size(), 1u);
  statistics.forget({});
  EXPECT_EQ(statistics.size(), 0u);
}

// So many records of one size are kept at once, and what each says of those that were not.
std::vector<std::uint64_t> kept_at_once(StatementHistory& history, std::int64_t now_us, int tries) {
  for (int i = 0; i < tries; ++i) {
    storage::StatementExecution execution;
    history.keep(execution, now_us);
  }
  std::vector<std::uint64_t> throttled;
  const std::string all = history.executions();
  std::string_view left = all, record;
  while (next_record(left, record)) throttled.push_back(read_execution(record).figures.throttled);
  return throttled;
}

TEST(StatementHistory, SharesItsCreditAndSaysWhatItDropped) {
  OutBuffer one;
  write_execution({}, one);
  Catalog catalog;
  catalog.system_parameters["statement_logging_target_data_rate"] = std::to_string(4 * one.size()) + "B";
  catalog.system_parameters["statement_logging_max_data_credit"] = std::to_string(4 * one.size()) + "B";
  StatementHistory alone, first_of_two;
  alone.set_up(1, 1, LogFormat::stderr_lines);
  alone.follow(catalog);
  first_of_two.set_up(2, 1, LogFormat::stderr_lines);
  first_of_two.follow(catalog);
  EXPECT_EQ(kept_at_once(alone, 1, 7), (std::vector<std::uint64_t>{0, 0, 0, 0}));
  EXPECT_EQ(kept_at_once(first_of_two, 1, 7), (std::vector<std::uint64_t>{0, 0}));
  // A second later: there is credit for as many, and the first of them tells of those that were dropped.
  EXPECT_EQ(kept_at_once(first_of_two, 1'000'001, 2), (std::vector<std::uint64_t>{0, 0, 5, 0}));
}

TEST(Normalize, LeavesOutConstants) {
  const NormalizedStatement one = normalize("select * from t where id = 1 and name = 'x'");
  EXPECT_EQ(one.text, "select * from t where id = $1 and name = $2");
  EXPECT_EQ(one.query_id, normalize("SELECT *  FROM t WHERE id = 77 and name = 'y'").query_id);
  EXPECT_NE(one.query_id, normalize("select * from u where id = 1 and name = 'x'").query_id);
  EXPECT_EQ(normalize("alter role alice password 'secret'").text.find("secret"), std::string::npos);
  EXPECT_EQ(normalize("create default index on 'secret'").text.find("secret"), std::string::npos);
}

TEST(Normalize, WithoutLiteralsHasNone) {
  EXPECT_EQ(without_literals("execute p('x', 1.5e3, -2)"), "execute p($1, $2, -$3)");
  EXPECT_EQ(without_literals("select $1, $3, 'x'"), "select $1, $3, $4");
  EXPECT_EQ(without_literals("select 'a'\n  'b' , e'\\'c', U&'\\0061', b'1', x'f', $$d$$, $e$ $$ $e$"),
            "select $1 , $2, $3, $4, $5, $6, $7");
  EXPECT_EQ(without_literals("select a1, \"b 2\", 'it''s' -- 3"), "select a1, \"b 2\", $1 -- 3");
  EXPECT_EQ(without_literals("select * from t order by 1 limit 5"), "select * from t order by $1 limit $2");
  EXPECT_EQ(without_literals("selec 'x' frm"), "selec $1 frm") << "no grammar is asked";
  EXPECT_EQ(without_literals("select 'x"), "<unknown statement>");
  EXPECT_EQ(without_literals("select '\xc3\xa4' as \xc3\xa4, 'x'"), "select $1 as \xc3\xa4, $2");
  EXPECT_EQ(without_literals(""), "");
  EXPECT_EQ(without_literals("select $2147483647, $99999999999999999999, 'x'"),
            "select $2147483647, $99999999999999999999, $2147483648");
}

// Wherever a long text is cut, no literal comes out.
TEST(Normalize, WithoutLiteralsShowsTheBeginningOfLongTexts) {
  std::string values;
  while (values.size() < 200'000) values += ", 'secret', e'sec\\'ret', 12345, \"a name\" /* a note */";
  for (std::size_t shift = 0; shift < 60; ++shift) {
    const std::string text = "insert into t values (0" + std::string(shift, ' ') + values + ")";
    const std::string shown = without_literals(text);
    EXPECT_EQ(shown.find("secret"), std::string::npos);
    EXPECT_EQ(shown.find("sec\\"), std::string::npos);
    EXPECT_EQ(shown.find("12345"), std::string::npos);
    EXPECT_LT(shown.size(), 70'000U);
    if (shown != "<unknown statement>") {
      EXPECT_GT(shown.size(), 10'000U);
    }
  }
}

TEST(ShownText, HidesPasswordsAndCutsBetweenCharacters) {
  EXPECT_EQ(without_password("ALTER ROLE a PASSWORD 'x'"), "ALTER ROLE a PASSWORD ...");
  EXPECT_EQ(without_password("select password from t"), "select password from t");
  EXPECT_EQ(clipped("a\xc3\xa4", 2), "a");
  EXPECT_EQ(clipped("a\xc3\xa4", 3), "a\xc3\xa4");
}

LogEvent event() {
  LogEvent out;
  out.message = "duration: 0.123 ms  statement: select 1,\n 2";
  out.at_us = 0;  // 2000-01-01 00:00:00
  out.session_start_us = -1'000'000;
  out.user = "alice";
  out.database = "materialize";
  out.host = "192.0.2.1";
  out.port = 4711;
  out.pid = 77;
  out.line = 3;
  out.tag = "SELECT";
  return out;
}

TEST(LogLines, HaveTheFormOfPostgres) {
  std::string lines;
  append_log_lines(event(), "%m [%p] %q%u@%d ", lines);
  EXPECT_EQ(lines,
            "2000-01-01 00:00:00.000 UTC [77] alice@materialize LOG:  duration: 0.123 ms  statement: select "
            "1,\n\t 2\n");
  LogEvent error = event();
  error.severity = "ERROR";
  error.message = "division by zero";
  error.detail = "why";
  error.statement = "select 1/0";
  error.state_code = "22012";
  lines.clear();
  append_log_lines(error, "%t %a|%r|%h|%i|%e|%c|%l|%s|%%|%-4p|%5p|%", lines);
  const std::string prefix =
      "2000-01-01 00:00:00 UTC [unknown]|192.0.2.1(4711)|192.0.2.1|SELECT|22012|386d437f.4d|3|1999-12-31 23:59:59 "
      "UTC|%|77  |   77|";
  EXPECT_EQ(lines, prefix + "ERROR:  division by zero\n" + prefix + "DETAIL:  why\n" + prefix +
                       "STATEMENT:  select 1/0\n");
}

TEST(LogLines, AreJsonWithPostgresNames) {
  std::string line;
  append_log_json(event(), line);
  EXPECT_EQ(
      line,
      "{\"timestamp\":\"2000-01-01 00:00:00.000 "
      "UTC\",\"user\":\"alice\",\"dbname\":\"materialize\",\"pid\":77,"
      "\"remote_host\":\"192.0.2.1\",\"remote_port\":4711,\"session_id\":\"386d437f.4d\",\"line_num\":3,"
      "\"ps\":\"SELECT\",\"session_start\":\"1999-12-31 23:59:59 UTC\",\"error_severity\":\"LOG\","
      "\"message\":\"duration: 0.123 ms  statement: select 1,\\n 2\",\"backend_type\":\"client backend\","
      "\"query_id\":0}\n");
}

}  // namespace
}  // namespace gyre::adapter
