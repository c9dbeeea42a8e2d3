#include "storage/types/array_text.h"

#include "storage/failure.h"
#include "storage/types/input.h"

namespace gyre::storage {

namespace {

[[noreturn]] void fail_array(std::string_view printed) {
  const std::string_view text = trim_blanks(printed);
  const char* detail = text.empty() || text.front() != '{'
                           ? "Array value must start with \"{\" or dimension information."
                       : text.back() != '}' ? "Unexpected end of input."
                                            : "";
  throw Failure(Fault::invalid_text_representation,
                "malformed array literal: \"" + std::string(printed) + "\"", detail);
}

class ArrayReader {
 public:
  explicit ArrayReader(std::string_view printed) : printed_(printed), rest_(trim_blanks(printed)) {}

  TextArray read() {
    if (rest_.size() < 2 || rest_.front() != '{' || rest_.back() != '}') fail_array(printed_);
    rest_ = rest_.substr(1, rest_.size() - 2);
    TextArray elements;
    skip_blanks();
    if (rest_.empty()) return elements;
    for (;;) {
      skip_blanks();
      elements.push_back(!rest_.empty() && rest_.front() == '"' ? read_quoted() : read_plain());
      skip_blanks();
      if (rest_.empty()) return elements;
      if (rest_.front() != ',') fail_array(printed_);
      rest_.remove_prefix(1);
    }
  }

 private:
  void skip_blanks() {
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
  }
  std::optional<std::string> read_quoted() {
    std::string element;
    for (rest_.remove_prefix(1); !rest_.empty() && rest_.front() != '"'; rest_.remove_prefix(1)) {
      if (rest_.front() == '\\') rest_.remove_prefix(1);
      if (rest_.empty()) break;
      element += rest_.front();
    }
    if (rest_.empty()) fail_array(printed_);
    rest_.remove_prefix(1);
    return element;
  }
  std::optional<std::string> read_plain() {
    std::string element;
    bool escaped = false;
    std::size_t kept = 0;  // without blanks at the end
    for (; !rest_.empty() && rest_.front() != ','; rest_.remove_prefix(1)) {
      const bool backslash = rest_.front() == '\\' && rest_.size() > 1;
      if (backslash) rest_.remove_prefix(1);
      if (!backslash && (rest_.front() == '{' || rest_.front() == '}' || rest_.front() == '"'))
        fail_array(printed_);
      escaped = escaped || backslash;
      element += rest_.front();
      if (backslash || !is_blank(rest_.front())) kept = element.size();
    }
    element.resize(kept);
    if (element.empty()) fail_array(printed_);
    if (!escaped && equals_ignoring_case(element, "null")) return std::nullopt;
    return element;
  }

  std::string_view printed_, rest_;
};

bool needs_quotes(std::string_view element) {
  if (element.empty() || equals_ignoring_case(element, "null")) return true;
  for (const char c : element)
    if (c == '"' || c == '\\' || c == '{' || c == '}' || c == ',' || is_blank(c)) return true;
  return false;
}

}  // namespace

TextArray parse_text_array(std::string_view printed) {
  return ArrayReader(printed).read();
}

std::string print_text_array(const TextArray& elements) {
  std::string out = "{";
  for (const auto& element : elements) {
    if (out.size() > 1) out += ',';
    if (!element) {
      out += "NULL";
    } else if (!needs_quotes(*element)) {
      out += *element;
    } else {
      out += '"';
      for (const char c : *element) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
      }
      out += '"';
    }
  }
  return out + '}';
}

}  // namespace gyre::storage
