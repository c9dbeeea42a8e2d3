// Runs a plan's operators: pull, one row at a time, in slices. An execution can stop after any row (a portal
// with a row limit, a full socket) or in the middle of a long scan (its time slice is over) and go on later;
// it holds its place and its snapshot is the caller's to hold.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "adapter/plan/plan.h"
#include "reactor/base/arena.h"
#include "storage/branch.h"
#include "storage/database.h"
#include "storage/datum.h"

namespace gyre::adapter {

// How long an execution may keep its core before it yields. Checked every few rows by the operators that
// loop.
class TimeSlice {
 public:
  static TimeSlice unlimited() { return TimeSlice(0); }
  static TimeSlice of_us(std::int64_t slice_us);

  // True once the slice is over; reads the clock only every 64th call.
  bool is_over() { return deadline_ns_ != 0 && (++calls_ & 63) == 0 && clock_says_over(); }

 private:
  explicit TimeSlice(std::int64_t deadline_ns) : deadline_ns_(deadline_ns) {}
  bool clock_says_over() const;

  std::int64_t deadline_ns_;  // monotonic; 0: unlimited
  std::uint32_t calls_ = 0;
};

class RowLocks;         // adapter/exec/row_locks.h
struct ExecutionMeter;  // adapter/exec/meter.h

// Rows that a plan with a Given node reads, one behind the other. The executor counts those it has taken up, by
// which the row is known that a failure is about.
struct GivenRows {
  std::span<const storage::Datum> values;
  std::size_t count = 0;
  std::size_t taken = 0;
};

struct ExecutionContext {
  const storage::Database* database =
      nullptr;                       // snapshot to read; held by the caller until the execution is destroyed
  const Catalog* catalog = nullptr;  // for system relations
  storage::Branch* branch =
      nullptr;                // where INSERT, UPDATE, DELETE and TRUNCATE write; its view() is `database`
  RowLocks* locks = nullptr;  // null: nothing to lock or to respect
  // Where what is read is noted, of a transaction that is validated by it; null: nowhere.
  storage::ReadSet* reads = nullptr;
  // The same for keys whose absence a change relies on and that merging would not miss: ON CONFLICT's,
  // foreign keys'. Set in every block with one snapshot.
  storage::ReadSet* key_reads = nullptr;
  GivenRows* given = nullptr;
  ExecutionMeter* meter = nullptr;  // null: nothing is measured
  std::span<const storage::Datum> parameters;  // $1 …, then the literals; outlive the execution
  const storage::TextStyle* style = nullptr;
  const storage::SessionFacts* session = nullptr;
  std::int64_t transaction_us = 0;  // since 2000-01-01 UTC
  std::int64_t statement_us = 0;
  std::size_t memory_limit =
      SIZE_MAX;  // bytes this statement may keep (sorts, groups); above: Failure out_of_memory
};

enum class Step : std::uint8_t { row, end, yield };

class Execution {
 public:
  virtual ~Execution() = default;
  // row: `values` (plan.columns.size() of them) stays valid until the next call. yield: the slice is over,
  // call again with a new one. Throws Failure; the execution is then finished.
  virtual Step next(TimeSlice& slice, const storage::Datum*& values) = 0;
  // Rows inserted, updated or deleted so far (for the command tag).
  virtual std::uint64_t affected() const = 0;
  // Adds to the context's read set what has been read so far. To be called before anyone relies on that, and
  // before the execution is abandoned.
  virtual void note_reads() noexcept = 0;
};

// The plan must outlive the execution.
std::unique_ptr<Execution> execute(const Plan& plan, const ExecutionContext& context);

}  // namespace gyre::adapter
