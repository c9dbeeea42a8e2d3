// The numeric type: PostgreSQL's binary format, keys and modifiers. Its numbers are in numeric.h.
//
//   binary := i16 digit count, i16 weight, u16 sign, i16 scale, u16 digit*       digits of base 10000
//   sign   := 0x0000 | 0x4000 negative | 0xC000 NaN | 0xD000 Infinity | 0xF000 -Infinity
//
//   key    := class                                  -Infinity, zero, Infinity, NaN
//           | class exponent pair* 0x00              numbers; negative ones have all bits after the class
//           turned over
//   class  := 1 -Infinity | 2 negative | 3 zero | 4 positive | 5 Infinity | 6 NaN
//   exponent := u32 big-endian, sign bit flipped: the value is 0.ddd… * 10^exponent
//   pair   := 1 + two decimal digits as a number; without trailing zeros, so that 1.0 and 1.00 have one key
#include <algorithm>
#include <string>

#include "storage/key.h"
#include "storage/types/all.h"
#include "storage/types/binary.h"
#include "storage/types/input.h"
#include "storage/types/numeric.h"
#include "storage/types/numeric_decimal.h"
#include "storage/types/numeric_text.h"

namespace gyre::storage {

namespace {

using numeric::Kind;

constexpr std::uint16_t kSignNegative = 0x4000;
constexpr std::uint16_t kSignNan = 0xC000;
constexpr std::uint16_t kSignInfinity = 0xD000;
constexpr std::uint16_t kSignMinusInfinity = 0xF000;

Datum parse(std::string_view text, const TextStyle&, Arena& arena) {
  return numeric::from_text(text, arena);
}

void print(Datum value, const TextStyle&, OutBuffer& out) {
  numeric::append_text(value, out);
}

// ---- binary

Datum receive_digits(BinaryReader& reader, int count, int weight, bool negative, int scale, Arena& arena) {
  std::string digits;  // decimal, the first being of 10^(4 * weight + 3)
  for (int i = 0; i < count; ++i) {
    const int digit = reader.read_u16();
    if (digit >= 10000) fail_binary_content("invalid digit in external \"numeric\" value");
    const char four[] = {static_cast<char>('0' + digit / 1000), static_cast<char>('0' + digit / 100 % 10),
                         static_cast<char>('0' + digit / 10 % 10), static_cast<char>('0' + digit % 10)};
    digits.append(four, sizeof four);
  }
  reader.finish();
  // Digits beyond the scale are cut off, missing ones are zeros.
  const std::int64_t wanted = std::int64_t{4} * (weight + 1) + scale;
  digits.resize(static_cast<std::size_t>(std::max<std::int64_t>(wanted, 0)), '0');
  numeric::BigInt value = numeric::integer_from_digits(digits);
  if (negative) value = -value;
  return numeric::store(numeric::Big{value, scale}, arena);
}

Datum receive(std::string_view wire, Arena& arena) {
  BinaryReader reader(wire);
  const int count = reader.read_u16();
  const int weight = static_cast<std::int16_t>(reader.read_u16());
  const int sign = reader.read_u16();
  const int scale = reader.read_u16();
  if (sign == 0 || sign == kSignNegative) {
    if (scale > numeric::kScaleMax) fail_binary_content("invalid scale in external \"numeric\" value");
    return receive_digits(reader, count, weight, sign == kSignNegative, scale, arena);
  }
  if (sign != kSignNan && sign != kSignInfinity && sign != kSignMinusInfinity)
    fail_binary_content("invalid sign in external \"numeric\" value");
  reader.take(std::size_t{2} * static_cast<std::size_t>(count));
  reader.finish();
  return numeric::store_special(sign == kSignNan        ? Kind::nan
                                : sign == kSignInfinity ? Kind::infinity
                                                        : Kind::minus_infinity,
                                arena);
}

void send_header(int count, int weight, std::uint16_t sign, int scale, OutBuffer& out) {
  out.append_u16(static_cast<std::uint16_t>(count));
  out.append_u16(static_cast<std::uint16_t>(weight));
  out.append_u16(sign);
  out.append_u16(static_cast<std::uint16_t>(scale));
}

void send(Datum value, OutBuffer& out) {
  if (!numeric::is_finite(value)) {
    // The infinities carry a stray 32 for a scale in PostgreSQL, which nobody reads.
    const Kind kind = numeric::kind_of(value);
    if (kind == Kind::nan) return send_header(0, 0, kSignNan, 0, out);
    return send_header(0, 0, kind == Kind::infinity ? kSignInfinity : kSignMinusInfinity, 32, out);
  }
  const std::int32_t scale = numeric::scale(value);
  if (numeric::is_zero(value)) return send_header(0, 0, 0, scale, out);
  std::string digits = numeric::magnitude_digits(value);
  const std::int32_t weight = numeric::weight_of(digits, scale).weight;
  // Zeros in front and behind make the point fall between groups of four.
  const std::int32_t above = static_cast<std::int32_t>(digits.size()) - scale;
  digits.insert(0, static_cast<std::size_t>(4 * (weight + 1) - above), '0');
  digits.append((4 - digits.size() % 4) % 4, '0');
  while (digits.ends_with("0000")) digits.resize(digits.size() - 4);
  send_header(static_cast<int>(digits.size() / 4), weight,
              numeric::kind_of(value) == Kind::negative ? kSignNegative : 0, scale, out);
  for (std::size_t i = 0; i < digits.size(); i += 4)
    out.append_u16(static_cast<std::uint16_t>((digits[i] - '0') * 1000 + (digits[i + 1] - '0') * 100 +
                                              (digits[i + 2] - '0') * 10 + (digits[i + 3] - '0')));
}

// ---- keys

enum class KeyClass : std::uint8_t { minus_infinity = 1, negative, zero, positive, infinity, nan };

KeyClass key_class(Datum value) {
  switch (numeric::kind_of(value)) {
    case Kind::positive:
      return numeric::is_zero(value) ? KeyClass::zero : KeyClass::positive;
    case Kind::negative:
      return KeyClass::negative;
    case Kind::nan:
      return KeyClass::nan;
    case Kind::infinity:
      return KeyClass::infinity;
    case Kind::minus_infinity:
      return KeyClass::minus_infinity;
  }
  return KeyClass::nan;
}

void append_key(Datum value, OutBuffer& key) {
  const KeyClass value_class = key_class(value);
  key.append_byte(static_cast<char>(value_class));
  if (value_class != KeyClass::negative && value_class != KeyClass::positive) return;
  std::string digits = numeric::magnitude_digits(value);
  const std::size_t start = key.size();
  append_key_int32(static_cast<std::int32_t>(digits.size()) - numeric::scale(value), key);
  digits.resize(digits.find_last_not_of('0') + 1);
  if (digits.size() % 2 != 0) digits += '0';
  for (std::size_t i = 0; i < digits.size(); i += 2)
    key.append_byte(static_cast<char>(1 + (digits[i] - '0') * 10 + (digits[i + 1] - '0')));
  key.append_byte(0);
  if (value_class == KeyClass::positive) return;
  for (std::size_t i = start; i < key.size(); ++i)
    key.data()[i] = static_cast<char>(~static_cast<unsigned char>(key.data()[i]));
}

// ---- modifiers

[[noreturn]] void fail_field(int precision, int scale, const std::string& rule) {
  throw Failure(Fault::numeric_value_out_of_range, "numeric field overflow",
                "A field with precision " + std::to_string(precision) + ", scale " + std::to_string(scale) +
                    " " + rule);
}

Datum apply_typmod(Datum value, std::int32_t typmod, bool, Arena& arena) {
  if (typmod < 4 || numeric::is_nan(value)) return value;
  const int precision = ((typmod - 4) >> 16) & 0xffff;
  const int scale = (((typmod - 4) & 0x7ff) ^ 1024) - 1024;  // 11 bits, signed
  if (numeric::is_infinite(value)) fail_field(precision, scale, "cannot hold an infinite value.");
  const Datum rounded = numeric::scale(value) == scale ? value : numeric::round(value, scale, arena);
  if (numeric::is_zero(rounded)) return rounded;
  const int whole_max = precision - scale;
  const auto whole = static_cast<int>(numeric::magnitude_digits(rounded).size()) - numeric::scale(rounded);
  if (whole > whole_max)
    fail_field(precision, scale,
               "must round to an absolute value less than " +
                   (whole_max != 0 ? "10^" + std::to_string(whole_max) : std::string("1")) + ".");
  return rounded;
}

}  // namespace

constinit const TypeTraits kNumericTraits{
    .id = TypeId::numeric,
    .oid = 1700,
    .array_oid = 1231,
    .name = "numeric",
    .short_name = "numeric",
    .wire_size = -1,
    .category = 'N',
    .preferred = false,
    .slot_size = 0,
    .parse = parse,
    .print = print,
    .receive = receive,
    .send = send,
    .compare = numeric::compare,
    .append_key = append_key,
    .apply_typmod = apply_typmod,
};

}  // namespace gyre::storage
