// SQL text to syntax trees. PostgreSQL's own grammar does the work (libpg_query's raw parse tree); statements
// which that grammar lacks are tried first by a small parser of ours.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/sql/ast.h"
#include "reactor/base/result.h"

namespace gyre::adapter {

struct SyntaxError {
  const char* sql_state;  // "42601"; "54001" where the text nests too deeply; "0A000", …
  std::string message;    // as PostgreSQL words it: syntax error at or near "selec"
  int position = 0;       // 1-based, in characters; 0 where unknown
  std::string hint;
};

// All statements of a text, in order; empty for a text without any. Thread-safe; the caller's thread parses.
Result<std::vector<ast::StatementPtr>, SyntaxError> parse_sql(std::string_view text);

}  // namespace gyre::adapter
