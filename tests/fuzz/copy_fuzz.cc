// COPY's readers on any bytes. The first bytes choose format and options; the rest is what a client sends, cut into
// pieces. Whatever the pieces, rows and error must be those that come when all arrives at once; fields must be as many
// as the format can have; and rows written by the writer must read back as they were.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/copy/copy_reader.h"
#include "adapter/copy/copy_writer.h"
#include "adapter/sql_error.h"
#include "pgwire/backend_messages.h"
#include "pgwire/utf8.h"
#include "reactor/base/check.h"
#include "storage/failure.h"

namespace {

using namespace gyre::adapter::copy;

struct Value {
  std::string bytes;
  bool null;
  bool operator==(const Value&) const = default;
};
struct Outcome {
  std::vector<std::vector<Value>> rows;
  std::vector<std::uint64_t> lines;
  std::string error;
  bool operator==(const Outcome&) const = default;
};

constexpr std::size_t kLimit = 1 << 20;
const std::vector<std::string> kColumns = {"a", "b"};

void take_rows(CopyReader& reader, Outcome& outcome, CopyReader::Step until) {
  std::vector<Field> fields;
  for (;;) {
    const CopyReader::Step step = reader.next(fields);
    if (step == CopyReader::Step::end) return;
    if (step == CopyReader::Step::need_more) {
      GYRE_CHECK(until == CopyReader::Step::need_more);
      return;
    }
    std::vector<Value> row;
    for (const Field& field : fields) {
      GYRE_CHECK(!field.null || field.bytes.empty());
      row.push_back({std::string(field.bytes), field.null});
    }
    outcome.rows.push_back(std::move(row));
    outcome.lines.push_back(reader.line());
  }
}

Outcome read(const Options& options, std::string_view bytes, std::size_t piece) {
  Outcome outcome;
  const auto reader = make_reader(options, kColumns, kLimit);
  try {
    while (!bytes.empty()) {
      reader->feed(bytes.substr(0, piece));
      bytes.remove_prefix(std::min(piece, bytes.size()));
      take_rows(*reader, outcome, CopyReader::Step::need_more);
    }
    reader->finish();
    take_rows(*reader, outcome, CopyReader::Step::end);
  } catch (const gyre::adapter::SqlError& error) {
    outcome.error = error.message;
  } catch (const gyre::storage::Failure& failure) {
    outcome.error = failure.message;
  }
  return outcome;
}

Options options_from(std::uint8_t choice, std::uint8_t piece) {
  Options options;
  options.format = static_cast<FileFormat>(choice % 3);
  if (options.format == FileFormat::csv) {
    options.delimiter = ',';
    options.null_text.clear();
    if ((choice & 0x10) != 0) options.quote = options.escape = '\'';
    if ((choice & 0x20) != 0) options.escape = '\\';
  }
  if (options.format != FileFormat::binary) options.header = static_cast<Header>((piece >> 6) % 3);
  return options;
}

// The rows as DataRows through the writer, and back.
void check_round_trip(const Options& read_with, const Outcome& outcome) {
  Options options = read_with;
  options.header = Header::none;
  CopyWriter writer(options, kColumns);
  gyre::OutBuffer rows;
  Outcome written;
  for (const std::vector<Value>& row : outcome.rows) {
    if (row.size() != kColumns.size()) continue;
    const std::size_t start = gyre::pgwire::begin_data_row(rows, static_cast<std::uint16_t>(row.size()));
    for (const Value& value : row) {
      if (value.null)
        gyre::pgwire::append_null(rows);
      else
        gyre::pgwire::append_value(rows, value.bytes);
    }
    gyre::pgwire::end_data_row(rows, start);
    written.rows.push_back(row);
  }
  gyre::OutBuffer messages;
  writer.begin(messages);
  GYRE_CHECK(writer.write(rows.view(), messages) == written.rows.size());
  writer.end(messages);
  std::string bytes;
  for (std::string_view left = messages.view(); !left.empty();) {
    const std::size_t length = gyre::pgwire::detail::load_u32(left.data() + 1);
    bytes += left.substr(5, length - 4);
    left.remove_prefix(length + 1);
  }
  const Outcome back = read(options, bytes, bytes.size() + 1);
  GYRE_CHECK(back.error.empty());
  GYRE_CHECK(back.rows == written.rows);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const Options options = options_from(data[0], data[1]);
  const std::size_t piece = 1 + (data[1] & 0x3f);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Outcome whole = read(options, bytes, bytes.size() + 1);
  GYRE_CHECK(read(options, bytes, piece) == whole);
  if (options.format != FileFormat::binary)
    for (const auto& row : whole.rows)
      for (const Value& value : row) GYRE_CHECK(gyre::pgwire::is_valid_utf8(value.bytes));
  check_round_trip(options, whole);
  return 0;
}
