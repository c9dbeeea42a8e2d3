// COPY's options: what was written, checked as PostgreSQL checks it, in its order and words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "adapter/sql/ast.h"

namespace gyre::adapter::copy {

enum class Direction : std::uint8_t { from, to };
enum class FileFormat : std::uint8_t { text, csv, binary };
enum class Header : std::uint8_t { none, present, match };  // match: the names must be the columns'

// A list of columns, or all of them.
struct ColumnChoice {
  bool all = false;
  std::vector<std::string> names;
  bool empty() const { return !all && names.empty(); }
};

struct Options {
  FileFormat format = FileFormat::text;
  char delimiter = '\t';
  std::string null_text = "\\N";
  Header header = Header::none;
  char quote = '"';
  char escape = '"';
  ColumnChoice force_quote;  // TO: quoted even where nothing asks for it
  ColumnChoice force_not_null, force_null;
};

// Throws SqlError.
Options check_options(const std::vector<ast::CopyOption>& given, Direction direction);

}  // namespace gyre::adapter::copy
