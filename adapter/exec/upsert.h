// INSERT … ON CONFLICT: one proposed row at a time is inserted, or meets the row that has its key. Runs where
// the branch is changed, on the oracle core.
//
// As in PostgreSQL the rows of one statement see each other: DO NOTHING skips the second of two equal keys,
// DO UPDATE refuses to change a row that the statement itself has made (21000).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "adapter/coordinator/lock_mode.h"
#include "adapter/exec/operator.h"
#include "reactor/base/arena.h"
#include "reactor/base/out_buffer.h"

namespace gyre::adapter::exec {

class Upsert {
 public:
  // The node has an on_conflict. `proposals`: how many rows the statement proposes.
  Upsert(const physical::Insert& node, State& state, std::size_t proposals);

  // The row as it is in the table now, valid as long as this object; null where it was skipped.
  Datum* apply(Datum* proposed);

 private:
  // The key of the row that has one of the proposed row's keys; nothing where there is none.
  std::optional<std::string_view> find_conflict(const Datum* proposed);
  std::optional<std::string_view> holder_of(int index, const Datum* proposed);
  void note_lookup(RelationId order, bool found);
  Datum* update(std::string_view key, const Datum* proposed);
  void lock_change(std::string_view key, std::span<const Datum> row);
  void remember_updated(std::string_view key);

  const physical::Insert& node_;
  const logical::OnConflict& conflict_;
  State& state_;
  const RelationId table_;
  const bool remembers_;  // what it makes: another of its rows may meet it
  const RowLockMode lock_mode_;
  Evaluator evaluator_;
  std::vector<Datum> both_;               // the row that is there, then the proposed one
  std::vector<Datum> updated_;            // what DO UPDATE makes of them
  std::unordered_set<std::string> made_;  // keys of rows that this statement inserted or updated
  Arena kept_;                            // rows for RETURNING
  OutBuffer packed_, key_, holder_;
};

}  // namespace gyre::adapter::exec
