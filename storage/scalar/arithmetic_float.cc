// Arithmetic of real and double precision. A finite operation that becomes infinite is an overflow; a
// product or quotient that becomes zero without a zero operand is an underflow.
#include <cmath>
#include <vector>

#include "storage/scalar/families.h"
#include "storage/scalar/helpers.h"

namespace gyre::storage::families {

namespace {

enum class Zero : bool { may_result, is_underflow };

template <class Real>
Datum checked(Real result, bool finite_input, Zero zero) {
  if (std::isinf(result) && finite_input) fail_overflow();
  if (result == 0 && zero == Zero::is_underflow) fail_underflow();
  return Datum::of_real(static_cast<double>(result));
}

template <class Real>
struct Pair {
  explicit Pair(const Datum* a) : left(static_cast<Real>(a[0].real)), right(static_cast<Real>(a[1].real)) {}
  bool finite() const { return !std::isinf(left) && !std::isinf(right); }
  Real left, right;
};

template <class Real>
Datum add(EvalContext&, const Datum* a, unsigned) {
  const Pair<Real> p(a);
  return checked<Real>(p.left + p.right, p.finite(), Zero::may_result);
}
template <class Real>
Datum subtract(EvalContext&, const Datum* a, unsigned) {
  const Pair<Real> p(a);
  return checked<Real>(p.left - p.right, p.finite(), Zero::may_result);
}
template <class Real>
Datum multiply(EvalContext&, const Datum* a, unsigned) {
  const Pair<Real> p(a);
  const bool no_zero = p.left != 0 && p.right != 0;
  return checked<Real>(p.left * p.right, p.finite(), no_zero ? Zero::is_underflow : Zero::may_result);
}
template <class Real>
Datum divide(EvalContext&, const Datum* a, unsigned) {
  const Pair<Real> p(a);
  if (p.right == 0 && !std::isnan(p.left)) fail_division_by_zero();
  const bool no_zero = p.left != 0 && !std::isinf(p.right);
  return checked<Real>(p.left / p.right, !std::isinf(p.left),
                       no_zero ? Zero::is_underflow : Zero::may_result);
}
Datum negate(EvalContext&, const Datum* a, unsigned) {
  return Datum::of_real(-a[0].real);
}
Datum identity(EvalContext&, const Datum* a, unsigned) {
  return a[0];
}
Datum absolute(EvalContext&, const Datum* a, unsigned) {
  return Datum::of_real(std::fabs(a[0].real));
}

template <class Real, TypeId left, TypeId right>
void add_mixed(std::vector<FunctionDef>& table) {
  constexpr TypeId result = sizeof(Real) == 4 ? TypeId::float4 : TypeId::float8;
  table.push_back({"+", {left, right}, result, add<Real>});
  table.push_back({"-", {left, right}, result, subtract<Real>});
  table.push_back({"*", {left, right}, result, multiply<Real>});
  table.push_back({"/", {left, right}, result, divide<Real>});
}

std::vector<FunctionDef> make_table() {
  std::vector<FunctionDef> table;
  add_mixed<float, TypeId::float4, TypeId::float4>(table);
  add_mixed<double, TypeId::float8, TypeId::float8>(table);
  add_mixed<double, TypeId::float4, TypeId::float8>(table);
  add_mixed<double, TypeId::float8, TypeId::float4>(table);
  for (const TypeId type : {TypeId::float4, TypeId::float8}) {
    table.push_back({"-", {type}, type, negate});
    table.push_back({"+", {type}, type, identity});
    table.push_back({"@", {type}, type, absolute});
    table.push_back({"abs", {type}, type, absolute});
  }
  return table;
}

}  // namespace

std::span<const FunctionDef> float_arithmetic() {
  static const std::vector<FunctionDef> table = make_table();
  return table;
}

}  // namespace gyre::storage::families
