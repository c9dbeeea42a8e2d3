// A statement without its constants, as pg_stat_statements shows it and counts by it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gyre::adapter {

struct NormalizedStatement {
  std::string text;            // constants are $1, $2, …
  std::uint64_t query_id = 0;  // equal for statements that differ in constants, blanks and letters' case only
};

// Costs a parse. A text that PostgreSQL's grammar does not know is shown with its literals as scan_literals()
// finds them, or not at all.
NormalizedStatement normalize(std::string_view text);

}  // namespace gyre::adapter
