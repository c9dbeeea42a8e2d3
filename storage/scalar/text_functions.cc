// Functions that take a string apart or measure it. Positions and lengths are in characters; results borrow
// from their argument wherever they can.
#include <algorithm>
#include <clocale>
#include <cwctype>
#include <limits>
#include <vector>

#include "storage/scalar/families.h"
#include "storage/scalar/helpers.h"
#include "storage/scalar/utf8_walk.h"

namespace gyre::storage::families {

namespace {

using Arguments = const Datum*;
constexpr TypeId kText = TypeId::text;
constexpr TypeId kInt = TypeId::int4;

Datum integer(std::size_t value) {
  return Datum::of_integer(static_cast<std::int64_t>(value));
}
std::size_t clamp_to_size(std::int64_t value) {
  return value < 0 ? 0 : static_cast<std::size_t>(value);
}
std::string_view without_padding(std::string_view text) {
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// ---- measures ----

Datum length(EvalContext&, Arguments a, unsigned) {
  return integer(count_characters(a[0].bytes()));
}
Datum bpchar_length(EvalContext&, Arguments a, unsigned) {
  return integer(count_characters(without_padding(a[0].bytes())));
}
Datum octet_length(EvalContext&, Arguments a, unsigned) {
  return integer(a[0].size);
}
Datum bit_length(EvalContext&, Arguments a, unsigned) {
  return integer(std::size_t{a[0].size} * 8);
}
Datum position(EvalContext&, Arguments a, unsigned) {
  const std::string_view text = a[0].bytes();
  const std::size_t at = text.find(a[1].bytes());
  return integer(at == std::string_view::npos ? 0 : count_characters(text.substr(0, at)) + 1);
}
Datum starts_with(EvalContext&, Arguments a, unsigned) {
  return Datum::of_bool(a[0].bytes().starts_with(a[1].bytes()));
}
Datum ascii(EvalContext&, Arguments a, unsigned) {
  std::string_view text = a[0].bytes();
  return Datum::of_integer(text.empty() ? 0 : static_cast<std::int64_t>(code_point(take_character(text))));
}

// ---- parts ----

// The characters from `start` (1-based, may lie before the text) on, `count` of them (a[2]) or all.
Datum substring(EvalContext&, Arguments a, unsigned count) {
  const std::int64_t start = a[1].integer;
  std::int64_t end = std::numeric_limits<std::int64_t>::max();
  if (count > 2) {
    if (a[2].integer < 0) throw Failure(Fault::substring_error, "negative substring length not allowed");
    end = start + a[2].integer;
  }
  const std::int64_t first = std::max<std::int64_t>(start, 1);
  if (end <= first) return Datum::of_bytes("");
  const std::string_view rest = skip_characters(a[0].bytes(), static_cast<std::size_t>(first - 1));
  return Datum::of_bytes(rest.substr(0, prefix_bytes(rest, static_cast<std::size_t>(end - first))));
}
// The first n characters; with n < 0 all but the last -n.
Datum left(EvalContext&, Arguments a, unsigned) {
  const std::string_view text = a[0].bytes();
  std::int64_t n = a[1].integer;
  if (n < 0) n += static_cast<std::int64_t>(count_characters(text));
  return Datum::of_bytes(text.substr(0, prefix_bytes(text, clamp_to_size(n))));
}
Datum right(EvalContext&, Arguments a, unsigned) {
  const std::string_view text = a[0].bytes();
  const std::int64_t n = a[1].integer;
  const std::int64_t skipped = n < 0 ? -n : static_cast<std::int64_t>(count_characters(text)) - n;
  return Datum::of_bytes(skip_characters(text, clamp_to_size(skipped)));
}

bool is_among(std::string_view character, std::string_view set) {
  while (!set.empty())
    if (take_character(set) == character) return true;
  return false;
}
std::string_view trim_front(std::string_view text, std::string_view set) {
  while (!text.empty()) {
    std::string_view rest = text;
    if (!is_among(take_character(rest), set)) break;
    text = rest;
  }
  return text;
}
std::string_view trim_back(std::string_view text, std::string_view set) {
  while (!text.empty()) {
    std::size_t start = text.size() - 1;
    while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
    if (!is_among(text.substr(start), set)) break;
    text = text.substr(0, start);
  }
  return text;
}
std::string_view trim_set(Arguments a, unsigned count) {
  return count > 1 ? a[1].bytes() : " ";
}
Datum ltrim(EvalContext&, Arguments a, unsigned count) {
  return Datum::of_bytes(trim_front(a[0].bytes(), trim_set(a, count)));
}
Datum rtrim(EvalContext&, Arguments a, unsigned count) {
  return Datum::of_bytes(trim_back(a[0].bytes(), trim_set(a, count)));
}
Datum btrim(EvalContext&, Arguments a, unsigned count) {
  const std::string_view set = trim_set(a, count);
  return Datum::of_bytes(trim_back(trim_front(a[0].bytes(), set), set));
}

std::size_t count_fields(std::string_view text, std::string_view separator) {
  std::size_t fields = 1;
  for (std::size_t at = text.find(separator); at != std::string_view::npos;
       at = text.find(separator, at + separator.size()))
    ++fields;
  return fields;
}
// The n-th field, counted from the end where n < 0; empty where there is none.
Datum split_part(EvalContext&, Arguments a, unsigned) {
  std::string_view text = a[0].bytes();
  const std::string_view separator = a[1].bytes();
  std::int64_t n = a[2].integer;
  if (n == 0) throw Failure(Fault::invalid_parameter_value, "field position must not be zero");
  if (text.empty()) return Datum::of_bytes("");
  if (separator.empty()) return n == 1 || n == -1 ? a[0] : Datum::of_bytes("");
  if (n < 0) n += static_cast<std::int64_t>(count_fields(text, separator)) + 1;
  if (n <= 0) return Datum::of_bytes("");
  for (; n > 1; --n) {
    const std::size_t at = text.find(separator);
    if (at == std::string_view::npos) return Datum::of_bytes("");
    text.remove_prefix(at + separator.size());
  }
  return Datum::of_bytes(text.substr(0, text.find(separator)));
}

// ---- letters ----

// Case of ASCII letters is changed here, that of others by the C library's tables of its UTF-8 locale.
class UnicodeCase {
 public:
  UnicodeCase() : locale_(newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {}
  UnicodeCase(const UnicodeCase&) = delete;
  UnicodeCase& operator=(const UnicodeCase&) = delete;
  ~UnicodeCase() {
    if (locale_ != nullptr) freelocale(locale_);
  }
  char32_t upper(char32_t c) const {
    return locale_ == nullptr ? c : static_cast<char32_t>(towupper_l(static_cast<wint_t>(c), locale_));
  }
  char32_t lower(char32_t c) const {
    return locale_ == nullptr ? c : static_cast<char32_t>(towlower_l(static_cast<wint_t>(c), locale_));
  }
  bool is_word(char32_t c) const {
    return locale_ != nullptr && iswalnum_l(static_cast<wint_t>(c), locale_) != 0;
  }

 private:
  locale_t locale_;
};
const UnicodeCase& unicode_case() {
  static const UnicodeCase instance;
  return instance;
}

template <class Change>
Datum changed_letters(Arena& arena, std::string_view text, Change change) {
  // A character's other case may need more bytes: at most 4 for any of 1 or more.
  char* out = arena.allocate(text.size() * 4, 1);
  std::size_t size = 0;
  while (!text.empty()) size += encode_character(change(code_point(take_character(text))), out + size);
  return Datum::of_bytes({out, size});
}
Datum upper(EvalContext& context, Arguments a, unsigned) {
  return changed_letters(*context.arena, a[0].bytes(), [](char32_t c) {
    return c < 0x80 ? (c >= 'a' && c <= 'z' ? c - 32 : c) : unicode_case().upper(c);
  });
}
Datum lower(EvalContext& context, Arguments a, unsigned) {
  return lower_case(a[0].bytes(), *context.arena);
}
Datum initcap(EvalContext& context, Arguments a, unsigned) {
  bool inside = false;
  return changed_letters(*context.arena, a[0].bytes(), [&inside](char32_t c) {
    const char32_t result = inside ? unicode_case().lower(c) : unicode_case().upper(c);
    inside = unicode_case().is_word(c);
    return result;
  });
}

std::vector<FunctionDef> make_table() {
  std::vector<FunctionDef> table;
  for (const std::string_view name : {"length", "char_length", "character_length"}) {
    table.push_back({name, {kText}, kInt, length});
    table.push_back({name, {TypeId::bpchar}, kInt, bpchar_length});
  }
  const FunctionDef others[] = {
      {"octet_length", {kText}, kInt, octet_length},
      {"octet_length", {TypeId::bpchar}, kInt, octet_length},
      {"bit_length", {kText}, kInt, bit_length},
      {"strpos", {kText, kText}, kInt, position},
      {"position", {kText, kText}, kInt, position},
      {"starts_with", {kText, kText}, TypeId::boolean, starts_with},
      {"^@", {kText, kText}, TypeId::boolean, starts_with},
      {"ascii", {kText}, kInt, ascii},
      {"substr", {kText, kInt}, kText, substring},
      {"substr", {kText, kInt, kInt}, kText, substring},
      {"substring", {kText, kInt}, kText, substring},
      {"substring", {kText, kInt, kInt}, kText, substring},
      {"left", {kText, kInt}, kText, left},
      {"right", {kText, kInt}, kText, right},
      {"ltrim", {kText}, kText, ltrim},
      {"ltrim", {kText, kText}, kText, ltrim},
      {"rtrim", {kText}, kText, rtrim},
      {"rtrim", {kText, kText}, kText, rtrim},
      {"btrim", {kText}, kText, btrim},
      {"btrim", {kText, kText}, kText, btrim},
      {"split_part", {kText, kText, kInt}, kText, split_part},
      {"upper", {kText}, kText, upper},
      {"lower", {kText}, kText, lower},
      {"initcap", {kText}, kText, initcap},
  };
  table.insert(table.end(), std::begin(others), std::end(others));
  return table;
}

}  // namespace

std::span<const FunctionDef> text() {
  static const std::vector<FunctionDef> table = make_table();
  return table;
}

}  // namespace gyre::storage::families

namespace gyre::storage {

Datum lower_case(std::string_view text, Arena& arena) {
  return families::changed_letters(arena, text, [](char32_t c) {
    return c < 0x80 ? (c >= 'A' && c <= 'Z' ? c + 32 : c) : families::unicode_case().lower(c);
  });
}

}  // namespace gyre::storage
