// PostgreSQL's own scanner and grammar parse the text (libpg_query's raw parse tree: 0.3-0.7 us for a short
// statement, a fourth of what its JSON or protobuf output costs); then a walker copies the tree into ours.
// Both happen within one memory context of the calling thread, which is dropped at the end.
//
// Depth: the grammar's stack is on the heap and limited to 10,000 entries ("memory exhausted", as in
// PostgreSQL), but left-recursive rules (a + b + c …) build trees of any depth. The walker stops at
// pg::kMaxDepth levels and reports 54001, where PostgreSQL would run into max_stack_depth.

#include "adapter/sql/pg_tree.h"

#include <cstdlib>

#include "adapter/sql/pg_nodes.h"

namespace gyre::adapter {
namespace {

struct StateOfMessage {
  std::string_view start;
  const char* sql_state;
};

// libpg_query drops the SQLSTATE, so the errors that are not plain syntax errors are told by their texts.
constexpr StateOfMessage kStates[] = {
    {"invalid Unicode escape", "22025"},
    {"unsafe use of \\'", "22P06"},
    {"unsafe use of string constant with Unicode escapes", "0A000"},
    {"invalid byte sequence for encoding", "22021"},
    {"precision for type float", "22023"},
    {"column number must be in range", "22023"},
    {"frame start cannot be", "42P20"},
    {"frame end cannot be", "42P20"},
    {"frame starting from", "42P20"},
    {"out of memory", "53200"},
    {"stack depth limit exceeded", "54001"},
};

constexpr std::string_view kStackHint =
    "Increase the configuration parameter \"max_stack_depth\" (currently 2048kB), after ensuring the "
    "platform's "
    "stack depth limit is adequate.";

const char* state_of(std::string_view message, std::string_view function) {
  // The same text with another meaning: U&'' is processed after scanning.
  if (function == "str_udeescape") return "42601";
  // These two are worded so by the scanner's yyerror.
  if (message.starts_with("invalid Unicode escape value") || message.starts_with("invalid Unicode surrogate"))
    return "42601";
  for (const StateOfMessage& known : kStates)
    if (message.starts_with(known.start)) return known.sql_state;
  if (message.find("not yet implemented") != std::string_view::npos ||
      message.find("not supported") != std::string_view::npos ||
      message.find("cannot be marked") != std::string_view::npos)
    return "0A000";
  return "42601";
}

const char* hint_of(std::string_view message, std::string_view function) {
  if (message == "invalid Unicode escape")
    return function == "str_udeescape" ? "Unicode escapes must be \\XXXX or \\+XXXXXX."
                                       : "Unicode escapes must be \\uXXXX or \\UXXXXXXXX.";
  if (message.starts_with("subquery in FROM must have an alias"))
    return "For example, FROM (SELECT ...) [AS] foo.";
  if (message.starts_with("VALUES in FROM must have an alias"))
    return "For example, FROM (VALUES ...) [AS] foo.";
  return "";
}

SyntaxError too_deep() {
  return {"54001", "stack depth limit exceeded", 0, std::string(kStackHint)};
}

SyntaxError error_of(const PgQueryError& e) {
  const std::string_view message = e.message == nullptr ? "syntax error" : e.message;
  const std::string_view function = e.funcname == nullptr ? "" : e.funcname;
  return {state_of(message, function), std::string(message), e.cursorpos, hint_of(message, function)};
}

SyntaxError error_of(const pg::Invalid& invalid, std::string_view text) {
  int position = 0;
  if (invalid.location >= 0) {
    position = 1;
    for (std::size_t i = 0; i < static_cast<std::size_t>(invalid.location) && i < text.size(); ++i)
      if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) ++position;
  }
  return {invalid.sql_state, invalid.message, position, {}};
}

// The library's parse and the memory that its tree lives in.
class RawParse {
 public:
  explicit RawParse(const char* text)
      : context_(pg_query_enter_memory_context()), result_(pg_query_raw_parse(text)) {}
  ~RawParse() {
    if (result_.error != nullptr) pg_query_free_error(result_.error);
    std::free(result_.stderr_buffer);
    pg_query_exit_memory_context(context_);
  }
  RawParse(const RawParse&) = delete;
  RawParse& operator=(const RawParse&) = delete;

  const List* tree() const { return result_.tree; }
  const PgQueryError* error() const { return result_.error; }

 private:
  MemoryContext context_;
  PgQueryInternalParsetreeAndError result_;
};

bool blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

// Bytes of a raw statement without the blanks around it.
std::pair<std::size_t, std::size_t> extent(const RawStmt& raw, std::string_view text) {
  auto begin = static_cast<std::size_t>(std::max(raw.stmt_location, 0));
  std::size_t end = raw.stmt_len == 0 ? text.size() : begin + static_cast<std::size_t>(raw.stmt_len);
  while (begin < end && blank(text[begin])) ++begin;
  while (end > begin && blank(text[end - 1])) --end;
  return {begin, end};
}

ast::StatementPtr translate(const RawStmt& raw, std::string_view text) {
  const auto [begin, end] = extent(raw, text);
  const pg::LiteralTable literals(text.substr(begin, end - begin), begin);
  ast::StatementPtr out;
  try {
    out = std::make_unique<ast::Statement>(pg::Walker(text, literals).statement(raw.stmt));
  } catch (const pg::Unsupported& refused) {
    out = std::make_unique<ast::Statement>(ast::UnsupportedStatement{refused.what});
  }
  out->begin = begin;
  out->end = end;
  out->literal_count = literals.count();
  return out;
}

}  // namespace

Result<std::vector<ast::StatementPtr>, SyntaxError> parse_postgres(std::string_view text) {
  const std::string terminated(text);
  const RawParse parse(terminated.c_str());
  if (parse.error() != nullptr) return Unexpected{error_of(*parse.error())};
  std::vector<ast::StatementPtr> out;
  try {
    for (int i = 0; i < pg::size(parse.tree()); ++i)
      out.push_back(translate(pg::as<RawStmt>(pg::at(parse.tree(), i)), terminated));
  } catch (const pg::TooDeep&) {
    return Unexpected{too_deep()};
  } catch (const pg::Invalid& invalid) {
    return Unexpected{error_of(invalid, terminated)};
  }
  return out;
}

}  // namespace gyre::adapter
