#include "adapter/durability/commit_sections.h"

#include "adapter/catalog/codec.h"

namespace gyre::adapter {

void encode_commit(const storage::Branch& branch, const Catalog& before, const Catalog* after,
                   OutBuffer& record) {
  storage::CommitRecordWriter writer(record);
  writer.changes(branch);
  if (after == nullptr) return;
  writer.begin(number_of(AdapterSection::catalog));
  encode_catalog_change(before, *after, record);
  writer.end();
}

}  // namespace gyre::adapter
