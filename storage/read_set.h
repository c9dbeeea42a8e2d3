// What a transaction has read: key ranges of tables and indexes, whether or not there was anything in them.
// A key that was looked for and not found is a range of one key.
//
// The memory is bounded. Beyond the bound neighbouring ranges become one that covers both, so what is kept is
// always all that was read, and perhaps more: a transaction may then fail to commit for a row that it did not
// read, never the other way round.
//
// Lives with the session. Between the submitting of a call and its answer the oracle core fills it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "reactor/base/ids.h"
#include "reactor/base/out_buffer.h"

namespace gyre::storage {

// The keys [lower, upper) of one tree. An empty upper is no bound.
struct KeyRange {
  std::string_view lower;
  std::string_view upper;
};

// What of the entries was looked at.
enum class ReadDepth : std::uint8_t {
  keys,  // which keys there are: constraints
  rows,  // the rows as well
};

// Ranges of one tree. Additions are appended; once they have doubled they are sorted and those that touch
// become one.
class KeyRanges {
 public:
  void add(std::string_view lower, std::string_view upper);
  // One key. Cheaper to keep than a range.
  void add_key(std::string_view key);
  void compact();
  // Compacts, and makes one of each two neighbours.
  void coarsen();

  std::size_t size() const { return ranges_.size(); }
  std::size_t bytes() const { return ranges_.capacity() * sizeof(Range) + bytes_.capacity(); }
  // Valid until the next change; for one key its upper bound is the key followed by a zero.
  KeyRange operator[](std::size_t at) const;

 private:
  // In bytes_: the lower bound, then the upper one. A key lies there with a zero behind, so that its range is
  // the same bytes twice.
  struct Range {
    std::uint64_t offset;
    std::uint32_t lower_size;
    std::uint32_t upper_size;
    bool key;
  };
  void append(std::string_view lower, std::string_view upper);
  bool same_start(std::string_view lower) const;
  template <class Group>
  void rebuild(Group belongs_to_group);

  std::vector<Range> ranges_;
  std::size_t compacted_ = 0;  // how many the last compaction left
  OutBuffer bytes_;
};

class ReadSet {
 public:
  // Which tree of a table: its rows (order = the table's own id) or an index.
  struct Place {
    RelationId table;
    RelationId order;
    ReadDepth depth;
    auto operator<=>(const Place&) const = default;
  };
  using Places = std::map<Place, KeyRanges>;
  static constexpr std::size_t kDefaultLimit = std::size_t{4} << 20;

  explicit ReadSet(std::size_t limit_bytes = kDefaultLimit) : limit_(limit_bytes) {}

  void add_key(RelationId table, RelationId order, std::string_view key,
               ReadDepth depth = ReadDepth::rows) noexcept;
  void add_range(RelationId table, RelationId order, std::string_view lower, std::string_view upper,
                 ReadDepth depth = ReadDepth::rows) noexcept;

  // [lower, last], both included.
  void add_range_through(RelationId table, RelationId order, std::string_view lower,
                         std::string_view last) noexcept;

  bool empty() const { return places_.empty() && !everything_; }
  std::size_t bytes() const { return bytes_; }
  const Places& places() const { return places_; }
  // There was no memory to say more.
  bool everything() const { return everything_; }

 private:
  KeyRanges& at(RelationId table, RelationId order, ReadDepth depth);
  void account(std::size_t before, std::size_t now);
  void shrink();

  std::size_t limit_;
  std::size_t bytes_ = 0;
  Places places_;
  OutBuffer upper_;  // scratch
  bool everything_ = false;
};

}  // namespace gyre::storage
