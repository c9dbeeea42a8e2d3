// Sequences on the oracle core. Where a sequence stands is the only row of its table, so it is logged,
// recovered and read like any row; but it moves outside of transactions: a value that was given out is not
// taken back when the statement that asked for it fails or its transaction is rolled back.
//
// So nextval() does not write to the statement's branch. Moves gather here and are written to the head at the
// end of the call, beyond the reach of its rollback: the batch's record makes them durable before anyone is
// answered. A sequence that the transaction itself has made, restarted or altered is the exception: until
// the transaction ends, it moves in the transaction's own branch.
//
// The oracle core's.
#pragma once

#include <map>

#include "adapter/catalog/surroundings.h"
#include "adapter/coordinator/call.h"
#include "storage/branch.h"

namespace gyre::adapter {

// Writes the sequence's row.
void write_sequence(storage::Branch& branch, RelationId sequence, const SequenceState& state);

// Ends the run of a call that was to do without a timestamp and would write.
struct NeedsTimestamp {};

class SequenceValues {
 public:
  // `own`: the asking transaction's branch; null outside of transactions. Throw Failure.
  std::int64_t next(const TableEntry& sequence, const storage::Branch& head, storage::Branch* own);
  void set(const TableEntry& sequence, const storage::Branch& head, storage::Branch* own, std::int64_t value,
           bool called);
  bool moved() const { return !moved_.empty(); }
  // Writes what has moved to the head.
  void settle(storage::Branch& head);
  // Nothing may be written any more.
  void forget() { moved_.clear(); }
  // While there is no timestamp for it, the head's may not be moved: who tries gets a NeedsTimestamp.
  void hold(bool held) { held_ = held; }

 private:
  SequenceState read(RelationId id, const storage::Branch& head, const storage::Branch* own) const;
  void write(RelationId id, storage::Branch* own, const SequenceState& state);

  std::map<RelationId, SequenceState> moved_;
  bool held_ = false;
};

// What a call's functions see: its catalog, its database, and the sequences.
class CallSurroundings final : public CatalogSurroundings {
 public:
  // `own`: the transaction's branch, or null. All borrowed.
  CallSurroundings(const CoordinatorCall& call, const Catalog& catalog, SequenceValues& sequences,
                   const storage::Branch& head, storage::Branch* own)
      : call_(call), catalog_(catalog), sequences_(sequences), head_(head), own_(own) {}

  std::int64_t next_value(std::uint32_t sequence) override;
  void set_value(std::uint32_t sequence, std::int64_t value, bool called) override;
  // What moves a sequence must be allowed by this catalog as well, where the sequence is in it.
  void ask_also(const Catalog& newest) { newest_ = &newest; }
  // Whether a function has looked into the database.
  bool has_read() const { return has_read_; }

 private:
  const TableEntry& allowed(std::uint32_t sequence, PrivilegeSet one_of) const;

  const Catalog& catalog() const override { return catalog_; }
  const storage::Database& database() const override {
    has_read_ = true;
    return own_ != nullptr ? own_->view() : head_.view();
  }
  std::span<const std::string> search_path() const override { return call_.search_path; }
  RoleId role() const override { return call_.role; }
  storage::SequenceMemory* memory() const override {
    return call_.session == nullptr ? nullptr : call_.session->sequence_memory;
  }

  const CoordinatorCall& call_;
  const Catalog& catalog_;
  const Catalog* newest_ = nullptr;
  SequenceValues& sequences_;
  const storage::Branch& head_;
  storage::Branch* own_;
  mutable bool has_read_ = false;
};

}  // namespace gyre::adapter
