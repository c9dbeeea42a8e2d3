#include "adapter/copy/copy_writer.h"

#include <algorithm>
#include <cstring>

#include "adapter/sql_error.h"
#include "pgwire/backend_messages.h"

namespace gyre::adapter::copy {
namespace {

constexpr std::string_view kBinaryHead{"PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19};

std::uint32_t word(const char* at) {
  std::uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return __builtin_bswap32(value);
}

// A CopyData message around what is appended while it lives.
class Message {
 public:
  explicit Message(OutBuffer& out) : out_(out), start_(out.size()) {
    out.append_byte('d');
    out.append_u32(0);
  }
  ~Message() { out_.patch_u32(start_ + 1, static_cast<std::uint32_t>(out_.size() - start_ - 1)); }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

 private:
  OutBuffer& out_;
  std::size_t start_;
};

char letter_of(char control) {
  switch (control) {
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    case '\v':
      return 'v';
    default:
      return '\0';
  }
}

}  // namespace

CopyWriter::CopyWriter(Options options, std::vector<std::string> columns)
    : options_(std::move(options)), columns_(std::move(columns)) {
  forced_.assign(columns_.size(), options_.force_quote.all);
  for (const std::string& name : options_.force_quote.names) {
    const auto found = std::find(columns_.begin(), columns_.end(), name);
    if (found == columns_.end())
      throw SqlError("42P10", "FORCE_QUOTE column \"" + name + "\" not referenced by COPY");
    forced_[static_cast<std::size_t>(found - columns_.begin())] = true;
  }
}

void CopyWriter::begin(OutBuffer& out) {
  owes_signature_ = binary();  // it goes with the first row, or with the end
  if (options_.header == Header::none) return;
  const Message message(out);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (i > 0) out.append_byte(options_.delimiter);
    if (options_.format == FileFormat::csv)
      write_csv(columns_[i], false, out);
    else
      write_text(columns_[i], out);
  }
  out.append_byte('\n');
}

std::uint64_t CopyWriter::write(std::string_view rows, OutBuffer& out) {
  std::uint64_t count = 0;
  for (; !rows.empty(); ++count) {
    const std::size_t length = word(rows.data() + 1);
    const std::size_t before = out.size();
    try {
      write_row(rows.substr(5, length - 4), out);
    } catch (...) {
      out.truncate(before);
      throw;
    }
    rows.remove_prefix(length + 1);
  }
  return count;
}

void CopyWriter::write_row(std::string_view body, OutBuffer& out) {
  const Message message(out);
  if (!binary()) return write_line(body, out);
  if (owes_signature_) out.append(kBinaryHead);
  owes_signature_ = false;
  out.append(body);  // a DataRow's body and a binary tuple are the same bytes
}

void CopyWriter::end(OutBuffer& out) {
  if (!binary()) return;
  const Message message(out);
  if (owes_signature_) out.append(kBinaryHead);
  out.append_u16(0xffff);
}

void CopyWriter::write_line(std::string_view body, OutBuffer& out) {
  const char* at = body.data() + 2;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (i > 0) out.append_byte(options_.delimiter);
    const auto size = static_cast<std::int32_t>(word(at));
    at += 4;
    if (size < 0) {
      out.append(options_.null_text);
      continue;
    }
    const std::string_view value(at, static_cast<std::size_t>(size));
    at += size;
    if (options_.format == FileFormat::csv)
      write_csv(value, forced_[i], out);
    else
      write_text(value, out);
  }
  out.append_byte('\n');
}

void CopyWriter::write_text(std::string_view value, OutBuffer& out) const {
  char* at = out.reserve(2 * value.size());
  const char* const begin = at;
  for (const char c : value) {
    const char letter = letter_of(c);
    if (letter != '\0' || c == '\\' || c == options_.delimiter) *at++ = '\\';
    *at++ = letter != '\0' ? letter : c;
  }
  out.commit(static_cast<std::size_t>(at - begin));
}

void CopyWriter::write_csv(std::string_view value, bool force, OutBuffer& out) const {
  const char special[] = {options_.delimiter, options_.quote, '\n', '\r'};
  const bool quotes = force || value == options_.null_text || (columns_.size() == 1 && value == "\\.") ||
                      value.find_first_of({special, sizeof special}) != std::string_view::npos;
  if (!quotes) return out.append(value);
  out.append_byte(options_.quote);
  for (const char c : value) {
    if (c == options_.quote || c == options_.escape) out.append_byte(options_.escape);
    out.append_byte(c);
  }
  out.append_byte(options_.quote);
}

}  // namespace gyre::adapter::copy
