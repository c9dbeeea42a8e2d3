// Long integers from and to decimal digits, by halves.
//
// Boost goes through the digits group by group, each time over the whole number: time grows with the square of the
// length, and ten bytes of a client can ask for the longest numeric, of 131,072 digits. Here a number is two halves,
// high * 10^n + low, each of which is read or printed in the same way; the halving is multiplications alone
// (Karatsuba's), by the inverse of 10^n. For the longest: 8 ms in place of 19 to read, 63 in place of 165 to print.
// Short pieces are Boost's.
#include <algorithm>
#include <span>
#include <vector>

#include "storage/types/numeric_decimal.h"

namespace gyre::storage::numeric {

namespace {

constexpr std::size_t kPieceDigits = 256;

// halves[i] divides numbers of up to kPieceDigits * 2^(i + 1) digits in the middle.
struct Half {
  BigInt power;    // 10^(kPieceDigits * 2^i)
  BigInt inverse;  // 2^shift / power, about: what is beyond the power's own bits and 32 more may be wrong
  unsigned shift = 0;
};
using Halves = std::span<const Half>;

std::vector<Half> halves_for(std::size_t digits) {
  std::vector<Half> halves;
  for (std::size_t half = kPieceDigits; half < digits; half *= 2)
    halves.push_back(
        {halves.empty() ? power_of_ten(kPieceDigits) : BigInt(halves.back().power * halves.back().power), 0,
         0});
  return halves;
}

// The first by division. Each other is the square of the one before, of which half the bits are right, and a
// step of Newton's, x + x * (1 - power * x), which makes that all.
void add_inverses(std::vector<Half>& halves) {
  const Half* before = nullptr;
  for (Half& half : halves) {
    half.shift = static_cast<unsigned>(2 * (boost::multiprecision::msb(half.power) + 1) + 64);
    const BigInt one = BigInt(1) << half.shift;
    if (before == nullptr) {
      half.inverse = one / half.power;
    } else {
      const BigInt square = (before->inverse * before->inverse) >> (2 * before->shift - half.shift);
      half.inverse = square + ((square * (one - half.power * square)) >> half.shift);
    }
    before = &half;
  }
}

// As divide_qr(), of a value below the square of the power.
void divide(const BigInt& value, const Half& by, BigInt& quotient, BigInt& rest) {
  quotient = (value * by.inverse) >> by.shift;
  rest = value - quotient * by.power;
  for (; rest < 0; rest += by.power) --quotient;
  for (; rest >= by.power; rest -= by.power) ++quotient;
}

// Leading zeros would make it octal.
BigInt read_piece(std::string_view digits) {
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  return digits.empty() ? BigInt(0) : BigInt(std::string(digits));
}

BigInt read_halves(std::string_view digits, Halves halves) {
  if (halves.empty()) return read_piece(digits);
  const Halves rest = halves.first(halves.size() - 1);
  const std::size_t low = kPieceDigits << rest.size();
  if (digits.size() <= low) return read_halves(digits, rest);
  const std::size_t high = digits.size() - low;
  return read_halves(digits.substr(0, high), rest) * halves.back().power +
         read_halves(digits.substr(high), rest);
}

// All digits that numbers below the square of the last power can have, zeros in front.
void append_halves(const BigInt& value, Halves halves, std::string& out) {
  if (halves.empty()) {
    const std::string digits = value.str();
    out.append(kPieceDigits - digits.size(), '0');
    out += digits;
    return;
  }
  BigInt high, low;
  divide(value, halves.back(), high, low);
  const Halves rest = halves.first(halves.size() - 1);
  append_halves(high, rest, out);
  append_halves(low, rest, out);
}

}  // namespace

BigInt integer_from_digits(std::string_view digits) {
  return read_halves(digits, halves_for(digits.size()));
}

std::string magnitude_digits(const BigInt& value) {
  if (value.is_zero()) return "0";
  const BigInt magnitude = boost::multiprecision::abs(value);
  // 1234 / 4096 is just above log10(2).
  const std::size_t digits_max = (boost::multiprecision::msb(magnitude) + 1) * 1234 / 4096 + 1;
  std::vector<Half> halves = halves_for(digits_max);
  add_inverses(halves);
  std::string digits;
  append_halves(magnitude, halves, digits);
  digits.erase(0, digits.find_first_not_of('0'));
  return digits;
}

}  // namespace gyre::storage::numeric
