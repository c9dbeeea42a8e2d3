// Long integers from and to decimal digits, by halves.
//
// Boost goes through the digits group by group, each time over the whole number: time grows with the square
// of the length, and the longest numeric takes a second to print, which ten bytes of a client can ask for.
// Here a number is two halves, high * 10^n + low, each of which is read or printed in the same way; what is
// left is one multiplication per level (Karatsuba's) or one division, whose work halves from level to level.
// Short pieces are Boost's.
#include <algorithm>
#include <span>
#include <vector>

#include "storage/types/numeric_decimal.h"

namespace gyre::storage::numeric {

namespace {

constexpr std::size_t kPieceDigits = 256;

// powers[i] is 10^(kPieceDigits * 2^i): what divides numbers of up to twice as many digits into halves.
using Powers = std::span<const BigInt>;

std::vector<BigInt> powers_for(std::size_t digits) {
  std::vector<BigInt> powers;
  for (std::size_t half = kPieceDigits; half < digits; half *= 2)
    powers.push_back(powers.empty() ? power_of_ten(kPieceDigits) : BigInt(powers.back() * powers.back()));
  return powers;
}

// Leading zeros would make it octal.
BigInt read_piece(std::string_view digits) {
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  return digits.empty() ? BigInt(0) : BigInt(std::string(digits));
}

BigInt read_halves(std::string_view digits, Powers powers) {
  if (powers.empty()) return read_piece(digits);
  const Powers rest = powers.first(powers.size() - 1);
  const std::size_t low = kPieceDigits << rest.size();
  if (digits.size() <= low) return read_halves(digits, rest);
  const std::size_t high = digits.size() - low;
  return read_halves(digits.substr(0, high), rest) * powers.back() + read_halves(digits.substr(high), rest);
}

// All digits that numbers below the square of the last power can have, zeros in front.
void append_halves(const BigInt& value, Powers powers, std::string& out) {
  if (powers.empty()) {
    const std::string digits = value.str();
    out.append(kPieceDigits - digits.size(), '0');
    out += digits;
    return;
  }
  BigInt high, low;
  boost::multiprecision::divide_qr(value, powers.back(), high, low);
  const Powers rest = powers.first(powers.size() - 1);
  append_halves(high, rest, out);
  append_halves(low, rest, out);
}

}  // namespace

BigInt integer_from_digits(std::string_view digits) {
  return read_halves(digits, powers_for(digits.size()));
}

std::string magnitude_digits(const BigInt& value) {
  if (value.is_zero()) return "0";
  const BigInt magnitude = boost::multiprecision::abs(value);
  // 1234 / 4096 is just above log10(2).
  const std::size_t digits_max = (boost::multiprecision::msb(magnitude) + 1) * 1234 / 4096 + 1;
  std::string digits;
  append_halves(magnitude, powers_for(digits_max), digits);
  digits.erase(0, digits.find_first_not_of('0'));
  return digits;
}

}  // namespace gyre::storage::numeric
