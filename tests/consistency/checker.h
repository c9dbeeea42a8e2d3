// Judges a history of lists or registers by isolation level, after Adya's phenomena ("Weak Consistency",
// 1999) and Elle (Kingsbury and Alvaro, VLDB 2020): what clients read tells in which order values were
// written, hence which transaction must stand before which other. An order that bites its tail is an anomaly,
// and the edges on the way round are its kind.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/consistency/history.h"

namespace gyre::consistency {

enum class Anomaly : std::uint8_t {
  // Of single reads
  unknown_value,       // a value that nobody wrote
  duplicate,           // a value twice in one list
  aborted_read,        // G1a: a value of a transaction that failed
  intermediate_read,   // G1b: a value that its own transaction wrote again upon
  incompatible_order,  // two reads of a key, neither the beginning of the other
  internal,            // a transaction does not see its own writes, or sees a key change between two reads
  lost_append,         // answered, and absent from every read although some began later
  lost_update,         // two transactions read the same version of a key and both wrote the next one
  // Of cycles
  g0,             // writes alone (ww)
  g1c,            // writes and what was read of them (ww, wr)
  g_single,       // with one anti-dependency (rw): a skewed read
  g_nonadjacent,  // with several, no two in a row
  g2_item,        // with two in a row: write skew
};

enum class Model : std::uint8_t {
  read_committed,
  snapshot_isolation,
  strong_snapshot_isolation,  // and a snapshot holds all that was answered before it was asked for
  serializable,
  strict_serializable,
};

struct Finding {
  Anomaly kind;
  bool realtime = false;                  // the cycle needs the order of an answer before a question
  std::vector<std::size_t> transactions;  // their indexes in the history; for a cycle, in its order
  std::string text;
};

std::string name(const Finding& finding);  // "G-single-realtime"
std::string_view name(Model model);
std::optional<Model> model_named(std::string_view text);
bool forbids(Model model, const Finding& finding);

// Everything found, whatever the model; of cycles some examples of each kind, short ones. A kind is looked
// for with real time only where it was not found without.
std::vector<Finding> find_anomalies(const History& history);

}  // namespace gyre::consistency
