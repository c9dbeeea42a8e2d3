// What names mean at a place in a statement: the relations of FROM and their columns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/catalog/catalog.h"
#include "storage/type.h"

namespace gyre::adapter {

// A column that a name can mean. `index` is its place in the row of FROM.
struct ScopeColumn {
  std::string name;
  storage::Type type;
  int index = 0;
  std::uint32_t table_oid = 0;
  std::int16_t column_number = 0;
};

// A relation of FROM, by the name that qualifies its columns.
struct ScopeRelation {
  enum class Kind : std::uint8_t { table, subquery, with_query, function, join };
  std::string name;
  std::string schema;                       // empty where s.t.a cannot mean it (aliases, subqueries)
  std::shared_ptr<const TableEntry> table;  // null: not a table
  std::vector<ScopeColumn> columns;
  Kind kind = Kind::table;
  bool nullable = false;  // an outer join makes up rows for it
};

// Columns in the order of `*`; JOIN USING leaves one of the two that it equates.
struct Scope {
  std::vector<ScopeRelation> relations;
  std::vector<ScopeColumn> columns;
  std::vector<ScopeRelation> covered;  // behind the alias of a join: nothing reads them by name
};

// Moves a scope's columns by `offset` places in the row.
void shift(Scope& scope, int offset);

}  // namespace gyre::adapter
