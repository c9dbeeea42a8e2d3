// The newest records within a fixed number of bytes: appending throws the oldest out. One core's; memory is
// taken with the first record.
//
//   not wrapped   [ free | records head … tail | free ]
//   wrapped       [ newer records … tail | free | head … older records end | unused ]
//
// A record lies in one piece, its length before it: where it does not fit behind the last one, it goes to the
// front.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace gyre::adapter {

class RecordRing {
 public:
  explicit RecordRing(std::size_t capacity) : capacity_(capacity) {}

  // False: it is larger than the ring, and nothing has changed.
  bool append(std::string_view record);
  std::size_t size() const { return count_; }
  // All of them, the oldest first: for read_records().
  std::string copy() const;

 private:
  using Length = std::uint32_t;

  void drop_oldest();

  const std::size_t capacity_;
  std::unique_ptr<char[]> bytes_;
  std::size_t head_ = 0, tail_ = 0;
  std::size_t end_ = 0;  // of the older records, where wrapped
  std::size_t count_ = 0;
  bool wrapped_ = false;
};

// The next record of a copy, which is taken off its front; false: there is none.
bool next_record(std::string_view& copied, std::string_view& record);

}  // namespace gyre::adapter
