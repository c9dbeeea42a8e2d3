// Catalogs to look at, and system relations as tables of text.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/catalog/catalog.h"
#include "adapter/catalog/system_relation.h"

namespace gyre::test {

struct SampleColumn {
  std::string name;
  storage::Type type;
  bool not_null = false;
  std::string default_text;
};
struct SampleIndex {
  std::string name;
  std::vector<std::uint16_t> columns;
  bool unique = false;
  bool constraint = false;
};
struct SampleTable {
  std::string schema = "public";
  std::string name;
  std::vector<SampleColumn> columns;
  std::vector<std::uint16_t> primary_key;
  std::vector<SampleIndex> indexes;
  std::map<adapter::RoleId, adapter::PrivilegeSet> grants;
};

// Draws oids for the table and its indexes from the catalog's sequence.
void add_table(adapter::Catalog& catalog, const SampleTable& table);
// Roles alice (login) and readers (a group), tables customers and orders.
adapter::Catalog sample_catalog();
// Names, types and keys drawn from the seed.
adapter::Catalog random_catalog(std::uint64_t seed);

inline constexpr const char* kNull = "<null>";
// By column name; values as a client would see them, kNull for nulls.
using Row = std::map<std::string, std::string, std::less<>>;
std::vector<Row> rows_of(const adapter::Catalog& catalog, std::string_view schema, std::string_view relation,
                         const storage::SessionFacts& session = {});
// The rows in which all of `wanted` holds.
std::vector<Row> rows_with(const std::vector<Row>& rows, const Row& wanted);
// The only such row; fails the test and returns an empty one where there is none or several.
Row row_with(const std::vector<Row>& rows, const Row& wanted);

}  // namespace gyre::test
