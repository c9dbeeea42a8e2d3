#include <algorithm>

#include "storage/failure.h"
#include "storage/types/numeric.h"
#include "storage/types/numeric_decimal.h"

namespace gyre::storage::numeric {

struct NumericSum::Big {
  BigInt value;
};

NumericSum::NumericSum() = default;
NumericSum::NumericSum(NumericSum&&) noexcept = default;
NumericSum& NumericSum::operator=(NumericSum&&) noexcept = default;
NumericSum::~NumericSum() = default;

void NumericSum::add_integer_slow(std::int64_t value) {
  // At scale 0 we are here because the sum wrapped around: take the value off again first.
  if (scale_ == 0)
    small_ = static_cast<Int128>(static_cast<Uint128>(small_) - static_cast<Uint128>(Int128{value}));
  add_small(value, 0);
}

void NumericSum::add_small(Int128 value, std::int32_t scale) {
  if (scale > scale_) {
    if (!shift_up(small_, scale - scale_)) {
      if (!big_) big_ = std::make_unique<Big>();
      big_->value += small_;
      small_ = 0;
    }
    if (big_) big_->value *= power_of_ten(scale - scale_);
    scale_ = scale;
  }
  const int shift = scale_ - scale;
  const bool fits = shift_up(value, shift);
  Int128 sum;
  if (fits && !__builtin_add_overflow(small_, value, &sum)) {
    small_ = sum;
    return;
  }
  if (!big_) big_ = std::make_unique<Big>();
  big_->value += small_;
  small_ = 0;
  big_->value += fits ? BigInt(value) : BigInt(BigInt(value) * power_of_ten(shift));
}

void NumericSum::add_numeric(Datum value) {
  ++count_;
  Small small;
  if (load_small(value, small)) return add_small(small.value, small.scale);
  if (is_nan(value)) {
    ++nan_count_;
  } else if (is_infinite(value)) {
    ++(kind_of(value) == Kind::infinity ? infinity_count_ : minus_infinity_count_);
  } else {
    const numeric::Big loaded = load_big(value);
    add_small(0, loaded.scale);
    if (!big_) big_ = std::make_unique<Big>();
    big_->value += rescale(loaded, scale_, Rounding::toward_zero).value;
  }
}

void NumericSum::merge(const NumericSum& other) {
  count_ += other.count_;
  nan_count_ += other.nan_count_;
  infinity_count_ += other.infinity_count_;
  minus_infinity_count_ += other.minus_infinity_count_;
  add_small(0, other.scale_);
  BigInt rest = BigInt(other.small_);
  if (other.big_) rest += other.big_->value;
  if (!rest.is_zero()) {
    if (!big_) big_ = std::make_unique<Big>();
    big_->value += rest * power_of_ten(scale_ - other.scale_);
  }
}

Datum NumericSum::sum(Arena& arena) const {
  if (nan_count_ > 0 || (infinity_count_ > 0 && minus_infinity_count_ > 0))
    return store_special(Kind::nan, arena);
  if (infinity_count_ > 0) return store_special(Kind::infinity, arena);
  if (minus_infinity_count_ > 0) return store_special(Kind::minus_infinity, arena);
  if (!big_) return store(Small{small_, scale_}, arena);
  return store(numeric::Big{big_->value + small_, scale_}, arena);
}

Datum NumericSum::average(Arena& arena) const {
  return divide(sum(arena), from_int64(count_, arena), arena);
}

std::int64_t NumericSum::sum_int64() const {
  if (big_ || small_ < INT64_MIN || small_ > INT64_MAX)
    throw Failure(Fault::numeric_value_out_of_range, "bigint out of range");
  return static_cast<std::int64_t>(small_);
}

}  // namespace gyre::storage::numeric
