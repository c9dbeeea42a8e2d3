// consistency_load WORKLOAD [--isolation LEVEL] [--clients N] [--transactions N] [--seconds S] [--seed N]
// [--resets PER_MILLE]
//                  [--output FILE]
//
// Loads the server that tests/run/server names (GYRE_HOST ...) from threads with a connection each, goes on
// over lost connections and restarts, and takes a last look at everything when all are done. Histories go to
// FILE, for consistency_check.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <thread>

#include "tests/consistency/load/workload.h"

namespace gyre::consistency {

void Workload::violation(std::string text) {
  const std::scoped_lock lock(mutex_);
  if (++violation_count_ <= 5) violations_.push_back(std::move(text));
}

std::unique_ptr<Workload> make_workload(std::string_view name, const LoadSettings& settings) {
  static const std::map<std::string_view, std::unique_ptr<Workload> (*)(const LoadSettings&)> kWorkloads = {
      {"list-append", make_list_append},
      {"register", make_register},
      {"bank", make_bank},
      {"ring", make_ring},
      {"write-skew", make_write_skew},
      {"absent-rows", make_absent_rows},
      {"monotonic", make_monotonic}};
  const auto found = kWorkloads.find(name);
  return found == kWorkloads.end() ? nullptr : found->second(settings);
}

namespace {

constexpr std::int64_t kSecond_ns = 1'000'000'000;
constexpr std::int64_t kServerReturns_ns = 60 * kSecond_ns;

struct Tally {
  std::size_t outcomes[3] = {};
  std::map<std::string, std::size_t> errors;
  std::string unexpected;

  void add(const Client& client) {
    for (const auto& [code, count] : client.errors()) errors[code] += count;
    if (!client.unexpected().empty()) unexpected = client.unexpected();
  }
};

std::string from_environment(const char* name, const char* otherwise) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

// One client's thread: steps until all transactions have been given out, or the time is over.
void work(Client& client, Workload& workload, std::atomic<std::size_t>& given_out, Tally& tally,
          std::int64_t end_ns) {
  while (now_ns() < end_ns && given_out++ < client.settings().transactions) {
    if (!client.connected() && !client.connect(end_ns)) return;
    ++tally.outcomes[static_cast<int>(workload.step(client))];
  }
}

// Alone, and with patience: a server that has just been killed comes back. Returns whether it was done.
template <class Do>
bool insist(Client& client, Tally& tally, const Do& act) {
  for (int attempt = 0; attempt < 20; ++attempt) {
    if (!client.connected() && !client.connect(now_ns() + kServerReturns_ns)) break;
    try {
      act();
      return true;
    } catch (const std::exception& error) {
      tally.unexpected = error.what();
    }
  }
  return false;
}

int run(std::string_view name, LoadSettings& settings, const std::string& output) {
  const std::unique_ptr<Workload> workload = make_workload(name, settings);
  if (workload == nullptr)
    return std::fprintf(stderr, "consistency_load: no workload '%s'\n", name.data()), 64;
  LoadSettings undisturbed = settings;
  undisturbed.resets_per_mille = 0;
  Client alone(undisturbed, settings.clients);
  Tally tally;
  if (!insist(alone, tally, [&] { workload->prepare(alone); }))
    return std::fprintf(stderr, "consistency_load: %s\n", tally.unexpected.c_str()), 1;
  tally.unexpected.clear();

  const std::int64_t began_ns = now_ns(),
                     end_ns = began_ns + static_cast<std::int64_t>(settings.seconds * 1e9);
  std::atomic<std::size_t> given_out = 0;
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<Tally> tallies(static_cast<std::size_t>(settings.clients));
  std::vector<std::thread> threads;
  for (int i = 0; i < settings.clients; ++i) {
    Client* const client = clients.emplace_back(std::make_unique<Client>(settings, i)).get();
    threads.emplace_back([&, i, client] {
      work(*client, *workload, given_out, tallies[static_cast<std::size_t>(i)], end_ns);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = static_cast<double>(now_ns() - began_ns) / 1e9;
  for (const auto& client : clients) tally.add(*client);
  for (const Tally& part : tallies)
    for (int i = 0; i < 3; ++i) tally.outcomes[i] += part.outcomes[i];
  clients.clear();
  const std::string during = tally.unexpected;
  if (!insist(alone, tally, [&] { workload->finish(alone); }))
    workload->violation("the last look failed: " + tally.unexpected);
  tally.add(alone);
  if (!during.empty()) workload->violation("an error that no load should meet: " + during);

  if (!output.empty()) std::ofstream(output, std::ios::binary) << to_edn(workload->take_history());
  std::printf("%s, %s: %zu ok, %zu failed, %zu unknown in %.1f s;", name.data(), settings.isolation.c_str(),
              tally.outcomes[0], tally.outcomes[1], tally.outcomes[2], seconds);
  for (const auto& [code, count] : tally.errors) std::printf(" %s: %zu", code.c_str(), count);
  if (workload->allowed_count() != 0) std::printf("; allowed anomalies: %zu", workload->allowed_count());
  std::printf("; violations: %zu\n", workload->violation_count());
  for (const std::string& each : workload->violations()) std::printf("  %.800s\n", each.c_str());
  if (tally.outcomes[0] == 0) std::printf("  nothing was done\n");
  return workload->violation_count() == 0 && tally.outcomes[0] != 0 ? 0 : 1;
}

}  // namespace

int load_main(int argc, char** argv) {
  if (argc < 2)
    return std::fprintf(
               stderr,
               "usage: consistency_load WORKLOAD [--isolation LEVEL] [--clients N] [--output FILE] ...\n"),
           64;
  LoadSettings settings;
  settings.conninfo = "host=" + from_environment("GYRE_HOST", "127.0.0.1") +
                      " port=" + from_environment("GYRE_PORT", "6875") +
                      " user=" + from_environment("GYRE_USER", "materialize") +
                      " dbname=" + from_environment("GYRE_DB", "materialize") +
                      " connect_timeout=10 sslmode=disable gssencmode=disable";
  std::string output;
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string flag = argv[i], value = argv[i + 1];
    if (flag == "--isolation")
      settings.isolation = value;
    else if (flag == "--clients")
      settings.clients = std::stoi(value);
    else if (flag == "--transactions")
      settings.transactions = std::stoull(value);
    else if (flag == "--seconds")
      settings.seconds = std::stod(value);
    else if (flag == "--seed")
      settings.seed = std::stoull(value);
    else if (flag == "--resets")
      settings.resets_per_mille = static_cast<unsigned>(std::stoul(value));
    else if (flag == "--output")
      output = value;
    else
      return std::fprintf(stderr, "consistency_load: no flag '%s'\n", flag.c_str()), 64;
  }
  return run(argv[1], settings, output);
}

}  // namespace gyre::consistency

int main(int argc, char** argv) {
  return gyre::consistency::load_main(argc, argv);
}
