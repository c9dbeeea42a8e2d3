// COPY TO: rows of an answer as the messages of a COPY. A row comes as the DataRow that would have been sent
// for it (all fields in text, or all in binary), so that whatever makes answers serves COPY as well. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/copy/copy_options.h"
#include "reactor/base/out_buffer.h"

namespace gyre::adapter::copy {

class CopyWriter {
 public:
  // Throws SqlError for a column of FORCE_QUOTE that is not there.
  CopyWriter(Options options, std::vector<std::string> columns);

  bool binary() const { return options_.format == FileFormat::binary; }
  // What precedes the rows: a line of names, or what begins a binary file.
  void begin(OutBuffer& out);
  // Appends a CopyData message for each DataRow message in `rows`; returns how many there were.
  std::uint64_t write(std::string_view rows, OutBuffer& out);
  void end(OutBuffer& out);

 private:
  void write_row(std::string_view body, OutBuffer& out);
  void write_line(std::string_view body, OutBuffer& out);
  void write_text(std::string_view value, OutBuffer& out) const;
  void write_csv(std::string_view value, bool force, OutBuffer& out) const;

  const Options options_;
  const std::vector<std::string> columns_;
  std::vector<bool> forced_;  // to be quoted
  bool owes_signature_ = false;
};

}  // namespace gyre::adapter::copy
