#include "adapter/sql/parser.h"

#include "adapter/sql/pg_tree.h"

namespace gyre::adapter {

Result<std::vector<ast::StatementPtr>, SyntaxError> parse_sql(std::string_view text) {
  if (text.find('\0') != std::string_view::npos)
    return Unexpected{SyntaxError{"22021", "invalid byte sequence for encoding \"UTF8\": 0x00", 0, ""}};
  return parse_postgres(text);
}

}  // namespace gyre::adapter
