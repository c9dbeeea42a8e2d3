// What the adapter adds to a commit record (storage/commit_record.h), and the whole record of a batch.
#pragma once

#include "adapter/catalog/catalog.h"
#include "reactor/base/out_buffer.h"
#include "storage/branch.h"
#include "storage/commit_record.h"

namespace gyre::adapter {

// The adapter's sections of commit records and checkpoints. The numbers are the format; a retired one is not
// used again. Sections of a record stand in ascending order.
enum class AdapterSection : std::uint8_t {
  catalog = static_cast<std::uint8_t>(storage::CommitSection::first_of_adapter),  // adapter/catalog/codec.h
};
constexpr storage::CommitSection number_of(AdapterSection section) {
  return static_cast<storage::CommitSection>(section);
}

// Appends the record of a batch: the branch's changes, and how the catalog became `after`; null: it is
// unchanged.
void encode_commit(const storage::Branch& branch, const Catalog& before, const Catalog* after,
                   OutBuffer& record);

}  // namespace gyre::adapter
