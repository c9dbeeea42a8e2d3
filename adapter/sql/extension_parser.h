// Statements that PostgreSQL's grammar lacks:
//
//   CREATE DEFAULT INDEX [IN CLUSTER c] ON [schema.]t
//   CREATE [UNIQUE] INDEX [CONCURRENTLY] [[IF NOT EXISTS] name] IN CLUSTER c ON …
//   EXPLAIN TIMESTAMP [AS TEXT | AS JSON] FOR …
//   BEGIN, START TRANSACTION, SET … ISOLATION LEVEL STRICT SERIALIZABLE
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/sql/parser.h"

namespace gyre::adapter {

struct ExtendedText {
  // The text with everything that PostgreSQL would not understand blanked out; offsets stay as they were.
  std::string rest;
  // CREATE DEFAULT INDEX statements, in order.
  std::vector<ast::StatementPtr> statements;
  struct Cluster {
    std::size_t begin, end;  // the CREATE INDEX statement that it belongs to
    std::string name;
  };
  std::vector<Cluster> clusters;
  struct Timestamp {
    std::size_t begin, end;  // the EXPLAIN statement that asks for it, of which EXPLAIN is left
    bool json;
  };
  std::vector<Timestamp> timestamps;
  struct Strict {
    std::size_t begin, end;  // the statement whose SERIALIZABLE was STRICT
  };
  std::vector<Strict> stricts;
};

// Cheap: false for nearly every text without such statements, true for all with one.
bool may_be_extended(std::string_view text);

// Takes the extensions out of a text.
Result<ExtendedText, SyntaxError> extract_extensions(std::string_view text);

}  // namespace gyre::adapter
