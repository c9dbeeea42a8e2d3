// What clients saw: transactions over lists and registers, each with the moments at which its client began
// and ended to wait for it. Written and read in the EDN form that Jepsen's Elle takes, one event a line:
//
//   {:type :invoke :process 3 :f :txn :value [[:append 7 12] [:r 9 nil]] :time 1001}
//   {:type :ok :process 3 :f :txn :value [[:append 7 12] [:r 9 [1 2 5]]] :time 1044}
//
// `fail` is said only of transactions that certainly did not happen; an unknown outcome is `info`, after
// which the process does not come back (what it had read before is kept: it tells what a register's write was
// written over). Lists: [:append KEY VALUE], [:r KEY [VALUE ...]]; registers: [:w KEY VALUE], [:r KEY VALUE].
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gyre::consistency {

using Key = std::int64_t;
using Value = std::int64_t;  // unique among the values ever written to its key

struct Operation {
  enum class Kind : std::uint8_t { append, read_list, write, read_register };
  Kind kind = Kind::append;
  Key key = 0;
  Value value = 0;    // appended, written, or what a register held
  bool found = true;  // read_register: false where there was no row
  std::vector<Value> list;

  bool reads() const { return kind == Kind::read_list || kind == Kind::read_register; }
};

enum class Outcome : std::uint8_t { ok, fail, info };

struct Transaction {
  int process = 0;
  Outcome outcome = Outcome::info;
  std::int64_t invoked_ns = 0;
  std::int64_t completed_ns = 0;  // when the client gave up waiting, for `info`
  std::vector<Operation> operations;
};

using History = std::vector<Transaction>;

std::string to_edn(const History& history);
// In order of invocation. Throws std::runtime_error, with the number of the line, where the text is not in
// the form above.
History parse_edn(std::string_view text);

}  // namespace gyre::consistency
