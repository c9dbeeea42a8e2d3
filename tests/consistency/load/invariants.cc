// The workloads that know what must always hold: money is neither made nor lost, a ring stays a ring, of two
// at least one stays on duty, a place that was free is taken once, and no client sees a count go back.
#include <algorithm>
#include <set>

#include "tests/consistency/load/workload.h"

namespace gyre::consistency {

namespace {

void remake(Client& client, const std::string& table, const std::string& columns) {
  client.run("DROP TABLE IF EXISTS " + table);
  client.run("CREATE TABLE " + table + " (" + columns + ")");
}

// ---- Bank ----

constexpr int kAccounts = 8;
constexpr int kTotal = 100 * kAccounts;

// Below repeatable read every look and every transfer is one statement: what holds there holds of statements.
class Bank final : public Workload {
 public:
  void prepare(Client& client) override {
    remake(client, "bank", "id int4 PRIMARY KEY, balance int4 NOT NULL");
    for (int id = 0; id < kAccounts; ++id)
      client.run("INSERT INTO bank VALUES ($1::int4, 100)", {std::to_string(id)});
  }

  Outcome step(Client& client) override {
    if (client.dice(3) == 0) return look(client);
    const std::string from = std::to_string(client.dice(kAccounts)),
                      to = std::to_string(client.dice(kAccounts));
    if (from == to) return look(client);
    return client.settings().snapshot() ? transfer_read(client, from, to) : transfer_blind(client, from, to);
  }

  void finish(Client& client) override { look(client); }

 private:
  Outcome look(Client& client) {
    std::int64_t total = 0;
    const bool in_parts = client.settings().snapshot() && client.dice(2) == 0;
    const Outcome outcome = client.transact(!in_parts, [&] {
      if (!in_parts) {
        total = integer(client.run("SELECT sum(balance) FROM bank").rows.at(0)[0]);
        return;
      }
      for (int id = 0; id < kAccounts; ++id)
        total += integer(
            client.run("SELECT balance FROM bank WHERE id = $1::int4", {std::to_string(id)}).rows.at(0)[0]);
    });
    if (outcome == Outcome::ok && total != kTotal) violation("bank: the total is " + std::to_string(total));
    return outcome;
  }

  static std::int64_t balance(Client& client, const std::string& id) {
    return integer(client.run("SELECT balance FROM bank WHERE id = $1::int4", {id}).rows.at(0)[0]);
  }

  static Outcome transfer_read(Client& client, const std::string& from, const std::string& to) {
    const auto amount = static_cast<std::int64_t>(1 + client.dice(10));
    return client.transact(false, [&] {
      const std::int64_t has = balance(client, from), had = balance(client, to);
      const auto set = [&](const std::string& id, std::int64_t to_what) {
        client.run("UPDATE bank SET balance = $2::int4 WHERE id = $1::int4", {id, std::to_string(to_what)});
      };
      set(from, has - amount);
      set(to, had + amount);
    });
  }

  static Outcome transfer_blind(Client& client, const std::string& from, const std::string& to) {
    const auto [first, second] = std::minmax(from, to);
    const std::vector<std::string> ids = {first, second};
    return client.transact(false, [&] {
      client.run("UPDATE bank SET balance = balance - 7 WHERE id = $1::int4", {ids[0]});
      client.run("UPDATE bank SET balance = balance + 7 WHERE id = $1::int4", {ids[1]});
    });
  }
};

// ---- Ring ----

constexpr int kNodes = 8;

// Each step takes three neighbours a, b, c and puts c before b. All that is read is written, so snapshots
// suffice.
class Ring final : public Workload {
 public:
  void prepare(Client& client) override {
    remake(client, "ring", "id int4 PRIMARY KEY, next int4 NOT NULL");
    for (int id = 0; id < kNodes; ++id)
      client.run("INSERT INTO ring VALUES ($1::int4, $2::int4)",
                 {std::to_string(id), std::to_string((id + 1) % kNodes)});
  }

  Outcome step(Client& client) override {
    if (!client.settings().snapshot() || client.dice(4) == 0) return look(client);
    return client.transact(false, [&] {
      const std::string a = std::to_string(client.dice(kNodes)), b = after(client, a), c = after(client, b),
                        d = after(client, c);
      put(client, a, c);
      put(client, c, b);
      put(client, b, d);
    });
  }

  void finish(Client& client) override { look(client); }

 private:
  static std::string after(Client& client, const std::string& id) {
    return client.run("SELECT next FROM ring WHERE id = $1::int4", {id}).rows.at(0)[0].value();
  }
  static void put(Client& client, const std::string& id, const std::string& next) {
    client.run("UPDATE ring SET next = $2::int4 WHERE id = $1::int4", {id, next});
  }
  Outcome look(Client& client) {
    std::vector<Row> rows;
    const Outcome outcome =
        client.transact(true, [&] { rows = client.run("SELECT id, next FROM ring ORDER BY id").rows; });
    if (outcome != Outcome::ok) return outcome;
    std::set<std::int64_t> seen;
    for (std::int64_t at = 0; seen.insert(at).second;) at = integer(rows.at(static_cast<std::size_t>(at))[1]);
    if (seen.size() != kNodes) violation("ring: it has " + std::to_string(seen.size()) + " nodes");
    return outcome;
  }
};

// ---- Write skew ----

constexpr int kPairs = 4;

// Of each pair one is to stay on duty: who leaves has looked whether both are there.
class WriteSkew final : public Workload {
 public:
  void prepare(Client& client) override {
    remake(client, "duty", "id int4 PRIMARY KEY, pair int4 NOT NULL, present int4 NOT NULL");
    client.run("CREATE INDEX ON duty (pair)");
    for (int id = 0; id < 2 * kPairs; ++id)
      client.run("INSERT INTO duty VALUES ($1::int4, $2::int4, 1)",
                 {std::to_string(id), std::to_string(id / 2)});
  }

  Outcome step(Client& client) override {
    const std::uint64_t id = client.dice(2 * kPairs);
    const std::string pair = std::to_string(id / 2);
    std::int64_t present = 2;
    const Outcome outcome = client.transact(false, [&] {
      present =
          integer(client.run("SELECT sum(present) FROM duty WHERE pair = $1::int4", {pair}).rows.at(0)[0]);
      if (present == 2)
        client.run("UPDATE duty SET present = 0 WHERE id = $1::int4", {std::to_string(id)});
      else
        client.run("UPDATE duty SET present = 1 WHERE pair = $1::int4", {pair});
    });
    if (outcome == Outcome::ok && present < 1)
      found(client, "write skew: nobody of pair " + pair + " is on duty");
    return outcome;
  }

  void finish(Client&) override {}

 private:
  void found(Client& client, std::string text) {
    if (client.settings().serializable())
      violation(std::move(text));
    else
      allowed();
  }
};

// A place is taken by whoever found no row for it; each row has a key of its own, so only what was read can
// collide.
class AbsentRows final : public Workload {
 public:
  void prepare(Client& client) override {
    remake(client, "seat", "id int4 PRIMARY KEY, place int4 NOT NULL");
    client.run("CREATE INDEX ON seat (place)");
  }

  Outcome step(Client& client) override {
    const std::int64_t number = ++next_;
    const std::string place = std::to_string(number / 8), id = std::to_string(number);
    return client.transact(false, [&] {
      if (integer(client.run("SELECT count(*) FROM seat WHERE place = $1::int4", {place}).rows.at(0)[0]) == 0)
        client.run("INSERT INTO seat VALUES ($1::int4, $2::int4)", {id, place});
    });
  }

  void finish(Client& client) override {
    const Answer twice = client.run("SELECT place, count(*) FROM seat GROUP BY place HAVING count(*) > 1");
    for (const Row& row : twice.rows) {
      if (!client.settings().serializable())
        allowed();
      else
        violation("absent rows: place " + *row[0] + " is taken " + *row[1] + " times");
    }
  }

 private:
  std::atomic<std::int64_t> next_ = 0;
};

// ---- Monotonic ----

constexpr int kMostClients = 256;

// Each client counts its own row up; everyone reads everyone's, over connections that come and go. What was
// told before a question was asked bounds the answer from below.
class Monotonic final : public Workload {
 public:
  void prepare(Client& client) override {
    remake(client, "counter", "id int4 PRIMARY KEY, n int4 NOT NULL");
    for (int id = 0; id < client.settings().clients; ++id)
      client.run("INSERT INTO counter VALUES ($1::int4, 0)", {std::to_string(id)});
  }

  Outcome step(Client& client) override {
    if (client.dice(50) == 0) client.disconnect();
    if (!client.connected()) return Outcome::fail;
    return client.dice(3) == 0 ? count(client) : look(client);
  }

  void finish(Client& client) override {
    for (int id = 0; id < client.settings().clients; ++id) look(client, id);
  }

 private:
  Outcome count(Client& client) {
    const auto id = static_cast<std::size_t>(client.index());
    std::int64_t n = 0;
    const Outcome outcome = client.transact(true, [&] {
      n = integer(
          client.run("UPDATE counter SET n = n + 1 WHERE id = $1::int4 RETURNING n", {std::to_string(id)})
              .rows.at(0)[0]);
    });
    if (outcome == Outcome::info) ++unknown_[id];
    if (outcome != Outcome::ok) return outcome;
    if (n <= own_[id] || n > own_[id] + 1 + unknown_[id])
      violation("monotonic: counter " + std::to_string(id) + " was " + std::to_string(own_[id]) +
                " and is counted to " + std::to_string(n));
    own_[id] = n;
    unknown_[id] = 0;
    raise(id, n);
    return outcome;
  }

  Outcome look(Client& client) {
    return look(client, static_cast<int>(client.dice(static_cast<std::uint64_t>(client.settings().clients))));
  }

  Outcome look(Client& client, int which) {
    const auto id = static_cast<std::size_t>(which);
    const std::int64_t before = told_[id];
    std::int64_t n = 0;
    const Outcome outcome = client.transact(client.dice(2) == 0, [&] {
      n = integer(
          client.run("SELECT n FROM counter WHERE id = $1::int4", {std::to_string(id)}).rows.at(0)[0]);
    });
    if (outcome != Outcome::ok) return outcome;
    if (n < before)
      violation("monotonic: counter " + std::to_string(id) + " is read as " + std::to_string(n) + " after " +
                std::to_string(before));
    raise(id, n);
    return outcome;
  }

  // What anybody has been told.
  void raise(std::size_t id, std::int64_t n) {
    for (std::int64_t old = told_[id]; old < n && !told_[id].compare_exchange_weak(old, n);) continue;
  }

  std::atomic<std::int64_t> told_[kMostClients] = {};
  std::int64_t own_[kMostClients] = {};  // what each client was told of its own row
  std::int64_t unknown_[kMostClients] =
      {};  // counts of unknown outcome since the last answer; their client's own
};

}  // namespace

std::unique_ptr<Workload> make_bank(const LoadSettings&) {
  return std::make_unique<Bank>();
}
std::unique_ptr<Workload> make_ring(const LoadSettings&) {
  return std::make_unique<Ring>();
}
std::unique_ptr<Workload> make_write_skew(const LoadSettings&) {
  return std::make_unique<WriteSkew>();
}
std::unique_ptr<Workload> make_absent_rows(const LoadSettings&) {
  return std::make_unique<AbsentRows>();
}
std::unique_ptr<Workload> make_monotonic(const LoadSettings&) {
  return std::make_unique<Monotonic>();
}

}  // namespace gyre::consistency
