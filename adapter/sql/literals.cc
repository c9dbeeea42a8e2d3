// Finds number and string literals without parsing. The plan cache looks a text up by its shape, so this runs
// for every ad-hoc statement: one pass, a table lookup per byte, and the text between literals copied in one
// piece. It follows the rules of PostgreSQL 15's scanner (scan.l) for what a token is; where following them
// exactly would cost more than it is worth (escapes, continued strings), it declines, and the caller parses
// the text as it is.

#include "adapter/sql/literals.h"

#include <array>
#include <cstddef>
#include <limits>

namespace gyre::adapter {
namespace {

constexpr std::size_t kMaxLiterals = 64;

// What a byte can start.
enum class Class : std::uint8_t {
  other,   // blanks, punctuation, most operators: nothing to look at
  refuse,  // NUL, and the bytes that serve as markers
  letter,
  digit,
  dot,
  quote,
  double_quote,
  dash,
  slash,
  dollar,
};

struct Tables {
  std::array<Class, 256> start{};
  std::array<bool, 256> in_identifier{};

  constexpr Tables() {
    for (int c = 0; c < 256; ++c) {
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 128;
      const bool digit = c >= '0' && c <= '9';
      auto& entry = start[static_cast<std::size_t>(c)];
      entry = letter ? Class::letter : digit ? Class::digit : c < 5 ? Class::refuse : Class::other;
      in_identifier[static_cast<std::size_t>(c)] = letter || digit || c == '$';
    }
    start['.'] = Class::dot;
    start['\''] = Class::quote;
    start['"'] = Class::double_quote;
    start['-'] = Class::dash;
    start['/'] = Class::slash;
    start['$'] = Class::dollar;
  }
};
constexpr Tables kTables;

constexpr char marker(LiteralToken::Kind kind) {
  return static_cast<char>(1 + static_cast<int>(kind));
}

class Scanner {
 public:
  Scanner(std::string_view text, std::string& shape, std::vector<LiteralToken>& literals, Arena& arena)
      : begin_(text.data()),
        p_(begin_),
        end_(begin_ + text.size()),
        copied_(begin_),
        shape_(shape),
        literals_(literals),
        arena_(arena) {}

  bool run() {
    while (p_ < end_) {
      switch (class_of(*p_)) {
        case Class::other:
          ++p_;
          break;
        case Class::letter:
          if (!identifier()) return false;
          break;
        case Class::digit:
          if (!number()) return false;
          break;
        case Class::dot:
          if (!dot()) return false;
          break;
        case Class::quote:
          if (!plain_string()) return false;
          break;
        case Class::double_quote:
          if (!quoted_identifier()) return false;
          break;
        case Class::dash:
          if (peek(1) == '-')
            skip_line();
          else
            ++p_;
          break;
        case Class::slash:
          if (peek(1) != '*')
            ++p_;
          else if (!comment())
            return false;
          break;
        case Class::dollar:
          if (!parameter()) return false;
          break;
        case Class::refuse:
          return false;
      }
    }
    shape_.append(copied_, end_);
    return true;
  }

 private:
  static Class class_of(char c) { return kTables.start[static_cast<unsigned char>(c)]; }
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  // The byte `ahead` of the current one; NUL past the end.
  char peek(std::ptrdiff_t ahead) const { return end_ - p_ > ahead ? p_[ahead] : '\0'; }

  bool identifier() {
    const char* first = p_;
    do ++p_;
    while (p_ < end_ && kTables.in_identifier[static_cast<unsigned char>(*p_)]);
    if (p_ - first != 1 || p_ == end_) return true;
    return string_prefix(*first);
  }

  // A word of one letter may be the prefix of a string.
  bool string_prefix(char letter) {
    const bool quoted = *p_ == '\'';
    switch (letter) {
      case 'e':
      case 'E':
        return !quoted || escape_string();
      case 'b':
      case 'B':
      case 'x':
      case 'X':
        return !quoted;
      case 'u':
      case 'U':
        return !(*p_ == '&' && (peek(1) == '\'' || peek(1) == '"'));
      default:
        return true;
    }
  }

  bool dot() {
    if (is_digit(peek(1))) return fraction(p_);
    p_ += peek(1) == '.' ? 2 : 1;
    return true;
  }

  bool number() {
    const char* first = p_;
    std::uint64_t value = 0;
    bool large = false;  // beyond what an int64 holds
    do {
      const auto digit = static_cast<std::uint64_t>(*p_ - '0');
      large = large ||
              value > (static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) - digit) / 10;
      value = value * 10 + digit;
      ++p_;
    } while (p_ < end_ && is_digit(*p_));
    const char next = peek(0);
    if (next == '.' && peek(1) != '.') return fraction(first);
    if (next == 'e' || next == 'E') return exponent(first);
    if (class_of(next) == Class::letter) return false;
    if (large) return large_integer(first);
    if (value == std::uint64_t{1} << 31) return false;
    const bool small = value <= static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max());
    return add(small ? LiteralToken::Kind::int4 : LiteralToken::Kind::int8, first,
               static_cast<std::int64_t>(value), {first, p_});
  }

  // Whole numbers that no integer type holds are numeric.
  bool large_integer(const char* first) {
    const char* digit = first;
    while (*digit == '0') ++digit;
    if (std::string_view(digit, p_) == "9223372036854775808") return false;
    return decimal(first);
  }

  // At the point of a number that begins at `first`.
  bool fraction(const char* first) {
    do ++p_;
    while (p_ < end_ && is_digit(*p_));
    if (peek(0) == 'e' || peek(0) == 'E') return exponent(first);
    return class_of(peek(0)) != Class::letter && decimal(first);
  }

  bool exponent(const char* first) {
    ++p_;
    if (peek(0) == '+' || peek(0) == '-') ++p_;
    if (!is_digit(peek(0))) return false;
    while (p_ < end_ && is_digit(*p_)) ++p_;
    return class_of(peek(0)) != Class::letter && decimal(first);
  }

  bool decimal(const char* first) { return add(LiteralToken::Kind::decimal, first, 0, {first, p_}); }

  // 'text', where '' stands for one quote and a backslash for itself.
  bool plain_string() {
    const char* first = p_++;
    const char* content = p_;
    std::size_t doubled = 0;
    for (;; ++p_) {
      if (p_ == end_ || *p_ == '\0') return false;
      if (*p_ != '\'') continue;
      if (peek(1) != '\'') break;
      ++doubled;
      ++p_;
    }
    std::string_view value(content, p_);
    ++p_;
    if (continued()) return false;
    if (doubled > 0) value = undouble(value, doubled);
    return add(LiteralToken::Kind::string, first, 0, value);
  }

  std::string_view undouble(std::string_view raw, std::size_t doubled) {
    char* out = arena_.allocate(raw.size() - doubled, 1);
    char* to = out;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      *to++ = raw[i];
      if (raw[i] == '\'') ++i;
    }
    return {out, to};
  }

  // E'text'; at its quote, one past the letter.
  bool escape_string() {
    const char* first = p_ - 1;
    ++p_;
    char* out = arena_.allocate(static_cast<std::size_t>(end_ - p_), 1);
    char* to = out;
    for (; p_ < end_ && *p_ != '\0'; ++p_) {
      if (*p_ == '\'') {
        if (peek(1) != '\'') break;
        ++p_;
        *to++ = '\'';
      } else if (*p_ == '\\') {
        ++p_;
        const char meant = unescape(peek(0));
        if (meant == '\0') return false;
        *to++ = meant;
      } else {
        *to++ = *p_;
      }
    }
    if (peek(0) != '\'') return false;
    ++p_;
    return !continued() && add(LiteralToken::Kind::string, first, 0, {out, to});
  }

  // What a backslash and this byte mean; NUL: more than we want to know (octal, \x, \u, a letter for itself).
  static char unescape(char c) {
    switch (c) {
      case '\\':
      case '\'':
        return c;
      case 'n':
        return '\n';
      case 't':
        return '\t';
      case 'r':
        return '\r';
      case 'b':
        return '\b';
      case 'f':
        return '\f';
      default:
        return '\0';
    }
  }

  // Does another quote follow on a later line? Then it goes on with the same string.
  bool continued() const {
    bool new_line = false;
    for (const char* p = p_; p < end_; ++p) {
      if (*p == '\n' || *p == '\r')
        new_line = true;
      else if (*p == '\'')
        return new_line;
      else if (*p == '-' && end_ - p > 1 && p[1] == '-')
        p = line_end(p) - 1;
      else if (*p != ' ' && *p != '\t' && *p != '\f')
        return false;
    }
    return false;
  }

  bool quoted_identifier() {
    for (++p_; p_ < end_ && *p_ != '\0'; ++p_) {
      if (*p_ != '"') continue;
      ++p_;
      return true;  // a doubled quote looks like a second identifier, which ends where the one would
    }
    return false;
  }

  const char* line_end(const char* p) const {
    while (p < end_ && *p != '\n' && *p != '\r') ++p;
    return p;
  }
  void skip_line() { p_ = line_end(p_); }

  // Comments nest.
  bool comment() {
    int open = 0;
    while (p_ < end_) {
      if (*p_ == '\0') return false;
      if (*p_ == '/' && peek(1) == '*') {
        ++open;
        p_ += 2;
      } else if (*p_ == '*' && peek(1) == '/') {
        p_ += 2;
        if (--open == 0) return true;
      } else {
        ++p_;
      }
    }
    return false;
  }

  // $1; refuses dollar quotes.
  bool parameter() {
    ++p_;
    if (!is_digit(peek(0))) return false;
    while (p_ < end_ && is_digit(*p_)) ++p_;
    return class_of(peek(0)) != Class::letter;
  }

  // The literal from `first` up to the current byte.
  bool add(LiteralToken::Kind kind, const char* first, std::int64_t integer, std::string_view text) {
    if (literals_.size() == kMaxLiterals) return false;
    shape_.append(copied_, first);
    shape_.push_back(marker(kind));
    copied_ = p_;
    literals_.push_back({kind, static_cast<std::uint32_t>(first - begin_),
                         static_cast<std::uint32_t>(p_ - begin_), integer, text});
    return true;
  }

  const char* begin_;
  const char* p_;
  const char* end_;
  const char* copied_;  // the text before it is in the shape
  std::string& shape_;
  std::vector<LiteralToken>& literals_;
  Arena& arena_;
};

}  // namespace

bool scan_literals(std::string_view text, std::string& shape, std::vector<LiteralToken>& literals,
                   Arena& arena) {
  shape.clear();
  literals.clear();
  return Scanner(text, shape, literals, arena).run();
}

}  // namespace gyre::adapter
