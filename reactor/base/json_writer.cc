#include "reactor/base/json_writer.h"

#include <charconv>
#include <utility>

namespace gyre {

void append_json_text(std::string_view text, std::string& out) {
  constexpr std::string_view kEscaped = "\"\\\n\r\t\b\f", kLetters = "\"\\nrtbf",
                             kDigits = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    if (const std::size_t at = kEscaped.find(c); at != std::string_view::npos)
      out.append(1, '\\').append(1, kLetters[at]);
    else if (const auto byte = static_cast<unsigned char>(c); byte < ' ')
      out.append("\\u00").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
    else
      out += c;
  }
  out += '"';
}

void JsonWriter::begin_item() {
  if (std::exchange(after_key_, false)) return;
  if (!first_) text_ += ',';
  if (indented_ && depth_ != 0) begin_line();
  first_ = false;
}

void JsonWriter::open(char bracket) {
  begin_item();
  text_ += bracket;
  ++depth_;
  first_ = true;
}

void JsonWriter::close(char bracket) {
  --depth_;
  if (indented_ && !first_) begin_line();
  text_ += bracket;
  first_ = false;
}

void JsonWriter::key(std::string_view name) {
  text(name);
  text_ += indented_ ? ": " : ":";
  after_key_ = true;
}

void JsonWriter::bare(std::string_view given) {
  begin_item();
  text_ += given;
}

void JsonWriter::fraction(double given) {
  char digits[512];  // more than the longest double has
  const auto end = std::to_chars(digits, digits + sizeof digits, given, std::chars_format::fixed, 3).ptr;
  bare({digits, static_cast<std::size_t>(end - digits)});
}

void JsonWriter::text(std::string_view given) {
  begin_item();
  append_json_text(given, text_);
}

}  // namespace gyre
