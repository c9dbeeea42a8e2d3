#include "adapter/history/shown_text.h"

#include <algorithm>

namespace gyre::adapter {

namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Where the word, in small letters, ends in the text; npos: it is not there.
std::size_t end_of_word(std::string_view text, std::string_view word) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!is_word(text[at])) continue;
    std::size_t end = at;
    while (end < text.size() && is_word(text[end])) ++end;
    const bool same = end - at == word.size() &&
                      std::equal(word.begin(), word.end(), text.begin() + static_cast<std::ptrdiff_t>(at),
                                 [](char a, char b) { return a == (b | 0x20); });
    if (same) return end;
    at = end - 1;
  }
  return std::string_view::npos;
}

}  // namespace

std::string without_password(std::string_view text) {
  const std::size_t end = end_of_word(text, "password");
  const auto names = [&](std::string_view word) { return end_of_word(text, word) != std::string_view::npos; };
  if (end == std::string_view::npos || !(names("role") || names("user") || names("group")))
    return std::string(text);
  return std::string(text.substr(0, end)) + " ...";
}

std::string_view clipped(std::string_view text, std::size_t most) {
  std::size_t end = std::min(text.size(), most);
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace gyre::adapter
