// Definitions of tables as bytes, for commit records, checkpoints and the catalog: the lists of fields that
// reactor/base/archive.h works with.
//
// Types are known by PostgreSQL's oids, which stay what they are when types are added. What the columns
// imply (the row layout) is not written.
#pragma once

#include <memory>

#include "reactor/base/archive.h"
#include "storage/table.h"

namespace gyre::storage {

template <class Archive>
void fields(Archive& archive, Is<Type> auto& type) {
  auto& [id, typmod] = type;
  std::uint32_t oid = Archive::kReading ? 0 : traits(id).oid;
  archive(oid, typmod);
  if constexpr (Archive::kReading) {
    id = type_by_oid(oid);
    if (id == TypeId::unknown) archive.reader().fail();
  }
}

void fields(auto& archive, Is<ColumnDef> auto& column) {
  auto& [name, type, not_null] = column;
  archive(name, type, not_null);
}

void fields(auto& archive, Is<IndexSchema> auto& index) {
  auto& [id, name, columns, unique, constraint, deferrable, deferred, primary] = index;
  archive(id, name, columns, unique, constraint, deferrable, deferred, primary);
}

// The largest relation id: a database is a vector by relation id, so what is read from disk must not name any
// number.
inline constexpr std::uint32_t kMaxRelationId = (std::uint32_t{1} << 24) - 1;

// Whether the parts of a definition that was read fit together: positions are columns, ids are in bounds.
bool is_sound(const TableSchema& table);

template <class Archive>
void fields(Archive& archive, Is<TableSchema> auto& table) {
  auto& [id, name, columns, layout, primary_key, primary_key_name, indexes] = table;
  archive(id, name, columns, primary_key, primary_key_name, indexes);
  if constexpr (Archive::kReading) {
    if (!is_sound(table)) return archive.reader().fail();
    layout = layout_of(columns);
  }
}

// Shared definitions are written as what they are.
template <class Archive>
void fields(Archive& archive, Is<std::shared_ptr<const TableSchema>> auto& table) {
  if constexpr (Archive::kReading) {
    auto read = std::make_shared<TableSchema>();
    archive(*read);
    table = std::move(read);
  } else {
    archive(*table);
  }
}

}  // namespace gyre::storage
