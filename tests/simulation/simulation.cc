#include "tests/simulation/simulation.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "tests/consistency/checker.h"
#include "tests/simulation/simulated_client.h"
#include "tests/simulation/simulated_server.h"

namespace gyre::simulation {

namespace {

using consistency::History;
using consistency::Key;
using consistency::Model;
using consistency::Operation;
using consistency::Transaction;
using consistency::Value;

constexpr std::size_t kPatience =
    400'000;  // turns in which nobody gets an answer, until the run counts as stuck

struct Level {
  const char* name;
  Model model;
};
constexpr Level kLevels[] = {{"strict serializable", Model::strict_serializable},
                             {"serializable", Model::serializable},
                             {"repeatable read", Model::strong_snapshot_isolation},
                             {"read committed", Model::read_committed}};

std::vector<Value> parse_list(const std::optional<std::string>& text) {
  std::vector<Value> list;
  for (std::size_t at = 0; text && at < text->size();) {
    const std::size_t end = std::min(text->find(',', at), text->size());
    list.push_back(std::stoll(text->substr(at, end - at)));
    at = end + 1;
  }
  return list;
}

// A client and what it is at: the statements of a transaction, one after the other.
struct Actor {
  Actor(std::uint64_t seed, int number) : client(seed), process(number) {}

  SimulatedClient client;
  int process;
  bool greeted = false;  // the session has begun and its level is set
  bool busy = false;     // within a transaction of the history
  bool block = false;    // it is a block
  std::size_t at = 0;    // of the operations, which is under way; past the end: COMMIT
  bool begun = false;    // BEGIN was answered
  Transaction transaction;
};

class Simulation {
 public:
  explicit Simulation(std::uint64_t seed) : random_(seed), level_(kLevels[pick(std::size(kLevels))]) {
    faults_.reset = pick(4) == 0 ? 1 : 0;
    faults_.largest_receive = 1 + pick(200);
    faults_.delay_send = static_cast<std::uint32_t>(pick(500));
    faults_.partial_send = static_cast<std::uint32_t>(pick(700));
    faults_.send_at_once = static_cast<std::uint32_t>(pick(1'000));
    faults_.accept_failure = pick(4) == 0 ? 100 : 0;
    faults_.spurious_ready = pick(4) == 0 ? 50 : 0;
    shards_ = 1 + pick(3);
    keys_ = 2 + static_cast<Key>(pick(4));
    rows_exist_ = pick(3) == 0;
    deaths_ = pick(2) == 0 ? 0 : 1 + pick(4);
    cancels_ = pick(4) == 0;
    to_begin_ = 20 + pick(60);
    if (pick(3) != 0) draw_disk();
  }

  Outcome run() {
    const auto clients = static_cast<int>(2 + pick(5));
    Actor first(random_(), clients);
    first_ = &first;
    start();
    if (ok()) prepare(first);
    for (int i = 0; i < clients && ok(); ++i) actors_.push_back(std::make_unique<Actor>(random_(), i));
    while (ok() && (to_begin_ > 0 || somebody_is_busy())) step();
    actors_.clear();
    if (disk_ != nullptr && ok()) restart(first);
    if (ok()) look_last(first);
    if (ok() && !server_->drain()) fail("connections do not end");
    if (ok() && !server_->nothing_held()) fail("something is held though nobody is there");
    if (ok()) judge();
    outcome_.transcript = transcript_;
    return outcome_;
  }

 private:
  std::uint64_t pick(std::uint64_t bound) { return random_() % bound; }
  bool ok() const { return outcome_.failure.empty(); }
  void fail(std::string text) { outcome_.failure = std::string(level_.name) + ": " + std::move(text); }

  // ---- The disk, and ends and beginnings of servers ----

  void draw_disk() {
    disk_ = std::make_unique<reactor::SimulatedDisk>(random_());
    static constexpr reactor::WriteThrough kThrough[] = {
        reactor::WriteThrough::none, reactor::WriteThrough::dsync, reactor::WriteThrough::direct};
    log_through_ = kThrough[pick(3)];
    crashes_ = pick(4);
    checkpoints_ = pick(2) == 0;
    disk_fails_ = pick(3) == 0;
  }

  void start() {
    auto started = SimulatedServer::start(random_(), {shards_, faults_, disk_.get(), log_through_});
    if (!started) return fail("the server does not start: " + started.error());
    server_ = std::move(*started);
  }

  // The process dies, or the machine loses power; what comes back must be what was answered. Recovery may be
  // cut short, too.
  void restart(Actor& first) {
    if (pick(2) == 0)
      disk_->power_off();
    else
      disk_->kill();
    for (const auto& actor : actors_)
      if (actor->client.connected()) lose(*actor);
    if (first.client.connected()) first.client.die();
    first.greeted = false;
    if (!server_->drain()) return fail("connections do not end after a crash");
    server_.reset();
    disk_->power_on();
    disk_->heal();
    disk_->set_room(UINT64_MAX);
    if (pick(3) == 0) crash_during_recovery();
    if (ok()) start();
    ++outcome_.restarts;
  }

  void crash_during_recovery() {
    disk_->power_off_at(1 + pick(60));
    if (auto started = SimulatedServer::start(random_(), {shards_, faults_, disk_.get(), log_through_})) {
      disk_->power_off();
      if (!(*started)->drain()) fail("connections do not end after a crash");
    }
    disk_->power_on();
  }

  void disturb_disk(Actor& first) {
    if (crashes_ > 0 && pick(2'000) == 0) {
      --crashes_;
      return restart(first);
    }
    // A log that has failed stays so: only a new server writes again.
    if (pick(500) == 0 && !server_->log_failure().empty()) return restart(first);
    if (checkpoints_ && pick(3'000) == 0) server_->checkpoint();
    if (disk_fails_ && pick(4'000) == 0) fail_disk();
  }

  void fail_disk() {
    using Operation = reactor::SimulatedDisk::Operation;
    using Times = reactor::SimulatedDisk::Times;
    static constexpr Operation kOperations[] = {Operation::write, Operation::sync, Operation::allocate,
                                                Operation::open, Operation::sync_directory};
    switch (pick(4)) {
      case 0:
        return disk_->write_short(1 + pick(5));
      case 1:
        return disk_->set_room(disk_->occupied() + pick(100'000));
      case 2:
        return disk_->set_room(UINT64_MAX);
      default:
        disk_->fail(kOperations[pick(std::size(kOperations))], 1 + pick(5), pick(2) == 0 ? EIO : ENOSPC,
                    pick(2) == 0 ? Times::once : Times::forever);
    }
  }

  void turn() {
    ++outcome_.turns;
    server_->turn();
    if (pick(500) == 0) server_->advance_us(1'000 + pick(200'000));
    if (++idle_turns_ > kPatience) fail("stuck: nobody is answered any more");
  }

  // ---- Before and after, with one client alone ----

  // The answer to a statement; a connection that dies on the way is made anew and asked again.
  Answer insist(Actor& actor, const std::string& sql) {
    while (ok()) {
      if (!actor.client.connected())
        actor.client.connect(server_->connect());
      else
        actor.client.ask(sql);
      const bool greeting = !actor.greeted;
      std::optional<Answer> answer;
      while (ok() && !answer) {
        turn();
        answer = actor.client.look();
      }
      if (!ok()) break;
      idle_turns_ = 0;
      actor.greeted = !answer->lost;
      if (answer->lost || greeting) continue;
      return std::move(*answer);
    }
    return {};
  }

  void prepare(Actor& actor) {
    insist(actor, "CREATE TABLE IF NOT EXISTS list (k int4 PRIMARY KEY, i int4, v text)");
    const Answer answer = insist(actor, "CREATE INDEX IF NOT EXISTS list_i ON list (i)");
    if (!answer.sqlstate.empty()) fail("CREATE INDEX: " + answer.sqlstate);
    for (Key key = 0; rows_exist_ && key < keys_; ++key)
      insist(actor,
             "INSERT INTO list VALUES (" + std::to_string(key) + ", " + std::to_string(key) + ", NULL)");
  }

  void look_last(Actor& actor) {
    for (Key key = 0; key < keys_ && ok(); ++key) {
      Transaction transaction{
          actor.process, consistency::Outcome::ok, now(), 0, {{Operation::Kind::read_list, key}}};
      const Answer answer = insist(actor, "SELECT v FROM list WHERE k = " + std::to_string(key));
      if (!answer.sqlstate.empty()) return fail("the last look: " + answer.sqlstate);
      if (!answer.rows.empty()) transaction.operations[0].list = parse_list(answer.rows[0][0]);
      transaction.completed_ns = now();
      history_.push_back(transaction);
    }
  }

  // ---- Together ----

  // A moment of its own for everything that is noted.
  std::int64_t now() { return ++moment_; }

  bool somebody_is_busy() const {
    return std::any_of(actors_.begin(), actors_.end(), [](const auto& actor) { return actor->busy; });
  }

  void step() {
    turn();
    if (disk_ != nullptr) disturb_disk(*first_);
    if (!ok()) return;
    Actor& actor = *actors_[pick(actors_.size())];
    if (!actor.client.connected()) return reconnect(actor);
    if (actor.client.waiting()) {
      if (deaths_ > 0 && pick(200) == 0) return die(actor);
      if (cancels_ && actor.busy && pick(100) == 0) actor.client.cancel(server_->connect());
      if (std::optional<Answer> answer = actor.client.look()) on_answer(actor, *answer);
    } else if (!actor.busy && to_begin_ > 0) {
      begin(actor);
    }
  }

  void reconnect(Actor& actor) {
    actor.greeted = false;
    actor.client.connect(server_->connect());
  }

  void die(Actor& actor) {
    --deaths_;
    lose(actor);
  }

  void lose(Actor& actor) {
    const bool unknown = actor.busy && may_have_happened(actor);
    actor.client.die();
    transcript_ += actor.client.transcript();
    if (actor.busy) end(actor, unknown ? consistency::Outcome::info : consistency::Outcome::fail);
  }

  void on_answer(Actor& actor, const Answer& answer) {
    idle_turns_ = 0;
    transcript_ = transcript_ * 31 + actor.client.transcript();
    if (answer.lost) {
      if (actor.busy)
        end(actor, may_have_happened(actor) ? consistency::Outcome::info : consistency::Outcome::fail);
      return;
    }
    if (!actor.greeted) {
      actor.greeted = true;
      actor.client.ask(std::string("SET default_transaction_isolation = '") + level_.name + '\'');
      return;
    }
    if (actor.busy)
      go_on(actor, answer);
    else if (!answer.sqlstate.empty())
      fail("SET: " + answer.sqlstate);
  }

  // The answer that is awaited is a commit's.
  static bool may_have_happened(const Actor& actor) {
    return actor.at >= actor.transaction.operations.size() || !actor.block;
  }

  void begin(Actor& actor) {
    --to_begin_;
    actor.transaction = {actor.process, consistency::Outcome::info, now(), 0, {}};
    for (std::uint64_t count = 1 + pick(4); count > 0; --count) {
      const Key key = static_cast<Key>(pick(static_cast<std::uint64_t>(keys_)));
      if (pick(2) == 0)
        actor.transaction.operations.push_back({Operation::Kind::append, key, ++values_});
      else
        actor.transaction.operations.push_back({Operation::Kind::read_list, key});
    }
    actor.busy = true;
    actor.block = actor.transaction.operations.size() > 1 || pick(2) == 0;
    actor.begun = !actor.block;
    actor.at = 0;
    actor.client.ask(actor.block ? "BEGIN" : statement(actor.transaction.operations[0]));
  }

  std::string statement(const Operation& operation) {
    const std::string key = std::to_string(operation.key), value = std::to_string(operation.value);
    if (operation.kind == Operation::Kind::append && rows_exist_)
      return "UPDATE list SET v = coalesce(v || ',', '') || '" + value + "' WHERE k = " + key;
    if (operation.kind == Operation::Kind::append)
      return "INSERT INTO list VALUES (" + key + ", " + key + ", '" + value +
             "') ON CONFLICT (k) DO UPDATE SET v = list.v || ',' || excluded.v";
    static constexpr const char* kForms[] = {"SELECT v FROM list WHERE k = ", "SELECT v FROM list WHERE i = ",
                                             "SELECT max(v) FROM list WHERE k = "};
    return kForms[pick(std::size(kForms))] + key;
  }

  void go_on(Actor& actor, const Answer& answer) {
    if (!answer.sqlstate.empty()) return on_error(actor, answer);
    std::vector<Operation>& operations = actor.transaction.operations;
    if (!actor.begun) {
      actor.begun = true;
      return actor.client.ask(statement(operations[0]));
    }
    if (actor.at >= operations.size()) {  // COMMIT, or the ROLLBACK after an error
      return end(actor, answer.tag == "COMMIT" ? consistency::Outcome::ok : consistency::Outcome::fail);
    }
    if (operations[actor.at].reads() && !answer.rows.empty())
      operations[actor.at].list = parse_list(answer.rows[0][0]);
    ++actor.at;
    if (!actor.block) return end(actor, consistency::Outcome::ok);
    actor.client.ask(actor.at < operations.size() ? statement(operations[actor.at]) : "COMMIT");
  }

  void on_error(Actor& actor, const Answer& answer) {
    static const std::set<std::string> kExpected = {"40001", "40P01", "57014"},
                                       kOfTheDisk = {"53100", "58030"};
    if (!kExpected.contains(answer.sqlstate) && !(disk_ != nullptr && kOfTheDisk.contains(answer.sqlstate)))
      return fail("a statement is refused with " + answer.sqlstate);
    if (answer.sqlstate == "58030" && may_have_happened(actor)) return end(actor, consistency::Outcome::info);
    if (answer.status == 'I')
      return end(actor, consistency::Outcome::fail);  // a cancelled commit has not happened
    actor.at = actor.transaction.operations.size();
    actor.client.ask("ROLLBACK");
  }

  void end(Actor& actor, consistency::Outcome how) {
    actor.busy = false;
    actor.transaction.outcome = how;
    actor.transaction.completed_ns = now();
    ++(how == consistency::Outcome::ok     ? outcome_.committed
       : how == consistency::Outcome::fail ? outcome_.failed
                                           : outcome_.unknown);
    if (how == consistency::Outcome::info) actor.process += 100;
    history_.push_back(std::move(actor.transaction));
    actor.transaction = {};
  }

  void judge() {
    std::stable_sort(history_.begin(), history_.end(),
                     [](const auto& a, const auto& b) { return a.invoked_ns < b.invoked_ns; });
    for (const consistency::Finding& finding : find_anomalies(history_))
      if (forbids(level_.model, finding)) return fail(name(finding) + ": " + finding.text);
  }

  std::mt19937_64 random_;
  const Level& level_;
  reactor::SimulationFaults faults_;
  std::size_t shards_ = 1;
  bool rows_exist_ = false;  // or the first append to a key makes its row
  Key keys_ = 1;
  std::uint64_t deaths_ = 0;                      // clients that still may die
  bool cancels_ = false;                          // some ask for a cancel
  std::uint64_t to_begin_ = 0;                    // transactions
  std::unique_ptr<reactor::SimulatedDisk> disk_;  // null: nothing is durable
  reactor::WriteThrough log_through_ = reactor::WriteThrough::none;
  std::uint64_t crashes_ = 0;
  bool checkpoints_ = false;
  bool disk_fails_ = false;
  std::unique_ptr<SimulatedServer> server_;
  Actor* first_ = nullptr;  // who makes the table and looks last
  std::vector<std::unique_ptr<Actor>> actors_;
  History history_;
  Value values_ = 0;
  std::int64_t moment_ = 0;
  std::size_t idle_turns_ = 0;
  std::uint64_t transcript_ = 0;
  Outcome outcome_;
};

}  // namespace

Outcome simulate(std::uint64_t seed) {
  return Simulation(seed).run();
}

}  // namespace gyre::simulation
