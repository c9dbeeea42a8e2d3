// A few statements of ours by hand. They may stand anywhere in a text of several statements, so the text is
// cut into words first, roughly as PostgreSQL would (quotes, comments, dollar quotes), and only the words
// right after CREATE, or after ISOLATION LEVEL, are looked at. What is recognised gets blanked out, and
// PostgreSQL's grammar parses what remains: a CREATE INDEX without its cluster clause is an ordinary one.

#include "adapter/sql/extension_parser.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace gyre::adapter {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool same_word(std::string_view text, std::string_view lower_case) {
  return std::ranges::equal(text, lower_case, [](char a, char b) { return lower(a) == b; });
}

bool letter(char c) {
  return (lower(c) >= 'a' && lower(c) <= 'z') || c == '_' || static_cast<signed char>(c) < 0;
}
bool digit(char c) {
  return c >= '0' && c <= '9';
}

struct Token {
  enum class Kind : std::uint8_t { word, quoted, other, semicolon, end };
  Kind kind;
  std::size_t begin, end;
};

// Cuts a text into tokens. Unterminated quotes and comments reach to its end; PostgreSQL will complain about
// them.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Token next() {
    skip_blanks();
    if (at_ >= text_.size()) return {Token::Kind::end, text_.size(), text_.size()};
    const std::size_t begin = at_;
    const Token::Kind kind = advance();
    return {kind, begin, at_};
  }

 private:
  Token::Kind advance() {
    const char c = text_[at_];
    if (letter(c)) return word();
    if (c == '"') return skip_quoted('"', false), Token::Kind::quoted;
    if (c == '\'') return skip_quoted('\'', false), Token::Kind::other;
    if (c == '$') return skip_dollar(), Token::Kind::other;
    ++at_;
    return c == ';' ? Token::Kind::semicolon : Token::Kind::other;
  }

  Token::Kind word() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && (letter(text_[at_]) || digit(text_[at_]) || text_[at_] == '$')) ++at_;
    const bool escapes = at_ - begin == 1 && lower(text_[begin]) == 'e';
    if (escapes && at_ < text_.size() && text_[at_] == '\'') {
      skip_quoted('\'', true);
      return Token::Kind::other;
    }
    return Token::Kind::word;
  }

  void skip_blanks() {
    for (;;) {
      at_ = std::min(text_.find_first_not_of(" \t\n\r\f", at_), text_.size());
      const std::string_view rest = text_.substr(at_);
      if (rest.starts_with("--"))
        at_ = std::min(text_.find_first_of("\n\r", at_), text_.size());
      else if (rest.starts_with("/*"))
        skip_comment();
      else
        return;
    }
  }

  void skip_comment() {
    int open = 0;
    while (at_ < text_.size()) {
      const std::string_view rest = text_.substr(at_);
      if (rest.starts_with("/*")) {
        ++open;
        at_ += 2;
      } else if (rest.starts_with("*/")) {
        at_ += 2;
        if (--open == 0) return;
      } else {
        ++at_;
      }
    }
  }

  void skip_quoted(char quote, bool escapes) {
    for (++at_; at_ < text_.size(); ++at_) {
      if (escapes && text_[at_] == '\\')
        ++at_;
      else if (text_[at_] == quote && !text_.substr(at_ + 1).starts_with(quote))
        break;
      else if (text_[at_] == quote)
        ++at_;
    }
    at_ = std::min(at_ + 1, text_.size());
  }

  // $1 or $tag$ … $tag$.
  void skip_dollar() {
    std::size_t tag_end = at_ + 1;
    while (tag_end < text_.size() && (letter(text_[tag_end]) || (digit(text_[tag_end]) && tag_end > at_ + 1)))
      ++tag_end;
    if (tag_end >= text_.size() || text_[tag_end] != '$') {
      ++at_;
      return;
    }
    const std::string_view tag = text_.substr(at_, tag_end + 1 - at_);
    const std::size_t close = text_.find(tag, tag_end + 1);
    at_ = close == std::string_view::npos ? text_.size() : close + tag.size();
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

class ExtensionParser {
 public:
  explicit ExtensionParser(std::string_view text) : text_(text) { out_.rest = text; }

  ExtendedText run() {
    Lexer lexer(text_);
    std::vector<Token> statement;
    for (;;) {
      const Token token = lexer.next();
      if (token.kind != Token::Kind::semicolon && token.kind != Token::Kind::end) {
        statement.push_back(token);
        continue;
      }
      if (!statement.empty()) examine(statement, token);
      statement.clear();
      if (token.kind == Token::Kind::end) return std::move(out_);
    }
  }

 private:
  // `after`: the semicolon or the end of the text.
  void examine(const std::vector<Token>& tokens, const Token& after) {
    tokens_ = &tokens;
    after_ = after;
    at_ = 0;
    if (take("explain")) return timestamp();
    if (take("begin") || take("start") || take("set")) return isolation_level();
    if (!take("create")) return;
    if (take("default")) {
      if (take("index")) default_index();
      return;
    }
    take("unique");
    if (take("index")) index();
  }

  void isolation_level() {
    for (; at_ < tokens_->size(); ++at_) {
      if (!take("isolation") || !take("level")) continue;
      const Token& word = peek();
      if (!take("strict") || !is_word(peek(), "serializable")) continue;
      blank(word.begin, word.end);
      out_.stricts.push_back({tokens_->front().begin, tokens_->back().end});
    }
  }

  // After EXPLAIN. What follows FOR is left to PostgreSQL, as the statement to be explained.
  void timestamp() {
    const std::size_t begin = peek().begin;
    if (!take("timestamp")) return;
    bool json = false;
    if (take("as")) {
      json = take("json");
      if (!json) expect("text");
    }
    const std::size_t end = peek().end;
    expect("for");
    blank(begin, end);
    out_.timestamps.push_back({tokens_->front().begin, tokens_->back().end, json});
  }

  void default_index() {
    ast::CreateIndexStatement out;
    out.is_default = true;
    if (take("in")) {
      expect("cluster");
      out.cluster = name();
    }
    expect("on");
    out.location = static_cast<ast::Location>(peek().begin);
    out.table.location = out.location;
    out.table.name = name();
    for (int dots = 0; dots < 2 && is_dot(peek()); ++dots) {
      ++at_;
      out.table.catalog = std::exchange(out.table.schema, std::move(out.table.name));
      out.table.name = name();
    }
    if (at_ != tokens_->size()) fail();
    const std::size_t begin = tokens_->front().begin;
    const std::size_t end = tokens_->back().end;
    auto statement = std::make_unique<ast::Statement>(std::move(out));
    statement->begin = begin;
    statement->end = end;
    statement->literal_count = 0;
    out_.statements.push_back(std::move(statement));
    blank(begin, end);
  }

  // After INDEX. Anything but our clause is left to PostgreSQL.
  void index() {
    take("concurrently");
    if (take("if")) {
      if (!take("not") || !take("exists")) return;
    }
    // IN is a reserved word, hence never the index's name.
    if (!is_word(peek(), "in")) ++at_;
    const std::size_t clause = peek().begin;
    if (!take("in") || !take("cluster")) return;
    std::string cluster = name();
    blank(clause, (*tokens_)[at_ - 1].end);
    out_.clusters.push_back({tokens_->front().begin, tokens_->back().end, std::move(cluster)});
  }

  const Token& peek() const { return at_ < tokens_->size() ? (*tokens_)[at_] : after_; }
  std::string_view spelled(const Token& t) const { return text_.substr(t.begin, t.end - t.begin); }
  bool is_word(const Token& t, std::string_view word) const {
    return t.kind == Token::Kind::word && same_word(spelled(t), word);
  }
  bool is_dot(const Token& t) const { return t.kind == Token::Kind::other && spelled(t) == "."; }
  bool take(std::string_view word) {
    if (!is_word(peek(), word)) return false;
    ++at_;
    return true;
  }
  void expect(std::string_view word) {
    if (!take(word)) fail();
  }

  // An identifier, folded or unquoted.
  std::string name() {
    const Token& token = peek();
    std::string out(spelled(token));
    if (token.kind == Token::Kind::word) {
      std::ranges::transform(out, out.begin(), lower);
    } else if (token.kind == Token::Kind::quoted && out.size() > 2 && out.back() == '"') {
      out = out.substr(1, out.size() - 2);
      for (std::size_t i = 0; (i = out.find("\"\"", i)) != std::string::npos; ++i) out.erase(i, 1);
    } else {
      fail();
    }
    ++at_;
    return out;
  }

  // A syntax error at the current token, worded and placed as PostgreSQL would.
  [[noreturn]] void fail() const {
    const Token& token = peek();
    std::string message = token.kind == Token::Kind::end
                              ? std::string("syntax error at end of input")
                              : "syntax error at or near \"" + std::string(spelled(token)) + "\"";
    const std::string_view before = text_.substr(0, token.begin);
    const auto characters = std::ranges::count_if(before, [](char c) { return (c & 0xC0) != 0x80; });
    throw SyntaxError{"42601", std::move(message), static_cast<int>(characters) + 1, ""};
  }

  void blank(std::size_t begin, std::size_t end) {
    std::fill(out_.rest.begin() + static_cast<std::ptrdiff_t>(begin),
              out_.rest.begin() + static_cast<std::ptrdiff_t>(end), ' ');
  }

  std::string_view text_;
  ExtendedText out_;
  const std::vector<Token>* tokens_ = nullptr;
  Token after_{};
  std::size_t at_ = 0;
};

bool contains_word(std::string_view text, std::string_view lower_case) {
  const auto found = std::search(text.begin(), text.end(), lower_case.begin(), lower_case.end(),
                                 [](char a, char b) { return lower(a) == b; });
  return found != text.end();
}

// Could this start one of our statements? Looks at the first word only.
bool starts_like_create(std::string_view text) {
  const std::size_t first = std::min(text.find_first_not_of(" \t\n\r\f;"), text.size());
  const std::string_view rest = text.substr(first);
  return rest.starts_with("--") || rest.starts_with("/*") || same_word(rest.substr(0, 6), "create");
}

}  // namespace

bool may_be_extended(std::string_view text) {
  if (contains_word(text, "strict") && contains_word(text, "isolation")) return true;
  if (contains_word(text, "explain") && contains_word(text, "timestamp")) return true;
  const std::size_t semicolon = text.find(';');
  const bool several = semicolon != std::string_view::npos && semicolon + 1 < text.size();
  if (!several && !starts_like_create(text)) return false;
  return contains_word(text, "index") && (contains_word(text, "default") || contains_word(text, "cluster"));
}

Result<ExtendedText, SyntaxError> extract_extensions(std::string_view text) {
  try {
    return ExtensionParser(text).run();
  } catch (SyntaxError& error) {
    return Unexpected{std::move(error)};
  }
}

}  // namespace gyre::adapter
