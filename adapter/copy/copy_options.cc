#include "adapter/copy/copy_options.h"

#include <algorithm>
#include <optional>

#include "adapter/sql_error.h"

namespace gyre::adapter::copy {
namespace {

std::string folded(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return lower;
}

std::optional<bool> as_boolean(const ast::CopyOption& option) {
  if (option.kind == ast::CopyOption::Kind::none) return true;
  if (option.kind == ast::CopyOption::Kind::number) {
    if (option.text == "0") return false;
    if (option.text == "1") return true;
    return std::nullopt;
  }
  const std::string word = folded(option.text);
  if (word == "true" || word == "on") return true;
  if (word == "false" || word == "off") return false;
  return std::nullopt;
}

// Takes the options one after the other; what was given stays apart from the defaults until all are known.
class Checker {
 public:
  explicit Checker(Direction direction) : direction_(direction) {}

  void take(const ast::CopyOption& option) {
    if (option.name == "format") {
      once(format_given_, option);
      options_.format = format_of(option);
    } else if (option.name == "freeze") {
      once(freeze_given_, option);
      if (!as_boolean(option)) throw SqlError("42601", "freeze requires a Boolean value");
    } else if (option.name == "delimiter") {
      text(delimiter_, option);
    } else if (option.name == "null") {
      text(null_, option);
    } else if (option.name == "header") {
      once(header_given_, option);
      options_.header = header_of(option);
    } else if (option.name == "quote") {
      text(quote_, option);
    } else if (option.name == "escape") {
      text(escape_, option);
    } else if (option.name == "force_quote") {
      columns(options_.force_quote, option, true);
    } else if (option.name == "force_not_null") {
      columns(options_.force_not_null, option, false);
    } else if (option.name == "force_null") {
      columns(options_.force_null, option, false);
    } else if (option.name == "encoding") {
      once(encoding_given_, option);
      check_encoding(option);
    } else {
      throw SqlError("42601", "option \"" + option.name + "\" not recognized", option.location);
    }
  }

  Options finish() {
    const bool binary = options_.format == FileFormat::binary;
    if (binary && delimiter_) throw SqlError("42601", "cannot specify DELIMITER in BINARY mode");
    if (binary && null_) throw SqlError("42601", "cannot specify NULL in BINARY mode");
    check_delimiter_and_null();
    if (binary && options_.header != Header::none)
      throw SqlError("0A000", "cannot specify HEADER in BINARY mode");
    check_quotes();
    check_forced();
    if (options_.null_text.find(options_.delimiter) != std::string::npos && !binary)
      throw SqlError("0A000", "COPY delimiter must not appear in the NULL specification");
    if (csv() && options_.null_text.find(options_.quote) != std::string::npos)
      throw SqlError("0A000", "CSV quote character must not appear in the NULL specification");
    return std::move(options_);
  }

 private:
  bool csv() const { return options_.format == FileFormat::csv; }

  static void once(bool& given, const ast::CopyOption& option) {
    if (given) throw SqlError("42601", "conflicting or redundant options", option.location);
    given = true;
  }
  static void text(std::optional<std::string>& value, const ast::CopyOption& option) {
    if (value) throw SqlError("42601", "conflicting or redundant options", option.location);
    if (option.kind == ast::CopyOption::Kind::none)
      throw SqlError("42601", option.name + " requires a parameter");
    value = option.text;
  }
  static void columns(ColumnChoice& choice, const ast::CopyOption& option, bool star_allowed) {
    if (!choice.empty()) throw SqlError("42601", "conflicting or redundant options", option.location);
    if (option.kind == ast::CopyOption::Kind::star && star_allowed) {
      choice.all = true;
    } else if (option.kind == ast::CopyOption::Kind::list) {
      choice.names = option.list;
    } else {
      throw SqlError("22023", "argument to option \"" + option.name + "\" must be a list of column names",
                     option.location);
    }
  }

  static FileFormat format_of(const ast::CopyOption& option) {
    if (option.text == "text") return FileFormat::text;
    if (option.text == "csv") return FileFormat::csv;
    if (option.text == "binary") return FileFormat::binary;
    throw SqlError("22023", "COPY format \"" + option.text + "\" not recognized", option.location);
  }
  static Header header_of(const ast::CopyOption& option) {
    if (const auto truth = as_boolean(option)) return *truth ? Header::present : Header::none;
    if (folded(option.text) == "match") return Header::match;
    throw SqlError("42601", "header requires a Boolean value or \"match\"");
  }
  static void check_encoding(const ast::CopyOption& option) {
    const std::string name = folded(option.text);
    if (name == "utf8" || name == "utf-8" || name == "unicode" || name == "sql_ascii") return;
    throw SqlError("0A000", "encoding \"" + option.text + "\" is not supported: only UTF8 is",
                   option.location);
  }

  void check_delimiter_and_null() {
    const std::string delimiter = delimiter_.value_or(csv() ? "," : "\t");
    if (delimiter.size() != 1) throw SqlError("0A000", "COPY delimiter must be a single one-byte character");
    options_.delimiter = delimiter[0];
    if (delimiter == "\n" || delimiter == "\r")
      throw SqlError("22023", "COPY delimiter cannot be newline or carriage return");
    options_.null_text = null_.value_or(csv() ? "" : "\\N");
    if (options_.null_text.find_first_of("\r\n") != std::string::npos)
      throw SqlError("22023", "COPY null representation cannot use newline or carriage return");
    constexpr std::string_view kMeaningful = "\\.abcdefghijklmnopqrstuvwxyz0123456789";
    if (!csv() && kMeaningful.find(delimiter[0]) != std::string_view::npos)
      throw SqlError("22023", "COPY delimiter cannot be \"" + delimiter + "\"");
  }

  void check_quotes() {
    if (!csv() && quote_) throw SqlError("0A000", "COPY quote available only in CSV mode");
    if (csv() && quote_ && quote_->size() != 1)
      throw SqlError("0A000", "COPY quote must be a single one-byte character");
    if (quote_) options_.quote = (*quote_)[0];
    if (csv() && options_.delimiter == options_.quote)
      throw SqlError("22023", "COPY delimiter and quote must be different");
    if (!csv() && escape_) throw SqlError("0A000", "COPY escape available only in CSV mode");
    if (csv() && escape_ && escape_->size() != 1)
      throw SqlError("0A000", "COPY escape must be a single one-byte character");
    options_.escape = escape_ ? (*escape_)[0] : options_.quote;
  }

  void check_forced() {
    const bool from = direction_ == Direction::from;
    if (!options_.force_quote.empty()) {
      if (!csv()) throw SqlError("0A000", "COPY force quote available only in CSV mode");
      if (from) throw SqlError("0A000", "COPY force quote only available using COPY TO");
    }
    if (!options_.force_not_null.empty()) {
      if (!csv()) throw SqlError("0A000", "COPY force not null available only in CSV mode");
      if (!from) throw SqlError("0A000", "COPY force not null only available using COPY FROM");
    }
    if (!options_.force_null.empty()) {
      if (!csv()) throw SqlError("0A000", "COPY force null available only in CSV mode");
      if (!from) throw SqlError("0A000", "COPY force null only available using COPY FROM");
    }
  }

  Direction direction_;
  Options options_;
  std::optional<std::string> delimiter_, null_, quote_, escape_;
  bool format_given_ = false, freeze_given_ = false, header_given_ = false, encoding_given_ = false;
};

}  // namespace

Options check_options(const std::vector<ast::CopyOption>& given, Direction direction) {
  Checker checker(direction);
  for (const ast::CopyOption& option : given) checker.take(option);
  return checker.finish();
}

}  // namespace gyre::adapter::copy
