#include "tests/consistency/history.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <stdexcept>

namespace gyre::consistency {

namespace {

using Kind = Operation::Kind;

void print(std::string& out, const Operation& operation, bool results) {
  const std::string key = std::to_string(operation.key);
  switch (operation.kind) {
    case Kind::append:
      out += "[:append " + key + ' ' + std::to_string(operation.value) + ']';
      return;
    case Kind::write:
      out += "[:w " + key + ' ' + std::to_string(operation.value) + ']';
      return;
    case Kind::read_register:
      out +=
          "[:r " + key + ' ' + (results && operation.found ? std::to_string(operation.value) : "nil") + ']';
      return;
    case Kind::read_list:
      break;
  }
  out += "[:r " + key + ' ';
  if (!results) {
    out += "nil]";
    return;
  }
  out += '[';
  for (std::size_t i = 0; i < operation.list.size(); ++i) {
    if (i != 0) out += ' ';
    out += std::to_string(operation.list[i]);
  }
  out += "]]";
}

struct Event {
  std::int64_t time_ns;
  bool invocation;
  const Transaction* transaction;
};

void print(std::string& out, const Event& event) {
  static constexpr const char* kOutcomes[] = {"ok", "fail", "info"};
  const Transaction& transaction = *event.transaction;
  out += "{:type :";
  out += event.invocation ? "invoke" : kOutcomes[static_cast<int>(transaction.outcome)];
  out += " :process " + std::to_string(transaction.process) + " :f :txn :value [";
  bool first = true;
  for (const Operation& operation : transaction.operations) {
    if (!first) out += ' ';
    first = false;
    print(out, operation, !event.invocation && transaction.outcome != Outcome::fail);
  }
  out += "] :time " + std::to_string(event.time_ns) + "}\n";
}

// Reads one line of the form above, and no other EDN.
class LineReader {
 public:
  LineReader(std::string_view line, std::size_t number) : rest_(line), number_(number) {}

  bool take(std::string_view token) {
    skip_space();
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  void expect(std::string_view token) {
    if (!take(token)) fail("'" + std::string(token) + "' is missing");
  }
  std::int64_t number() {
    skip_space();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc()) fail("a number is missing");
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }
  Operation operation() {
    Operation operation;
    expect("[:");
    const bool read = take("r ");
    if (!read) {
      operation.kind = take("append") ? Kind::append : Kind::write;
      if (operation.kind == Kind::write) expect("w ");
    }
    operation.key = number();
    if (!read) {
      operation.value = number();
    } else if (take("nil")) {
      operation.kind = Kind::read_register;
      operation.found = false;
    } else if (take("[")) {
      operation.kind = Kind::read_list;
      while (!take("]")) operation.list.push_back(number());
    } else {
      operation.kind = Kind::read_register;
      operation.value = number();
    }
    expect("]");
    return operation;
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error("line " + std::to_string(number_) + ": " + what);
  }

 private:
  void skip_space() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == ',')) rest_.remove_prefix(1);
  }
  std::string_view rest_;
  std::size_t number_;
};

// The transactions so far, and which of them each process waits for.
struct Reading {
  History history;
  std::map<int, std::size_t> open;
};

void read_line(std::string_view line, std::size_t number, Reading& reading) {
  LineReader in(line, number);
  in.expect("{:type :");
  const bool invocation = in.take("invoke");
  Outcome outcome = Outcome::info;
  if (!invocation) {
    if (in.take("ok"))
      outcome = Outcome::ok;
    else if (in.take("fail"))
      outcome = Outcome::fail;
    else
      in.expect("info");
  }
  in.expect(":process");
  const int process = static_cast<int>(in.number());
  in.expect(":f :txn :value [");
  std::vector<Operation> operations;
  while (!in.take("]")) operations.push_back(in.operation());
  in.expect(":time");
  const std::int64_t time_ns = in.number();
  in.expect("}");

  if (invocation) {
    if (!reading.open.emplace(process, reading.history.size()).second) in.fail("the process waits already");
    reading.history.push_back({process, Outcome::info, time_ns, time_ns, std::move(operations)});
    return;
  }
  const auto waiting = reading.open.find(process);
  if (waiting == reading.open.end()) in.fail("the process waits for nothing");
  Transaction& transaction = reading.history[waiting->second];
  transaction.outcome = outcome;
  transaction.completed_ns = time_ns;
  if (outcome != Outcome::fail) transaction.operations = std::move(operations);
  if (outcome != Outcome::info) reading.open.erase(waiting);
}

}  // namespace

std::string to_edn(const History& history) {
  std::vector<Event> events;
  events.reserve(history.size() * 2);
  for (const Transaction& transaction : history) {
    events.push_back({transaction.invoked_ns, true, &transaction});
    events.push_back({transaction.completed_ns, false, &transaction});
  }
  // Of one moment, invocations come first: such transactions count as concurrent.
  std::stable_sort(events.begin(), events.end(), [](const Event& a, const Event& b) {
    return a.time_ns != b.time_ns ? a.time_ns < b.time_ns : a.invocation && !b.invocation;
  });
  std::string out;
  for (const Event& event : events) print(out, event);
  return out;
}

History parse_edn(std::string_view text) {
  Reading reading;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end != 0) read_line(text.substr(0, end), number, reading);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::move(reading.history);
}

}  // namespace gyre::consistency
