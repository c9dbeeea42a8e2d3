// Statements without their constants.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gyre::adapter {

struct NormalizedStatement {
  std::string text;            // as pg_stat_statements shows it: constants that are expressions are $1, $2, …
  std::string redacted;        // without_literals()
  std::uint64_t query_id = 0;  // equal for statements that differ in constants, blanks and letters' case only
};

// Costs a parse. A text that PostgreSQL's grammar does not know has no literal at all.
NormalizedStatement normalize(std::string_view text);

// Every number and string is $1, $2, …, whatever it is for: where a constant may not be told, nothing may hang on what a
// statement's grammar makes of it. Comments and quoted names stay. A text that cannot be cut into tokens is not shown; of
// a long one, the first 64 kB are.
std::string without_literals(std::string_view text);

}  // namespace gyre::adapter
