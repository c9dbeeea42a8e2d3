// The seam to libpg_query: a text in, our syntax trees out. Behind it, pg_*.cc are the only files that know
// PostgreSQL's nodes.
#pragma once

#include "adapter/sql/parser.h"

namespace gyre::adapter {

// As parse_sql(), of PostgreSQL's grammar alone. Without NUL bytes.
Result<std::vector<ast::StatementPtr>, SyntaxError> parse_postgres(std::string_view text);

}  // namespace gyre::adapter
