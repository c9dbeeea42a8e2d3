// What relations take. A tree does not count its bytes; some of its leaves tell, however large it is.
//
// A primary key's index is the table itself, and takes nothing beside it. System relations are made when they are
// read.
#include <fmt/format.h>

#include "adapter/catalog/denied.h"
#include "adapter/catalog/surroundings.h"
#include "adapter/catalog/system_rows.h"
#include "adapter/sql_error.h"
#include "storage/tree.h"

namespace gyre::adapter {

namespace {

using Size = storage::Surroundings::Size;

std::int64_t bytes_of(const storage::Tree& tree) {
  return static_cast<std::int64_t>(storage::estimated_bytes(tree));
}

std::int64_t bytes_of_indexes(const storage::TableVersion& version) {
  std::int64_t bytes = 0;
  for (const storage::Tree& index : version.indexes) bytes += bytes_of(index);
  return bytes;
}

std::int64_t bytes_of(const storage::TableVersion& version, Size what) {
  switch (what) {
    case Size::relation:
    case Size::table:
      return bytes_of(version.rows);
    case Size::indexes:
      return bytes_of_indexes(version);
    case Size::total:
      return bytes_of(version.rows) + bytes_of_indexes(version);
  }
  return 0;
}

// Nothing where the table has no index of this oid.
std::optional<std::int64_t> bytes_of_index(const TableEntry& table, const storage::TableVersion& version,
                                           std::uint32_t oid, Size what) {
  for (const system::IndexFacts& index : system::indexes_of(table)) {
    if (index.oid != oid) continue;
    const auto& indexes = table.schema->indexes;
    if (what == Size::indexes) return 0;
    for (std::size_t i = 0; i < indexes.size() && i < version.indexes.size(); ++i)
      if (oid_of(indexes[i].id) == oid) return bytes_of(version.indexes[i]);
    return 0;
  }
  return std::nullopt;
}

constexpr std::uint32_t kDefaultTablespace = 1663;
constexpr std::uint32_t kGlobalTablespace = 1664;

}  // namespace

std::optional<std::int64_t> CatalogSurroundings::relation_size(Size what, std::uint32_t relation) {
  if (relation < kFirstUserOid) {
    for (const SystemRelation& system : system_relations())
      if (system.oid == relation) return 0;
    return std::nullopt;
  }
  if (const auto table = catalog().table(RelationId(relation - kFirstUserOid))) {
    const storage::TableVersion* version = database().table(table->id());
    return version == nullptr ? 0 : bytes_of(*version, what);
  }
  for (const auto& [name, table] : catalog().tables()) {
    const storage::TableVersion* version = database().table(table->id());
    if (version == nullptr) continue;
    if (const auto bytes = bytes_of_index(*table, *version, relation, what)) return bytes;
  }
  return std::nullopt;
}

std::int64_t CatalogSurroundings::whole_size(Whole what, const Name& name) {
  const bool database_known = name.by_number ? name.number == system::kDatabaseOid : name.text == kDatabaseName;
  const bool is_default = name.by_number ? name.number == kDefaultTablespace : name.text == "pg_default";
  const bool is_global = name.by_number ? name.number == kGlobalTablespace : name.text == "pg_global";
  const bool of_database = what == Whole::database;
  if (of_database ? !database_known : !is_default && !is_global) {
    const std::string shown = name.by_number ? fmt::format("with OID {}", name.number) : fmt::format("\"{}\"", name.text);
    throw SqlError(of_database ? pgwire::SqlState("3D000") : pgwire::SqlState("42704"),
                   fmt::format("{} {} does not exist", of_database ? "database" : "tablespace", shown));
  }
  if (of_database) {
    using Question = PrivilegeQuestion;
    const std::optional<bool> allowed = has_privilege({Question::On::database, {}, name, {}, "CONNECT"});
    if (!allowed.value_or(false))
      throw permission_denied(ObjectKind::database, kDatabaseName);
  }
  std::int64_t bytes = 0;
  if (!of_database && is_global) return bytes;
  for (const storage::TableVersion* version : database().tables())
    if (version != nullptr) bytes += bytes_of(*version, Size::total);
  return bytes;
}

}  // namespace gyre::adapter
