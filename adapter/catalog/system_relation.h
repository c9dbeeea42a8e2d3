// System relations (pg_catalog, information_schema, mz_catalog): read-only relations whose rows are made from
// the catalog when they are scanned, by the same executor that reads tables.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "adapter/catalog/catalog.h"
#include "storage/database.h"
#include "storage/datum.h"
#include "storage/type.h"

namespace gyre::adapter {

struct SystemColumn {
  std::string_view name;
  storage::TypeId type;
};

// What a system relation may look at, and where its rows go. Bytes of datums must lie in the catalog, in
// static memory or in the arena.
struct SystemScan {
  const Catalog& catalog;
  const storage::Database& database;
  const storage::SessionFacts& session;
  Arena& arena;
  std::int64_t now_us;  // since 2000-01-01 UTC: when the statement began
  std::function<void(std::span<const storage::Datum>)> emit;
};

struct SystemRelation {
  std::uint32_t oid;
  std::string_view schema;
  std::string_view name;
  std::vector<SystemColumn> columns;
  void (*scan)(SystemScan& scan);
  char kind = 'r';           // pg_class.relkind: r or v, as PostgreSQL has it
  bool needs_locks = false;  // scanned on the oracle core
  enum class Readers : std::uint8_t { all, superusers } readers = Readers::all;
  bool needs_sessions = false;  // the sessions of all cores are asked first
  bool needs_history = false;   // and what they have run
};

// Null if there is none. `schema` empty: search pg_catalog only.
const SystemRelation* find_system_relation(std::string_view schema, std::string_view name);
std::span<const SystemRelation> system_relations();

}  // namespace gyre::adapter
