// JSON as text, value by value; the caller sees to it that brackets match (RFC 8259). Texts are UTF-8
// already.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace gyre {

// The text as a JSON string, with its quotes.
void append_json_text(std::string_view text, std::string& out);

class JsonWriter {
 public:
  // indented: each item on a line of its own, as PostgreSQL's EXPLAIN has it.
  enum class Layout : std::uint8_t { compact, indented };

  explicit JsonWriter(Layout layout = Layout::compact) : indented_(layout == Layout::indented) {}

  void open(char bracket);
  void close(char bracket);
  void key(std::string_view name);
  // Of numbers with a fraction three digits are written.
  template <class Value>
  void value(const Value& given) {
    if constexpr (std::is_same_v<Value, bool>)
      bare(given ? "true" : "false");
    else if constexpr (std::is_integral_v<Value>)
      bare(std::to_string(given));
    else if constexpr (std::is_floating_point_v<Value>)
      fraction(given);
    else
      text(given);
  }
  void open(std::string_view name, char bracket) {
    key(name);
    open(bracket);
  }
  template <class Value>
  void field(std::string_view name, const Value& given) {
    key(name);
    value(given);
  }
  std::string take() { return std::move(text_); }

 private:
  void begin_item();
  void begin_line() { text_.append(1, '\n').append(2 * depth_, ' '); }
  void bare(std::string_view given);
  void fraction(double given);
  void text(std::string_view given);

  std::string text_;
  const bool indented_;
  std::size_t depth_ = 0;
  bool first_ = true;       // nothing has been written between the innermost brackets
  bool after_key_ = false;  // what comes next is its value
};

}  // namespace gyre
