// How it goes:
//
//   1. Registers become lists: whoever wrote a register had read it before, so each value has a predecessor,
//   and a value stands for the
//      list of all up to it. What follows knows lists only.
//   2. Single reads are judged. The longest read of a key is the order of its versions; every other must be
//   its beginning.
//   3. Edges. ww: from one version's writer to the next one's. wr: from the writer of a read's last value to
//   the reader. rw: from
//      the reader to the writer of the next version; an answered append that nobody saw comes after
//      everything that was seen. Real time: from each transaction to those asked after its answer, without
//      the edges that follow from others (only the frontier of answers that no later one has overtaken is
//      linked).
//   4. Cycles, kind by kind. For snapshot isolation no two rw may be in a row: that is a search in a graph
//   with two nodes per
//      transaction, one for being reached by rw.
//
// Unknown outcomes count as committed once somebody has read of them, and as never begun otherwise.
#include "tests/consistency/checker.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "tests/consistency/graph.h"

namespace gyre::consistency {

namespace {

using Kind = Operation::Kind;

constexpr std::size_t kExamples = 4;      // findings of one kind
constexpr std::size_t kAttempts = 5'000;  // edges tried for a cycle of one kind

class Findings {
 public:
  void add(Anomaly kind, bool realtime, std::vector<std::size_t> transactions, std::string text) {
    if (count_[{kind, realtime}]++ < kExamples)
      found_.push_back({kind, realtime, std::move(transactions), std::move(text)});
  }
  bool has(Anomaly kind) const { return count_.contains({kind, false}) || count_.contains({kind, true}); }
  std::vector<Finding> take() { return std::move(found_); }

 private:
  std::vector<Finding> found_;
  std::map<std::pair<Anomaly, bool>, std::size_t> count_;
};

std::string label(std::size_t transaction) {
  return 'T' + std::to_string(transaction);
}
std::string label(Key key, Value value) {
  return std::to_string(value) + " of key " + std::to_string(key);
}

// ---- 1. Registers ----

bool has_registers(const History& history) {
  for (const Transaction& transaction : history)
    for (const Operation& operation : transaction.operations)
      if (operation.kind == Kind::write || (operation.kind == Kind::read_register && operation.found))
        return true;
  return false;
}

// For each key: which value stood there before a value was written over it; nothing for the first.
using Predecessors = std::map<Key, std::map<Value, std::optional<Value>>>;

Predecessors predecessors(const History& history) {
  Predecessors before;
  for (const Transaction& transaction : history) {
    std::map<Key, std::optional<Value>> seen;
    for (const Operation& operation : transaction.operations) {
      if (operation.kind == Kind::write) before[operation.key].emplace(operation.value, seen[operation.key]);
      seen[operation.key] =
          operation.kind == Kind::write || operation.found ? std::optional(operation.value) : std::nullopt;
    }
  }
  return before;
}

std::vector<Value> list_up_to(Value value, const std::map<Value, std::optional<Value>>& before) {
  std::vector<Value> list;
  for (std::optional<Value> at = value; at && list.size() <= before.size();) {
    list.push_back(*at);
    const auto found = before.find(*at);
    at = found == before.end() ? std::nullopt : found->second;
  }
  std::reverse(list.begin(), list.end());
  return list;
}

History as_lists(History history) {
  Predecessors before = predecessors(history);
  for (Transaction& transaction : history)
    for (Operation& operation : transaction.operations) {
      if (operation.kind == Kind::write) operation.kind = Kind::append;
      if (operation.kind != Kind::read_register) continue;
      operation.kind = Kind::read_list;
      if (operation.found) operation.list = list_up_to(operation.value, before[operation.key]);
    }
  return history;
}

// ---- 2. Single reads ----

struct Version {
  std::size_t writer;
  bool last;  // of its transaction's appends to the key
};

struct KeyState {
  std::unordered_map<Value, Version> versions;
  std::vector<Value> order;  // the longest read
  std::size_t longest_reader = 0;
  std::int64_t last_read_began_ns = INT64_MIN;
};

// What a transaction saw of a key that others wrote: a beginning of the order.
struct ExternalRead {
  std::size_t reader;
  Key key;
  std::size_t length;
  std::optional<Value> last;
};

bool begins(const std::vector<Value>& list, const std::vector<Value>& longer) {
  return list.size() <= longer.size() && std::equal(list.begin(), list.end(), longer.begin());
}

class Analysis {
 public:
  explicit Analysis(const History& history) : history_(history), graph_(history.size()) {}

  std::vector<Finding> run() {
    collect_versions();
    for (std::size_t at = 0; at < history_.size(); ++at)
      if (history_[at].outcome == Outcome::ok) read(at);
    find_lost_appends();
    find_lost_updates();
    decide_who_takes_part();
    add_edges();
    find_cycles(false);
    add_realtime_edges();
    find_cycles(true);
    return findings_.take();
  }

 private:
  void collect_versions() {
    for (std::size_t at = 0; at < history_.size(); ++at) {
      std::map<Key, Value> last;
      for (const Operation& operation : history_[at].operations)
        if (operation.kind == Kind::append) last[operation.key] = operation.value;
      for (const Operation& operation : history_[at].operations)
        if (operation.kind == Kind::append)
          keys_[operation.key].versions.emplace(operation.value,
                                                Version{at, last[operation.key] == operation.value});
    }
  }

  // Replays a transaction on what it is known to have seen of each key.
  void read(std::size_t at) {
    struct Seen {
      bool whole = false;  // list is all of the key; otherwise only its end is known
      std::vector<Value> list;
    };
    std::map<Key, Seen> seen;
    for (const Operation& operation : history_[at].operations) {
      Seen& known = seen[operation.key];
      if (operation.kind == Kind::append) {
        known.list.push_back(operation.value);
        continue;
      }
      const bool agrees =
          known.whole ? known.list == operation.list
                      : known.list.size() <= operation.list.size() &&
                            std::equal(known.list.rbegin(), known.list.rend(), operation.list.rbegin());
      if (!agrees)
        findings_.add(Anomaly::internal, false, {at},
                      label(at) + " reads key " + std::to_string(operation.key) +
                          " otherwise than it knows it from itself");
      judge(at, operation);
      known = {true, operation.list};
    }
  }

  void judge(std::size_t at, const Operation& operation) {
    KeyState& key = keys_[operation.key];
    key.last_read_began_ns = std::max(key.last_read_began_ns, history_[at].invoked_ns);
    std::set<Value> once;
    for (const Value value : operation.list) {
      if (!once.insert(value).second)
        findings_.add(Anomaly::duplicate, false, {at},
                      label(at) + " reads " + label(operation.key, value) + " twice");
      judge(at, operation.key, key, value);
    }
    if (operation.list.size() > key.order.size()) {
      if (!begins(key.order, operation.list)) incompatible(at, operation.key, key);
      key.order = operation.list;
      key.longest_reader = at;
    } else if (!begins(operation.list, key.order)) {
      incompatible(at, operation.key, key);
    }
    note_external(at, operation, key);
  }

  void judge(std::size_t at, Key name, const KeyState& key, Value value) {
    const auto version = key.versions.find(value);
    if (version == key.versions.end()) {
      findings_.add(Anomaly::unknown_value, false, {at},
                    label(at) + " reads " + label(name, value) + ", which nobody wrote");
    } else if (history_[version->second.writer].outcome == Outcome::fail) {
      findings_.add(Anomaly::aborted_read, false, {at, version->second.writer},
                    label(at) + " reads " + label(name, value) + " of " + label(version->second.writer) +
                        ", which failed");
    }
  }

  void incompatible(std::size_t at, Key name, const KeyState& key) {
    findings_.add(Anomaly::incompatible_order, false, {at, key.longest_reader},
                  label(at) + " and " + label(key.longest_reader) + " read key " + std::to_string(name) +
                      " in different orders");
  }

  void note_external(std::size_t at, const Operation& operation, const KeyState& key) {
    std::size_t length = operation.list.size();
    const auto writer = [&](std::size_t i) { return key.versions.find(operation.list[i]); };
    while (length != 0 && writer(length - 1) != key.versions.end() && writer(length - 1)->second.writer == at)
      --length;
    std::optional<Value> last;
    if (length != 0) {
      last = operation.list[length - 1];
      const auto version = writer(length - 1);
      if (version != key.versions.end() && !version->second.last)
        findings_.add(Anomaly::intermediate_read, false, {at, version->second.writer},
                      label(at) + " reads up to " + label(operation.key, *last) + ", upon which " +
                          label(version->second.writer) + " wrote again");
    }
    reads_.push_back({at, operation.key, length, last});
  }

  void find_lost_appends() {
    for (auto& [name, key] : keys_) {
      const std::set<Value> seen(key.order.begin(), key.order.end());
      for (const auto& [value, version] : key.versions) {
        const Transaction& writer = history_[version.writer];
        if (seen.contains(value) || writer.outcome != Outcome::ok) continue;
        unseen_[name].push_back(version.writer);
        if (writer.completed_ns < key.last_read_began_ns)
          findings_.add(Anomaly::lost_append, false, {version.writer},
                        label(version.writer) + " was told that " + label(name, value) +
                            " is written; no later read has it");
      }
    }
  }

  void find_lost_updates() {
    std::map<std::pair<Key, std::size_t>, std::set<std::size_t>> updates;  // of this version of a key, who
    std::set<std::pair<std::size_t, Key>> written;
    for (std::size_t at = 0; at < history_.size(); ++at)
      for (const Operation& operation : history_[at].operations)
        if (operation.kind == Kind::append && history_[at].outcome == Outcome::ok)
          written.insert({at, operation.key});
    for (const ExternalRead& read : reads_)
      if (written.contains({read.reader, read.key})) updates[{read.key, read.length}].insert(read.reader);
    for (const auto& [version, who] : updates)
      if (who.size() > 1)
        findings_.add(Anomaly::lost_update, false, {who.begin(), who.end()},
                      std::to_string(who.size()) + " transactions read key " + std::to_string(version.first) +
                          " as " + std::to_string(version.second) + " values and wrote to it, among them " +
                          label(*who.begin()) + " and " + label(*who.rbegin()));
  }

  // ---- 3. Edges ----

  void decide_who_takes_part() {
    takes_part_.resize(history_.size());
    for (std::size_t at = 0; at < history_.size(); ++at)
      takes_part_[at] = history_[at].outcome == Outcome::ok;
    for (const auto& [name, key] : keys_)
      for (const Value value : key.order)
        if (const auto version = key.versions.find(value); version != key.versions.end())
          takes_part_[version->second.writer] = 1;
  }

  void add(std::size_t from, std::size_t to, Dependency kind, Key key) {
    if (takes_part_[from] && takes_part_[to]) graph_.add({from, to, kind, key});
  }

  std::optional<std::size_t> writer(const KeyState& key, std::size_t position) const {
    const auto version = key.versions.find(key.order[position]);
    return version == key.versions.end() ? std::nullopt : std::optional(version->second.writer);
  }

  void add_edges() {
    for (const auto& [name, key] : keys_) {
      for (std::size_t i = 0; i + 1 < key.order.size(); ++i)
        if (const auto from = writer(key, i), to = writer(key, i + 1); from && to)
          add(*from, *to, Dependency::ww, name);
      if (key.order.empty()) continue;
      if (const auto last = writer(key, key.order.size() - 1))
        for (const std::size_t unseen : unseen_[name]) add(*last, unseen, Dependency::ww, name);
    }
    for (const ExternalRead& read : reads_) {
      const KeyState& key = keys_[read.key];
      if (read.last)
        if (const auto version = key.versions.find(*read.last); version != key.versions.end())
          add(version->second.writer, read.reader, Dependency::wr, read.key);
      if (read.length < key.order.size()) {
        if (const auto next = writer(key, read.length)) add(read.reader, *next, Dependency::rw, read.key);
      } else {
        for (const std::size_t unseen : unseen_[read.key]) add(read.reader, unseen, Dependency::rw, read.key);
      }
    }
  }

  void add_realtime_edges() {
    struct Moment {
      std::int64_t time_ns;
      bool answer;
      std::size_t transaction;
    };
    std::vector<Moment> moments;
    for (std::size_t at = 0; at < history_.size(); ++at) {
      if (!takes_part_[at]) continue;
      moments.push_back({history_[at].invoked_ns, false, at});
      if (history_[at].outcome == Outcome::ok) moments.push_back({history_[at].completed_ns, true, at});
    }
    std::stable_sort(moments.begin(), moments.end(), [](const Moment& a, const Moment& b) {
      return a.time_ns != b.time_ns ? a.time_ns < b.time_ns : !a.answer && b.answer;
    });
    std::set<std::size_t> frontier;
    std::unordered_map<std::size_t, std::vector<std::size_t>>
        before;  // what a transaction that is under way came after
    for (const Moment& moment : moments) {
      std::vector<std::size_t>& earlier = before[moment.transaction];
      if (!moment.answer) {
        earlier.assign(frontier.begin(), frontier.end());
        for (const std::size_t each : earlier)
          graph_.add({each, moment.transaction, Dependency::realtime, 0});
        continue;
      }
      for (const std::size_t each : earlier) frontier.erase(each);
      frontier.insert(moment.transaction);
      before.erase(moment.transaction);
    }
  }

  // ---- 4. Cycles ----

  void find_cycles(bool realtime) {
    const EdgeFilter depends = [](const Edge& edge) { return edge.kind != Dependency::rw; };
    const EdgeFilter writes = [](const Edge& edge) {
      return edge.kind == Dependency::ww || edge.kind == Dependency::realtime;
    };
    const EdgeFilter all = [](const Edge&) { return true; };
    if (!findings_.has(Anomaly::g0)) find_through(Dependency::ww, Anomaly::g0, writes, realtime);
    if (!findings_.has(Anomaly::g1c)) find_through(Dependency::wr, Anomaly::g1c, depends, realtime);
    const bool skewed = findings_.has(Anomaly::g_single);
    if (!skewed) find_skewed_reads(depends, realtime);
    if (!findings_.has(Anomaly::g2_item)) find_write_skew(all, realtime);
  }

  // One example per component: a cycle by edges of `use` that has an edge of `kind`.
  void find_through(Dependency kind, Anomaly anomaly, const EdgeFilter& use, bool realtime) {
    const std::vector<std::uint32_t> component = graph_.components(use);
    std::set<std::uint32_t> done;
    each_edge(graph_, kind, [&](const Edge& edge) {
      const std::uint32_t here = component[edge.from];
      if (here == 0 || component[edge.to] != here || done.contains(here)) return;
      report(anomaly, realtime, {edge}, graph_.path(edge.to, edge.from, [&](const Edge& e) {
        return use(e) && component[e.to] == here;
      }));
      done.insert(here);
    });
  }

  // The graph in which rw is not followed by rw: node 2t is transaction t, 2t + 1 the same reached by rw.
  Graph without_adjacent_rw() const {
    Graph doubled(graph_.size() * 2);
    for (std::size_t node = 0; node < graph_.size(); ++node)
      for (const Edge& edge : graph_.from(node)) {
        if (edge.kind == Dependency::rw) {
          doubled.add({edge.from * 2, edge.to * 2 + 1, edge.kind, edge.key});
        } else {
          doubled.add({edge.from * 2, edge.to * 2, edge.kind, edge.key});
          doubled.add({edge.from * 2 + 1, edge.to * 2, edge.kind, edge.key});
        }
      }
    return doubled;
  }

  void find_skewed_reads(const EdgeFilter& depends, bool realtime) {
    const Graph doubled = without_adjacent_rw();
    const std::vector<std::uint32_t> component = doubled.components([](const Edge&) { return true; });
    std::set<std::uint32_t> done;
    std::vector<Edge> several;  // one edge per component in which no single one was found
    std::size_t attempts = 0;
    each_edge(doubled, Dependency::rw, [&](const Edge& edge) {
      const std::uint32_t here = component[edge.from];
      if (here == 0 || component[edge.to] != here || done.contains(here) || ++attempts > kAttempts) return;
      const Edge plain{edge.from / 2, edge.to / 2, edge.kind, edge.key};
      const Cycle back = graph_.path(
          plain.to, plain.from, [&](const Edge& e) { return depends(e) && component[e.to * 2] == here; });
      if (back.empty()) {
        several.push_back(edge);
        return;
      }
      report(Anomaly::g_single, realtime, {plain}, back);
      done.insert(here);
    });
    if (findings_.has(Anomaly::g_nonadjacent)) return;
    for (const Edge& edge : several) {
      const std::uint32_t here = component[edge.from];
      if (!done.insert(here).second) continue;
      Cycle back = doubled.path(edge.to, edge.from, [&](const Edge& e) { return component[e.to] == here; });
      for (Edge& each : back) each.from /= 2, each.to /= 2;
      report(Anomaly::g_nonadjacent, realtime, {{edge.from / 2, edge.to / 2, edge.kind, edge.key}}, back);
    }
  }

  void find_write_skew(const EdgeFilter& all, bool realtime) {
    const std::vector<std::uint32_t> component = graph_.components(all);
    std::map<std::uint32_t, std::pair<Cycle, Cycle>> shortest;
    std::size_t attempts = 0;
    each_edge(graph_, Dependency::rw, [&](const Edge& first) {
      const std::uint32_t here = component[first.from];
      if (here == 0 || component[first.to] != here) return;
      for (const Edge& second : graph_.from(first.to)) {
        if (second.kind != Dependency::rw || component[second.to] != here || ++attempts > kAttempts / 10)
          continue;
        const auto inside = [&](const Edge& e) { return component[e.to] == here; };
        Cycle back = second.to == first.from ? Cycle{} : graph_.path(second.to, first.from, inside);
        auto& best = shortest[here];
        if (best.first.empty() || back.size() < best.second.size()) best = {{first, second}, std::move(back)};
      }
    });
    for (const auto& [here, cycle] : shortest) report(Anomaly::g2_item, realtime, cycle.first, cycle.second);
  }

  template <class Do>
  static void each_edge(const Graph& graph, Dependency kind, const Do& act) {
    for (std::size_t node = 0; node < graph.size(); ++node)
      for (const Edge& edge : graph.from(node))
        if (edge.kind == kind) act(edge);
  }

  void report(Anomaly kind, bool realtime, Cycle cycle, const Cycle& rest) {
    static constexpr const char* kNames[] = {"ww", "wr", "rw", "answered before"};
    cycle.insert(cycle.end(), rest.begin(), rest.end());
    std::string text;
    std::vector<std::size_t> transactions;
    for (const Edge& edge : cycle) {
      transactions.push_back(edge.from);
      text += label(edge.from) + " -(" + kNames[static_cast<int>(edge.kind)];
      if (edge.kind != Dependency::realtime) text += " key " + std::to_string(edge.key);
      text += ")-> ";
    }
    findings_.add(kind, realtime, std::move(transactions), text + label(cycle.front().from));
  }

  const History& history_;
  Graph graph_;
  Findings findings_;
  std::map<Key, KeyState> keys_;
  std::map<Key, std::vector<std::size_t>> unseen_;  // who appended what was answered and never read
  std::vector<ExternalRead> reads_;
  std::vector<char> takes_part_;
};

}  // namespace

std::vector<Finding> find_anomalies(const History& history) {
  if (!has_registers(history)) return Analysis(history).run();
  const History lists = as_lists(history);
  return Analysis(lists).run();
}

std::string name(const Finding& finding) {
  static constexpr const char* kNames[] = {
      "unknown-value", "duplicate", "G1a", "G1b",      "incompatible-order", "internal", "lost-append",
      "lost-update",   "G0",        "G1c", "G-single", "G-nonadjacent",      "G2-item"};
  return std::string(kNames[static_cast<int>(finding.kind)]) + (finding.realtime ? "-realtime" : "");
}

namespace {
constexpr std::string_view kModels[] = {"read-committed", "snapshot-isolation", "strong-snapshot-isolation",
                                        "serializable", "strict-serializable"};
}

std::string_view name(Model model) {
  return kModels[static_cast<int>(model)];
}

std::optional<Model> model_named(std::string_view text) {
  const auto found = std::find(std::begin(kModels), std::end(kModels), text);
  if (found == std::end(kModels)) return std::nullopt;
  return static_cast<Model>(found - std::begin(kModels));
}

bool forbids(Model model, const Finding& finding) {
  if (finding.realtime && model != Model::strict_serializable && model != Model::strong_snapshot_isolation)
    return false;
  switch (finding.kind) {
    case Anomaly::internal:
    case Anomaly::lost_update:
    case Anomaly::g_single:
    case Anomaly::g_nonadjacent:
      return model != Model::read_committed;
    case Anomaly::g2_item:
      return model == Model::serializable || model == Model::strict_serializable;
    default:
      return true;
  }
}

}  // namespace gyre::consistency
