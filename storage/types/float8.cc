// double precision: IEEE double precision. All NaNs are equal and above Infinity; -0 equals 0.
#include <bit>
#include <cmath>

#include "storage/key.h"
#include "storage/types/all.h"
#include "storage/types/binary.h"
#include "storage/types/float_text.h"
#include "storage/types/input.h"

namespace gyre::storage {

namespace {

Datum parse(std::string_view text, const TextStyle&, Arena&) {
  return Datum::of_real(parse_real<double>(text, "double precision"));
}

void print(Datum value, const TextStyle& style, OutBuffer& out) {
  print_real(value.real, style.extra_float_digits, out);
}

Datum receive(std::string_view wire, Arena&) {
  BinaryReader reader(wire);
  const auto value = std::bit_cast<double>(reader.read_u64());
  reader.finish();
  return Datum::of_real(value);
}

void send(Datum value, OutBuffer& out) {
  out.append_u64(std::bit_cast<std::uint64_t>(value.real));
}

int compare(Datum left, Datum right) {
  if (std::isnan(left.real) || std::isnan(right.real))
    return three_way(std::isnan(left.real), std::isnan(right.real));
  return three_way(left.real, right.real);
}

void append_key(Datum value, OutBuffer& key) {
  append_key_double(value.real, key);
}

}  // namespace

constinit const TypeTraits kFloat8Traits{
    .id = TypeId::float8,
    .oid = 701,
    .array_oid = 1022,
    .name = "double precision",
    .short_name = "float8",
    .wire_size = 8,
    .category = 'N',
    .preferred = true,
    .slot_size = 8,
    .parse = parse,
    .print = print,
    .receive = receive,
    .send = send,
    .compare = compare,
    .append_key = append_key,
    .apply_typmod = nullptr,
};

}  // namespace gyre::storage
