// What the files of system relations share: columns written as text, rows written as lists of values, and
// ways to walk the catalog.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/catalog/system_relation.h"

namespace gyre::adapter::system {

// "oid oid, relname name, relkind \"char\", relacl text[]": names and types as CREATE TABLE has them. The
// views lie in `text`, which must be static.
std::vector<SystemColumn> columns_of(std::string_view text);

// One value of a row. Which constructor suits which column: integers for numbers, oids and timestamps; bool;
// char for "char"; double for float4 and float8; text, names and arrays as bytes that outlive the scan.
struct Value {
  storage::Datum datum;

  Value(std::nullptr_t) {}
  Value(bool value) : datum(storage::Datum::of_bool(value)) {}
  Value(char letter) : datum(storage::Datum::of_integer(static_cast<signed char>(letter))) {}
  Value(double value) : datum(storage::Datum::of_real(value)) {}
  template <std::integral T>
  Value(T value) : datum(storage::Datum::of_integer(static_cast<std::int64_t>(value))) {}
  Value(std::string_view text) : datum(storage::Datum::of_bytes(text)) {}
  Value(const char* text) : datum(storage::Datum::of_bytes(text)) {}
  Value(const std::string& text) : datum(storage::Datum::of_bytes(text)) {}
  Value(std::string&&) = delete;  // would not outlive the scan: copy it into the arena
};

void emit(SystemScan& scan, std::initializer_list<Value> row);

// "{a,b}", in the scan's arena.
std::string_view text_array(SystemScan& scan, const std::vector<std::string>& elements);
// "1 2": how PostgreSQL prints an int2vector or oidvector.
std::string_view number_vector(SystemScan& scan, std::span<const std::uint32_t> numbers);
// "{alice=arwdDxt/alice,=r/alice}", in the scan's arena; null where there is none.
Value access_list(SystemScan& scan, const std::optional<Acl>& acl);
// "CASCADE", "NO ACTION": as ON DELETE and ON UPDATE have it.
std::string_view rule_words(ForeignKey::Action action);
// An identifier as SQL would need it: quoted where it must be.
std::string quoted(std::string_view name);
// Null where `text` is empty.
Value text_or_null(std::string_view text);

inline constexpr std::uint32_t kPgCatalogOid = 11;
inline constexpr std::uint32_t kSystemRoleOid = 10;
inline constexpr std::uint32_t kDatabaseOid = 5;
inline constexpr std::uint32_t kHeapOid = 2;     // pg_am: tables
inline constexpr std::uint32_t kBtreeOid = 403;  // pg_am: indexes
inline constexpr std::uint32_t kDefaultCollationOid = 100;
inline constexpr std::uint32_t kCCollationOid = 950;

std::uint32_t schema_oid(const Catalog& catalog, std::string_view schema);
// The role's name; "unknown (OID=n)" where it is gone.
std::string_view role_name(SystemScan& scan, RoleId id);
// The session's database, which all catalogs' rows name as theirs.
std::string_view database_name(const SystemScan& scan);

// An index or the primary key's tree, which clients see as an index too.
struct IndexFacts {
  std::uint32_t oid;
  std::string_view name;
  std::span<const std::uint16_t> columns;  // positions in the table
  bool unique;
  bool primary;
  bool constraint;  // PRIMARY KEY or UNIQUE, hence a row in pg_constraint
  bool deferrable;
  bool deferred;
};
// The primary key first, then the others in their order.
std::vector<IndexFacts> indexes_of(const TableEntry& table);
// The key that a foreign key's referenced columns are found by.
IndexFacts referenced_index(const Catalog& catalog, const ForeignKey& key);
// "CREATE UNIQUE INDEX t_pkey ON public.t USING btree (id)".
std::string index_definition(const TableEntry& table, const IndexFacts& index);

// Facts of a type that hang on its oid alone.
struct TypeLayout {
  bool by_value;
  char align;    // c, s, i, d
  char storage;  // p, m, x
  std::uint32_t collation;
};
TypeLayout layout_of_type(storage::TypeId type);
// The oid of the operator class that PostgreSQL would index the type with.
std::uint32_t operator_class_of(storage::TypeId type);

}  // namespace gyre::adapter::system
