// Bound expressions as SQL, in the spelling of pg_get_expr(): defaults and CHECK conditions as catalogs, psql
// and dumps show them. What comes out can be parsed and bound again to the same expression.
#pragma once

#include <span>
#include <string>

#include "storage/scalar/expression.h"
#include "storage/table.h"

namespace gyre::adapter {

// `plain` puts parentheses around everything that could need them; `pretty` is for people.
enum class Spelling : std::uint8_t { plain, pretty };

// `columns`: what column i of the expression is. `names`: how relations are called (regclass constants);
// null: by oid.
std::string deparse(const storage::Expression& expression, std::span<const storage::ColumnDef> columns,
                    const storage::RelationNames* names, Spelling spelling = Spelling::plain);

// An identifier as SQL would need it: quoted where it must be.
std::string quote_identifier(std::string_view name);
// 'it''s'
std::string quote_literal(std::string_view text);

}  // namespace gyre::adapter
