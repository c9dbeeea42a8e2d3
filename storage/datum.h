// One SQL value of a statically known type, as expressions pass it around: a word, or a borrowed run of
// bytes.
//
//   kind                                              word        size
//   bool, int2, int4, int8, date, timestamp[tz], oid  integer     0
//   float4, float8                                    real        0      (float4: the float's exact double)
//   text, varchar, char, bytea, name, numeric, uuid   data        bytes
//
// A Datum does not own its bytes: they lie in a row of the snapshot being read, in the statement's arena, in
// a cached plan or in the message being executed, each of which outlives the statement. Dates are days,
// timestamps microseconds, both since 2000-01-01 as in PostgreSQL's binary format; INT_MIN/INT_MAX of each
// are -infinity/infinity.
#pragma once

#include <cstdint>
#include <string_view>

namespace gyre::storage {

struct Datum {
  union {
    std::int64_t integer;
    double real;
    const char* data;
  };
  std::uint32_t size;
  bool null;

  constexpr Datum() : integer(0), size(0), null(true) {}

  static constexpr Datum of_integer(std::int64_t value) {
    Datum datum;
    datum.integer = value;
    datum.null = false;
    return datum;
  }
  static constexpr Datum of_bool(bool value) { return of_integer(value ? 1 : 0); }
  static constexpr Datum of_real(double value) {
    Datum datum;
    datum.real = value;
    datum.null = false;
    return datum;
  }
  static constexpr Datum of_bytes(std::string_view bytes) {
    Datum datum;
    datum.data = bytes.data();
    datum.size = static_cast<std::uint32_t>(bytes.size());
    datum.null = false;
    return datum;
  }

  constexpr bool truth() const { return !null && integer != 0; }
  constexpr std::string_view bytes() const { return {data, size}; }
};

static_assert(sizeof(Datum) == 16);

}  // namespace gyre::storage
