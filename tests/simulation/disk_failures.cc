// Every failure of the disk once: a fixed script of commits and checkpoints is run again and again, and each
// time the n-th operation of one kind fails (once, or all from then on), the n-th write is short, or power is
// lost at the n-th operation of any kind; for every n that the script has. The same for the recovery after
// the script. Afterwards, on a sound disk, a server must start and have what was answered, as a whole; and of
// what was not, all or nothing.
#include <spdlog/spdlog.h>

#include <cerrno>
#include <cstdio>
#include <functional>
#include <map>
#include <string>

#include "tests/simulation/simulated_client.h"
#include "tests/simulation/simulated_server.h"

namespace gyre::simulation {

namespace {

using reactor::SimulatedDisk;
using Operation = SimulatedDisk::Operation;
using Times = SimulatedDisk::Times;

constexpr int kTransactions = 12;
constexpr int kTurns = 50'000;  // until an answer counts as missing

// Transaction k writes the rows 2k and 2k + 1 and that it is the k-th.
std::string insert_of(int k) {
  const std::string first = std::to_string(2 * k), second = std::to_string(2 * k + 1), filler(300, 'x');
  return "INSERT INTO entry VALUES (" + first + ", '" + filler + "'), (" + second + ", '" + filler + "')";
}

class Conversation {
 public:
  Conversation(SimulatedServer& server, std::uint64_t seed) : server_(server), client_(seed) {
    client_.connect(server_.connect());
    await();
  }
  // No answer within the turns, or a lost connection: `lost`.
  Answer ask(const std::string& sql) {
    client_.ask(sql);
    return await();
  }

 private:
  Answer await() {
    for (int turn = 0; turn < kTurns; ++turn) {
      server_.turn();
      if (std::optional<Answer> answer = client_.look()) return std::move(*answer);
      if (turn % 1'000 == 999) server_.advance_us(100'000);
    }
    Answer none;
    none.lost = true;
    return none;
  }

  SimulatedServer& server_;
  SimulatedClient client_;
};

struct Told {
  int answered = 0;  // the last transaction whose COMMIT was answered well
  int sent = 0;      // the last whose COMMIT was sent
};

SimulatedServerSettings settings_of(SimulatedDisk& disk) {
  SimulatedServerSettings settings;
  settings.faults.delay_receive = settings.faults.delay_send = settings.faults.partial_send = 0;
  settings.faults.largest_receive = 4'096;
  settings.disk = &disk;
  return settings;
}

void run_transactions(SimulatedServer& server, Told& told) {
  Conversation client(server, 7);
  if (!client.ask("CREATE TABLE IF NOT EXISTS counter (k int4 PRIMARY KEY)").sqlstate.empty()) return;
  if (!client.ask("CREATE TABLE IF NOT EXISTS entry (id int4 PRIMARY KEY, filler text)").sqlstate.empty())
    return;
  for (int k = 1; k <= kTransactions; ++k) {
    for (const std::string& statement :
         {std::string("BEGIN"), insert_of(k), "INSERT INTO counter VALUES (" + std::to_string(k) + ")"}) {
      const Answer answer = client.ask(statement);
      if (answer.lost || !answer.sqlstate.empty()) return;
    }
    told.sent = k;
    const Answer answer = client.ask("COMMIT");
    if (answer.lost || answer.tag != "COMMIT") return;
    told.answered = k;
    if (k % 5 == 0) server.checkpoint();
  }
}

// A server's whole life on the disk. What it was told counts also where it ends badly.
Told run_script(SimulatedDisk& disk) {
  Told told;
  if (auto server = SimulatedServer::start(1, settings_of(disk))) {
    run_transactions(**server, told);
    disk.kill();
    (*server)->drain();
  }
  return told;
}

// Empty: all is well.
std::string verify(SimulatedDisk& disk, const Told& told) {
  auto server = SimulatedServer::start(2, settings_of(disk));
  if (!server) return "no start on a sound disk: " + server.error();
  Conversation client(**server, 8);
  const Answer counters = client.ask("SELECT count(*), coalesce(max(k), 0) FROM counter");
  if (counters.sqlstate == "42P01") return told.answered == 0 ? "" : "the table is not there";
  if (counters.rows.empty()) return "the counters cannot be read: " + counters.sqlstate;
  const int count = std::stoi(*counters.rows[0][0]), last = std::stoi(*counters.rows[0][1]);
  if (count != last)
    return "of " + std::to_string(last) + " transactions " + std::to_string(count) + " are there";
  if (last < told.answered || last > told.sent)
    return std::to_string(told.answered) + " were answered, " + std::to_string(told.sent) + " sent, " +
           std::to_string(last) + " are there";
  const Answer entries = client.ask("SELECT count(*), coalesce(min(id), 2), coalesce(max(id), 1) FROM entry");
  if (entries.sqlstate == "42P01" && last == 0) return "";
  if (entries.rows.empty() || *entries.rows[0][0] != std::to_string(2 * last) ||
      *entries.rows[0][2] != std::to_string(2 * last + 1))
    return "the entries are not those of " + std::to_string(last) + " transactions";
  const Answer next = client.ask("INSERT INTO counter VALUES (1000)");
  return next.sqlstate.empty() && !next.lost ? "" : "nothing can be written: " + next.sqlstate;
}

struct Tally {
  std::uint64_t passed = 0, failed = 0;
  void add(const std::string& what, const std::string& problem) {
    ++(problem.empty() ? passed : failed);
    if (!problem.empty() && failed <= 20) std::printf("%s: %s\n", what.c_str(), problem.c_str());
  }
};

using Fault = std::function<void(SimulatedDisk&, std::uint64_t n)>;

// The fault at every n, in the script and then in the recovery after a script that went well. `count` of the
// kind are in either.
void sweep(const std::string& name, const Fault& fault,
           const std::function<std::uint64_t(const SimulatedDisk&)>& count, Tally& tally) {
  SimulatedDisk measured(1);
  run_script(measured);
  const std::uint64_t in_script = count(measured);
  for (std::uint64_t n = 1; n <= in_script; ++n) {
    SimulatedDisk disk(n);
    fault(disk, n);
    const Told told = run_script(disk);
    disk.heal();
    disk.set_room(UINT64_MAX);
    disk.power_off();
    disk.power_on();
    tally.add(name + ", the " + std::to_string(n) + "th", verify(disk, told));
  }
  const std::uint64_t before_recovery = count(measured);
  (void)SimulatedServer::start(3, settings_of(measured));
  const std::uint64_t in_recovery = count(measured) - before_recovery;
  for (std::uint64_t n = 1; n <= in_recovery; ++n) {
    SimulatedDisk disk(n);
    const Told told = run_script(disk);
    fault(disk, n);
    {
      const auto server = SimulatedServer::start(3, settings_of(disk));
      disk.kill();
    }
    disk.heal();
    disk.power_off();
    disk.power_on();
    tally.add(name + ", during recovery, the " + std::to_string(n) + "th", verify(disk, told));
  }
  std::printf("%-32s %3llu in the script, %3llu in recovery; %llu failed\n", name.c_str(),
              static_cast<unsigned long long>(in_script), static_cast<unsigned long long>(in_recovery),
              static_cast<unsigned long long>(tally.failed));
}

}  // namespace

int disk_failures() {
  static const std::map<std::string, Operation> kOperations = {
      {"open", Operation::open},         {"read", Operation::read},
      {"write", Operation::write},       {"allocate", Operation::allocate},
      {"truncate", Operation::truncate}, {"sync", Operation::sync},
      {"rename", Operation::rename},     {"remove", Operation::remove},
      {"list", Operation::list},         {"sync_directory", Operation::sync_directory}};
  Tally tally;
  for (const auto& [name, operation] : kOperations) {
    const auto count = [operation](const SimulatedDisk& disk) { return disk.asked(operation); };
    for (const Times times : {Times::once, Times::forever})
      sweep(
          name + (times == Times::once ? " fails once" : " fails from then on"),
          [operation, times](SimulatedDisk& disk, std::uint64_t n) { disk.fail(operation, n, EIO, times); },
          count, tally);
  }
  for (const Operation operation : {Operation::write, Operation::allocate})
    sweep(
        "no room",
        [operation](SimulatedDisk& disk, std::uint64_t n) { disk.fail(operation, n, ENOSPC, Times::once); },
        [operation](const SimulatedDisk& disk) { return disk.asked(operation); }, tally);
  sweep(
      "a short write", [](SimulatedDisk& disk, std::uint64_t n) { disk.write_short(n); },
      [](const SimulatedDisk& disk) { return disk.asked(Operation::write); }, tally);
  sweep(
      "power is lost", [](SimulatedDisk& disk, std::uint64_t n) { disk.power_off_at(n); },
      [](const SimulatedDisk& disk) { return disk.asked(); }, tally);
  std::printf("%llu passed, %llu failed\n", static_cast<unsigned long long>(tally.passed),
              static_cast<unsigned long long>(tally.failed));
  return tally.failed == 0 && tally.passed != 0 ? 0 : 1;
}

}  // namespace gyre::simulation

int main() {
  spdlog::set_level(spdlog::level::off);  // servers say much when they begin

  return gyre::simulation::disk_failures();
}
