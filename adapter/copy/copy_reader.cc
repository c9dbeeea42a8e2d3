// Two steps, as in PostgreSQL: the end of the line is found first (it depends on escapes and quotes, and the
// kind of the first line's end is that of all), then the line is taken apart. A binary row needs no first
// step.
#include "adapter/copy/copy_reader.h"

#include <array>
#include <cstring>

#include "adapter/sql_error.h"
#include "pgwire/utf8.h"
#include "storage/failure.h"

namespace gyre::adapter::copy {

void CopyReader::feed(std::string_view bytes) {
  if (at_ > 0 && (at_ == buffer_.size() || at_ >= buffer_.size() / 2)) {
    std::memmove(buffer_.data(), buffer_.data() + at_, buffer_.size() - at_);
    buffer_.truncate(buffer_.size() - at_);
    at_ = 0;
  }
  if (buffer_.size() - at_ + bytes.size() > limit_)
    throw storage::Failure(
        storage::Fault::out_of_memory, "out of memory",
        "A row of COPY needs more than the " + std::to_string(limit_) + " bytes of memory that it may use.");
  buffer_.append(bytes);
}

namespace {

[[noreturn]] void bad_file(std::string message, std::string hint = {}) {
  throw SqlError("22P04", std::move(message)).with_hint(std::move(hint));
}

void check_encoding(std::string_view text) {
  const std::size_t bad = pgwire::find_invalid_utf8(text);
  if (bad == pgwire::kUtf8Valid) return;
  const pgwire::ProtocolError error = pgwire::invalid_utf8_error(text, bad);
  throw SqlError(error.code, error.message);
}

bool is_octal(char c) {
  return c >= '0' && c <= '7';
}
int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// ---- lines: text and CSV ----

class LineReader : public CopyReader {
 public:
  LineReader(Options options, std::vector<std::string> columns, std::size_t limit)
      : CopyReader(std::move(options), std::move(columns), limit) {
    for (const char c : {'\n', '\r', '\\'}) has_meaning_[static_cast<unsigned char>(c)] = true;
  }

  Step next(std::vector<Field>& fields) override {
    fields.clear();
    if (options_.header != Header::none && !header_done_) {
      const Step step = read_header(fields);
      if (step != Step::row) return step;
    }
    const Step step = read_line();
    if (step != Step::row) return step;
    split(line_text_, fields);
    return Step::row;
  }

 protected:
  enum class LineEnd : std::uint8_t { unknown, newline, carriage_return, both };

  virtual void split(std::string_view line, std::vector<Field>& fields) = 0;
  // Follows the quotes of CSV; whether the character is within them.
  virtual bool quoted(char) { return false; }
  virtual void begin_line() {}
  virtual bool csv() const = 0;

  // Room for a line without its escapes: fields are cut from it, so it must not move.
  char* room(std::size_t bytes) {
    unescaped_.clear();
    return unescaped_.reserve(bytes + 1);
  }
  bool is_null(std::string_view raw) const { return raw == options_.null_text; }

  LineEnd line_end_ = LineEnd::unknown;
  std::array<bool, 256> has_meaning_{};  // where a line may end
  bool after_escape_ = false;            // CSV, within quotes

 private:
  enum class Found : std::uint8_t { line, marker, need_more, nothing };

  Step read_header(std::vector<Field>& fields) {
    const Step step = read_line();
    if (step != Step::row) return step;
    header_done_ = true;
    if (options_.header == Header::match) {
      split(line_text_, fields);
      match_header(fields);
      fields.clear();
    }
    return Step::row;
  }

  void match_header(const std::vector<Field>& fields) const {
    if (fields.size() != columns_.size())
      bad_file("wrong number of fields in header line: got " + std::to_string(fields.size()) +
               ", expected " + std::to_string(columns_.size()));
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const std::string place =
          "column name mismatch in header line field " + std::to_string(i + 1) + ": got ";
      if (fields[i].null)
        bad_file(place + "null value (\"" + options_.null_text + "\"), expected \"" + columns_[i] + "\"");
      if (fields[i].bytes != columns_[i])
        bad_file(place + "\"" + std::string(fields[i].bytes) + "\", expected \"" + columns_[i] + "\"");
    }
  }

  // The next line, into line_text_.
  Step read_line() {
    if (ended_) return Step::end;
    if (!in_line_) {
      ++line_;
      line_known_ = false;
      line_text_ = {};
      scanned_ = 0;
      in_line_ = true;
      begin_line();
    }
    std::size_t next = 0;
    std::size_t length = 0;
    switch (find_end(length, next)) {
      case Found::need_more:
        return Step::need_more;
      case Found::nothing:
        ended_ = true;
        return Step::end;
      case Found::marker:
        ended_ = true;
        if (length == 0) return Step::end;
        break;
      case Found::line:
        break;
    }
    in_line_ = false;
    const std::string_view line = left().substr(0, length);
    use(next);
    check_encoding(line);
    line_text_ = line;
    line_known_ = true;
    return Step::row;
  }

  // From where the last call stopped: the line's length and where the next one begins.
  Found find_end(std::size_t& length, std::size_t& next) {
    const std::string_view text = left();
    for (std::size_t& p = scanned_; p < text.size();) {
      const char c = text[p];
      if (!has_meaning_[static_cast<unsigned char>(c)]) {
        after_escape_ = false;
        ++p;
        continue;
      }
      const bool ahead = p + 1 < text.size();
      if (!ahead && !finished_ && (c == '\\' || c == '\r')) return Found::need_more;
      if (quoted(c)) {
        ++p;
        continue;
      }
      length = p;
      if (c == '\r') {
        next = p + end_at_return(ahead ? text[p + 1] : '\0');
        return Found::line;
      }
      if (c == '\n') {
        if (line_end_ == LineEnd::carriage_return || line_end_ == LineEnd::both) stray_newline();
        line_end_ = LineEnd::newline;
        next = p + 1;
        return Found::line;
      }
      if (c == '\\' && (!csv() || p == 0) && ahead) {
        if (text[p + 1] == '.') {
          const Found found = at_marker(text, p);
          if (found != Found::nothing) return found;
          ++p;
          continue;
        }
        if (!csv()) ++p;  // whatever is escaped does not end the line
      }
      ++p;
    }
    if (!finished_) return Found::need_more;
    if (text.empty()) return Found::nothing;
    length = next = text.size();
    return Found::line;
  }

  // How many bytes a line end takes that begins with a carriage return.
  std::size_t end_at_return(char following) {
    if (line_end_ == LineEnd::newline) stray_return();
    if (line_end_ == LineEnd::carriage_return) return 1;
    if (following == '\n') {
      line_end_ = LineEnd::both;
      return 2;
    }
    if (line_end_ == LineEnd::both) stray_return();
    line_end_ = LineEnd::carriage_return;
    return 1;
  }

  // A backslash and a dot: the end of the data, where a line's end follows. nothing: it is data (CSV).
  Found at_marker(std::string_view text, std::size_t p) const {
    std::size_t q = p + 2;
    const std::size_t wanted = line_end_ == LineEnd::both ? 2 : 1;
    if (q + wanted > text.size() && !finished_) return Found::need_more;
    const auto at = [&](std::size_t i) { return i < text.size() ? text[i] : '\0'; };
    if (line_end_ == LineEnd::both) {
      if (at(q) == '\n') return csv() ? Found::nothing : mismatch();
      if (at(q) != '\r') return csv() ? Found::nothing : corrupt();
      ++q;
    }
    if (at(q) != '\r' && at(q) != '\n') return csv() ? Found::nothing : corrupt();
    const bool fits = line_end_ == LineEnd::unknown ||
                      (line_end_ == LineEnd::carriage_return ? at(q) == '\r' : at(q) == '\n');
    if (!fits) mismatch();
    return Found::marker;
  }
  [[noreturn]] static Found corrupt() { bad_file("end-of-copy marker corrupt"); }
  [[noreturn]] static Found mismatch() {
    bad_file("end-of-copy marker does not match previous newline style");
  }
  [[noreturn]] void stray_return() const {
    if (csv())
      bad_file("unquoted carriage return found in data",
               "Use quoted CSV field to represent carriage return.");
    bad_file("literal carriage return found in data", "Use \"\\r\" to represent carriage return.");
  }
  [[noreturn]] void stray_newline() const {
    if (csv()) bad_file("unquoted newline found in data", "Use quoted CSV field to represent newline.");
    bad_file("literal newline found in data", "Use \"\\n\" to represent newline.");
  }

  OutBuffer unescaped_;
  std::size_t scanned_ = 0;  // of the line, from its beginning
  bool in_line_ = false;
  bool header_done_ = false;
  bool ended_ = false;
};

class TextReader final : public LineReader {
 public:
  using LineReader::LineReader;

 private:
  bool csv() const override { return false; }

  void split(std::string_view line, std::vector<Field>& fields) override {
    if (line.find('\\') == std::string_view::npos) return split_plain(line, fields);
    char* out = room(line.size());
    std::size_t p = 0;
    for (bool more = true; more;) {
      const char* const begin = out;
      const std::size_t start = p;
      std::size_t raw_end = p;
      bool doubtful = false;
      more = false;
      while (p < line.size()) {
        raw_end = p;
        char c = line[p++];
        if (c == options_.delimiter) {
          more = true;
          break;
        }
        if (c == '\\') {
          if (p == line.size()) break;
          c = unescape(line, p, doubtful);
        }
        *out++ = c;
        raw_end = p;
      }
      const std::string_view value(begin, static_cast<std::size_t>(out - begin));
      const bool null = is_null(line.substr(start, raw_end - start));
      if (!null && doubtful) check_encoding(value);
      fields.push_back({null ? std::string_view() : value, null});
    }
  }

  // No escapes: the fields are pieces of the line. NULL has an escape, unless it was given another form.
  void split_plain(std::string_view line, std::vector<Field>& fields) {
    for (;;) {
      const std::size_t end = line.find(options_.delimiter);
      const std::string_view raw = line.substr(0, end);
      fields.push_back({raw, is_null(raw)});
      if (end == std::string_view::npos) return;
      line.remove_prefix(end + 1);
    }
  }

  // The character for which an escape stands; p is behind the backslash. `doubtful`: it may make the text
  // something that is not UTF-8.
  static char unescape(std::string_view line, std::size_t& p, bool& doubtful) {
    const char c = line[p++];
    int value;
    switch (c) {
      case 'b':
        return '\b';
      case 'f':
        return '\f';
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case 'v':
        return '\v';
      case 'x':
        if (p == line.size() || hex_value(line[p]) < 0) return c;
        value = hex_value(line[p++]);
        if (p < line.size() && hex_value(line[p]) >= 0) value = value * 16 + hex_value(line[p++]);
        break;
      default:
        if (!is_octal(c)) return c;
        value = c - '0';
        for (int digits = 1; digits < 3 && p < line.size() && is_octal(line[p]); ++digits)
          value = value * 8 + (line[p++] - '0');
        break;
    }
    const auto byte = static_cast<unsigned char>(value);
    if (byte == 0 || byte >= 0x80) doubtful = true;
    return static_cast<char>(byte);
  }
};

class CsvReader final : public LineReader {
 public:
  CsvReader(Options options, std::vector<std::string> columns, std::size_t limit)
      : LineReader(std::move(options), std::move(columns), limit) {
    for (const char c : {options_.quote, options_.escape}) has_meaning_[static_cast<unsigned char>(c)] = true;
  }

 private:
  bool csv() const override { return true; }

  void begin_line() override { in_quote_ = after_escape_ = false; }

  bool quoted(char c) override {
    const bool own_escape = options_.escape != options_.quote;
    if (in_quote_ && own_escape && c == options_.escape) after_escape_ = !after_escape_;
    if (c == options_.quote && !after_escape_) in_quote_ = !in_quote_;
    if (!own_escape || c != options_.escape) after_escape_ = false;
    if (in_quote_ && c == (line_end_ == LineEnd::newline ? '\n' : '\r')) ++line_;
    return in_quote_;
  }

  void split(std::string_view line, std::vector<Field>& fields) override {
    char* out = room(line.size());
    std::size_t p = 0;
    for (bool more = true; more;) {
      const char* const begin = out;
      const std::size_t start = p;
      bool had_quote = false;
      more = false;
      std::size_t end = line.size();
      while (p < line.size()) {
        const char c = line[p++];
        if (c == options_.delimiter) {
          more = true;
          end = p - 1;
          break;
        }
        if (c != options_.quote) {
          *out++ = c;
          continue;
        }
        had_quote = true;
        take_quoted(line, p, out);
      }
      const bool null = !had_quote && is_null(line.substr(start, end - start));
      fields.push_back(
          {null ? std::string_view() : std::string_view(begin, static_cast<std::size_t>(out - begin)), null});
    }
  }

  // From behind a quote to behind the one that closes it.
  void take_quoted(std::string_view line, std::size_t& p, char*& out) const {
    for (;;) {
      if (p == line.size()) bad_file("unterminated CSV quoted field");
      const char c = line[p++];
      if (c == options_.escape && p < line.size() &&
          (line[p] == options_.escape || line[p] == options_.quote)) {
        *out++ = line[p++];
        continue;
      }
      if (c == options_.quote) return;
      *out++ = c;
    }
  }

  bool in_quote_ = false;
};

// ---- binary ----
//
//     file  := signature flags:ub32 size:ub32 extension tuple* trailer?
//     tuple := fields:ub16 (size:sb32 bytes | -1:sb32)*
//     trailer := -1:sb16
class BinaryReader final : public CopyReader {
 public:
  using CopyReader::CopyReader;

  Step next(std::vector<Field>& fields) override {
    fields.clear();
    if (ended_) return at_end();
    if (!header_done_ && !read_header()) return Step::need_more;
    if (!in_row_) ++line_;
    in_row_ = true;
    return read_row(fields);
  }

 private:
  static constexpr std::string_view kSignature{"PGCOPY\n\377\r\n\0", 11};

  static std::uint32_t word(std::string_view bytes, std::size_t at) {
    std::uint32_t value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return __builtin_bswap32(value);
  }

  // False: the header has not come whole.
  bool read_header() {
    const std::string_view bytes = left();
    if (bytes.size() < kSignature.size() && !finished_) return false;
    if (!bytes.starts_with(kSignature)) bad_file("COPY file signature not recognized");
    std::size_t at = kSignature.size();
    if (bytes.size() < at + 4) return missing("invalid COPY file header (missing flags)");
    const std::uint32_t flags = word(bytes, at);
    if ((flags & (1U << 16)) != 0) bad_file("invalid COPY file header (WITH OIDS)");
    if ((flags >> 16) != 0) bad_file("unrecognized critical flags in COPY file header");
    at += 4;
    if (bytes.size() < at + 4) return missing("invalid COPY file header (missing length)");
    const std::uint32_t extension = word(bytes, at);
    if (extension > 0x7fffffff) bad_file("invalid COPY file header (missing length)");
    at += 4;
    if (bytes.size() - at < extension) return missing("invalid COPY file header (wrong length)");
    use(at + extension);
    header_done_ = true;
    return true;
  }
  bool missing(const char* message) const {
    if (finished_) bad_file(message);
    return false;
  }

  Step read_row(std::vector<Field>& fields) {
    const std::string_view bytes = left();
    if (bytes.size() < 2) return finished_ ? Step::end : Step::need_more;
    const auto count = static_cast<std::int16_t>((static_cast<unsigned char>(bytes[0]) << 8) |
                                                 static_cast<unsigned char>(bytes[1]));
    if (count == -1) {
      use(2);
      ended_ = true;
      return at_end();
    }
    if (static_cast<std::size_t>(count) != columns_.size() || count < 0)
      bad_file("row field count is " + std::to_string(count) + ", expected " +
               std::to_string(columns_.size()));
    std::size_t at = 2;
    for (int i = 0; i < count; ++i) {
      if (bytes.size() < at + 4) return short_row();
      const auto size = static_cast<std::int32_t>(word(bytes, at));
      at += 4;
      if (size == -1) {
        fields.push_back({{}, true});
        continue;
      }
      if (size < 0) bad_file("invalid field size");
      const auto length = static_cast<std::size_t>(size);
      if (bytes.size() - at < length) return short_row();
      fields.push_back({bytes.substr(at, length), false});
      at += length;
    }
    use(at);
    in_row_ = false;
    return Step::row;
  }
  Step short_row() const {
    if (finished_) bad_file("unexpected EOF in COPY data");
    return Step::need_more;
  }
  Step at_end() const {
    if (!left().empty()) bad_file("received copy data after EOF marker");
    return finished_ ? Step::end : Step::need_more;
  }

  bool header_done_ = false;
  bool in_row_ = false;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<CopyReader> make_reader(const Options& options, std::vector<std::string> columns,
                                        std::size_t limit) {
  switch (options.format) {
    case FileFormat::text:
      return std::make_unique<TextReader>(options, std::move(columns), limit);
    case FileFormat::csv:
      return std::make_unique<CsvReader>(options, std::move(columns), limit);
    case FileFormat::binary:
      break;
  }
  return std::make_unique<BinaryReader>(options, std::move(columns), limit);
}

}  // namespace gyre::adapter::copy
