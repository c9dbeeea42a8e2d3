// LIKE, ILIKE and regular expressions.
//
// LIKE needs no backtracking beyond its last %: once a later % has been reached, what an earlier one took can
// no longer matter. So one position to fall back to suffices, and the worst case is text times pattern.
//
// Regular expressions are RE2's: linear time, nearly the syntax of PostgreSQL's (no backreferences, no
// lookahead; \y, \m, \M are not known). Compiling costs more than matching, so each thread keeps the last
// few.
#include <re2/re2.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "storage/scalar/families.h"
#include "storage/scalar/helpers.h"
#include "storage/scalar/utf8_walk.h"

namespace gyre::storage::families {

namespace {

using Arguments = const Datum*;
constexpr TypeId kText = TypeId::text;

// ---- LIKE ----

[[noreturn]] void fail_trailing_escape() {
  throw Failure(Fault::invalid_escape_sequence, "LIKE pattern must not end with escape character");
}

// One step of a pattern that does not begin with %: takes a character of both, or says that they differ.
// Texts of bytes (bytea) are taken byte by byte.
template <bool characters>
bool step(std::string_view& text, std::string_view& pattern) {
  if (pattern.front() == '_') {
    pattern.remove_prefix(1);
    text.remove_prefix(characters ? std::min(utf8_length(text.front()), text.size()) : 1);
    return true;
  }
  if (pattern.front() == '\\') {
    if (pattern.size() == 1) fail_trailing_escape();
    pattern.remove_prefix(1);
  }
  if (text.front() != pattern.front()) return false;
  text.remove_prefix(1);
  pattern.remove_prefix(1);
  return true;
}

template <bool characters>
bool like(std::string_view text, std::string_view pattern) {
  constexpr auto kNone = std::string_view::npos;
  std::string_view after_percent, retry;  // the pattern behind the last %, and the text it was last tried on
  bool can_retry = false;
  while (!text.empty()) {
    if (!pattern.empty() && pattern.front() == '%') {
      pattern.remove_prefix(std::min(pattern.find_first_not_of('%'), pattern.size()));
      if (pattern.empty()) return true;
      if (pattern == "\\") fail_trailing_escape();
      after_percent = pattern;
      retry = text;
      can_retry = true;
      continue;
    }
    if (!pattern.empty() && step<characters>(text, pattern)) continue;
    if (!can_retry) return false;
    retry.remove_prefix(characters ? std::min(utf8_length(retry.front()), retry.size()) : 1);
    text = retry;
    pattern = after_percent;
  }
  return pattern.find_first_not_of('%') == kNone;
}

template <bool expected>
Datum like_text(EvalContext&, Arguments a, unsigned) {
  return Datum::of_bool(like<true>(a[0].bytes(), a[1].bytes()) == expected);
}
template <bool expected>
Datum like_bytes(EvalContext&, Arguments a, unsigned) {
  return Datum::of_bool(like<false>(a[0].bytes(), a[1].bytes()) == expected);
}
template <bool expected>
Datum ilike(EvalContext& context, Arguments a, unsigned) {
  const Datum text = lower_case(a[0].bytes(), *context.arena);
  const Datum pattern = lower_case(a[1].bytes(), *context.arena);
  return Datum::of_bool(like<true>(text.bytes(), pattern.bytes()) == expected);
}

// A pattern with another escape character, or with none, as one with a backslash.
Datum like_escape(EvalContext& context, Arguments a, unsigned) {
  std::string_view pattern = a[0].bytes();
  const std::string_view escape = a[1].bytes();
  if (count_characters(escape) > 1)
    throw Failure(Fault::invalid_escape_sequence, "invalid escape string", {},
                  "Escape string must be empty or one character.");
  if (escape == "\\") return a[0];
  std::string result;
  bool escaped = false;
  while (!pattern.empty()) {
    const std::string_view character = take_character(pattern);
    if (character == escape && !escaped) {
      result += '\\';
      escaped = true;
      continue;
    }
    if (character == "\\" && !escaped) result += '\\';
    result += character;
    escaped = false;
  }
  return copied(context, result);
}

// ---- regular expressions ----

enum class LetterCase : bool { distinct, ignored };

std::unique_ptr<re2::RE2> compile(std::string_view pattern, LetterCase letters) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  options.set_case_sensitive(letters == LetterCase::distinct);
  auto regex = std::make_unique<re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (!regex->ok())
    throw Failure(Fault::invalid_regular_expression, "invalid regular expression: " + regex->error());
  return regex;
}

// The compiled expressions used last, oldest replaced first.
class RegexCache {
 public:
  const re2::RE2& get(std::string_view pattern, LetterCase letters) {
    for (Entry& entry : entries_)
      if (entry.regex != nullptr && entry.letters == letters && entry.regex->pattern() == pattern)
        return *entry.regex;
    Entry& entry = entries_[next_];
    entry.regex = compile(pattern, letters);
    entry.letters = letters;
    next_ = (next_ + 1) % entries_.size();
    return *entry.regex;
  }

 private:
  struct Entry {
    std::unique_ptr<re2::RE2> regex;
    LetterCase letters = LetterCase::distinct;
  };
  std::array<Entry, 16> entries_;
  std::size_t next_ = 0;
};

const re2::RE2& regex_for(std::string_view pattern, LetterCase letters) {
  thread_local RegexCache cache;
  return cache.get(pattern, letters);
}
re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

template <bool expected, LetterCase letters>
Datum matches(EvalContext&, Arguments a, unsigned) {
  const bool found = re2::RE2::PartialMatch(piece(a[0].bytes()), regex_for(a[1].bytes(), letters));
  return Datum::of_bool(found == expected);
}

// What the first group matched, or the whole if there is none.
Datum substring_matching(EvalContext&, Arguments a, unsigned) {
  const re2::RE2& regex = regex_for(a[1].bytes(), LetterCase::distinct);
  const std::string_view text = a[0].bytes();
  re2::StringPiece groups[2];
  if (!regex.Match(piece(text), 0, text.size(), re2::RE2::UNANCHORED, groups, 2)) return {};
  const re2::StringPiece& found = regex.NumberOfCapturingGroups() > 0 ? groups[1] : groups[0];
  return found.data() == nullptr ? Datum() : Datum::of_bytes({found.data(), found.size()});
}

// \1 … \9 are groups, \& is the whole match, \\ a backslash.
void append_replacement(const EvalContext& context, std::string_view replacement, const std::vector<re2::StringPiece>& groups,
                        std::string& out) {
  for (std::size_t i = 0; i < replacement.size(); ++i) {
    if (replacement[i] != '\\' || i + 1 == replacement.size()) {
      out += replacement[i];
      continue;
    }
    const char what = replacement[++i];
    const std::size_t group = what == '&' ? 0 : static_cast<std::size_t>(what - '0');
    if (what == '&' || (what >= '1' && what <= '9')) {
      if (group < groups.size() && groups[group].data() != nullptr) {
        check_room(context, out.size() + groups[group].size());
        out.append(groups[group].data(), groups[group].size());
      }
    } else {
      if (what != '\\') out += '\\';
      out += what;
    }
  }
}

struct RegexFlags {
  bool global = false;
  LetterCase letters = LetterCase::distinct;
};
RegexFlags parse_flags(std::string_view text) {
  RegexFlags flags;
  for (const char c : text) {
    if (c == 'g')
      flags.global = true;
    else if (c == 'i')
      flags.letters = LetterCase::ignored;
    else if (c == 'c')
      flags.letters = LetterCase::distinct;
    else
      throw Failure(Fault::invalid_parameter_value,
                    "invalid regular expression option: \"" + std::string(1, c) + "\"");
  }
  return flags;
}

Datum regexp_replace(EvalContext& context, Arguments a, unsigned count) {
  const RegexFlags flags = count > 3 ? parse_flags(a[3].bytes()) : RegexFlags();
  const re2::RE2& regex = regex_for(a[1].bytes(), flags.letters);
  const std::string_view text = a[0].bytes();
  std::vector<re2::StringPiece> groups(static_cast<std::size_t>(regex.NumberOfCapturingGroups()) + 1);
  std::string result;
  std::size_t copied_to = 0, at = 0;
  while (at <= text.size() && regex.Match(piece(text), at, text.size(), re2::RE2::UNANCHORED, groups.data(),
                                          static_cast<int>(groups.size()))) {
    const auto start = static_cast<std::size_t>(groups[0].data() - text.data());
    check_room(context, result.size() + a[0].size + a[2].size);
    result += text.substr(copied_to, start - copied_to);
    append_replacement(context, a[2].bytes(), groups, result);
    copied_to = start + groups[0].size();
    if (!flags.global) break;
    // An empty match moves on by one character, so that it is found once.
    at = copied_to;
    if (groups[0].empty()) at += at < text.size() ? utf8_length(text[at]) : 1;
  }
  result += text.substr(copied_to);
  return copied(context, result);
}

Datum regexp_like(EvalContext&, Arguments a, unsigned count) {
  const RegexFlags flags = count > 2 ? parse_flags(a[2].bytes()) : RegexFlags();
  return Datum::of_bool(re2::RE2::PartialMatch(piece(a[0].bytes()), regex_for(a[1].bytes(), flags.letters)));
}

void add_operators(std::vector<FunctionDef>& table, TypeId type) {
  constexpr TypeId kBool = TypeId::boolean;
  table.push_back({"~~", {type, kText}, kBool, like_text<true>});
  table.push_back({"!~~", {type, kText}, kBool, like_text<false>});
  table.push_back({"~~*", {type, kText}, kBool, ilike<true>});
  table.push_back({"!~~*", {type, kText}, kBool, ilike<false>});
  table.push_back({"~", {type, kText}, kBool, matches<true, LetterCase::distinct>});
  table.push_back({"!~", {type, kText}, kBool, matches<false, LetterCase::distinct>});
  table.push_back({"~*", {type, kText}, kBool, matches<true, LetterCase::ignored>});
  table.push_back({"!~*", {type, kText}, kBool, matches<false, LetterCase::ignored>});
}

std::vector<FunctionDef> make_table() {
  constexpr TypeId kBool = TypeId::boolean;
  constexpr TypeId kBytes = TypeId::bytea;
  std::vector<FunctionDef> table;
  for (const TypeId type : {TypeId::text, TypeId::name, TypeId::bpchar}) add_operators(table, type);
  const FunctionDef others[] = {
      {"~~", {kBytes, kBytes}, kBool, like_bytes<true>},
      {"!~~", {kBytes, kBytes}, kBool, like_bytes<false>},
      {"like", {kText, kText}, kBool, like_text<true>},
      {"notlike", {kText, kText}, kBool, like_text<false>},
      {"like_escape", {kText, kText}, kText, like_escape},
      {"substring", {kText, kText}, kText, substring_matching},
      {"regexp_replace", {kText, kText, kText}, kText, regexp_replace},
      {"regexp_replace", {kText, kText, kText, kText}, kText, regexp_replace},
      {"regexp_like", {kText, kText}, kBool, regexp_like},
      {"regexp_like", {kText, kText, kText}, kBool, regexp_like},
  };
  table.insert(table.end(), std::begin(others), std::end(others));
  return table;
}

}  // namespace

std::span<const FunctionDef> pattern() {
  static const std::vector<FunctionDef> table = make_table();
  return table;
}

}  // namespace gyre::storage::families
