// numeric against exact rationals, and what PostgreSQL 15 answers.
#include "storage/types/numeric.h"

#include <boost/multiprecision/cpp_int.hpp>

#include "storage/types/numeric_decimal.h"
#include "tests/types/support.h"

namespace gyre::storage::test {
namespace {

using Rational = boost::multiprecision::cpp_rational;
using Integer = boost::multiprecision::cpp_int;

Rational to_rational(std::string text) {
  const std::size_t point = text.find('.');
  const std::size_t places = point == std::string::npos ? 0 : text.size() - point - 1;
  if (point != std::string::npos) text.erase(point, 1);
  const bool negative = text[0] == '-';
  std::string digits = text.substr(negative ? 1 : 0);
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
  const Rational value(Integer(digits),
                       boost::multiprecision::pow(Integer(10), static_cast<unsigned>(places)));
  return negative ? Rational(-value) : value;
}

class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : random_(seed) {}
  std::string draw() {
    std::string text = below(2) == 0 ? "-" : "";
    text += digits(1 + below(below(3) == 0 ? 45 : 8));
    if (below(2) == 0) text += "." + digits(1 + below(below(3) == 0 ? 45 : 8));
    return text;
  }
  std::size_t below(std::size_t n) { return random_() % n; }

  std::string digits(std::size_t count) {
    std::string drawn;
    for (; count > 0; --count) drawn += static_cast<char>('0' + below(10));
    return drawn;
  }

 private:
  std::mt19937_64 random_;
};

TEST(Numeric, ArithmeticAgreesWithRationals) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("GYRE_TEST_SEED=" + std::to_string(seed));
  Numbers numbers(seed);
  numeric::NumericSum total;
  Rational exact_total = 0;
  Arena sums;
  for (int i = 0; i < 5000; ++i) {
    Arena arena;
    const std::string a = numbers.draw();
    const std::string b = numbers.draw();
    SCOPED_TRACE(a + " " + b);
    const Datum left = traits(TypeId::numeric).parse(a, {}, arena);
    const Datum right = traits(TypeId::numeric).parse(b, {}, arena);
    const Rational l = to_rational(a);
    const Rational r = to_rational(b);
    const auto value = [](Datum number) { return to_rational(numeric::to_string(number)); };
    ASSERT_EQ(value(numeric::add(left, right, arena)), l + r);
    ASSERT_EQ(value(numeric::subtract(left, right, arena)), l - r);
    ASSERT_EQ(value(numeric::multiply(left, right, arena)), l * r);
    ASSERT_EQ(numeric::compare(left, right), l < r ? -1 : l > r ? 1 : 0);
    if (r != 0) {
      const Datum quotient = numeric::divide(left, right, arena);
      const Rational unit(
          1, boost::multiprecision::pow(Integer(10), static_cast<unsigned>(numeric::scale(quotient))));
      ASSERT_LE(boost::multiprecision::abs(value(quotient) - l / r) * 2, unit);
      const Rational whole = value(numeric::divide_truncated(left, right, arena));
      ASSERT_EQ(value(numeric::modulo(left, right, arena)), l - whole * r);
    }
    total.add_numeric(left);
    total.add_integer(i);
    exact_total += l + i;
  }
  ASSERT_EQ(to_rational(numeric::to_string(total.sum(sums))), exact_total);
  ASSERT_EQ(total.count(), 10000);
}

// Boost's own conversion, digit group by digit group, is the slow twin.
TEST(Numeric, LongNumbersAreReadAndPrinted) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("GYRE_TEST_SEED=" + std::to_string(seed));
  Numbers numbers(seed);
  for (const std::size_t size : {39, 255, 256, 257, 511, 512, 513, 1024, 1025, 5000}) {
    std::string digits = "1" + numbers.digits(size - 1);
    if (size % 2 == 0) digits.replace(size / 4, size / 2, size / 2, '0');  // a piece of zeros
    EXPECT_EQ(numeric::integer_from_digits("000" + digits), Integer(digits));
    EXPECT_EQ(numeric::magnitude_digits(-Integer(digits)), digits);
    EXPECT_EQ(read_and_shown(TypeId::numeric, digits + ".50"), digits + ".50");
    const Integer power = numeric::power_of_ten(static_cast<int>(size));
    EXPECT_EQ(numeric::magnitude_digits(power), power.str());
    EXPECT_EQ(numeric::magnitude_digits(power - 1), std::string(size, '9'));
  }
  EXPECT_EQ(numeric::integer_from_digits(std::string(3000, '0')), 0);
  EXPECT_EQ(read_and_shown(TypeId::numeric, "1e131071"), "1" + std::string(131071, '0'));
}

TEST(Numeric, SumsOfIntegersBeyond128Bits) {
  Arena arena;
  numeric::NumericSum sum;
  const Datum big = traits(TypeId::numeric).parse("170141183460469231731687303715884105727", {}, arena);
  for (int i = 0; i < 3; ++i) sum.add_numeric(big);
  sum.add_integer(INT64_MAX);
  EXPECT_EQ(numeric::to_string(sum.sum(arena)), "510423550381407695204285283184507092988");
  EXPECT_THROW(sum.sum_int64(), Failure);
}

TEST(Numeric, ScalesOfResults) {
  Arena arena;
  const auto number = [&](std::string_view text) { return traits(TypeId::numeric).parse(text, {}, arena); };
  const auto show = [](Datum value) { return numeric::to_string(value); };
  EXPECT_EQ(show(numeric::divide(number("1"), number("3"), arena)), "0.33333333333333333333");
  EXPECT_EQ(show(numeric::divide(number("10"), number("2"), arena)), "5.0000000000000000");
  EXPECT_EQ(show(numeric::modulo(number("-7.5"), number("2"), arena)), "-1.5");
  EXPECT_EQ(show(numeric::round(number("-2.5"), 0, arena)), "-3");
  EXPECT_EQ(show(numeric::round(number("1250"), -2, arena)), "1300");
  EXPECT_EQ(show(numeric::ceil(number("-0.5"), arena)), "0");
  EXPECT_EQ(show(numeric::floor(number("-0.5"), arena)), "-1");
  EXPECT_EQ(show(numeric::sqrt(number("2"), arena)), "1.414213562373095");
  EXPECT_EQ(show(numeric::exp(number("1"), arena)), "2.7182818284590452");
  EXPECT_EQ(show(numeric::ln(number("2"), arena)), "0.6931471805599453");
  EXPECT_EQ(show(numeric::log(number("10"), number("100"), arena)), "2.0000000000000000");
  EXPECT_EQ(show(numeric::power(number("2"), number("3"), arena)), "8.0000000000000000");
  EXPECT_EQ(show(numeric::power(number("2"), number("0.5"), arena)), "1.4142135623730950");
  EXPECT_THROW(numeric::divide(number("1"), number("0"), arena), Failure);
  EXPECT_THROW(numeric::ln(number("0"), arena), Failure);
  EXPECT_THROW(numeric::sqrt(number("-1"), arena), Failure);
  EXPECT_EQ(numeric::to_int32(number("2.5")), 3);
  EXPECT_THROW(numeric::to_int32(number("2147483647.5")), Failure);
  EXPECT_EQ(show(numeric::from_double(0.1, arena)), "0.1");
}

}  // namespace
}  // namespace gyre::storage::test
