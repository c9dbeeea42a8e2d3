// What the text readers of all types share: blanks, and the words of their complaints.
#pragma once

#include <string_view>

#include "storage/failure.h"

namespace gyre::storage {

constexpr bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
constexpr bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr std::string_view trim_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}
constexpr std::string_view trim_trailing_spaces(std::string_view text) {
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}
// `lower` is in lower case already.
constexpr bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (to_lower(text[i]) != lower[i]) return false;
  return true;
}

// invalid input syntax for type integer: "abc"
[[noreturn]] void fail_syntax(std::string_view type, std::string_view text);
// value "99999999999" is out of range for type integer
[[noreturn]] void fail_range(std::string_view type, std::string_view text);

// Three-way comparison as the traits want it.
template <class Word>
constexpr int three_way(Word left, Word right) {
  return left < right ? -1 : (right < left ? 1 : 0);
}
constexpr int compare_bytes(std::string_view left, std::string_view right) {
  const int order = left.compare(right);
  return three_way(order, 0);
}

}  // namespace gyre::storage
