// The SQL types and what can be done with a value of each: one table of functions per type, one file per
// type.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "reactor/base/arena.h"
#include "reactor/base/out_buffer.h"
#include "storage/datum.h"

namespace gyre::storage {

enum class TypeId : std::uint8_t {
  unknown,  // a string literal or parameter whose type is not known yet
  boolean,
  int2,
  int4,
  int8,
  float4,
  float8,
  numeric,
  text,
  varchar,
  bpchar,  // char(n)
  name,
  bytea,
  date,
  timestamp,
  timestamptz,
  uuid,
  oid,
  regclass,
  regtype,
  char_,       // PostgreSQL's one-byte "char", in system relations only
  text_array,  // arrays: parameters and results of functions, searched by = ANY, not stored
  int2_array,
  int4_array,
  int8_array,
  float8_array,
  uuid_array,
  void_,
  count_,  // not a type: how many there are
};
inline constexpr std::size_t kTypeCount = static_cast<std::size_t>(TypeId::count_);

// A type with its modifier as PostgreSQL encodes it: n + 4 for varchar(n)/char(n), ((p << 16) | s) + 4 for
// numeric(p,s); -1 where there is none.
struct Type {
  TypeId id = TypeId::unknown;
  std::int32_t typmod = -1;

  constexpr Type() = default;
  constexpr Type(TypeId type, std::int32_t modifier = -1) : id(type), typmod(modifier) {}
  constexpr bool operator==(const Type&) const = default;
};

enum class DateOrder : std::uint8_t { mdy, dmy, ymd };
enum class DateFormat : std::uint8_t { iso, sql, postgres, german };
enum class ByteaFormat : std::uint8_t { hex, escape };
class TimeZone;  // storage/types/time_zone.h

// Relations by name, for regclass. Given by whoever has a catalog; lives as long as the statement.
class RelationNames {
 public:
  // As SQL spells it, schema and quotes included. Throws Failure (undefined_table, invalid_name).
  virtual std::uint32_t relation_oid(std::string_view name) const = 0;
  // Its schema in front where the search path does not lead to it; empty: there is none of this oid.
  virtual std::string relation_name(std::uint32_t oid) const = 0;

 protected:
  ~RelationNames() = default;
};

// The settings of a session that change how values are read and printed.
struct TextStyle {
  DateFormat date_format = DateFormat::iso;
  DateOrder date_order = DateOrder::mdy;
  ByteaFormat bytea = ByteaFormat::hex;
  std::int8_t extra_float_digits = 1;  // > 0: shortest exact digits; <= 0: rounded to 15 (6) + this
  const TimeZone* zone = nullptr;      // null is UTC; lives as long as the process
  std::int64_t now_us = 0;             // transaction start since 2000-01-01 UTC: 'now', 'today', …
  const RelationNames* relations = nullptr;  // null: regclass is a number
};

// Everything a type can do. All functions are pure. Bytes that a result borrows lie in the arena or the
// input.
struct TypeTraits {
  TypeId id;
  std::uint32_t oid;            // pg_type.oid
  std::uint32_t array_oid;      // pg_type.typarray; 0 where there is none
  std::string_view name;        // as in error messages and format_type: "integer", "character varying"
  std::string_view short_name;  // pg_type.typname: "int4", "varchar"
  std::int16_t wire_size;       // pg_type.typlen: bytes of the fixed-size kinds, -1 otherwise
  char category;                // pg_type.typcategory: B, N, S, D, U, X, A
  bool preferred;               // pg_type.typispreferred
  std::uint8_t slot_size;       // bytes in a packed row: 1, 2, 4, 8, 16; 0 is variable

  // Text to value, applying nothing of typmod; throws Failure (invalid_text_representation, …_out_of_range,
  // …).
  Datum (*parse)(std::string_view text, const TextStyle& style, Arena& arena);
  // Appends the text that PostgreSQL would print. Not for nulls.
  void (*print)(Datum value, const TextStyle& style, OutBuffer& out);
  // PostgreSQL's binary format, both ways; receive throws Failure (invalid_binary_representation,
  // protocol_violation).
  Datum (*receive)(std::string_view wire, Arena& arena);
  void (*send)(Datum value, OutBuffer& out);
  // <0, 0, >0 in SQL order; neither is null. NaN equals NaN and is above all numbers; char(n) ignores
  // trailing blanks.
  int (*compare)(Datum left, Datum right);
  // Appends a key whose memcmp order is compare()'s and which is prefix-free (storage/key.h). Equal values,
  // equal keys.
  void (*append_key)(Datum value, OutBuffer& key);
  // Fits the value to a modifier, as assignment (explicit_cast false: too long is an error) or as a cast
  // (true: cut) does. Null where the type has no modifiers.
  Datum (*apply_typmod)(Datum value, std::int32_t typmod, bool explicit_cast, Arena& arena);
};

const TypeTraits& traits(TypeId id);
inline const TypeTraits& traits(Type type) {
  return traits(type.id);
}

// What the array is of; unknown where the type is none of our arrays.
constexpr TypeId element_type(TypeId array) {
  switch (array) {
    case TypeId::text_array:
      return TypeId::text;
    case TypeId::int2_array:
      return TypeId::int2;
    case TypeId::int4_array:
      return TypeId::int4;
    case TypeId::int8_array:
      return TypeId::int8;
    case TypeId::float8_array:
      return TypeId::float8;
    case TypeId::uuid_array:
      return TypeId::uuid;
    default:
      return TypeId::unknown;
  }
}
constexpr bool is_array(TypeId type) {
  return element_type(type) != TypeId::unknown;
}
// The arrays of a type; unknown where we have none. Arrays of varchar, char(n) and name are arrays of text.
constexpr TypeId array_type(TypeId element) {
  switch (element) {
    case TypeId::text:
    case TypeId::varchar:
    case TypeId::bpchar:
    case TypeId::name:
      return TypeId::text_array;
    case TypeId::int2:
      return TypeId::int2_array;
    case TypeId::int4:
      return TypeId::int4_array;
    case TypeId::int8:
      return TypeId::int8_array;
    case TypeId::float8:
      return TypeId::float8_array;
    case TypeId::uuid:
      return TypeId::uuid_array;
    default:
      return TypeId::unknown;
  }
}

// By PostgreSQL's oid; TypeId::unknown where it is none of ours (705, "unknown", included).
TypeId type_by_oid(std::uint32_t oid);
// By a name as SQL spells it after the grammar: "int4", "pg_catalog.int4" without its schema, "bool"; count_
// if unknown.
TypeId type_by_name(std::string_view name);
// As PostgreSQL's format_type prints it: "character varying(10)", "numeric(10,2)", "timestamp with time
// zone".
std::string format_type(Type type);

}  // namespace gyre::storage
