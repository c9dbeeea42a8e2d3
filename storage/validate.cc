// Why comparing pointers is enough (and no history of commits has to be kept):
//
// V1. A node that a published database reaches is never changed in place: a batch changes only nodes that
//     carry its own number, and a batch takes no more changes once it is sealed. The snapshot is published.
// V2. A node that the snapshot reaches is not freed while the snapshot is pinned, and the transaction keeps
//     its pin until it has ended. So its address cannot have been given to another node meanwhile.
// V3. A transaction's own branch carries a number that no head has. Its nodes are reachable from a head only
//     once they were taken over at COMMIT, after this comparison, and then they carry that head's number.
// From V1 and V2: a node reached from both states is the same node with the same contents in both. From V3:
// what the newest state reaches is a head's. Where pointers differ, entries are compared, so a
// row that was changed and changed back is unchanged, which is as good: only what could have been read
// counts.
//
// Rows whose table has other columns now cannot be compared; they count as changed. So does everything in a
// table that is gone. A table that the snapshot does not have was made by the transaction itself.
//
// A range of an index stands for its entries and the rows these lead to. Entries are compared like rows. For
// the rows there are two ways: to look each up in both states, if they are few; or to go through the rows
// that differ and see whether one belongs into the range.
#include "storage/validate.h"

#include "storage/tree_difference.h"

namespace gyre::storage {

bool same_rows(const TableSchema& a, const TableSchema& b) {
  if (&a == &b) return true;
  if (a.columns.size() != b.columns.size() || a.primary_key != b.primary_key) return false;
  for (std::size_t i = 0; i < a.columns.size(); ++i)
    if (a.columns[i].name != b.columns[i].name || a.columns[i].type != b.columns[i].type ||
        a.columns[i].not_null != b.columns[i].not_null)
      return false;
  return true;
}

namespace {

// Beyond this many rows, the differences are gone through.
constexpr std::size_t kRowsLookedUp = 256;

bool same_entries(const Tree& before, const Tree& after, KeyRange range, ReadDepth depth,
                  const reactor::StopFlag& stop) {
  return visit_differences(before, after, range.lower, range.upper, [depth, &stop](const EntryDifference& entry) {
    stop.check();
    return depth == ReadDepth::keys && entry.before.has_value() == entry.after.has_value();
  });
}

bool is_within(KeyRange range, std::string_view key) {
  return key >= range.lower && (range.upper.empty() || key < range.upper);
}

bool same_row(const TableVersion& before, const TableVersion& after, std::string_view key) {
  std::string_view old_row;
  std::string_view new_row;
  const bool was = before.rows.get(key, old_row);
  const bool is = after.rows.get(key, new_row);
  return was == is && (!was || old_row.data() == new_row.data() || old_row == new_row);
}

// The entries are known to be the same in both.
bool same_rows_behind(const TableVersion& before, const TableVersion& after, std::size_t index,
                      KeyRange range, const reactor::StopFlag& stop) {
  std::size_t seen = 0;
  TreeRange entries(before.indexes[index], range.lower, range.upper);
  for (; entries.valid() && seen < kRowsLookedUp; entries.next(), ++seen)
    if (!same_row(before, after, entries.value())) return false;
  if (!entries.valid()) return true;
  const TableSchema& schema = *before.schema;
  OutBuffer key;
  return visit_differences(before.rows, after.rows, {}, {}, [&](const EntryDifference& row) {
    stop.check();
    for (const auto& version : {row.before, row.after}) {
      if (!version) continue;
      key.clear();
      append_index_key(schema, schema.indexes[index], version->data(), row.key, key);
      if (is_within(range, key.view())) return false;
    }
    return true;
  });
}

bool is_place_unchanged(const ReadSet::Place& place, const KeyRanges& ranges, const TableVersion& before,
                        const TableVersion& after, const reactor::StopFlag& stop) {
  const bool by_rows = place.order == place.table;
  const int old_index = by_rows ? -1 : before.schema->index_position(place.order);
  const int new_index = by_rows ? -1 : after.schema->index_position(place.order);
  if (!by_rows && (old_index < 0 || new_index < 0)) return false;  // its order is gone, and the rows differ
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    if (by_rows) {
      if (!same_entries(before.rows, after.rows, ranges[i], place.depth, stop)) return false;
      continue;
    }
    const auto index = static_cast<std::size_t>(old_index);
    if (!same_entries(before.indexes[index], after.indexes[static_cast<std::size_t>(new_index)], ranges[i],
                      place.depth, stop))
      return false;
    if (place.depth == ReadDepth::rows && !same_rows_behind(before, after, index, ranges[i], stop))
      return false;
  }
  return true;
}

bool same_tables(const Database& a, const Database& b) {
  const std::size_t count = std::max(a.tables().size(), b.tables().size());
  for (std::size_t i = 0; i < count; ++i)
    if (a.table(RelationId(static_cast<std::uint32_t>(i))) !=
        b.table(RelationId(static_cast<std::uint32_t>(i))))
      return false;
  return true;
}

}  // namespace

bool is_unchanged(const ReadSet& reads, const Database& snapshot, const Database& newest,
                  const reactor::StopFlag& stop) {
  if (reads.everything() && !same_tables(snapshot, newest)) return false;
  for (const auto& [place, ranges] : reads.places()) {
    const TableVersion* before = snapshot.table(place.table);
    const TableVersion* after = newest.table(place.table);
    if (before == nullptr || before == after) continue;
    if (after == nullptr || !same_rows(*before->schema, *after->schema)) return false;
    if (before->rows == after->rows) continue;  // and so are the indexes, which are made of them
    if (!is_place_unchanged(place, ranges, *before, *after, stop)) return false;
  }
  return true;
}

}  // namespace gyre::storage
