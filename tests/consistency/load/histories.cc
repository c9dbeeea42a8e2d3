// The workloads that leave a history. Keys are hot: all clients work on a few at a time, and the few move on,
// so that no list grows long and every key is at some time one that does not exist yet. Reads go by primary
// key, by index, by range and through aggregates; writes are upserts and plain updates.
#include <algorithm>
#include <map>
#include <span>

#include "tests/consistency/load/workload.h"

namespace gyre::consistency {

namespace {

constexpr std::size_t kTables = 3;
constexpr Key kHotKeys = 6;
constexpr std::int64_t kWritesPerKey = 24;

class Recorder : public Workload {
 public:
  History take_history() override {
    History all;
    for (auto& [index, part] : histories_) std::move(part.begin(), part.end(), std::back_inserter(all));
    std::stable_sort(all.begin(), all.end(),
                     [](const Transaction& a, const Transaction& b) { return a.invoked_ns < b.invoked_ns; });
    return all;
  }

 protected:
  // A statement and the operations that it is: several for a range.
  struct Action {
    std::vector<Operation> operations;
    std::function<void(std::span<Operation>)> perform;
  };

  // Runs the actions as one transaction and keeps what came of it. Reads that did not happen stay empty.
  Outcome record(Client& client, const std::vector<Action>& actions) {
    Transaction transaction;
    transaction.process = process_of(client);
    for (const Action& action : actions)
      transaction.operations.insert(transaction.operations.end(), action.operations.begin(),
                                    action.operations.end());
    transaction.invoked_ns = now_ns();
    transaction.outcome = client.transact(actions.size() == 1 && client.dice(2) == 0, [&] {
      std::span<Operation> rest = transaction.operations;
      for (const Action& action : actions) {
        action.perform(rest.first(action.operations.size()));
        rest = rest.subspan(action.operations.size());
      }
    });
    transaction.completed_ns = now_ns();
    const Outcome outcome = transaction.outcome;
    const std::scoped_lock lock(mutex_);
    if (outcome == Outcome::info) ++lives_[client.index()];
    histories_[client.index()].push_back(std::move(transaction));
    return outcome;
  }

  // For last looks: until it happens.
  void insist(Client& client, const std::vector<Action>& actions) {
    for (int attempt = 0; attempt < 10; ++attempt) {
      if (record(client, actions) == Outcome::ok) return;
      if (!client.connected()) throw ConnectionLost("during the last look");
    }
    throw std::runtime_error("a last read fails");
  }

  Key hot_key(Client& client) const {
    return writes_ / kWritesPerKey + static_cast<Key>(client.dice(kHotKeys));
  }
  Value next_value() { return ++writes_; }
  Key end_of_keys() const { return writes_ / kWritesPerKey + kHotKeys; }

 private:
  int process_of(Client& client) {
    const std::scoped_lock lock(mutex_);
    return client.index() + lives_[client.index()] * (client.settings().clients + 1);
  }

  std::atomic<Value> writes_ = 0;
  std::mutex mutex_;
  std::map<int, History> histories_;  // by client
  std::map<int, int> lives_;          // a process ends with an unknown outcome; the client goes on as another
};

std::string table_of(Key key) {
  return "list" + std::to_string(key % static_cast<Key>(kTables));
}

std::vector<Value> parse_list(const std::optional<std::string>& text) {
  std::vector<Value> list;
  if (!text) return list;
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = std::min(text->find(',', at), text->size());
    list.push_back(std::stoll(text->substr(at, end - at)));
    at = end + 1;
  }
  return list;
}

// list0, list1, list2 (k, i, v): v is the list as text, i is k once more, with an index.
class ListAppend final : public Recorder {
 public:
  void prepare(Client& client) override {
    for (std::size_t i = 0; i < kTables; ++i) {
      const std::string table = "list" + std::to_string(i);
      client.run("DROP TABLE IF EXISTS " + table);
      client.run("CREATE TABLE " + table + " (k int4 PRIMARY KEY, i int4, v text)");
      client.run("CREATE INDEX ON " + table + " (i)");
    }
  }

  Outcome step(Client& client) override {
    std::vector<Action> actions;
    for (std::uint64_t count = 1 + client.dice(4); count > 0; --count) {
      const Key key = hot_key(client);
      if (client.dice(2) == 0)
        actions.push_back(append_action(client, key));
      else
        actions.push_back(client.dice(4) == 0 ? range_action(client, key) : read_action(client, key));
    }
    return record(client, actions);
  }

  void finish(Client& client) override {
    for (Key key = 0; key < end_of_keys(); ++key) insist(client, {read_action(client, key)});
  }

 private:
  Action append_action(Client& client, Key key) {
    return {{{Operation::Kind::append, key, next_value()}},
            [&client](std::span<Operation> which) { append(client, which[0]); }};
  }
  static Action read_action(Client& client, Key key) {
    return {{{Operation::Kind::read_list, key}},
            [&client](std::span<Operation> which) { read(client, which[0]); }};
  }
  // Two keys of one table by one statement.
  static Action range_action(Client& client, Key key) {
    return {
        {{Operation::Kind::read_list, key}, {Operation::Kind::read_list, key + static_cast<Key>(kTables)}},
        [&client](std::span<Operation> which) { read_range(client, which); }};
  }

  static void append(Client& client, const Operation& operation) {
    const std::string table = table_of(operation.key), key = std::to_string(operation.key),
                      value = std::to_string(operation.value);
    if (client.dice(4) == 0 &&
        client.run("UPDATE " + table + " SET v = v || ',' || $2::text WHERE k = $1::int4", {key, value})
                .affected == 1)
      return;
    client.run("INSERT INTO " + table +
                   " VALUES ($1::int4, $1::int4, $2::text) ON CONFLICT (k) DO UPDATE SET v = " + table +
                   ".v || ',' || excluded.v",
               {key, value});
  }

  static void read(Client& client, Operation& operation) {
    static constexpr const char* kForms[] = {"SELECT v FROM % WHERE k = $1::int4",
                                             "SELECT v FROM % WHERE i = $1::int4",
                                             "SELECT max(v) FROM % WHERE k = $1::int4",
                                             "SELECT v FROM % WHERE k >= $1::int4 AND k < $1::int4 + 1"};
    std::string form = kForms[client.dice(std::size(kForms))];
    const std::vector<Row> rows =
        client.run(form.replace(form.find('%'), 1, table_of(operation.key)), {std::to_string(operation.key)})
            .rows;
    operation.list = rows.empty() ? std::vector<Value>{} : parse_list(rows[0][0]);
  }

  static void read_range(Client& client, std::span<Operation> which) {
    const std::string column = client.dice(2) == 0 ? "k" : "i";
    const Answer answer = client.run(
        "SELECT k, v FROM " + table_of(which[0].key) + " WHERE " + column + " BETWEEN $1::int4 AND $2::int4",
        {std::to_string(which[0].key), std::to_string(which[1].key)});
    for (const Row& row : answer.rows)
      which[integer(row[0]) == which[0].key ? 0 : 1].list = parse_list(row[1]);
  }
};

// Every write is made from a read of the same register in the same transaction.
class Register final : public Recorder {
 public:
  void prepare(Client& client) override {
    client.run("DROP TABLE IF EXISTS register");
    client.run("CREATE TABLE register (k int4 PRIMARY KEY, v int4)");
  }

  Outcome step(Client& client) override {
    std::vector<Action> actions;
    for (std::uint64_t count = 1 + client.dice(3); count > 0; --count) {
      const Key key = hot_key(client);
      actions.push_back(action(client, {Operation::Kind::read_register, key, 0, false}));
      if (client.dice(2) == 0) actions.push_back(action(client, {Operation::Kind::write, key, next_value()}));
    }
    return record(client, actions);
  }

  void finish(Client& client) override {
    for (Key key = 0; key < end_of_keys(); ++key)
      insist(client, {action(client, {Operation::Kind::read_register, key, 0, false})});
  }

 private:
  static Action action(Client& client, const Operation& operation) {
    return {{operation}, [&client](std::span<Operation> which) { perform(client, which[0]); }};
  }

  static void perform(Client& client, Operation& operation) {
    const std::string key = std::to_string(operation.key);
    if (operation.kind == Operation::Kind::read_register) {
      const std::vector<Row> rows = client.run("SELECT v FROM register WHERE k = $1::int4", {key}).rows;
      operation.found = !rows.empty();
      operation.value = rows.empty() ? 0 : integer(rows[0][0]);
      return;
    }
    const std::vector<std::string> values = {key, std::to_string(operation.value)};
    if (client.run("UPDATE register SET v = $2::int4 WHERE k = $1::int4", values).affected == 1) return;
    client.run(
        "INSERT INTO register VALUES ($1::int4, $2::int4) ON CONFLICT (k) DO UPDATE SET v = excluded.v",
        values);
  }
};

}  // namespace

std::unique_ptr<Workload> make_list_append(const LoadSettings&) {
  return std::make_unique<ListAppend>();
}
std::unique_ptr<Workload> make_register(const LoadSettings&) {
  return std::make_unique<Register>();
}

}  // namespace gyre::consistency
