// JSON as text, value by value; the caller sees to it that brackets match (RFC 8259).
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace gyre::adapter {

class JsonWriter {
 public:
  void open(char bracket) {
    separate();
    text_ += bracket;
  }
  void close(char bracket) { text_ += bracket; }
  void key(std::string_view name) {
    value(name);
    text_ += ':';
  }
  void value(std::uint64_t number) {
    separate();
    text_.append(fmt::format_int(number).c_str());
  }
  void value(std::string_view text);
  template <class Value>
  void field(std::string_view name, Value given) {
    key(name);
    value(given);
  }
  std::string take() { return std::move(text_); }

 private:
  void separate() {
    if (text_.empty()) return;
    const char last = text_.back();
    if (last != '{' && last != '[' && last != ':') text_ += ',';
  }

  std::string text_;
};

}  // namespace gyre::adapter
