// What a client sends in COPY FROM, cut into rows of fields: text, CSV or binary. Pure; bytes may arrive in
// any pieces. What PostgreSQL's copyfromparse.c accepts and refuses is accepted and refused here, in its
// words.
//
//     reader.feed(bytes);                                  // any number of times
//     while (reader.next(fields) == CopyReader::Step::row) // until need_more
//     reader.finish();                                     // no more will come; then next() until end
//
// One core only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/copy/copy_options.h"
#include "reactor/base/out_buffer.h"

namespace gyre::adapter::copy {

struct Field {
  std::string_view bytes;  // text, or the type's binary form
  bool null = false;
};

class CopyReader {
 public:
  enum class Step : std::uint8_t { row, need_more, end };

  // `columns`: how many fields a binary row has, and the names that a header must match. `limit`: bytes that
  // one row may have.
  CopyReader(Options options, std::vector<std::string> columns, std::size_t limit)
      : options_(std::move(options)), columns_(std::move(columns)), limit_(limit) {}
  CopyReader(const CopyReader&) = delete;
  CopyReader& operator=(const CopyReader&) = delete;
  virtual ~CopyReader() = default;

  // Throws Failure (out_of_memory) where a row exceeds the limit.
  void feed(std::string_view bytes);
  void finish() { finished_ = true; }

  // Fields are valid until the next call of next() or feed(). Throws SqlError where the bytes are no rows;
  // the reader is of no use then, but for line().
  virtual Step next(std::vector<Field>& fields) = 0;

  // The line, or in binary the row, that was handed out last or is being read: counted from 1.
  std::uint64_t line() const { return line_; }
  // Its text, as long as its fields; empty where it is not known to be whole, or is binary.
  std::string_view line_text() const { return line_text_; }
  bool line_known() const { return line_known_; }

 protected:
  // The bytes not yet used up.
  std::string_view left() const { return buffer_.view().substr(at_); }
  void use(std::size_t bytes) { at_ += bytes; }

  const Options options_;
  const std::vector<std::string> columns_;
  std::uint64_t line_ = 0;
  std::string_view line_text_;
  bool line_known_ = false;
  bool finished_ = false;

 private:
  const std::size_t limit_;
  OutBuffer buffer_;
  std::size_t at_ = 0;
};

std::unique_ptr<CopyReader> make_reader(const Options& options, std::vector<std::string> columns,
                                        std::size_t limit);

}  // namespace gyre::adapter::copy
