#include "storage/types/numeric_text.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "storage/types/input.h"
#include "storage/types/integer.h"
#include "storage/types/numeric.h"
#include "storage/types/numeric_decimal.h"

namespace gyre::storage::numeric {

namespace {

struct SpecialName {
  std::string_view name;
  Kind kind;
};
constexpr SpecialName kSpecialNames[] = {
    {"nan", Kind::nan},
    {"infinity", Kind::infinity},
    {"+infinity", Kind::infinity},
    {"inf", Kind::infinity},
    {"+inf", Kind::infinity},
    {"-infinity", Kind::minus_infinity},
    {"-inf", Kind::minus_infinity},
};

// The digits of a text, with the point taken out.
struct Digits {
  bool negative = false;
  std::string digits;
  std::int64_t scale = 0;  // may be negative: 1e5 is 1 with scale -5
};

std::size_t span_of_digits(std::string_view text) {
  return std::min(text.find_first_not_of("0123456789"), text.size());
}

// False if the text is no number.
bool read_exponent(std::string_view& text, std::int64_t& exponent) {
  text.remove_prefix(1);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const std::size_t length = span_of_digits(text);
  if (length == 0) return false;
  constexpr std::int64_t kExponentMax = INT32_MAX / 2;
  for (const char digit : text.substr(0, length)) {
    exponent = exponent * 10 + (digit - '0');
    if (exponent >= kExponentMax) fail_overflow();
  }
  if (negative) exponent = -exponent;
  text.remove_prefix(length);
  return true;
}

bool read_digits(std::string_view text, Digits& read) {
  read.negative = text.starts_with('-');
  if (read.negative || text.starts_with('+')) text.remove_prefix(1);
  std::size_t length = span_of_digits(text);
  read.digits = text.substr(0, length);
  text.remove_prefix(length);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    length = span_of_digits(text);
    read.digits += text.substr(0, length);
    read.scale = static_cast<std::int64_t>(length);
    text.remove_prefix(length);
  }
  if (read.digits.empty()) return false;
  std::int64_t exponent = 0;
  if (!text.empty() && to_lower(text[0]) == 'e' && !read_exponent(text, exponent)) return false;
  read.scale -= exponent;
  return text.empty();
}

Datum store_digits(Digits read, Arena& arena) {
  const std::size_t zeros = std::min(read.digits.find_first_not_of('0'), read.digits.size());
  read.digits.erase(0, zeros);
  if (read.digits.empty()) read.scale = std::max<std::int64_t>(read.scale, 0);
  if (read.scale > kScaleMax) fail_overflow();
  if (static_cast<std::int64_t>(read.digits.size()) - read.scale > kWholeDigitsMax) fail_overflow();
  if (read.scale < 0) {
    read.digits.append(static_cast<std::size_t>(-read.scale), '0');
    read.scale = 0;
  }
  const auto scale = static_cast<std::int32_t>(read.scale);
  if (read.digits.size() > kSmallDigits) {
    const BigInt value = integer_from_digits(read.digits);
    return store(Big{read.negative ? BigInt(-value) : value, scale}, arena);
  }
  Int128 value = 0;
  for (const char digit : read.digits) value = value * 10 + (digit - '0');
  return store(Small{read.negative ? -value : value, scale}, arena);
}

// "-12.50" and the like: at most 18 digits, no exponent. False if it is anything else.
bool read_plain(std::string_view text, Small& small) {
  constexpr std::size_t kPlainMax = 18;
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.size() > kPlainMax) return false;
  std::int64_t value = 0;
  std::int32_t scale = -1;  // no point yet
  std::size_t digits = 0;
  for (const char c : text) {
    if (is_digit(c)) {
      value = value * 10 + (c - '0');
      if (scale >= 0) ++scale;
      ++digits;
    } else if (c == '.' && scale < 0) {
      scale = 0;
    } else {
      return false;
    }
  }
  small = {negative ? -value : value, std::max(scale, 0)};
  return digits != 0;
}

std::string_view special_text(Kind kind) {
  return kind == Kind::nan ? "NaN" : kind == Kind::infinity ? "Infinity" : "-Infinity";
}

// Digits with a point `scale` from the end; zeros are put in front where there are too few.
template <class Append>
void lay_out(Datum value, std::string_view digits, Append append) {
  const auto places = static_cast<std::size_t>(scale(value));
  if (kind_of(value) == Kind::negative) append("-");
  if (places == 0) return append(digits);
  if (digits.size() > places) {
    append(digits.substr(0, digits.size() - places));
  } else {
    append("0");
  }
  append(".");
  if (digits.size() < places) {
    const std::string zeros(places - digits.size(), '0');
    append(zeros);
    append(digits);
  } else {
    append(digits.substr(digits.size() - places));
  }
}

}  // namespace

Datum from_text(std::string_view text, Arena& arena) {
  const std::string_view trimmed = trim_blanks(text);
  Small small;
  if (read_plain(trimmed, small)) return store(small, arena);
  for (const auto& [name, kind] : kSpecialNames)
    if (equals_ignoring_case(trimmed, name)) return store_special(kind, arena);
  Digits read;
  if (!read_digits(trimmed, read)) fail_syntax("numeric", text);
  return store_digits(std::move(read), arena);
}

void append_text(Datum value, OutBuffer& out) {
  if (!is_finite(value)) return out.append(special_text(kind_of(value)));
  const auto append = [&out](std::string_view part) { out.append(part); };
  Small small;
  if (!load_small(value, small)) return lay_out(value, magnitude_digits(value), append);
  const Int128 magnitude = small.value < 0 ? -small.value : small.value;
  if (magnitude > UINT64_MAX) return lay_out(value, magnitude_digits(value), append);
  char digits[20];
  const auto word = static_cast<std::uint64_t>(magnitude);
  const int count = gyre::storage::count_digits(word);
  write_digits(digits, word, count);
  lay_out(value, {digits, static_cast<std::size_t>(count)}, append);
}

std::string to_string(Datum value) {
  if (!is_finite(value)) return std::string(special_text(kind_of(value)));
  std::string text;
  lay_out(value, magnitude_digits(value), [&text](std::string_view part) { text.append(part); });
  return text;
}

}  // namespace gyre::storage::numeric
