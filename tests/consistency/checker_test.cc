// The checker finds each anomaly in the smallest history that has it, under the models that forbid it, and
// none in sound ones; and finds in random histories of a serial list machine nothing, until one thing in them
// is changed.
#include "tests/consistency/checker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <sstream>

namespace gyre::consistency {
namespace {

// One transaction a line: "BEGIN-END OUTCOME OPERATIONS", as in "1-4 ok [:append 1 1] [:r 2 []]"; each has a
// process of its own.
History history(const std::string& text) {
  std::istringstream lines(text);
  std::vector<std::pair<std::int64_t, std::string>> events;
  std::string line;
  for (int process = 0; std::getline(lines, line); ++process) {
    std::istringstream words(line);
    std::int64_t from = 0, to = 0;
    char dash = 0;
    std::string outcome, operations;
    words >> from >> dash >> to >> outcome;
    std::getline(words, operations);
    const std::string middle =
        " :process " + std::to_string(process) + " :f :txn :value [" + operations + "] :time ";
    events.emplace_back(from, "{:type :invoke" + middle + std::to_string(from) + "}");
    events.emplace_back(to, "{:type :" + outcome + middle + std::to_string(to) + "}");
  }
  std::stable_sort(events.begin(), events.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string edn;
  for (const auto& [time, event] : events) edn += event + '\n';
  return parse_edn(edn);
}

std::set<std::string> names(const std::string& text) {
  std::set<std::string> found;
  for (const Finding& finding : find_anomalies(history(text))) found.insert(name(finding));
  return found;
}

using Names = std::set<std::string>;

TEST(Checker, SoundHistories) {
  EXPECT_EQ(names(""), Names{});
  EXPECT_EQ(names("1-2 ok [:append 1 1]\n3-4 ok [:r 1 [1]] [:append 1 2]\n5-6 ok [:r 1 [1 2]]"), Names{});
  // Concurrent ones may stand in either order.
  EXPECT_EQ(names("1-9 ok [:append 1 1]\n2-8 ok [:r 1 []]\n3-7 ok [:r 1 [1]]"), Names{});
  // A transaction sees its own writes at the end.
  EXPECT_EQ(names("1-2 ok [:append 1 1]\n3-4 ok [:append 1 2] [:r 1 [1 2]] [:append 1 3] [:r 1 [1 2 3]]\n5-6 "
                  "ok [:r 1 [1 2 3]]"),
            Names{});
}

TEST(Checker, UnknownOutcomesMayHaveHappenedOrNot) {
  EXPECT_EQ(names("1-2 info [:append 1 1]\n3-4 ok [:r 1 []]"), Names{});
  EXPECT_EQ(names("1-2 info [:append 1 1]\n3-4 ok [:r 1 []]\n5-6 ok [:r 1 [1]]"),
            Names{});  // it arrived late
  EXPECT_EQ(names("1-2 info [:append 1 1] [:append 2 1]\n3-4 ok [:r 1 [1]] [:r 2 [1]]"), Names{});
  // Half of it is too little.
  EXPECT_EQ(names("1-2 info [:append 1 1] [:append 2 1]\n3-4 ok [:r 1 [1]] [:r 2 []]\n5-6 ok [:r 2 [1]]"),
            Names{"G-single"});
}

TEST(Checker, SingleReads) {
  EXPECT_EQ(names("1-2 ok [:r 1 [7]]"), Names{"unknown-value"});
  EXPECT_EQ(names("1-2 fail [:append 1 1]\n3-4 ok [:r 1 [1]]"), Names{"G1a"});
  EXPECT_TRUE(
      names("1-9 ok [:append 1 1] [:append 1 2]\n2-3 ok [:r 1 [1]]\n10-11 ok [:r 1 [1 2]]").contains("G1b"));
  EXPECT_TRUE(names("1-2 ok [:append 1 1]\n3-4 ok [:r 1 [1 1]]").contains("duplicate"));
  EXPECT_TRUE(names("1-9 ok [:append 1 1]\n1-9 ok [:append 1 2]\n3-4 ok [:r 1 [1 2]]\n5-6 ok [:r 1 [2 1]]")
                  .contains("incompatible-order"));
  EXPECT_TRUE(names("1-2 ok [:append 1 1] [:r 1 []]").contains("internal"));
  EXPECT_TRUE(names("1-2 ok [:append 1 1]\n1-9 ok [:r 1 []] [:r 1 [1]]").contains("internal"));
}

TEST(Checker, LostAppend) {
  const Names found = names("1-2 ok [:append 1 1]\n3-4 ok [:append 1 2]\n5-6 ok [:r 1 [2]]");
  EXPECT_TRUE(found.contains("lost-append"));
  EXPECT_TRUE(found.contains("G-single-realtime"));
  // The reader may have come first.
  EXPECT_EQ(names("1-7 ok [:append 1 1]\n3-4 ok [:append 1 2]\n5-6 ok [:r 1 [2]]"), Names{});
}

TEST(Checker, LostUpdate) {
  const Names found =
      names("1-8 ok [:r 1 []] [:append 1 1]\n1-8 ok [:r 1 []] [:append 1 2]\n9-10 ok [:r 1 [1 2]]");
  EXPECT_EQ(found, (Names{"lost-update", "G-single"}));
}

TEST(Checker, Cycles) {
  // Writes in opposite orders.
  EXPECT_TRUE(names("1-9 ok [:append 1 1] [:append 2 1]\n1-9 ok [:append 1 2] [:append 2 2]\n10-11 ok [:r 1 "
                    "[1 2]] [:r 2 [2 1]]")
                  .contains("G0"));
  // Each reads of the other.
  EXPECT_EQ(names("1-9 ok [:append 1 1] [:r 2 [2]]\n1-9 ok [:append 2 2] [:r 1 [1]]"), Names{"G1c"});
  // A read of the old version of one key and the new one of the other.
  EXPECT_EQ(names("1-9 ok [:append 1 1] [:append 2 1]\n1-9 ok [:r 1 []] [:r 2 [1]]\n10-11 ok [:r 1 [1]]"),
            Names{"G-single"});
  // Write skew.
  EXPECT_EQ(
      names("1-9 ok [:r 1 []] [:append 2 1]\n1-9 ok [:r 2 []] [:append 1 1]\n10-11 ok [:r 1 [1]] [:r 2 [1]]"),
      Names{"G2-item"});
  // Two readers who disagree on which of two writes came first: two rw, never two in a row.
  EXPECT_EQ(names("1-9 ok [:append 1 1]\n1-9 ok [:append 2 1]\n1-9 ok [:r 1 [1]] [:r 2 []]\n1-9 ok [:r 1 []] "
                  "[:r 2 [1]]"),
            Names{"G-nonadjacent"});
}

TEST(Checker, RealTime) {
  // A read that begins after the answer and does not see it.
  EXPECT_EQ(names("1-2 ok [:append 1 1]\n3-4 ok [:r 1 []]\n5-6 ok [:r 1 [1]]"), Names{"G-single-realtime"});
  // Writes in the reverse order of their answers.
  EXPECT_TRUE(
      names("1-2 ok [:append 1 1]\n3-4 ok [:append 1 2]\n5-6 ok [:r 1 [2 1]]").contains("G0-realtime"));
  // The way round leads over an answer of a transaction on another key.
  EXPECT_EQ(
      names("1-2 ok [:append 1 1]\n3-4 ok [:append 2 1]\n1-9 ok [:r 2 [1]] [:r 1 []]\n10-11 ok [:r 1 [1]]"),
      Names{"G-single-realtime"});
}

TEST(Checker, Registers) {
  EXPECT_EQ(names("1-2 ok [:r 1 nil] [:w 1 5]\n3-4 ok [:r 1 5] [:w 1 3]\n5-6 ok [:r 1 3]"), Names{});
  EXPECT_TRUE(names("1-8 ok [:r 1 nil] [:w 1 5]\n1-8 ok [:r 1 nil] [:w 1 3]\n9-10 ok [:r 1 3]")
                  .contains("lost-update"));
  EXPECT_EQ(names("1-2 ok [:r 1 nil] [:w 1 5]\n3-4 ok [:r 1 5] [:w 1 3]\n5-6 ok [:r 1 5]\n7-8 ok [:r 1 3]"),
            Names{"G-single-realtime"});
  EXPECT_EQ(names("1-2 info [:r 1 nil] [:w 1 5]\n3-4 ok [:r 1 5] [:w 1 3]\n5-6 ok [:r 1 3]"), Names{});
}

bool valid(Model model, const std::string& text) {
  const std::vector<Finding> found = find_anomalies(history(text));
  return std::none_of(found.begin(), found.end(), [&](const Finding& each) { return forbids(model, each); });
}

TEST(Checker, Models) {
  const std::string skew =
      "1-9 ok [:r 1 []] [:append 2 1]\n1-9 ok [:r 2 []] [:append 1 1]\n10-11 ok [:r 1 [1]] [:r 2 [1]]";
  EXPECT_FALSE(valid(Model::serializable, skew));
  EXPECT_TRUE(valid(Model::snapshot_isolation, skew));
  EXPECT_TRUE(valid(Model::strong_snapshot_isolation, skew));
  const std::string stale = "1-2 ok [:append 1 1]\n3-4 ok [:r 1 []]\n5-6 ok [:r 1 [1]]";
  EXPECT_FALSE(valid(Model::strict_serializable, stale));
  EXPECT_FALSE(valid(Model::strong_snapshot_isolation, stale));
  EXPECT_TRUE(valid(Model::serializable, stale));
  EXPECT_TRUE(valid(Model::snapshot_isolation, stale));
  const std::string lost =
      "1-8 ok [:r 1 []] [:append 1 1]\n1-8 ok [:r 1 []] [:append 1 2]\n9-10 ok [:r 1 [1 2]]";
  EXPECT_FALSE(valid(Model::snapshot_isolation, lost));
  EXPECT_TRUE(valid(Model::read_committed, lost));
  EXPECT_FALSE(valid(Model::read_committed, "1-2 fail [:append 1 1]\n3-4 ok [:r 1 [1]]"));
}

TEST(History, PrintsWhatItReads) {
  const std::string edn =
      "{:type :invoke :process 3 :f :txn :value [[:append 7 12] [:r 9 nil]] :time 1001}\n"
      "{:type :ok :process 3 :f :txn :value [[:append 7 12] [:r 9 [1 2 5]]] :time 1044}\n"
      "{:type :invoke :process 3 :f :txn :value [[:w 7 -1]] :time 1050}\n"
      "{:type :info :process 3 :f :txn :value [[:w 7 -1]] :time 1060}\n";
  EXPECT_EQ(to_edn(parse_edn(edn)), edn);
  EXPECT_THROW(parse_edn("{:type :ok :process 3 :f :txn :value [] :time 1}"), std::runtime_error);
  EXPECT_THROW(parse_edn("{:type :invoke :process 3 :f :txn :value [[:r 1 nil] :time 1}"),
               std::runtime_error);
}

// ---- Against a machine that is obviously right ----

// Transactions that overlap in time, each of which takes effect as a whole at one moment in between.
class ListMachine {
 public:
  explicit ListMachine(std::uint64_t seed) : random_(seed) {}

  History run(std::size_t transactions) {
    struct Planned {
      std::int64_t effect;
      std::size_t at;
    };
    History history;
    std::vector<Planned> plan;
    std::int64_t clock = 0;
    for (std::size_t i = 0; i < transactions; ++i) {
      const std::int64_t begin = clock += pick(5), effect = begin + 1 + pick(20), end = effect + 1 + pick(20);
      history.push_back({static_cast<int>(i), Outcome::ok, begin, end, {}});
      plan.push_back({effect, i});
    }
    std::stable_sort(plan.begin(), plan.end(),
                     [](const Planned& a, const Planned& b) { return a.effect < b.effect; });
    for (const Planned& each : plan) take_effect(history[each.at]);
    history.push_back({static_cast<int>(transactions), Outcome::ok, clock + 100, clock + 101, {}});
    for (const auto& [key, list] : lists_)
      history.back().operations.push_back({Operation::Kind::read_list, key, 0, true, list});
    return history;
  }
  std::int64_t pick(std::int64_t bound) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(bound));
  }

 private:
  void take_effect(Transaction& transaction) {
    for (std::int64_t count = 1 + pick(4); count > 0; --count) {
      const Key key = pick(6);
      Operation operation{Operation::Kind::read_list, key};
      if (pick(2) == 0) {
        operation.kind = Operation::Kind::append;
        operation.value = ++values_;
        lists_[key].push_back(operation.value);
      } else {
        operation.list = lists_[key];
      }
      transaction.operations.push_back(operation);
    }
  }

  std::mt19937_64 random_;
  std::map<Key, std::vector<Value>> lists_;
  Value values_ = 0;
};

std::uint64_t test_seed() {
  const char* given = std::getenv("GYRE_TEST_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

TEST(Checker, SerialHistoriesAreSoundUntilOneThingIsChanged) {
  const std::uint64_t seed = test_seed();
  testing::ScopedTrace trace(__FILE__, __LINE__, "GYRE_TEST_SEED=" + std::to_string(seed));
  ListMachine machine(seed);
  const History sound = parse_edn(to_edn(machine.run(400)));
  const std::vector<Finding> nothing = find_anomalies(sound);
  ASSERT_TRUE(nothing.empty()) << name(nothing.front()) << ": " << nothing.front().text;

  // A value is taken out of the middle of the reads of the last transaction: an answered write is gone.
  History changed = sound;
  for (Operation& operation : changed.back().operations)
    if (operation.list.size() > 1)
      operation.list.erase(operation.list.begin() +
                           machine.pick(static_cast<std::int64_t>(operation.list.size())));
  EXPECT_FALSE(find_anomalies(changed).empty());

  // Somebody reads what stood there a good while ago.
  changed = sound;
  for (Transaction& transaction : changed)
    for (Operation& operation : transaction.operations)
      if (operation.list.size() > 40) {
        operation.list.resize(operation.list.size() - 30);
        EXPECT_FALSE(find_anomalies(changed).empty());
        return;
      }
}

}  // namespace
}  // namespace gyre::consistency
