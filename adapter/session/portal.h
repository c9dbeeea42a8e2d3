// A statement being run: its parameters, its snapshot, and how far it has got. Both protocols run statements
// through portals; the simple one makes them and forgets them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "adapter/exec/executor.h"
#include "adapter/plan_cache.h"
#include "adapter/row_encoder.h"
#include "adapter/session/foresight.h"
#include "adapter/session/snapshot_pin.h"
#include "reactor/base/arena.h"
#include "reactor/base/out_buffer.h"
#include "storage/tree.h"

namespace gyre::adapter {

// Reads a plan's DirectRead: rows go from the tree into the out buffer, with no operator between them.
class DirectScan {
 public:
  enum class Stop : std::uint8_t { end, limit, slice, full };

  DirectScan(const DirectRead& read, const RowEncoder& encoder, Foresight* foresight = nullptr)
      : read_(read), encoder_(encoder), foresight_(foresight) {}

  // Appends at most `limit` rows (0: any number); stops early when the slice is over or `out` holds `full_at`
  // bytes. The database must be the same at every call. `key` is scratch, so that a lookup allocates nothing.
  Stop run(const storage::Database& database, storage::EvalContext& eval, TimeSlice& slice,
           std::uint64_t limit, std::size_t full_at, OutBuffer& key, OutBuffer& out);
  // The same, with the time that encoding takes.
  Stop run_metered(const storage::Database& database, storage::EvalContext& eval, TimeSlice& slice,
                   std::uint64_t limit, std::size_t full_at, OutBuffer& key, OutBuffer& out,
                   ExecutionMeter& meter);
  std::uint64_t rows() const { return rows_; }  // in all
  // The key of the row that `read` looks up. False: a value is NULL, and no row is equal to it.
  static bool append_key(const DirectRead& read, const storage::TableSchema& schema,
                         storage::EvalContext& eval, OutBuffer& key);
  // Adds what has been read so far; `key` as the last run() left it, which ended or threw.
  enum class Ending : std::uint8_t { normal, thrown };
  void note_reads(storage::ReadSet& reads, const OutBuffer& key, Ending ending) const noexcept;

 private:
  // `encode` makes a message of a packed row.
  template <class Encode>
  void run_lookup(const storage::TableVersion& table, storage::EvalContext& eval, OutBuffer& key, Encode encode);
  template <class Encode>
  Stop run_with(const storage::Database& database, storage::EvalContext& eval, TimeSlice& slice,
                std::uint64_t limit, std::size_t full_at, OutBuffer& key, OutBuffer& out, Encode encode);
  bool passes(const char* row, const storage::RowLayout& layout, storage::EvalContext& eval);

  const DirectRead& read_;
  const RowEncoder& encoder_;
  Foresight* const foresight_;  // null: no lookup was begun ahead
  std::uint64_t rows_ = 0;
  bool started_ = false;
  bool ended_ = false;
  bool looked_up_ = false;
  std::vector<storage::Datum> columns_;  // the filter's input row
  storage::Cursor cursor_;
};

class Portal {
 public:
  enum class Progress : std::uint8_t { complete, row_limit, slice_over, output_full };

  explicit Portal(std::string name = {}) : name_(std::move(name)) { row_arena_.set_budget(memory_); }
  Portal(const Portal&) = delete;
  Portal& operator=(const Portal&) = delete;
  ~Portal();

  // As new, with the memory it has; the name stays.
  void reset();
  // An empty vector with room, for bind().
  std::vector<storage::Datum> take_parameter_room() {
    parameters_.clear();
    return std::move(parameters_);
  }
  // Takes over a statement. The literals, if its entry is by shape, are read from `literals`; `parameters`
  // are the values of $1 …, already of the plan's types, their bytes in arena(). Formats are checked by the
  // caller.
  void bind(StatementRef statement, std::vector<storage::Datum> parameters,
            std::span<const LiteralToken> literals, pgwire::FormatList formats,
            const storage::TextStyle& style);

  // Evaluates a plan without a FROM now, so that its errors come with the Bind; rows wait in the answer.
  void evaluate_now(const ExecutionContext& context);

  const std::string& name() const { return name_; }
  const CachedStatement& statement() const { return *statement_; }
  StatementRef statement_ref() const { return statement_; }
  const Plan* plan() const { return statement_->plan.get(); }
  const RowEncoder& encoder() const { return own_encoder_ ? *own_encoder_ : statement_->text_encoder; }
  // For the columns of a statement that is not planned, in the formats that Bind asked for.
  RowEncoder encoder_for(std::span<const OutputColumn> columns) const;
  std::span<const storage::Datum> parameters() const { return parameters_; }
  Arena& arena() { return arena_; }
  bool started() const { return started_; }
  bool complete() const { return complete_; }
  std::uint64_t rows() const { return rows_; }  // handed out so far
  // It has run and cannot run again: it failed, or it was a statement that is carried out once.
  bool spent() const { return spent_; }
  void set_spent() { spent_ = true; }
  // Nothing of it has been handed out and no slice of it has ended.
  bool untouched() const { return slices_ == 0; }

  // Reads on this core: runs on until the end, `limit` rows (0: any number), the slice's end, or `full_at`
  // bytes in `out`. Throws Failure. Between calls the caller keeps the snapshot held.
  Progress advance(const ExecutionContext& context, std::uint64_t limit, TimeSlice slice, std::size_t full_at,
                   OutBuffer& out);

  // Its rows have all been made: they become the answer, of which none has been handed out.
  void replace_by_answer(OutBuffer rows);
  // Of a plan whose run was abandoned: as before its first row.
  void start_anew();

  // What the oracle core answered, when it ran the plan: DataRow messages, handed out by further calls of
  // deliver().
  void set_answer(OutBuffer rows);
  bool has_answer() const { return has_answer_; }
  Progress deliver(std::uint64_t limit, OutBuffer& out);

  // Another plan for the same statement, before the first row. The parameters stay.
  void rebind(StatementRef statement, std::span<const LiteralToken> literals,
              const storage::TextStyle& style);

  // How many savepoints its transaction had defined when it was made: going back to one of these keeps it.
  std::uint32_t savepoints_before = 0;
  std::shared_ptr<const struct StatementSource> source;  // what to plan again from; null: cannot be
  // What it reads here, from its first row to its last.
  SnapshotPin held;
  std::int64_t statement_us = 0;
  std::uint64_t affected = 0;      // rows inserted, updated or deleted
  bool discards = false;           // MOVE: rows are counted, not sent
  ExecutionMeter* meter = nullptr;  // EXPLAIN ANALYZE's
  std::uint64_t result_bytes = 0;  // of rows, as sent
  // Where an Execute that had to wait began to count its rows; UINT64_MAX: none is waiting.
  std::uint64_t rows_before_wait = UINT64_MAX;

 private:
  void note_reads(const ExecutionContext& context, DirectScan::Ending ending) noexcept;
  Progress advance_plan(const ExecutionContext& context, std::uint64_t limit, TimeSlice& slice,
                        std::size_t full_at, OutBuffer& out);
  Progress advance_direct(const ExecutionContext& context, std::uint64_t limit, TimeSlice& slice,
                          std::size_t full_at, OutBuffer& out);

  std::string name_;
  StatementRef statement_;
  Arena arena_;                             // parameter bytes
  OutBuffer key_;                           // of a direct read's lookup
  MemoryBudget memory_;                     // for row_arena_
  Arena row_arena_;                         // what evaluating a direct read's filter and key needs
  std::vector<storage::Datum> parameters_;  // $1 …, then the literals
  std::vector<pgwire::Format> formats_;     // as Bind gave them; empty: everything in text
  std::optional<RowEncoder> own_encoder_;   // unset: everything in text
  std::optional<DirectScan> direct_;
  std::unique_ptr<Execution> execution_;
  OutBuffer answer_;
  std::size_t answer_at_ = 0;
  std::uint64_t rows_ = 0;    // handed out so far
  std::uint64_t slices_ = 0;  // ended
  bool has_answer_ = false;
  bool spent_ = false;
  bool started_ = false;
  bool complete_ = false;
};

// The values of a text's literals as the plan's parameters after $n, by slot; those the plan fixed are left
// null. Throws SqlError where a literal does not parse as its type.
void append_literals(const Plan& plan, std::span<const LiteralToken> literals,
                     const storage::TextStyle& style, Arena& arena, std::vector<storage::Datum>& out);

}  // namespace gyre::adapter
