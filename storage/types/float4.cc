// real: IEEE float precision. All NaNs are equal and above Infinity; -0 equals 0.
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
  return Datum::of_real(parse_real<float>(text, "real"));
}

void print(Datum value, const TextStyle& style, OutBuffer& out) {
  print_real(static_cast<float>(value.real), style.extra_float_digits, out);
}

Datum receive(std::string_view wire, Arena&) {
  BinaryReader reader(wire);
  const auto value = std::bit_cast<float>(reader.read_u32());
  reader.finish();
  return Datum::of_real(value);
}

void send(Datum value, OutBuffer& out) {
  out.append_u32(std::bit_cast<std::uint32_t>(static_cast<float>(value.real)));
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

constinit const TypeTraits kFloat4Traits{
    .id = TypeId::float4,
    .oid = 700,
    .array_oid = 1021,
    .name = "real",
    .short_name = "float4",
    .wire_size = 4,
    .category = 'N',
    .preferred = false,
    .slot_size = 4,
    .parse = parse,
    .print = print,
    .receive = receive,
    .send = send,
    .compare = compare,
    .append_key = append_key,
    .apply_typmod = nullptr,
};

}  // namespace gyre::storage
