// The bytes that one query is: constant, or a few pieces between which digits and arguments go.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "perf/bench/workload.h"
#include "reactor/base/out_buffer.h"
#include "reactor/base/result.h"

namespace gyre::perf {

enum class Protocol : std::uint8_t { simple, extended, prepared };

// Where the values of one job on one client core come from. Sequences of several cores interleave: core k of
// n takes low + k, low + k + n, ...
class ValueSource {
 public:
  ValueSource(const Job& job, std::uint64_t seed, std::uint32_t part, std::uint32_t parts);

  std::int64_t next(const IntegerRange& range, std::uint64_t& position);
  const std::optional<std::string>& column(std::size_t index) const {
    return job_->argument_rows[row_][index];
  }
  void next_row() {
    if (job_->argument_rows.empty()) return;
    row_ = (row_ + parts_) % job_->argument_rows.size();
  }
  std::uint64_t& position(std::size_t sequence) {
    if (sequence >= positions_.size()) positions_.resize(sequence + 1, part_);
    return positions_[sequence];
  }
  std::uint32_t parts() const { return parts_; }

 private:
  const Job* job_;
  std::uint64_t state_;  // of the xorshift generator
  std::uint32_t part_;
  std::uint32_t parts_;
  std::size_t row_;
  std::vector<std::uint64_t> positions_;
};

// One query as messages, ready to be repeated.
class Request {
 public:
  // `statement`: the name under which a prepared statement is known. `first_range` numbers the ranges of a
  // job with several queries. Errors are sentences.
  static Result<Request, std::string> create(const Job& job, std::string_view query, Protocol protocol,
                                             std::string_view statement);

  // Constant requests need no ValueSource: bytes() is all there is.
  bool constant() const { return constant_; }
  std::string_view bytes() const { return bytes_; }
  // Appends one query's messages with the next values.
  void append_to(OutBuffer& out, ValueSource& values) const;

 private:
  friend class RequestBuilder;

  enum class Piece : std::uint8_t {
    bytes,      // bytes_[begin, begin + size)
    open,       // a length word begins here
    close,      // ... and counts up to here
    digits,     // the next integer of ranges_[begin], as text
    parameter,  // the same with its length word before it
    column,     // argument column `begin` with its length word, or NULL
    next_row,
  };
  struct Step {
    Piece piece;
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
  };

  bool constant_ = true;
  std::string bytes_;
  std::vector<Step> steps_;
  std::vector<IntegerRange> ranges_;
};

// How many $n the query has, the highest counts.
std::uint32_t parameter_count(std::string_view query);

}  // namespace gyre::perf
