#include "adapter/coordinator/sequences.h"

#include <fmt/format.h>

#include "reactor/base/check.h"
#include "storage/failure.h"

namespace gyre::adapter {

using storage::Failure;
using storage::Fault;

namespace {

// PostgreSQL's sequences log ahead in portions of 32 and show how many are left; ours only show it.
constexpr std::int64_t kLogAhead = 32;

// The transaction has changed the sequence itself.
bool moves_in(const storage::Branch* own, RelationId id) {
  return own != nullptr && own->view().table(id) != nullptr && own->view().table(id) != own->base().table(id);
}

std::int64_t step(const TableEntry& entry, std::int64_t from) {
  const SequenceOptions& options = *entry.sequence;
  const __int128 next = static_cast<__int128>(from) + options.increment;
  if (options.increment > 0 && next > options.maximum) {
    if (options.cycle) return options.minimum;
    throw Failure(Fault::sequence_generator_limit_exceeded,
                  fmt::format("nextval: reached maximum value of sequence \"{}\" ({})", entry.name(),
                              options.maximum));
  }
  if (options.increment < 0 && next < options.minimum) {
    if (options.cycle) return options.maximum;
    throw Failure(Fault::sequence_generator_limit_exceeded,
                  fmt::format("nextval: reached minimum value of sequence \"{}\" ({})", entry.name(),
                              options.minimum));
  }
  return static_cast<std::int64_t>(next);
}

}  // namespace

void write_sequence(storage::Branch& branch, RelationId sequence, const SequenceState& state) {
  const storage::TableVersion* version = branch.view().table(sequence);
  GYRE_CHECK(version != nullptr);
  storage::Cursor cursor(version->rows);
  cursor.seek_first();
  const storage::Datum row[] = {storage::Datum::of_integer(state.last_value),
                                storage::Datum::of_integer(state.log_count),
                                storage::Datum::of_bool(state.called)};
  if (!cursor.valid()) {
    branch.insert(sequence, row);
    return;
  }
  const std::string key(cursor.key());
  branch.update(sequence, key, row);
}

SequenceState SequenceValues::read(RelationId id, const storage::Branch& head,
                                   const storage::Branch* own) const {
  if (moves_in(own, id)) return read_sequence(*own->view().table(id));
  if (const auto found = moved_.find(id); found != moved_.end()) return found->second;
  const storage::TableVersion* version = head.view().table(id);
  if (version == nullptr)
    throw Failure(Fault::undefined_table, "the sequence was dropped by another session");
  return read_sequence(*version);
}

void SequenceValues::write(RelationId id, storage::Branch* own, const SequenceState& state) {
  if (moves_in(own, id)) return write_sequence(*own, id, state);
  if (held_) throw NeedsTimestamp();
  moved_[id] = state;
}

std::int64_t SequenceValues::next(const TableEntry& sequence, const storage::Branch& head,
                                  storage::Branch* own) {
  SequenceState state = read(sequence.id(), head, own);
  if (state.called) state.last_value = step(sequence, state.last_value);
  state.log_count = state.called && state.log_count > 0 ? state.log_count - 1 : kLogAhead;
  state.called = true;
  write(sequence.id(), own, state);
  return state.last_value;
}

void SequenceValues::set(const TableEntry& sequence, const storage::Branch& head, storage::Branch* own,
                         std::int64_t value, bool called) {
  const SequenceOptions& options = *sequence.sequence;
  if (value < options.minimum || value > options.maximum)
    throw Failure(Fault::numeric_value_out_of_range,
                  fmt::format("setval: value {} is out of bounds for sequence \"{}\" ({}..{})", value,
                              sequence.name(), options.minimum, options.maximum));
  read(sequence.id(), head, own);  // it is there
  write(sequence.id(), own, {value, 0, called});
}

void SequenceValues::settle(storage::Branch& head) {
  for (const auto& [id, state] : moved_)
    if (head.view().table(id) != nullptr) write_sequence(head, id, state);
  moved_.clear();
}

const TableEntry& CallSurroundings::allowed(std::uint32_t oid, PrivilegeSet one_of) const {
  const TableEntry& entry = sequence(oid, one_of);
  const auto now = newest_ == nullptr ? nullptr : newest_->table(entry.id());
  if (now != nullptr && (newest_->privileges(call_.role, ObjectKind::sequence, now->access()) & one_of) == 0)
    throw Failure(Fault::insufficient_privilege, "permission denied for sequence " + entry.name());
  return entry;
}

std::int64_t CallSurroundings::next_value(std::uint32_t oid) {
  const TableEntry& entry = allowed(oid, bit(Privilege::usage) | bit(Privilege::update));
  const std::int64_t value = sequences_.next(entry, head_, own_);
  if (storage::SequenceMemory* seen = memory()) {
    seen->values[oid] = value;
    seen->last = oid;
  }
  return value;
}

void CallSurroundings::set_value(std::uint32_t oid, std::int64_t value, bool called) {
  const TableEntry& entry = allowed(oid, bit(Privilege::update));
  sequences_.set(entry, head_, own_, value, called);
  if (storage::SequenceMemory* seen = memory(); seen != nullptr && called) seen->values[oid] = value;
}

}  // namespace gyre::adapter
