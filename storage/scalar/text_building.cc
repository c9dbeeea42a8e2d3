// Functions that make new strings. concat, concat_ws and format take arguments of any type in their printed
// form: their calls are built with a text_of around each argument.
#include <algorithm>
#include <string>
#include <vector>

#include "storage/scalar/casts.h"
#include "storage/scalar/families.h"
#include "storage/scalar/helpers.h"
#include "storage/scalar/nodes.h"
#include "storage/scalar/utf8_walk.h"
#include "storage/types/array_text.h"

namespace gyre::storage::families {

namespace {

using Arguments = const Datum*;
constexpr TypeId kText = TypeId::text;
constexpr TypeId kInt = TypeId::int4;

Datum concatenate(EvalContext& context, Arguments a, unsigned) {
  const std::size_t size = std::size_t{a[0].size} + a[1].size;
  check_room(context, size);
  char* out = context.arena->allocate(size + 1, 1);
  if (a[0].size != 0) std::memcpy(out, a[0].data, a[0].size);
  if (a[1].size != 0) std::memcpy(out + a[0].size, a[1].data, a[1].size);
  return Datum::of_bytes({out, size});
}
// text || x and x || text: x as its cast to text.
ExpressionPtr build_concatenation(const FunctionDef& self, std::vector<ExpressionPtr> arguments) {
  for (ExpressionPtr& argument : arguments)
    argument = make_cast(std::move(argument), kText, CastContext::explicit_);
  return make_plain_call(&self, std::move(arguments));
}
ExpressionPtr build_of_printed(const FunctionDef& self, std::vector<ExpressionPtr> arguments) {
  for (ExpressionPtr& argument : arguments)
    if (argument->type().id != kText) argument = make_text_of(std::move(argument));
  return make_plain_call(&self, std::move(arguments));
}

void append(const EvalContext& context, std::string_view more, std::string& out) {
  check_room(context, out.size() + more.size());
  out += more;
}

Datum concat(EvalContext& context, Arguments a, unsigned count) {
  std::string out;
  for (unsigned i = 0; i < count; ++i)
    if (!a[i].null) append(context, a[i].bytes(), out);
  return copied(context, out);
}
Datum concat_ws(EvalContext& context, Arguments a, unsigned count) {
  if (a[0].null) return {};
  std::string out;
  bool first = true;
  for (unsigned i = 1; i < count; ++i) {
    if (a[i].null) continue;
    if (!first) append(context, a[0].bytes(), out);
    append(context, a[i].bytes(), out);
    first = false;
  }
  return copied(context, out);
}

Datum replace(EvalContext& context, Arguments a, unsigned) {
  const std::string_view text = a[0].bytes(), from = a[1].bytes(), to = a[2].bytes();
  if (from.empty()) return a[0];
  std::size_t at = text.find(from);
  if (at == std::string_view::npos) return a[0];
  std::string out;
  std::size_t copied_to = 0;
  for (; at != std::string_view::npos; at = text.find(from, copied_to)) {
    append(context, text.substr(copied_to, at - copied_to), out);
    append(context, to, out);
    copied_to = at + from.size();
  }
  append(context, text.substr(copied_to), out);
  return copied(context, out);
}

std::size_t longest_character(std::string_view text) {
  std::size_t longest = 1;
  while (!text.empty()) longest = std::max(longest, take_character(text).size());
  return longest;
}
// The padding repeated to `characters` characters.
std::string padding(std::string_view fill, std::size_t characters) {
  std::string out;
  std::string_view rest;
  for (std::size_t i = 0; i < characters; ++i) {
    if (rest.empty()) rest = fill;
    out += take_character(rest);
  }
  return out;
}
template <bool in_front>
Datum pad(EvalContext& context, Arguments a, unsigned count) {
  const std::string_view text = a[0].bytes();
  const std::string_view fill = count > 2 ? a[2].bytes() : " ";
  const auto width = static_cast<std::size_t>(std::max<std::int64_t>(a[1].integer, 0));
  check_room(context, width);
  const std::size_t length = count_characters(text);
  if (length >= width || fill.empty()) return Datum::of_bytes(text.substr(0, prefix_bytes(text, width)));
  check_room(context, (width - length) * longest_character(fill) + text.size());
  std::string out = padding(fill, width - length);
  out.insert(in_front ? out.size() : 0, text);
  return copied(context, out);
}

Datum repeat(EvalContext& context, Arguments a, unsigned) {
  const auto times = static_cast<std::size_t>(std::max<std::int64_t>(a[1].integer, 0));
  const std::size_t size = times * a[0].size;
  check_room(context, size);
  if (size == 0) return Datum::of_bytes("");
  char* out = context.arena->allocate(size, 1);
  for (std::size_t i = 0; i < times; ++i) std::memcpy(out + i * a[0].size, a[0].data, a[0].size);
  return Datum::of_bytes({out, size});
}
Datum reverse(EvalContext& context, Arguments a, unsigned) {
  std::string_view text = a[0].bytes();
  char* out = context.arena->allocate(text.size() + 1, 1);
  char* at = out + text.size();
  while (!text.empty()) {
    const std::string_view character = take_character(text);
    at -= character.size();
    std::memcpy(at, character.data(), character.size());
  }
  return Datum::of_bytes({out, a[0].size});
}

Datum chr(EvalContext& context, Arguments a, unsigned) {
  const std::int64_t code = a[0].integer;
  if (code == 0) throw Failure(Fault::program_limit_exceeded, "null character not permitted");
  if (code < 0) throw Failure(Fault::invalid_parameter_value, "character number must be positive");
  if (code > 0x10FFFF)
    throw Failure(Fault::program_limit_exceeded,
                  "requested character too large for encoding: " + std::to_string(code));
  if (code >= 0xD800 && code <= 0xDFFF)
    throw Failure(Fault::program_limit_exceeded,
                  "requested character not valid for encoding: " + std::to_string(code));
  char* out = context.arena->allocate(4, 1);
  return Datum::of_bytes({out, encode_character(static_cast<char32_t>(code), out)});
}

template <class Word>
Datum to_hex(EvalContext& context, Arguments a, unsigned) {
  auto bits = static_cast<Word>(a[0].integer);
  char digits[16];
  char* at = std::end(digits);
  do {
    *--at = "0123456789abcdef"[bits & 15];
    bits >>= 4;
  } while (bits != 0);
  return copied(context, {at, static_cast<std::size_t>(std::end(digits) - at)});
}

// Characters of a[1] become those of a[2] at the same place, or disappear where a[2] is shorter.
Datum translate(EvalContext& context, Arguments a, unsigned) {
  std::string_view text = a[0].bytes();
  std::string out;
  while (!text.empty()) {
    const std::string_view character = take_character(text);
    std::string_view from = a[1].bytes(), to = a[2].bytes();
    std::string_view replacement = character;
    while (!from.empty()) {
      const bool found = take_character(from) == character;
      const std::string_view other = to.empty() ? std::string_view() : take_character(to);
      if (!found) continue;
      replacement = other;
      break;
    }
    append(context, replacement, out);
  }
  return copied(context, out);
}

// overlay(text placing new from start [for count]).
Datum overlay(EvalContext& context, Arguments a, unsigned count) {
  const std::string_view text = a[0].bytes(), placed = a[1].bytes();
  const std::int64_t start = a[2].integer;
  if (start <= 0) throw Failure(Fault::substring_error, "negative substring length not allowed");
  const std::int64_t length = count > 3 ? a[3].integer : static_cast<std::int64_t>(count_characters(placed));
  const std::int64_t end = start + length;
  if (end > INT32_MAX) fail_out_of_range("integer");
  std::string out(text.substr(0, prefix_bytes(text, static_cast<std::size_t>(start - 1))));
  out += placed;
  out += skip_characters(text, static_cast<std::size_t>(std::max<std::int64_t>(end - 1, 0)));
  return copied(context, out);
}

// ---- quoting ----

// Reserved words and those that cannot be a column's name without quotes, sorted.
constexpr std::string_view kQuotedWords[] = {"all",
                                             "analyse",
                                             "analyze",
                                             "and",
                                             "any",
                                             "array",
                                             "as",
                                             "asc",
                                             "asymmetric",
                                             "authorization",
                                             "between",
                                             "bigint",
                                             "binary",
                                             "bit",
                                             "boolean",
                                             "both",
                                             "case",
                                             "cast",
                                             "char",
                                             "character",
                                             "check",
                                             "coalesce",
                                             "collate",
                                             "collation",
                                             "column",
                                             "concurrently",
                                             "constraint",
                                             "create",
                                             "cross",
                                             "current_catalog",
                                             "current_date",
                                             "current_role",
                                             "current_schema",
                                             "current_time",
                                             "current_timestamp",
                                             "current_user",
                                             "dec",
                                             "decimal",
                                             "default",
                                             "deferrable",
                                             "desc",
                                             "distinct",
                                             "do",
                                             "else",
                                             "end",
                                             "except",
                                             "exists",
                                             "extract",
                                             "false",
                                             "fetch",
                                             "float",
                                             "for",
                                             "foreign",
                                             "freeze",
                                             "from",
                                             "full",
                                             "grant",
                                             "greatest",
                                             "group",
                                             "grouping",
                                             "having",
                                             "ilike",
                                             "in",
                                             "initially",
                                             "inner",
                                             "inout",
                                             "int",
                                             "integer",
                                             "intersect",
                                             "interval",
                                             "into",
                                             "is",
                                             "isnull",
                                             "join",
                                             "lateral",
                                             "leading",
                                             "least",
                                             "left",
                                             "like",
                                             "limit",
                                             "localtime",
                                             "localtimestamp",
                                             "national",
                                             "natural",
                                             "nchar",
                                             "none",
                                             "normalize",
                                             "not",
                                             "notnull",
                                             "null",
                                             "nullif",
                                             "numeric",
                                             "offset",
                                             "on",
                                             "only",
                                             "or",
                                             "order",
                                             "out",
                                             "outer",
                                             "overlaps",
                                             "overlay",
                                             "placing",
                                             "position",
                                             "precision",
                                             "primary",
                                             "real",
                                             "references",
                                             "returning",
                                             "right",
                                             "row",
                                             "select",
                                             "session_user",
                                             "setof",
                                             "similar",
                                             "smallint",
                                             "some",
                                             "substring",
                                             "symmetric",
                                             "table",
                                             "tablesample",
                                             "then",
                                             "time",
                                             "timestamp",
                                             "to",
                                             "trailing",
                                             "treat",
                                             "trim",
                                             "true",
                                             "union",
                                             "unique",
                                             "user",
                                             "using",
                                             "values",
                                             "varchar",
                                             "variadic",
                                             "verbose",
                                             "when",
                                             "where",
                                             "window",
                                             "with",
                                             "xmlattributes",
                                             "xmlconcat",
                                             "xmlelement",
                                             "xmlexists",
                                             "xmlforest",
                                             "xmlnamespaces",
                                             "xmlparse",
                                             "xmlpi",
                                             "xmlroot",
                                             "xmlserialize",
                                             "xmltable"};
static_assert(std::is_sorted(std::begin(kQuotedWords), std::end(kQuotedWords)));

std::string doubled(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out += c;
    out += c;
  }
  return out + quote;
}
std::string quoted_identifier(std::string_view name) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || c == '_' || (c >= '0' && c <= '9'); };
  const bool safe = !name.empty() && plain(name[0]) && !(name[0] >= '0' && name[0] <= '9') &&
                    std::all_of(name.begin(), name.end(), plain) &&
                    !std::binary_search(std::begin(kQuotedWords), std::end(kQuotedWords), name);
  return safe ? std::string(name) : doubled(name, '"');
}
std::string quoted_literal(std::string_view text) {
  std::string out = doubled(text, '\'');
  if (text.find('\\') == std::string_view::npos) return out;
  for (std::size_t at = out.find('\\'); at != std::string::npos; at = out.find('\\', at + 2))
    out.insert(at, 1, '\\');
  return "E" + out;
}
Datum quote_ident(EvalContext& context, Arguments a, unsigned) {
  return copied(context, quoted_identifier(a[0].bytes()));
}
Datum quote_literal(EvalContext& context, Arguments a, unsigned) {
  check_room(context, std::size_t{2} * a[0].size);
  return copied(context, quoted_literal(a[0].bytes()));
}
Datum quote_nullable(EvalContext& context, Arguments a, unsigned) {
  return a[0].null ? Datum::of_bytes("NULL") : copied(context, quoted_literal(a[0].bytes()));
}

// ---- format ----

// format(template, …): %% and %[n$][-][width]{s,I,L}, where the width may be * or *n$.
class Formatter {
 public:
  Formatter(const EvalContext& context, Arguments arguments, unsigned count)
      : context_(context), arguments_(arguments), count_(count) {
    rest_ = arguments[0].bytes();
  }
  std::string run() {
    while (!rest_.empty()) {
      const std::size_t at = std::min(rest_.find('%'), rest_.size());
      out_ += rest_.substr(0, at);
      rest_.remove_prefix(at);
      if (rest_.empty()) break;
      rest_.remove_prefix(1);
      if (peek() == '%') {
        out_ += '%';
        rest_.remove_prefix(1);
      } else {
        directive();
      }
    }
    return std::move(out_);
  }

 private:
  [[noreturn]] static void fail(const char* message) {
    throw Failure(Fault::invalid_parameter_value, message);
  }

  char peek() {
    if (rest_.empty())
      throw Failure(Fault::invalid_parameter_value, "unterminated format() type specifier", {},
                    "For a single \"%\" use \"%%\".");
    return rest_.front();
  }
  bool digits(std::int64_t& value) {
    value = 0;
    bool any = false;
    for (; peek() >= '0' && peek() <= '9'; rest_.remove_prefix(1), any = true) {
      value = value * 10 + (peek() - '0');
      if (value > INT32_MAX) throw Failure(Fault::numeric_value_out_of_range, "number is out of range");
    }
    return any;
  }
  // n$, if it stands here.
  bool position(std::int64_t& value) {
    const std::string_view before = rest_;
    if (digits(value) && peek() == '$') {
      rest_.remove_prefix(1);
      if (value == 0) fail("format specifies argument 0, but arguments are numbered from 1");
      return true;
    }
    rest_ = before;
    return false;
  }
  const Datum& argument(std::int64_t position) {
    if (position >= count_) fail("too few arguments for format()");
    next_ = position + 1;
    return arguments_[position];
  }
  void directive() {
    std::int64_t index = 0, width = 0;
    const bool positioned = position(index);
    bool left = false;
    for (; peek() == '-'; rest_.remove_prefix(1)) left = true;
    if (peek() == '*')
      width = width_argument();
    else
      digits(width);
    if (width < 0) {
      left = true;
      width = -width;
    }
    const char kind = peek();
    if (kind != 's' && kind != 'I' && kind != 'L')
      throw Failure(Fault::invalid_parameter_value,
                    "unrecognized format() type specifier \"" + std::string(1, kind) + "\"", {},
                    "For a single \"%\" use \"%%\".");
    rest_.remove_prefix(1);
    append(converted(kind, argument(positioned ? index : next_)), static_cast<std::size_t>(width), left);
  }
  std::int64_t width_argument() {
    rest_.remove_prefix(1);
    std::int64_t index = 0;
    const Datum& value = argument(position(index) ? index : next_);
    if (value.null) return 0;
    Arena arena;
    return traits(kInt).parse(value.bytes(), kPlainStyle, arena).integer;
  }
  static std::string converted(char kind, const Datum& value) {
    if (kind == 'L') return value.null ? "NULL" : quoted_literal(value.bytes());
    if (kind == 'I') {
      if (value.null)
        throw Failure(Fault::null_value_not_allowed, "null values cannot be formatted as an SQL identifier");
      return quoted_identifier(value.bytes());
    }
    return value.null ? std::string() : std::string(value.bytes());
  }
  void append(const std::string& text, std::size_t width, bool left) {
    const std::size_t length = count_characters(text);
    check_room(context_, out_.size() + text.size() + width);
    const std::string blanks(length < width ? width - length : 0, ' ');
    out_ += left ? text + blanks : blanks + text;
  }

  const EvalContext& context_;
  Arguments arguments_;
  unsigned count_;
  std::int64_t next_ = 1;  // the argument that the next directive without a position takes
  std::string_view rest_;
  std::string out_;
};
Datum format(EvalContext& context, Arguments a, unsigned count) {
  if (a[0].null) return {};
  return copied(context, Formatter(context, a, count).run());
}

// ---- arrays of text ----

Datum string_to_array(EvalContext& context, Arguments a, unsigned count) {
  if (a[0].null) return {};
  std::string_view text = a[0].bytes();
  TextArray elements;
  const auto add = [&](std::string_view element) {
    context.arena->check_room((elements.size() + 1) * sizeof(TextArray::value_type));
    if (count > 2 && !a[2].null && element == a[2].bytes())
      elements.emplace_back(std::nullopt);
    else
      elements.emplace_back(std::string(element));
  };
  if (text.empty()) return Datum::of_bytes("{}");
  if (a[1].null) {
    while (!text.empty()) add(take_character(text));
  } else if (a[1].size == 0) {
    add(text);
  } else {
    for (std::size_t at = text.find(a[1].bytes()); at != std::string_view::npos;
         at = text.find(a[1].bytes())) {
      add(text.substr(0, at));
      text.remove_prefix(at + a[1].size);
    }
    add(text);
  }
  return copied(context, print_text_array(elements));
}
FunctionDef built(FunctionDef def, ExpressionPtr (*build)(const FunctionDef&, std::vector<ExpressionPtr>)) {
  def.build = build;
  return def;
}
FunctionDef variadic(FunctionDef def) {
  def.variadic = true;
  def.strict = false;
  def.volatility = Volatility::immutable;  // the text_of around an argument knows better
  return def;
}

std::vector<FunctionDef> make_table() {
  constexpr TypeId kArray = TypeId::text_array;
  return {
      {"||", {kText, kText}, kText, concatenate},
      {"||", {TypeId::bytea, TypeId::bytea}, TypeId::bytea, concatenate},
      built({"||", {kText, kAnyType}, kText, concatenate}, build_concatenation),
      built({"||", {kAnyType, kText}, kText, concatenate}, build_concatenation),
      built(variadic({"concat", {kAnyType}, kText, concat}), build_of_printed),
      built(variadic({"concat_ws", {kText, kAnyType}, kText, concat_ws}), build_of_printed),
      built(variadic({"format", {kText, kAnyType}, kText, format}), build_of_printed),
      {"format", {kText}, kText, format, false},
      {"replace", {kText, kText, kText}, kText, replace},
      {"lpad", {kText, kInt}, kText, pad<true>},
      {"lpad", {kText, kInt, kText}, kText, pad<true>},
      {"rpad", {kText, kInt}, kText, pad<false>},
      {"rpad", {kText, kInt, kText}, kText, pad<false>},
      {"repeat", {kText, kInt}, kText, repeat},
      {"reverse", {kText}, kText, reverse},
      {"chr", {kInt}, kText, chr},
      {"to_hex", {kInt}, kText, to_hex<std::uint32_t>},
      {"to_hex", {TypeId::int8}, kText, to_hex<std::uint64_t>},
      {"translate", {kText, kText, kText}, kText, translate},
      {"overlay", {kText, kText, kInt}, kText, overlay},
      {"overlay", {kText, kText, kInt, kInt}, kText, overlay},
      {"quote_ident", {kText}, kText, quote_ident},
      {"quote_literal", {kText}, kText, quote_literal},
      built({"quote_literal", {kAnyType}, kText, quote_literal}, build_concatenation),
      {"quote_nullable", {kText}, kText, quote_nullable, false},
      built({"quote_nullable", {kAnyType}, kText, quote_nullable, false}, build_concatenation),
      {"string_to_array", {kText, kText}, kArray, string_to_array, false},
      {"string_to_array", {kText, kText, kText}, kArray, string_to_array, false},
  };
}

}  // namespace

std::span<const FunctionDef> text_building() {
  static const std::vector<FunctionDef> table = make_table();
  return table;
}

}  // namespace gyre::storage::families
